//! Whether each step of this path has reached its end.

use lockstep_sdk::blocks::soon;
use lockstep_sdk::outside::{Effects, Railway, Sql};
use lockstep_sdk::step::SECOND;
use lockstep_sdk::{Failure, Pending, Progress, StepCall};

use super::context::Making;
use super::{held, names};
use crate::answer;
use crate::check::services::{deployed, stopped};
use crate::front;
use crate::in_place::followers;
use crate::names::{ADMIN, CLOSE, FRONT, KEEP, PROVE};
use crate::server::Server;

/// How far a node may be behind, in bytes: nobody writes yet.
const LAG: u64 = 1 << 20;

/// Looks whether a step is done.
pub(crate) fn check<O: Railway + Sql + Effects>(
    outside: &O,
    call: &StepCall,
) -> Result<Progress, Failure> {
    let making = Making::of(call)?;
    let standbys: Vec<&str> = making.standbys().collect();
    match call.step.as_str() {
        names::MAKE => made(outside, &making),
        names::SECRETS => known(outside, &making),
        names::FIRST => match up(outside, &[making.first()])? {
            Some(found) => Ok(found),
            None => begun(outside),
        },
        names::STANDBYS => match up(outside, &standbys)? {
            Some(found) => Ok(found),
            None => followed(outside, &making, Confirmed::Not),
        },
        names::CONFIRM => followed(outside, &making, Confirmed::Yes),
        names::FRONT => match up(outside, &[&making.front])? {
            Some(found) => Ok(found),
            None => fronted(outside, &making),
        },
        PROVE => {
            let found = followed(outside, &making, Confirmed::Yes)?;
            if matches!(found, Progress::Done(_)) { fronted(outside, &making) } else { Ok(found) }
        }
        KEEP | CLOSE => Ok(Progress::Done(Vec::new())),
        step if step.starts_with(names::STOP) => ended(outside, &making, step),
        other => {
            Err(Failure::permanently("plugin:step", format!("`{other}` is no step of this plugin")))
        }
    }
}

/// Whether commits must wait for another node already.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Confirmed {
    Yes,
    Not,
}

fn made<O: Railway>(outside: &O, making: &Making) -> Result<Progress, Failure> {
    let services = outside.services()?;
    let there = |name: &str| services.iter().find(|service| service.name == name);
    for (name, _) in &making.nodes {
        if there(name).is_some_and(|service| service.volume.is_none()) {
            return Ok(
                Pending::after(SECOND, format!("the volume of `{name}` is not there yet")).into()
            );
        }
    }
    Ok(match making.services().find(|name| there(name).is_none()) {
        Some(name) => Pending::after(SECOND, format!("`{name}` is not listed yet")).into(),
        None => Progress::Done(Vec::new()),
    })
}

/// Looks whether every URL, as Railway renders it, has a password: a reference to nothing renders to nothing.
fn known<O: Railway>(outside: &O, making: &Making) -> Result<Progress, Failure> {
    for (service, _) in &making.nodes {
        let what = format!("DATABASE_URL of `{service}`");
        let Some(location) = outside.destination(service, "DATABASE_URL")? else {
            return Ok(Progress::Failed(format!("{what} renders to nothing")));
        };
        if location.extra.iter().all(|(name, _)| name != "password") || location.host.is_empty() {
            return Ok(Progress::Failed(format!("{what} renders without a host or a password")));
        }
    }
    Ok(Progress::Done(Vec::new()))
}

/// Returns what is not up yet of what a step started, if anything is not.
fn up<O: Railway>(outside: &O, services: &[&str]) -> Result<Option<Progress>, Failure> {
    for service in services {
        let found = deployed(outside, &names::start(service), service, None)?;
        if !matches!(found, Progress::Done(_)) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Looks whether the first node takes writes, and records what a cluster holds that nobody has used.
fn begun<O: Sql>(outside: &O) -> Result<Progress, Failure> {
    let server = match soon(starting(Server::read(outside, ADMIN)), "the first node")? {
        Ok(server) => server,
        Err(pending) => return Ok(pending.into()),
    };
    if server.recovering {
        return Ok(Pending::after(SECOND, "the first node does not lead yet").into());
    }
    if !server.is_logical() {
        return Ok(Progress::Failed(format!(
            "`wal_level` of the first node is `{}`, so no way back could be made from there",
            server.wal_level
        )));
    }
    Ok(match soon(starting(held::facts(outside)), "the first node")? {
        Ok(facts) => Progress::Done(facts),
        Err(pending) => pending.into(),
    })
}

/// A server that sets itself up may answer before it knows its users and databases.
fn starting<T>(answer: Result<T, Failure>) -> Result<T, Failure> {
    const UNKNOWN: [&str; 3] = ["sql:28000", "sql:28P01", "sql:3D000"];
    answer.map_err(|failure| {
        let problem = failure.problem();
        if UNKNOWN.contains(&problem.code.as_str()) {
            Failure::transiently(&problem.code, &problem.message)
        } else {
            failure
        }
    })
}

fn followed<O: Sql>(
    outside: &O,
    making: &Making,
    confirmed: Confirmed,
) -> Result<Progress, Failure> {
    let read = followers(&making.nodes, LAG);
    let row = match soon(answer::row(outside, ADMIN, &read, &[]), "the node that leads")? {
        Ok(row) => row,
        Err(pending) => return Ok(pending.into()),
    };
    let (follow, confirm) = (row.count(0)?, row.count(1)?);
    let wanted = making.standbys().count();
    let pending = |note: String| Ok(Pending::after(SECOND, note).into());
    if usize::try_from(follow).unwrap_or(usize::MAX) < wanted {
        return pending(format!("{follow} nodes follow closely, and {wanted} should"));
    }
    if confirmed == Confirmed::Yes && confirm == 0 {
        return pending("no node confirms commits yet".to_owned());
    }
    Ok(Progress::Done(Vec::new()))
}

/// Looks whether PgPool has every node, leads to the one that leads, and is set as a move needs it.
fn fronted<O: Sql>(outside: &O, making: &Making) -> Result<Progress, Failure> {
    let nodes = match soon(front::nodes(outside), "PgPool")? {
        Ok(nodes) => nodes,
        Err(pending) => return Ok(pending.into()),
    };
    if let Some(why) = front::unfit(&nodes, making.nodes.len()) {
        return Ok(Pending::after(SECOND, why).into());
    }
    if let Some(why) = front::wrong_setting(outside)? {
        return Ok(Progress::Failed(why));
    }
    let (through, server) = (Server::read(outside, FRONT)?, Server::read(outside, ADMIN)?);
    Ok(if through.system != server.system || through.recovering {
        let (one, other) = (&through.system, &server.system);
        Progress::Failed(format!(
            "PgPool leads to the server {one}, and the cluster that takes writes is {other}"
        ))
    } else {
        Progress::Done(Vec::new())
    })
}

/// Looks whether nothing of what a step had started runs any more.
fn ended<O: Railway + Effects>(
    outside: &O,
    making: &Making,
    step: &str,
) -> Result<Progress, Failure> {
    for service in held::started_by(making, step) {
        if !outside.began(&names::start(service))? {
            continue;
        }
        let found = stopped(outside, service)?;
        if !matches!(found, Progress::Done(_)) {
            return Ok(found);
        }
    }
    Ok(Progress::Done(Vec::new()))
}
