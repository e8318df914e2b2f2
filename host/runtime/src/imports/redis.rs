//! `redis`: reading a Redis server.

use lockstep_engine::model::{Read, Reading};

use super::ask::{Answered, only};
use crate::bindings::lockstep::plugin::redis::{Host, KeySummary, Node};
use crate::instance::Instance;

impl Host for Instance {
    async fn command(&mut self, connection: String, words: Vec<Vec<u8>>) -> Answered<Vec<Node>> {
        self.read(Ok(Read::Redis(connection, words)), only!(Redis)).await
    }

    async fn keyspace(
        &mut self,
        connection: String,
        sample: u32,
        content: bool,
    ) -> Answered<KeySummary> {
        self.read(Ok(Read::Keyspace(connection, sample, content)), only!(Keyspace)).await
    }
}
