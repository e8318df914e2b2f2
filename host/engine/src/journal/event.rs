//! What a run's journal says: each event is one thing that happened, and nothing else is stored.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::record::Epoch;
use crate::model::{
    Argument, CanaryTally, Denial, Digest, Fact, Failure, Label, Millis, Moment, Numbers, Share,
    StepId, VariableValue, Verdict,
};

/// What stands where an effect changes something, by name, in words that compare; none for what is not there.
///
/// An image stands under `image`, a mount under `mount`, a setting and a variable under their own names, a variable's
/// value as [`standing_of`] writes it. What only a run can know, such as the newest deployment, may stand there too.
pub type Standing = BTreeMap<String, Option<String>>;

/// Returns how a variable's value stands in a [`Standing`]: `text:` and its text, `print:` and its fingerprint, or
/// `unreadable`.
pub fn standing_of(value: &VariableValue) -> String {
    match value {
        VariableValue::Shown(text) => format!("text:{text}"),
        VariableValue::Masked(fingerprint) => format!("print:{fingerprint}"),
        VariableValue::Unreadable => "unreadable".to_owned(),
    }
}

/// Which way a run goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Towards the wanted version.
    Forward,
    /// Back to the version before.
    Back,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// The wanted version runs.
    Done,
    /// The version before runs again.
    RolledBack,
}

/// What is about to be sent. Durable before anything is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Intent {
    /// The step that performs it.
    pub step: StepId,
    /// The step's round.
    pub round: u32,
    /// The position among the round's performed effects, from 0.
    pub position: u32,
    /// How often it was tried before in this position.
    pub attempt: u32,
    /// The effect.
    pub label: Label,
    /// Its arguments.
    pub arguments: Vec<Argument>,
    /// What stood there before.
    pub before: Standing,
    /// When it was decided.
    pub begun: Moment,
    /// Nothing is sent after this moment.
    pub not_after: Moment,
    /// The lease under which it is sent.
    pub epoch: Epoch,
}

/// How a send ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sent {
    /// It was done, and gave these facts.
    Done(Vec<Fact>),
    /// Surely nothing happened.
    Refused(Failure),
    /// No answer came that tells.
    Unknown(Failure),
}

/// What became of an effect whose answer never came.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It happened, and gave these facts.
    Happened(Vec<Fact>),
    /// It did not happen.
    DidNot,
    /// A part of it happened: sending it again does the rest, and the way back undoes it.
    Partly,
    /// It is happening; look again.
    StillGoing,
    /// The far side can't tell: the question for a person.
    CannotTell(String),
}

