//! What is found, and what refuses the plan.

use lockstep_sdk::{Failure, Finding, VariableValue};

use super::plans::planned;
use super::stack::{Stack, denied, digest, shown, target};
use crate::plan::plan;

#[track_caller]
fn finding<'a>(findings: &'a [Finding], id: &str) -> &'a Finding {
    findings.iter().find(|finding| finding.id == id).unwrap_or_else(|| panic!("no {id}"))
}

/// The plan is refused by this finding, and has no step.
#[track_caller]
fn refused(stack: &Stack, id: &str) -> Finding {
    let (draft, declared) = planned(stack);
    let found = finding(&draft.findings, id).clone();
    assert!(found.refuses() && draft.steps.is_empty() && declared.all().is_empty(), "{found:?}");
    found
}

#[test]
fn what_is_down_is_never_deployed_as_a_version_that_did_not_run_last() {
    let mut stack = Stack::as_written();
    stack.deployments.get_mut("langfuse-web").unwrap()[0].digest = Some(digest('b'));
    let found = refused(&stack, "pin-langfuse-web");
    assert!(found.evidence[0].contains(&digest('b')), "its tag names another by now: {found:?}");
    stack.deployments.get_mut("langfuse-web").unwrap()[0].digest = None;
    let found = refused(&stack, "pin-langfuse-web");
    assert_eq!(found.title, "which version of `langfuse-web` ran last can't be told");
    stack.deployments.get_mut("langfuse-web").unwrap().clear();
    assert!(!planned(&stack).0.steps.is_empty(), "one that never ran has no data");
}

#[test]
fn everything_that_is_wrong_with_the_guides_stack_is_told_with_its_step_or_without_one() {
    let (draft, _) = planned(&Stack::as_written());
    for (id, step) in [
        ("litellm-health-path", "settings"),
        ("monitor-health-path", "settings"),
        ("clickhouse-cluster", "variables"),
        ("encryption-key", "key"),
        ("eviction-policy", "variables"),
        ("bitnami-image", "pin"),
        ("pins", "pin"),
        ("grace", "grace"),
        ("unhealthy", "deploy-langfuse-web"),
    ] {
        let found = finding(&draft.findings, id);
        assert!(found.mended_by.iter().any(|it| it == step) && found.source.is_some(), "{found:?}");
    }
    for id in ["backup-service", "shared-database", "trace-keys", "minio-unmaintained"] {
        let found = finding(&draft.findings, id);
        assert!(
            found.mended_by.is_empty() && found.remedy.is_some() && !found.refuses(),
            "{found:?}"
        );
    }
    let by_hand = finding(&draft.findings, "monitor-health-path").remedy.as_deref();
    assert!(by_hand.unwrap().contains("by hand"));
}

#[test]
fn a_bucket_that_needs_a_key_is_not_spoken_of_and_any_other_answer_is() {
    let mut stack = Stack::as_run();
    let told = |stack: &Stack| {
        let found = planned(stack).0.findings.into_iter().find(|it| it.id == "public-bucket");
        found.map(|finding| finding.evidence[0].clone())
    };
    assert_eq!(told(&stack), None);
    stack.statuses.insert("minio", 200);
    assert!(told(&stack).unwrap().contains("may read it now"));
    stack.statuses.insert("minio", 501);
    assert!(told(&stack).unwrap().contains("can't be told"));
    stack.statuses.remove("minio");
    assert!(told(&stack).unwrap().contains("does not answer"));
}

#[test]
fn a_key_is_made_only_where_nothing_was_ever_encrypted_with_one() {
    let mut stack = Stack::as_written();
    stack.projects = Ok(Some(0));
    assert!(
        planned(&stack).0.steps.iter().any(|step| step.id == "key"),
        "tables alone say nothing"
    );
    stack.projects = Ok(Some(1));
    assert!(refused(&stack, "encryption-key").evidence[0].contains("made in Langfuse already"));
    stack.projects = Err(Some(Failure::transiently("sql:connection", "no")));
    assert!(refused(&stack, "encryption-key").evidence[0].contains("can't be told"));
    stack.projects = Ok(None);
    stack.set("langfuse-web", "ENCRYPTION_KEY", shown("${{shared.KEY}}"));
    assert!(refused(&stack, "encryption-key").evidence[0].contains("refers to another"));
    stack.set("langfuse-web", "ENCRYPTION_KEY", VariableValue::Unreadable);
    assert!(refused(&stack, "encryption-key").evidence[0].contains("sealed"));
    stack.unset("langfuse-web", "ENCRYPTION_KEY");
    let (draft, declared) = planned(&stack);
    assert!(draft.steps.iter().any(|step| step.id == "key"));
    assert!(
        declared.all().iter().all(|[label, ..]| label != "key-remove"),
        "there is none to remove"
    );
}

