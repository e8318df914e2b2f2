//! What plans consist of.

use lockstep_sdk::testing::{Declared, Tested, assert_same_plan, assert_whole, finding, ids, step};
use lockstep_sdk::{Draft, Drive, Gate, OutageKind, Undo};

use super::given::{TO, planned, planned_with};
use super::stack::{Stack, deployment, target};
use crate::background::tests::migration;
use crate::describe::description;

const STEPS: [&str; 15] = [
    "keep",
    "grace",
    "patience",
    "dry",
    "before",
    "review",
    "backup-postgres",
    "backup-clickhouse",
    "backup-storage",
    "web",
    "worker",
    "background",
    "smoke",
    "soak",
    "close",
];

/// A stack from which version 4 can be reached.
pub(crate) fn last_three() -> Stack {
    let mut stack = Stack::running("3.225.4");
    stack.databases.clickhouse = "26.4.1.1";
    stack
}

/// Plans that differ most.
fn plans() -> Vec<(Draft, Declared)> {
    let mut pinned = Stack::healthy();
    pinned.setting("langfuse-web", "healthcheck-timeout", "3600");
    pinned.service("minio").volume = None;
    pinned.set("langfuse-web", "LANGFUSE_AUTO_CLICKHOUSE_MIGRATION_DISABLED", "true");
    let mut moded = last_three();
    moded.set("langfuse-web", "LANGFUSE_MIGRATION_V4_WRITE_MODE", "legacy");
    vec![
        planned(&Stack::healthy(), TO),
        planned(&pinned, TO),
        planned(&moded, "4.16.0"),
        planned_with(&Stack::healthy(), TO, &[("soak", "0")]),
    ]
}

#[test]
fn every_draft_is_whole() {
    for (draft, declared) in plans() {
        assert_whole(&draft, &declared, &[&draft.current.text, &draft.desired.text]);
    }
}

#[test]
fn the_web_service_comes_first_and_the_worker_at_once_after_it() {
    let (draft, declared) = planned(&Stack::healthy(), TO);
    let steps = ids(&draft.steps);
    let but_pin: Vec<&str> = steps.iter().copied().filter(|id| *id != "pin").collect();
    assert_eq!(but_pin, STEPS);
    assert_eq!(steps[1], "pin", "a tag is no pin");
    assert_eq!((draft.current.text.as_str(), draft.desired.text.as_str()), ("3.170.0", "3.225.4"));
    assert!(
        declared
            .line("web-image")
            .starts_with("set-image langfuse-web langfuse/langfuse:3.225.4@sha256:aaa")
    );
    assert!(
        declared
            .line("worker-image")
            .starts_with("set-image langfuse-worker langfuse/langfuse-worker:3.225.4@sha256:bbb")
    );
    assert_eq!(step(&draft.steps, "web").effects, ["web-image", "web-deploy"]);
    let worker = step(&draft.steps, "worker");
    assert_eq!(worker.effects, ["worker-image", "worker-deploy"]);
    assert_eq!(
        worker.outage[0].kind,
        OutageKind::Other("traces are taken in and show up late".to_owned())
    );
    for id in ["before", "smoke"] {
        assert_eq!(step(&draft.steps, id).drive, Drive::Guided);
    }
}

#[test]
fn railway_waits_for_a_migration_and_then_as_long_as_it_did() {
    let (draft, declared) = planned(&Stack::healthy(), TO);
    assert_eq!(
        declared.line("patience"),
        r#"set-settings langfuse-web [("healthcheck-timeout", "3600")]"#
    );
    assert_eq!(step(&draft.steps, "patience").undo, Undo::Restore);
    assert_eq!(
        declared.line("patience-back"),
        r#"set-settings langfuse-web [("healthcheck-timeout", "300")]"#
    );
    let mut unset = Stack::healthy();
    unset.service("langfuse-web").settings.retain(|(name, _)| name != "healthcheck-timeout");
    assert_eq!(
        planned(&unset, TO).1.line("patience-back"),
        r#"set-settings langfuse-web [("healthcheck-timeout", "")]"#
    );
    let mut patient = Stack::healthy();
    patient.setting("langfuse-web", "healthcheck-timeout", "3600");
    let (draft, _) = planned(&patient, TO);
    assert!(!ids(&draft.steps).contains(&"patience"));
    assert!(step(&draft.steps, "close").effects.is_empty());
}

