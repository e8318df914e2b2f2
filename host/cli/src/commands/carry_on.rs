//! Running a run on, from wherever it stands: shared by apply, resume and rollback.

use std::path::Path;

use lockstep_drivers::Drivers;
use lockstep_engine::journal::{Epoch, Event, Head, Linked, Record, RunState};
use lockstep_engine::model::{Authority, Millis, Moment, Plan, RunId, StepId};
use lockstep_engine::run::{
    AppendError, Claimant, Ended, Execution, Journal, Options, Ports, RunError, Wait,
};
use lockstep_store::{Lease, Presence, Store, Takeover};
use tracing::Instrument as _;

use super::ended::{Left, Told, tell};
use super::held::held;
use super::notices::Notices;
use super::railway_toml;
use crate::args::How;
use crate::break_glass;
use crate::clock::{SystemClock, now};
use crate::config;
use crate::error::{CliError, OrExit as _};
use crate::exit::Exit;
use crate::metrics::{Measured, State};
use crate::output::Output;
use crate::plugins::Loaded;
use crate::render::{self, Announcer};
use crate::session::{Opened, Session};
use crate::signals::{Signals, asked_to_end};

/// How often a lease is renewed.
const RENEWAL: std::time::Duration = std::time::Duration::from_secs(5);

/// A run to go on with.
pub(crate) struct Carried {
    /// The run.
    pub(crate) run: RunId,
    /// Its plugin.
    pub(crate) loaded: Loaded,
    /// Its plan.
    pub(crate) plan: Plan,
    /// What is recorded first, such as a person's decision.
    pub(crate) extra: Vec<Event>,
    /// What going back would have lost when the person decided.
    pub(crate) loss: Option<String>,
    /// The lease, if it was given with the run.
    pub(crate) lease: Option<Lease>,
}

/// Takes the lease, runs until the run is over or waits, gives the lease back, and says what it came to.
pub(crate) async fn carry_on(
    session: &Session,
    opened: Opened,
    carried: Carried,
    how: &How,
    take_over: bool,
    output: &Output,
) -> Result<Told, CliError> {
    let follows = how.write_config.as_deref();
    follows.map_or(Ok(()), railway_toml::must_be_readable)?;
    let plan = follows.map(|_| carried.plan.clone());
    let Worked { run, ended, left, asked, notices } =
        work(session, opened, carried, how, take_over, output).await?;
    if how.detach
        && let Some(due) = due(&ended)
    {
        session.store.detach(&run, due).await.or_exit(Exit::Failed)?;
    }
    let mut told = tell(&run, &ended, left, output);
    told.asked_to_stop = notices.send(&run, &ended).await || asked;
    if let (Some(path), Some(plan)) = (follows, plan) {
        output.say(&followed(path, &plan, &ended));
    }
    Ok(told)
}

/// Says what became of a file that is to follow a run. The upgrade is done, so what keeps the file from it is told and no more.
fn followed(path: &Path, plan: &Plan, ended: &Ended) -> String {
    let shown = path.display();
    match ended {
        Ended::Done => railway_toml::write(path, plan).unwrap_or_else(|error| {
            format!("Note: {:#}. Set the images of the plan in `{shown}` by hand.", error.error)
        }),
        Ended::RolledBack(_) => format!("{shown} is as it was."),
        Ended::Waiting(_) | Ended::Stuck(_) => {
            format!(
                "{shown} is not written yet: give `--write-config {shown}` to `lockstep resume` too."
            )
        }
    }
}

/// What working on a run came to, and who is to be told of it.
pub(super) struct Worked<'a> {
    /// The run.
    pub(super) run: RunId,
    /// How working on it ended.
    pub(super) ended: Ended,
    /// What it leaves beside that.
    pub(super) left: Left,
    /// Whether it was asked to stop.
    pub(super) asked: bool,
    /// Who is told.
    pub(super) notices: Notices<'a>,
}

/// What one execution came to.
struct Came {
    ended: Ended,
    left: Left,
    asked: bool,
}

