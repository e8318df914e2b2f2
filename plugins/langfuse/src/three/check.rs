//! Whether each step that only this way has reached its end.

use lockstep_sdk::DeploymentStatus;
use lockstep_sdk::blocks::{soon, up};
use lockstep_sdk::outside::{Http, Railway, Redis, Sql, text};
use lockstep_sdk::step::SECOND;
use lockstep_sdk::{Failure, Pending, Progress, history};

use super::parts::{MADE, WIRED, WORKER};
use super::stores;
use crate::background;
use crate::clickhouse;
use crate::context::Context;
use crate::database::LEGACY;
use crate::findings::counts;
use crate::names::REDIS;
use crate::web;

/// How often to look.
const AGAIN: u64 = 2 * SECOND;

/// Looks whether every service is there, with its volume where it has one.
pub(crate) fn made<O: Railway>(outside: &O) -> Result<Progress, Failure> {
    let services = outside.services()?;
    let there = |name: &str| services.iter().find(|service| service.name == name);
    for part in &MADE {
        if there(part.name).is_none_or(|service| service.volume.is_none()) {
            let note = format!("`{}` is not there yet with its volume", part.name);
            return Ok(Pending::after(SECOND, note).into());
        }
    }
    Ok(match there(WORKER) {
        Some(_) => Progress::Done(Vec::new()),
        None => Pending::after(SECOND, format!("`{WORKER}` is not listed yet")).into(),
    })
}

/// Looks whether every secret is there. What it is nobody can see.
pub(crate) fn secret<O: Railway>(outside: &O) -> Result<Progress, Failure> {
    for part in &MADE {
        let variables = outside.variables(part.name)?;
        let lacks = |name: &&&str| !variables.iter().any(|it| it.name == **name);
        if let Some(name) = part.secrets.iter().find(lacks) {
            return Ok(Progress::Failed(format!("`{name}` of `{}` is not there", part.name)));
        }
    }
    Ok(Progress::Done(Vec::new()))
}

/// Looks whether what version 3 rests on is up and answers.
pub(crate) fn rested<O: Railway + Http + Redis>(
    outside: &O,
    context: &Context,
) -> Result<Progress, Failure> {
    for part in &MADE {
        let label = format!("rest-{}", part.name);
        // Which digest it runs was set by the host, and is not the plugin's to know again.
        if let Some(found) = up::check(outside, &label, part.name, None)? {
            return Ok(found);
        }
    }
    match soon(clickhouse::Inside::read(outside, &context.columns), "ClickHouse")? {
        Ok(inside) if inside.timezone != "UTC" => {
            let why = format!("ClickHouse counts time in {}, and not in UTC", inside.timezone);
            return Ok(Progress::Failed(why));
        }
        Ok(_) => {}
        Err(pending) => return Ok(pending.into()),
    }
    match soon(outside.command(REDIS, &["PING"]), "Redis")? {
        Ok(answer) if text(&answer).as_deref() == Some("PONG") => {}
        Ok(_) => return Ok(Pending::after(AGAIN, "Redis does not answer as it should").into()),
        Err(pending) => return Ok(pending.into()),
    }
    Ok(match soon(web::storage(outside), "the object storage")? {
        Ok(200) => Progress::Done(Vec::new()),
        Ok(status) => Pending::after(AGAIN, format!("the object storage answers {status}")).into(),
        Err(pending) => pending.into(),
    })
}

/// Looks whether nothing of it runs any more.
pub(crate) fn unrested<O: Railway>(outside: &O, names: &[&str]) -> Result<Progress, Failure> {
    let services = outside.services()?;
    for name in names {
        if !services.iter().any(|service| service.name == *name) {
            continue;
        }
        let deployments = outside.deployments(name, 10)?;
        let runs = |it: &lockstep_sdk::Deployment| {
            matches!(it.status, DeploymentStatus::Success) || history::moves(&it.status)
        };
        if deployments.iter().any(runs) {
            return Ok(Pending::after(SECOND, format!("`{name}` still runs")).into());
        }
    }
    Ok(Progress::Done(Vec::new()))
}

/// Returns the services that are made for version 3 to rest on.
pub(crate) fn rest() -> [&'static str; 3] {
    MADE.map(|part| part.name)
}

/// Looks whether the web service is told of everything.
pub(crate) fn wired<O: Railway>(outside: &O, context: &Context) -> Result<Progress, Failure> {
    let variables = outside.variables(&context.web.service)?;
    let stays = |name: &str| stores::stays(name, context.kept.iter().map(String::as_str));
    let wanted = WIRED.iter().filter(|(name, _)| !stays(name));
    let is_there = |name: &str| variables.iter().any(|it| it.name == name);
    let lacks = wanted.into_iter().find(|(name, _)| !is_there(name));
    Ok(match lacks {
        None => Progress::Done(Vec::new()),
        Some((name, _)) => Progress::Failed(format!("the web service is not told `{name}`")),
    })
}

/// Looks whether everything that version 2 kept is there: that the migrations which move it have ended is the gate, and that ClickHouse
/// has no fewer rows must not speak against it.
pub(crate) fn moved<O: Sql + Http>(outside: &O, context: &Context) -> Result<Progress, Failure> {
    let migrations = background::read(outside, &context.schema)?;
    let counted = counts(outside, &context.schema, &context.columns, &LEGACY)?;
    if let Some(left) = counted.iter().find(|it| it.is_unmoved(&migrations)) {
        return Ok(Progress::Failed(format!(
            "no migration in the background says that it has moved what version 2 kept in `{}`",
            left.table
        )));
    }
    Ok(match counted.iter().find(|it| !it.is_plausible()) {
        None => Progress::Done(Vec::new()),
        Some(left) => Progress::Failed(format!(
            "what version 2 kept is not all there, though everything says that it is done: {}",
            left.line()
        )),
    })
}
