//! What each step finds before it starts: its preconditions, proven again, and what its check will compare with.

use lockstep_sdk::blocks::{canary, keep, owner, proof, smoke as block};
use lockstep_sdk::outside::{Effects, Http, Railway, Redis};
use lockstep_sdk::{Fact, Facts, Failure, Observation, Pending, StepCall, history};

use crate::clients;
use crate::context::Context;
use crate::look::Look;
use crate::names;
use crate::queues::Queues;
use crate::server::Server;
use crate::smoke;

/// The time between two looks whose difference shows which keys stand still.
const BETWEEN_LOOKS: u64 = 1_500;

/// Settings that must be the same afterwards.
pub(crate) const KEPT: [&str; 3] = ["maxmemory", "maxmemory-policy", "save"];

/// Looks whether a step may start.
pub(crate) fn observe<O: Railway + Redis + Http + Effects>(
    outside: &O,
    call: &StepCall,
    memo: &[Fact],
) -> Result<Observation, Failure> {
    let facts = Facts(&call.facts);
    let context = Context::of(call)?;
    match call.step.as_str() {
        names::KEEP => first(outside, &context),
        names::BACK_STOP | names::BACK_RESTORE if !outside.began("deploy")? => {
            Ok(Observation::NothingToDo("the new server was never started".to_owned()))
        }
        names::USER_UNDO if outside.began("deploy")? => Ok(Observation::NothingToDo(
            "the new image has run: the former one reads its files only as root".to_owned(),
        )),
        names::BACK_SAVE => back_save(outside, &context),
        names::BACK_STOP => up(outside, &context.service),
        names::BACK_RESTORE => back_restore(outside),
        names::WORKER_START_UNDO => up(outside, context.worker.as_deref().unwrap_or_default()),
        names::UPGRADE_UNDO => Ok(Observation::Ready(fresh_look(outside, &context))),
        names::BACK_START
        | names::CANARY_UNDO
        | names::POLICY_UNDO
        | names::AOF_UNDO
        | names::USER_UNDO
        | names::WORKER_STOP_UNDO => Ok(Observation::Ready(Vec::new())),
        forward => {
            if let Some(why) = owner::disturbed(outside, &context.services())? {
                return Ok(Observation::Moved(why));
            }
            self::forward(outside, forward, &context, facts, memo)
        }
    }
}

fn forward<O: Railway + Redis + Http>(
    outside: &O,
    step: &str,
    context: &Context,
    facts: Facts<'_>,
    memo: &[Fact],
) -> Result<Observation, Failure> {
    match step {
        names::SAVE | names::FINAL_SAVE | names::LAST_SAVE => {
            proof::observe_save(outside, &context.connection)
        }
        names::BACKUP => proof::observe_backup(outside, &context.service),
        names::FINAL_BACKUP => {
            let backups = proof::observe_backup(outside, &context.service)?;
            let Observation::Ready(mut recorded) = backups else { return Ok(backups) };
            let look = match steady_look(outside, context, memo)? {
                Ok(look) => look,
                Err(pending) => return Ok(pending.into()),
            };
            recorded.extend(look.facts());
            Ok(Observation::Ready(recorded))
        }
        names::UPGRADE => upgrade(outside, context, facts, memo),
        names::PIN
        | names::GRACE
        | names::CANARY
        | names::AOF
        | names::POLICY
        | names::USER
        | names::WORKER_STOP
        | names::WORKER_START
        | names::SMOKE
        | names::CLOSE => Ok(Observation::Ready(Vec::new())),
        other => {
            Err(Failure::permanently("plugin:step", format!("`{other}` is no step of this plugin")))
        }
    }
}

/// Proves that the stack is the one that the plan was made for, and records how it stands.
fn first<O: Railway + Redis + Http>(
    outside: &O,
    context: &Context,
) -> Result<Observation, Failure> {
    let services = outside.services()?;
    let gone = |name: &&str| !services.iter().any(|service| service.name == **name);
    if let Some(gone) = context.services().into_iter().find(gone) {
        return Ok(Observation::Moved(format!("service `{gone}` is gone")));
    }
    if let Some(why) = owner::disturbed(outside, &context.services())? {
        return Ok(Observation::Moved(why));
    }
    let server = Server::read(outside, &context.connection)?;
    if let Some(moved) = not_as_planned(&server, context) {
        return Ok(Observation::Moved(moved));
    }
    let mut recorded = keep::facts(outside, &context.services())?;
    let digest = keep::kept(Facts(&recorded), &context.service)
        .and_then(|kept| kept.digest.map(str::to_owned));
    if digest.as_deref() != Some(context.digest.as_str()) {
        return Ok(Observation::Moved(format!(
            "`{}` runs {}, and the plan was made for another image",
            context.service,
            digest.as_deref().unwrap_or("nothing")
        )));
    }
    let unusual = server.unusual().map(|(name, value)| vec![name.into(), value.into()]);
    recorded.push(Fact::table("settings", unusual));
    recorded.push(Queues::read(outside, &context.connection)?.fact());
    recorded.push(block::facts(&block::look(outside, &smoke::LOOKS)));
    Ok(Observation::Ready(recorded))
}