/// One thing that happened in a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// The run was made for this plan.
    Planned {
        /// The digest of the plan's authority.
        plan: Digest,
    },
    /// A person approved the plan.
    Approved {
        /// The digest that was approved.
        plan: Digest,
        /// Who.
        by: String,
    },
    /// A process took the run.
    Leased {
        /// Its number, which only grows.
        epoch: Epoch,
        /// Who.
        holder: String,
    },
    /// The step waits at a gate.
    GateReached {
        /// The step.
        step: StepId,
        /// The gate's position in the step.
        gate: u32,
        /// What it waits for.
        waits_for: String,
    },
    /// The gate opened.
    GateOpened {
        /// The step.
        step: StepId,
        /// The gate's position in the step.
        gate: u32,
        /// Who or what opened it.
        by: String,
    },
    /// A stretch of steps may begin now. Changes nothing but what is known of the windows.
    WindowFound {
        /// The step that it begins with.
        step: StepId,
        /// How much time the worst case and the way back need.
        needs: Millis,
        /// When the window closes; none outside of one.
        until: Option<Moment>,
        /// Who wanted it outside of a window.
        by: Option<String>,
    },
    /// A critical section began: its steps are done by then, or backed out of.
    SectionBegan {
        /// The section.
        section: String,
        /// The step that it begins with.
        step: StepId,
        /// When it is over at the latest.
        deadline: Moment,
    },
    /// A round began with what `observe` found.
    RoundStarted {
        /// The step.
        step: StepId,
        /// The round, from 1.
        round: u32,
        /// The moment that every call of this round is given.
        now: Moment,
        /// What was found.
        facts: Vec<Fact>,
    },
    /// The plugin asked for something that it may not do, and nothing was sent. Changes nothing: the plugin may have gone
    /// on as if nothing were.
    Denied {
        /// The step.
        step: StepId,
        /// What.
        denial: Denial,
    },
    /// A process claimed the environment for the run. Changes nothing: the claim itself is in the environment.
    Claimed {
        /// The store that the run is kept in.
        store: String,
    },
    /// A service's newest deployment, as the run found it. Whoever resumes the run afterwards accepts it.
    Stands {
        /// The service.
        service: String,
        /// The deployment's id; none where there is none.
        deployment: Option<String>,
    },
    /// How a database's schema stands, as the run found it: every object with a hash of what defines it. Whoever resumes the
    /// run afterwards accepts it.
    Schema {
        /// The connection.
        connection: String,
        /// The objects; none where they could not be read.
        objects: BTreeMap<String, String>,
    },
    /// How many requests were answered before the run changed anything: what its error rate is measured by.
    Counted {
        /// The watch.
        watch: String,
        /// The requests of the window before the run.
        before: Share,
    },
    /// A watch's verdict is another one than before.
    Watched {
        /// The watch.
        watch: String,
        /// The verdict.
        verdict: Verdict,
        /// How it shows.
        evidence: String,
    },
    /// A watch found a reason to go back. What comes of it is the next record.
    Triggered {
        /// The watch.
        watch: String,
        /// The reason.
        why: String,
    },
    /// What became of the canaries of one kind since the record before about them.
    Tallied {
        /// Which.
        canary: String,
        /// What.
        tally: CanaryTally,
    },
    /// Acknowledged canaries were looked for, and these are gone: all that are, as of now.
    Missed {
        /// Which.
        canary: String,
        /// How many were looked for.
        #[serde(default, skip_serializing_if = "is_zero")]
        looked_for: u64,
        /// The numbers of those that are gone.
        numbers: Numbers,
    },
    /// An effect is about to be sent.
    Intended(Intent),
    /// A send ended.
    Answered {
        /// The effect.
        label: Label,
        /// How.
        sent: Sent,
    },
    /// An unknown outcome was found out.
    Settled {
        /// The effect.
        label: Label,
        /// What became of it.
        fate: Fate,
    },
    /// A long effect came to its end.
    Ended {
        /// The effect.
        label: Label,
        /// What it gave.
        facts: Vec<Fact>,
    },
    /// A long effect that was done ended badly, such as a deployment that never got healthy.
    EndedBadly {
        /// The effect.
        label: Label,
        /// What is to be seen.
        why: String,
    },
    /// The step needs another round.
    Again {
        /// The step.
        step: StepId,
        /// Why.
        why: String,
    },
    /// The step's check passed; it is watched until `soak`, if it has one.
    Checked {
        /// The step.
        step: StepId,
        /// What later steps may need.
        facts: Vec<Fact>,
        /// Watched until then.
        soak_until: Option<Moment>,
    },
    /// The step is done.
    StepDone {
        /// The step.
        step: StepId,
        /// Why nothing had to be done, if nothing had to.
        nothing_to_do: Option<String>,
    },
    /// A fact that the plan rests on no longer holds: the run waits.
    Moved {
        /// The step.
        step: StepId,
        /// What.
        why: String,
    },
    /// The step can't reach its end.
    StepFailed {
        /// The step.
        step: StepId,
        /// Why.
        failure: Failure,
    },
    /// The run turns round.
    TurnedBack {
        /// Why.
        why: String,
    },
    /// A person must decide.
    Stuck {
        /// What.
        question: String,
    },
    /// A person said what became of the effect in question.
    Assumed {
        /// The effect.
        label: Label,
        /// Whether it happened.
        happened: bool,
        /// Who said so.
        by: String,
    },
    /// The run goes on after it was stuck or moved.
    Resumed {
        /// Who said so.
        by: String,
    },
    /// The run is over.
    Finished {
        /// How.
        end: End,
    },
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Event {
    /// Returns whether an effect happened by this, or came to its end.
    pub(super) const fn tells_of_a_change(&self) -> bool {
        matches!(
            self,
            Self::Answered { sent: Sent::Done(_) | Sent::Unknown(_), .. }
                | Self::Settled { fate: Fate::Happened(_) | Fate::Partly, .. }
                | Self::Ended { .. }
                | Self::EndedBadly { .. }
        )
    }

    /// Returns the event's kind, as it stands in the record's JSON.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Planned { .. } => "planned",
            Self::Approved { .. } => "approved",
            Self::Leased { .. } => "leased",
            Self::GateReached { .. } => "gate_reached",
            Self::GateOpened { .. } => "gate_opened",
            Self::WindowFound { .. } => "window_found",
            Self::SectionBegan { .. } => "section_began",
            Self::RoundStarted { .. } => "round_started",
            Self::Claimed { .. } => "claimed",
            Self::Stands { .. } => "stands",
            Self::Schema { .. } => "schema",
            Self::Counted { .. } => "counted",
            Self::Watched { .. } => "watched",
            Self::Triggered { .. } => "triggered",
            Self::Tallied { .. } => "tallied",
            Self::Missed { .. } => "missed",
            Self::Intended(_) => "intended",
            Self::Answered { .. } => "answered",
            Self::Settled { .. } => "settled",
            Self::Ended { .. } => "ended",
            Self::EndedBadly { .. } => "ended_badly",
            Self::Denied { .. } => "denied",
            Self::Again { .. } => "again",
            Self::Checked { .. } => "checked",
            Self::StepDone { .. } => "step_done",
            Self::Moved { .. } => "moved",
            Self::StepFailed { .. } => "step_failed",
            Self::TurnedBack { .. } => "turned_back",
            Self::Stuck { .. } => "stuck",
            Self::Assumed { .. } => "assumed",
            Self::Resumed { .. } => "resumed",
            Self::Finished { .. } => "finished",
        }
    }
}
