//! Everything that a plan reads before it decides.

use lockstep_sdk::blocks::encryption_key::REFUSED;
use lockstep_sdk::json::Json;
use lockstep_sdk::outside::{Http, Railway, Redis, Sql, second};
use lockstep_sdk::{Failure, Location, Value, VariableValue, answer};

use crate::found::Found;
use crate::names::{
    APPS, BACKUP_SERVICE, BUILT, DATABASE_URL, LITELLM, MINIO, POSTGRES, REDIS, STORES, WEB,
};

/// How far back its log is read, in milliseconds: 30 days.
const LOOK_BACK: u64 = 30 * 24 * 3_600_000;

/// The path that tells where the bucket with Langfuse's raw events is, to whoever may list it.
pub(crate) const BUCKET: &str = "/langfuse?location";

/// Langfuse's table in which everything that it keeps begins.
const PROJECTS: &str = "projects";

/// The stack as a plan finds it.
#[derive(Clone, Debug)]
pub(crate) struct Survey {
    /// The services of the stack that are there.
    pub(crate) services: Vec<Found>,
    /// Those that are not there.
    pub(crate) absent: Vec<&'static str>,
    /// What is staged.
    pub(crate) staged: Vec<String>,
    /// What Langfuse's web service said of its key, if it refuses it.
    pub(crate) refused_key: Option<String>,
    /// Whether anything was ever made in Langfuse, or why that can't be told. Read only where nothing of it runs.
    pub(crate) used: Result<bool, String>,
    /// What Redis throws away when it is full, or why that can't be told.
    pub(crate) policy: Result<String, String>,
    /// Where LiteLLM's and Langfuse's databases are.
    pub(crate) databases: [Option<Location>; 2],
    /// What the backup service says of itself.
    pub(crate) backups: Option<String>,
    /// What the object store answers to somebody without a key, if it answers.
    pub(crate) bucket: Option<u16>,
}

impl Survey {
    /// Reads the stack. A call that the host does not allow is a failure; what can't be found out is said.
    pub(crate) fn read<O: Railway + Sql + Redis + Http>(
        outside: &O,
        now: u64,
    ) -> Result<Self, Failure> {
        let mut all = outside.services()?;
        let (mut services, mut absent) = (Vec::new(), Vec::new());
        for name in APPS.into_iter().chain(STORES).chain(BUILT) {
            match all.iter().position(|service| service.name == name) {
                Some(index) => services.push(Found::read(outside, all.swap_remove(index))?),
                None => absent.push(name),
            }
        }
        let is_there = |name: &str| services.iter().any(|found| found.name() == name);
        let is_up =
            |name: &str| services.iter().any(|found| found.name() == name && found.up().is_some());
        let idle = is_there(WEB) && !is_up(WEB);
        let refused_key = if idle { refused_key(outside, now)? } else { None };
        let used = if idle && is_up(POSTGRES) { was_used(outside)? } else { Ok(true) };
        let policy = if is_up(REDIS) { policy(outside)? } else { Err("it is down".to_owned()) };
        let database = |name: &str| {
            let place = is_there(name).then(|| allowed(outside.destination(name, DATABASE_URL)));
            Ok::<_, Failure>(place.transpose()?.and_then(Result::ok).flatten())
        };
        let databases = [database(LITELLM)?, database(WEB)?];
        let backups = if is_up(BACKUP_SERVICE) { told(outside)? } else { None };
        let bucket = if is_up(MINIO) { allowed(outside.get(MINIO, BUCKET))?.ok() } else { None };
        let bucket = bucket.map(|answer| answer.status);
        let staged = outside.staged()?;
        Ok(Self { services, absent, staged, refused_key, used, policy, databases, backups, bucket })
    }

    /// Returns a service.
    pub(crate) fn of(&self, name: &str) -> Option<&Found> {
        self.services.iter().find(|found| found.name() == name)
    }

    /// Returns whether a service is up.
    pub(crate) fn is_up(&self, name: &str) -> bool {
        self.of(name).is_some_and(|found| found.up().is_some())
    }
}

