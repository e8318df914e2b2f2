//! What each step finds before it starts: its preconditions, proven again, and what its check will compare with.

use lockstep_sdk::blocks::owner::{self, Disturbance};
use lockstep_sdk::blocks::{keep, smoke as block, soon};
use lockstep_sdk::outside::{Effects, Http, Railway, Sql};
use lockstep_sdk::step::SECOND;
use lockstep_sdk::{Fact, Facts, Failure, Observation, Pending, StepCall, history};

use crate::before_cut;
use crate::beside::{self, Making};
use crate::check::job;
use crate::cluster;
use crate::context::Context;
use crate::front;
use crate::in_place::{self, Conversion, Templates};
use crate::links::{self, BACK, FORTH, Link, Reached};
use crate::names::{self, ADMIN, DEPLOY, OLD, RESUME, RETURN};
use crate::rearm;
use crate::retire;
use crate::server::Server;
use crate::smoke;

/// How often to look whether a disturbance is over.
const AGAIN: u64 = 5 * SECOND;

/// How often to look at the log's end while writes wait, in milliseconds.
const DRAINS: u64 = 20;

/// The fact that holds the position up to which everything must be on the other side.
const POSITION: &str = "position";

/// Looks whether a step may start.
pub(crate) fn observe<O: Railway + Sql + Http + Effects + Templates>(
    outside: &O,
    call: &StepCall,
    memo: &[Fact],
) -> Result<Observation, Failure> {
    if Conversion::is_of(call) {
        return in_place::observe(outside, call, memo);
    }
    if Making::is_of(call) {
        return beside::observe(outside, call, memo);
    }
    let context = Context::of(call)?;
    match call.step.as_str() {
        names::KEEP => first(outside, &context),
        names::DRAIN => drain(outside, FORTH, memo),
        names::DRAIN_BACK => drain(outside, BACK, memo),
        names::DATABASE_UNDO => database_undo(outside),
        names::REARM => rearm::observe(outside, &context, call, memo),
        names::SEAL_NEW => seal_new(outside),
        names::RETIRE => retire::observe(outside, &context, memo),
        names::LAST_BACKUP => retire::observe_backup(outside, &context),
        names::REMOVE => retire::observe_removal(outside, &context, call),
        step if step.starts_with(RESUME) => resume(outside, &context, step),
        step if reads_nothing(step) => Ok(Observation::Ready(Vec::new())),
        step if is_reported(step) => reported(outside, &context),
        forward => match owner::disturbed(outside, &context.services())? {
            Some(Disturbance::Staged(why)) => Ok(Observation::Moved(why)),
            Some(Disturbance::Deploying(why)) => Ok(Pending::after(AGAIN, why).into()),
            None => self::forward(outside, &context, call, (forward, memo)),
        },
    }
}

/// While writes wait nothing more is read than must be, and a way back waits for nobody.
fn reads_nothing(step: &str) -> bool {
    const STEPS: [&str; 20] = [
        names::CLUSTER_UNDO,
        names::POOL_UNDO,
        names::ARM,
        names::SEAL,
        names::END_WRITERS,
        names::RELEASE,
        names::IDENTITY_UNDO,
        names::WAL_BUDGET_UNDO,
        names::LINK_UNDO,
        names::COPY_UNDO,
        names::ARM_UNDO,
        names::UNSEAL,
        names::SEQUENCES_BACK,
        names::SNAPSHOTS_BACK,
        names::UNSEAL_OLD,
        names::REFERENCES_BACK,
        names::SWITCH_BACK,
        names::COMPARE_BACK,
        names::FORGET_SEAL,
        names::JOB_STOP,
    ];
    STEPS.contains(&step) || step.starts_with(RETURN)
}

/// After the cut nothing is left to wait for, so what somebody else does is only reported.
fn is_reported(step: &str) -> bool {
    const STEPS: [&str; 6] = [
        names::REFERENCES,
        names::SWITCH,
        names::PROVE,
        names::SOAK,
        names::FINALIZE,
        names::CLOSE,
    ];
    STEPS.contains(&step) || step.starts_with(DEPLOY)
}

fn forward<O: Railway + Sql>(
    outside: &O,
    context: &Context,
    call: &StepCall,
    (step, memo): (&str, &[Fact]),
) -> Result<Observation, Failure> {
    match step {
        names::LOGICAL_WAL => {
            let server = Server::read(outside, OLD)?;
            Ok(Observation::Ready(vec![Fact::one("started", server.started)]))
        }
        names::DATABASE => Ok(if cluster::present(outside, &context.database)? {
            let why = format!("the database `{}` is at the cluster already", context.database);
            Observation::Moved(why)
        } else {
            Observation::Ready(Vec::new())
        }),
        names::HOLD | names::HALT => before_cut::observe(outside, context, call, memo),
        names::JOB_RUN => job::observe(outside),
        names::PIN
        | names::GRACE
        | names::FREEZE
        | names::BACKUP
        | names::IDENTITY
        | names::WAL_BUDGET
        | names::CLUSTER
        | names::POOL
        | names::LINK
        | names::LINK_END
        | names::PASSAGE
        | names::THROUGH
        | names::SCHEMA
        | names::COPY
        | names::INDEXES
        | names::ANALYZE
        | names::VERIFY
        | names::JOB_MAKE => Ok(Observation::Ready(Vec::new())),
        other => {
            Err(Failure::permanently("plugin:step", format!("`{other}` is no step of this plugin")))
        }
    }
}

