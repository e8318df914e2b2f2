//! Whether what comes before the copy is done.

use lockstep_sdk::blocks::{grace, keep, pin, proof, smoke as block, soon};
use lockstep_sdk::outside::{Effects, Http, Railway, Sql};
use lockstep_sdk::step::SECOND;
use lockstep_sdk::{Fact, Facts, Failure, Pending, Progress, StepCall, Variable, VariableValue};

use super::services::deployed;
use crate::cluster;
use crate::context::Context;
use crate::front;
use crate::names::{self, ADMIN, OLD, rehearsal};
use crate::server::Server;
use crate::smoke;
use crate::tables;

/// How often nodes that were put back are looked at until they need not follow, a second apart.
const LOOKS: u64 = 60;

/// How often PgPool is looked at that was put back until it is started anew, a second apart.
const POOL_LOOKS: u64 = 30;

/// Looks whether services are pinned, given time, deployed as they are, and backed up.
pub(super) fn services<O: Railway + Http>(
    outside: &O,
    context: &Context,
    call: &StepCall,
) -> Result<Progress, Failure> {
    let facts = Facts(&call.facts);
    match call.step.as_str() {
        names::PIN => pin::check(outside, &context.pinned(), facts),
        names::GRACE => grace::check(outside, &context.graces()),
        names::BACKUP => proof::check_backup(outside, &context.service, call),
        _ => frozen(outside, context, facts),
    }
}

/// Looks whether migrations are kept from running, and whether everybody still answers after its deployment.
fn frozen<O: Railway + Http>(
    outside: &O,
    context: &Context,
    facts: Facts<'_>,
) -> Result<Progress, Failure> {
    for client in context.running().filter(|client| client.uses.is_rehearsed()) {
        let service = client.service.as_str();
        let digest = keep::kept(facts, service).and_then(|kept| kept.digest);
        let found = deployed(outside, &rehearsal(service), service, digest)?;
        if !matches!(found, Progress::Done(_)) {
            return Ok(found);
        }
        let variables = outside.variables(service)?;
        let stands = |name: &str, value: &str| {
            let is = |variable: &Variable| {
                variable.name == name && variable.value == VariableValue::Shown(value.to_owned())
            };
            variables.iter().any(is)
        };
        let missing = client.uses.frozen_by().iter().find(|(name, value)| !stands(name, value));
        if let Some((name, value)) = missing {
            return Ok(Progress::Failed(format!(
                "`{name}` of `{service}` does not stand at {value}"
            )));
        }
    }
    block::check(outside, &smoke::LOOKS, facts)
}

/// Looks whether every table's rows can be told apart.
pub(super) fn identified<O: Sql>(outside: &O) -> Result<Progress, Failure> {
    Ok(match tables::anonymous(outside)?.first() {
        Some(table) => Progress::Failed(format!("nothing identifies the rows of {}", table.name)),
        None => Progress::Done(Vec::new()),
    })
}

/// Looks whether the log that a link may hold back is bounded, and what comes over one confirmed soon: a server takes a moment
/// to read its settings. One that nobody follows needs no bound, and one that follows nobody confirms nothing.
pub(super) fn bounded<O: Sql>(outside: &O, context: &Context) -> Result<Progress, Failure> {
    let (old, new) = (Server::read(outside, OLD)?, Server::read(outside, ADMIN)?);
    let followed = !context.stops_clients();
    let old_has_not = (followed && old.has_no_budget()) || old.confirms_late();
    let new_has_not = new.has_no_budget() || (followed && new.confirms_late());
    Ok(if old_has_not || new_has_not {
        Pending::after(SECOND, "a server has not read its settings yet").into()
    } else {
        Progress::Done(Vec::new())
    })
}

/// Looks whether the old server was started anew, and, where it is to be followed, with a log that a link can read.
pub(super) fn logical<O: Sql>(
    outside: &O,
    context: &Context,
    call: &StepCall,
) -> Result<Progress, Failure> {
    let server = match soon(Server::read(outside, OLD), "the old server")? {
        Ok(server) => server,
        Err(pending) => return Ok(pending.into()),
    };
    if Facts(&call.facts).text("started")? == server.started {
        return Ok(Pending::after(SECOND, "the server has not been restarted yet").into());
    }
    Ok(if context.stops_clients() || server.is_logical() {
        Progress::Done(Vec::new())
    } else {
        Progress::Failed(format!(
            "the server was restarted, and `wal_level` is still `{}`: something else sets it, such as its start command",
            server.wal_level
        ))
    })
}

/// Looks whether the cluster came up as it must be, with all its nodes.
pub(super) fn cluster<O: Railway + Sql + Effects>(
    outside: &O,
    context: &Context,
) -> Result<Progress, Failure> {
    for node in &context.nodes {
        let found = deployed(outside, &names::started(node), node, None)?;
        if !matches!(found, Progress::Done(_)) {
            return Ok(found);
        }
    }
    let server = match soon(Server::read(outside, ADMIN), "the cluster")? {
        Ok(server) => server,
        Err(pending) => return Ok(pending.into()),
    };
    if server.has_no_budget() {
        let why = "another node leads since the nodes were deployed, and there nothing bounds the log that a link holds back: plan again";
        return Ok(Progress::Failed(why.to_owned()));
    }
    if !server.is_logical() {
        let why =
            format!("the cluster came up, and its `wal_level` is still `{}`", server.wal_level);
        return Ok(Progress::Failed(why));
    }
    if server.synchronous.is_empty() && context.nodes.len() > 1 {
        let why = "the cluster came up, and no node must confirm a commit: `synchronous_standby_names` is empty";
        return Ok(Progress::Failed(why.to_owned()));
    }
    Ok(followed(&server, context))
}

