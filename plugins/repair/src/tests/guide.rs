//! What the guide gets wrong about a stack before anything is upgraded, and how the plan avoids it.

use lockstep_sdk::Finding;

use super::plans::planned;
use super::stack::Stack;

#[track_caller]
fn told(stack: &Stack, id: &str) -> Finding {
    let found = planned(stack).0.findings.into_iter().find(|finding| finding.id == id);
    found.unwrap_or_else(|| panic!("no {id}"))
}

#[test]
fn error_13_the_guide_leaves_langfuse_migrating_for_a_cluster_that_is_not_there() {
    let found = told(&Stack::as_written(), "clickhouse-cluster");
    assert_eq!(found.mended_by, ["variables"]);
    let (_, declared) = planned(&Stack::as_written());
    for service in ["langfuse-web", "langfuse-worker"] {
        let set = declared.of(&format!("set-{service}"));
        assert_eq!(set, format!("set-variables {service} CLICKHOUSE_CLUSTER_ENABLED=false"));
    }
}

#[test]
fn error_15_whatever_deploys_the_guides_redis_leaves_the_stack_without_one() {
    let (draft, declared) = planned(&Stack::as_written());
    assert!(declared.of("pin-redis").contains("bitnamilegacy/redis:7.2@sha256:"));
    let effects = draft.steps.iter().flat_map(|step| &step.effects);
    assert!(effects.into_iter().all(|label| label != "deploy-redis"), "it is never deployed here");
}

#[test]
fn error_17_the_guides_redis_is_told_to_throw_away_what_langfuse_queues() {
    let mut stack = Stack::as_run();
    assert_eq!(told(&stack, "eviction-policy").mended_by, ["variables"]);
    stack.policy = "allkeys-lru";
    let found = told(&stack, "eviction-policy");
    assert!(found.evidence.iter().any(|line| line == "the server itself says allkeys-lru"));
    assert!(found.remedy.unwrap().contains("the stage `redis`"));
}

#[test]
fn error_22_a_backup_service_that_says_success_proves_nothing() {
    let found = told(&Stack::as_run(), "backup-service");
    assert!(found.evidence.iter().any(|line| line.contains("`success`")), "{found:?}");
    let (draft, _) = planned(&Stack::as_run());
    let own = draft.steps.iter().filter(|step| step.id.starts_with("backup-"));
    assert_eq!(own.count(), 4, "the volumes are backed up instead");
}

#[test]
fn error_23_the_guides_monitor_is_503_while_everything_is_well() {
    let found = told(&Stack::as_written(), "monitor-health-path");
    assert_eq!(found.mended_by, ["settings"]);
    let (_, declared) = planned(&Stack::as_written());
    let set = declared.of("path-health-monitor");
    assert_eq!(set, "set-settings health-monitor healthcheck-path=/metrics");
}
