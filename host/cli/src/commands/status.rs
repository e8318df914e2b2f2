//! `lockstep status`: what runs in the environment, and runs in progress.

use lockstep_engine::journal::Phase;
use lockstep_engine::model::{DeploymentStatus, Read, Reading, ServiceRef};
use lockstep_engine::run::World as _;
use lockstep_store::RunSummary;
use serde_json::{Value, json};

use super::resume::{Kept, find};
use super::stages::Known;
use crate::args::RunArguments;
use crate::clock::written;
use crate::error::{CliError, OrExit as _};
use crate::exit::Exit;
use crate::live;
use crate::output::Output;
use crate::render::{standing, tame};
use crate::session::{Opened, Session};
use crate::way_back::{WayBack, step};

/// Runs the command.
pub(crate) async fn status(session: &Session, output: &Output) -> Result<Exit, CliError> {
    let opened = session.environment().await?;
    output.say(&format!("Environment {}", opened.name));
    let services = services(&opened, output).await?;
    let runs = runs(session, &opened, output).await?;
    let left = left(session, &opened, output).await?;
    let held = session
        .store
        .holding(&opened.document.environment, &session.holder()?)
        .await
        .or_exit(Exit::Failed)?;
    if let Some(held) = &held {
        output.say(&format!(
            "Run {} holds the environment. Look at it: `lockstep show {}`",
            held.run, held.run
        ));
    }
    for weak in opened.drivers.redactor().weak_secrets() {
        output.say(&format!("! {weak} is too short to be searched for in what plugins see"));
    }
    output.json(
        "status",
        &json!({
            "environment": opened.name, "services": services, "runs": runs,
            "stages_left": left, "held_by": held.map(|held| held.run),
        }),
    )?;
    Ok(Exit::Done)
}

/// Shows the services, and which versions they say that they are.
async fn services(opened: &Opened, output: &Output) -> Result<Vec<Value>, CliError> {
    let read = opened.drivers.read(&Read::Services).await.map_err(CliError::from)?;
    let services = if let Reading::Services(services) = read { services } else { Vec::new() };
    let mut rows = Vec::new();
    for service in services {
        let read = Read::Deployments(ServiceRef::Named(service.name.clone()), 1);
        let read = opened.drivers.read(&read).await.map_err(CliError::from)?;
        let newest =
            if let Reading::Deployments(newest) = read { newest.into_iter().next() } else { None };
        let state = newest
            .as_ref()
            .map_or_else(|| "never deployed".to_owned(), |newest| word(&newest.status));
        let live = live::of_service(opened, &service).await?;
        let version = match live.as_ref().map(|live| &live.version) {
            Some(Ok(version)) => tame(version),
            Some(Err(_)) => "?".to_owned(),
            None => String::new(),
        };
        let image = service.image.clone().or(service.repository.clone()).unwrap_or_default();
        output.say(&format!("  {:<16} {state:<14} {version:<10} {image}", service.name));
        if let Some(Err(why)) = live.as_ref().map(|live| &live.version) {
            output.say(&format!("  {:<16} ! its version could not be read: {why}", ""));
        }
        let (version, unknown) = match live.map(|live| live.version) {
            Some(Ok(version)) => (Some(version), None),
            Some(Err(why)) => (None, Some(why)),
            None => (None, None),
        };
        rows.push(json!({
            "service": service.name, "state": state, "image": service.image,
            "digest": newest.and_then(|newest| newest.digest),
            "version": version, "version_unknown": unknown,
        }));
    }
    Ok(rows)
}

/// Shows the environment's runs that are not over.
async fn runs(session: &Session, opened: &Opened, output: &Output) -> Result<Vec<Value>, CliError> {
    let mut rows = Vec::new();
    for run in session.store.runs().await.or_exit(Exit::Failed)? {
        if run.environment == opened.document.environment && !is_over(&run) {
            rows.push(in_progress(session, &run, output).await?);
        }
    }
    Ok(rows)
}

/// Shows what is left of a composite plan in the environment after its last run.
async fn left(session: &Session, opened: &Opened, output: &Output) -> Result<Vec<Value>, CliError> {
    let mut rows = Vec::new();
    for (known, index) in Known::left(session).await? {
        if known.composite().environment.environment_id == opened.document.environment {
            output.say(&known.aftermath(index, Exit::Done));
            rows.push(known.json(index));
        }
    }
    Ok(rows)
}

fn is_over(run: &RunSummary) -> bool {
    run.last.as_deref() == Some("finished")
}

async fn in_progress(
    session: &Session,
    run: &RunSummary,
    output: &Output,
) -> Result<Value, CliError> {
    let records = session.store.records(&run.id).await.or_exit(Exit::Failed)?;
    let named = RunArguments { run: Some(run.id.to_string()) };
    let Kept { state, plan, .. } = find(session, &named).await?;
    let authority = &plan.authority;
    let (from, to) = (tame(&authority.from.text), tame(&authority.to.text));
    let at = step(&state, authority);
    let at_step = at.as_ref().map_or_else(String::new, |step| format!(", at step `{step}`"));
    output.say(&format!("Run {}: {} {from} → {to}{at_step}", run.id, tame(&run.component)));
    output.say(&format!("  {}", standing(&state)));
    let stage = Known::of_run(session, &run.id).await?;
    if let Some((known, index)) = &stage {
        output.say(&format!("  {}", known.which(*index)));
    }
    let way = WayBack::of(&state, authority, &records);
    let since = |since: &Option<_>| {
        since.map_or_else(String::new, |since| format!(", since {}", written(since)))
    };
    let (words, when) = match &way {
        WayBack::Armed => ("armed: going back loses nothing".to_owned(), None),
        WayBack::Lossy { loss, since: when } => {
            (format!("lossy{}: going back loses {}", since(when), tame(loss)), *when)
        }
        WayBack::Lost { step, why } => {
            (format!("lost: step `{step}` can't be undone: {}", tame(why)), None)
        }
        WayBack::Taken => ("taken: the run goes back".to_owned(), None),
    };
    output.say(&format!("  way back {words}"));
    Ok(json!({
        "run": run.id, "component": run.component, "from": authority.from.text, "to": authority.to.text,
        "step": at, "standing": standing(&state), "stuck": matches!(state.phase, Phase::Stuck(_)),
        "stage": stage.map(|(known, index)| known.json(index)),
        "way_back": { "state": way.name(), "words": words, "since": when },
    }))
}

fn word(status: &DeploymentStatus) -> String {
    match status {
        DeploymentStatus::InProgress(word) | DeploymentStatus::Other(word) => word.to_lowercase(),
        DeploymentStatus::Success => "healthy".to_owned(),
        DeploymentStatus::Stopped => "ended".to_owned(),
        DeploymentStatus::Failed(_) => "failed".to_owned(),
        DeploymentStatus::Crashed => "crashed".to_owned(),
        DeploymentStatus::Removed => "removed".to_owned(),
        DeploymentStatus::Skipped => "skipped".to_owned(),
        DeploymentStatus::NeedsApproval => "needs approval".to_owned(),
    }
}
