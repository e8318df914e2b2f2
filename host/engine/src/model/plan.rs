//! The frozen plan: its authority, which is hashed and approved, and its evidence, which is not.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::canary::{Canary, Following};
use super::canonical::canonical;
use super::digest::Digest;
use super::draft::{Finding, Severity, Step, Undo, Watch};
use super::effect::Effect;
use super::failure::Denial;
use super::kind::Kind;
use super::name::{Label, StepId};
use super::plugin::{Grantable, Version};
use super::time::{Millis, Moment};
use super::trigger::{HostWatch, Triggers};

/// The newest version of the plan format.
const FORMAT: u32 = 1;

/// What a digest of an authority is prefixed with.
const DOMAIN: &str = "lockstep-plan-1";

/// The environment that a plan is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Environment {
    /// Its name in `lockstep.toml`.
    pub name: String,
    /// Railway's project id.
    pub project_id: String,
    /// Railway's environment id.
    pub environment_id: String,
}

/// The plugin bytes that made the plan and will run it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PluginPin {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The digest of its bytes.
    pub digest: Digest,
}

/// A name and the ids that it led to when the plan was frozen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// Railway's service id.
    pub service_id: String,
    /// The id of its volume instance, if it has a volume.
    pub volume_instance_id: Option<String>,
}

/// The way back of a frozen step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// Nothing to undo.
    Nothing,
    /// These undo steps of the plan, in this order.
    Steps(Vec<StepId>),
    /// There is none, and why.
    Impossible(String),
}

/// A step without measured figures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrozenStep {
    /// The step; its `expected` and the lengths of its outages are zero, because they are evidence.
    pub step: Step,
    /// Its way back.
    pub way: Way,
    /// Whether the host derived it, so that no plugin is asked about it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub derived: bool,
}

/// An undo step, and who made it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrozenUndo {
    /// The step.
    pub step: Step,
    /// Whether the host derived it, so that no plugin is asked about it.
    pub derived: bool,
}

/// What is approved: everything that decides what a run may do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Authority {
    /// The version of this format.
    pub format: u32,
    /// The contract's version.
    pub contract: String,
    /// What is upgraded.
    pub component: String,
    /// The version that runs.
    pub from: Version,
    /// The version wanted.
    pub to: Version,
    /// Who planned it.
    pub plugin: PluginPin,
    /// Where.
    pub environment: Environment,
    /// Names and the ids that they lead to.
    pub pins: BTreeMap<String, Pin>,
    /// What the plugin may read and declare.
    pub grant: Vec<Grantable>,
    /// Every effect, undo effects included.
    pub effects: BTreeMap<Label, Effect>,
    /// What is expected to stand where an effect changes something, by label, in words that compare.
    pub expected: BTreeMap<Label, BTreeMap<String, Option<String>>>,
    /// The way there.
    pub steps: Vec<FrozenStep>,
    /// The ways back.
    pub undo: Vec<FrozenUndo>,
    /// Connections to what is only there because of the plan, and the step that brings it up: until that is done nothing is looked
    /// for behind them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub begun: BTreeMap<String, StepId>,
    /// Connections to what the plan stops for good, and the step that does: from there on nothing is looked for behind them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub stopped: BTreeMap<String, StepId>,
    /// The canaries that move along with their database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub following: Option<Following>,
    /// What the plugin looks at meanwhile.
    pub watches: Vec<Watch>,
    /// What the host looks at meanwhile.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub host_watches: Vec<HostWatch>,
    /// How the looks are judged.
    #[serde(default, skip_serializing_if = "Triggers::are_default")]
    pub triggers: Triggers,
    /// What every call about a step is given.
    pub parameters: BTreeMap<String, String>,
}

/// What was measured of one step.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// How long it takes; zero where no history tells.
    pub time: Millis,
    /// How long each of the step's outages lasts, in their order; zero where no history tells.
    pub outages: Vec<Millis>,
}

/// What the plan rests on and what is expected of it. A live system changes it every second.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// When it was planned.
    pub made: Moment,
    /// What was found.
    pub findings: Vec<Finding>,
    /// What the plan can't keep or check, in the plugin's words.
    pub uncovered: Vec<String>,
    /// Expected time and outages by step.
    pub expected: BTreeMap<StepId, Measured>,
    /// What the plugin was denied while it planned, each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub denied: Vec<Denial>,
}

/// A frozen plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// What is hashed and approved.
    pub authority: Authority,
    /// What is shown beside it.
    pub evidence: Evidence,
}

/// A text is not a plan that this version can run.
#[derive(Debug, thiserror::Error)]
pub enum ReadPlanError {
    /// It is not the JSON of a plan.
    #[error("could not read the plan")]
    Malformed(#[from] serde_json::Error),
    /// It was written by a newer version.
    #[error("the plan has format {found}, and this version of lockstep reads up to {FORMAT}")]
    Format {
        /// The plan's.
        found: u32,
    },
}

impl Authority {
    /// Returns the version of the format that this code writes.
    pub const fn format() -> u32 {
        FORMAT
    }

