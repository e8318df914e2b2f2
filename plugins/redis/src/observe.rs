//! What each step finds before it starts: its preconditions, proven again, and what its check will compare with.

use lockstep_sdk::blocks::owner::{self, Disturbance};
use lockstep_sdk::blocks::{canary, keep, proof, smoke as block};
use lockstep_sdk::outside::{Effects, Http, Railway, Redis};
use lockstep_sdk::step::SECOND;
use lockstep_sdk::{Fact, Facts, Failure, Observation, Pending, StepCall, history};

use crate::after::RESTORED;
use crate::before::Before;
use crate::clients;
use crate::context::Context;
use crate::names::{self, COMPONENT};
use crate::queues::Queues;
use crate::server::Server;
use crate::smoke;

/// Settings that must be the same afterwards.
pub(crate) const KEPT: [&str; 3] = ["maxmemory", "maxmemory-policy", "save"];

/// How often to look whether a disturbance is over.
const AGAIN: u64 = 5 * SECOND;

/// Looks whether a step may start.
pub(crate) fn observe<O: Railway + Redis + Http + Effects>(
    outside: &O,
    call: &StepCall,
    memo: &[Fact],
) -> Result<Observation, Failure> {
    let context = Context::of(call)?;
    match call.step.as_str() {
        names::BACK_STOP | names::BACK_RESTORE if !outside.began("deploy")? => {
            Ok(Observation::NothingToDo("the new server was never started".to_owned()))
        }
        names::USER_UNDO if outside.began("deploy")? => Ok(Observation::NothingToDo(
            "the new image has run: the former one reads its files only as root".to_owned(),
        )),
        names::KEEP => first(outside, &context),
        names::BACK_SAVE => back_save(outside, &context),
        names::BACK_STOP => back_stop(outside, &context),
        names::BACK_RESTORE => empty_stage(outside),
        names::BACK_START => {
            Ok(Observation::Ready(vec![Fact::one(RESTORED, outside.began("deploy")?)]))
        }
        names::WORKER_START_UNDO => up(outside, context.worker.as_deref().unwrap_or_default()),
        names::UPGRADE_UNDO => Ok(Observation::Ready(before_going_back(outside, &context, call))),
        names::CANARY_UNDO
        | names::POLICY_UNDO
        | names::AOF_UNDO
        | names::USER_UNDO
        | names::WORKER_STOP_UNDO => Ok(Observation::Ready(Vec::new())),
        names::WORKER_START | names::SMOKE | names::CLOSE => {
            after_the_change(outside, &context, call, Facts(memo))
        }
        forward => match owner::disturbed(outside, &context.services())? {
            Some(found) => Ok(disturbed(found, is_inside(forward, &context))),
            None => self::forward(outside, &context, call, memo),
        },
    }
}

/// Returns whether the worker is stopped by the time of the step, which nothing may leave it to be.
fn is_inside(step: &str, context: &Context) -> bool {
    const INSIDE: [&str; 5] =
        [names::MARK, names::FINAL_SAVE, names::FINAL_BACKUP, names::LAST_SAVE, names::UPGRADE];
    context.worker.is_some() && INSIDE.contains(&step)
}

/// A deployment ends by itself. Staged changes are for a person to settle; but while the worker is stopped a run must not
/// wait for people: it waits until the step's limit, and then goes back and starts the worker.
fn disturbed(found: Disturbance, inside: bool) -> Observation {
    match found {
        Disturbance::Staged(why) if !inside => Observation::Moved(why),
        Disturbance::Staged(why) | Disturbance::Deploying(why) => Pending::after(AGAIN, why).into(),
    }
}

/// What somebody else does is no reason to leave the worker down, nor to undo what is done, so it is only reported. A
/// deployment under way is given a few minutes to end.
fn after_the_change<O: Railway>(
    outside: &O,
    context: &Context,
    call: &StepCall,
    memo: Facts<'_>,
) -> Result<Observation, Failure> {
    const LOOKS: u64 = 36;
    const FACT: &str = "looks";
    let looks = memo.maybe_count(FACT).unwrap_or(0);
    let waits = call.step == names::WORKER_START && looks < LOOKS;
    Ok(match owner::disturbed(outside, &context.services())? {
        None => Observation::Ready(Vec::new()),
        Some(Disturbance::Deploying(why)) if waits => {
            Pending::after(AGAIN, why).remembering(vec![Fact::one(FACT, looks + 1)]).into()
        }
        Some(Disturbance::Staged(why) | Disturbance::Deploying(why)) => {
            Observation::Ready(vec![Fact::one("disturbed", why)])
        }
    })
}

