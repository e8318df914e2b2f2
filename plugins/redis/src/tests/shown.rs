//! What a plan tells beside its effects: who is without what, what is left if nobody goes on, what nothing covers.

use lockstep_sdk::testing::{Tested, step};
use lockstep_sdk::{Draft, OutageKind, Step};

use super::stack::{Stack, target};

fn stacks() -> [(Stack, &'static str); 3] {
    [
        (Stack::official("6.2.14"), "7.0.15"),
        (Stack::official("7.2.3"), "7.2.4"),
        (Stack::bitnami(), "7.2.4"),
    ]
}

fn planned(stack: &Stack, desired: &str) -> Draft {
    stack.drafted(&target(Some(desired), &[])).0
}

fn down(step: &Step) -> Vec<(&str, OutageKind, u64)> {
    step.outage
        .iter()
        .map(|outage| (outage.service.as_str(), outage.kind.clone(), outage.length))
        .collect()
}

#[test]
fn every_step_says_what_is_left_if_nobody_goes_on_without_a_measured_figure() {
    for (stack, to) in stacks() {
        let draft = planned(&stack, to);
        assert!(!draft.steps.is_empty());
        for step in draft.steps.iter().chain(&draft.undo) {
            let left = step.if_left.as_deref().unwrap_or_default();
            assert!(!left.is_empty(), "{}", step.id);
            assert!(!left.contains(|character: char| character.is_ascii_digit()), "{left}");
        }
    }
}

#[test]
fn while_redis_is_replaced_each_service_lacks_something_else() {
    let cache = || OutageKind::Other("cache and shared limits".to_owned());
    for (stack, to) in stacks() {
        let draft = planned(&stack, to);
        let upgrade = down(step(&draft.steps, "upgrade"));
        assert_eq!(upgrade[0], ("redis", OutageKind::All, 12_000));
        assert_eq!(upgrade[1], ("litellm", cache(), 12_000));
        let stops = draft.steps.iter().any(|step| step.id == "worker-stop");
        let worker = upgrade.get(2).map(|(service, kind, _)| (*service, kind.clone()));
        assert_eq!(worker, stops.then_some(("langfuse-worker", OutageKind::All)));
    }
}

#[test]
fn the_worker_is_down_from_its_stop_to_its_start_and_no_longer() {
    let draft = planned(&Stack::official("6.2.14"), "7.0.15");
    let stopped = |step: &Step| step.outage.iter().any(|down| down.service == "langfuse-worker");
    let ids: Vec<_> =
        draft.steps.iter().filter(|step| stopped(step)).map(|step| step.id.as_str()).collect();
    assert_eq!(
        ids,
        ["worker-stop", "mark", "final-save", "final-backup", "upgrade", "worker-start"]
    );
    assert!(draft.undo.iter().filter(|step| step.id.starts_with("back-")).all(stopped));
}

#[test]
fn where_no_history_tells_nothing_is_made_up() {
    let mut stack = Stack::official("6.2.14");
    stack.deployments.get_mut("redis").unwrap()[0].changed = 1_000;
    let draft = planned(&stack, "7.0.15");
    let upgrade = step(&draft.steps, "upgrade");
    assert_eq!((upgrade.expected, upgrade.outage[0].length), (0, 0));
}

#[test]
fn what_is_not_covered_is_said_and_no_longer_hidden_in_evidence() {
    for (stack, to) in stacks() {
        let draft = planned(&stack, to);
        let said = |words: &str| draft.uncovered.iter().any(|line| line.contains(words));
        assert!(said("outside this Railway environment"));
        assert!(said("what LiteLLM counts while Redis is down"));
        assert!(said("the first deploy kills Redis too early and may lose the last second"));
        let mut evidence = draft.findings.iter().flat_map(|finding| &finding.evidence);
        assert!(!evidence.any(|line| line.contains("not covered")));
    }
}

#[test]
fn what_the_plan_mends_names_the_step_that_does() {
    let mut stack = Stack::official("6.2.14");
    stack.config.insert("maxmemory-policy".to_owned(), "allkeys-lru".to_owned());
    let mends = |draft: &Draft| -> Vec<_> {
        draft.findings.iter().flat_map(|finding| finding.mended_by.clone()).collect()
    };
    let draft = planned(&stack, "7.0.15");
    assert_eq!(mends(&draft), ["policy", "grace", "pin"]);
    stack.staged.push("somebody's variable".to_owned());
    assert!(mends(&planned(&stack, "7.0.15")).is_empty(), "a plan that refuses mends nothing");
}
