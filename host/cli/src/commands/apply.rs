//! `lockstep apply`: plans, asks for approval, and runs.

use std::collections::BTreeMap;
use std::io::{BufRead as _, IsTerminal as _};
use std::path::Path;

use lockstep_engine::journal::Event;
use lockstep_engine::model::{Authority, Composite, Digest, Plan, RunId};
use lockstep_store::{BeginRunError, Lease, NewRun};

use super::carry_on::{Carried, carry_on, known_step};
use super::ended::Told;
use super::held::{held, holds};
use super::notices;
use super::plan::{Planned, Wish, make, show};
use super::queue::{all_gates, queue};
use super::railway_toml;
use super::stages::{self, COMPOSITE};
use crate::args::{ApplyArguments, How};
use crate::break_glass;
use crate::clock::now;
use crate::error::{CliError, OrExit as _};
use crate::exit::Exit;
use crate::output::Output;
use crate::render::tame;
use crate::session::{Opened, Session};

/// Runs the command.
pub(crate) async fn apply(
    session: &Session,
    arguments: &ApplyArguments,
    output: &Output,
) -> Result<Exit, CliError> {
    let how = &arguments.how;
    let file = match arguments.targets.as_slice() {
        [target] if !arguments.all => read(target)?,
        _ => None,
    };
    let file = match file {
        Some(File::Composite(composite)) => {
            return stages::carry_out(session, composite, how, output).await;
        }
        Some(File::Plan(plan)) => Some(*plan),
        None => None,
    };
    let opened = session.environment().await?;
    notices::required(session, &opened.document)?;
    let target = match arguments.targets.as_slice() {
        [target] if !arguments.all => target,
        _ => {
            refuse_held(session, &opened).await?;
            return stages::apply(session, &opened, arguments, output).await;
        }
    };
    let wish = file.as_ref().map_or_else(|| Wish::of(target), wish_of);
    let mut planned = plan_unheld(session, &opened, &wish).await?;
    if let Some(file) = file {
        planned = same_plan(planned, &file, output)?;
    }
    if planned.plan.refuses() || planned.plan.is_nothing() {
        show(&planned, output)?;
        return Ok(if planned.plan.refuses() { Exit::Refused } else { Exit::Done });
    }
    output.say(&crate::render::plan(&planned.plan, &planned.digest.to_string()));
    if let Some(path) = &how.write_config {
        output.say(&railway_toml::announced(path, &planned.plan)?);
    }
    if let Some(until) = &how.until {
        known_step(&planned.plan.authority, until)?;
    }
    refuse_held(session, &opened).await?;
    if !how.yes && !confirm("approve this plan and begin", output).await? {
        output.say("Not approved; nothing was changed.");
        return Ok(Exit::Failed);
    }
    enter(session, opened, planned, None, how, output).await?.answer(output)
}

/// Plans what is wished for, if no other run holds the environment.
pub(super) async fn plan_unheld(
    session: &Session,
    opened: &Opened,
    wish: &Wish,
) -> Result<Planned, CliError> {
    refuse_held(session, opened).await?;
    match make(session, opened, wish).await {
        Ok(planned) => Ok(planned),
        Err(error) => {
            // A run that began meanwhile changes what is planned on, and explains better why no plan came about.
            refuse_held(session, opened).await?;
            Err(error)
        }
    }
}

/// Makes the run of a plan that was approved, and runs it or leaves it to the runners.
pub(super) async fn enter(
    session: &Session,
    opened: Opened,
    planned: Planned,
    composite: Option<&Composite>,
    how: &How,
    output: &Output,
) -> Result<Told, CliError> {
    let lease = begin(session, &opened, &planned, composite).await?;
    let run = lease.run.clone();
    if how.queue {
        let by = format!("{} (--yes)", session.surroundings.person());
        let gates = how.yes.then(|| all_gates(&planned.plan.authority, &by));
        return queue(session, &run, gates.unwrap_or_default(), &lease, output).await;
    }
    output.say(&format!("Run {run} begins. If this process dies: `lockstep resume {run}` or `lockstep rollback {run}`."));
    let by_hand = break_glass::path(&session.global.directory, run.as_str());
    output.say(&format!("If lockstep itself is gone: {}", by_hand.display()));
    let Planned { loaded, plan, .. } = planned;
    let carried = Carried { run, loaded, plan, extra: Vec::new(), loss: None, lease: Some(lease) };
    Box::pin(carry_on(session, opened, carried, how, false, output)).await
}

/// Refuses to begin while another run holds the environment.
pub(super) async fn refuse_held(session: &Session, opened: &Opened) -> Result<(), CliError> {
    let held = session.store.holding(&opened.document.environment, &session.holder()?).await;
    let Some(by) = held.or_exit(Exit::Failed)? else { return Ok(()) };
    Err(holds(&by))
}

/// What a file holds that was named instead of a component.
enum File {
    /// The plan of one component.
    Plan(Box<Plan>),
    /// The plans of several.
    Composite(Composite),
}

