//! What databases, Redis servers and HTTP endpoints answer, and how far a job is.

use lockstep_engine::model::{Extra, Job, Keyspace, Level, Node, Print, Request, Response, Rows};

use super::{Inward, Outward, Refused};
use crate::bindings::lockstep::plugin::{effects, http, log, redis, sql};

impl Outward for Rows {
    type Outside = sql::Rows;
    fn outward(self) -> sql::Rows {
        sql::Rows { columns: self.columns, rows: self.rows.outward() }
    }
}

impl Outward for Node {
    type Outside = redis::Node;
    fn outward(self) -> redis::Node {
        match self {
            Self::Nil => redis::Node::Nil,
            Self::Integer(number) => redis::Node::Integer(number),
            Self::Real(number) => redis::Node::Real(number),
            Self::Boolean(flag) => redis::Node::Boolean(flag),
            Self::Text(bytes) => redis::Node::Text(bytes),
            Self::Array(count) => redis::Node::Array(count),
            Self::Pairs(count) => redis::Node::Pairs(count),
            Self::Other(text) => redis::Node::Other(text),
        }
    }
}

impl Outward for Print {
    type Outside = redis::Print;
    fn outward(self) -> redis::Print {
        redis::Print {
            id: self.id,
            kind: self.kind,
            ttl: self.ttl.map(|ttl| ttl.0),
            content: self.content,
        }
    }
}

impl Outward for Keyspace {
    type Outside = redis::KeySummary;
    fn outward(self) -> redis::KeySummary {
        let Self { keys, expiring, kinds, content, sample } = self;
        redis::KeySummary {
            keys,
            expiring,
            kinds,
            content,
            sample: sample.outward(),
            extra: Extra::new(),
        }
    }
}

impl Inward for http::Request {
    type Inside = Request;
    fn inward(self) -> Result<Request, Refused> {
        Ok(Request { endpoint: self.endpoint, path: self.path, headers: self.headers })
    }
}

impl Outward for Response {
    type Outside = http::Response;
    fn outward(self) -> http::Response {
        http::Response { status: self.status, headers: self.headers, body: self.body }
    }
}

impl Outward for Job {
    type Outside = effects::Job;
    fn outward(self) -> effects::Job {
        let Self { finished, done, total, note, facts } = self;
        effects::Job { finished, done, total, note, facts: facts.outward() }
    }
}

impl Inward for log::Level {
    type Inside = Level;
    fn inward(self) -> Result<Level, Refused> {
        Ok(match self {
            Self::Debug => Level::Debug,
            Self::Info => Level::Info,
            Self::Warn => Level::Warn,
        })
    }
}
