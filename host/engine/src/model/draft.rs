//! What a plugin proposes, and what it answers about a step.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::fact::Fact;
use super::name::{Label, RunId, StepId};
use super::plugin::Version;
use super::time::{Millis, Moment};
use super::trigger::Trigger;
use super::wire::Extra;

/// How grave a finding or rule is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Good to know.
    Note,
    /// The operator should read it.
    Warning,
    /// The plan can't be run.
    Refusal,
}

/// Something that the plan rests on. Shown, and not part of the plan's hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// Its name.
    pub id: String,
    /// How grave it is.
    pub severity: Severity,
    /// What was found.
    pub title: String,
    /// How it shows.
    pub evidence: Vec<String>,
    /// What to do about it.
    pub remedy: Option<String>,
    /// Where the rule behind it is written.
    pub source: Option<String>,
    /// The steps that mend it.
    pub mended_by: Vec<StepId>,
}

/// Who performs a step's effects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Drive {
    /// The host, in the listed order.
    Listed,
    /// The plugin's `apply`.
    Guided,
}

/// The way back of a step, as the plugin proposes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Undo {
    /// Nothing to undo.
    Nothing,
    /// The host puts back the values before.
    Restore,
    /// These undo steps, in this order.
    Steps(Vec<StepId>),
    /// There is none, and why.
    Impossible(String),
}

/// What must be open before a step starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gate {
    /// A person says yes to this.
    Approval(String),
    /// The maintenance window is open.
    Window,
}

/// What of a service does not work.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutageKind {
    /// Reading from it.
    Reads,
    /// Writing to it.
    Writes,
    /// Everything.
    All,
    /// Something else, in the plugin's words.
    Other(String),
}

/// Something that does not work while a step goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outage {
    /// The service.
    pub service: String,
    /// What of it.
    pub kind: OutageKind,
    /// How long, by the stack's own history; zero where there is none to tell. A measured figure.
    pub length: Millis,
}

/// One unit of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Its name.
    pub id: StepId,
    /// What it does, in the plugin's words.
    pub title: String,
    /// Why, in the plugin's words.
    pub why: String,
    /// Labels of declared effects, in the order in which they happen.
    pub effects: Vec<Label>,
    /// Who performs them.
    pub drive: Drive,
    /// For an undo step: its label, and the label that it reverses. Skipped if that one never began.
    pub reverses: Vec<(Label, Label)>,
    /// The way back.
    pub undo: Undo,
    /// What going back loses once this step is done.
    pub loss: Option<String>,
    /// What must be open before it starts.
    pub gates: Vec<Gate>,
    /// Steps whose facts it is given.
    pub needs: Vec<StepId>,
    /// Rounds that it may take.
    pub rounds: u32,
    /// How long to watch after it is done.
    pub soak: Option<Millis>,
    /// How long it takes, by the stack's own history; a measured figure.
    pub expected: Millis,
    /// What does not work meanwhile.
    pub outage: Vec<Outage>,
    /// What users see, and until when, if Lockstep dies in it.
    pub if_left: Option<String>,
    /// How long it may take.
    pub limit: Millis,
    /// What a later contract adds.
    pub extra: Extra,
}

impl Step {
    /// Returns a step of one round that the host performs by itself, with no way back, no words and no figures.
    pub fn listed(id: StepId, effects: Vec<Label>, limit: Millis) -> Self {
        Self {
            id,
            title: String::new(),
            why: String::new(),
            effects,
            drive: Drive::Listed,
            reverses: Vec::new(),
            undo: Undo::Nothing,
            gates: Vec::new(),
            needs: Vec::new(),
            loss: None,
            rounds: 1,
            soak: None,
            expected: Millis(0),
            outage: Vec::new(),
            if_left: None,
            limit,
            extra: Vec::new(),
        }
    }
}

/// Something to look at beside steps and soaks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Watch {
    /// Its name.
    pub id: String,
    /// What it looks at.
    pub title: String,
    /// How often.
    pub interval: Millis,
    /// Effects that a probe may perform each time.
    pub effects: Vec<Label>,
    /// How its looks are judged.
    pub trigger: Trigger,
}

/// What a plugin proposes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The version that runs.
    pub current: Version,
    /// The version wanted.
    pub desired: Version,
    /// What the plan rests on.
    pub findings: Vec<Finding>,
    /// The way there.
    pub steps: Vec<Step>,
    /// Undo steps that `Undo::Steps` names.
    pub undo: Vec<Step>,
    /// What to look at meanwhile.
    pub watches: Vec<Watch>,
    /// What the plan can't keep or check.
    pub uncovered: Vec<String>,
    /// What every later call is given.
    pub parameters: Vec<(String, String)>,
    /// What a later contract adds.
    pub extra: Extra,
}

/// One call about one step, the same on every replay.
#[derive(Clone, Debug, PartialEq)]
pub struct StepCall {
    /// The step.
    pub step: StepId,
    /// The run.
    pub run: RunId,
    /// The round, counted from 1.
    pub round: u32,
    /// The moment recorded for this round.
    pub now: Moment,
    /// The plan's parameters.
    pub parameters: BTreeMap<String, String>,
    /// From the steps in `needs`, then from this step's `observe`; for `check`, then from this round's `apply`.
    pub facts: Vec<Fact>,
}

/// The fact by which `observe` is told what it said when it answered `moved`, once somebody has gone on all the same.
pub const ACCEPTED: &str = "accepted";

/// What a step found before it starts.
#[derive(Clone, Debug, PartialEq)]
pub enum Observation {
    /// Go on; keep these facts.
    Ready(Vec<Fact>),
    /// The end is already reached.
    NothingToDo(String),
    /// Not yet.
    Wait(Pending),
    /// A fact that the plan rests on no longer holds.
    Moved(String),
}

/// Not there yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Pending {
    /// Look again after this long.
    pub after: Millis,
    /// What is waited for.
    pub note: String,
    /// How much is done.
    pub done: Option<u64>,
    /// Of how much.
    pub total: Option<u64>,
    /// Given back to the next look.
    pub memo: Vec<Fact>,
}

/// How far a step is.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// Not there yet.
    Pending(Pending),
    /// Reached; later steps may need these facts.
    Done(Vec<Fact>),
    /// Another round, and why.
    Again(String),
    /// Not reachable; the evidence.
    Failed(String),
}

/// What a probe found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Good.
    Pass,
    /// Bad.
    Fail,
    /// Could not be found out.
    Unknown,
}

/// One look of a watch.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The verdict.
    pub verdict: Verdict,
    /// How it shows.
    pub evidence: String,
    /// A figure, where there is one.
    pub figure: Option<f64>,
}
