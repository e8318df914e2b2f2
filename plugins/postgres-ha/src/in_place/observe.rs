//! What each step of this path finds before it starts.

use lockstep_sdk::blocks::owner::{self, Disturbance};
use lockstep_sdk::blocks::{keep, smoke as block, soon};
use lockstep_sdk::outside::{Effects, Http, Railway, Sql};
use lockstep_sdk::step::SECOND;
use lockstep_sdk::{Fact, Facts, Failure, Observation, Pending, StepCall};

use super::context::Conversion;
use super::patroni::{self, Leads};
use super::server::{self, History};
use super::{names, raise};
use crate::names::{BACKUP, CLOSE, DEPLOY, GRACE, KEEP, OLD, PIN, PROVE, RETURN, SOAK};
use crate::server::Server;
use crate::smoke;

/// How often to look again.
pub(super) const AGAIN: u64 = 5 * SECOND;

/// How long to wait, in looks, for a node that is to have everything, to tell whether it leads, or to take up what it is told.
pub(super) const LOOKS: u64 = 24;

/// The facts that say where the log ended and how many tables there were before the server stopped.
pub(super) const POSITION: &str = "position";
pub(super) const TABLES: &str = "tables";

/// Looks whether a step may start.
pub(crate) fn observe<O: Railway + Sql + Http + Effects>(
    outside: &O,
    call: &StepCall,
    memo: &[Fact],
) -> Result<Observation, Failure> {
    let context = Conversion::of(call)?;
    match call.step.as_str() {
        KEEP => first(outside, &context),
        names::ADOPT => adopt(outside, &context),
        names::SETTINGS => settings(outside, &context),
        names::REVERT => revert(outside, &context, memo),
        step if step.starts_with(names::LEAD) => lead(outside, &context, call, memo),
        step if step.starts_with(RETURN) => returns(outside, &context, call, memo),
        step if step.starts_with(names::RAISE) => raise::observe(outside, &context, step, memo),
        names::ASYNCHRONOUS | names::SLOTS | names::ADDRESSES_BACK => {
            Ok(Observation::Ready(Vec::new()))
        }
        PROVE | SOAK | CLOSE => reported(outside, &context),
        step if is_forward(step) => match disturbed(outside, &context)? {
            Some(found) => Ok(found),
            None => Ok(Observation::Ready(Vec::new())),
        },
        other => {
            Err(Failure::permanently("plugin:step", format!("`{other}` is no step of this plugin")))
        }
    }
}

fn is_forward(step: &str) -> bool {
    const STEPS: [&str; 11] = [
        PIN,
        GRACE,
        BACKUP,
        names::REHEARSE,
        names::CONVERT,
        names::COORDINATORS,
        names::REPLICAS,
        names::SYNCHRONOUS,
        names::FRONT,
        names::ADDRESSES,
        names::HIDDEN,
    ];
    STEPS.contains(&step) || step.starts_with(DEPLOY)
}

pub(super) fn disturbed<O: Railway>(
    outside: &O,
    context: &Conversion,
) -> Result<Option<Observation>, Failure> {
    Ok(owner::disturbed(outside, &context.services())?.map(|found| match found {
        Disturbance::Staged(why) => Observation::Moved(why),
        Disturbance::Deploying(why) => Pending::after(AGAIN, why).into(),
    }))
}

fn reported<O: Railway>(outside: &O, context: &Conversion) -> Result<Observation, Failure> {
    Ok(match owner::disturbed(outside, &context.services())? {
        None => Observation::Ready(Vec::new()),
        Some(Disturbance::Staged(why) | Disturbance::Deploying(why)) => {
            Observation::Ready(vec![Fact::one("disturbed", why)])
        }
    })
}

/// Proves that the stack is the one that the plan was made for, and records how it stands.
fn first<O: Railway + Sql + Http>(
    outside: &O,
    context: &Conversion,
) -> Result<Observation, Failure> {
    let services = outside.services()?;
    let gone = |name: &&str| !services.iter().any(|service| service.name == **name);
    if let Some(gone) = context.services().into_iter().find(gone) {
        return Ok(Observation::Moved(format!("service `{gone}` is gone")));
    }
    if let Some(found) = disturbed(outside, context)? {
        return Ok(found);
    }
    let server = Server::read(outside, OLD)?;
    if server.system != context.system || server.recovering {
        return Ok(Observation::Moved(format!(
            "`{OLD}` leads to the server {}, and the plan was made for {}, which takes writes",
            server.system, context.system
        )));
    }
    if server::settings(outside)? != context.settings {
        let why = "settings of the server are others than those that the plan would put back";
        return Ok(Observation::Moved(why.to_owned()));
    }
    let mut recorded = keep::facts(outside, &context.services())?;
    recorded.push(block::facts(&block::look(outside, &smoke::LOOKS)));
    Ok(Observation::Ready(recorded))
}

