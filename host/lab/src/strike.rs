//! Faults of what runs: processes that are killed, frozen, and set going again.

use std::sync::Arc;

use rustix::process::{Pid, Signal, kill_process};

use crate::faults::Faults;
use crate::launcher::descendants;
use crate::state::{Deployment, State};
use crate::twin::Twin;

/// Does to processes what faults have in store for them now.
pub(crate) fn strike(twin: &Arc<Twin>) {
    let (killed, frozen) = twin.faults(|faults| (faults.take_killed(), faults.frozen()));
    for service in &killed {
        signal(twin, service, Signal::KILL);
    }
    for service in &frozen {
        signal(twin, service, Signal::STOP);
    }
}

/// Ends all faults, and sets going what was frozen.
pub(crate) fn mend(twin: &Arc<Twin>) {
    let frozen = twin.faults(|faults| {
        let frozen = faults.frozen();
        Faults::clear(faults);
        frozen
    });
    for service in &frozen {
        signal(twin, service, Signal::CONT);
    }
}

/// Sends a signal to the processes of a service's deployments and to all that they started, as to a whole container.
fn signal(twin: &Arc<Twin>, service: &str, signal: Signal) {
    let mut all = Vec::new();
    for pid in twin.read(|state| processes(state, service)) {
        // Below a process that is gone nothing is found any more, so these are looked for before.
        let below = descendants(pid);
        all.push(pid);
        all.extend(below);
    }
    for pid in all {
        let Some(process) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { continue };
        if let Err(error) = kill_process(process, signal) {
            tracing::warn!(service, pid, %error, "could not signal a process of the lab");
        }
    }
}

fn processes(state: &State, service: &str) -> Vec<u32> {
    let Some(id) = state.named(service).map(|found| found.id.clone()) else { return Vec::new() };
    let running = state.deployments.iter().filter(|deployment| deployment.service_id == id);
    running.filter_map(|deployment: &Deployment| deployment.pid).collect()
}