fn refused_key<O: Railway>(outside: &O, now: u64) -> Result<Option<String>, Failure> {
    // What an earlier deployment wrote may have been mended since.
    let newest = outside.deployments(WEB, 1)?.first().map(|newest| newest.created);
    let since = newest.unwrap_or(0).max(now.saturating_sub(LOOK_BACK));
    let lines = allowed(outside.logs(WEB, since, REFUSED, 100))?.unwrap_or_default();
    Ok(lines.into_iter().next_back().map(|line| line.message))
}

/// Returns whether anything was ever made in Langfuse, or why that can't be told.
///
/// Langfuse migrates before it looks at its key, so that its tables are there says nothing; a row in them does.
pub(crate) fn was_used<O: Railway + Sql>(outside: &O) -> Result<Result<bool, String>, Failure> {
    let place = allowed(outside.destination(WEB, DATABASE_URL))?.ok().flatten();
    let Some(place) = place else {
        return Ok(Err(format!("where `{DATABASE_URL}` of `{WEB}` leads is not known")));
    };
    let name = answer::texts(outside, POSTGRES, "SELECT current_database()::text", &[]);
    let name = allowed(name)?.map(|names| names.into_iter().next().unwrap_or_default());
    let database = place.path.trim_start_matches('/');
    let reference = format!("${{{{{POSTGRES}.");
    let refers = outside.variables(WEB)?.iter().any(|it| {
        it.name == DATABASE_URL
            && matches!(&it.value, VariableValue::Shown(text) if text.contains(&reference))
    });
    let is_there = refers || place.host.split('.').next() == Some(POSTGRES);
    match name {
        Ok(name) if name == database && is_there => {}
        Ok(name) => {
            let why = format!(
                "`{DATABASE_URL}` of `{WEB}` leads to `{database}` at {}, and the connection `{POSTGRES}` to `{name}`",
                place.host
            );
            return Ok(Err(why));
        }
        Err(why) => return Ok(Err(why)),
    }
    let count = |statement: &str, parameters: &[Value]| {
        answer::row(outside, POSTGRES, statement, parameters).and_then(|row| row.count(0))
    };
    let table =
        "SELECT count(*) FROM pg_catalog.pg_tables WHERE schemaname = $2 AND tablename = $1";
    let elsewhere =
        "SELECT count(*) FROM pg_catalog.pg_tables WHERE schemaname <> $2 AND tablename = $1";
    let parameters = [Value::from(PROJECTS), Value::from("public")];
    match allowed(count(elsewhere, &parameters))? {
        Ok(0) => {}
        Ok(_) => {
            return Ok(Err(format!("a table `{PROJECTS}` is in another schema than `public`")));
        }
        Err(why) => return Ok(Err(why)),
    }
    match allowed(count(table, &parameters))? {
        Ok(0) => Ok(Ok(false)),
        Ok(_) => {
            let any = "SELECT count(*) FROM (SELECT 1 FROM public.projects LIMIT 1) AS any_row";
            Ok(allowed(count(any, &[]))?.map(|rows| rows > 0))
        }
        Err(why) => Ok(Err(why)),
    }
}

fn policy<O: Redis>(outside: &O) -> Result<Result<String, String>, Failure> {
    let answer = allowed(outside.command(REDIS, &["CONFIG", "GET", "maxmemory-policy"]))?;
    Ok(answer.and_then(|nodes| second(&nodes).ok_or_else(|| "it does not tell".to_owned())))
}

fn told<O: Http>(outside: &O) -> Result<Option<String>, Failure> {
    let answer = allowed(outside.get(BACKUP_SERVICE, "/health"))?;
    let body = answer.ok().and_then(|answer| Json::parse(&answer.body));
    let state = body.as_ref().and_then(|body| body.get("backup_state"));
    let part = |name: &str| state.and_then(|state| state.get(name)).and_then(Json::text);
    let status = part("last_status").unwrap_or("nothing");
    Ok(body.is_some().then(|| {
        format!(
            "it says `{status}` of its last backup ({})",
            part("last_backup").unwrap_or("never")
        )
    }))
}

/// Keeps a denial apart from every other failure: what is not granted must be granted, not worked around.
fn allowed<T>(answer: Result<T, Failure>) -> Result<Result<T, String>, Failure> {
    match answer {
        Ok(value) => Ok(Ok(value)),
        Err(failure) if failure.is_denied() && !failure.problem().has("http:endpoint") => {
            Err(failure)
        }
        Err(failure) => Ok(Err(failure.line())),
    }
}
