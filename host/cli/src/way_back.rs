//! Whether a run that is not over can still go back, and what that costs.

use lockstep_engine::journal::{Direction, Event, Record, RunState, StepStatus};
use lockstep_engine::model::{Authority, Moment, StepId, Way};

/// The way back of a run as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum WayBack {
    /// It loses nothing.
    Armed,
    /// It loses this, since this step was done.
    Lossy {
        /// What, in the plugin's words.
        loss: String,
        /// When the step was done.
        since: Option<Moment>,
    },
    /// There is none, because this step began.
    Lost {
        /// The step.
        step: StepId,
        /// Why, in the plugin's words.
        why: String,
    },
    /// The run is on it.
    Taken,
}

impl WayBack {
    /// Returns how it stands with the way back of a run.
    pub(crate) fn of(state: &RunState, authority: &Authority, records: &[Record]) -> Self {
        if let Some((step, why)) = lost(state, authority) {
            return Self::Lost { step, why };
        }
        if state.direction == Direction::Back {
            return Self::Taken;
        }
        let Some(loss) = state.loss_of_going_back(authority) else { return Self::Armed };
        let mut lossy = authority.steps.iter().map(|frozen| &frozen.step);
        let step = lossy.find(|step| step.loss.as_deref() == Some(loss));
        let done = |record: &&Record| {
            let (Event::Checked { step: done, .. } | Event::StepDone { step: done, .. }) =
                &record.event
            else {
                return false;
            };
            step.is_some_and(|step| step.id == *done)
        };
        let since = records.iter().find(done).map(|record| record.at);
        Self::Lossy { loss: loss.to_owned(), since }
    }

    /// Returns its name in JSON.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Armed => "armed",
            Self::Lossy { .. } => "lossy",
            Self::Lost { .. } => "lost",
            Self::Taken => "taken",
        }
    }
}

/// Returns the step that can't be undone and whose effects began, and why it can't.
pub(crate) fn lost(state: &RunState, authority: &Authority) -> Option<(StepId, String)> {
    authority.steps.iter().find_map(|frozen| match &frozen.way {
        Way::Impossible(why) if frozen.step.effects.iter().any(|label| state.began(label)) => {
            Some((frozen.step.id.clone(), why.clone()))
        }
        Way::Impossible(_) | Way::Nothing | Way::Steps(_) => None,
    })
}

/// Returns the step that a run is in, or that comes next.
pub(crate) fn step(state: &RunState, authority: &Authority) -> Option<StepId> {
    let open = |id: &StepId| state.step(id).status != StepStatus::Done;
    match state.direction {
        Direction::Forward => {
            let mut steps = authority.steps.iter().map(|frozen| &frozen.step.id);
            steps.find(|id| open(id)).cloned()
        }
        Direction::Back => {
            let mut begun = authority.undo.iter().map(|frozen| &frozen.step.id);
            begun.find(|id| state.steps.contains_key(*id) && open(id)).cloned()
        }
    }
}
