//! Recording what happens to a deployment.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::state::{Event, Happening, Instance};
use crate::twin::Twin;

/// Records that `happening` happened to `deployment`; what can't happen in its state is left out and logged.
pub(crate) fn happened(
    twin: &Arc<Twin>,
    deployment: &str,
    happening: Happening,
    instance: Instance,
) {
    let now = twin.clock.stamp();
    twin.write(|state| {
        let Some(deployment) = state.deployment_mut(deployment) else { return };
        let Some(status) = deployment.status.after(happening) else {
            tracing::debug!(deployment = deployment.id, ?happening, status = ?deployment.status, "not in this state");
            return;
        };
        deployment.status = status;
        deployment.status_at = now;
        deployment.instance = instance;
        deployment.was_live |= happening == Happening::GetsHealthy;
    });
}

/// An entry of `deploymentEvents` that is completed when its step has ended.
#[derive(Debug)]
pub(crate) struct Step<'t> {
    twin: &'t Arc<Twin>,
    deployment: String,
    id: String,
    begun: Timestamp,
}

impl<'t> Step<'t> {
    pub(crate) fn begin(twin: &'t Arc<Twin>, deployment: &str, step: &str) -> Self {
        let begun = twin.clock.stamp();
        let id = twin.write(|state| {
            let id = state.id();
            if let Some(deployment) = state.deployment_mut(deployment) {
                deployment.events.push(Event {
                    id: id.clone(),
                    step: step.to_owned(),
                    created_at: begun,
                    completed_at: None,
                    payload: Map::new(),
                });
            }
            id
        });
        Self { twin, deployment: deployment.to_owned(), id, begun }
    }

    pub(crate) fn done(self, detail: &str) {
        self.complete("detail", detail);
    }

    pub(crate) fn failed(self, reason: &str, error: &str) {
        self.note("reason", json!(reason));
        self.complete("error", error);
    }

    pub(crate) fn note(&self, key: &str, value: Value) {
        self.twin.write(|state| {
            let events =
                state.deployment_mut(&self.deployment).map(|deployment| &mut deployment.events);
            if let Some(event) =
                events.and_then(|events| events.iter_mut().find(|event| event.id == self.id))
            {
                event.payload.insert(key.to_owned(), value);
            }
        });
    }

    fn complete(self, key: &str, value: &str) {
        let now = self.twin.clock.stamp();
        self.note(key, json!(value));
        let taken = i64::try_from(now.duration_since(self.begun).as_millis()).unwrap_or_default();
        self.note("durationMs", json!(taken));
        self.twin.write(|state| {
            let events =
                state.deployment_mut(&self.deployment).map(|deployment| &mut deployment.events);
            if let Some(event) =
                events.and_then(|events| events.iter_mut().find(|event| event.id == self.id))
            {
                event.completed_at = Some(now);
            }
        });
    }
}
