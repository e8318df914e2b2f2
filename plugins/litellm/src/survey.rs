//! Everything that a plan reads before it decides.

use lockstep_sdk::failure::allowed;
use lockstep_sdk::json::Json;
use lockstep_sdk::outside::{Http, Railway, Sql};
use lockstep_sdk::running::Running;
use lockstep_sdk::{Failure, Finding, Location, Service};

use crate::database::Inside;
use crate::names::{JOB_SERVICE, LANGFUSE, REHEARSAL_SERVICE};
use crate::options::Options;
use crate::proxy::Told;

/// The path with which Langfuse tells its version.
pub(crate) const LANGFUSE_HEALTH: &str = "/api/public/health";

/// The variable that leads to the database.
pub(crate) const URL: &str = "DATABASE_URL";

/// The stack as a plan finds it.
#[derive(Clone, Debug)]
pub(crate) struct Survey {
    /// The proxy's service.
    pub(crate) proxy: Running,
    /// The service of its database.
    pub(crate) database: Running,
    /// Langfuse's web service, if there is one, and the version that it tells.
    pub(crate) langfuse: Option<(Running, Option<String>)>,
    /// What is staged.
    pub(crate) staged: Vec<String>,
    /// How many backups there are of the database's volume, or why they can't be listed.
    pub(crate) backups: Result<usize, String>,
    /// What the proxy says, or why it can't be asked.
    pub(crate) told: Result<Told, String>,
    /// What is in the database, or why it can't be read.
    pub(crate) inside: Result<Inside, String>,
    /// Where the proxy's database is, or why that can't be told.
    pub(crate) leads: Result<Location, String>,
    /// Services that have the names of those that migrate.
    pub(crate) taken: Vec<&'static str>,
}

/// Reads the stack. A service that is not there is a refusal; a call that the host does not allow is a failure.
pub(crate) fn survey<O: Railway + Sql + Http>(
    outside: &O,
    options: &Options,
) -> Result<Result<Survey, Finding>, Failure> {
    let services = outside.services()?;
    let find = |name: &str| services.iter().find(|service| service.name == name).cloned();
    let Some(proxy) = find(&options.service) else {
        return Ok(Err(absent("service", &options.service, &services)));
    };
    let Some(database) = find(&options.database_service) else {
        return Ok(Err(absent("database-service", &options.database_service, &services)));
    };
    let langfuse = match find(LANGFUSE) {
        Some(service) => {
            let running = Running::read(outside, service)?;
            Some((running, langfuse_version(outside)?))
        }
        None => None,
    };
    let leads = match allowed(outside.destination(&options.service, URL))? {
        Ok(Some(location)) => Ok(location),
        Ok(None) => Err(format!("`{URL}` of {} renders to nothing", options.service)),
        Err(why) => Err(why),
    };
    Ok(Ok(Survey {
        proxy: Running::read(outside, proxy)?,
        database: Running::read(outside, database)?,
        langfuse,
        staged: outside.staged()?,
        backups: allowed(outside.backups(&options.database_service))?.map(|it| it.len()),
        told: allowed(Told::whole(outside))?,
        inside: allowed(Inside::read(outside))?,
        leads,
        taken: [REHEARSAL_SERVICE, JOB_SERVICE]
            .into_iter()
            .filter(|name| find(name).is_some())
            .collect(),
    }))
}

fn langfuse_version<O: Http>(outside: &O) -> Result<Option<String>, Failure> {
    let answer = allowed(outside.get(LANGFUSE, LANGFUSE_HEALTH))?;
    let body = answer.ok().and_then(|answer| Json::parse(&answer.body));
    Ok(body.as_ref().and_then(|it| it.get("version")).and_then(Json::text).map(str::to_owned))
}

fn absent(option: &str, name: &str, services: &[Service]) -> Finding {
    let mut names: Vec<_> = services.iter().map(|service| service.name.as_str()).collect();
    names.sort_unstable();
    Finding::refusal("service", format!("there is no service `{name}`"))
        .evidence(format!("the services are {}", names.join(", ")))
        .remedy(format!("name it in the option `{option}`"))
}
