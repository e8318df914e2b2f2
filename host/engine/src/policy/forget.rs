//! The end of a run: what the host kept of former secrets goes, once nothing can need it any more.

use std::collections::{BTreeMap, BTreeSet};

use crate::journal::Standing;
use crate::model::{
    Effect, FrozenStep, FrozenUndo, Kind, Label, Millis, NameError, ServiceRef, Step, Times, Way,
};

/// The step that comes last on the way there. A plugin can't take its name.
const STEP: &str = "forget-former-secrets";

/// How long it may take: it deletes a few variables.
const LIMIT: Millis = Millis::seconds(600);

/// Why nothing is undone from there on.
const OVER: &str = "the run is over then, and what a way back would need is deleted";

/// Former secrets of one service that a plan may make the host keep.
struct Kept {
    service: ServiceRef,
    names: BTreeSet<String>,
    causes: BTreeSet<Label>,
}

/// What the host adds to the end of a plan, in both directions.
pub(crate) struct Closing {
    /// The last step of all.
    pub(crate) step: FrozenStep,
    /// The last undo step of all, whichever steps began.
    pub(crate) undo: FrozenUndo,
    /// The effects of both.
    pub(crate) effects: Vec<Effect>,
}

/// Derives the end of a plan that may overwrite secrets; none of a plan that surely overwrites none.
///
/// # Errors
/// A name does not fit, which would be a fault of ours.
pub(crate) fn closing(
    steps: &[Step],
    effects: &BTreeMap<Label, Effect>,
    expected: &BTreeMap<Label, Standing>,
) -> Result<Option<Closing>, NameError> {
    let kept = kept(steps, effects, expected);
    if kept.is_empty() {
        return Ok(None);
    }
    let (mut forward, mut back, mut reverses) = (Vec::new(), Vec::new(), Vec::new());
    for (number, Kept { service, names, causes }) in kept.into_iter().enumerate() {
        let names = names.into_iter().collect();
        let kind = Kind::ForgetVariables { service, names };
        forward.push(Effect::plain(format!("forget-secrets-{number}").parse()?, kind.clone()));
        let undo = Effect::plain(format!("undo-forget-secrets-{number}").parse()?, kind);
        reverses.extend(causes.into_iter().map(|cause| (undo.label.clone(), cause)));
        back.push(undo);
    }
    let step = FrozenStep {
        step: step(STEP, &forward, Vec::new())?,
        way: Way::Impossible(OVER.to_owned()),
        derived: true,
    };
    let undo =
        FrozenUndo { step: self::step(&format!("undo-{STEP}"), &back, reverses)?, derived: true };
    Ok(Some(Closing { step, undo, effects: forward.into_iter().chain(back).collect() }))
}

fn step(id: &str, effects: &[Effect], reverses: Vec<(Label, Label)>) -> Result<Step, NameError> {
    let labels = effects.iter().map(|effect| effect.label.clone()).collect();
    Ok(Step {
        title: "delete what lockstep kept of former secrets".to_owned(),
        why: "derived by lockstep: at the end of the run nothing needs them any more".to_owned(),
        reverses,
        ..Step::listed(id.parse()?, labels, LIMIT)
    })
}

/// Returns the variables in whose place a secret may stand when they are overwritten or deleted, by service.
fn kept(
    steps: &[Step],
    effects: &BTreeMap<Label, Effect>,
    expected: &BTreeMap<Label, Standing>,
) -> Vec<Kept> {
    let mut found: Vec<Kept> = Vec::new();
    let mut written: BTreeSet<(ServiceRef, String)> = BTreeSet::new();
    for step in steps {
        for effect in step.effects.iter().filter_map(|label| effects.get(label)) {
            // With other arguments a later performance overwrites what an earlier one put there.
            let repeats =
                (effect.times != Times::Once || step.rounds > 1) && !effect.rules.is_empty();
            let overwrites = overwritten(&effect.kind);
            for (service, name) in &overwrites {
                let before = expected.get(&effect.label).and_then(|standing| standing.get(name));
                let is_secret = match (before, service) {
                    (Some(Some(value)), _) => value.starts_with("print:"),
                    (_, ServiceRef::Made(_)) => written.contains(&(service.clone(), name.clone())),
                    (Some(None), ServiceRef::Named(_)) => false,
                    // What earlier effects of the plan put there is not known before they are sent.
                    (None, ServiceRef::Named(_)) => true,
                };
                if is_secret || repeats {
                    note(&mut found, service, name, &effect.label);
                }
            }
            written.extend(overwrites);
            written.extend(filled(&effect.kind));
        }
    }
    found
}

/// Returns the variables whose values `kind` replaces or deletes.
fn overwritten(kind: &Kind) -> Vec<(ServiceRef, String)> {
    if let Kind::SetVariables { service, assignments } = kind {
        return assignments.iter().map(|it| (service.clone(), it.name.clone())).collect();
    }
    if let Kind::DeleteVariables { service, names } = kind {
        return names.iter().map(|name| (service.clone(), name.clone())).collect();
    }
    Vec::new()
}

/// Returns the variables that `kind` sets where there was none.
fn filled(kind: &Kind) -> Vec<(ServiceRef, String)> {
    if let Kind::GenerateVariable { service, name, .. } = kind {
        return vec![(service.clone(), name.clone())];
    }
    if let Some(made) = kind.makes() {
        let service = ServiceRef::Made(made.alias.to_owned());
        return made.assignments.iter().map(|it| (service.clone(), it.name.clone())).collect();
    }
    Vec::new()
}

fn note(found: &mut Vec<Kept>, service: &ServiceRef, name: &str, cause: &Label) {
    let index = found.iter().position(|kept| kept.service == *service).unwrap_or_else(|| {
        let service = service.clone();
        found.push(Kept { service, names: BTreeSet::new(), causes: BTreeSet::new() });
        found.len() - 1
    });
    if let Some(kept) = found.get_mut(index) {
        kept.names.insert(name.to_owned());
        kept.causes.insert(cause.clone());
    }
}
