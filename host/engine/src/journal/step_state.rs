//! Where one step stands.

use std::sync::Arc;

use super::event::Intent;
use crate::model::{Fact, Failure, Moment};

/// What became of one performed effect.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The intent is durable, and nothing more is known.
    Open,
    /// No answer came that tells; the far side must.
    Unknown(Failure),
    /// It was done and gave these facts.
    Done(Vec<Fact>),
    /// Surely nothing happened.
    Refused(Failure),
    /// The far side says that it did not happen.
    DidNot,
    /// The far side says that a part of it happened.
    Partly,
}

/// One effect of a round.
#[derive(Clone, Debug, PartialEq)]
pub struct Performed {
    /// What was about to be sent; shared by the places that hold it.
    pub intent: Arc<Intent>,
    /// What became of it.
    pub outcome: Outcome,
    /// What it gave when it came to its end, for an effect that takes long.
    pub ended: Option<Vec<Fact>>,
    /// Why it ended badly, if it did. It happened all the same, and is undone.
    pub failed: Option<String>,
}

/// Whether a step is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepStatus {
    /// Not begun, or between two rounds.
    Pending,
    /// Waits at the gate with this position.
    AtGate(u32),
    /// In a round.
    Running,
    /// Checked, and watched until this moment if there is one.
    Checked(Option<Moment>),
    /// Over.
    Done,
    /// Its end can't be reached.
    Failed(Failure),
}

/// Where one step stands.
#[derive(Clone, Debug, PartialEq)]
pub struct StepState {
    /// Whether it is over.
    pub status: StepStatus,
    /// Gates passed so far.
    pub gates_open: u32,
    /// The round, from 1; 0 before the first.
    pub round: u32,
    /// When the first round began.
    pub began: Option<Moment>,
    /// The moment of this round.
    pub now: Moment,
    /// What `observe` found in this round.
    pub observed: Vec<Fact>,
    /// The round's effects, in order; a repeated attempt takes the place of the one before.
    pub performed: Vec<Performed>,
    /// What later steps may need.
    pub facts: Vec<Fact>,
    /// Whether a check found that it has reached its end, whatever came after that.
    pub reached: bool,
    /// Why it did not start the last time, until somebody goes on.
    pub moved: Option<String>,
    /// The same from when somebody went on all the same.
    pub accepted: Option<String>,
}

impl Default for StepState {
    fn default() -> Self {
        Self {
            status: StepStatus::Pending,
            gates_open: 0,
            round: 0,
            began: None,
            now: Moment(0),
            observed: Vec::new(),
            performed: Vec::new(),
            facts: Vec::new(),
            reached: false,
            moved: None,
            accepted: None,
        }
    }
}

impl Performed {
    /// Returns whether the effect happened, as far as is known. An effect whose fate is open counts: it may have, and so
    /// does one of which a part happened.
    pub fn may_have_happened(&self) -> bool {
        match self.outcome {
            Outcome::Open | Outcome::Unknown(_) | Outcome::Done(_) | Outcome::Partly => true,
            Outcome::Refused(_) | Outcome::DidNot => false,
        }
    }

    /// Returns whether it may be sent again: it surely did not happen as a whole.
    pub fn may_be_repeated(&self) -> bool {
        match self.outcome {
            Outcome::Refused(_) | Outcome::DidNot | Outcome::Partly => true,
            Outcome::Open | Outcome::Unknown(_) | Outcome::Done(_) => false,
        }
    }

    /// Lets what ended badly be sent again. It happened all the same, so the way back undoes it.
    pub(super) fn take_up_again(&mut self) {
        if self.failed.take().is_some() {
            self.outcome = Outcome::Partly;
        }
    }

    /// Returns whether its fate must be found out before anything else is done.
    pub fn is_open(&self) -> bool {
        match self.outcome {
            Outcome::Open | Outcome::Unknown(_) => true,
            Outcome::Done(_) | Outcome::Refused(_) | Outcome::DidNot | Outcome::Partly => false,
        }
    }

    /// Returns everything that it gave.
    pub fn given(&self) -> Vec<Fact> {
        let mut facts = match &self.outcome {
            Outcome::Done(facts) => facts.clone(),
            Outcome::Open
            | Outcome::Unknown(_)
            | Outcome::Refused(_)
            | Outcome::DidNot
            | Outcome::Partly => Vec::new(),
        };
        facts.extend(self.ended.iter().flatten().cloned());
        facts
    }
}
