//! Langfuse from one version 3 to a later one and back; from version 2, with everything that version 3 needs; and version 4, which is
//! refused while it would drop what was not moved.

use lockstep_tests::{block_on, dial};

use crate::stage::Stage;

/// Traces that version 2 keeps.
const KEPT: &str = "INSERT INTO traces (id, name, project_id) SELECT 'kept-' || n, 'somebodys', 'lab' FROM generate_series(1, 50) n";

const STACK: [&str; 2] = ["--stack", "langfuse-3.50"];
const APPLY: [&str; 5] = ["apply", "langfuse@3.225.4", "-e", "lab", "--yes"];

/// What version 2 had kept, one row of which somebody has written again since it was moved.
const UNMOVED: &str = "UPDATE background_migrations SET finished_at = NULL, state = '{}' \
    WHERE name = '20241024_1730_migrate_traces_from_pg_to_ch'";

/// Waits, for a minute at most, until what version 2 had kept is moved.
const MOVED: &str = "DO $$ BEGIN FOR look IN 1..600 LOOP \
    EXIT WHEN NOT EXISTS (SELECT FROM background_migrations WHERE name LIKE '20241024%' AND finished_at IS NULL); \
    PERFORM pg_sleep(0.1); END LOOP; END $$";

/// How PostgreSQL stands.
#[derive(Debug, PartialEq, Eq)]
struct Standing {
    /// Tables that version 4 drops.
    legacy: i64,
    /// Migrations that were begun and never ended.
    unended: i64,
    /// Migrations in the background that are not done, those that sleep aside.
    open: i64,
}

impl Standing {
    fn of(stage: &Stage) -> Self {
        const QUERY: &str = "SELECT \
            (SELECT count(*) FROM pg_class WHERE relname IN ('traces', 'observations', 'scores') AND relkind = 'r'), \
            (SELECT count(*) FROM _prisma_migrations WHERE finished_at IS NULL), \
            (SELECT count(*) FROM background_migrations WHERE finished_at IS NULL AND args->>'envGate' IS NULL)";
        let url = stage.env("DATABASE_URL");
        let row =
            block_on(async { dial(&url).await.unwrap().query_one(QUERY, &[]).await.unwrap() });
        Self { legacy: row.get(0), unended: row.get(1), open: row.get(2) }
    }

    const WHOLE: Self = Self { legacy: 3, unended: 0, open: 0 };
}

/// Both services serve this version, by its digest.
#[track_caller]
fn serves(stage: &Stage, version: &str) {
    let status = stage.status();
    for name in ["langfuse-web", "langfuse-worker"] {
        let service = status.service(name).unwrap();
        assert!(service.serving && service.status == "SUCCESS", "{service:?}");
        let image = service.image.as_ref().unwrap();
        assert!(image.contains(&format!(":{version}@sha256:")), "{image}");
    }
}

#[test]
fn langfuse_is_upgraded_the_web_service_first_and_goes_back_and_never_drops_what_was_not_moved() {
    let stage = Stage::up(&STACK);
    // A new worker first moves what version 2 kept; until then no later version 3 is planned.
    let url = stage.env("DATABASE_URL");
    block_on(async { dial(&url).await.unwrap().batch_execute(MOVED).await.unwrap() });
    let plan = stage.lockstep(&["plan", "langfuse@3.225.4", "-e", "lab"]).expect(0);
    plan.says("Railway ends a web service that takes longer than it waits");

    stage.lockstep(&[APPLY.as_slice(), &["--until", "soak"]].concat()).expect(10);
    serves(&stage, "3.225.4");
    assert_eq!(
        Standing::of(&stage),
        Standing::WHOLE,
        "what goes on in the background was waited for"
    );

    stage.lockstep(&["rollback", &stage.run(), "--yes"]).expect(11);
    serves(&stage, "3.50.0");
    assert_eq!(Standing::of(&stage), Standing::WHOLE);

    stage.lockstep(&APPLY).expect(0).says("is done");
    serves(&stage, "3.225.4");
    stage.lockstep(&APPLY).expect(0).says("Nothing to do");

    block_on(async { dial(&url).await.unwrap().batch_execute(UNMOVED).await.unwrap() });
    let before = stage.mutations().len();
    let four = ["apply", "langfuse@4.16.0", "-e", "lab", "--yes"];
    stage
        .lockstep(&four)
        .expect(3)
        .says("what version 2 kept is still being moved: version 4 would drop the rest of it, for good")
        .says("drop_legacy_tracing_tables");
    assert_eq!(stage.mutations().len(), before, "nothing was sent");
    assert_eq!(Standing::of(&stage), Standing { open: 1, ..Standing::WHOLE });
}

#[test]
fn version_2_becomes_version_3_with_everything_that_it_needs_and_never_version_4() {
    let stage = Stage::up(&[
        "--stack",
        "langfuse-2.95",
        "--only",
        "postgres",
        "--only",
        "litellm",
        "--only",
        "langfuse-web",
    ]);
    let url = stage.env("DATABASE_URL");
    block_on(async { dial(&url).await.unwrap().batch_execute(KEPT).await.unwrap() });
    let four = stage.lockstep(&["apply", "langfuse@4.16.0", "-e", "lab", "--yes"]).expect(3);
    four.says("version 4 drops the tables in which version 2 keeps its traces")
        .says("plan `langfuse@3.29.0` first");
    let there = || {
        let status = stage.status();
        ["clickhouse", "redis", "minio", "langfuse-worker"]
            .map(|name| status.service(name).is_some_and(|it| it.serving))
    };
    assert_eq!(there(), [false; 4], "nothing was made");

    stage.lockstep(&["apply", "langfuse", "-e", "lab", "--yes"]).expect(0).says("is done");
    serves(&stage, "3.29.0");
    assert_eq!(there(), [true; 4]);
    assert_eq!(Standing::of(&stage), Standing::WHOLE, "what version 2 kept was moved");
}