/// Proves that nothing has changed since the run began, and records everything that the check compares.
fn upgrade<O: Railway + Redis>(
    outside: &O,
    context: &Context,
    facts: Facts<'_>,
    memo: &[Fact],
) -> Result<Observation, Failure> {
    for service in context.services() {
        let kept = keep::kept(facts, service);
        let deployment = kept.as_ref().and_then(|kept| kept.deployment);
        if let Some(why) = owner::foreign(outside, service, deployment, &[])? {
            return Ok(Observation::Moved(why));
        }
    }
    let deployments = outside.deployments(&context.service, 10)?;
    let digest = history::running(&deployments).and_then(|running| running.digest.as_deref());
    if digest != keep::kept(facts, &context.service).and_then(|kept| kept.digest) {
        return Ok(Observation::Moved(format!(
            "`{}` no longer runs the image that it ran when the run began",
            context.service
        )));
    }
    let server = Server::read(outside, &context.connection)?;
    if let Some(moved) = not_as_planned(&server, context) {
        return Ok(Observation::Moved(moved));
    }
    if let Some(moved) = clients::followed(outside, &context.connection, &server)? {
        return Ok(Observation::Moved(moved));
    }
    let look = match steady_look(outside, context, memo)? {
        Ok(look) => look,
        Err(pending) => return Ok(pending.into()),
    };
    let mut recorded = look.facts();
    recorded.push(Queues::read(outside, &context.connection)?.fact());
    recorded.push(Fact::one("run-id", server.field("run_id").map(str::to_owned)));
    recorded.push(Fact::one("appends", server.appends()));
    recorded.push(Fact::table(
        "kept",
        KEPT.iter()
            .map(|name| vec![(*name).into(), server.setting(name).map(str::to_owned).into()]),
    ));
    Ok(Observation::Ready(recorded))
}

fn not_as_planned(server: &Server, context: &Context) -> Option<String> {
    if server.version != context.from {
        return Some(format!(
            "the server is {}, and the plan was made for {}",
            server.version, context.from
        ));
    }
    if !server.is_master() {
        return Some("the server is no longer a primary".to_owned());
    }
    server.loads().then(|| "the server is reading its data set, so it was restarted".to_owned())
}

/// Takes a second look after a first one, which the memo holds meanwhile.
fn steady_look<O: Redis>(
    outside: &O,
    context: &Context,
    memo: &[Fact],
) -> Result<Result<Look, Pending>, Failure> {
    let look = Look::take(outside, &context.connection)?;
    Ok(match Look::of(Facts(memo)) {
        Some(earlier) => Ok(look.steady_since(&earlier)),
        None => Err(Pending::after(BETWEEN_LOOKS, "looking which keys stand still")
            .remembering(look.facts())),
    })
}

/// Looks at what is in the server before it goes back, if it answers. Without these facts the check compares with those
/// from before the upgrade; a server that came up empty must not lower what is demanded.
fn fresh_look<O: Redis>(outside: &O, context: &Context) -> Vec<Fact> {
    match Look::take(outside, &context.connection) {
        Ok(look) if look.keys > 0 => look.facts(),
        Ok(_) | Err(_) => Vec::new(),
    }
}

/// The former image starts from this save. A server that does not hold the data must not overwrite the last one with it,
/// neither now nor when it is told to end: a person restores the locked backup then.
fn back_save<O: Railway + Redis + Effects>(
    outside: &O,
    context: &Context,
) -> Result<Observation, Failure> {
    if !outside.began("deploy")? {
        return Ok(Observation::NothingToDo("the new server was never started".to_owned()));
    }
    if history::running(&outside.deployments(&context.service, 10)?).is_none() {
        return Ok(Observation::NothingToDo(format!(
            "nothing of `{}` runs, so nothing was written since the last save",
            context.service
        )));
    }
    Ok(match canary::missing(outside, "redis", &context.connection)? {
        Some(why) => Observation::Moved(format!(
            "{why}: this server does not hold the data, and at its end would write that over the last save; restore the \
             locked backup of the volume by hand"
        )),
        None => proof::observe_save(outside, &context.connection)?,
    })
}

/// Nothing is to be stopped where nothing is up.
fn up<O: Railway>(outside: &O, service: &str) -> Result<Observation, Failure> {
    let deployments = outside.deployments(service, 10)?;
    let up = deployments.iter().any(|deployment| history::moves(&deployment.status));
    Ok(if up || history::running(&deployments).is_some() {
        Observation::Ready(Vec::new())
    } else {
        Observation::NothingToDo(format!("nothing of `{service}` runs"))
    })
}

/// Restoring only stages the exchange of the volumes, so nothing else may be staged.
fn back_restore<O: Railway>(outside: &O) -> Result<Observation, Failure> {
    let staged = outside.staged()?;
    Ok(if staged.is_empty() {
        Observation::Ready(Vec::new())
    } else {
        let note = format!(
            "somebody else's staged changes must be committed or discarded first: {}",
            staged.join("; ")
        );
        Pending::after(5_000, note).into()
    })
}
