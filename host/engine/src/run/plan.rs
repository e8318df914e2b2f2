//! Planning: the plugin proposes twice, the host freezes, and nothing is sent.

use std::collections::BTreeMap;

use super::bounds::kept;
use super::look::{About, Answered, Look, Proposed};
use super::port::{Guest, GuestError, News, Reporter, World};
use crate::journal::Standing;
use crate::model::{
    Authority, Denial, Draft, Effect, Environment, Failure, Kind, Label, Pin, Plan, PluginPin,
    Problem, ServiceRef, Survey, Target,
};
use crate::policy::{FreezeError, Freezer, Grant, Watching, admit_for_planning};

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The plugin broke the rules.
    #[error(transparent)]
    Guest(#[from] GuestError),
    /// The plugin could not plan.
    #[error("the plugin could not plan {component}: {failure}")]
    Failed {
        /// What was to be planned.
        component: String,
        /// Why not, in the plugin's words.
        failure: Failure,
        /// What it had been denied before, in the host's words.
        denied: Box<[Problem]>,
    },
    /// The environment could not be read.
    #[error("could not read the environment: {0}")]
    World(Failure),
    /// The plugin's draft is not one that can be run.
    #[error(transparent)]
    Freeze(#[from] FreezeError),
    /// Plans made one after the other differ: an approval would mean nothing.
    #[error("each of {DRAFTS} plans came out differently: `{field}` differs")]
    Unstable {
        /// The first field that differs.
        field: String,
    },
    /// The plan can't be hashed, which would be a fault of ours.
    #[error("could not hash the plan")]
    Unhashable(#[from] serde_json::Error),
}

/// How often the plugin is asked at most, until it plans the same twice in a row.
const DRAFTS: u32 = 3;

/// Plans one component.
#[derive(Debug)]
pub struct Planner<'a, W, R> {
    /// The outside.
    pub world: &'a W,
    /// Where news goes.
    pub reporter: &'a R,
    /// What the plugin was granted.
    pub grant: &'a Grant,
    /// The plugin's bytes.
    pub plugin: &'a PluginPin,
    /// The environment's name in `lockstep.toml`.
    pub environment: &'a str,
    /// What the operator wants watched.
    pub watching: &'a Watching,
}

impl<W: World, R: Reporter> Planner<'_, W, R> {
    /// Has the plugin plan twice, on one look at the environment and two at what runs in it, and returns the second plan, with
    /// the newer evidence. A third is asked for where those differ: what runs there may just have changed.
    ///
    /// # Errors
    /// See [`PlanError`]. A plan with findings that refuse it is no error: the caller shows it.
    pub async fn plan(&self, guest: &mut impl Guest, target: &Target) -> Result<Plan, PlanError> {
        let target = &Target { extra: self.watching.told(), ..target.clone() };
        let mut answered = Answered::default();
        let mut first = self.draft(guest, target, &mut answered).await?;
        let mut field = String::new();
        for _ in 1..DRAFTS {
            let second = self.draft(guest, target, &mut answered).await?;
            let found = self.look(first.declared.iter().chain(&second.declared)).await?;
            let former = self.freeze(target, first, &found)?;
            let mut plan = self.freeze(target, second.clone(), &found)?;
            if former.authority.digest()? == plan.authority.digest()? {
                for Denial { problem, .. } in &second.denied {
                    self.reporter.report(News::Denied(problem.clone()));
                }
                plan.evidence.denied = second.denied.into_iter().map(kept).collect();
                return Ok(plan);
            }
            field = difference(&former.authority, &plan.authority)?;
            first = second;
        }
        Err(PlanError::Unstable { field })
    }

    /// Asks the plugin once.
    async fn draft(
        &self,
        guest: &mut impl Guest,
        target: &Target,
        answered: &mut Answered,
    ) -> Result<Drafted, PlanError> {
        let mut proposed = Proposed::default();
        let about = About::Plan(&mut proposed, answered);
        let mut host =
            Look { world: self.world, reporter: self.reporter, grant: self.grant, about };
        let draft = guest.plan(target, &mut host).await?;
        let Proposed { declared, denied } = proposed;
        match draft {
            Ok(draft) => Ok(Drafted { draft, declared, denied }),
            Err(failure) => {
                let component = target.component.clone();
                let denied = denied.into_iter().map(|it| it.problem).collect();
                Err(PlanError::Failed { component, failure, denied })
            }
        }
    }

    /// Looks at everything that freezing needs: the services, and what stands where effects change values.
    async fn look<'e>(
        &self,
        effects: impl Iterator<Item = &'e Effect>,
    ) -> Result<Found, PlanError> {
        let survey = self.world.survey().await.map_err(PlanError::World)?;
        let pins: BTreeMap<String, Pin> = survey
            .services
            .iter()
            .map(|(name, service)| {
                let volume_instance_id = service.volume_instance_id.clone();
                (name.clone(), Pin { service_id: service.service_id.clone(), volume_instance_id })
            })
            .collect();
        let mut standing = BTreeMap::new();
        for effect in effects.filter(|effect| changes_values(effect, &pins)) {
            if !standing.contains_key(&effect.label) {
                let admitted = admit_for_planning(effect, &pins);
                let found = self.world.standing(&admitted).await.map_err(PlanError::World)?;
                standing.insert(effect.label.clone(), found);
            }
        }
        Ok(Found { survey, standing })
    }

    fn freeze(&self, target: &Target, drafted: Drafted, found: &Found) -> Result<Plan, PlanError> {
        let environment = Environment {
            name: self.environment.to_owned(),
            project_id: found.survey.project_id.clone(),
            environment_id: found.survey.environment_id.clone(),
        };
        let freezer = Freezer {
            component: &target.component,
            plugin: self.plugin,
            environment: &environment,
            grant: self.grant,
            survey: &found.survey,
            standing: &found.standing,
            watching: self.watching,
            now: target.now,
        };
        Ok(freezer.freeze(drafted.draft, drafted.declared)?)
    }
}

