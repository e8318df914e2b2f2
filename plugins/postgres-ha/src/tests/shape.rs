//! What the host demands of every draft, whatever it is about.

use lockstep_sdk::testing::{assert_same_plan, assert_whole};
use lockstep_sdk::{Draft, Step, Undo};

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
        assert_whole(&draft, &declared, &[]);
        section(&draft);
        let mut alike = stack.clone();
        alike.set("pgpool", "PGPOOL_POSTGRES_PASSWORD", "${{postgres.POSTGRES_PASSWORD}}");
        let (draft, declared) = planned_with(&alike, &[("front-first", "true")]);
        assert_whole(&draft, &declared, &[]);
        section(&draft);
        let (draft, declared) = planned_with(&stack, REMOVE);
        assert_whole(&draft, &declared, &[]);
        let (draft, declared) = planned_with(&stack, JOB);
        assert_whole(&draft, &declared, &[]);
        assert!(!draft.steps.iter().any(is_in_section), "where all are stopped nothing is held");
        let (draft, declared) = planned_with(&stack, IN_PLACE);
        assert_whole(&draft, &declared, &[]);
        assert!(!draft.steps.iter().any(is_in_section), "where nothing moves nothing is held");
    }
    let (draft, declared) = planned_with(&super::beside::alone(), CLUSTER);
    assert_whole(&draft, &declared, &[]);
    assert!(!draft.steps.iter().any(is_in_section), "where a cluster is made nothing is held");
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

#[test]
fn the_same_stack_has_the_same_plan_while_its_figures_move() {
    let one = planned(&Stack::healthy());
    let mut moved = Stack::healthy();
    moved.service("postgres").volume.as_mut().unwrap().used_mb += 90;
    moved.databases.clients += 1;
    moved.databases.old.set(super::sql::STARTED, "2026-02-02 00:00:00+00");
    let other = planned(&moved);
    assert_same_plan(&one, &other);
    assert_eq!(one.0.steps, other.0.steps);
    let (longer, _) = planned_with(&moved, &[("max-outage", "90000")]);
    assert_ne!(one.0.steps, longer.steps);
}
