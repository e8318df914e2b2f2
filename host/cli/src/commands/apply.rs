//! `lockstep apply`: plans, asks for approval, and runs.

use std::collections::BTreeMap;
use std::io::{BufRead as _, IsTerminal as _};
use std::path::Path;

use lockstep_engine::journal::Event;
use lockstep_engine::model::{Digest, Plan, RunId};
use lockstep_store::{BeginRunError, Lease, NewRun};

use super::carry_on::{Carried, carry_on, known_step};
use super::held::{held, holds};
use super::notices;
use super::plan::{Planned, make, refused, show};
use super::queue::{all_gates, queue};
use crate::args::ApplyArguments;
use crate::break_glass;
use crate::clock::now;
use crate::error::{CliError, OrExit as _};
use crate::exit::Exit;
use crate::output::Output;
use crate::session::{Opened, Session};

/// Runs the command.
pub(crate) async fn apply(
    session: &Session,
    arguments: &ApplyArguments,
    output: &Output,
) -> Result<Exit, CliError> {
    let [target] = arguments.targets.as_slice() else {
        return Err(CliError::words(Exit::Usage, "this version applies one component at a time"));
    };
    let opened = session.environment().await?;
    notices::required(session, &opened.document)?;
    let file = read_plan(target)?;
    let wanted = file.as_ref().map_or_else(|| target.clone(), component_of);
    refuse_held(session, &opened).await?;
    let mut planned = match make(session, &opened, &wanted).await {
        Ok(planned) => planned,
        Err(error) => {
            // A run that began meanwhile changes what is planned on, and explains better why no plan came about.
            refuse_held(session, &opened).await?;
            return Err(error);
        }
    };
    if let Some(file) = file {
        planned = same_plan(planned, &file, output)?;
    }
    if refused(&planned.plan) || planned.plan.authority.steps.is_empty() {
        show(&planned, output)?;
        return Ok(if refused(&planned.plan) { Exit::Refused } else { Exit::Done });
    }
    output.say(&crate::render::plan(&planned.plan, &planned.digest.to_string()));
    if let Some(until) = &arguments.how.until {
        known_step(&planned.plan.authority, until)?;
    }
    refuse_held(session, &opened).await?;
    if !arguments.how.yes && !confirm("approve this plan and begin", output)? {
        output.say("Not approved; nothing was changed.");
        return Ok(Exit::Failed);
    }
    let lease = begin(session, &opened, &planned).await?;
    let run = lease.run.clone();
    if arguments.how.queue {
        let by = format!("{} (--yes)", session.surroundings.person());
        let gates = arguments.how.yes.then(|| all_gates(&planned.plan.authority, &by));
        return queue(session, &run, gates.unwrap_or_default(), &lease, output).await;
    }
    output.say(&format!("Run {run} begins. If this process dies: `lockstep resume {run}` or `lockstep rollback {run}`."));
    let by_hand = break_glass::path(&session.global.directory, run.as_str());
    output.say(&format!("If lockstep itself is gone: {}", by_hand.display()));
    let Planned { loaded, plan, .. } = planned;
    let carried = Carried { run, loaded, plan, extra: Vec::new(), loss: None, lease: Some(lease) };
    Box::pin(carry_on(session, opened, carried, &arguments.how, false, output)).await
}

/// Refuses to begin while another run holds the environment.
async fn refuse_held(session: &Session, opened: &Opened) -> Result<(), CliError> {
    let held = session.store.holding(&opened.document.environment, &session.holder()?).await;
    let Some(by) = held.or_exit(Exit::Failed)? else { return Ok(()) };
    Err(holds(&by))
}

/// Reads a plan file, if that is what was named.
fn read_plan(target: &str) -> Result<Option<Plan>, CliError> {
    let path = Path::new(target);
    if path.extension().is_none_or(|extension| extension != "json") && !path.is_file() {
        return Ok(None);
    }
    let text = std::fs::read_to_string(path)
        .map_err(|error| {
            anyhow::Error::new(error).context(format!("could not read plan `{target}`"))
        })
        .or_exit(Exit::Usage)?;
    Plan::from_json(&text)
        .map(Some)
        .map_err(|error| anyhow::Error::new(error).context(format!("`{target}` is not a plan")))
        .or_exit(Exit::Usage)
}

fn component_of(plan: &Plan) -> String {
    format!("{}@{}", plan.authority.component, plan.authority.to.text)
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
    Err(CliError::words(
        Exit::Moved,
        format!("the environment moved since the plan was made: `{field}` differs"),
    )
    .hint("what stands above is the plan as it would be made now: look at what changed, and plan again"))
}

/// Asks the person at the keyboard to `agree`.
pub(super) fn confirm(agree: &str, output: &Output) -> Result<bool, CliError> {
    if !std::io::stdin().is_terminal() {
        return Err(CliError::words(Exit::Usage, format!("nobody is there to {agree}"))
            .hint("read what is written above, then say so with --yes"));
    }
    output.say(&format!("Type `yes` to {agree}:"));
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).or_exit(Exit::Failed)?;
    Ok(line.trim() == "yes")
}

/// Makes the run, which holds the environment from then on: everything that it rests on is copied into the store first
/// (L6).
async fn begin(session: &Session, opened: &Opened, planned: &Planned) -> Result<Lease, CliError> {
    let store = &session.store;
    let plan = planned.plan.to_json().or_exit(Exit::Failed)?;
    let configuration = serde_json::to_vec(&opened.document).or_exit(Exit::Failed)?;
    let attachments = BTreeMap::from([
        ("plan".to_owned(), store.put(plan.into_bytes()).await.or_exit(Exit::Failed)?),
        ("plugin".to_owned(), store.put(planned.loaded.bytes.clone()).await.or_exit(Exit::Failed)?),
        ("configuration".to_owned(), store.put(configuration).await.or_exit(Exit::Failed)?),
    ]);
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
