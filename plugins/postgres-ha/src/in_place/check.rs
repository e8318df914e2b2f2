//! Whether each step of this path has reached its end.

use lockstep_sdk::blocks::{grace, keep, pin, proof, smoke as block, soon};
use lockstep_sdk::outside::{Effects, Http, Railway, Sql};
use lockstep_sdk::step::{MINUTE, SECOND};
use lockstep_sdk::{Fact, Facts, Failure, Pending, Progress, StepCall};

use super::context::Conversion;
use super::observe::{POSITION, TABLES, has_replicas};
use super::patroni::{self, Leads};
use super::server::{self, History};
use super::{EDGE, names, raise};
use crate::answer;
use crate::check::services::deployed;
use crate::names::{BACKUP, CLOSE, DEPLOY, GRACE, KEEP, OLD, PIN, PROVE, RETURN, SOAK, rehearsal};
use crate::server::Server;
use crate::smoke;

/// What a coordinator writes once enough of them agree.
const AGREES: &str = "ready to serve client requests";

/// Looks whether a step is done.
pub(crate) fn check<O: Railway + Sql + Http + Effects>(
    outside: &O,
    call: &StepCall,
    _memo: &[Fact],
) -> Result<Progress, Failure> {
    let context = Conversion::of(call)?;
    let facts = Facts(&call.facts);
    match call.step.as_str() {
        PIN => pin::check(outside, &context.pinned(), facts),
        GRACE => grace::check(outside, &context.graces()),
        BACKUP => proof::check_backup(outside, &context.service, call),
        names::REHEARSE => rehearsed(outside, &context, facts),
        names::CONVERT => converted(outside, &context, &context.urls),
        names::ADDRESSES => converted(outside, &context, &context.addresses),
        names::HIDDEN => converted(outside, &context, &context.hidden),
        names::COORDINATORS => agreed(outside, &context),
        names::ADOPT => adopted(outside, &context, facts),
        names::REPLICAS => followed(outside, &context),
        names::SYNCHRONOUS => synchronous(outside, &context),
        names::ASYNCHRONOUS => asynchronous(outside),
        names::FRONT => fronted(outside, &context),
        names::REVERT => reverted(outside, &context),
        names::SLOTS => single(outside, &context),
        PROVE => proven(outside, &context, call),
        SOAK => block::check(outside, &smoke::LOOKS, facts),
        KEEP | CLOSE | names::SETTINGS | names::ADDRESSES_BACK => Ok(Progress::Done(Vec::new())),
        step if step.starts_with(names::RAISE) => raise::check(outside, &context, step),
        step if step.starts_with(names::LEAD) => leading(outside, &context, step),
        step if step.starts_with(RETURN) => client(outside, &context, call, RETURN),
        step if step.starts_with(DEPLOY) => client(outside, &context, call, DEPLOY),
        other => {
            Err(Failure::permanently("plugin:step", format!("`{other}` is no step of this plugin")))
        }
    }
}

fn rehearsed<O: Railway + Http>(
    outside: &O,
    context: &Conversion,
    facts: Facts<'_>,
) -> Result<Progress, Failure> {
    for client in context.running().filter(|client| client.uses.is_rehearsed()) {
        let service = client.service.as_str();
        let digest = keep::kept(facts, service).and_then(|kept| kept.digest);
        let found = deployed(outside, &rehearsal(service), service, digest)?;
        if !matches!(found, Progress::Done(_)) {
            return Ok(found);
        }
    }
    block::check(outside, &smoke::LOOKS, facts)
}

/// Looks whether every URL, as Railway renders it, leads to the front and the database.
fn converted<O: Railway>(
    outside: &O,
    context: &Conversion,
    urls: &[(String, String)],
) -> Result<Progress, Failure> {
    let Some(front) = outside.destination(&context.edge, "DATABASE_URL")? else {
        return Ok(Progress::Failed(format!(
            "DATABASE_URL of `{}` renders to nothing",
            context.edge
        )));
    };
    let own = (context.edge.clone(), "DATABASE_URL".to_owned());
    for (service, name) in [&own].into_iter().chain(urls) {
        let what = format!("`{name}` of `{service}`");
        let Some(location) = outside.destination(service, name)? else {
            return Ok(Progress::Failed(format!("{what} renders to nothing")));
        };
        if location.host != front.host {
            return Ok(Progress::Failed(format!(
                "{what} leads to `{}`, and should lead to `{}`",
                location.host, front.host
            )));
        }
        let database = location.path.trim_start_matches('/').split(['?', '#']).next();
        if database != Some(context.database.as_str()) {
            return Ok(Progress::Failed(format!("{what} leads to another database")));
        }
    }
    Ok(Progress::Done(Vec::new()))
}

