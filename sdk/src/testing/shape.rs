//! What the host and its reader demand of every draft, whatever it is about.

use std::collections::BTreeSet;

use super::declared::Declared;
use crate::{Draft, Undo};

/// The most that a plan's parameters may take.
const PARAMETERS: usize = 16 << 10;

/// The most rounds that a step may take.
const ROUNDS: u32 = 1_000;

/// Demands that a draft is whole: each effect is declared once and used once, names fit, what a step needs or is undone by is
/// there, and what is hashed holds no figure that moves.
///
/// `known` are texts that no figure makes, such as versions; they may stand in titles.
#[track_caller]
pub fn assert_whole(draft: &Draft, declared: &Declared, known: &[&str]) {
    labels(draft, declared);
    names(draft);
    needs(draft);
    findings(draft);
    ways_back(draft);
    figures(draft, known);
}

/// Demands that what is hashed is the same in two drafts, and that they declare the same. How long something takes, what was
/// found and what is not covered may differ.
#[track_caller]
pub fn assert_same_plan(one: &(Draft, Declared), other: &(Draft, Declared)) {
    let hashed = |draft: &Draft| {
        let mut draft = draft.clone();
        for step in draft.steps.iter_mut().chain(&mut draft.undo) {
            step.expected = 0;
            for outage in &mut step.outage {
                outage.length = 0;
            }
        }
        (draft.steps, draft.undo, draft.parameters, draft.watches, draft.extra)
    };
    assert_eq!(hashed(&one.0), hashed(&other.0));
    assert_eq!(one.1.lines(), other.1.lines());
}

#[track_caller]
fn labels(draft: &Draft, declared: &Declared) {
    let steps = draft.steps.iter().chain(&draft.undo);
    let mut used: Vec<&String> = steps.flat_map(|step| &step.effects).collect();
    let all = declared.labels();
    let mut declared: Vec<&String> = all.iter().collect();
    let once: BTreeSet<&String> = all.iter().collect();
    assert_eq!(once.len(), all.len(), "a label is declared twice: {all:?}");
    used.sort_unstable();
    declared.sort_unstable();
    assert_eq!(used, declared, "what is declared is what is used, once");
}

#[track_caller]
fn names(draft: &Draft) {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let fits = |text: &str| (1..=64).contains(&text.len()) && text.bytes().all(is_plain);
    let mut seen = BTreeSet::new();
    for step in draft.steps.iter().chain(&draft.undo) {
        let id = &step.id;
        assert!(fits(id), "`{id}` is no name of a step");
        assert!(seen.insert(id), "two steps are named `{id}`");
        for label in &step.effects {
            assert!(fits(label), "`{label}` of `{id}` is no label");
        }
        assert!(step.limit > 0, "`{id}` may take no time");
        assert!((1..=ROUNDS).contains(&step.rounds), "`{id}` has {} rounds", step.rounds);
        let mut outages = Vec::new();
        for outage in &step.outage {
            let outage = (&outage.service, &outage.kind);
            assert!(!outages.contains(&outage), "`{id}` says {outage:?} twice");
            outages.push(outage);
        }
    }
    let size: usize = draft.parameters.iter().map(|(name, value)| name.len() + value.len()).sum();
    assert!(size <= PARAMETERS, "the parameters take {size} bytes");
}

#[track_caller]
fn needs(draft: &Draft) {
    let mut before: Vec<&String> = Vec::new();
    for step in &draft.steps {
        for need in &step.needs {
            assert!(before.contains(&need), "`{}` needs `{need}`, which is not before it", step.id);
        }
        before.push(&step.id);
    }
    for step in &draft.undo {
        for need in &step.needs {
            assert!(before.contains(&need), "`{}` needs `{need}`, which is not before it", step.id);
        }
        before.push(&step.id);
    }
}

#[track_caller]
fn findings(draft: &Draft) {
    for finding in &draft.findings {
        let id = &finding.id;
        for mends in &finding.mended_by {
            let is_there = draft.steps.iter().any(|step| step.id == *mends);
            assert!(is_there, "`{id}` is mended by `{mends}`, which is no step");
        }
        assert!(!finding.title.contains('\n'), "`{id}` has a title of several lines");
    }
}

#[track_caller]
fn ways_back(draft: &Draft) {
    let mut named: Vec<&String> = Vec::new();
    for step in &draft.steps {
        assert!(step.reverses.is_empty(), "`{}` is no undo step and reverses", step.id);
        if let Undo::Steps(ids) = &step.undo {
            named.extend(ids);
        }
    }
    let once: BTreeSet<&String> = named.iter().copied().collect();
    assert_eq!(once.len(), named.len(), "an undo step is named twice: {named:?}");
    let there: BTreeSet<&String> = draft.undo.iter().map(|step| &step.id).collect();
    assert_eq!(once, there, "the undo steps that are named are those that there are");
    let forward: Vec<&String> = draft.steps.iter().flat_map(|step| &step.effects).collect();
    for step in &draft.undo {
        let id = &step.id;
        let bare = step.undo == Undo::Nothing && step.loss.is_none() && step.soak.is_none();
        let free = step.gates.is_empty() && step.extra.is_empty();
        assert!(bare && free, "`{id}` has what an undo step can't have");
        let mine: BTreeSet<&String> = step.reverses.iter().map(|(mine, _)| mine).collect();
        assert_eq!(mine, step.effects.iter().collect(), "each effect of `{id}` reverses one");
        for (_, theirs) in &step.reverses {
            assert!(forward.contains(&theirs), "`{id}` reverses `{theirs}`, which is no effect");
        }
    }
}

#[track_caller]
fn figures(draft: &Draft, known: &[&str]) {
    for step in draft.steps.iter().chain(&draft.undo) {
        let id = &step.id;
        let left = step.if_left.as_deref().unwrap_or_default();
        assert!(!left.is_empty(), "`{id}` does not say what is left if nobody comes");
        let mut title = step.title.clone();
        for text in known {
            title = title.replace(text, "");
        }
        for text in [left, &title, &step.why] {
            assert!(!text.contains(|it: char| it.is_ascii_digit()), "`{id}` has a figure: {text}");
        }
    }
}
