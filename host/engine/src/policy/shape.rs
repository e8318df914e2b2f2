//! What a draft must look like, whatever it is about.

use std::collections::{BTreeMap, BTreeSet};

use super::sections;
use crate::model::{
    Drive, Effect, Finding, Gate, Kind, Label, Millis, ServiceRef, Step, StepId, Undo,
};

/// Most rounds that a step may take, so that a plan has a largest number of effects.
const MAX_ROUNDS: u32 = 1000;

/// Most bytes of parameters: every call of a plugin carries them, and a person approves them.
const MAX_PARAMETERS: usize = 16 * 1024;

/// Returns everything that is wrong with the steps and undo steps of a draft.
pub(crate) fn problems(
    steps: &[Step],
    undo: &[Step],
    effects: &BTreeMap<Label, Effect>,
) -> Vec<String> {
    let mut found = Vec::new();
    ids(steps, undo, &mut found);
    labels(steps, undo, effects, &mut found);
    ways_back(steps, undo, &mut found);
    needs(steps, undo, &mut found);
    for step in steps.iter().chain(undo) {
        one(step, effects, &mut found);
        deletions(step, effects, &mut found);
    }
    order(steps, undo, effects, &mut found);
    found.extend(sections::problems(steps, undo, effects));
    found
}

/// Returns everything that is wrong with the parameters of a draft.
pub(crate) fn parameter_problems(parameters: &[(String, String)]) -> Vec<String> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    for (name, _) in parameters {
        if !seen.insert(name) {
            found.push(format!("two parameters are called `{name}`"));
        }
    }
    let size: usize = parameters.iter().map(|(name, value)| name.len() + value.len()).sum();
    if size > MAX_PARAMETERS {
        found.push(format!("the parameters have {size} bytes; {MAX_PARAMETERS} are possible"));
    }
    found
}

/// Returns everything that is wrong with what findings say about steps.
pub(crate) fn finding_problems(findings: &[Finding], steps: &[Step]) -> Vec<String> {
    let unknown = |finding: &Finding| {
        let id = finding.mended_by.iter().find(|id| !steps.iter().any(|step| step.id == **id))?;
        Some(format!("finding `{}` is mended by `{id}`, which is no step", finding.id))
    };
    findings.iter().filter_map(unknown).collect()
}

fn ids(steps: &[Step], undo: &[Step], found: &mut Vec<String>) {
    let mut seen = BTreeSet::new();
    for step in steps.iter().chain(undo) {
        if !seen.insert(&step.id) {
            found.push(format!("two steps are called `{}`", step.id));
        }
    }
}

fn labels(
    steps: &[Step],
    undo: &[Step],
    effects: &BTreeMap<Label, Effect>,
    found: &mut Vec<String>,
) {
    let mut used = BTreeSet::new();
    for step in steps.iter().chain(undo) {
        for label in &step.effects {
            if !effects.contains_key(label) {
                found.push(format!(
                    "step `{}` lists effect `{label}`, which was never declared",
                    step.id
                ));
            }
            if !used.insert(label) {
                found.push(format!("effect `{label}` is listed twice"));
            }
        }
    }
    found.extend(
        effects
            .keys()
            .filter(|label| !used.contains(label))
            .map(|label| format!("effect `{label}` was declared and no step lists it")),
    );
}

fn ways_back(steps: &[Step], undo: &[Step], found: &mut Vec<String>) {
    let mut named = BTreeSet::new();
    for step in steps {
        if let Undo::Steps(ids) = &step.undo {
            for id in ids {
                if !undo.iter().any(|undo| undo.id == *id) {
                    found.push(format!(
                        "step `{}` is undone by `{id}`, which is no undo step",
                        step.id
                    ));
                }
                if !named.insert(id) {
                    found.push(format!("undo step `{id}` is named twice"));
                }
            }
        }
        if !step.reverses.is_empty() {
            found.push(format!("step `{}` is no undo step and reverses nothing", step.id));
        }
    }
    for step in undo {
        if !named.contains(&step.id) {
            found.push(format!("no step is undone by undo step `{}`", step.id));
        }
        if step.undo != Undo::Nothing
            || step.loss.is_some()
            || !step.gates.is_empty()
            || step.soak.is_some()
        {
            found.push(format!(
                "undo step `{}` has a gate, a soak, a loss or a way back of its own",
                step.id
            ));
        }
        for (label, _) in step.reverses.iter().filter(|(label, _)| !step.effects.contains(label)) {
            found.push(format!(
                "undo step `{}` reverses something by `{label}`, which it does not list",
                step.id
            ));
        }
        let forward = |label: &Label| steps.iter().any(|step| step.effects.contains(label));
        for (_, label) in step.reverses.iter().filter(|(_, label)| !forward(label)) {
            found.push(format!(
                "undo step `{}` reverses `{label}`, which no step performs",
                step.id
            ));
        }
    }
}

