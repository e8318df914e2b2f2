//! `lockstep approve`: opens the gate that a run waits at.

use lockstep_engine::journal::{Direction, Event, Phase, StepStatus};
use lockstep_store::Takeover;

use super::carry_on::lead_in;
use super::held::held;
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
    let kept = find(session, arguments).await?;
    let goes_on = kept.state.phase == Phase::Running && kept.state.direction == Direction::Forward;
    let gate = kept.state.steps.iter().find_map(|(step, state)| match state.status {
        StepStatus::AtGate(gate) if goes_on => Some((step.clone(), gate)),
        StepStatus::AtGate(_)
        | StepStatus::Pending
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
        .map_err(held)?;
    // Somebody else may have opened the gate or gone back since: what can't follow the records is refused, not written.
    let opened = vec![Event::GateOpened { step: step.clone(), gate, by }];
    let written = lead_in(session, store, &kept.run, opened, &lease).await;
    store.leave(&lease).await.or_exit(Exit::Failed)?;
    written?;
    let words =
        format!("The gate of step `{step}` is open. Go on with `lockstep resume {}`.", kept.run);
    output.say(&words);
    output.json("approval", &serde_json::json!({ "run": kept.run, "step": step, "gate": gate }))?;
    Ok(Exit::Done)
}