/// A coordinator that runs may still be alone, and says when it is not.
fn agreed<O: Railway>(outside: &O, context: &Conversion) -> Result<Progress, Failure> {
    for service in &context.coordinators {
        let label = names::start(service);
        let found = deployed(outside, &label, service, None)?;
        if !matches!(found, Progress::Done(_)) {
            return Ok(found);
        }
        let made = outside.deployment_of(&label)?;
        // Who writes lines has another clock than who makes deployments, and the service has no other deployment.
        let since = made.map_or(0, |made| made.created.saturating_sub(MINUTE));
        if outside.logs(service, since, AGREES, 1)?.is_empty() {
            let note = format!("`{service}` does not say yet that the coordinators agree");
            return Ok(Pending::after(SECOND, note).into());
        }
    }
    Ok(Progress::Done(Vec::new()))
}

/// Looks whether the server leads, is the same one, and has everything that it had.
fn adopted<O: Railway + Sql + Http>(
    outside: &O,
    context: &Conversion,
    facts: Facts<'_>,
) -> Result<Progress, Failure> {
    let found = deployed(outside, names::ADOPT, &context.service, None)?;
    if !matches!(found, Progress::Done(_)) {
        return Ok(found);
    }
    match patroni::leads(outside)? {
        Leads::Yes => {}
        Leads::No => return Ok(Pending::after(SECOND, "the server does not lead yet").into()),
        Leads::Unknown(why) => return Ok(Pending::after(SECOND, why).into()),
    }
    let server = match soon(Server::read(outside, OLD), "the server")? {
        Ok(server) => server,
        Err(pending) => return Ok(pending.into()),
    };
    if server.system != context.system {
        return Ok(Progress::Failed(format!(
            "another server came up: {}, and it was {}",
            server.system, context.system
        )));
    }
    if server.recovering {
        return Ok(Pending::after(SECOND, "the server takes no writes yet").into());
    }
    let now = History::read(outside)?;
    let (position, tables) = (facts.count(POSITION)?, facts.count(TABLES)?);
    if now.position < position || now.tables < tables {
        return Ok(Progress::Failed(format!(
            "the server came up with less than it had: its log ends at {} and ended at {position}, and it has {} tables of {tables}",
            now.position, now.tables
        )));
    }
    // What is raised next may be lower until then.
    let raised = server::limits(&context.settings);
    let fixed: Vec<_> =
        context.settings.iter().filter(|setting| !raised.contains(setting)).cloned().collect();
    let less = server::less(&fixed, &server::settings(outside)?);
    Ok(if less.is_empty() {
        Progress::Done(vec![Fact::one("log-since", now.position - position)])
    } else {
        Progress::Failed(format!(
            "the server came up with lower limits than it had: {}",
            less.join(", ")
        ))
    })
}

fn followed<O: Railway + Sql>(outside: &O, context: &Conversion) -> Result<Progress, Failure> {
    for (service, _) in &context.replicas {
        let found = deployed(outside, &names::start(service), service, None)?;
        if !matches!(found, Progress::Done(_)) {
            return Ok(found);
        }
    }
    let following = server::following(outside, &context.replicas, context.lag_bytes);
    let (follow, _) = match soon(following, "the server")? {
        Ok(counts) => counts,
        Err(pending) => return Ok(pending.into()),
    };
    let wanted = u64::try_from(context.replicas.len()).unwrap_or(u64::MAX);
    Ok(if follow < wanted {
        let mut pending =
            Pending::after(SECOND, format!("{follow} of {wanted} replicas follow closely"));
        (pending.done, pending.total) = (Some(follow), Some(wanted));
        pending.into()
    } else {
        Progress::Done(Vec::new())
    })
}

fn synchronous<O: Sql>(outside: &O, context: &Conversion) -> Result<Progress, Failure> {
    let following = server::following(outside, &context.replicas, u64::from(u32::MAX));
    Ok(match soon(following, "the server")? {
        Ok((_, 0)) => Pending::after(SECOND, "no replica confirms commits yet").into(),
        Ok(_) => Progress::Done(Vec::new()),
        Err(pending) => pending.into(),
    })
}

/// A server that another node leads has nothing to say about it here; whoever leads is looked at next.
fn asynchronous<O: Sql + Http>(outside: &O) -> Result<Progress, Failure> {
    if patroni::leads(outside)? != Leads::Yes {
        return Ok(Progress::Done(Vec::new()));
    }
    Ok(match soon(Server::read(outside, OLD), "the server")? {
        Ok(server) if server.synchronous.is_empty() => Progress::Done(Vec::new()),
        Ok(_) => Pending::after(SECOND, "the server still waits for a second node").into(),
        Err(pending) => pending.into(),
    })
}

/// Looks whether the front leads to the node that takes writes, and to the database.
fn fronted<O: Railway + Sql>(outside: &O, context: &Conversion) -> Result<Progress, Failure> {
    let found = deployed(outside, &names::start(&context.edge), &context.edge, None)?;
    if !matches!(found, Progress::Done(_)) {
        return Ok(found);
    }
    through(outside, context)
}