/// Reads a plan file, if that is what was named.
fn read(target: &str) -> Result<Option<File>, CliError> {
    let path = Path::new(target);
    if path.extension().is_none_or(|extension| extension != "json") && !path.is_file() {
        return Ok(None);
    }
    let text = std::fs::read_to_string(path)
        .map_err(|error| {
            anyhow::Error::new(error).context(format!("could not read plan `{target}`"))
        })
        .or_exit(Exit::Usage)?;
    let no_plan = || format!("`{target}` is not a plan");
    // What is no JSON at all is left to the reader of plans, who says so.
    let json: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    if Composite::is_meant(&json) {
        let read = Composite::from_json(&text).map_err(|error| {
            CliError::new(Exit::Usage, error)
                .within(no_plan())
                .hint("plan again: a composite plan is applied as it was written, or not at all")
        });
        return read.map(|composite| Some(File::Composite(composite)));
    }
    Plan::from_json(&text)
        .map(|plan| Some(File::Plan(Box::new(plan))))
        .map_err(|error| anyhow::Error::new(error).context(no_plan()))
        .or_exit(Exit::Usage)
}

fn wish_of(plan: &Plan) -> Wish {
    let Authority { component, to, .. } = &plan.authority;
    Wish { component: component.clone(), desired: Some(to.text.clone()) }
}

/// Takes the file's plan if planning again leads to the same authority.
fn same_plan(now: Planned, file: &Plan, output: &Output) -> Result<Planned, CliError> {
    let approved: Digest = file.authority.digest().or_exit(Exit::Failed)?;
    if approved == now.digest {
        return Ok(now);
    }
    // What is found now says better than a field's name why the plan does not hold any more.
    output.say(&crate::render::plan(&now.plan, &now.digest.to_string()));
    let field = lockstep_engine::run::difference(&file.authority, &now.plan.authority)
        .or_exit(Exit::Failed)?;
    Err(moved(&field))
}

/// The plan is another one now than the one that was written to a file, and was shown.
pub(super) fn moved(field: &str) -> CliError {
    let words = format!("the environment moved since the plan was made: `{}` differs", tame(field));
    CliError::words(Exit::Moved, words)
    .hint("what stands above is the plan as it would be made now: look at what changed, and plan again")
}

/// Asks the person at the keyboard to `agree`.
pub(super) async fn confirm(agree: &str, output: &Output) -> Result<bool, CliError> {
    if !std::io::stdin().is_terminal() {
        return Err(CliError::words(Exit::Usage, format!("nobody is there to {agree}"))
            .hint("read what is written above, then say so with --yes"));
    }
    output.say(&format!("Type `yes` to {agree}:"));
    let (answered, answer) = tokio::sync::oneshot::channel();
    // A thread of its own, which ends with the process at the latest: nothing can wake it while nobody types, and a runtime
    // would wait for it at its end.
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = std::io::stdin().lock().read_line(&mut line);
        answered.send(read.map(|_| line.trim() == "yes"))
    });
    answer.await.or_exit(Exit::Failed)?.or_exit(Exit::Failed)
}

/// Makes the run, which holds the environment from then on: everything that it rests on is copied into the store first
/// (L6).
async fn begin(
    session: &Session,
    opened: &Opened,
    planned: &Planned,
    composite: Option<&Composite>,
) -> Result<Lease, CliError> {
    let store = &session.store;
    let plan = planned.plan.to_json().or_exit(Exit::Failed)?;
    let configuration = serde_json::to_vec(&opened.document).or_exit(Exit::Failed)?;
    let mut attachments = BTreeMap::from([
        ("plan".to_owned(), store.put(plan.into_bytes()).await.or_exit(Exit::Failed)?),
        ("plugin".to_owned(), store.put(planned.loaded.bytes.clone()).await.or_exit(Exit::Failed)?),
        ("configuration".to_owned(), store.put(configuration).await.or_exit(Exit::Failed)?),
    ]);
    if let Some(composite) = composite {
        let text = composite.to_json().or_exit(Exit::Failed)?;
        let digest = store.put(text.into_bytes()).await.or_exit(Exit::Failed)?;
        attachments.insert(COMPOSITE.to_owned(), digest);
    }
    let new = NewRun {
        id: RunId::fresh(&planned.digest, now(), std::process::id()),
        environment: planned.plan.authority.environment.environment_id.clone(),
        component: planned.plan.authority.component.clone(),
        plan: planned.digest,
        created: now(),
        attachments,
    };
    let by = session.surroundings.person();
    let events =
        vec![Event::Planned { plan: planned.digest }, Event::Approved { plan: planned.digest, by }];
    store.begin_run(new, events, &session.holder()?).await.map_err(|error| match error {
        BeginRunError::Create(error) => CliError::new(Exit::Failed, error),
        BeginRunError::Lease(error) => held(error),
    })
}
