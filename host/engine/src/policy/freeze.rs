//! Freezing: a draft and its declared effects become a plan, or a list of what is wrong with them.

use std::collections::{BTreeMap, BTreeSet};

use super::begun;
use super::derive;
use super::expect;
use super::following::Moving;
use super::forget::{self, Closing};
use super::grant::Grant;
use super::images::{Images, is_pinned};
use super::ledger::{self, Ledger, Room};
use super::shape;
use super::stopped;
use super::watching::Watching;
use crate::journal::Standing;
use crate::model::{
    Authority, Canary, Draft, Effect, Environment, Evidence, FrozenStep, FrozenUndo, Kind, Label,
    Measured, Millis, Moment, Outage, Pin, Plan, PluginPin, REDACTED, ServiceRef, Step, StepId,
    Survey, Way,
};

/// The contract's version, as plans name it.
const CONTRACT: &str = "lockstep:plugin@0.1.0";

/// A draft can't become a plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the plugin's plan is not one that lockstep can run: {}", .problems.join("; "))]
pub struct FreezeError {
    /// Everything that is wrong with it.
    pub problems: Vec<String>,
}

/// Everything beside the draft that goes into a plan.
#[derive(Clone, Debug)]
pub struct Freezer<'a> {
    /// What is upgraded.
    pub component: &'a str,
    /// Who planned it.
    pub plugin: &'a PluginPin,
    /// Where.
    pub environment: &'a Environment,
    /// What the plugin was granted.
    pub grant: &'a Grant,
    /// The environment as it stands.
    pub survey: &'a Survey,
    /// What stands where each effect changes something.
    pub standing: &'a BTreeMap<Label, Standing>,
    /// What is looked at beside what the plugin looks at, and how it is judged.
    pub watching: &'a Watching,
    /// When it is planned.
    pub now: Moment,
}

