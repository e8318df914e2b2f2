//! Spans of a run, for logs and traces: names and numbers, never values.

use tracing::{Span, field, info_span};

use crate::journal::Sent;
use crate::model::{Label, RunId, StepId};

/// Returns the span of a step. `otel.name` is what a trace calls it.
pub(super) fn step(run: &RunId, step: &StepId) -> Span {
    info_span!("step", otel.name = step.as_str(), run = run.as_str(), step = step.as_str())
}

/// Returns the span of one attempt at an effect, from the look before it to its answer.
pub(super) fn effect(run: &RunId, step: &StepId, label: &Label, attempt: u32) -> Span {
    info_span!(
        "effect",
        otel.name = label.as_str(),
        run = run.as_str(),
        step = step.as_str(),
        label = label.as_str(),
        attempt,
        outcome = field::Empty,
    )
}

/// Says in the span of an effect how its send ended.
pub(super) fn answered(sent: &Sent) {
    let outcome = match sent {
        Sent::Done(_) => "done",
        Sent::Refused(_) => "refused",
        Sent::Unknown(_) => "unknown",
    };
    Span::current().record("outcome", outcome);
}
