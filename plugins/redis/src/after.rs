//! Whether the server that came up is the right one, with the right settings and the data of the one before.

use lockstep_sdk::blocks::{canary, soon};
use lockstep_sdk::outside::{Redis, text};
use lockstep_sdk::step::SECOND;
use lockstep_sdk::{Fact, Facts, Failure, Pending, Progress, Value};

use crate::check::clients;
use crate::compare::{Clients, compare};
use crate::context::Context;
use crate::look::Look;
use crate::queues::Queues;
use crate::server::Server;
use crate::version::Exact;

/// What must be the case.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Demand {
    /// The version.
    version: Exact,
    /// Whose work may explain a difference in the data.
    clients: Clients,
    /// Whether settings, queues and the canary must be as recorded right before, by the same step.
    same: bool,
}

impl Demand {
    /// Right after the upgrade, with the step's own facts from right before it.
    pub(crate) const fn upgraded(context: &Context) -> Self {
        Self { version: context.to, clients: clients(context), same: true }
    }

    /// On the way back, with facts that may be a day old: everybody may have written since.
    pub(crate) const fn back(context: &Context) -> Self {
        Self { version: context.from, clients: Clients::All, same: false }
    }
}

/// Looks at the server until it has come up, then at what is in it.
pub(crate) fn check<O: Redis>(
    outside: &O,
    context: &Context,
    facts: Facts<'_>,
    demand: Demand,
) -> Result<Progress, Failure> {
    let connection = context.connection.as_str();
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
    if demand.same
        && facts.maybe_text("run-id").is_some_and(|before| server.field("run_id") == Some(before))
    {
        return Ok(Pending::after(SECOND, "it is still the former server that answers").into());
    }
    if let Some(wrong) = wrong(&server, facts, demand) {
        return Ok(Progress::Failed(wrong));
    }
    data(outside, context, facts, demand)
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
    if !demand.same {
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
    facts: Facts<'_>,
    demand: Demand,
) -> Result<Progress, Failure> {
    let connection = context.connection.as_str();
    let read = || -> Result<(Look, Queues, Option<String>), Failure> {
        let canary =
            if demand.same { canary::missing(outside, "redis", connection)? } else { None };
        Ok((Look::take(outside, connection)?, Queues::read(outside, connection)?, canary))
    };
    let (look, queues, canary) = match soon(read(), "the server")? {
        Ok(read) => read,
        Err(pending) => return Ok(pending.into()),
    };
    if let Some(missing) = canary {
        return Ok(Progress::Failed(missing));
    }
    let Some(before) = Look::of(facts) else {
        return Err(Failure::permanently(
            "plugin:missing-fact",
            "no look from before was recorded",
        ));
    };
    if let Some(lost) = compare(&before, &look, demand.clients).verdict() {
        return Ok(Progress::Failed(lost));
    }
    // Jobs are added while the worker is stopped, and none is finished.
    let earlier =
        Queues::of(facts).filter(|_| demand.same && demand.clients == Clients::WorkerStopped);
    if let Some(earlier) = earlier.filter(|earlier| queues.all() < earlier.all()) {
        let (now, then) = (queues.all(), earlier.all());
        return Ok(Progress::Failed(format!(
            "{now} jobs are in the queues, and {then} were while the worker was stopped"
        )));
    }
    Ok(Progress::Done(vec![
        Fact::one("keys-after", look.keys),
        Fact::one("jobs-after", queues.all()),
        Fact::one("version-after", demand.version.to_string()),
    ]))
}
