//! A server's answer as nodes in preorder, bounded.

use lockstep_engine::model::{Failure, Node};
use redis::Value;

/// The most nodes of one answer.
const MOST_NODES: usize = 20_000;

/// The most bytes of one answer.
const MOST_BYTES: usize = 4 << 20;

/// Returns an answer as nodes.
pub(super) fn nodes(value: Value) -> Result<Vec<Node>, Failure> {
    let mut out = Out { nodes: Vec::new(), bytes: 0 };
    out.add(value)?;
    Ok(out.nodes)
}

struct Out {
    nodes: Vec<Node>,
    bytes: usize,
}

impl Out {
    fn push(&mut self, node: Node, bytes: usize) -> Result<(), Failure> {
        self.bytes += bytes;
        if self.nodes.len() >= MOST_NODES || self.bytes > MOST_BYTES {
            let text = format!("the answer has more than {MOST_NODES} parts or {MOST_BYTES} bytes");
            return Err(Failure::permanent("redis:too-large", text));
        }
        self.nodes.push(node);
        Ok(())
    }

    fn text(&mut self, bytes: Vec<u8>) -> Result<(), Failure> {
        let length = bytes.len();
        self.push(Node::Text(bytes), length)
    }

    fn all(&mut self, head: Node, values: impl IntoIterator<Item = Value>) -> Result<(), Failure> {
        self.push(head, 0)?;
        values.into_iter().try_for_each(|value| self.add(value))
    }

    fn add(&mut self, value: Value) -> Result<(), Failure> {
        let count = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        match value {
            Value::Nil => self.push(Node::Nil, 0),
            Value::Int(number) => self.push(Node::Integer(number), 0),
            Value::Double(number) => self.push(Node::Real(number), 0),
            Value::Boolean(truth) => self.push(Node::Boolean(truth), 0),
            Value::BulkString(bytes) => self.text(bytes),
            Value::SimpleString(text) | Value::VerbatimString { text, .. } => {
                self.text(text.into_bytes())
            }
            Value::Okay => self.text(b"OK".to_vec()),
            Value::Array(values) | Value::Set(values) => {
                self.all(Node::Array(count(values.len())), values)
            }
            Value::Push { data, .. } => self.all(Node::Array(count(data.len())), data),
            Value::Map(pairs) => self.all(
                Node::Pairs(count(pairs.len())),
                pairs.into_iter().flat_map(|(key, value)| [key, value]),
            ),
            Value::Attribute { data, .. } => self.add(*data),
            Value::BigNumber(digits) => {
                let length = digits.len();
                self.push(Node::Other(String::from_utf8_lossy(&digits).into_owned()), length)
            }
            Value::ServerError(error) => {
                let text = error.to_string();
                let length = text.len();
                self.push(Node::Other(text), length)
            }
            other => self.push(Node::Other(format!("{other:?}")), 0),
        }
    }
}