impl Freezer<'_> {
    /// Checks the draft and returns the plan.
    ///
    /// # Errors
    /// Everything that is wrong with the draft, each in words.
    pub fn freeze(&self, draft: Draft, declared: Vec<Effect>) -> Result<Plan, FreezeError> {
        let mut effects: BTreeMap<Label, Effect> =
            declared.into_iter().map(|effect| (effect.label.clone(), effect)).collect();
        let mut problems = shape::problems(&draft.steps, &draft.undo, &effects);
        problems.extend(shape::parameter_problems(&draft.parameters));
        problems.extend(shape::finding_problems(&draft.findings, &draft.steps));
        problems.extend(self.watching.problems(&draft.watches, self.survey));
        problems.extend(self.names(&effects));
        problems.extend(self.outages(draft.steps.iter().chain(&draft.undo), &effects));
        problems.extend(unpinned(&effects));
        problems.extend(redacted(&effects));
        let expected = expect::expected(&draft.steps, &effects, self.standing, self.survey);
        let (mut steps, mut undo) = ways(&draft, &mut effects, &expected, &mut problems);
        match forget::closing(&draft.steps, &effects, &expected) {
            Ok(None) => {}
            Ok(Some(Closing { step, undo: last, effects: made })) => {
                for own in [&step.step, &last.step] {
                    problems.extend(taken(own, &effects, &steps, &undo));
                }
                effects.extend(made.into_iter().map(|effect| (effect.label.clone(), effect)));
                steps.push(step);
                undo.push(last);
            }
            Err(error) => problems.push(error.to_string()),
        }
        let mut stopped = stopped::stopped(&draft.steps, &effects, self.survey);
        let mut begun = begun::begun(&draft.steps, &effects, self.survey);
        let moving = Moving::of(&draft, self.watching, self.survey).unwrap_or_else(|wrong| {
            problems.extend(wrong);
            None
        });
        if !steps.is_empty() {
            let moving = moving.as_ref();
            problems.extend(self.canaries(&mut steps, &mut undo, &mut effects, &stopped, moving));
        }
        problems.extend(self.deployments(&steps, &undo, &effects));
        problems.extend(Watching::stand_in_problems(&draft.extra, self.survey));
        problems.dedup();
        if !problems.is_empty() {
            return Err(FreezeError { problems });
        }
        let host_watches = self.watching.by_the_host(&effects, self.survey, &draft.extra);
        let steps_and_undo = draft.steps.iter().chain(&draft.undo);
        let evidence = Evidence {
            made: self.now,
            findings: draft.findings,
            uncovered: draft.uncovered,
            expected: steps_and_undo.map(|step| (step.id.clone(), measured(step))).collect(),
            denied: Vec::new(),
        };
        let mut authority = Authority {
            format: Authority::format(),
            contract: CONTRACT.to_owned(),
            component: self.component.to_owned(),
            from: draft.current,
            to: draft.desired,
            plugin: self.plugin.clone(),
            environment: self.environment.clone(),
            pins: self.pins(&effects),
            grant: self.grant.entries().to_vec(),
            effects,
            expected,
            steps,
            undo,
            begun: BTreeMap::new(),
            stopped: BTreeMap::new(),
            following: moving.map(|moving| moving.following),
            watches: draft.watches,
            host_watches,
            triggers: self.watching.triggers,
            parameters: draft.parameters.into_iter().collect(),
        };
        let kept: BTreeSet<_> = authority.canaries().filter_map(Canary::connection).collect();
        let databases = authority.databases();
        begun.retain(|it, _| databases.contains(it.as_str()));
        stopped.retain(|it, _| kept.contains(it.as_str()) || databases.contains(it.as_str()));
        authority.stopped = stopped;
        authority.begun = begun;
        Ok(Plan { authority, evidence })
    }

    /// Puts the steps around the plan that make the place of the canaries and remove it, which is no later than right before
    /// the first step that stops for good what has that place. Where they move along, their place at the other side is made right
    /// before the step that needs it, and is removed on the way back right after what that step takes back.
    fn canaries(
        &self,
        steps: &mut Vec<FrozenStep>,
        undo: &mut Vec<FrozenUndo>,
        effects: &mut BTreeMap<Label, Effect>,
        stopped: &BTreeMap<String, StepId>,
        moving: Option<&Moving>,
    ) -> Vec<String> {
        let canaries = self.watching.canaries.iter().filter_map(Canary::connection);
        let kept = canaries.chain(moving.map(|moving| moving.following.to.as_str()));
        let stopping: Vec<_> = kept.filter_map(|connection| stopped.get(connection)).collect();
        match ledger::ledger(self.watching.canaries.iter(), moving) {
            Ok(None) => Vec::new(),
            Ok(Some(Ledger { first, room, last, undo: undone, effects: made })) => {
                let of_room = room.iter().flat_map(|it| [&it.step.step, &it.undo.step]);
                let own = [&first.step, &last.step, &undone.step].into_iter().chain(of_room);
                let taken = own.filter_map(|own| taken(own, effects, steps, undo));
                let problems = taken.collect();
                effects.extend(made.into_iter().map(|effect| (effect.label.clone(), effect)));
                let stops_it = |frozen: &FrozenStep| stopping.contains(&&frozen.step.id);
                let end = steps.iter().position(stops_it).unwrap_or(steps.len());
                steps.insert(end, last);
                if let Some(Room { before, step, undo: removed }) = room {
                    let at = steps.iter().position(|frozen| frozen.step.id == before);
                    steps.insert(at.unwrap_or_default(), step);
                    undo.push(removed);
                }
                steps.insert(0, first);
                undo.push(undone);
                problems
            }
            Err(error) => vec![error.to_string()],
        }
    }

    /// Every service that an effect names exists, and every alias is made by an effect.
    fn names(&self, effects: &BTreeMap<Label, Effect>) -> Vec<String> {
        let made = |alias: &str| {
            effects.values().any(|it| it.kind.brings().iter().any(|made| made.alias == alias))
        };
        let problem = |effect: &Effect| match effect.kind.service()? {
            ServiceRef::Named(name) if !self.survey.services.contains_key(name) => Some(format!(
                "effect `{}` is about service `{name}`, which is not in the environment",
                effect.label
            )),
            ServiceRef::Made(alias) if !made(alias) => Some(format!(
                "effect `{}` is about alias `{alias}`, which no effect makes",
                effect.label
            )),
            ServiceRef::Named(_) | ServiceRef::Made(_) => None,
        };
        effects.values().filter_map(problem).collect()
    }

    /// Every service that is said to be down exists, or an effect makes it.
    fn outages<'b>(
        &self,
        steps: impl Iterator<Item = &'b Step>,
        effects: &BTreeMap<Label, Effect>,
    ) -> Vec<String> {
        let made = |name: &str| {
            effects.values().any(|it| it.kind.brings().iter().any(|made| made.name == name))
        };
        let unknown = |outage: &&Outage| {
            !self.survey.services.contains_key(&outage.service) && !made(&outage.service)
        };
        let problem = |step: &'b Step| {
            let unknown = step.outage.iter().find(unknown)?;
            Some(format!(
                "step `{}` has an outage of service `{}`, which is not in the environment",
                step.id, unknown.service
            ))
        };
        steps.filter_map(problem).collect()
    }

    fn pins(&self, effects: &BTreeMap<Label, Effect>) -> BTreeMap<String, Pin> {
        let named = effects.values().filter_map(|effect| match effect.kind.service() {
            Some(ServiceRef::Named(name)) => Some(name),
            Some(ServiceRef::Made(_)) | None => None,
        });
        named
            .filter_map(|name| {
                let service = self.survey.services.get(name)?;
                let volume_instance_id = service.volume_instance_id.clone();
                Some((
                    name.clone(),
                    Pin { service_id: service.service_id.clone(), volume_instance_id },
                ))
            })
            .collect()
    }

    /// L13, forwards and backwards.
    fn deployments(
        &self,
        steps: &[FrozenStep],
        undo: &[FrozenUndo],
        effects: &BTreeMap<Label, Effect>,
    ) -> Vec<String> {
        let mut images = Images::of(self.survey);
        let mut problems = Vec::new();
        for frozen in steps {
            problems.extend(images.follow(&frozen.step, effects));
            if let Way::Steps(ids) = &frozen.way {
                let mut back = images.clone();
                for undo in ids.iter().filter_map(|id| undo.iter().find(|undo| undo.step.id == *id))
                {
                    problems.extend(back.follow(&undo.step, effects));
                }
            }
        }
        problems
    }
}

