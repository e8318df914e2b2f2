//! What a critical section must look like, so that it can be backed out of at once and at any instant (L14).

use std::collections::BTreeMap;

use super::shape::siblings_of;
use crate::model::{
    Effect, Kind, Label, MAX_OUTAGE, Millis, Proof, SECTION, Step, StepId, Times, Undo,
};

/// The longest that a section may take: whoever has to wait longer for a write has given up.
const LONGEST: Millis = Millis::seconds(600);

/// Returns everything that is wrong with the sections of a draft, and with what blocks writes in them.
pub(crate) fn problems(
    steps: &[Step],
    undo: &[Step],
    effects: &BTreeMap<Label, Effect>,
) -> Vec<String> {
    let mut found = Vec::new();
    for step in steps {
        names(step, &mut found);
    }
    for step in undo {
        for (key, _) in step.extra.iter().filter(|(key, _)| is_ours(key)) {
            found.push(format!(
                "undo step `{}` has `{key}`: a way back is never backed out of, so it has no critical section",
                step.id
            ));
        }
    }
    let mut seen: Vec<&str> = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        let Some(name) = step.section() else { continue };
        let before = index.checked_sub(1).and_then(|before| steps.get(before));
        if before.and_then(Step::section) == Some(name) {
            continue;
        }
        if seen.contains(&name) {
            found.push(format!(
                "step `{}` belongs to section `{name}`, and a step before it does not: the steps of a section are consecutive",
                step.id
            ));
            continue;
        }
        seen.push(name);
        let from_here = steps.get(index..).unwrap_or(&[]);
        let length = from_here.iter().take_while(|step| step.section() == Some(name)).count();
        let section = from_here.get(..length).unwrap_or(&[]);
        let max_outage = deadline(name, section, &mut found);
        stops(name, section, &mut found);
        ways_back(name, steps.get(..index).unwrap_or(&[]), section, &mut found);
        blocks(&Block { name, section, undo, effects, max_outage }, &mut found);
    }
    outside(steps, undo, effects, &mut found);
    found
}

/// Returns whether an entry of a step's `extra` is about sections.
pub(crate) fn is_ours(key: &str) -> bool {
    key == SECTION || key == MAX_OUTAGE
}

fn names(step: &Step, found: &mut Vec<String>) {
    for key in [SECTION, MAX_OUTAGE] {
        if step.extra.iter().filter(|(known, _)| known == key).count() > 1 {
            found.push(format!("step `{}` has `{key}` twice", step.id));
        }
    }
    match step.section() {
        Some(name) if name.parse::<StepId>().is_err() => {
            found.push(format!("step `{}` has a section whose name is no name: `{name}`", step.id));
        }
        None if step.entry(MAX_OUTAGE).is_some() => {
            found.push(format!("step `{}` has `{MAX_OUTAGE}` and belongs to no section", step.id));
        }
        Some(_) | None => {}
    }
}

/// The section's first step says how long it may take; a later one may only say the same.
fn deadline(name: &str, section: &[Step], found: &mut Vec<String>) -> Option<Millis> {
    let said: Vec<(&StepId, &str)> =
        section.iter().filter_map(|step| Some((&step.id, step.entry(MAX_OUTAGE)?))).collect();
    let first = section.first()?;
    let Some(text) = first.entry(MAX_OUTAGE) else {
        found.push(format!(
            "section `{name}` has no deadline: its first step, `{}`, needs `{MAX_OUTAGE}`, in milliseconds",
            first.id
        ));
        return None;
    };
    if let Some((step, other)) = said.iter().find(|(_, other)| *other != text) {
        found.push(format!(
            "section `{name}` has two deadlines: {text} ms, and {other} ms in step `{step}`"
        ));
    }
    let wrong = |why: String| format!("section `{name}` has a deadline of `{text}` ms: {why}");
    match text.parse() {
        Ok(0) => found.push(wrong("nothing could be done in it".to_owned())),
        Ok(length) if length > LONGEST.0 => {
            found.push(wrong(format!("{} ms are possible", LONGEST.0)));
        }
        // One way to write a number, so that one deadline has one digest.
        Ok(length) if u64::to_string(&length) == text => return Some(Millis(length)),
        Ok(_) | Err(_) => found.push(wrong("a whole number is needed, digits alone".to_owned())),
    }
    None
}

/// Nothing in a section waits for a person or for time.
fn stops(name: &str, section: &[Step], found: &mut Vec<String>) {
    for step in section.iter().skip(1).filter(|step| !step.gates.is_empty()) {
        found.push(format!(
            "step `{}` has a gate inside section `{name}`: nobody is waited for while writes are; the last gate is that \
             of the section's first step",
            step.id
        ));
    }
    for step in section.iter().filter(|step| step.soak.is_some()) {
        found.push(format!(
            "step `{}` soaks in section `{name}`: a step after the section can do that",
            step.id
        ));
    }
}

/// Backing out takes the whole run back, so it must be possible from every step of the section but its last.
fn ways_back(name: &str, before: &[Step], section: &[Step], found: &mut Vec<String>) {
    let but_the_last = section.split_last().map_or(&[][..], |(_, others)| others);
    for step in before.iter().chain(but_the_last) {
        let place = if before.contains(step) { "before" } else { "in" };
        let which = format!("step `{}`, {place} section `{name}`,", step.id);
        if let Undo::Impossible(_) = step.undo {
            found.push(format!(
                "{which} can't be undone: a section is backed out of by itself, so only its last step can be without a way back"
            ));
        }
        if step.loss.is_some() {
            found.push(format!(
                "{which} has a loss: a section is backed out of by itself, so only going back from its last step can lose something"
            ));
        }
    }
}

