//! Limits that the server had and of which Patroni takes less by itself: they are set in its own configuration, which counts
//! before the server's files. That is done as soon as the server leads, so that replicas are made with them, and the server
//! restarts only where one of its limits is lower until then.

use lockstep_sdk::blocks::soon;
use lockstep_sdk::outside::{Http, Railway, Sql};
use lockstep_sdk::step::{MINUTE, SECOND};
use lockstep_sdk::{Fact, Facts, Failure, Observation, Pending, Progress, Step};

use super::context::Conversion;
use super::names;
use super::observe::{AGAIN, LOOKS, disturbed};
use super::patroni::{self, Leads};
use super::plan::Parts;
use super::server::{self, limits};
use super::steps::LEADING;
use super::template::Order;
use crate::declare::Declares;
use crate::names::OLD;
use crate::server::Server;

/// What is left while the server starts anew.
const STARTING: &str = "Patroni starts the server anew by itself; until it is up every service is without its database";

/// How many looks Patroni gets to take up what it is told. It does so in its next round, which an order begins at once and which
/// begins every 10 s anyway; a server that restarts before has the limits of before, also those that are lower.
const TAKEN_UP: u64 = 2;

impl<D: Declares> Parts<'_, D> {
    /// Lays out how Patroni is told the limits of which it may take less than there is now; nothing where there are none.
    pub(super) fn raise(&mut self) -> Result<(), Failure> {
        let limits = limits(&self.context.settings);
        for (name, value) in &limits {
            let label = names::raise(name);
            self.declare.order(&label, Order::Raise(name, value))?;
            self.push(
                Step::new(
                    &label,
                    format!("Let Patroni allow {name} = {value}, if it is told less"),
                    "the server had it, and what Patroni sets goes before the server's own files",
                )
                .effects(&[&label])
                .if_left(LEADING)
                .expected(10 * SECOND),
            );
        }
        if limits.is_empty() {
            return Ok(());
        }
        self.declare.order(names::RAISE_SERVER, Order::Restart)?;
        let step = Step::new(
            names::RAISE_SERVER,
            "Let Patroni restart the server, if a limit is lower than it was",
            "limits count from a start on; most stay what they were when it starts under Patroni",
        );
        let step = self.without_database(step).effects(&[names::RAISE_SERVER]);
        self.push(step.in_window().if_left(STARTING).limit(20 * MINUTE));
        Ok(())
    }
}

/// Looks whether there is something to do. What runs does not tell: a server starts under Patroni with the limits that it had
/// even where less is configured, and has less from its next start on.
pub(super) fn observe<O: Railway + Sql + Http>(
    outside: &O,
    context: &Conversion,
    step: &str,
    memo: &[Fact],
) -> Result<Observation, Failure> {
    if let Some(found) = disturbed(outside, context)? {
        return Ok(found);
    }
    if step == names::RAISE_SERVER {
        return restart(outside, context, memo);
    }
    Ok(if is_configured(outside, context, step)? {
        Observation::NothingToDo("Patroni allows as much already".to_owned())
    } else {
        Observation::Ready(Vec::new())
    })
}

/// Patroni restarts the server only while that waits for it. It says so of a limit that is lower than it is told, and says so
/// no more of one that is not, once it has taken up what it is told, which is within a few looks.
fn restart<O: Sql + Http>(
    outside: &O,
    context: &Conversion,
    memo: &[Fact],
) -> Result<Observation, Failure> {
    let lower = server::less(&limits(&context.settings), &server::settings(outside)?).join(", ");
    let looks = Facts(memo).maybe_count("looks").unwrap_or(0) + 1;
    let patient = looks <= LOOKS;
    let waits = patroni::waits_for_restart(outside)?;
    let why = match (lower.is_empty(), waits) {
        (true, Some(false)) => {
            let done = "the server has what it had before, and waits for no restart";
            return Ok(Observation::NothingToDo(done.to_owned()));
        }
        (false, Some(true)) if looks > TAKEN_UP => return Ok(Observation::Ready(Vec::new())),
        (false, Some(true)) => "Patroni may not have taken up all limits yet".to_owned(),
        // It waits for more than this plan has told it, and would change whenever somebody restarts it.
        (true, Some(true)) if !patient => return Ok(Observation::Ready(Vec::new())),
        (true, Some(true)) => "the server waits for a restart still".to_owned(),
        (false, Some(false)) => format!("{lower}, and the server waits for no restart"),
        (_, None) => "whether the server waits for a restart can't be told".to_owned(),
    };
    Ok(if patient {
        Pending::after(AGAIN, why).remembering(vec![Fact::one("looks", looks)]).into()
    } else {
        Observation::Moved(format!("{why}: see `patronictl list` and Patroni's log"))
    })
}

/// Returns whether Patroni is told already to allow what a step is about.
fn is_configured<O: Http>(outside: &O, context: &Conversion, step: &str) -> Result<bool, Failure> {
    let limits = limits(&context.settings);
    let limit = limits.iter().find(|(name, _)| names::raise(name) == step);
    let Some((name, value)) = limit else {
        let why = format!("`{step}` raises no limit of this plan");
        return Err(Failure::permanently("plugin:step", why));
    };
    patroni::allows(outside, name, value)
}

/// Looks whether a step that raises limits has reached its end.
pub(super) fn check<O: Sql + Http>(
    outside: &O,
    context: &Conversion,
    step: &str,
) -> Result<Progress, Failure> {
    match step {
        names::RAISE_SERVER => raised(outside, context),
        _ if is_configured(outside, context, step)? => Ok(Progress::Done(Vec::new())),
        _ => Ok(Pending::after(SECOND, "Patroni does not say yet that it allows as much").into()),
    }
}

/// Looks whether the server has its limits and leads, and waits for no restart that would change them.
fn raised<O: Sql + Http>(outside: &O, context: &Conversion) -> Result<Progress, Failure> {
    match patroni::leads(outside)? {
        Leads::Yes => {}
        Leads::No => return Ok(Pending::after(SECOND, "the server does not lead").into()),
        Leads::Unknown(why) => return Ok(Pending::after(SECOND, why).into()),
    }
    let server = match soon(Server::read(outside, OLD), "the server")? {
        Ok(server) => server,
        Err(pending) => return Ok(pending.into()),
    };
    if server.recovering {
        return Ok(Pending::after(SECOND, "the server takes no writes yet").into());
    }
    let less = server::less(&limits(&context.settings), &server::settings(outside)?);
    if !less.is_empty() {
        return Ok(Pending::after(SECOND, less.join(", ")).into());
    }
    Ok(if patroni::waits_for_restart(outside)? == Some(false) {
        Progress::Done(Vec::new())
    } else {
        Pending::after(SECOND, "the server waits for a restart").into()
    })
}
