//! From version 2 to version 3.

use lockstep_sdk::testing::{
    Given, NOW, Tested, assert_requested, assert_whole, deployment as plain, digest, done, failed,
    finding, ids, moved, pending, step, volume,
};
use lockstep_sdk::{DeploymentStatus, Draft, Gate, Observation, Service, Undo, Verdict};

use super::given::{drafted, planned};
use super::stack::{Stack, target};
use crate::background::tests::migration;
use crate::describe::description;
use crate::three::WIRED;

const TO: &str = "3.29.0";

/// What is made.
const MADE: [&str; 4] = ["clickhouse", "redis", "minio", "langfuse-worker"];

fn given() -> Given {
    let (draft, _) = planned(&Stack::two(), TO);
    Given { now: NOW, ..Given::by(&draft) }.ready(&Stack::two(), "keep")
}

/// The stack once everything is made.
fn made() -> Stack {
    let mut stack = Stack::two();
    for name in MADE {
        let worker = name == "langfuse-worker";
        stack.place(Service {
            name: name.to_owned(),
            image: None,
            repository: None,
            volume: (!worker).then(|| volume(name, "/data")),
            settings: Vec::new(),
            extra: Vec::new(),
        });
    }
    stack
}

#[track_caller]
fn refused(change: impl FnOnce(&mut Stack), id: &str, part: &str) {
    let mut stack = Stack::two();
    change(&mut stack);
    let draft: Draft = drafted(&stack, TO);
    let found = finding(&draft, id);
    let shown = format!("{} {} {:?}", found.title, found.evidence.join(" "), found.remedy);
    assert!(found.refuses() && shown.contains(part), "{shown}");
    assert!(draft.steps.is_empty());
}

#[test]
fn everything_that_version_3_needs_is_made_wired_and_started_before_it() {
    let (draft, declared) = planned(&Stack::two(), TO);
    assert_whole(&draft, &declared, &["2.95.11", "3.29.0"]);
    assert_requested(&description(), &declared);
    assert_eq!(
        ids(&draft.steps),
        [
            "keep",
            "pin",
            "grace",
            "patience",
            "dry",
            "before",
            "review",
            "backup-postgres",
            "make",
            "secrets",
            "rest",
            "wire",
            "web",
            "worker",
            "go",
            "background",
            "moved",
            "smoke",
            "soak",
            "close"
        ]
    );
    for (label, image) in [
        ("make-clickhouse", "clickhouse/clickhouse-server:24.8@sha256:0"),
        ("make-redis", "redis:7.2@sha256:0"),
        ("make-minio", "minio/minio:RELEASE.2025-09-07T16-13-09Z@sha256:0"),
        ("make-worker", "langfuse/langfuse-worker:3.29.0@sha256:4"),
    ] {
        assert!(declared.line(label).contains(image), "{}", declared.line(label));
    }
    assert!(declared.line("settings-redis").contains("--maxmemory-policy noeviction"));
    assert!(declared.line("settings-minio").contains("mkdir -p /data/langfuse"));
    assert!(declared.line("web-image").contains("langfuse/langfuse:3.29.0@sha256:3"));
    assert_eq!(step(&draft.steps, "make").undo, Undo::Restore);
}

#[test]
fn secrets_are_generated_and_nobody_sees_them() {
    let (_, declared) = planned(&Stack::two(), TO);
    assert_eq!(declared.line("secret-key"), "generate langfuse-web ENCRYPTION_KEY Hex(64)");
    assert_eq!(
        declared.line("secret-clickhouse-clickhouse-password"),
        "generate clickhouse CLICKHOUSE_PASSWORD Alphanumeric(32)"
    );
    assert_eq!(
        declared.line("secret-redis-redis-password"),
        "generate redis REDIS_PASSWORD Alphanumeric(32)"
    );
    assert_eq!(
        declared.line("secret-minio-minio-root-password"),
        "generate minio MINIO_ROOT_PASSWORD Alphanumeric(32)"
    );
    let mut keyed = Stack::two();
    keyed.set("langfuse-web", "ENCRYPTION_KEY", "***k");
    let (_, declared) = planned(&keyed, TO);
    assert!(!declared.labels().contains(&"secret-key".to_owned()), "what is there stays");
}

