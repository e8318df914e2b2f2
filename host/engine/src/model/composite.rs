//! Composite plans: one file for several components, a stage for each.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::canonical::canonical;
use super::digest::Digest;
use super::name::CompositeId;
use super::plan::{Environment, Plan, ReadPlanError};
use super::time::Moment;

/// The newest version of the composite format.
const FORMAT: u32 = 1;

/// What a digest of a composite plan is prefixed with.
const DOMAIN: &str = "lockstep-composite-1";

/// Several components' plans, in the order in which they are carried out.
///
/// It approves nothing: each stage is planned again at its turn, and that plan is approved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Composite {
    /// The version of this format.
    pub lockstep_composite: u32,
    /// Its name, which follows from all the rest: a file that was changed does not bear it any more.
    pub id: CompositeId,
    /// When it was planned. Planning the same again makes another composite plan.
    pub made: Moment,
    /// Where.
    pub environment: Environment,
    /// The stages, the first to be carried out first.
    pub stages: Vec<Stage>,
}

/// One component's part of a composite plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// What is upgraded. No other stage upgrades it.
    pub component: String,
    /// The version wanted; none means the plugin's recommendation at the stage's turn.
    pub desired: Option<String>,
    /// Its plan on the environment as it stood before all stages.
    pub preview: Preview,
}

/// A stage as it was planned before its turn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Preview {
    /// So it would be done now.
    Planned(Box<Previewed>),
    /// It can't be planned before its turn, and why.
    Unplanned(String),
}

/// A plan and the digest of its authority.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Previewed {
    /// The digest.
    pub digest: Digest,
    /// The plan.
    pub plan: Plan,
}

/// What a composite plan's name follows from.
#[derive(Serialize)]
struct Content<'a> {
    made: Moment,
    environment: &'a Environment,
    stages: &'a [Stage],
}

/// A text is not a composite plan that this version can carry out.
#[derive(Debug, thiserror::Error)]
pub enum ReadCompositeError {
    /// It is not the JSON of a composite plan.
    #[error("could not read the composite plan")]
    Malformed(#[from] serde_json::Error),
    /// It was written by a newer version.
    #[error(
        "the composite plan has format {found}, and this version of lockstep reads up to {FORMAT}"
    )]
    Format {
        /// The composite plan's.
        found: u64,
    },
    /// The plan of a stage can't be read.
    #[error("could not read the plan of stage {stage}")]
    Stage {
        /// Which, from 1.
        stage: usize,
        /// Why.
        source: ReadPlanError,
    },
    /// What it holds does not fit together, as in what no version of Lockstep has written.
    #[error("the composite plan does not fit together: {0}")]
    Unfit(String),
    /// It is not what was written.
    #[error("composite plan `{id}` was changed after it was made")]
    Changed {
        /// The name that it bears.
        id: CompositeId,
    },
}

impl Composite {
    /// Returns a new composite plan of these stages.
    ///
    /// # Errors
    /// A plan does not serialize, which would be a fault of ours.
    pub fn new(
        made: Moment,
        environment: Environment,
        stages: Vec<Stage>,
    ) -> Result<Self, serde_json::Error> {
        let id = Content { made, environment: &environment, stages: &stages }.id()?;
        Ok(Self { lockstep_composite: FORMAT, id, made, environment, stages })
    }

    /// Returns whether a JSON document means to be a composite plan, of whichever version.
    pub fn is_meant(json: &serde_json::Value) -> bool {
        json.get("lockstep_composite").is_some()
    }

    /// Returns the composite plan as stable, diffable JSON.
    ///
    /// # Errors
    /// It does not serialize, which would be a fault of ours.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        let sorted: serde_json::Value = serde_json::from_str(&canonical(self)?)?;
        serde_json::to_string_pretty(&sorted)
    }

    /// Reads a composite plan.
    ///
    /// # Errors
    /// The text is not a composite plan, one of a later format, or one that was changed.
    pub fn from_json(text: &str) -> Result<Self, ReadCompositeError> {
        let json: serde_json::Value = serde_json::from_str(text)?;
        let found = json.get("lockstep_composite").and_then(serde_json::Value::as_u64);
        if let Some(found) = found.filter(|found| *found > u64::from(FORMAT)) {
            return Err(ReadCompositeError::Format { found });
        }
        let stages = json.get("stages").and_then(serde_json::Value::as_array);
        for (stage, json) in (1..).zip(stages.into_iter().flatten()) {
            if let Some(plan) = json.pointer("/preview/planned/plan") {
                // By itself a plan says better what is wrong with it, such as that it is newer.
                Plan::from_value(plan.clone())
                    .map_err(|source| ReadCompositeError::Stage { stage, source })?;
            }
        }
        let read: Self = serde_json::from_value(json)?;
        let content =
            Content { made: read.made, environment: &read.environment, stages: &read.stages };
        if content.id()? != read.id {
            return Err(ReadCompositeError::Changed { id: read.id });
        }
        match read.misfit()? {
            None => Ok(read),
            Some(misfit) => Err(ReadCompositeError::Unfit(misfit)),
        }
    }

    /// Returns what does not fit together. The name alone is no proof: whoever writes a file can make one that fits.
    fn misfit(&self) -> Result<Option<String>, serde_json::Error> {
        if self.lockstep_composite == 0 || self.stages.is_empty() {
            return Ok(Some("it has no version, or no stage".to_owned()));
        }
        let mut seen = BTreeSet::new();
        for (number, stage) in (1..).zip(&self.stages) {
            if !seen.insert(&stage.component) {
                return Ok(Some(format!("stage {number} upgrades what an earlier one does")));
            }
            let Some(Previewed { digest, plan }) = stage.preview.planned() else { continue };
            let authority = &plan.authority;
            if authority.component != stage.component || authority.environment != self.environment {
                return Ok(Some(format!("the plan of stage {number} is another one's")));
            }
            if authority.digest()? != *digest {
                return Ok(Some(format!(
                    "the plan of stage {number} is not the one of its digest"
                )));
            }
        }
        let first = self.first().and_then(|first| self.stages.get(first));
        let unplanned = first.is_some_and(|first| first.preview.planned().is_none());
        Ok(unplanned.then(|| "the first stage with something to do has no plan".to_owned()))
    }

    /// Returns the stage whose plan is no preview, because nothing is done before it: the first that has something to do.
    pub fn first(&self) -> Option<usize> {
        self.stages.iter().position(|stage| !stage.preview.is_nothing())
    }
}

impl Preview {
    /// Returns the plan with its digest, if there is one.
    pub fn planned(&self) -> Option<&Previewed> {
        match self {
            Self::Planned(previewed) => Some(previewed),
            Self::Unplanned(_) => None,
        }
    }

    /// Returns whether the wanted version runs already: nothing refuses, and there is no step.
    pub fn is_nothing(&self) -> bool {
        self.planned().is_some_and(|previewed| previewed.plan.is_nothing())
    }
}

impl Content<'_> {
    fn id(&self) -> Result<CompositeId, serde_json::Error> {
        Ok(CompositeId::of(&Digest::of_json(DOMAIN, self)?))
    }
}
