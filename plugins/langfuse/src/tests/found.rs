//! What plans say about what they found, where it forbids nothing.

use lockstep_sdk::Severity;
use lockstep_sdk::testing::{digest, finding};

use super::given::{TO, planned};
use super::stack::{Stack, deployment};
use crate::background::tests::migration;

#[track_caller]
fn says(change: impl FnOnce(&mut Stack), id: &str, severity: &Severity, part: &str) {
    let mut stack = Stack::healthy();
    change(&mut stack);
    let (draft, _) = planned(&stack, TO);
    let found = finding(&draft, id);
    assert_eq!(found.severity, *severity, "{found:#?}");
    let shown = format!("{} {} {:?}", found.title, found.evidence.join(" "), found.remedy);
    assert!(shown.contains(part), "{shown}");
}

const NOTE: Severity = Severity::Note;
const WARNING: Severity = Severity::Warning;

#[test]
fn what_is_read_is_shown() {
    says(|_| {}, "version", &NOTE, "langfuse-worker, digest 888888888888: 3.170.0");
    says(|_| {}, "releases", &WARNING, "v3.225.4: BREAKING: keys of v3.225.4");
    says(|_| {}, "shared", &NOTE, "Langfuse and LiteLLM share this schema");
    says(|_| {}, "dirty", &NOTE, "version 34");
    says(|_| {}, "background", &NOTE, "3 migrations");
    says(
        |_| {},
        "patience",
        &WARNING,
        "it waits for 300 s; the plan lets it wait for 3600 s, as long as the option `migration-limit` lets the step take",
    );
    says(|_| {}, "keys", &NOTE, "same keys");
    says(|_| {}, "outage", &NOTE, "`langfuse-worker` took up to 13 s");
    says(|it| it.answers.releases = (403, String::new()), "releases", &WARNING, "answered 403");
}

#[test]
fn what_is_doubtful_is_a_warning() {
    says(
        |it| it.databases.background.push(migration("20260101_later")),
        "background",
        &WARNING,
        "20260101_later: not begun",
    );
    says(
        |it| it.set("langfuse-worker", "CLICKHOUSE_CLUSTER_ENABLED", "true"),
        "unlike",
        &WARNING,
        "CLICKHOUSE_CLUSTER_ENABLED",
    );
    says(
        |it| it.unset("langfuse-worker", "CLICKHOUSE_CLUSTER_ENABLED"),
        "unlike",
        &WARNING,
        "CLICKHOUSE_CLUSTER_ENABLED",
    );
    says(
        |it| it.set("langfuse-worker", "ENCRYPTION_KEY", "***e"),
        "keys",
        &WARNING,
        "ENCRYPTION_KEY: not a reference",
    );
    says(
        |it| it.unset("langfuse-web", "CLICKHOUSE_CLUSTER_ENABLED"),
        "cluster",
        &WARNING,
        "not set, which means true",
    );
    says(|it| it.service("minio").volume = None, "backup-storage", &WARNING, "not backed up");
    says(
        |it| {
            it.service("minio").image = Some("minio/minio:RELEASE.2024-01-01T00-00-00Z".to_owned())
        },
        "storage",
        &WARNING,
        "LANGFUSE_S3_DELETE_OBJECTS_CHECKSUM_ALGORITHM=MD5",
    );
    says(
        |it| {
            let image = "langfuse/langfuse-worker:mine";
            it.service("langfuse-worker").image = Some(image.to_owned());
            it.registry.publish(image, digest('9'));
            let up = deployment("d1", '9');
            it.deployments.insert("langfuse-worker".to_owned(), vec![up]);
        },
        "version",
        &WARNING,
        "what langfuse-worker runs can't be told",
    );
}

#[test]
fn a_migration_that_sleeps_is_not_waited_for() {
    let mut asleep = migration("20260701_v4_step_1");
    asleep.gate = Some("LANGFUSE_BACKGROUND_MIGRATION_V4_ENABLE_HISTORIC_BACKFILL".to_owned());
    says(|it| it.databases.background.push(asleep.clone()), "background", &NOTE, "is done");
    says(
        |it| {
            it.databases.background.push(asleep.clone());
            it.set(
                "langfuse-worker",
                "LANGFUSE_BACKGROUND_MIGRATION_V4_ENABLE_HISTORIC_BACKFILL",
                "true",
            );
        },
        "background",
        &WARNING,
        "20260701_v4_step_1",
    );
}

#[test]
fn the_name_of_a_database_that_another_service_tells_is_found_there() {
    let referred = |it: &mut Stack| {
        it.set("langfuse-web", "CLICKHOUSE_DB", "${{clickhouse.CLICKHOUSE_DB}}");
        it.set("langfuse-worker", "CLICKHOUSE_DB", "${{clickhouse.CLICKHOUSE_DB}}");
        it.set("clickhouse", "CLICKHOUSE_DB", "default");
    };
    says(referred, "dirty", &NOTE, "version 34");
}
