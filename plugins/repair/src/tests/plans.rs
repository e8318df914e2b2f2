//! What is planned for which stack.

use lockstep_sdk::{Draft, Undo};

use super::declared::Declared;
use super::stack::{Stack, digest, target};
use crate::describe::description;
use crate::plan::plan;

pub(super) fn planned(stack: &Stack) -> (Draft, Declared) {
    let declared = Declared::default();
    let draft = plan(stack, &declared, &target(&[])).unwrap();
    (draft, declared)
}

fn ids(draft: &Draft) -> Vec<&str> {
    draft.steps.iter().map(|step| step.id.as_str()).collect()
}

#[test]
fn the_guides_file_is_pinned_backed_up_mended_and_started_in_this_order() {
    let (draft, declared) = planned(&Stack::as_written());
    assert_eq!(
        ids(&draft),
        [
            "keep",
            "pin",
            "grace",
            "backup-postgres",
            "backup-redis",
            "backup-clickhouse",
            "backup-minio",
            "settings",
            "variables",
            "key",
            "deploy-langfuse-web",
            "deploy-langfuse-worker",
            "deploy-litellm",
            "healthy"
        ]
    );
    let redis = format!("set-image redis bitnamilegacy/redis:7.2@{}", digest('a'));
    for (label, what) in [
        ("pin-redis", redis.as_str()),
        ("path-litellm", "set-settings litellm healthcheck-path=/health/liveliness"),
        ("path-back-litellm", "set-settings litellm healthcheck-path=/health"),
        ("path-health-monitor", "set-settings health-monitor healthcheck-path=/metrics"),
        ("set-langfuse-web", "set-variables langfuse-web CLICKHOUSE_CLUSTER_ENABLED=false"),
        ("set-back-langfuse-web", "delete-variables langfuse-web CLICKHOUSE_CLUSTER_ENABLED"),
        ("set-redis", "set-variables redis REDIS_MAXMEMORY_POLICY=noeviction"),
        ("set-back-redis", "set-variables redis REDIS_MAXMEMORY_POLICY=allkeys-lru"),
        ("key-remove", "delete-variables langfuse-web ENCRYPTION_KEY"),
        ("key-make", "generate-variable langfuse-web ENCRYPTION_KEY 64"),
        ("deploy-litellm", "deploy litellm configured"),
    ] {
        assert_eq!(declared.of(label), what);
    }
    assert_eq!((draft.current.text.as_str(), draft.desired.text.as_str()), ("unhealthy", "safe"));
    assert_eq!(
        draft.steps.last().unwrap().soak,
        Some(3_600_000),
        "the stack is healthy for an hour"
    );
    assert!(draft.steps[0].gates.len() == 1);
    assert_eq!(draft.watches.iter().map(|it| it.id.as_str()).collect::<Vec<_>>(), ["serving"]);
}

#[test]
fn what_runs_is_made_safe_and_then_left_alone() {
    let (draft, declared) = planned(&Stack::as_run());
    assert_eq!(draft.current.text, "unsafe");
    let mut wanted = vec!["keep", "pin", "grace"];
    wanted.extend([
        "backup-postgres",
        "backup-redis",
        "backup-clickhouse",
        "backup-minio",
        "variables",
    ]);
    wanted.extend(["deploy-langfuse-web", "deploy-langfuse-worker", "deploy-litellm", "healthy"]);
    assert_eq!(ids(&draft), wanted);
    assert!(
        declared
            .all()
            .iter()
            .all(|[label, ..]| !label.contains("langfuse-web") || !label.starts_with("set-"))
    );
    assert!(
        draft.steps.iter().all(|step| step.outage.is_empty()),
        "each app serves beside its successor"
    );

    let (draft, declared) = planned(&Stack::safe());
    assert!(draft.steps.is_empty() && declared.all().is_empty(), "{:?}", ids(&draft));
    assert_eq!(
        (draft.current.text, draft.findings.iter().any(|it| it.refuses())),
        ("safe".to_owned(), false)
    );
}

#[test]
fn a_monitor_that_runs_is_started_again_from_the_same_image() {
    let mut stack = Stack::safe();
    stack.setting("health-monitor", "healthcheck-path", "/health");
    let (draft, declared) = planned(&stack);
    assert!(
        ids(&draft).ends_with(&["settings", "deploy-health-monitor", "healthy"]),
        "{:?}",
        ids(&draft)
    );
    assert_eq!(declared.of("deploy-health-monitor"), "deploy health-monitor same image");
}

#[test]
fn every_effect_is_asked_for_and_nothing_more() {
    let mut stack = Stack::as_written();
    let (_, declared) = planned(&stack);
    let mut all = declared.all();
    stack = Stack::as_run();
    stack.setting("health-monitor", "healthcheck-path", "/health");
    all.extend(planned(&stack).1.all());
    let asked = description().requests;
    for [label, kind, service, _] in &all {
        let is_it = asked.iter().any(|it| it.access == *kind && it.name == *service);
        assert!(is_it, "{label}: {kind} of {service}");
    }
    for request in asked.iter().filter(|it| it.capability == "railway" && it.access != "read") {
        // Whoever goes back from a change takes away what was not there before; of Redis there always was something.
        let never = request.access == "delete-variables" && request.name == "redis";
        let is_it = all
            .iter()
            .any(|[_, kind, service, _]| *kind == request.access && *service == request.name);
        assert!(is_it || never, "{} of {} is asked for in vain", request.access, request.name);
    }
}

#[test]
fn every_step_says_what_is_left_and_every_change_goes_back_without_a_deployment() {
    let (draft, declared) = planned(&Stack::as_written());
    for step in draft.steps.iter().chain(&draft.undo) {
        assert!(!step.if_left.as_deref().unwrap_or_default().is_empty(), "{}", step.id);
    }
    for step in
        draft.steps.iter().filter(|step| ["settings", "variables"].contains(&step.id.as_str()))
    {
        assert_eq!(step.undo, Undo::Steps(vec![format!("{}-undo", step.id)]));
        let undo = draft.undo.iter().find(|undo| undo.id == format!("{}-undo", step.id)).unwrap();
        let reversed: Vec<&String> = undo.reverses.iter().map(|(_, label)| label).collect();
        assert_eq!(reversed, step.effects.iter().collect::<Vec<_>>());
        assert!(undo.effects.iter().all(|label| !declared.of(label).starts_with("deploy")));
    }
}
