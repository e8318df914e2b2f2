//! Whether each step has reached its end.

use lockstep_sdk::blocks::{canary, grace, pin, proof, smoke as block, soon};
use lockstep_sdk::outside::{Http, Railway, Redis};
use lockstep_sdk::step::SECOND;
use lockstep_sdk::{Fact, Facts, Failure, Pending, Progress, StepCall, history};

use crate::after::{self, Demand};
use crate::context::Context;
use crate::findings::POLICY;
use crate::look::{FIRST, Look};
use crate::names::{self, COMPONENT};
use crate::queues::Queues;
use crate::server::Server;
use crate::smoke;

/// Looks whether a step is done.
pub(crate) fn check<O: Railway + Redis + Http>(
    outside: &O,
    call: &StepCall,
    memo: &[Fact],
) -> Result<Progress, Failure> {
    let facts = Facts(&call.facts);
    let context = Context::of(call)?;
    let connection = context.connection.as_str();
    match call.step.as_str() {
        names::PIN => pin::check(outside, &context.services(), facts),
        names::GRACE => grace::check(outside, &names::graces(&context)),
        names::CANARY => written(outside, connection),
        names::MARK => canary::check_mark(outside, COMPONENT, connection),
        names::CANARY_UNDO | names::CLOSE => canary::check_removed(outside, COMPONENT, connection),
        names::SAVE | names::FINAL_SAVE | names::LAST_SAVE | names::BACK_SAVE => {
            proof::check_save(outside, connection, facts)
        }
        names::BACKUP | names::FINAL_BACKUP => proof::check_backup(outside, &context.service, call),
        names::AOF => appends(outside, connection),
        names::POLICY => policy(outside, connection),
        names::WORKER_STOP | names::WORKER_START_UNDO => {
            stopped(outside, context.worker.as_deref())
        }
        names::WORKER_START | names::WORKER_STOP_UNDO => {
            started(outside, context.worker.as_deref())
        }
        names::UPGRADE => after::check(outside, &context, call, Demand::upgraded(&context)),
        names::UPGRADE_UNDO | names::BACK_START => {
            after::check(outside, &context, call, Demand::back(&context))
        }
        names::BACK_STOP => stopped(outside, Some(&context.service)),
        names::BACK_RESTORE => restored(outside, &context.service),
        names::SMOKE => answers(outside, &context, facts, memo),
        names::KEEP | names::POLICY_UNDO | names::AOF_UNDO | names::USER | names::USER_UNDO => {
            Ok(Progress::Done(Vec::new()))
        }
        other => {
            Err(Failure::permanently("plugin:step", format!("`{other}` is no step of this plugin")))
        }
    }
}

/// Looks whether the canary is there, and takes the first look at the keys: minutes before the change, so that what stood
/// still from here to there may be expected to stand still over the change, which takes minutes too.
fn written<O: Redis>(outside: &O, connection: &str) -> Result<Progress, Failure> {
    let written = canary::check(outside, COMPONENT, connection)?;
    let Progress::Done(mut recorded) = written else { return Ok(written) };
    recorded.extend(Look::take(outside, connection)?.facts(FIRST));
    Ok(Progress::Done(recorded))
}

/// Looks whether the append-only file is whole: switched on, with no rewrite going on or due, and the last one well.
fn appends<O: Redis>(outside: &O, connection: &str) -> Result<Progress, Failure> {
    let server = match soon(Server::read(outside, connection), "the server")? {
        Ok(server) => server,
        Err(pending) => return Ok(pending.into()),
    };
    let is = |name: &str, value: &str| server.field(name) == Some(value);
    Ok(if !server.appends() {
        Progress::Failed("the append-only file is off".to_owned())
    } else if !is("aof_rewrite_in_progress", "0") || !is("aof_rewrite_scheduled", "0") {
        Pending::after(SECOND, "the append-only file is being written").into()
    } else if is("aof_last_bgrewrite_status", "ok") {
        Progress::Done(Vec::new())
    } else {
        Progress::Failed("the append-only file could not be written".to_owned())
    })
}

fn policy<O: Redis>(outside: &O, connection: &str) -> Result<Progress, Failure> {
    let server = Server::read(outside, connection)?;
    let live = server.setting("maxmemory-policy").unwrap_or("unknown");
    Ok(if live == POLICY {
        Progress::Done(Vec::new())
    } else {
        Progress::Failed(format!("the eviction policy is `{live}`"))
    })
}

