//! A stack whose reads are counted, and of which one can be made to fail.

use std::cell::RefCell;

use super::access::Access;
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
    /// What has to be granted for it.
    pub takes: Access,
    /// What was asked.
    pub asked: String,
}

/// Which reads fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fails {
    /// The one with this number, counted from zero.
    Nth(usize),
    /// Every one for which this has to be granted.
    Every(Access),
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
    pub fn read(&self, takes: Access, asked: impl Into<String>) -> Result<(), Failure> {
        let mut reads = self.reads.borrow_mut();
        let fails = match &self.fault {
            Some((Fails::Nth(nth), failure)) => (*nth == reads.len()).then_some(failure),
            Some((Fails::Every(one), failure)) => (*one == takes).then_some(failure),
            None => None,
        };
        reads.push(Read { takes, asked: asked.into() });
        fails.cloned().map_or(Ok(()), Err)
    }

    /// Returns what was read so far.
    pub fn reads(&self) -> Vec<Read> {
        self.reads.borrow().clone()
    }
}

impl<S: Railway> Railway for Tapped<'_, S> {
    fn services(&self) -> Result<Vec<Service>, Failure> {
        self.read(every(), "the services")?;
        self.stack.services()
    }

    fn variables(&self, service: &str) -> Result<Vec<Variable>, Failure> {
        self.read(of(service), "its variables")?;
        self.stack.variables(service)
    }

    fn destination(&self, service: &str, name: &str) -> Result<Option<Location>, Failure> {
        self.read(of(service), format!("where {name} leads"))?;
        self.stack.destination(service, name)
    }

    fn deployments(&self, service: &str, limit: u32) -> Result<Vec<Deployment>, Failure> {
        self.read(of(service), "its deployments")?;
        self.stack.deployments(service, limit)
    }

    fn deployment_of(&self, label: &str) -> Result<Option<Deployment>, Failure> {
        self.read(every(), format!("the deployment by `{label}`"))?;
        self.stack.deployment_of(label)
    }

    fn logs(
        &self,
        service: &str,
        since: u64,
        filter: &str,
        limit: u32,
    ) -> Result<Vec<LogLine>, Failure> {
        self.read(of(service), "what it wrote")?;
        self.stack.logs(service, since, filter, limit)
    }

    fn traffic(&self, service: &str, since: u64, until: u64) -> Result<Tally, Failure> {
        self.read(of(service), "its traffic")?;
        self.stack.traffic(service, since, until)
    }

    fn backups(&self, service: &str) -> Result<Vec<Backup>, Failure> {
        self.read(of(service), "its backups")?;
        self.stack.backups(service)
    }

    fn staged(&self) -> Result<Vec<String>, Failure> {
        self.read(every(), "what is staged")?;
        self.stack.staged()
    }

    fn published(&self, image: &str) -> Result<Option<Publication>, Failure> {
        self.read(every(), format!("what {image} is"))?;
        self.stack.published(image)
    }
}

impl<S: Redis> Redis for Tapped<'_, S> {
    fn command(&self, connection: &str, words: &[&str]) -> Result<Vec<Node>, Failure> {
        self.read(Access::redis("read", connection), words.join(" "))?;
        self.stack.command(connection, words)
    }

    fn keyspace(
        &self,
        connection: &str,
        sample: u32,
        content: bool,
    ) -> Result<KeySummary, Failure> {
        self.read(Access::redis("read", connection), "every key")?;
        self.stack.keyspace(connection, sample, content)
    }
}

impl<S: Http> Http for Tapped<'_, S> {
    fn get(&self, endpoint: &str, path: &str) -> Result<Response, Failure> {
        self.read(Access::http("read", endpoint), path)?;
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
        self.read(Access::sql("read", connection), statement)?;
        self.stack.query(connection, statement, parameters)
    }
}

impl<S: Effects> Effects for Tapped<'_, S> {
    fn progress(&self, label: &str) -> Result<Option<Job>, Failure> {
        self.read(Access::effects("progress", label), "how far it is")?;
        self.stack.progress(label)
    }
}

impl<S: Perform> Perform for Tapped<'_, S> {
    fn perform(&self, label: &str, arguments: &[Argument]) -> Result<Vec<Fact>, Failure> {
        self.read(Access::effects("perform", label), "what it gives")?;
        self.stack.perform(label, arguments)
    }
}

/// The access to a service's own answers.
fn of(service: &str) -> Access {
    Access::railway("read", service)
}

/// The access to what is of no service in particular.
fn every() -> Access {
    of("*")
}
