//! Reading a Redis server.

use crate::{Failure, KeySummary, Node};

/// Reads of one Redis server.
pub trait Redis {
    /// Sends one command of the host's table of reads.
    fn command(&self, connection: &str, words: &[&str]) -> Result<Vec<Node>, Failure>;
    /// Looks at every key.
    fn keyspace(&self, connection: &str, sample: u32, content: bool)
    -> Result<KeySummary, Failure>;
}

/// Returns an answer that is one text.
pub fn text(answer: &[Node]) -> Option<String> {
    match answer.first()? {
        Node::Text(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        Node::Other(text) => Some(text.clone()),
        Node::Nil
        | Node::Integer(_)
        | Node::Real(_)
        | Node::Boolean(_)
        | Node::Array(_)
        | Node::Pairs(_) => None,
    }
}

/// Returns an answer that is one whole number.
pub fn whole(answer: &[Node]) -> Option<u64> {
    match answer.first()? {
        Node::Integer(number) => u64::try_from(*number).ok(),
        Node::Text(bytes) => std::str::from_utf8(bytes).ok()?.parse().ok(),
        Node::Nil
        | Node::Real(_)
        | Node::Boolean(_)
        | Node::Array(_)
        | Node::Pairs(_)
        | Node::Other(_) => None,
    }
}

/// Returns the value of an answer that is one name and its value, as `CONFIG GET` gives it, whichever protocol was spoken.
pub fn second(answer: &[Node]) -> Option<String> {
    text(answer.get(2..)?)
}

/// Reads the lines `name:value` of `INFO`.
pub fn info(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.trim_end().split_once(':'))
}
