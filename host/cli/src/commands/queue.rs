//! Leaving a run to the runners.

use lockstep_engine::journal::Event;
use lockstep_engine::model::{Authority, RunId};
use lockstep_store::Lease;

use super::carry_on::lead_in;
use super::ended::{Left, Told};
use crate::clock::now;
use crate::error::{CliError, OrExit as _};
use crate::exit::Exit;
use crate::output::Output;
use crate::session::Session;

/// Writes what a person decided and leaves the run to whichever runner comes next.
pub(super) async fn queue(
    session: &Session,
    run: &RunId,
    decided: Vec<Event>,
    lease: &Lease,
    output: &Output,
) -> Result<Told, CliError> {
    let written = lead_in(session, &session.store, run, decided, lease).await;
    let detached = match &written {
        Ok(_) => session.store.detach(run, now()).await.or_exit(Exit::Failed),
        Err(_) => Ok(()),
    };
    session.store.leave(lease).await.or_exit(Exit::Failed)?;
    written?;
    detached?;
    let words = format!(
        "Run {run} is left to the runners of {}. Look at it with `lockstep show {run}`; go on with it here with `lockstep resume {run}`.",
        session.store.place()
    );
    output.say(&words);
    Ok(Told {
        run: run.clone(),
        exit: Exit::Waiting,
        message: words,
        left: Left::default(),
        asked_to_stop: false,
    })
}

/// Opens every gate of a plan in advance, for a run that somebody else runs.
pub(super) fn all_gates(authority: &Authority, by: &str) -> Vec<Event> {
    let gates = authority.steps.iter().flat_map(|frozen| {
        (0_u32..).zip(&frozen.step.gates).map(|(gate, _)| (frozen.step.id.clone(), gate))
    });
    gates.map(|(step, gate)| Event::GateOpened { step, gate, by: by.to_owned() }).collect()
}
