//! `lockstep approve`: opens the gate that a run waits at.

use lockstep_engine::journal::{Event, StepStatus};
use lockstep_engine::run::Journal as _;
use lockstep_store::Takeover;

use super::resume::find;
use crate::args::RunArguments;
use crate::clock::now;
use crate::error::{CliError, OrExit as _};
use crate::exit::Exit;
use crate::output::Output;
use crate::session::Session;

/// Runs the command.
pub(crate) async fn approve(
    session: &Session,
    arguments: &RunArguments,
    output: &Output,
) -> Result<Exit, CliError> {
    let kept = find(session, arguments)?;
    let gate = kept.state.steps.iter().find_map(|(step, state)| match state.status {
        StepStatus::AtGate(gate) => Some((step.clone(), gate)),
        StepStatus::Pending
        | StepStatus::Running
        | StepStatus::Checked(_)
        | StepStatus::Done
        | StepStatus::Failed(_) => None,
    });
    let Some((step, gate)) = gate else {
        return Err(CliError::words(Exit::Usage, format!("run {} waits at no gate", kept.run))
            .hint(format!("`lockstep show {}` tells where it stands", kept.run)));
    };
    let (store, by) = (&session.store, session.surroundings.person());
    let environment = &kept.plan.authority.environment.environment_id;
    let lease = store
        .acquire(environment, &kept.run, &session.holder()?, now(), Takeover::IfGone)
        .await
        .or_exit(Exit::Held)?;
    let head = store.head(&kept.run).or_exit(Exit::Failed)?;
    let events = vec![
        Event::Leased { epoch: lease.epoch, holder: by.clone() },
        Event::GateOpened { step: step.clone(), gate, by },
    ];
    let (records, _) = head.link(&kept.run, lease.epoch, now(), events).or_exit(Exit::Failed)?;
    store.append(&kept.run, lease.epoch, &head, &records).await.or_exit(Exit::Failed)?;
    store.leave(&lease).await.or_exit(Exit::Failed)?;
    let words =
        format!("The gate of step `{step}` is open. Go on with `lockstep resume {}`.", kept.run);
    output.say(&words);
    output.json("approval", &serde_json::json!({ "run": kept.run, "step": step, "gate": gate }))?;
    Ok(Exit::Done)
}