fn stopped<O: Railway>(outside: &O, service: Option<&str>) -> Result<Progress, Failure> {
    let Some(service) = service else { return Ok(Progress::Done(Vec::new())) };
    let deployments = outside.deployments(service, 10)?;
    // One that is being removed may still be writing its last answers.
    let up = deployments
        .iter()
        .find(|deployment| history::moves(&deployment.status))
        .or(history::running(&deployments));
    Ok(match up {
        Some(up) => Pending::after(
            SECOND,
            format!("deployment {} of `{service}` is {}", up.id, history::words(&up.status)),
        )
        .into(),
        None => Progress::Done(Vec::new()),
    })
}

fn started<O: Railway>(outside: &O, service: Option<&str>) -> Result<Progress, Failure> {
    let Some(service) = service else { return Ok(Progress::Done(Vec::new())) };
    let newest = outside.deployments(service, 1)?;
    Ok(match newest.first() {
        Some(newest) if history::running(std::slice::from_ref(newest)).is_some() => {
            Progress::Done(Vec::new())
        }
        Some(newest) if history::moves(&newest.status) => Pending::after(
            SECOND,
            format!("the deployment of `{service}` is {}", history::words(&newest.status)),
        )
        .into(),
        Some(newest) => Progress::Failed(format!(
            "the deployment of `{service}` {}",
            history::words(&newest.status)
        )),
        None => Progress::Failed(format!("`{service}` has no deployment")),
    })
}

fn restored<O: Railway>(outside: &O, service: &str) -> Result<Progress, Failure> {
    let volume = outside
        .services()?
        .into_iter()
        .find(|found| found.name == service)
        .and_then(|found| found.volume);
    let staged = outside.staged()?;
    Ok(match volume {
        None => Progress::Failed(format!(
            "`{service}` has no volume: starting it would start an empty server"
        )),
        Some(_) if !staged.is_empty() => {
            Pending::after(SECOND, "the exchange of the volumes is not committed").into()
        }
        Some(volume) => Progress::Done(vec![Fact::one("restored-at", volume.mount)]),
    })
}

/// Looks whether everybody answers and jobs are worked off.
///
/// A queue that grows is no fault of the server: the backlog of the minutes before and a busy hour may take hours to fall,
/// and undoing a good upgrade helps neither. It is a failure that jobs lie ready and for five minutes nobody is seen to take
/// one: none is active, and their number never falls.
fn answers<O: Redis + Http>(
    outside: &O,
    context: &Context,
    facts: Facts<'_>,
    memo: &[Fact],
) -> Result<Progress, Failure> {
    /// Jobs that are always taken for ordinary traffic.
    const ORDINARY: u64 = 100;
    const AGAIN: u64 = 5 * SECOND;
    const LOOKS: u64 = 60;
    let answered = block::check(outside, &smoke::LOOKS, facts)?;
    let Progress::Done(mut recorded) = answered else { return Ok(answered) };
    let queues = match soon(Queues::again(outside, &context.connection, facts), "the server")? {
        Ok(queues) => queues,
        Err(pending) => return Ok(pending.into()),
    };
    let before = Queues::of(facts).unwrap_or_default();
    recorded.push(Fact::one("waiting", queues.waiting()));
    recorded.push(Fact::one("waiting-before", before.waiting()));
    let usual = before.ready().saturating_mul(2).max(before.ready().saturating_add(ORDINARY));
    let last = Facts(memo).maybe_count("ready");
    let taken = queues.active() > 0 || last.is_some_and(|last| queues.ready() < last);
    // Where not all queues are known, those that are may not be the ones that are worked off.
    if !queues.complete || taken || queues.ready() <= usual {
        return Ok(Progress::Done(recorded));
    }
    let looks = Facts(memo).maybe_count("looks").unwrap_or(0) + 1;
    if looks > LOOKS {
        return Ok(Progress::Failed(format!(
            "{} jobs lie ready in the queues, and nobody takes any",
            queues.ready()
        )));
    }
    let note = format!(
        "{} jobs lie ready, and {} did at the start: looking whether any is taken",
        queues.ready(),
        before.ready()
    );
    Ok(Pending::after(AGAIN, note)
        .remembering(vec![Fact::one("ready", queues.ready()), Fact::one("looks", looks)])
        .into())
}
