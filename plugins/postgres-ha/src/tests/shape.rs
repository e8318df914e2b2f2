//! What the host demands of every draft, whatever it is about.

use std::collections::BTreeSet;

use lockstep_sdk::{Draft, Step, Undo};

use super::declared::Declared;
use super::given::{CLUSTER, IN_PLACE, JOB, planned, planned_with};
use super::retire::REMOVE;
use super::sql::{BUDGET, WAL_LEVEL};
use super::stack::Stack;

/// Stacks whose plans differ most.
fn stacks() -> Vec<Stack> {
    let mut bare = Stack::healthy();
    bare.databases.old.set(WAL_LEVEL, "replica");
    bare.databases.old.set(BUDGET, "-1");
    bare.databases.new.set(WAL_LEVEL, "replica");
    bare.databases.anonymous = vec![("media", "d", Some("media_key"))];
    let mut ready = Stack::healthy();
    ready.set("pgpool", "PGPOOL_ENABLE_LOAD_BALANCING", "no");
    ready.set("pgpool", "PGPOOL_FAILOVER_ON_BACKEND_SHUTDOWN", "off");
    ready.set("litellm", "DISABLE_SCHEMA_UPDATE", "true");
    vec![Stack::healthy(), bare, ready]
}

#[test]
fn every_draft_is_whole() {
    for stack in stacks() {
        let (draft, declared) = planned(&stack);
        whole(&draft, &declared);
        section(&draft);
        let mut alike = stack.clone();
        alike.set("pgpool", "PGPOOL_POSTGRES_PASSWORD", "${{postgres.POSTGRES_PASSWORD}}");
        let (draft, declared) = planned_with(&alike, &[("front-first", "true")]);
        whole(&draft, &declared);
        section(&draft);
        let (draft, declared) = planned_with(&stack, REMOVE);
        whole(&draft, &declared);
        let (draft, declared) = planned_with(&stack, JOB);
        whole(&draft, &declared);
        assert!(!draft.steps.iter().any(is_in_section), "where all are stopped nothing is held");
        let (draft, declared) = planned_with(&stack, IN_PLACE);
        whole(&draft, &declared);
        assert!(!draft.steps.iter().any(is_in_section), "where nothing moves nothing is held");
    }
    let (draft, declared) = planned_with(&super::beside::alone(), CLUSTER);
    whole(&draft, &declared);
    assert!(!draft.steps.iter().any(is_in_section), "where a cluster is made nothing is held");
}

fn whole(draft: &Draft, declared: &Declared) {
    labels(draft, declared);
    names(draft);
    ways_back(draft);
    figures(draft);
}

fn labels(draft: &Draft, declared: &Declared) {
    let declared = declared.labels();
    let mut used: Vec<&str> = draft
        .steps
        .iter()
        .chain(&draft.undo)
        .flat_map(|step| &step.effects)
        .map(String::as_str)
        .collect();
    let mut sorted: Vec<&str> = declared.iter().map(String::as_str).collect();
    let once: BTreeSet<&str> = sorted.iter().copied().collect();
    assert_eq!(once.len(), sorted.len(), "a label is declared twice: {sorted:?}");
    used.sort_unstable();
    sorted.sort_unstable();
    assert_eq!(used, sorted, "what is declared is what is used, once");
}