fn needs(steps: &[Step], undo: &[Step], found: &mut Vec<String>) {
    let known: Vec<&StepId> = steps.iter().map(|step| &step.id).collect();
    for (index, step) in steps.iter().enumerate() {
        let earlier = known.get(..index).unwrap_or(&[]);
        for need in step.needs.iter().filter(|need| !earlier.contains(need)) {
            found.push(format!(
                "step `{}` needs facts of `{need}`, which is no earlier step",
                step.id
            ));
        }
    }
    for step in undo {
        for need in step.needs.iter().filter(|need| !known.contains(need)) {
            found
                .push(format!("undo step `{}` needs facts of `{need}`, which is no step", step.id));
        }
    }
}

fn one(step: &Step, effects: &BTreeMap<Label, Effect>, found: &mut Vec<String>) {
    if !(1..=MAX_ROUNDS).contains(&step.rounds) {
        found.push(format!(
            "step `{}` has {} rounds; 1 to {MAX_ROUNDS} are possible",
            step.id, step.rounds
        ));
    }
    for (index, outage) in step.outage.iter().enumerate() {
        let earlier = step.outage.get(..index).unwrap_or(&[]);
        if earlier
            .iter()
            .any(|known| (&known.service, &known.kind) == (&outage.service, &outage.kind))
        {
            found.push(format!(
                "step `{}` names the same outage of `{}` twice",
                step.id, outage.service
            ));
        }
    }
    if step.limit == Millis(0) {
        found.push(format!("step `{}` has no limit", step.id));
    }
    for (key, _) in step.extra.iter().filter(|(key, _)| !sections::is_ours(key)) {
        found.push(format!(
            "step `{}` has an extra `{key}`, which this version does not know",
            step.id
        ));
    }
    if step.drive == Drive::Listed {
        let with_rules =
            |label: &&Label| effects.get(*label).is_some_and(|effect| !effect.rules.is_empty());
        for label in step.effects.iter().filter(with_rules) {
            found.push(format!(
                "step `{}` is listed, but its effect `{label}` takes arguments",
                step.id
            ));
        }
    }
}

/// Who made a service may delete it; what somebody else made is deleted only where a person has said yes to that.
fn deletions(step: &Step, effects: &BTreeMap<Label, Effect>, found: &mut Vec<String>) {
    if step.gates.iter().any(|gate| matches!(gate, Gate::Approval(_))) {
        return;
    }
    for label in &step.effects {
        if let Some(Kind::DeleteService { service: ServiceRef::Named(service) }) =
            effects.get(label).map(|effect| &effect.kind)
        {
            found.push(format!(
                "effect `{label}` deletes service `{service}`, which the plan does not make, and step `{}` asks nobody",
                step.id
            ));
        }
    }
}

/// An effect that rests on another, such as a restore on a backup, comes after it.
fn order(
    steps: &[Step],
    undo: &[Step],
    effects: &BTreeMap<Label, Effect>,
    found: &mut Vec<String>,
) {
    let forward: Vec<&Label> = steps.iter().flat_map(|step| &step.effects).collect();
    let check = |label: &Label, earlier: &[&Label], found: &mut Vec<String>| {
        if let Some(rests_on) = effects.get(label).and_then(|effect| effect.kind.rests_on())
            && !earlier.contains(&rests_on)
        {
            found.push(format!(
                "effect `{label}` rests on `{rests_on}`, which does not come before it"
            ));
        }
    };
    for (index, label) in forward.iter().enumerate() {
        check(label, forward.get(..index).unwrap_or(&[]), found);
    }
    for step in undo {
        let mut earlier = forward.clone();
        earlier.extend(siblings_before(step, steps, undo).flat_map(|sibling| &sibling.effects));
        for label in &step.effects {
            check(label, &earlier, found);
            earlier.push(label);
        }
    }
}

/// Returns the undo steps that run before `step` when the step that both belong to is undone.
fn siblings_before<'a>(
    step: &'a Step,
    steps: &'a [Step],
    undo: &'a [Step],
) -> impl Iterator<Item = &'a Step> {
    let ids = steps.iter().find_map(|parent| match &parent.undo {
        Undo::Steps(ids) if ids.contains(&step.id) => Some(ids.as_slice()),
        Undo::Steps(_) | Undo::Nothing | Undo::Restore | Undo::Impossible(_) => None,
    });
    let before = ids.unwrap_or(&[]).iter().take_while(|id| **id != step.id);
    before.filter_map(|id| undo.iter().find(|undo| undo.id == *id))
}

/// Returns the undo steps that undo `step`, in their order.
pub(crate) fn siblings_of<'a>(step: &'a Step, undo: &'a [Step]) -> impl Iterator<Item = &'a Step> {
    let ids = match &step.undo {
        Undo::Steps(ids) => ids.as_slice(),
        Undo::Nothing | Undo::Restore | Undo::Impossible(_) => &[],
    };
    ids.iter().filter_map(|id| undo.iter().find(|undo| undo.id == *id))
}