/// Looks whether the nodes came up again that were put back. Nobody uses the cluster, so one that does not follow is waited for
/// only a while: what is still to be put back elsewhere matters more.
pub(super) fn cluster_again<O: Railway + Sql + Effects>(
    outside: &O,
    context: &Context,
    memo: &[Fact],
) -> Result<Progress, Failure> {
    for node in &context.nodes {
        let found = deployed_again(outside, node, &[node])?;
        if !matches!(found, Progress::Done(_)) {
            return Ok(found);
        }
    }
    let found = match soon(Server::read(outside, ADMIN), "the cluster")? {
        Ok(server) => followed(&server, context),
        Err(pending) => pending.into(),
    };
    let Progress::Pending(pending) = found else { return Ok(found) };
    let looks = Facts(memo).maybe_count("looks").unwrap_or(0) + 1;
    Ok(if looks > LOOKS {
        Progress::Done(vec![Fact::one(
            "attention",
            format!("the cluster is not whole: {}", pending.note),
        )])
    } else {
        pending.remembering(vec![Fact::one("looks", looks)]).into()
    })
}

/// Looks whether PgPool came up again that was put back, or whose nodes were, and leads to a primary. One that was started while a
/// node was still coming back can be of no use for good, so it is started anew. Nobody uses it, so it is given up in the end.
pub(super) fn pool_again<O: Railway + Sql + Effects>(
    outside: &O,
    context: &Context,
    (call, memo): (&StepCall, &[Fact]),
) -> Result<Progress, Failure> {
    let mut causes: Vec<&str> = context.nodes.iter().map(String::as_str).collect();
    causes.push(&context.front);
    let found = deployed_again(outside, &context.front, &causes)?;
    if !matches!(found, Progress::Done(_)) || !any_began(outside, &causes)? {
        return Ok(found);
    }
    let why = match front::nodes(outside) {
        Ok(nodes) => front::unfit(&nodes, 1),
        Err(failure) if failure.is_denied() => return Err(failure),
        Err(failure) => Some(failure.line()),
    };
    let Some(why) = why else { return Ok(found) };
    let looks = Facts(memo).maybe_count("looks").unwrap_or(0) + 1;
    Ok(if looks <= POOL_LOOKS {
        let pending = Pending::after(SECOND, format!("PgPool leads nowhere yet: {why}"));
        pending.remembering(vec![Fact::one("looks", looks)]).into()
    } else if call.round < names::POOL_ROUNDS {
        Progress::Again(format!("PgPool leads nowhere, and is started anew: {why}"))
    } else {
        Progress::Done(vec![Fact::one("attention", format!("PgPool leads nowhere: {why}"))])
    })
}

fn any_began<O: Effects>(outside: &O, causes: &[&str]) -> Result<bool, Failure> {
    for cause in causes {
        if outside.began(&names::started(cause))? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Looks whether a service is up that was deployed as it was, if the run had deployed one of the `causes`.
fn deployed_again<O: Railway + Effects>(
    outside: &O,
    service: &str,
    causes: &[&str],
) -> Result<Progress, Failure> {
    if any_began(outside, causes)? {
        deployed(outside, &names::started_again(service), service, None)
    } else {
        Ok(Progress::Done(Vec::new()))
    }
}

/// Looks whether every other node follows the primary.
fn followed(server: &Server, context: &Context) -> Progress {
    let wanted = context.nodes.len().saturating_sub(1);
    let follow = usize::try_from(server.receivers).unwrap_or(usize::MAX);
    if follow < wanted {
        let note = format!("{follow} nodes follow the primary, and {wanted} should");
        Pending::after(SECOND, note).into()
    } else {
        Progress::Done(Vec::new())
    }
}

/// Looks whether the database is there, and, where PgPool is not deployed, whether that leads to it as it must.
pub(super) fn database<O: Sql>(outside: &O, context: &Context) -> Result<Progress, Failure> {
    if !cluster::present(outside, &context.database)? {
        return Ok(Progress::Failed("the database is not there".to_owned()));
    }
    if context.deploys_front { Ok(Progress::Done(Vec::new())) } else { leads(outside, context) }
}

/// Looks whether PgPool came up, sees all its nodes, and leads to the database as it must.
pub(super) fn pool<O: Railway + Sql>(outside: &O, context: &Context) -> Result<Progress, Failure> {
    let found = deployed(outside, &names::started(&context.front), &context.front, None)?;
    if matches!(found, Progress::Done(_)) { leads(outside, context) } else { Ok(found) }
}

fn leads<O: Sql>(outside: &O, context: &Context) -> Result<Progress, Failure> {
    let nodes = match soon(front::nodes(outside), "PgPool")? {
        Ok(nodes) => nodes,
        Err(pending) => return Ok(pending.into()),
    };
    if let Some(why) = front::unfit(&nodes, context.nodes.len()) {
        return Ok(Pending::after(SECOND, why).into());
    }
    Ok(match front::wrong_setting(outside)? {
        Some(why) => Progress::Failed(why),
        None => Progress::Done(Vec::new()),
    })
}

/// Looks whether the database is gone.
pub(super) fn no_database<O: Sql>(outside: &O, context: &Context) -> Result<Progress, Failure> {
    Ok(if cluster::present(outside, &context.database)? {
        Progress::Failed("the database is still there".to_owned())
    } else {
        Progress::Done(Vec::new())
    })
}
