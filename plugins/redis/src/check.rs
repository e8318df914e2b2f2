//! Whether each step has reached its end.

use lockstep_sdk::blocks::{canary, grace, pin, proof, smoke as block, soon};
use lockstep_sdk::outside::{Http, Railway, Redis};
use lockstep_sdk::step::SECOND;
use lockstep_sdk::{Fact, Facts, Failure, Pending, Progress, StepCall, history};

use crate::after::{self, Demand};
use crate::compare::Clients;
use crate::context::Context;
use crate::findings::POLICY;
use crate::names;
use crate::queues::Queues;
use crate::server::Server;
use crate::smoke;

/// The component, as blocks call it.
const COMPONENT: &str = "redis";

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
        names::CANARY => canary::check(outside, COMPONENT, connection),
        names::CANARY_UNDO | names::CLOSE => canary::check_removed(outside, COMPONENT, connection),
        names::SAVE | names::FINAL_SAVE | names::LAST_SAVE | names::BACK_SAVE => {
            proof::check_save(outside, connection, facts)
        }
        names::BACKUP | names::FINAL_BACKUP => {
            proof::check_backup(outside, &context.service, facts)
        }
        names::AOF => appends(outside, connection),
        names::POLICY => policy(outside, connection),
        names::WORKER_STOP | names::WORKER_START_UNDO => {
            stopped(outside, context.worker.as_deref())
        }
        names::WORKER_START | names::WORKER_STOP_UNDO => {
            started(outside, context.worker.as_deref())
        }
        names::UPGRADE => after::check(outside, &context, facts, Demand::upgraded(&context)),
        names::UPGRADE_UNDO | names::BACK_START => {
            after::check(outside, &context, facts, Demand::back(&context))
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

/// Returns whose work may explain a difference.
pub(crate) const fn clients(context: &Context) -> Clients {
    if context.worker.is_some() { Clients::WorkerStopped } else { Clients::All }
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

/// Looks whether everybody answers and the queues are worked off: back to what they held at the start, or falling.
fn answers<O: Redis + Http>(
    outside: &O,
    context: &Context,
    facts: Facts<'_>,
    memo: &[Fact],
) -> Result<Progress, Failure> {
    /// Jobs that are always taken for ordinary traffic.
    const ORDINARY: u64 = 100;
    let answered = block::check(outside, &smoke::LOOKS, facts)?;
    let Progress::Done(mut recorded) = answered else { return Ok(answered) };
    let queues = match soon(Queues::read(outside, &context.connection), "the server")? {
        Ok(queues) => queues,
        Err(pending) => return Ok(pending.into()),
    };
    let (now, before) = (queues.waiting(), Queues::of(facts).unwrap_or_default().waiting());
    let first = Facts(memo).maybe_count("waiting");
    if now <= before.saturating_mul(2).max(before.saturating_add(ORDINARY))
        || first.is_some_and(|first| now < first)
    {
        recorded.push(Fact::one("waiting", now));
        return Ok(Progress::Done(recorded));
    }
    let note =
        format!("{now} jobs wait, and {before} did at the start: waiting for the queues to fall");
    Ok(Pending::after(2 * SECOND, note)
        .remembering(vec![Fact::one("waiting", first.unwrap_or(now))])
        .into())
}
