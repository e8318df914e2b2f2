//! Whether the server that came up is the right one, with the right settings and the data of the one before.

use lockstep_sdk::blocks::{canary, soon};
use lockstep_sdk::outside::{Redis, text};
use lockstep_sdk::step::SECOND;
use lockstep_sdk::{Fact, Facts, Failure, Pending, Progress, StepCall, Value};

use crate::before::Before;
use crate::compare::{Clients, compare, empty};
use crate::context::Context;
use crate::look::Look;
use crate::names::COMPONENT;
use crate::queues::Queues;
use crate::server::Server;
use crate::version::Exact;

/// The fact that says that the volume was restored, so that what is there is as old as the backup.
pub(crate) const RESTORED: &str = "restored";

/// Jobs that may always be fewer while the worker is stopped: langfuse-web replaces jobs that it repeats, and a person may
/// clean up. Besides these, a tenth.
const REMOVED: u64 = 10;

/// What must be the case.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Demand {
    /// The version.
    version: Exact,
    /// Whether it is another process with the settings recorded right before, by the same step.
    upgraded: bool,
}

impl Demand {
    /// Right after the upgrade, with facts from right before it.
    pub(crate) const fn upgraded(context: &Context) -> Self {
        Self { version: context.to, upgraded: true }
    }

    /// On the way back, with the facts of what it goes back to.
    pub(crate) const fn back(context: &Context) -> Self {
        Self { version: context.from, upgraded: false }
    }
}

/// Looks at the server until it has come up, then at what is in it.
pub(crate) fn check<O: Redis>(
    outside: &O,
    context: &Context,
    call: &StepCall,
    demand: Demand,
) -> Result<Progress, Failure> {
    let (connection, facts) = (context.connection.as_str(), Facts(&call.facts));
    let pong = match soon(outside.command(connection, &["PING"]), "the server")? {
        Ok(answer) => text(&answer),
        Err(pending) => return Ok(pending.into()),
    };
    if pong.as_deref() != Some("PONG") {
        return Ok(Progress::Failed(format!("the server answers a PING with {pong:?}")));
    }
    let server = match soon(Server::read(outside, connection), "the server")? {
        Ok(server) => server,
        Err(pending) => return Ok(pending.into()),
    };
    if server.loads() {
        return Ok(Pending::after(SECOND, "the server is reading its data set").into());
    }
    // A connection may outlive the deployment that it led to for a moment.
    if demand.upgraded
        && facts.maybe_text("run-id").is_some_and(|before| server.field("run_id") == Some(before))
    {
        return Ok(Pending::after(SECOND, "it is still the former server that answers").into());
    }
    if let Some(wrong) = wrong(&server, facts, demand) {
        return Ok(Progress::Failed(wrong));
    }
    data(outside, context, call, demand)
}

fn wrong(server: &Server, facts: Facts<'_>, demand: Demand) -> Option<String> {
    if server.version != demand.version {
        return Some(format!("the server is {}, and should be {}", server.version, demand.version));
    }
    if !server.is_master() {
        return Some(format!(
            "the server's role is `{}`",
            server.field("role").unwrap_or("unknown")
        ));
    }
    if !demand.upgraded {
        return None;
    }
    let appended = facts.rows("appends").ok()?.first()?.first().and_then(Value::as_truth);
    if appended == Some(true) && !server.appends() {
        return Some("the append-only file was on and is off".to_owned());
    }
    facts.rows("kept").ok()?.iter().find_map(|row| {
        let (name, before) = (row.first()?.as_text()?, row.get(1)?.as_text()?);
        let now = server.setting(name)?;
        (now != before).then(|| format!("the setting `{name}` was `{before}` and is `{now}`"))
    })
}

fn data<O: Redis>(
    outside: &O,
    context: &Context,
    call: &StepCall,
    demand: Demand,
) -> Result<Progress, Failure> {
    let (connection, facts) = (context.connection.as_str(), Facts(&call.facts));
    let read = || -> Result<(Option<String>, Look, Queues), Failure> {
        Ok((
            canary::lost(outside, COMPONENT, connection)?,
            Look::take(outside, connection)?,
            Queues::again(outside, connection, facts)?,
        ))
    };
    let (canary, look, queues) = match soon(read(), "the server")? {
        Ok(read) => read,
        Err(pending) => return Ok(pending.into()),
    };
    if let Some(missing) = canary {
        return Ok(Progress::Failed(missing));
    }
    let Some(before) = Before::of(facts) else {
        return Err(Failure::permanently(
            "plugin:missing-fact",
            "no look from before was recorded",
        ));
    };
    let restored = facts.rows(RESTORED).ok().and_then(|rows| rows.first()?.first()?.as_truth());
    // What a restored volume holds is as old as what was recorded; everything else has lived on since.
    let lost = if restored != Some(true) && before.is_old(call.now) {
        empty(&before.look, &look)
    } else {
        let clients = match context.worker {
            Some(_) => Clients::WorkerStopped,
            None => Clients::All(before.jobs),
        };
        compare(&before.look, &look, clients).or_else(|| fewer(&before, &queues, clients))
    };
    Ok(match lost {
        Some(lost) => Progress::Failed(lost),
        None => Progress::Done(vec![
            Fact::one("keys-after", look.keys),
            Fact::one("jobs-after", queues.all()),
            Fact::one("version-after", demand.version.to_string()),
        ]),
    })
}

/// Returns that jobs are gone that nobody can have worked off. Where not all queues are known, nothing is judged.
fn fewer(before: &Before, queues: &Queues, clients: Clients) -> Option<String> {
    let then = before.jobs.filter(|_| clients == Clients::WorkerStopped && queues.complete)?;
    let now = queues.all();
    (now.saturating_add(REMOVED.max(then / 10)) < then).then(|| {
        format!("{now} jobs are in the queues, and {then} were while the worker was stopped")
    })
}
