//! Reading with one command.

use lockstep_engine::model::{Failure, Node};
use redis::{Cmd, RedisError, Value};

use super::admit::admit;
use super::client::{Open, Servers, failure, is_answer};
use super::nodes::nodes;

/// The largest value that is read whole.
const MOST_VALUE: i64 = 1 << 20;

impl Servers {
    /// Sends one command of the table of reads.
    pub(crate) async fn command(
        &self,
        name: &str,
        words: &[Vec<u8>],
    ) -> Result<Vec<Node>, Failure> {
        let command = admit(words)?;
        let open = self.reading(name).await?;
        if let Some(key) = command.unbounded_key() {
            let length = self.ask(name, &open, &[b"STRLEN".to_vec(), key.to_vec()]).await?;
            if matches!(length, Value::Int(length) if length > MOST_VALUE) {
                return Err(Failure::permanent(
                    "redis:too-large",
                    format!("the value is larger than {MOST_VALUE} bytes"),
                ));
            }
        }
        nodes(self.ask(name, &open, command.words()).await?)
    }

    /// Asks over the connection for reading. One that broke is forgotten, and the failure is the engine's to retry.
    async fn ask(&self, name: &str, open: &Open, words: &[Vec<u8>]) -> Result<Value, Failure> {
        match send(open, words).await {
            Ok(value) => Ok(value),
            Err(error) => {
                if !is_answer(&error) {
                    self.forget(name).await;
                }
                Err(self.redactor.failure(failure(name, &error)))
            }
        }
    }

    /// Reads one truth value, as a proof names it: a command in words separated by blanks.
    pub(super) async fn truth(&self, name: &str, proof: &str) -> Result<bool, Failure> {
        let words: Vec<Vec<u8>> =
            proof.split_whitespace().map(|word| word.as_bytes().to_vec()).collect();
        match self.command(name, &words).await?.as_slice() {
            [Node::Integer(0) | Node::Boolean(false)] => Ok(false),
            [Node::Integer(1) | Node::Boolean(true)] => Ok(true),
            _ => Err(Failure::permanent(
                "redis:proof",
                format!("the proof `{proof}` did not answer with one truth value"),
            )),
        }
    }
}

/// Sends words over an open connection.
pub(super) async fn send(open: &Open, words: &[Vec<u8>]) -> Result<Value, RedisError> {
    let mut command = Cmd::new();
    for word in words {
        command.arg(word);
    }
    let mut connection = open.connection.clone();
    command.query_async(&mut connection).await
}