#[test]
fn web_and_worker_are_told_the_same_and_the_worker_waits_with_the_background() {
    let (_, declared) = planned(&Stack::two(), TO);
    let (web, worker) = (declared.line("wire"), declared.line("make-worker"));
    for name in [
        "CLICKHOUSE_URL",
        "CLICKHOUSE_MIGRATION_URL",
        "CLICKHOUSE_USER",
        "CLICKHOUSE_PASSWORD",
        "CLICKHOUSE_DB",
        "CLICKHOUSE_CLUSTER_ENABLED",
        "CLICKHOUSE_MIGRATION_SSL",
        "REDIS_HOST",
        "REDIS_PORT",
        "REDIS_AUTH",
        "LANGFUSE_S3_EVENT_UPLOAD_BUCKET",
        "LANGFUSE_S3_EVENT_UPLOAD_REGION",
        "LANGFUSE_S3_EVENT_UPLOAD_ENDPOINT",
        "LANGFUSE_S3_EVENT_UPLOAD_ACCESS_KEY_ID",
        "LANGFUSE_S3_EVENT_UPLOAD_SECRET_ACCESS_KEY",
        "LANGFUSE_S3_EVENT_UPLOAD_FORCE_PATH_STYLE",
        "LANGFUSE_S3_EVENT_UPLOAD_PREFIX",
        "LANGFUSE_S3_MEDIA_UPLOAD_BUCKET",
        "LANGFUSE_S3_BATCH_EXPORT_BUCKET",
    ] {
        assert!(web.contains(&format!("(\"{name}\", ")), "{name}: {web}");
        assert!(
            worker.contains(&format!("(\"{name}\", \"${{{{langfuse-web.{name}}}}}\")")),
            "{name}: {worker}"
        );
    }
    assert!(web.contains("(\"CLICKHOUSE_CLUSTER_ENABLED\", \"false\")"));
    for name in ["DATABASE_URL", "SALT", "ENCRYPTION_KEY"] {
        assert!(worker.contains(&format!("${{{{langfuse-web.{name}}}}}")), "{name}");
    }
    assert!(worker.contains("(\"LANGFUSE_ENABLE_BACKGROUND_MIGRATIONS\", \"false\")"));
    assert!(
        declared
            .line("go-variable")
            .contains("(\"LANGFUSE_ENABLE_BACKGROUND_MIGRATIONS\", \"true\")")
    );
}

#[test]
fn what_version_2_keeps_as_objects_stays_where_it_is() {
    let own = [
        ("LANGFUSE_S3_MEDIA_UPLOAD_BUCKET", "ours"),
        ("LANGFUSE_S3_MEDIA_UPLOAD_ENDPOINT", "https://objects.example"),
        ("LANGFUSE_S3_MEDIA_UPLOAD_SECRET_ACCESS_KEY", "***m"),
        ("LANGFUSE_S3_MEDIA_UPLOAD_SSE", "AES256"),
    ];
    let mut stack = Stack::two();
    for (name, value) in own {
        stack.set("langfuse-web", name, value);
    }
    let (draft, declared) = planned(&stack, TO);
    assert!(!declared.line("wire").contains("MEDIA_UPLOAD"), "{}", declared.line("wire"));
    assert!(declared.line("wire").contains("LANGFUSE_S3_EVENT_UPLOAD_BUCKET"));
    for (name, _) in own {
        let told = format!("(\"{name}\", \"${{{{langfuse-web.{name}}}}}\")");
        assert!(declared.line("make-worker").contains(&told), "{name}");
    }
    assert_eq!(declared.line("make-worker").matches("MEDIA_UPLOAD").count(), 2 * own.len());
    assert!(finding(&draft, "stores").evidence[0].contains("MEDIA_UPLOAD_SSE"));
    // The step that wires the rest is done without those of the store that stays.
    let given = Given { now: NOW, ..Given::by(&draft) }.ready(&stack, "keep");
    failed(&given.check(&stack, "wire"), "is not told `CLICKHOUSE_URL`");
    for (name, value) in WIRED.into_iter().filter(|(name, _)| !name.contains("MEDIA_UPLOAD")) {
        stack.set("langfuse-web", name, value);
    }
    done(&given.check(&stack, "wire"));
    refused(
        |it| it.set("langfuse-web", "LANGFUSE_S3_MEDIA_UPLOAD_ENDPOINT", "https://x"),
        "wiring",
        "LANGFUSE_S3_MEDIA_UPLOAD_ENDPOINT",
    );
}

#[test]
fn what_going_back_loses_is_said_before_it_begins() {
    let (draft, declared) = planned(&Stack::two(), TO);
    let web = step(&draft.steps, "web");
    assert!(web.loss.as_ref().unwrap().contains("the former version does not look"));
    assert!(
        matches!(&web.gates[..], [Gate::Approval(question)] if question.contains("loses every trace"))
    );
    assert!(declared.line("back-web-image").contains("langfuse/langfuse:2.95.11@sha256:2"));
    assert!(
        !declared.labels().iter().any(|label| label.contains("frozen")),
        "version 2 migrates nothing of ClickHouse"
    );
    let (draft, _) = Stack::two().planned(&target(None, &[]));
    assert_eq!(draft.desired.text, "3.29.0", "where version 3 is entered");
}

