//! The real outside: the contract's imports.

use super::{Effects, Http, Perform, Railway, Redis, Sql};
use crate::bindings::lockstep::plugin::{effects, http, railway, redis, sql};
use crate::{
    Argument, Backup, Deployment, Fact, Failure, Job, KeySummary, Location, LogLine, Node,
    Publication, Response, Rows, Service, ServiceRef, Tally, Value, Variable,
};

/// The outside as the host answers it. Calling it anywhere but inside a component ends the process.
#[derive(Clone, Copy, Debug)]
pub struct Live;

impl Railway for Live {
    fn services(&self) -> Result<Vec<Service>, Failure> {
        railway::services()
    }

    fn variables(&self, service: &str) -> Result<Vec<Variable>, Failure> {
        railway::variables(&named(service))
    }

    fn destination(&self, service: &str, name: &str) -> Result<Option<Location>, Failure> {
        railway::destination(&named(service), name)
    }

    fn deployments(&self, service: &str, limit: u32) -> Result<Vec<Deployment>, Failure> {
        railway::deployments(&named(service), limit)
    }

    fn deployment_of(&self, label: &str) -> Result<Option<Deployment>, Failure> {
        railway::deployment_of(label)
    }

    fn logs(
        &self,
        service: &str,
        since: u64,
        filter: &str,
        limit: u32,
    ) -> Result<Vec<LogLine>, Failure> {
        railway::logs(&named(service), since, filter, limit)
    }

    fn traffic(&self, service: &str, since: u64, until: u64) -> Result<Tally, Failure> {
        railway::traffic(&named(service), since, until)
    }

    fn backups(&self, service: &str) -> Result<Vec<Backup>, Failure> {
        railway::backups(&named(service))
    }

    fn staged(&self) -> Result<Vec<String>, Failure> {
        railway::staged()
    }

    fn published(&self, image: &str) -> Result<Option<Publication>, Failure> {
        railway::published(image)
    }
}

impl Redis for Live {
    fn command(&self, connection: &str, words: &[&str]) -> Result<Vec<Node>, Failure> {
        let words: Vec<Vec<u8>> = words.iter().map(|word| word.as_bytes().to_vec()).collect();
        redis::command(connection, &words)
    }

    fn keyspace(
        &self,
        connection: &str,
        sample: u32,
        content: bool,
    ) -> Result<KeySummary, Failure> {
        redis::keyspace(connection, sample, content)
    }
}

impl Http for Live {
    fn get(&self, endpoint: &str, path: &str) -> Result<Response, Failure> {
        http::get(&http::Request {
            endpoint: endpoint.to_owned(),
            path: path.to_owned(),
            headers: Vec::new(),
        })
    }
}

impl Sql for Live {
    fn query(
        &self,
        connection: &str,
        statement: &str,
        parameters: &[Value],
    ) -> Result<Rows, Failure> {
        sql::query(connection, statement, parameters)
    }
}

impl Effects for Live {
    fn progress(&self, label: &str) -> Result<Option<Job>, Failure> {
        effects::progress(label)
    }
}

impl Perform for Live {
    fn perform(&self, label: &str, arguments: &[Argument]) -> Result<Vec<Fact>, Failure> {
        effects::perform(label, arguments)
    }
}

fn named(service: &str) -> ServiceRef {
    ServiceRef::Named(service.to_owned())
}
