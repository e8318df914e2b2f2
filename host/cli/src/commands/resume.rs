//! `lockstep resume`: goes on with a run that was interrupted, waits or is stuck.

use lockstep_engine::journal::{Event, Phase, RunState};
use lockstep_engine::model::{Label, Plan, RunId};
use lockstep_store::{RunSummary, Takeover};

use super::carry_on::{Carried, acquire, carry_on};
use super::ended::Told;
use super::notices;
use super::queue::queue;
use super::stages::{self, Known};
use crate::args::{How, ResumeArguments, RunArguments};
use crate::config::EnvironmentDocument;
use crate::error::{CliError, OrExit as _};
use crate::exit::Exit;
use crate::output::Output;
use crate::session::Session;

/// A run as the store keeps it.
pub(crate) struct Kept {
    /// Its name.
    pub(crate) run: RunId,
    /// Where it stands.
    pub(crate) state: RunState,
    /// Its plan.
    pub(crate) plan: Plan,
    /// Its plugin's bytes.
    pub(crate) plugin: Vec<u8>,
    /// The environment as it was configured at approval.
    pub(crate) configuration: EnvironmentDocument,
}

/// Runs the command.
pub(crate) async fn resume(
    session: &Session,
    arguments: &ResumeArguments,
    output: &Output,
) -> Result<Exit, CliError> {
    let run = to_resume(session, &arguments.run).await?;
    let kept = kept(session, run).await?;
    let by = session.surroundings.person();
    let extra = match (&kept.state.phase, &arguments.assume) {
        (Phase::Finished(_), None) => return after(session, &kept, &arguments.how, output).await,
        (Phase::Finished(_), Some(_)) => return Err(over(&kept)),
        (_, Some(assume)) => vec![assumption(assume, &by, &kept)?],
        (Phase::Moved(_) | Phase::Stuck(_), None) => vec![Event::Resumed { by }],
        (Phase::Planned | Phase::Running, None) => Vec::new(),
    };
    notices::required(session, &kept.configuration)?;
    if arguments.how.queue {
        let allowed = if arguments.take_over { Takeover::Asked } else { Takeover::IfGone };
        let lease = acquire(session, &kept.plan.authority, &kept.run, allowed).await?;
        let told = queue(session, &kept.run, extra, &lease, output).await?;
        return stages::ended(session, told, output).await;
    }
    let (how, take_over) = (&arguments.how, arguments.take_over);
    let told = Box::pin(go_on(session, kept, extra, how, take_over, output)).await?;
    if told.exit == Exit::Done
        && let Some((known, _)) = Known::of_ended(session, &told.run).await
    {
        // What was said of one run's windows and claim is not said of what comes next.
        let how = &How { outside_windows: false, over_claim: None, ..how.clone() };
        return stages::proceed(session, known.into_composite(), how, Some(told), output).await;
    }
    stages::ended(session, told, output).await
}

/// Goes on with what is left after a run that is over, if it is a stage.
async fn after(
    session: &Session,
    kept: &Kept,
    how: &How,
    output: &Output,
) -> Result<Exit, CliError> {
    let Some((known, index)) = Known::of_run(session, &kept.run).await? else {
        return Err(over(kept));
    };
    let standing = crate::render::standing(&kept.state);
    output.say(&format!("Run {} is {}: {standing}.", kept.run, known.which(index)));
    stages::carry_out(session, known.into_composite(), how, output).await
}

/// Returns the run that is meant: the one named, the only one that is not over, or else, if one composite plan alone is left
/// after a stage, the run of that.
async fn to_resume(session: &Session, arguments: &RunArguments) -> Result<RunId, CliError> {
    let open = |run: &RunSummary| run.last.as_deref() != Some("finished");
    let runs = session.store.runs().await.or_exit(Exit::Failed)?;
    if arguments.run.is_some() || runs.iter().any(open) {
        return named(session, arguments).await;
    }
    let left = Known::left(session).await?;
    let runs: Vec<&RunId> =
        left.iter().filter_map(|(known, index)| known.run(*index)).map(|it| &it.run).collect();
    match runs.as_slice() {
        [] => named(session, arguments).await,
        [only] => Ok((*only).clone()),
        [first, second, ..] => {
            Err(CliError::words(Exit::Usage, "several composite plans are left after a stage")
                .hint(format!("name the run of one, such as {first} or {second}")))
        }
    }
}