/// A plugin sets no image that can become another one.
fn unpinned(effects: &BTreeMap<Label, Effect>) -> Vec<String> {
    let loose = |effect: &Effect| {
        let (Kind::SetImage { image, .. } | Kind::CreateService { image, .. }) = &effect.kind
        else {
            return None;
        };
        let label = &effect.label;
        (!is_pinned(image))
            .then(|| format!("effect `{label}` sets image `{image}`, which names no digest (L13)"))
    };
    effects.values().filter_map(loose).collect()
}

/// What a plugin read with a secret taken out of it is not written back.
fn redacted(effects: &BTreeMap<Label, Effect>) -> Vec<String> {
    let holds = |effect: &&Effect| {
        serde_json::to_string(&effect.kind).is_ok_and(|text| text.contains(REDACTED))
    };
    let problem = |effect: &Effect| {
        format!(
            "effect `{}` holds `{REDACTED}`, which stands for a secret that is written out in the environment: put it into a variable",
            effect.label
        )
    };
    effects.values().filter(holds).map(problem).collect()
}

/// Completes the ways back: what the plugin proposes, and what the host derives where it is asked to restore.
fn ways(
    draft: &Draft,
    effects: &mut BTreeMap<Label, Effect>,
    expected: &BTreeMap<Label, Standing>,
    problems: &mut Vec<String>,
) -> (Vec<FrozenStep>, Vec<FrozenUndo>) {
    let mut undo: Vec<FrozenUndo> = draft
        .undo
        .iter()
        .map(|step| FrozenUndo { step: unmeasured(step), derived: false })
        .collect();
    let mut steps = Vec::with_capacity(draft.steps.len());
    for (index, step) in draft.steps.iter().enumerate() {
        let way = match Way::of(&step.undo) {
            Some(way) => way,
            None => match derive::undo_step(&draft.steps, index, effects, expected) {
                Ok((derived, _)) if derived.effects.is_empty() => Way::Nothing,
                Ok((derived, made)) => {
                    problems.extend(taken(&derived, effects, &[], &undo));
                    let id: StepId = derived.id.clone();
                    effects.extend(made.into_iter().map(|effect| (effect.label.clone(), effect)));
                    undo.push(FrozenUndo { step: derived, derived: true });
                    Way::Steps(vec![id])
                }
                Err(problem) => {
                    problems.push(problem);
                    Way::Nothing
                }
            },
        };
        steps.push(FrozenStep { step: unmeasured(step), way, derived: false });
    }
    (steps, undo)
}

/// What the host derives never takes the place of what the plugin declares.
fn taken(
    derived: &Step,
    effects: &BTreeMap<Label, Effect>,
    steps: &[FrozenStep],
    undo: &[FrozenUndo],
) -> Option<String> {
    let label = derived.effects.iter().find(|label| effects.contains_key(label));
    if let Some(label) = label {
        return Some(format!("label `{label}` is one that lockstep needs for a derived step"));
    }
    let id = &derived.id;
    let mut others = steps.iter().map(|it| &it.step.id).chain(undo.iter().map(|it| &it.step.id));
    others
        .any(|other| other == id)
        .then(|| format!("step id `{id}` is one that lockstep needs for a derived step"))
}

/// Takes the measured figures out of a step: they are evidence and change with every plan.
fn unmeasured(step: &Step) -> Step {
    let mut step = step.clone();
    step.expected = Millis(0);
    step.outage.iter_mut().for_each(|outage| outage.length = Millis(0));
    step
}

/// Returns the figures that [`unmeasured`] takes out.
fn measured(step: &Step) -> Measured {
    let outages = step.outage.iter().map(|outage| outage.length).collect();
    Measured { time: step.expected, outages }
}