/// Takes the lease, runs until the run is over or waits, and gives the lease back.
pub(super) async fn work<'a>(
    session: &'a Session,
    opened: Opened,
    mut carried: Carried,
    how: &How,
    take_over: bool,
    output: &'a Output,
) -> Result<Worked<'a>, CliError> {
    let until =
        how.until.as_deref().map(|step| known_step(&carried.plan.authority, step)).transpose()?;
    let lease = if let Some(lease) = carried.lease.take() {
        lease
    } else {
        let lease = take(session, &carried, take_over).await?;
        // A person has it now: where it stops, no runner goes on with it unless it is left to one again.
        session.store.recall(&carried.run).await.or_exit(Exit::Failed)?;
        lease
    };
    break_glass::write(&session.global.directory, &opened.document, &carried.run, &carried.plan)?;
    let gone = lease.from.as_ref().filter(|from| from.presence == Presence::Gone);
    let options = Options {
        gates_approved_by: how.yes.then(|| format!("{} (--yes)", session.surroundings.person())),
        on_failure: config::on_failure(&opened.document),
        until,
        outside_windows: how.outside_windows.then(|| session.surroundings.person()),
        detach: how.detach,
        claimant: Some(claimant(session, &opened, how).await?),
        gone: gone.map(|from| from.epoch),
    };
    let notices = Notices::open(session, &opened, &carried.plan.authority, output);
    let ended = Box::pin(run(session, &opened, carried, options, &lease, how)).await;
    opened.announcer.finish();
    let (run, Came { ended, left, asked }) = ended?;
    let over = matches!(ended, Ended::Done | Ended::RolledBack(_));
    let back =
        if over { session.store.release(&lease).await } else { session.store.leave(&lease).await };
    // What the run came to counts more than a lease that runs out by itself.
    if let Err(error) = back {
        output.say(&format!("Note: {error}; the next command takes the environment over."));
    }
    Ok(Worked { run, ended, left, asked, notices })
}

/// Returns when a run that waits for nothing but time may go on.
pub(super) fn due(ended: &Ended) -> Option<Moment> {
    match ended {
        Ended::Waiting(Wait::Soak { until: due, .. } | Wait::Window { opens: Some(due), .. }) => {
            Some(*due)
        }
        Ended::Waiting(_) | Ended::Done | Ended::RolledBack(_) | Ended::Stuck(_) => None,
    }
}

/// Returns who claims the environment; the lab's API answers at once, so it need not be waited for.
async fn claimant(session: &Session, opened: &Opened, how: &How) -> Result<Claimant, CliError> {
    let over = how.over_claim.as_deref().map(str::parse).transpose().or_exit(Exit::Usage)?;
    Ok(Claimant {
        store: session.store.id().await.or_exit(Exit::Failed)?,
        holder: session.surroundings.person(),
        settle: if opened.name == config::LAB { Millis(100) } else { Millis::seconds(3) },
        over,
    })
}

async fn take(session: &Session, carried: &Carried, take_over: bool) -> Result<Lease, CliError> {
    let allowed = if take_over { Takeover::Asked } else { Takeover::IfGone };
    acquire(session, &carried.plan.authority, &carried.run, allowed).await
}

/// Takes the lease on a run's environment.
pub(super) async fn acquire(
    session: &Session,
    authority: &Authority,
    run: &RunId,
    allowed: Takeover,
) -> Result<Lease, CliError> {
    let environment = &authority.environment.environment_id;
    let (store, holder) = (&session.store, session.holder()?);
    store.acquire(environment, run, &holder, now(), allowed).await.map_err(held)
}

pub(super) fn known_step(authority: &Authority, step: &str) -> Result<StepId, CliError> {
    let found = authority.steps.iter().find(|frozen| frozen.step.id.as_str() == step);
    found.map(|frozen| frozen.step.id.clone()).ok_or_else(|| {
        let known: Vec<&str> =
            authority.steps.iter().map(|frozen| frozen.step.id.as_str()).collect();
        CliError::words(Exit::Usage, format!("the plan has no step `{step}`"))
            .hint(format!("steps: {}", known.join(", ")))
    })
}

async fn run(
    session: &Session,
    opened: &Opened,
    mut carried: Carried,
    options: Options,
    lease: &Lease,
    how: &How,
) -> Result<(RunId, Came), CliError> {
    let dying =
        Dying { store: &session.store, after: how.die_after_record, before: how.die_before_record };
    let journal = Measured { journal: dying, metrics: &session.metrics };
    let decided = std::mem::take(&mut carried.extra);
    if decided.iter().any(|event| matches!(event, Event::TurnedBack { .. })) {
        still_loses(session, &carried).await?;
    }
    let records = lead_in(session, &journal, &carried.run, decided, lease).await?;
    if let Some(first) = records.first() {
        session.metrics.began(&carried.run, first.at);
    }
    let signals = Signals::new(opened.document.windows.clone());
    let clock = SystemClock { signals: &signals };
    let ports = Ports {
        world: &opened.drivers,
        journal: &journal,
        clock: &clock,
        reporter: &opened.announcer,
        control: &signals,
    };
    let execution = Execution::new(
        ports,
        &carried.plan.authority,
        options,
        carried.run.clone(),
        lease.epoch,
        &records,
    );
    let mut execution = execution.map_err(CliError::from)?;
    let component = carried.plan.authority.component.as_str();
    let span = tracing::info_span!(
        "run",
        run = carried.run.as_str(),
        component,
        environment = opened.name.as_str()
    );
    let ended = listening(&mut execution, &mut carried.loaded, session, lease, &signals, opened)
        .instrument(span)
        .await;
    let left = Left::by(execution.state());
    drop(execution);
    let ended = ended?;
    session.metrics.stands(&carried.run, State::from(&ended));
    Ok((carried.run, Came { ended, left, asked: signals.asked() }))
}