#[test]
fn a_key_of_which_nobody_complains_stays() {
    let mut stack = Stack::as_written();
    stack.logs.clear();
    let (draft, _) = planned(&stack);
    assert!(draft.findings.iter().all(|finding| finding.id != "encryption-key"));
    assert!(draft.steps.iter().all(|step| step.id != "key"));
}

#[test]
fn a_langfuse_that_runs_keeps_its_kind_of_migrations() {
    let mut stack = Stack::as_run();
    stack.unset("langfuse-web", "CLICKHOUSE_CLUSTER_ENABLED");
    let (draft, declared) = planned(&stack);
    let found = finding(&draft.findings, "clickhouse-cluster");
    assert!(found.mended_by.is_empty() && !found.refuses());
    assert!(declared.all().iter().all(|[.., what]| !what.contains("CLICKHOUSE_CLUSTER_ENABLED")));
}

#[test]
fn what_keeps_data_must_be_up_and_nobody_else_at_work() {
    let mut stack = Stack::as_written();
    stack.down("postgres");
    assert!(refused(&stack, "stores-down").evidence[0].contains("postgres"));
    let mut stack = Stack::as_written();
    stack.staged = vec!["a variable of redis".to_owned()];
    refused(&stack, "staged");
}

#[test]
fn an_image_that_is_gone_refuses_only_what_would_be_deployed() {
    let mut stack = Stack::as_run();
    stack.gone = vec!["minio/minio"];
    let (draft, _) = planned(&stack);
    assert!(!finding(&draft.findings, "pin-minio").refuses() && !draft.steps.is_empty());
    stack.gone = vec!["langfuse/langfuse-worker"];
    refused(&stack, "pin-langfuse-worker");
    let mut stack = Stack::as_written();
    stack.gone = vec!["ghcr.io/berriai/litellm-database"];
    refused(&stack, "pin-litellm");
}

#[test]
fn a_volume_that_is_more_than_half_full_gets_no_backup_and_is_told() {
    let mut stack = Stack::as_run();
    stack.service("postgres").volume.as_mut().unwrap().used_mb = 2_501;
    let (draft, _) = planned(&stack);
    assert!(draft.steps.iter().all(|step| step.id != "backup-postgres"));
    assert!(finding(&draft.findings, "no-room").evidence[0].contains("2501 of 5000"));
}

#[test]
fn what_is_not_granted_is_a_failure_and_no_finding() {
    let mut stack = Stack::as_written();
    stack.projects = Err(None);
    let made = plan(&stack, &super::declared::Declared::default(), &target(&[]));
    assert_eq!(made.unwrap_err(), denied());
}

#[test]
fn options_that_are_not_known_or_no_length_are_named() {
    let stack = Stack::as_run();
    let declared = super::declared::Declared::default();
    let draft =
        plan(&stack, &declared, &target(&[("sok", "1h"), ("soak", "soon"), ("boot-limit", "0")]));
    let findings = draft.unwrap().findings;
    let titles: Vec<&str> = findings.iter().map(|it| it.title.as_str()).collect();
    assert!(
        titles[0].contains("`sok`") && titles[1].contains("`soon`") && titles[2].contains("`0`")
    );
    let draft = plan(&stack, &declared, &target(&[("soak", "90s")])).unwrap();
    assert_eq!(draft.steps.last().unwrap().soak, Some(90_000));
}

#[test]
fn a_version_can_not_be_wished_for() {
    let mut target = target(&[]);
    target.desired = Some("7.2".to_owned());
    let draft = plan(&Stack::as_run(), &super::declared::Declared::default(), &target).unwrap();
    assert!(draft.findings[0].refuses() && draft.steps.is_empty());
}