fn through<O: Sql>(outside: &O, context: &Conversion) -> Result<Progress, Failure> {
    let server = match soon(Server::read(outside, EDGE), "the front")? {
        Ok(server) => server,
        Err(pending) => return Ok(pending.into()),
    };
    let wrong = if server.system != context.system {
        Some(format!("the front leads to another server: {}", server.system))
    } else if server.database != context.database {
        Some(format!("the front leads to the database `{}`", server.database))
    } else {
        None
    };
    Ok(match wrong {
        Some(why) => Progress::Failed(why),
        None if server.recovering => {
            Pending::after(SECOND, "the front leads to a node that takes no writes").into()
        }
        None => Progress::Done(Vec::new()),
    })
}

/// Looks whether a client is up; on the way back only where it was led to the front.
fn client<O: Railway + Effects>(
    outside: &O,
    context: &Conversion,
    call: &StepCall,
    prefix: &str,
) -> Result<Progress, Failure> {
    let step = call.step.as_str();
    let Some(client) = context.client(step, prefix) else {
        let why = format!("`{step}` deploys no service of this plan");
        return Err(Failure::permanently("plugin:step", why));
    };
    let there = crate::names::deployment(&client.service);
    if prefix == RETURN && !outside.began(&there)? {
        return Ok(Progress::Done(Vec::new()));
    }
    let digest = keep::kept(Facts(&call.facts), &client.service).and_then(|kept| kept.digest);
    deployed(outside, step, &client.service, digest)
}

fn proven<O: Sql + Http>(
    outside: &O,
    context: &Conversion,
    call: &StepCall,
) -> Result<Progress, Failure> {
    let answered = block::check(outside, &smoke::LOOKS, Facts(&call.facts))?;
    let Progress::Done(recorded) = answered else { return Ok(answered) };
    let through = through(outside, context)?;
    if !matches!(through, Progress::Done(_)) {
        return Ok(through);
    }
    let (follow, confirm) = server::following(outside, &context.replicas, context.lag_bytes)?;
    Ok(if follow == 0 || confirm == 0 {
        let note = format!("{follow} replicas follow closely, and {confirm} confirm commits");
        Pending::after(SECOND, note).into()
    } else {
        Progress::Done(recorded)
    })
}

/// Looks whether the server leads, where it was told to.
fn leading<O: Http + Effects>(
    outside: &O,
    context: &Conversion,
    step: &str,
) -> Result<Progress, Failure> {
    if !has_replicas(outside, context)? || !outside.began(step)? {
        return Ok(Progress::Done(Vec::new()));
    }
    Ok(match patroni::leads(outside)? {
        Leads::Yes => Progress::Done(Vec::new()),
        Leads::No => Pending::after(SECOND, "another node leads still").into(),
        Leads::Unknown(why) => Pending::after(SECOND, why).into(),
    })
}

/// Looks whether the cluster is gone, and whether the server is up alone.
fn reverted<O: Railway + Effects>(outside: &O, context: &Conversion) -> Result<Progress, Failure> {
    let services = outside.services()?;
    let own = [&context.edge].into_iter().chain(&context.coordinators);
    let mut own = own.chain(context.replicas.iter().map(|(service, _)| service));
    if let Some(left) = own.find(|name| services.iter().any(|service| service.name == **name)) {
        return Ok(Pending::after(SECOND, format!("the service `{left}` is still listed")).into());
    }
    if !outside.began(names::ADOPT)? {
        return Ok(Progress::Done(Vec::new()));
    }
    deployed(outside, names::RETURN_ROOT, &context.service, None)
}

/// Looks whether the single server takes writes, with the settings that it had, and keeps no log for nodes that are gone.
fn single<O: Sql + Effects>(outside: &O, context: &Conversion) -> Result<Progress, Failure> {
    if !outside.began(names::ADOPT)? {
        return Ok(Progress::Done(Vec::new()));
    }
    let server = match soon(Server::read(outside, OLD), "the server")? {
        Ok(server) => server,
        Err(pending) => return Ok(pending.into()),
    };
    if server.system != context.system || server.recovering {
        return Ok(Progress::Failed(
            "what came up is not the server, or takes no writes".to_owned(),
        ));
    }
    let settings = server::settings(outside)?;
    let other = |(name, value): &&(String, String)| {
        settings.iter().find(|(known, _)| known == name).map(|(_, now)| now) != Some(value)
    };
    let wrong: Vec<String> = context
        .settings
        .iter()
        .filter(other)
        .map(|(name, value)| format!("{name} should be {value}"))
        .collect();
    if !wrong.is_empty() {
        return Ok(Progress::Failed(format!(
            "the server is back with other settings than it had: {}. Set each by ALTER SYSTEM and restart it",
            wrong.join(", ")
        )));
    }
    let left = answer::row(outside, OLD, &server::left_slots(&context.replicas), &[])?.count(0)?;
    Ok(if left == 0 {
        Progress::Done(Vec::new())
    } else {
        Progress::Failed(format!("{left} slots of replicas that are gone are still there"))
    })
}