/// A section with everything that its blocks on writes are about.
struct Block<'a> {
    name: &'a str,
    section: &'a [Step],
    undo: &'a [Step],
    effects: &'a BTreeMap<Label, Effect>,
    max_outage: Option<Millis>,
}

/// Every block on writes is lifted in its own section, and by its step's way back.
fn blocks(block: &Block<'_>, found: &mut Vec<String>) {
    let Block { name, section, effects, .. } = block;
    for step in *section {
        for effect in step.effects.iter().filter_map(|label| effects.get(label)) {
            let label = &effect.label;
            let (Kind::HoldWrites { .. } | Kind::ReleaseWrites { .. }) = effect.kind else {
                continue;
            };
            let once = effect.times == Times::Once && effect.rules.is_empty();
            if step.rounds != 1 || !once || effect.proof != Proof::ByKind {
                found.push(format!(
                    "effect `{label}` of step `{}` is performed once, in a step of one round, and its kind says what became of it",
                    step.id
                ));
            }
            let Kind::HoldWrites { .. } = effect.kind else {
                if let Undo::Impossible(_) = step.undo {
                    found.push(format!(
                        "step `{}` of section `{name}` lifts a block by `{label}` and can't be undone: until then it must \
                         be possible to back out",
                        step.id
                    ));
                }
                continue;
            };
            one(block, step, effect, found);
        }
    }
}

fn one(block: &Block<'_>, step: &Step, effect: &Effect, found: &mut Vec<String>) {
    let Block { name, section, undo, effects, max_outage } = block;
    let (label, id) = (&effect.label, &step.id);
    let Kind::HoldWrites { connection, schemas, max_outage: longest, lock_timeout } = &effect.kind
    else {
        return;
    };
    let mut wrong = |why: &str| found.push(format!("effect `{label}` of step `{id}` {why}"));
    if schemas.is_empty() {
        wrong("blocks writes to no schema");
    }
    if *longest == Millis(0) || max_outage.is_some_and(|most| *longest > most) {
        wrong(&format!("blocks writes for longer than section `{name}` may take, or not at all"));
    }
    if *lock_timeout == Millis(0) || lock_timeout > longest {
        wrong("waits for a table for longer than it may block writes, or not at all");
    }
    let lifts = |other: &Label| {
        effects
            .get(other)
            .is_some_and(|it| matches!(&it.kind, Kind::ReleaseWrites { hold, .. } if hold == label))
    };
    let lifted_there = section.iter().flat_map(|step| &step.effects).filter(|it| lifts(it)).count();
    if lifted_there != 1 {
        wrong(&format!(
            "blocks writes, and section `{name}` lifts that {lifted_there} times: once"
        ));
    }
    let lifted_back = match &step.undo {
        Undo::Restore => true,
        Undo::Steps(_) => siblings_of(step, undo)
            .flat_map(|undo| &undo.reverses)
            .any(|(own, reversed)| reversed == label && lifts(own)),
        Undo::Nothing | Undo::Impossible(_) => false,
    };
    if !lifted_back {
        wrong("blocks writes, and the way back of its step does not lift that");
    }
    let elsewhere = |it: &&Effect| matches!(&it.kind, Kind::ReleaseWrites { hold, connection: other } if hold == label && other != connection);
    for other in effects.values().filter(elsewhere) {
        found.push(format!("effect `{}` lifts `{label}` on another connection", other.label));
    }
}

/// Outside of sections nothing blocks writes, and nothing lifts a block but a way back.
fn outside<'a>(
    steps: &'a [Step],
    undo: &'a [Step],
    effects: &'a BTreeMap<Label, Effect>,
    found: &mut Vec<String>,
) {
    let kind = |label: &Label| effects.get(label).map(|effect| &effect.kind);
    let holds = |label: &&Label| matches!(kind(label), Some(Kind::HoldWrites { .. }));
    let lifts = |label: &'a Label| {
        let Kind::ReleaseWrites { hold, .. } = kind(label)? else { return None };
        Some((label, hold))
    };
    for step in steps.iter().filter(|step| step.section().is_none()).chain(undo) {
        for label in step.effects.iter().filter(holds) {
            found.push(format!(
                "effect `{label}` of step `{}` blocks writes outside of a critical section (L14)",
                step.id
            ));
        }
    }
    for step in steps {
        for (label, hold) in step.effects.iter().filter_map(lifts) {
            let holder = steps.iter().find(|it| it.effects.contains(hold));
            let is_hold = matches!(kind(hold), Some(Kind::HoldWrites { .. }));
            let together = holder.is_some_and(|it| it.section() == step.section());
            if !is_hold || !together || step.section().is_none() {
                found.push(format!(
                    "effect `{label}` of step `{}` lifts `{hold}`, which blocks no writes in the same section",
                    step.id
                ));
            }
        }
    }
    for step in undo {
        for (label, hold) in step.effects.iter().filter_map(lifts).filter(|(_, it)| !holds(it)) {
            found.push(format!(
                "effect `{label}` of undo step `{}` lifts `{hold}`, which blocks no writes",
                step.id
            ));
        }
    }
}