#[test]
fn what_would_be_half_of_somebody_elses_work_is_refused() {
    let place = |name: &'static str| {
        move |it: &mut Stack| {
            it.add(name, "redis:7.2", digest('0'));
        }
    };
    refused(place("redis"), "room", "redis");
    refused(place("clickhouse"), "room", "finish by hand");
    refused(|it| it.set("langfuse-web", "CLICKHOUSE_URL", "http://x"), "wiring", "CLICKHOUSE_URL");
    refused(|it| it.unset("langfuse-web", "SALT"), "variables-langfuse-web", "SALT");
    refused(|it| it.databases.server = 110_000, "postgres", "at least 12");
    refused(|it| it.answers.keys = 401, "smoke", "LANGFUSE_PUBLIC_KEY");
    refused(|it| it.databases.unended.push(("half", "")), "unfinished", "half");
    let gone = |it: &mut Stack| {
        it.registry.images.remove("minio/minio:RELEASE.2025-09-07T16-13-09Z");
    };
    refused(gone, "parts", "`storage-image`");
    let mut other = Stack::two();
    gone(&mut other);
    other.registry.publish("cgr.dev/chainguard/minio:1", digest('0'));
    other.planned(&target(Some(TO), &[("storage-image", "cgr.dev/chainguard/minio:1")]));
}

#[test]
fn nothing_is_asked_of_what_is_not_there_yet() {
    let given = given();
    let mut bare = Stack::two();
    bare.answers.worker = 500;
    bare.databases.error = Some((502, "no"));
    for step in ["pin", "grace", "dry", "review", "make", "secrets", "rest", "wire"] {
        assert!(matches!(given.observe(&bare, step), Observation::Ready(_)), "{step}");
    }
    for watch in ["working", "migrations"] {
        assert_eq!(given.probe(&bare, watch, "rest").verdict, Verdict::Pass);
        // After going back there is nothing of them either.
        assert_eq!(given.probe(&bare, watch, "close").verdict, Verdict::Pass);
    }
    let mut ill = made();
    ill.answers.worker = 500;
    assert_eq!(given.probe(&ill, "working", "worker").verdict, Verdict::Fail);
    let mut dry = Stack::two();
    dry.answers.worker = 500;
    dry.deployed("dry-web", '2', DeploymentStatus::Success);
    done(&given.check(&dry, "dry"));
    done(&given.check(&dry, "back-smoke"));
}

#[test]
fn what_is_made_must_be_there_with_its_volumes_and_secrets_and_answer() {
    let given = given();
    pending(&given.check(&Stack::two(), "make"), "`clickhouse` is not there yet");
    let mut stack = made();
    done(&given.check(&stack, "make"));
    failed(&given.check(&stack, "secrets"), "`CLICKHOUSE_PASSWORD` of `clickhouse` is not there");
    for (service, name) in [
        ("clickhouse", "CLICKHOUSE_PASSWORD"),
        ("redis", "REDIS_PASSWORD"),
        ("minio", "MINIO_ROOT_USER"),
        ("minio", "MINIO_ROOT_PASSWORD"),
    ] {
        stack.set(service, name, "***x");
    }
    done(&given.check(&stack, "secrets"));
    pending(&given.check(&stack, "rest"), "not listed yet");
    for name in ["clickhouse", "redis", "minio"] {
        stack.deployed(&format!("rest-{name}"), '0', DeploymentStatus::Success);
    }
    done(&given.check(&stack, "rest"));
    stack.databases.timezone = "Europe/Berlin";
    failed(&given.check(&stack, "rest"), "and not in UTC");
    stack.databases.timezone = "UTC";
    stack.answers.storage = 503;
    pending(&given.check(&stack, "rest"), "the object storage answers 503");
    failed(&given.check(&stack, "wire"), "is not told `CLICKHOUSE_URL`");
    stack.deployments.insert("redis".to_owned(), vec![plain("d1", digest('0'))]);
    pending(&given.check(&stack, "rest-undo"), "`redis` still runs");
    stack.deployments.get_mut("redis").unwrap()[0].status = DeploymentStatus::Removed;
    done(&given.check(&stack, "rest-undo"));
    done(&given.check(&stack, "worker-undo"));
}

#[test]
fn what_version_2_kept_is_followed_and_counted() {
    let mut stack = made();
    let given = given().ready(&stack, "web");
    let finished = stack.databases.background.split_off(1);
    stack.databases.background[0].finished = false;
    pending(&given.check(&stack, "background"), "not begun");
    stack.databases.background[0].finished = true;
    done(&given.check(&stack, "background"));
    failed(&given.check(&stack, "moved"), "has moved what version 2 kept in `observations`");
    stack.databases.background.extend(finished);
    stack.databases.rows = 899;
    failed(&given.check(&stack, "moved"), "900 rows in PostgreSQL, 899 in ClickHouse");
    stack.databases.rows = 900;
    done(&given.check(&stack, "moved"));
    pending(&given.check(&stack, "go"), "not listed yet");
    stack.deployed("go-deploy", '4', DeploymentStatus::Success);
    done(&given.check(&stack, "go"));
}

#[test]
fn a_key_that_was_made_meanwhile_is_none_that_somebody_changed() {
    let given = given();
    let mut stack = made();
    stack.set("langfuse-web", "ENCRYPTION_KEY", "***new");
    assert!(matches!(given.observe(&stack, "web"), Observation::Ready(_)));
    stack.set("langfuse-web", "SALT", "***other");
    moved(&given.observe(&stack, "web"), "`SALT` is another one");
}
