//! What the services say about themselves: the web service, the worker and the object storage.

use lockstep_sdk::json::Json;
use lockstep_sdk::outside::Http;
use lockstep_sdk::{Failure, Response};

use crate::names::{API, STORAGE, WEB_ENDPOINT, WORKER_ENDPOINT};
use crate::version::Release;

/// The path that says whether the web service lives and has its database, and which version it is. Without the question it
/// says so even if the database is gone.
pub(crate) const HEALTH: &str = "/api/public/health?failIfDatabaseUnavailable=true";
/// The path that says whether it takes requests.
pub(crate) const READY: &str = "/api/public/ready";
/// The path of the worker, which looks at the database and at the queues, and tells no version.
pub(crate) const WORKER_HEALTH: &str = "/api/health";
/// The path that tells whose the keys are, and nothing to whoever has none.
pub(crate) const PROJECTS: &str = "/api/public/projects";
/// The path below which single traces are.
pub(crate) const TRACES: &str = "/api/public/traces/";
/// The path of the object storage that says whether it takes requests.
pub(crate) const STORAGE_READY: &str = "/minio/health/ready";

/// What the web service told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    /// What its health path answered.
    pub(crate) health: u16,
    /// What its other path answered.
    pub(crate) ready: u16,
    /// Its version.
    pub(crate) version: Option<Release>,
}

impl Told {
    /// Asks.
    pub(crate) fn read<O: Http>(outside: &O) -> Result<Self, Failure> {
        let health = outside.get(WEB_ENDPOINT, HEALTH)?;
        let ready = outside.get(WEB_ENDPOINT, READY)?;
        Ok(Self { health: health.status, ready: ready.status, version: version(&health) })
    }

    /// Returns whether it takes requests and has its database.
    pub(crate) const fn is_ready(&self) -> bool {
        self.health == 200 && self.ready == 200
    }

    /// Returns how it stands, in words.
    pub(crate) fn words(&self) -> String {
        format!("{HEALTH} answers {}, and {READY} {}", self.health, self.ready)
    }
}

fn version(answer: &Response) -> Option<Release> {
    let body = Json::parse(&answer.body)?;
    Release::parse(body.get("version")?.text()?)
}

/// Asks the worker whether it has its database and its queues. Returns why not, in words.
pub(crate) fn worker<O: Http>(outside: &O) -> Result<Result<(), String>, Failure> {
    let answer = outside.get(WORKER_ENDPOINT, WORKER_HEALTH)?;
    Ok(if answer.status == 200 {
        Ok(())
    } else {
        Err(format!("the worker's {WORKER_HEALTH} answers {}", answer.status))
    })
}

/// Asks the object storage whether it takes requests.
pub(crate) fn storage<O: Http>(outside: &O) -> Result<u16, Failure> {
    Ok(outside.get(STORAGE, STORAGE_READY)?.status)
}

/// Asks whether the host has the keys of a project.
pub(crate) fn keys<O: Http>(outside: &O) -> Result<u16, Failure> {
    Ok(outside.get(API, PROJECTS)?.status)
}

/// Looks whether a trace can be read. One that is not there yet is no failure.
pub(crate) fn has_trace<O: Http>(outside: &O, id: &str) -> Result<Result<(), String>, Failure> {
    let answer = outside.get(API, &format!("{TRACES}{id}"))?;
    let body = Json::parse(&answer.body);
    let is_it = body.as_ref().and_then(|it| it.get("id")).and_then(Json::text) == Some(id);
    Ok(match answer.status {
        200 if is_it => Ok(()),
        status => Err(format!("the trace `{id}` can't be read: {status}")),
    })
}
