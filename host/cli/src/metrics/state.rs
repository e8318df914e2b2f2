//! How a run stands, in as many words as there are kinds of lines in a chart.

use lockstep_engine::journal::{End, Event};
use lockstep_engine::run::Ended;

/// How a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    /// It goes on.
    Running,
    /// It goes back.
    RollingBack,
    /// It waits for a person, a window, a soak or the environment.
    Waiting,
    /// A person must answer.
    Stuck,
    /// The wanted version runs.
    Done,
    /// The version before runs again.
    RolledBack,
}

impl State {
    /// Every state, so that each has its line from the beginning.
    pub(super) const ALL: [Self; 6] = [
        Self::Running,
        Self::RollingBack,
        Self::Waiting,
        Self::Stuck,
        Self::Done,
        Self::RolledBack,
    ];

    /// Returns the value of the label.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::RollingBack => "rolling-back",
            Self::Waiting => "waiting",
            Self::Stuck => "stuck",
            Self::Done => "done",
            Self::RolledBack => "rolled-back",
        }
    }

    /// Returns how a run stands after an event; none where it stands as before.
    pub(super) const fn after(event: &Event) -> Option<Self> {
        match event {
            Event::Planned { .. }
            | Event::Approved { .. }
            | Event::Leased { .. }
            | Event::GateOpened { .. }
            | Event::Resumed { .. }
            | Event::Assumed { .. } => Some(Self::Running),
            Event::TurnedBack { .. } => Some(Self::RollingBack),
            Event::GateReached { .. } | Event::Moved { .. } => Some(Self::Waiting),
            Event::Stuck { .. } => Some(Self::Stuck),
            Event::Finished { end: End::Done } => Some(Self::Done),
            Event::Finished { end: End::RolledBack } => Some(Self::RolledBack),
            Event::WindowFound { .. }
            | Event::SectionBegan { .. }
            | Event::Claimed { .. }
            | Event::Stands { .. }
            | Event::RoundStarted { .. }
            | Event::Denied { .. }
            | Event::Counted { .. }
            | Event::Watched { .. }
            | Event::Triggered { .. }
            | Event::Tallied { .. }
            | Event::Schema { .. }
            | Event::Missed { .. }
            | Event::Intended(_)
            | Event::Answered { .. }
            | Event::Settled { .. }
            | Event::Ended { .. }
            | Event::EndedBadly { .. }
            | Event::Again { .. }
            | Event::Checked { .. }
            | Event::StepDone { .. }
            | Event::StepFailed { .. } => None,
        }
    }
}

impl From<&Ended> for State {
    fn from(ended: &Ended) -> Self {
        match ended {
            Ended::Done => Self::Done,
            Ended::RolledBack(_) => Self::RolledBack,
            Ended::Waiting(_) => Self::Waiting,
            Ended::Stuck(_) => Self::Stuck,
        }
    }
}