/// Refuses to go back when that loses something else than the person was told: the run may have gone on until its lease was
/// taken.
async fn still_loses(session: &Session, carried: &Carried) -> Result<(), CliError> {
    let records = session.store.records(&carried.run).await.or_exit(Exit::Failed)?;
    let state = RunState::fold(&records).or_exit(Exit::Failed)?;
    let loss = state.loss_of_going_back(&carried.plan.authority);
    if loss == carried.loss.as_deref() {
        return Ok(());
    }
    let loss = loss.map_or_else(|| "nothing".to_owned(), render::tame);
    let words = format!("the run went on meanwhile: going back from here loses {loss}");
    Err(CliError::words(Exit::Failed, words)
        .hint("nothing was changed, and no process works on the run any more: decide again, `lockstep rollback` or `lockstep resume`"))
}

/// Writes the lease and what a person decided, and returns all records.
pub(super) async fn lead_in(
    session: &Session,
    journal: &impl Journal,
    run: &RunId,
    decided: Vec<Event>,
    lease: &Lease,
) -> Result<Vec<Record>, CliError> {
    let store = &session.store;
    let mut records = store.records(run).await.or_exit(Exit::Failed)?;
    let head = store.head(run).await.or_exit(Exit::Failed)?;
    let mut events =
        vec![Event::Leased { epoch: lease.epoch, holder: session.surroundings.person() }];
    events.extend(decided);
    let (new, _) = head.link(run, lease.epoch, now(), events).or_exit(Exit::Failed)?;
    // What a person decided must make sense where the run stands, before it is written.
    records.extend(new.iter().map(|linked| linked.record().clone()));
    RunState::fold(&records).map_err(|error| {
        CliError::new(Exit::Usage, error).hint("`lockstep show` tells where the run stands")
    })?;
    journal
        .append(run, lease.epoch, &head, &new)
        .await
        .map_err(|error| CliError::from(RunError::Journal(error)))?;
    Ok(records)
}

/// Runs while renewing the lease and listening to signals.
async fn listening(
    execution: &mut Execution<
        '_,
        Drivers,
        Measured<'_, Dying<'_>>,
        SystemClock<'_>,
        Announcer,
        Signals,
    >,
    loaded: &mut Loaded,
    session: &Session,
    lease: &Lease,
    signals: &Signals,
    Opened { announcer, drivers, .. }: &Opened,
) -> Result<Ended, CliError> {
    let mut running = std::pin::pin!(execution.run(&mut loaded.plugin));
    // Beside the run and not between its turns: a store that does not answer must not hold up what is being sent.
    let mut renewing = std::pin::pin!(async {
        let mut renewal = tokio::time::interval(RENEWAL);
        loop {
            renewal.tick().await;
            match session.store.renew(lease, now()).await {
                Ok(()) => session.metrics.renewed(),
                Err(error) => tracing::warn!(%error, "could not renew the lease"),
            }
        }
    });
    let mut canaries = std::pin::pin!(drivers.keep_canaries());
    let mut ending = std::pin::pin!(asked_to_end());
    let mut asked = 0_u32;
    loop {
        tokio::select! {
            biased;
            ended = &mut running => return ended.map_err(CliError::from),
            signal = &mut ending => {
                signal.or_exit(Exit::Failed)?;
                ending.set(asked_to_end());
                asked += 1;
                if asked > 1 {
                    return Err(CliError::words(Exit::Waiting, "stopped at once; what was being sent is settled on resume")
                        .hint("`lockstep resume` or `lockstep rollback`"));
                }
                announcer.say("Stopping as soon as what is being sent is settled; once more to stop at once.");
                signals.pause();
            }
            () = &mut renewing => {}
            never = &mut canaries => match never {},
        }
    }
}

/// The store's journal, which can end the process at a record: the tests of L4 and L5 rest on it.
struct Dying<'a> {
    store: &'a Store,
    after: Option<u64>,
    before: Option<u64>,
}

impl Journal for Dying<'_> {
    async fn append(
        &self,
        run: &RunId,
        epoch: Epoch,
        after: &Head,
        records: &[Linked],
    ) -> Result<(), AppendError> {
        let holds = |number: Option<u64>| {
            let is = |number| records.iter().any(|linked| linked.record().sequence == number);
            number.is_some_and(is)
        };
        if holds(self.before) {
            die();
        }
        self.store.append(run, epoch, after, records).await?;
        if holds(self.after) {
            die();
        }
        Ok(())
    }
}

/// Ends this process as `kill -9` would.
fn die() {
    let pid = std::process::id().to_string();
    let killed = std::process::Command::new("kill").args(["-9", &pid]).status();
    tracing::error!(?killed, "the process outlived its end");
}
