//! `redis-effects`: declaring Redis commands that change something.

use lockstep_engine::model::Kind;

use super::ask::Answered;
use crate::bindings::lockstep::plugin::redis_effects::{
    ArgumentRule, Composed, Host, Proof, Times,
};
use crate::convert::Inward as _;
use crate::instance::Instance;

impl Host for Instance {
    async fn command(
        &mut self,
        label: String,
        connection: String,
        words: Vec<Composed>,
        rules: Vec<ArgumentRule>,
        times: Times,
        proof: Proof,
    ) -> Answered<()> {
        let kind = || Ok(Kind::RedisCommand { connection, words: words.inward()? });
        self.declare_ruled(&label, rules, times, proof, kind).await
    }
}
