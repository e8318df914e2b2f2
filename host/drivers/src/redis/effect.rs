//! One command that changes something.

use lockstep_engine::journal::{Fate, Intent, Sent};
use lockstep_engine::model::{Fact, Failure, Hex, Node, Proof, Value};
use redis::RedisError;

use super::client::{Servers, failure, is_answer};
use super::nodes::nodes;
use super::read::send;
use crate::order::Order;
use crate::railway::Deadline;

/// Commands that change what the connection is, rather than what the server holds.
const OF_CONNECTIONS: [&str; 17] = [
    "MULTI",
    "EXEC",
    "DISCARD",
    "WATCH",
    "UNWATCH",
    "SUBSCRIBE",
    "PSUBSCRIBE",
    "SSUBSCRIBE",
    "UNSUBSCRIBE",
    "MONITOR",
    "SYNC",
    "PSYNC",
    "QUIT",
    "RESET",
    "HELLO",
    "AUTH",
    "SELECT",
];

/// The most parts of an answer that are recorded.
const MOST_RECORDED: usize = 64;

impl Servers {
    /// Sends one command over a connection of its own that carries the effect's marker.
    pub(crate) async fn perform(
        &self,
        order: &Order<'_>,
        name: &str,
        words: &[Vec<u8>],
        deadline: Deadline<'_>,
    ) -> Sent {
        if let Err(failure) = perform_allowed(words) {
            return Sent::Refused(failure);
        }
        let open = match self.open(name, &called(order)).await {
            Ok(open) => open,
            Err(failure) => return Sent::Refused(failure),
        };
        if let Err(failure) = deadline.check() {
            return Sent::Refused(failure);
        }
        match send(&open, words).await {
            Ok(value) => {
                Sent::Done(vec![Fact { name: "answer".to_owned(), rows: recorded(value) }])
            }
            Err(error) if is_under_way(words, &error) => {
                let answer = error.detail().unwrap_or_default().to_owned();
                Sent::Done(vec![Fact {
                    name: "answer".to_owned(),
                    rows: vec![vec![Value::Text(answer)]],
                }])
            }
            Err(error) if is_answer(&error) => Sent::Refused(failure(name, &error)),
            Err(error) => Sent::Unknown(failure(name, &error)),
        }
    }

    /// Finds out what became of a command as its declaration says.
    pub(crate) async fn settle(
        &self,
        order: &Order<'_>,
        name: &str,
        intent: &Intent,
    ) -> Result<Fate, Failure> {
        Ok(match &order.effect.proof {
            Proof::Repeatable => Fate::DidNot,
            Proof::Read(proof) => {
                if self.truth(name, proof).await? {
                    Fate::Happened(Vec::new())
                } else {
                    Fate::DidNot
                }
            }
            Proof::ByKind | Proof::Ask => Fate::CannotTell(format!(
                "effect `{}` was sent to Redis connection `{name}` at {} ms since 1970 and its answer never came: did it happen?",
                intent.label, intent.begun.0
            )),
        })
    }
}

/// How the connection of an effect calls itself, so that it can be found and ended.
pub(super) fn called(order: &Order<'_>) -> String {
    format!("lockstep:{}", order.marker)
}

/// Returns whether the server refused to begin a save because it has just begun one by itself, which its own schedule may
/// do at any moment and which even `SCHEDULE` does not wait for. What the command is for is then under way already.
fn is_under_way(words: &[Vec<u8>], error: &RedisError) -> bool {
    let saves = words.first().is_some_and(|word| word.eq_ignore_ascii_case(b"BGSAVE"));
    saves && error.detail().is_some_and(|detail| detail.contains("save already in progress"))
}

fn perform_allowed(words: &[Vec<u8>]) -> Result<(), Failure> {
    let upper = |index: usize| {
        words
            .get(index)
            .map(|word| String::from_utf8_lossy(word).to_ascii_uppercase())
            .unwrap_or_default()
    };
    let name = upper(0);
    if name.is_empty() {
        return Err(Failure::permanent("redis:command", "the command is empty"));
    }
    if OF_CONNECTIONS.contains(&name.as_str()) || (name == "CLIENT" && upper(1) == "REPLY") {
        return Err(Failure::denied(
            "redis:command",
            format!("Redis command `{name}` is about the connection, which is lockstep's own"),
        ));
    }
    Ok(())
}

/// Returns an answer as rows of one value each; one that is too large is left out, because it is not what the effect is for.
fn recorded(value: redis::Value) -> Vec<Vec<Value>> {
    let rows = nodes(value).unwrap_or_default();
    rows.into_iter().take(MOST_RECORDED).map(|node| vec![recorded_value(node)]).collect()
}

fn recorded_value(node: Node) -> Value {
    match node {
        Node::Nil => Value::Null,
        Node::Integer(number) => Value::Integer(number),
        Node::Real(number) if number.is_finite() => Value::Real(number),
        Node::Real(number) => Value::Other("double".to_owned(), number.to_string()),
        Node::Boolean(truth) => Value::Boolean(truth),
        Node::Text(bytes) => match String::from_utf8(bytes) {
            Ok(text) => Value::Text(text),
            Err(error) => Value::Bytes(Hex(error.into_bytes())),
        },
        Node::Array(length) => Value::Other("array".to_owned(), length.to_string()),
        Node::Pairs(length) => Value::Other("pairs".to_owned(), length.to_string()),
        Node::Other(text) => Value::Other("answer".to_owned(), text),
    }
}