fn names(draft: &Draft) {
    let plain = |text: &str| {
        (1..=64).contains(&text.len())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    let mut seen = BTreeSet::new();
    for step in draft.steps.iter().chain(&draft.undo) {
        assert!(plain(&step.id) && seen.insert(&step.id), "{}", step.id);
        assert!(step.effects.iter().all(|label| plain(label)), "{:?}", step.effects);
        assert!(step.limit > 0 && (1..=1000).contains(&step.rounds), "{}", step.id);
        let kinds: Vec<_> = step.outage.iter().map(|one| (&one.service, &one.kind)).collect();
        for (index, kind) in kinds.iter().enumerate() {
            assert!(!kinds[..index].contains(kind), "`{}` says {kind:?} twice", step.id);
        }
    }
    let mut before: Vec<&String> = Vec::new();
    for step in &draft.steps {
        assert!(
            step.needs.iter().all(|need| before.contains(&need)),
            "{}: {:?}",
            step.id,
            step.needs
        );
        before.push(&step.id);
    }
    for step in &draft.undo {
        assert!(step.needs.iter().all(|need| before.contains(&need)), "{}", step.id);
    }
    let size: usize = draft.parameters.iter().map(|(name, value)| name.len() + value.len()).sum();
    assert!(size < 16 << 10, "{size}");
    for finding in &draft.findings {
        assert!(finding.mended_by.iter().all(|id| before.contains(&id)), "{}", finding.id);
        assert!(!finding.title.contains('\n'), "{}", finding.title);
    }
}

fn ways_back(draft: &Draft) {
    let mut named: Vec<&String> = Vec::new();
    for step in &draft.steps {
        assert!(step.reverses.is_empty(), "{}", step.id);
        if let Undo::Steps(ids) = &step.undo {
            named.extend(ids);
        }
    }
    let once: BTreeSet<&String> = named.iter().copied().collect();
    assert_eq!(once.len(), named.len(), "an undo step is named twice: {named:?}");
    let forward: Vec<&String> = draft.steps.iter().flat_map(|step| &step.effects).collect();
    assert_eq!(once, draft.undo.iter().map(|step| &step.id).collect());
    for step in &draft.undo {
        let bare = step.undo == Undo::Nothing && step.loss.is_none() && step.soak.is_none();
        assert!(bare && step.gates.is_empty() && step.extra.is_empty(), "{}", step.id);
        let reversed: BTreeSet<&String> = step.reverses.iter().map(|(mine, _)| mine).collect();
        assert_eq!(
            reversed,
            step.effects.iter().collect(),
            "each effect of `{}` reverses one",
            step.id
        );
        for (_, theirs) in &step.reverses {
            assert!(forward.contains(&theirs), "`{}` reverses `{theirs}`", step.id);
        }
    }
}

fn is_in_section(step: &Step) -> bool {
    step.extra.iter().any(|(name, _)| name == "section")
}

fn section(draft: &Draft) {
    let inside: Vec<&str> = draft
        .steps
        .iter()
        .filter(|step| is_in_section(step))
        .map(|step| step.id.as_str())
        .collect();
    assert_eq!(inside, ["hold", "drain", "arm", "seal", "end-writers", "release"]);
    let from = draft.steps.iter().position(is_in_section).unwrap();
    let (before, section) = (&draft.steps[..from], &draft.steps[from..from + inside.len()]);
    for step in before.iter().chain(&section[..section.len() - 1]) {
        assert!(!matches!(step.undo, Undo::Impossible(_)) && step.loss.is_none(), "{}", step.id);
    }
    assert!(section.iter().all(|step| step.soak.is_none()));
    assert!(section[1..].iter().all(|step| step.gates.is_empty()));
    assert_eq!(section[0].gates.len(), 2, "the last gate is right before");
    let deadline = |step: &Step| step.extra.iter().find(|(name, _)| name == "max-outage").cloned();
    assert_eq!(deadline(&section[0]).unwrap().1, "60000");
    assert!(section[0].rounds == 1 && section[0].undo == Undo::Restore);
}

/// What is hashed holds no measured figure.
fn figures(draft: &Draft) {
    for step in draft.steps.iter().chain(&draft.undo) {
        let left = step.if_left.as_deref().unwrap_or_default();
        assert!(!left.is_empty(), "`{}` does not say what is left", step.id);
        for text in [left, &step.title, &step.why] {
            assert!(!text.contains(|letter: char| letter.is_ascii_digit()), "{}: {text}", step.id);
        }
    }
}

#[test]
fn the_same_stack_has_the_same_plan_while_its_figures_move() {
    let (one, _) = planned(&Stack::healthy());
    let mut moved = Stack::healthy();
    moved.service("postgres").volume.as_mut().unwrap().used_mb += 90;
    moved.databases.clients += 1;
    moved.databases.old.set(super::sql::STARTED, "2026-02-02 00:00:00+00");
    let (other, _) = planned(&moved);
    assert_eq!(one.steps, other.steps);
    assert_eq!(one.undo, other.undo);
    assert_eq!(one.parameters, other.parameters);
    let (longer, _) = planned_with(&moved, &[("max-outage", "90000")]);
    assert_ne!(one.steps, longer.steps);
}