#[test]
fn going_back_starts_the_former_images_and_lets_the_web_service_migrate_nothing() {
    let (draft, declared) = planned(&Stack::healthy(), TO);
    let undo = step(&draft.undo, "web-undo");
    assert_eq!(undo.effects, ["back-web-frozen", "back-web-image", "back-web-deploy"]);
    assert!(
        declared
            .line("back-web-frozen")
            .contains(r#"("LANGFUSE_AUTO_CLICKHOUSE_MIGRATION_DISABLED", "true")"#)
    );
    assert!(declared.line("back-web-image").contains("langfuse/langfuse:3.170.0@sha256:777"));
    assert!(
        declared.line("back-worker-image").contains("langfuse/langfuse-worker:3.170.0@sha256:888")
    );
    assert_eq!(step(&draft.steps, "dry").undo, Undo::Steps(vec!["back-smoke".to_owned()]));
    // What going back has switched off the next plan switches on again.
    let mut frozen = Stack::healthy();
    for name in
        ["LANGFUSE_AUTO_CLICKHOUSE_MIGRATION_DISABLED", "LANGFUSE_AUTO_POSTGRES_MIGRATION_DISABLED"]
    {
        frozen.set("langfuse-web", name, "true");
    }
    let (draft, declared) = planned(&frozen, TO);
    assert_eq!(step(&draft.steps, "web").effects[0], "web-migrates");
    assert!(
        declared
            .line("web-migrates")
            .contains(r#"("LANGFUSE_AUTO_POSTGRES_MIGRATION_DISABLED", "false")"#)
    );
}

#[test]
fn without_a_version_the_newest_of_the_same_line_is_taken() {
    let (draft, _) = Stack::healthy().planned(&target(None, &[]));
    assert_eq!(draft.desired.text, "3.225.4");
    let mut gone = Stack::healthy();
    gone.registry.images.remove("langfuse/langfuse-worker:3.225.4");
    let (draft, _) = gone.planned(&target(None, &[]));
    assert!(
        draft.steps.is_empty(),
        "3.170.0 is the newest of which both images are there, and runs"
    );
    assert!(finding(&draft, "path").title.contains("nothing to do"));
}

#[test]
fn what_runs_already_is_left_alone_whatever_would_forbid_it() {
    let mut stack = Stack::running("3.225.4");
    stack.setting("langfuse-web", "replicas", "3");
    let (draft, declared) = planned(&stack, TO);
    assert!(draft.steps.is_empty() && declared.labels().is_empty());
}

#[test]
fn an_image_by_a_tag_that_moves_is_known_by_its_digest_and_pinned() {
    let mut stack = Stack::running("3.225.4");
    for (service, image) in
        [("langfuse-web", "langfuse/langfuse:3"), ("langfuse-worker", "langfuse/langfuse-worker:3")]
    {
        stack.service(service).image = Some(image.to_owned());
    }
    stack.registry.publish("langfuse/langfuse:3.230.0", lockstep_sdk::testing::digest('e'));
    stack.registry.publish("langfuse/langfuse-worker:3.230.0", lockstep_sdk::testing::digest('f'));
    let (draft, declared) = planned(&stack, "3.230.0");
    assert_eq!(draft.current.text, "3.225.4");
    assert!(declared.line("pin-langfuse-web").contains("langfuse/langfuse:3@sha256:aaa"));
    assert!(declared.line("pin-langfuse-worker").contains("langfuse/langfuse-worker:3@sha256:bbb"));
}

#[test]
fn version_4_asks_before_it_drops_and_writes_what_version_3_can_read() {
    let (draft, declared) = planned(&last_three(), "4.16.0");
    let web = step(&draft.steps, "web");
    assert!(
        matches!(&web.gates[..], [Gate::Approval(question)] if question.contains("drops the tables `traces`"))
    );
    assert!(web.loss.as_ref().unwrap().contains("are dropped"));
    for part in ["web", "worker"] {
        assert_eq!(
            declared.line(&format!("{part}-mode")),
            format!(
                r#"set-variables langfuse-{part} [("LANGFUSE_MIGRATION_V4_WRITE_MODE", "dual")]"#
            )
        );
        assert!(declared.line(&format!("back-{part}-mode")).starts_with("delete-variables"));
    }
    assert!(!declared.lines().iter().any(|line| line.contains("events_only")));
    let moved = finding(&draft, "moved");
    assert!(
        !moved.refuses()
            && moved.evidence[0].contains("900 rows in PostgreSQL, 1000 in ClickHouse")
    );
    let (minor, _) = planned(&Stack::healthy(), TO);
    assert!(step(&minor.steps, "web").loss.is_none());
}

#[test]
fn the_same_stack_has_the_same_plan_while_its_figures_move() {
    let one = planned(&Stack::healthy(), TO);
    let mut moved = Stack::healthy();
    moved.service("postgres").volume.as_mut().unwrap().used_mb += 90;
    moved.databases.rows += 10;
    moved.databases.background.push(migration("20260101_later"));
    moved.databases.tables.push(("events", "id!"));
    moved.answers.releases = (403, String::new());
    moved.deployments.insert("langfuse-web".to_owned(), vec![deployment("d7", '7')]);
    moved.deployments.get_mut("langfuse-web").unwrap()[0].changed += 5_000;
    assert_same_plan(&one, &planned(&moved, TO));
}

#[test]
fn the_description_says_why_and_no_path_changes_anything() {
    let description = description();
    assert!(description.requests.iter().all(|request| !request.why.is_empty()));
    let reads =
        description.requests.iter().filter(|it| it.capability == "http" && it.access == "read");
    assert!(reads.into_iter().all(|request| !request.paths.is_empty()));
    let paths: Vec<&String> = description.requests.iter().flat_map(|it| &it.paths).collect();
    assert!(paths.iter().all(|path| path.as_str() != "/*" && path.as_str() != "*"), "{paths:?}");
    let clickhouse: Vec<_> = paths.iter().filter(|path| path.starts_with("/?query")).collect();
    assert!(clickhouse.iter().all(|path| path.ends_with("&database=*")), "{clickhouse:?}");
}