fn forward<O: Railway + Redis + Http>(
    outside: &O,
    context: &Context,
    call: &StepCall,
    memo: &[Fact],
) -> Result<Observation, Failure> {
    match call.step.as_str() {
        names::SAVE | names::LAST_SAVE => proof::observe_save(outside, &context.connection),
        names::FINAL_SAVE => final_save(outside, context, call, memo),
        names::UPGRADE => upgrade(outside, context, call),
        names::PIN
        | names::GRACE
        | names::CANARY
        | names::BACKUP
        | names::AOF
        | names::POLICY
        | names::USER
        | names::WORKER_STOP
        | names::MARK
        | names::FINAL_BACKUP => Ok(Observation::Ready(Vec::new())),
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
    if let Some(found) = owner::disturbed(outside, &context.services())? {
        return Ok(disturbed(found, false));
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
    recorded.extend(Queues::search(outside, &context.connection)?.facts());
    recorded.push(block::facts(&block::look(outside, &smoke::LOOKS)));
    Ok(Observation::Ready(recorded))
}

/// Looks once, for this save and the upgrade after it, while the worker is stopped. Before the save, so that all of it is
/// in the backup, which is made of what was saved; the memo holds it while something else is being written.
fn final_save<O: Redis>(
    outside: &O,
    context: &Context,
    call: &StepCall,
    memo: &[Fact],
) -> Result<Observation, Failure> {
    let before = match Before::of(Facts(memo)) {
        Some(before) => before,
        None => Before::take(outside, context, call)?,
    };
    Ok(match proof::observe_save(outside, &context.connection)? {
        Observation::Ready(mut recorded) => {
            recorded.extend(before.facts());
            Observation::Ready(recorded)
        }
        Observation::Wait(pending) => pending.remembering(before.facts()).into(),
        other @ (Observation::NothingToDo(_) | Observation::Moved(_) | Observation::Other(_)) => {
            other
        }
    })
}

/// Proves that nothing has changed since the run began, and records everything that the check compares.
fn upgrade<O: Railway + Redis>(
    outside: &O,
    context: &Context,
    call: &StepCall,
) -> Result<Observation, Failure> {
    let facts = Facts(&call.facts);
    let server = Server::read(outside, &context.connection)?;
    let moved = match deployed_by_others(outside, context, facts)? {
        Some(moved) => Some(moved),
        None => match not_as_planned(&server, context) {
            Some(moved) => Some(moved),
            None => clients::followed(outside, &context.connection, &server)?,
        },
    };
    if let Some(moved) = moved {
        // With the worker stopped the run goes back by itself and starts it; otherwise nothing has been done yet.
        return if is_inside(&call.step, context) {
            Err(Failure::permanently("plugin:moved", moved))
        } else {
            Ok(Observation::Moved(moved))
        };
    }
    if let Some(missing) = canary::lost(outside, COMPONENT, &context.connection)? {
        return Err(Failure::permanently(
            "redis:canary",
            format!(
                "{missing}, before anything was changed: the server evicts keys, or somebody deletes them"
            ),
        ));
    }
    // The last save may have looked already. It is looked again only when a person kept the run waiting since.
    let mut recorded = match Before::of(facts) {
        Some(before) if !before.is_old(call.now) => Vec::new(),
        Some(_) | None => Before::take(outside, context, call)?.facts(),
    };
    recorded.push(Fact::one("run-id", server.field("run_id").map(str::to_owned)));
    recorded.push(Fact::one("appends", server.appends()));
    recorded.push(Fact::table(
        "kept",
        KEPT.iter()
            .map(|name| vec![(*name).into(), server.setting(name).map(str::to_owned).into()]),
    ));
    Ok(Observation::Ready(recorded))
}

fn deployed_by_others<O: Railway>(
    outside: &O,
    context: &Context,
    facts: Facts<'_>,
) -> Result<Option<String>, Failure> {
    for service in context.services() {
        let kept = keep::kept(facts, service);
        let deployment = kept.as_ref().and_then(|kept| kept.deployment);
        if let Some(why) = owner::foreign(outside, service, deployment, &[])? {
            return Ok(Some(why));
        }
    }
    let deployments = outside.deployments(&context.service, 10)?;
    let digest = history::running(&deployments).and_then(|running| running.digest.as_deref());
    let same = digest == keep::kept(facts, &context.service).and_then(|kept| kept.digest);
    Ok((!same).then(|| {
        format!("`{}` no longer runs the image that it ran when the run began", context.service)
    }))
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

/// Looks at what is in the server before the former one takes over its files, if the new one was found to be right and
/// answers. Otherwise the check compares with what was recorded before the upgrade: a server that came up with the wrong
/// data must not lower what is demanded.
fn before_going_back<O: Redis>(outside: &O, context: &Context, call: &StepCall) -> Vec<Fact> {
    let facts = Facts(&call.facts);
    let Some(upgraded) = Before::of(facts).filter(|_| facts.has("version-after")) else {
        return Vec::new();
    };
    match Before::take(outside, context, call) {
        Ok(mut before) if before.look.keys > 0 => {
            before.look = before.look.steady_since(&upgraded.look);
            before.facts()
        }
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
    Ok(match canary::lost(outside, COMPONENT, &context.connection)? {
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

/// The server goes on serving until its volume can be restored.
fn back_stop<O: Railway>(outside: &O, context: &Context) -> Result<Observation, Failure> {
    match up(outside, &context.service)? {
        Observation::Ready(_) => empty_stage(outside),
        nothing @ (Observation::NothingToDo(_)
        | Observation::Wait(_)
        | Observation::Moved(_)
        | Observation::Other(_)) => Ok(nothing),
    }
}

/// Restoring only stages the exchange of the volumes, so nothing else may be staged.
fn empty_stage<O: Railway>(outside: &O) -> Result<Observation, Failure> {
    let staged = outside.staged()?;
    Ok(if staged.is_empty() {
        Observation::Ready(Vec::new())
    } else {
        let note = format!(
            "somebody else's staged changes must be committed or discarded first: {}",
            staged.join("; ")
        );
        Pending::after(AGAIN, note).into()
    })
}
