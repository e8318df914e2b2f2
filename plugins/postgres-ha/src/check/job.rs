//! Whether everybody is stopped, and whether the job did what it was to do.

use lockstep_sdk::outside::{Railway, Sql};
use lockstep_sdk::step::{MINUTE, SECOND};
use lockstep_sdk::{
    DeploymentStatus, Fact, Facts, Failure, Observation, Pending, Progress, StepCall, Value,
    history,
};

use super::{services, switch};
use crate::context::Context;
use crate::job::{self, FROM, SERVICE, TO};
use crate::names::{self, NEW};
use crate::tables;

/// The fact that names the databases that the job is to copy.
const DATABASES: &str = "databases";

/// How often to look at what the job does.
const AGAIN: u64 = 5 * SECOND;

/// How long to wait, in looks, until nobody is connected any more: everybody is without a database meanwhile.
const LEAVING: u64 = 12;

/// How long to wait for the log of a job that has ended, in looks: it comes later than the end.
const WRITING: u64 = 6;

/// How many lines of a log are told.
const TOLD: u32 = 5;

/// Looks whether both URLs, as Railway renders them, are such that the job can take them apart.
pub(super) fn made<O: Railway>(outside: &O, context: &Context) -> Result<Progress, Failure> {
    for name in [FROM, TO] {
        let why = match outside.destination(SERVICE, name) {
            Ok(Some(location)) => {
                let database = location.path.trim_start_matches('/').split(['?', '#']).next();
                let other = database != Some(context.database.as_str());
                let leads = || other.then(|| "it leads to another database".to_owned());
                job::unfit(&location).or_else(leads)
            }
            Ok(None) => Some("it renders to nothing".to_owned()),
            Err(failure) if failure.is_denied() || failure.may_pass() => return Err(failure),
            Err(failure) => Some(failure.line()),
        };
        if let Some(why) = why {
            return Ok(Progress::Failed(format!(
                "the job can't take `{name}` apart: {why}. Give the role a password of letters and digits, or take the path `online`"
            )));
        }
    }
    Ok(Progress::Done(Vec::new()))
}

/// Looks whether nothing of a client runs, and nobody is connected to the old server.
pub(super) fn halted<O: Railway + Sql>(
    outside: &O,
    context: &Context,
    memo: &[Fact],
) -> Result<Progress, Failure> {
    for client in context.running() {
        let found = services::stopped(outside, &client.service)?;
        if !matches!(found, Progress::Done(_)) {
            return Ok(found);
        }
    }
    Ok(switch::deserted(outside, memo, LEAVING)?.unwrap_or(Progress::Done(Vec::new())))
}

/// Records what is to be copied. The job can only restore into an empty database.
pub(crate) fn observe<O: Sql>(outside: &O) -> Result<Observation, Failure> {
    let there = crate::answer::rows(outside, NEW, tables::TABLES, &[])?.len();
    if there > 0 {
        return Ok(Observation::Moved(format!(
            "{there} tables are in the database at the cluster, and the job can't be run twice"
        )));
    }
    let databases = job::databases(outside)?;
    let rows = databases.into_iter().map(|name| vec![Value::from(name)]);
    Ok(Observation::Ready(vec![Fact::table(DATABASES, rows)]))
}

/// Looks whether the job ended well, and whether its log says of every database that it was restored.
pub(super) fn ran<O: Railway>(
    outside: &O,
    call: &StepCall,
    memo: &[Fact],
) -> Result<Progress, Failure> {
    let Some(made) = outside.deployment_of(names::JOB_RUN)? else {
        return Ok(Pending::after(SECOND, "the job is not listed yet").into());
    };
    // Who writes lines has another clock than who makes deployments, and the service has no other deployment.
    let since = made.created.saturating_sub(MINUTE);
    if history::moves(&made.status) || matches!(made.status, DeploymentStatus::Success) {
        let says = outside.logs(SERVICE, since, "", TOLD)?;
        let last = says.last().map_or("the job runs", |line| line.message.trim());
        return Ok(Pending::after(AGAIN, last).into());
    }
    if !matches!(made.status, DeploymentStatus::Stopped) {
        let lines = outside.logs(SERVICE, since, "", TOLD)?;
        let said: Vec<&str> = lines.iter().map(|line| line.message.trim()).collect();
        let status = history::words(&made.status);
        return Ok(Progress::Failed(format!("the job {status}. It said: {}", said.join(" | "))));
    }
    let lines = outside.logs(SERVICE, since, "restored successfully", 1_000)?;
    let mut missing = Vec::new();
    for row in Facts(&call.facts).rows(DATABASES)? {
        let Some(name) = row.first().and_then(Value::as_text) else { continue };
        if !lines.iter().any(|line| job::says_restored(&line.message, name)) {
            missing.push(format!("`{name}`"));
        }
    }
    if missing.is_empty() {
        return Ok(Progress::Done(Vec::new()));
    }
    let looks = Facts(memo).maybe_count("looks").unwrap_or(0) + 1;
    let missing = missing.join(", ");
    Ok(if looks > WRITING {
        Progress::Failed(format!(
            "the job ended well, and its log does not say that it restored {missing}: it ends so when it can't reach the old server"
        ))
    } else {
        let note =
            format!("the job has ended; its log does not say yet that it restored {missing}");
        Pending::after(AGAIN, note).remembering(vec![Fact::one("looks", looks)]).into()
    })
}

/// Looks whether the service of the job is gone.
pub(super) fn gone<O: Railway>(outside: &O) -> Result<Progress, Failure> {
    let there = outside.services()?.iter().any(|service| service.name == SERVICE);
    Ok(if there {
        Pending::after(SECOND, format!("the service `{SERVICE}` is still listed")).into()
    } else {
        Progress::Done(Vec::new())
    })
}
