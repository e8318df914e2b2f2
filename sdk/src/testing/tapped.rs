//! A stack whose reads are counted, and of which one can be made to fail.

use std::cell::RefCell;

use crate::outside::{Effects, Http, Perform, Railway, Redis, Sql};
use crate::{
    Argument, Backup, Deployment, Fact, Failure, Job, KeySummary, Location, LogLine, Node,
    Publication, Response, Rows, Service, Tally, Value, Variable,
};

/// A stack as the functions of a plugin are called with it.
///
/// It answers whatever the stack answers. A plugin that reads through a trait of its own implements that for this type too,
/// and calls [`read`](Self::read) first.
#[derive(Debug)]
pub struct Tapped<'a, S> {
    /// The stack itself.
    pub stack: &'a S,
    fault: Option<(Fails, Failure)>,
    reads: RefCell<Vec<Read>>,
}

/// One read of a plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// The capability that it took.
    pub capability: &'static str,
    /// What was asked.
    pub asked: String,
}

/// Which reads fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fails {
    /// The one with this number, counted from zero.
    Nth(usize),
    /// Every one that takes this capability.
    Every(&'static str),
}

impl<'a, S> Tapped<'a, S> {
    /// Returns a stack that answers.
    pub const fn on(stack: &'a S) -> Self {
        Self { stack, fault: None, reads: RefCell::new(Vec::new()) }
    }

    /// Returns a stack of which some reads end in a failure instead.
    pub const fn failing(stack: &'a S, fails: Fails, failure: Failure) -> Self {
        Self { stack, fault: Some((fails, failure)), reads: RefCell::new(Vec::new()) }
    }

    /// Notes a read, and fails if it is to fail.
    pub fn read(&self, capability: &'static str, asked: impl Into<String>) -> Result<(), Failure> {
        let mut reads = self.reads.borrow_mut();
        let number = reads.len();
        reads.push(Read { capability, asked: asked.into() });
        match &self.fault {
            Some((Fails::Nth(nth), failure)) if *nth == number => Err(failure.clone()),
            Some((Fails::Every(all), failure)) if *all == capability => Err(failure.clone()),
            Some(_) | None => Ok(()),
        }
    }

    /// Returns what was read so far.
    pub fn reads(&self) -> Vec<Read> {
        self.reads.borrow().clone()
    }
}

impl<S: Railway> Railway for Tapped<'_, S> {
    fn services(&self) -> Result<Vec<Service>, Failure> {
        self.read("railway", "services")?;
        self.stack.services()
    }

    fn variables(&self, service: &str) -> Result<Vec<Variable>, Failure> {
        self.read("railway", format!("variables of {service}"))?;
        self.stack.variables(service)
    }

    fn destination(&self, service: &str, name: &str) -> Result<Option<Location>, Failure> {
        self.read("railway", format!("destination of {name} of {service}"))?;
        self.stack.destination(service, name)
    }

    fn deployments(&self, service: &str, limit: u32) -> Result<Vec<Deployment>, Failure> {
        self.read("railway", format!("deployments of {service}"))?;
        self.stack.deployments(service, limit)
    }

    fn deployment_of(&self, label: &str) -> Result<Option<Deployment>, Failure> {
        self.read("railway", format!("deployment by {label}"))?;
        self.stack.deployment_of(label)
    }

    fn logs(
        &self,
        service: &str,
        since: u64,
        filter: &str,
        limit: u32,
    ) -> Result<Vec<LogLine>, Failure> {
        self.read("railway", format!("logs of {service}"))?;
        self.stack.logs(service, since, filter, limit)
    }

    fn traffic(&self, service: &str, since: u64, until: u64) -> Result<Tally, Failure> {
        self.read("railway", format!("traffic of {service}"))?;
        self.stack.traffic(service, since, until)
    }

    fn backups(&self, service: &str) -> Result<Vec<Backup>, Failure> {
        self.read("railway", format!("backups of {service}"))?;
        self.stack.backups(service)
    }

    fn staged(&self) -> Result<Vec<String>, Failure> {
        self.read("railway", "what is staged")?;
        self.stack.staged()
    }

    fn published(&self, image: &str) -> Result<Option<Publication>, Failure> {
        self.read("railway", format!("publication of {image}"))?;
        self.stack.published(image)
    }
}

impl<S: Redis> Redis for Tapped<'_, S> {
    fn command(&self, connection: &str, words: &[&str]) -> Result<Vec<Node>, Failure> {
        self.read("redis", format!("{connection}: {}", words.join(" ")))?;
        self.stack.command(connection, words)
    }

    fn keyspace(
        &self,
        connection: &str,
        sample: u32,
        content: bool,
    ) -> Result<KeySummary, Failure> {
        self.read("redis", format!("{connection}: every key"))?;
        self.stack.keyspace(connection, sample, content)
    }
}

impl<S: Http> Http for Tapped<'_, S> {
    fn get(&self, endpoint: &str, path: &str) -> Result<Response, Failure> {
        self.read("http", format!("{endpoint}: {path}"))?;
        self.stack.get(endpoint, path)
    }
}

impl<S: Sql> Sql for Tapped<'_, S> {
    fn query(
        &self,
        connection: &str,
        statement: &str,
        parameters: &[Value],
    ) -> Result<Rows, Failure> {
        self.read("sql", format!("{connection}: {statement}"))?;
        self.stack.query(connection, statement, parameters)
    }
}

impl<S: Effects> Effects for Tapped<'_, S> {
    fn progress(&self, label: &str) -> Result<Option<Job>, Failure> {
        self.read("effects", format!("progress of {label}"))?;
        self.stack.progress(label)
    }
}

impl<S: Perform> Perform for Tapped<'_, S> {
    fn perform(&self, label: &str, arguments: &[Argument]) -> Result<Vec<Fact>, Failure> {
        self.read("effects", format!("performance of {label}"))?;
        self.stack.perform(label, arguments)
    }
}
