//! Everything that a plan reads before it decides.

use lockstep_sdk::blocks::encryption_key::REFUSED;
use lockstep_sdk::failure::allowed;
use lockstep_sdk::outside::{Http, Railway, Redis, Sql, info, second, text};
use lockstep_sdk::running::Running;
use lockstep_sdk::{Failure, Finding, LogLine, Service, VariableValue};

use crate::clickhouse;
use crate::database;
use crate::names::REDIS;
use crate::options::Options;
use crate::web::{self, Told};

/// The variable that leads to the database.
pub(crate) const URL: &str = "DATABASE_URL";
/// The variable that names ClickHouse's database, and what that is where it says nothing.
const CLICKHOUSE_DB: &str = "CLICKHOUSE_DB";
const CLICKHOUSE_DEFAULT: &str = "default";

/// What Redis says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Queues {
    /// Its version.
    pub(crate) version: String,
    /// What it does when it is full.
    pub(crate) policy: String,
}

/// The stack as a plan finds it. What could not be read is why not, in words.
#[derive(Clone, Debug)]
pub(crate) struct Survey {
    /// The web service.
    pub(crate) web: Running,
    /// The worker, which version 2 has none of.
    pub(crate) worker: Option<Running>,
    /// The service that runs PostgreSQL.
    pub(crate) database: Running,
    /// The service that runs ClickHouse, if one of this environment does.
    pub(crate) clickhouse: Option<Running>,
    /// The service that keeps objects, if one of this environment does.
    pub(crate) storage: Option<Running>,
    /// What is staged.
    pub(crate) staged: Vec<String>,
    /// ClickHouse's database; what stands there instead, where that is no plain name.
    pub(crate) schema: Result<String, String>,
    /// What the web service says.
    pub(crate) told: Result<Told, String>,
    /// What the worker says.
    pub(crate) working: Result<(), String>,
    /// What is in PostgreSQL.
    pub(crate) inside: Result<database::Inside, String>,
    /// What is in ClickHouse.
    pub(crate) columns: Result<clickhouse::Inside, String>,
    /// What Redis says.
    pub(crate) queues: Result<Queues, String>,
    /// Whether the object storage takes requests, where it is a service of this environment.
    pub(crate) stored: Option<Result<(), String>>,
    /// Whether the host has the keys of a project, so that a trace can be written and read back.
    pub(crate) keys: Result<(), String>,
    /// Whether the web service's database is that of the service which would be backed up.
    pub(crate) leads: Result<(String, String), String>,
    /// What a web service that is down wrote about its key.
    pub(crate) complaints: Vec<String>,
}

/// Reads the stack. A service that is not there is a refusal; a call that the host does not allow is a failure.
pub(crate) fn survey<O: Railway + Sql + Http + Redis>(
    outside: &O,
    options: &Options,
    now: u64,
) -> Result<Result<Survey, Finding>, Failure> {
    let services = outside.services()?;
    let find = |name: &str| services.iter().find(|service| service.name == name).cloned();
    let (Some(web), Some(database)) = (find(&options.web), find(&options.database)) else {
        let (option, name) = if find(&options.web).is_none() {
            ("service", &options.web)
        } else {
            ("database-service", &options.database)
        };
        return Ok(Err(absent(option, name, &services)));
    };
    let read = |service: Option<Service>| service.map(|it| Running::read(outside, it)).transpose();
    let web = Running::read(outside, web)?;
    let schema = schema(outside, &web)?;
    let told = allowed(Told::read(outside))?;
    let complaints = if told.as_ref().is_ok_and(Told::is_ready) {
        Vec::new()
    } else {
        complaints(outside, &web, now)?
    };
    let worker = read(find(&options.worker))?;
    let clickhouse = read(find(&options.clickhouse))?;
    let storage = read(find(&options.storage))?;
    let working = match &worker {
        Some(_) => allowed(web::worker(outside))?.and_then(|answered| answered),
        None => Err("there is no worker".to_owned()),
    };
    let columns = match (&schema, &clickhouse) {
        (Ok(schema), Some(_)) => allowed(clickhouse::Inside::read(outside, schema))?,
        (Err(other), _) => Err(format!("`{CLICKHOUSE_DB}` is `{other}`")),
        (Ok(_), None) => Err("there is no ClickHouse".to_owned()),
    };
    let stored = match &storage {
        Some(_) => Some(allowed(web::storage(outside))?.and_then(is_fine)),
        None => None,
    };
    Ok(Ok(Survey {
        database: Running::read(outside, database)?,
        staged: outside.staged()?,
        inside: allowed(database::Inside::read(outside))?,
        queues: allowed(queues(outside))?,
        keys: allowed(web::keys(outside))?.and_then(is_fine),
        leads: leads(outside, options)?,
        web,
        worker,
        clickhouse,
        storage,
        schema,
        told,
        working,
        columns,
        stored,
        complaints,
    }))
}

