//! What is asked of a template: a workflow that makes services, makes a service into a cluster, or takes that back.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::wanted::Wanted;
use super::{convert, deploy, revert};
use crate::config::{self, Deploys};
use crate::state::{State, Trigger, Workflow, WorkflowStatus};
use crate::twin::Twin;

/// How much longer than a state of a deployment each state of the workflow lasts.
const PACES: u32 = 10;

/// What a workflow does.
#[derive(Debug, Clone)]
pub(crate) enum Task {
    /// Makes the template's services and deploys them.
    Deploy(Vec<Wanted>),
    /// Makes an existing service the root of the template's cluster.
    Convert { root: String, wanted: Vec<Wanted>, when: When },
    /// Makes the root of a cluster a service of its own again.
    Revert { root: String, when: When },
}

/// When a change of the environment comes true.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// It is only staged.
    Committed,
    /// At once, with deployments.
    Now,
}

/// Runs the workflow. It is over before the deployments are.
pub(crate) async fn run(twin: Arc<Twin>, workflow: String, task: Task) {
    // Whoever asks this early is told that there is no such workflow.
    tokio::time::sleep(twin.pace * PACES).await;
    twin.write(|state| {
        let id = workflow.clone();
        state.workflows.push(Workflow { id, status: WorkflowStatus::Running, error: None });
    });
    tokio::time::sleep(twin.pace * PACES).await;
    let now = twin.clock.stamp();
    twin.write(|state| {
        let mut next = state.clone();
        let error = match carry_out(&mut next, &task, now) {
            Ok(()) => {
                *state = next;
                None
            }
            Err(error) => Some(error),
        };
        if let Some(found) = state.workflows.iter_mut().find(|found| found.id == workflow) {
            found.status =
                if error.is_some() { WorkflowStatus::Error } else { WorkflowStatus::Complete };
            found.error = error;
        }
    });
}

fn carry_out(state: &mut State, task: &Task, now: Timestamp) -> Result<(), String> {
    match task {
        Task::Deploy(wanted) => {
            let services = deploy::create(state, wanted, now)?;
            crate::deploy::deploy_all(state, &services, Trigger::Deploy, now);
            Ok(())
        }
        Task::Convert { root, wanted, when } => {
            let patch = convert::patch(state, root, wanted, now)?;
            change(state, &patch, *when, now)
        }
        Task::Revert { root, when } => {
            let patch = revert::patch(state, root)?;
            change(state, &patch, *when, now)
        }
    }
}

/// Stages a patch, over what somebody else has staged, or commits it beside that.
fn change(state: &mut State, patch: &Value, when: When, now: Timestamp) -> Result<(), String> {
    match when {
        When::Committed => {
            config::apply(state, patch, now)?;
            let id = state.id();
            crate::volume::stage(state, patch, id, now);
            Ok(())
        }
        When::Now => config::commit(state, patch, None, None, Deploys::Made, now).map(drop),
    }
}