/// Proves that the stack is the one that the plan was made for, and records how it stands.
fn first<O: Railway + Sql + Http>(outside: &O, context: &Context) -> Result<Observation, Failure> {
    let services = outside.services()?;
    let named = [&context.service, &context.front].into_iter().chain(&context.nodes);
    let mut named = named.chain(context.clients.iter().map(|client| &client.service));
    if let Some(gone) = named.find(|name| !services.iter().any(|service| service.name == **name)) {
        return Ok(Observation::Moved(format!("service `{gone}` is gone")));
    }
    match owner::disturbed(outside, &context.services())? {
        Some(Disturbance::Staged(why)) => return Ok(Observation::Moved(why)),
        Some(Disturbance::Deploying(why)) => return Ok(Pending::after(AGAIN, why).into()),
        None => {}
    }
    if let Some(moved) = other_servers(outside, context)? {
        return Ok(Observation::Moved(moved));
    }
    let mut recorded = keep::facts(outside, &context.services())?;
    recorded.push(block::facts(&block::look(outside, &smoke::LOOKS)));
    Ok(Observation::Ready(recorded))
}

/// Returns why the servers are not those that the plan was made for, if they are not.
pub(crate) fn other_servers<O: Sql>(
    outside: &O,
    context: &Context,
) -> Result<Option<String>, Failure> {
    for (connection, system) in [(OLD, &context.old_system), (ADMIN, &context.new_system)] {
        let server = Server::read(outside, connection)?;
        if server.system != *system {
            return Ok(Some(format!(
                "`{connection}` leads to the server {}, and the plan was made for {system}",
                server.system
            )));
        }
        if server.recovering {
            return Ok(Some(format!("`{connection}` leads to a standby")));
        }
    }
    Ok(None)
}

/// Reads where the log ends, once, and waits until the other side has confirmed everything up to there.
fn drain<O: Sql>(outside: &O, link: Link, memo: &[Fact]) -> Result<Observation, Failure> {
    let position = match Facts(memo).maybe_text(POSITION) {
        Some(position) => position.to_owned(),
        None => links::position(outside, link.publisher)?,
    };
    let fact = || vec![Fact::one(POSITION, position.as_str())];
    let wait = |why: &str| Pending::after(DRAINS, why).remembering(fact()).into();
    Ok(match links::reached(outside, link, &position)? {
        Reached::Yes => Observation::Ready(fact()),
        Reached::NotYet => wait("the other side is getting the last of what was written"),
        Reached::Idle => wait("the other side does not read at the moment"),
        Reached::Gone => {
            return Err(Failure::permanently(
                "plugin:slot-gone",
                format!(
                    "the slot `{}` is gone, so what was written can't be got from there",
                    link.name
                ),
            ));
        }
    })
}

/// A database that this run did not make is nobody's to drop: an effect that the server refused made none.
fn database_undo<O: Effects>(outside: &O) -> Result<Observation, Failure> {
    Ok(match outside.progress(names::DATABASE) {
        Ok(Some(_)) => Observation::Ready(Vec::new()),
        Ok(None) => Observation::NothingToDo("the database was not made".to_owned()),
        Err(failure) if failure.is_denied() || failure.may_pass() => return Err(failure),
        Err(failure) => Observation::NothingToDo(format!(
            "making the database failed, so one of that name is not this run's: {}",
            failure.line()
        )),
    })
}

/// A service that was never stopped, or that the way back has deployed already, is not deployed once more.
fn resume<O: Railway>(outside: &O, context: &Context, step: &str) -> Result<Observation, Failure> {
    let Some(client) = context.client(step, RESUME) else {
        let why = format!("`{step}` starts no service of this plan");
        return Err(Failure::permanently("plugin:step", why));
    };
    let deployments = outside.deployments(&client.service, 10)?;
    let moves = deployments.first().is_some_and(|newest| history::moves(&newest.status));
    Ok(match history::running(&deployments) {
        Some(running) if !moves => {
            Observation::NothingToDo(format!("`{}` runs: {}", client.service, running.id))
        }
        Some(_) | None => Observation::Ready(Vec::new()),
    })
}

/// Ending sessions at the primary must not make PgPool drop it, and what was written since must have a way home.
fn seal_new<O: Sql>(outside: &O) -> Result<Observation, Failure> {
    if let Some(why) = links::broken(outside, BACK)? {
        return Ok(Observation::Moved(format!(
            "{why}: what was written at the cluster since then would not reach the old server, so going back would lose it. Mend the \
             link, or decide to lose those rows and go back by the break-glass file"
        )));
    }
    Ok(match soon(front::wrong_setting(outside), "PgPool")? {
        Err(pending) => pending.into(),
        Ok(None) => Observation::Ready(Vec::new()),
        Ok(Some(why)) => Observation::Moved(format!(
            "{why}: it would drop the primary when its sessions are ended. Set PGPOOL_FAILOVER_ON_BACKEND_SHUTDOWN to `off` and deploy \
             PgPool, or stop the services that write"
        )),
    })
}

fn reported<O: Railway>(outside: &O, context: &Context) -> Result<Observation, Failure> {
    Ok(match owner::disturbed(outside, &context.services())? {
        None => Observation::Ready(Vec::new()),
        Some(Disturbance::Staged(why) | Disturbance::Deploying(why)) => {
            Observation::Ready(vec![Fact::one("disturbed", why)])
        }
    })
}