fn is_fine(status: u16) -> Result<(), String> {
    if status == 200 { Ok(()) } else { Err(format!("answered {status}")) }
}

/// ClickHouse's database stands in queries, so it must be a plain name. One that the web service is told by a reference to another
/// service's variable is what stands there.
fn schema<O: Railway>(outside: &O, web: &Running) -> Result<Result<String, String>, Failure> {
    let told = web.variable(CLICKHOUSE_DB).unwrap_or(CLICKHOUSE_DEFAULT);
    let reference = told.strip_prefix("${{").and_then(|rest| rest.strip_suffix("}}"));
    let name = match reference.and_then(|inner| inner.split_once('.')) {
        Some((service, variable)) => {
            let variables = allowed(outside.variables(service))?.unwrap_or_default();
            let found = variables.into_iter().find(|it| it.name == variable).map(|it| it.value);
            if let Some(VariableValue::Shown(text)) = found { text } else { told.to_owned() }
        }
        None => told.to_owned(),
    };
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let fits = !name.is_empty() && name.chars().all(is_plain);
    Ok(if fits { Ok(name) } else { Err(name) })
}

fn queues<O: Redis>(outside: &O) -> Result<Queues, Failure> {
    let unreadable = |what: &str| {
        let why = format!("the server's answer to `{what}` is not of the known form");
        Failure::permanently("redis:unreadable", why)
    };
    let server = text(&outside.command(REDIS, &["INFO", "server"])?);
    let server = server.ok_or_else(|| unreadable("INFO"))?;
    let version = info(&server).find(|(name, _)| *name == "redis_version");
    let (_, version) = version.ok_or_else(|| unreadable("INFO"))?;
    let policy = outside.command(REDIS, &["CONFIG", "GET", "maxmemory-policy"])?;
    let policy = second(&policy).ok_or_else(|| unreadable("CONFIG GET"))?;
    Ok(Queues { version: version.to_owned(), policy })
}

/// The backup must be one of the database that Langfuse uses.
fn leads<O: Railway>(
    outside: &O,
    options: &Options,
) -> Result<Result<(String, String), String>, Failure> {
    Ok(match allowed(outside.destination(&options.web, URL))? {
        Ok(Some(location)) => {
            let database = location.path.trim_start_matches('/').to_owned();
            Ok((location.host, database))
        }
        Ok(None) => Err(format!("`{URL}` of {} renders to nothing", options.web)),
        Err(why) => Err(why),
    })
}

fn complaints<O: Railway>(outside: &O, web: &Running, now: u64) -> Result<Vec<String>, Failure> {
    let since = web.deployments.first().map_or(now, |newest| newest.created);
    let lines = allowed(outside.logs(web.name(), since, REFUSED, 5))?.unwrap_or_default();
    Ok(lines.into_iter().map(|LogLine { message, .. }| message).collect())
}

fn absent(option: &str, name: &str, services: &[Service]) -> Finding {
    let mut names: Vec<_> = services.iter().map(|service| service.name.as_str()).collect();
    names.sort_unstable();
    Finding::refusal("service", format!("there is no service `{name}`"))
        .evidence(format!("the services are {}", names.join(", ")))
        .remedy(format!("name it in the option `{option}`"))
}