/// Opens what the run rests on, as it was at approval, and goes on.
pub(crate) async fn go_on(
    session: &Session,
    kept: Kept,
    extra: Vec<Event>,
    how: &How,
    take_over: bool,
    output: &Output,
) -> Result<Told, CliError> {
    let name = kept.plan.authority.environment.name.clone();
    let today = session.document.as_ref().and_then(|document| document.environments.get(&name));
    let today = today.filter(|today| !today.is_this_lab(&name));
    if today.is_some_and(|today| *today != kept.configuration) {
        output.say("lockstep.toml changed since this run was approved; the run uses it as it was.");
    }
    let opened = session.reach(name, kept.configuration).await?;
    let loaded = session.plugin_of(kept.plugin).await?;
    let loss = kept.state.loss_of_going_back(&kept.plan.authority).map(str::to_owned);
    let carried = Carried { run: kept.run, loaded, plan: kept.plan, extra, loss, lease: None };
    Box::pin(carry_on(session, opened, carried, how, take_over, output)).await
}

/// Finds the run that is meant: the one named, or the only one that is not over.
pub(crate) async fn find(session: &Session, arguments: &RunArguments) -> Result<Kept, CliError> {
    kept(session, named(session, arguments).await?).await
}

/// Reads a run from the store.
async fn kept(session: &Session, run: RunId) -> Result<Kept, CliError> {
    let records = session.store.records(&run).await.or_exit(Exit::Failed)?;
    let state = RunState::fold(&records).or_exit(Exit::Failed)?;
    let attachments = session.store.attachments(&run).await.or_exit(Exit::Failed)?;
    let blob = async |role: &str| {
        let digest = attachments.get(role);
        let digest = digest.ok_or_else(|| {
            CliError::words(Exit::Failed, format!("the store keeps no {role} of run {run}"))
        })?;
        session.store.get(digest).await.or_exit(Exit::Failed)
    };
    let plan = session.plan_of(&run).await?;
    let configuration =
        serde_json::from_slice(&blob("configuration").await?).or_exit(Exit::Failed)?;
    let plugin = blob("plugin").await?;
    Ok(Kept { run, state, plan, plugin, configuration })
}

/// Returns the run that is meant, without reading it.
pub(crate) async fn named(session: &Session, arguments: &RunArguments) -> Result<RunId, CliError> {
    match &arguments.run {
        Some(text) => session.store.find_run(text).await.or_exit(Exit::Usage),
        None => only_open(session).await,
    }
}

async fn only_open(session: &Session) -> Result<RunId, CliError> {
    let runs = session.store.runs().await.or_exit(Exit::Failed)?;
    let mut open = runs.into_iter().filter(|run| run.last.as_deref() != Some("finished"));
    let Some(first) = open.next() else {
        return Err(CliError::words(Exit::Usage, "no run is open")
            .hint("`lockstep runs` lists those that are over"));
    };
    match open.next() {
        None => Ok(first.id),
        Some(second) => Err(CliError::words(Exit::Usage, "several runs are open")
            .hint(format!("name one of them, such as {} or {}", first.id, second.id))),
    }
}

fn assumption(text: &str, by: &str, kept: &Kept) -> Result<Event, CliError> {
    let wrong = || {
        CliError::words(
            Exit::Usage,
            format!("`{text}` is not `happened:EFFECT` or `not-happened:EFFECT`"),
        )
    };
    let (fate, label) = text.split_once(':').ok_or_else(wrong)?;
    let happened = match fate {
        "happened" => true,
        "not-happened" => false,
        _ => return Err(wrong()),
    };
    let label: Label = label.parse().or_exit(Exit::Usage)?;
    match &kept.state.open {
        Some((_, open)) if *open == label => {
            Ok(Event::Assumed { label, happened, by: by.to_owned() })
        }
        Some((_, open)) => Err(CliError::words(
            Exit::Usage,
            format!("the run asks about effect `{open}`, not `{label}`"),
        )),
        None => Err(CliError::words(
            Exit::Usage,
            format!("the run does not ask what became of `{label}`"),
        )),
    }
}

/// The run is over.
pub(crate) fn over(kept: &Kept) -> CliError {
    let standing = crate::render::standing(&kept.state);
    CliError::words(Exit::Usage, format!("run {} is over: {standing}", kept.run))
}
