//! Limits that the server had and that Patroni keeps lower: they are set in Patroni's own configuration, and count once each
//! node has started anew. The replicas start first, because one that allows less than the node that leads stops replaying.

use lockstep_sdk::blocks::soon;
use lockstep_sdk::outside::{Effects, Http, Railway, Sql};
use lockstep_sdk::step::{MINUTE, SECOND};
use lockstep_sdk::{Failure, Observation, Pending, Progress, Step};

use super::context::Conversion;
use super::names;
use super::observe::disturbed;
use super::patroni::{self, Leads};
use super::plan::Parts;
use super::server::{self, limits};
use super::steps::{LEADING, refs};
use super::template::Order;
use crate::declare::Declares;
use crate::names::OLD;
use crate::server::Server;

/// What is left while the server starts anew.
const STARTING: &str = "Patroni starts the server anew by itself; until it is up every service is without its database";

impl<D: Declares> Parts<'_, D> {
    /// Lays out how the limits are raised that Patroni may keep lower than they are now; nothing where none may be.
    pub(super) fn raise(&mut self) -> Result<(), Failure> {
        let limits = limits(&self.context.settings);
        for (name, value) in &limits {
            let label = names::raise(name);
            self.declare.order(&label, Order::Raise(name, value))?;
            self.push(
                Step::new(
                    &label,
                    format!("Let Patroni allow {name} = {value} again, if it allows less"),
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
        let mut labels = Vec::new();
        for (service, _) in &self.context.replicas {
            let label = names::again(service);
            self.declare.restart_cluster(&label, service)?;
            labels.push(label);
        }
        let boots = 30 * SECOND;
        self.push(
            Step::new(
                names::RAISE_REPLICAS,
                "Restart the replicas, so that they allow as much, and wait until they follow closely",
                "a replica that allows less than the server stops replaying",
            )
            .effects(&refs(&labels))
            .if_left(LEADING)
            .expected(boots)
            .limit(30 * MINUTE),
        );
        self.declare.order(names::RAISE_SERVER, Order::Restart)?;
        let step = Step::new(
            names::RAISE_SERVER,
            "Let Patroni restart the server, last of all nodes",
            "its limits count from a start on; it goes on leading",
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
) -> Result<Observation, Failure> {
    if let Some(found) = disturbed(outside, context)? {
        return Ok(found);
    }
    let done = if [names::RAISE_REPLICAS, names::RAISE_SERVER].contains(&step) {
        let now = server::settings(outside)?;
        server::less(&limits(&context.settings), &now).is_empty()
            && !patroni::waits_for_restart(outside)?
    } else {
        is_configured(outside, context, step)?
    };
    Ok(if done {
        Observation::NothingToDo(
            "the server may have as much as before, also when it starts anew".to_owned(),
        )
    } else {
        Observation::Ready(Vec::new())
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
pub(super) fn check<O: Railway + Sql + Http + Effects>(
    outside: &O,
    context: &Conversion,
    step: &str,
) -> Result<Progress, Failure> {
    match step {
        names::RAISE_REPLICAS => restarted(outside, context),
        names::RAISE_SERVER => raised(outside, context),
        _ if is_configured(outside, context, step)? => Ok(Progress::Done(Vec::new())),
        _ => Ok(Pending::after(SECOND, "Patroni does not say yet that it allows as much").into()),
    }
}

fn restarted<O: Sql + Effects>(outside: &O, context: &Conversion) -> Result<Progress, Failure> {
    for (service, _) in &context.replicas {
        let job = outside.progress(&names::again(service))?;
        if !job.is_some_and(|job| job.finished) {
            return Ok(Pending::after(SECOND, format!("`{service}` is restarting")).into());
        }
    }
    followed(outside, context)
}

/// Every node has its limits: the server says so of itself, no node waits for a restart by its own word, and each replays what
/// the server wrote when it started with them, at which one that allows less would stop.
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
    if patroni::waits_for_restart(outside)? {
        return Ok(Pending::after(SECOND, "a node says that it waits for a restart").into());
    }
    followed(outside, context)
}

/// Looks whether every replica follows closely.
pub(super) fn followed<O: Sql>(outside: &O, context: &Conversion) -> Result<Progress, Failure> {
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