/// Records where the log ends, behind which the server may not fall.
fn adopt<O: Railway + Sql>(outside: &O, context: &Conversion) -> Result<Observation, Failure> {
    if let Some(found) = disturbed(outside, context)? {
        return Ok(found);
    }
    let history = History::read(outside)?;
    Ok(Observation::Ready(vec![
        Fact::one(POSITION, history.position),
        Fact::one(TABLES, history.tables),
    ]))
}

/// Returns whether a replica was deployed. Before that the server is the only node, and has every row, whoever leads.
pub(super) fn has_replicas<O: Effects>(outside: &O, context: &Conversion) -> Result<bool, Failure> {
    for (service, _) in &context.replicas {
        if outside.began(&names::start(service))? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Lets the server lead if another node does, once it has everything.
fn lead<O: Http + Effects>(
    outside: &O,
    context: &Conversion,
    call: &StepCall,
    memo: &[Fact],
) -> Result<Observation, Failure> {
    let done = |why: &str| Ok(Observation::NothingToDo(why.to_owned()));
    if !has_replicas(outside, context)? {
        return done("the server is the only node");
    }
    let client = context.client(&call.step, names::LEAD);
    if let Some(client) = client
        && !outside.began(&crate::names::deployment(&client.service))?
    {
        return done("the client was not deployed");
    }
    Ok(match patroni::leads(outside)? {
        Leads::Yes => Observation::NothingToDo("the server leads".to_owned()),
        Leads::No if patroni::caught_up(outside)? => Observation::Ready(Vec::new()),
        Leads::No => {
            waits(memo, context, "another node leads, and the server does not have everything yet")
        }
        Leads::Unknown(why) => {
            waits(memo, context, &format!("whether the server leads can't be told: {why}"))
        }
    })
}

/// A client goes back to the server itself only while that leads.
fn returns<O: Http + Effects>(
    outside: &O,
    context: &Conversion,
    call: &StepCall,
    memo: &[Fact],
) -> Result<Observation, Failure> {
    let client = context.client(&call.step, RETURN);
    let Some(client) = client else {
        let why = format!("`{}` deploys no service of this plan", call.step);
        return Err(Failure::permanently("plugin:step", why));
    };
    if !outside.began(&crate::names::deployment(&client.service))? {
        return Ok(Observation::Ready(Vec::new()));
    }
    Ok(unless_it_leads(outside, context, memo)?.unwrap_or(Observation::Ready(Vec::new())))
}

/// Whatever only another node has would be deleted with it.
fn revert<O: Http + Effects>(
    outside: &O,
    context: &Conversion,
    memo: &[Fact],
) -> Result<Observation, Failure> {
    if !has_replicas(outside, context)? {
        return Ok(Observation::Ready(Vec::new()));
    }
    Ok(unless_it_leads(outside, context, memo)?.unwrap_or(Observation::Ready(Vec::new())))
}

fn unless_it_leads<O: Http>(
    outside: &O,
    context: &Conversion,
    memo: &[Fact],
) -> Result<Option<Observation>, Failure> {
    Ok(match patroni::leads(outside)? {
        Leads::Yes => None,
        Leads::No => Some(waits(memo, context, "another node leads")),
        Leads::Unknown(why) => {
            Some(waits(memo, context, &format!("whether the server leads can't be told: {why}")))
        }
    })
}

/// A server that never came up under Patroni takes no statement; its files are as they were.
fn settings<O: Sql + Effects>(outside: &O, context: &Conversion) -> Result<Observation, Failure> {
    if !outside.began(names::ADOPT)? {
        return Ok(Observation::Ready(Vec::new()));
    }
    if has_replicas(outside, context)? {
        return Ok(Observation::Ready(Vec::new()));
    }
    Ok(match soon(Server::read(outside, OLD), "the server")? {
        Ok(server) if !server.recovering => Observation::Ready(Vec::new()),
        Ok(_) | Err(_) => {
            Observation::NothingToDo("the server takes no writes under Patroni".to_owned())
        }
    })
}

/// Waits, but no longer than so many looks; then a person is told what to do.
fn waits(memo: &[Fact], context: &Conversion, why: &str) -> Observation {
    let looks = Facts(memo).maybe_count("looks").unwrap_or(0) + 1;
    if looks > LOOKS {
        return Observation::Moved(format!(
            "{why}: taking the cluster back would delete what the server does not have; {}",
            patroni::by_hand(&context.node)
        ));
    }
    Pending::after(AGAIN, why).remembering(vec![Fact::one("looks", looks)]).into()
}