    /// Returns the digest that an approval is bound to.
    ///
    /// # Errors
    /// The authority does not serialize, which would be a fault of ours.
    pub fn digest(&self) -> Result<Digest, serde_json::Error> {
        Digest::of_json(DOMAIN, self)
    }

    /// Returns a forward step by its name.
    pub fn step(&self, id: &StepId) -> Option<&FrozenStep> {
        self.steps.iter().find(|frozen| frozen.step.id == *id)
    }

    /// Returns an undo step by its name.
    pub fn undo_step(&self, id: &StepId) -> Option<&FrozenUndo> {
        self.undo.iter().find(|frozen| frozen.step.id == *id)
    }

    /// Returns the canaries that are written beside the run.
    pub fn canaries(&self) -> impl Iterator<Item = &Canary> {
        self.host_watches.iter().filter_map(|watch| match watch {
            HostWatch::Canary(canary) => Some(canary),
            HostWatch::Running(_)
            | HostWatch::OneOf(_)
            | HostWatch::MostOf(_)
            | HostWatch::Traffic(_) => None,
        })
    }

    /// Returns the databases that the plan's own steps change, by the names of their connections.
    pub fn databases(&self) -> BTreeSet<&str> {
        let own = self.steps.iter().filter(|frozen| !frozen.derived);
        let labels = own.flat_map(|frozen| &frozen.step.effects);
        let of = |label| {
            let kind = &self.effects.get(label)?.kind;
            if let Kind::Transfer(transfer) = kind {
                return transfer.changes();
            }
            let (Kind::SqlExecute { connection, .. } | Kind::HoldWrites { connection, .. }) = kind
            else {
                return None;
            };
            Some(connection.as_str())
        };
        labels.filter_map(of).collect()
    }

    /// Returns whether a step is one of those that the host puts behind all of the plugin's own.
    pub fn cleans_up(&self, step: &StepId) -> bool {
        let from = self.steps.iter().skip_while(|frozen| frozen.step.id != *step);
        let mut from = from.peekable();
        from.peek().is_some() && from.all(|frozen| frozen.derived)
    }

    /// Returns the undo steps that belong to no step in particular: they come last, whichever steps began.
    pub fn closing(&self) -> impl Iterator<Item = &FrozenUndo> {
        let named = |id: &StepId| {
            self.steps
                .iter()
                .any(|frozen| matches!(&frozen.way, Way::Steps(ids) if ids.contains(id)))
        };
        self.undo.iter().filter(move |frozen| !named(&frozen.step.id))
    }

    /// Returns the index of the first step that can't be undone: nothing rolls back by itself from there on. The step with
    /// which the host ends a run is none, because a run that is over has no way back in any case.
    pub fn point_of_no_return(&self) -> Option<usize> {
        let is_it =
            |frozen: &FrozenStep| !frozen.derived && matches!(frozen.way, Way::Impossible(_));
        self.steps.iter().position(is_it)
    }
}

impl Plan {
    /// Returns whether a finding refuses the plan.
    pub fn refuses(&self) -> bool {
        self.evidence.findings.iter().any(|finding| finding.severity == Severity::Refusal)
    }

    /// Returns whether there is nothing to do: nothing refuses, and there is no step.
    pub fn is_nothing(&self) -> bool {
        !self.refuses() && self.authority.steps.is_empty()
    }

    /// Returns the plan as stable, diffable JSON.
    ///
    /// # Errors
    /// The plan does not serialize, which would be a fault of ours.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        let sorted: serde_json::Value = serde_json::from_str(&canonical(self)?)?;
        serde_json::to_string_pretty(&sorted)
    }

    /// Reads a plan.
    ///
    /// # Errors
    /// The text is not a plan, or one of a later format.
    pub fn from_json(text: &str) -> Result<Self, ReadPlanError> {
        Self::from_value(serde_json::from_str(text)?)
    }

    /// Reads a plan that stands in another document.
    ///
    /// # Errors
    /// As in [`Plan::from_json`].
    pub(super) fn from_value(json: serde_json::Value) -> Result<Self, ReadPlanError> {
        let found = json.pointer("/authority/format").and_then(serde_json::Value::as_u64);
        if let Some(found) =
            found.and_then(|found| u32::try_from(found).ok()).filter(|found| *found > FORMAT)
        {
            return Err(ReadPlanError::Format { found });
        }
        Ok(serde_json::from_value(json)?)
    }
}

impl Way {
    /// Returns what the plugin proposed, for steps whose way the host did not have to derive.
    pub(crate) fn of(undo: &Undo) -> Option<Self> {
        match undo {
            Undo::Nothing => Some(Self::Nothing),
            Undo::Steps(steps) => Some(Self::Steps(steps.clone())),
            Undo::Impossible(why) => Some(Self::Impossible(why.clone())),
            Undo::Restore => None,
        }
    }
}