/// What the plugin proposed when it was asked once.
#[derive(Clone)]
struct Drafted {
    draft: Draft,
    declared: Vec<Effect>,
    denied: Vec<Denial>,
}

/// What freezing rests on.
struct Found {
    survey: Survey,
    standing: BTreeMap<Label, Standing>,
}

/// Returns whether something stands where the effect changes values of an existing service.
fn changes_values(effect: &Effect, pins: &BTreeMap<String, Pin>) -> bool {
    let changes = matches!(
        effect.kind,
        Kind::SetVariables { .. }
            | Kind::GenerateVariable { .. }
            | Kind::DeleteVariables { .. }
            | Kind::SetImage { .. }
            | Kind::SetSettings { .. }
            | Kind::SetMount { .. }
    );
    changes
        && matches!(effect.kind.service(), Some(ServiceRef::Named(name)) if pins.contains_key(name))
}

/// Returns the path of the first field in which two authorities differ, as a JSON Pointer.
///
/// # Errors
/// One of them does not serialize, which would be a fault of ours.
pub fn difference(one: &Authority, other: &Authority) -> Result<String, serde_json::Error> {
    let (one, other) = (serde_json::to_value(one)?, serde_json::to_value(other)?);
    Ok(differs(&one, &other, "").unwrap_or_default())
}

fn differs(one: &serde_json::Value, other: &serde_json::Value, path: &str) -> Option<String> {
    use serde_json::Value;
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            let keys = one.keys().chain(other.keys().filter(|key| !one.contains_key(*key)));
            keys.into_iter().find_map(|key| match (one.get(key), other.get(key)) {
                (Some(one), Some(other)) => differs(one, other, &format!("{path}/{key}")),
                _ => Some(format!("{path}/{key}")),
            })
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => one
            .iter()
            .zip(other)
            .enumerate()
            .find_map(|(index, (one, other))| differs(one, other, &format!("{path}/{index}"))),
        _ => (one != other).then(|| path.to_owned()),
    }
}
