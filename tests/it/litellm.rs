//! LiteLLM from one version to another beside Langfuse, on a database that both share, and back.

use lockstep_lab::{Control, Fault};
use lockstep_tests::{block_on, dial};

use crate::stage::Stage;

const STACK: [&str; 2] = ["--stack", "litellm-1.80"];
const APPLY: [&str; 5] = ["apply", "litellm@1.106.2", "-e", "lab", "--yes"];

/// The services that migrate the copy and the database.
const JOBS: [&str; 2] = ["litellm-rehearsal", "litellm-migration"];

/// A key that somebody uses, and what it has cost so far.
const USED: &str = "INSERT INTO \"LiteLLM_VerificationToken\" (token) VALUES ('somebodys'); \
    INSERT INTO \"LiteLLM_SpendLogs\" (request_id, call_type, api_key, spend, \"startTime\", \"endTime\") \
    SELECT 'r' || n, 'acompletion', 'somebodys', n / 7.0, now(), now() FROM generate_series(1, 200) n";

/// How the database stands.
#[derive(Debug, PartialEq, Eq)]
struct Standing {
    /// Migrations of the history that ended.
    migrations: i64,
    /// Whether what only the new version knows is there.
    is_new: bool,
    /// Whether Langfuse's table is there.
    has_langfuse: bool,
    /// Keys, and rows that they have cost.
    keys: i64,
    spend: i64,
    /// Databases and schemas that a run makes and takes away.
    leftovers: i64,
}

impl Standing {
    fn of(stage: &Stage) -> Self {
        const QUERY: &str = "SELECT (SELECT count(*) FROM _prisma_migrations WHERE finished_at IS NOT NULL), \
            to_regclass('\"LiteLLM_LabAgents\"') IS NOT NULL, to_regclass('lab_langfuse_events') IS NOT NULL, \
            (SELECT count(*) FROM \"LiteLLM_VerificationToken\"), \
            (SELECT count(*) FROM \"LiteLLM_SpendLogs\" WHERE api_key = 'somebodys'), \
            (SELECT count(*) FROM pg_database WHERE datname = 'lockstep_rehearsal') \
              + (SELECT count(*) FROM pg_namespace WHERE nspname = 'lockstep_litellm')";
        let url = stage.env("DATABASE_URL");
        let row =
            block_on(async { dial(&url).await.unwrap().query_one(QUERY, &[]).await.unwrap() });
        Self {
            migrations: row.get(0),
            is_new: row.get(1),
            has_langfuse: row.get(2),
            keys: row.get(3),
            spend: row.get(4),
            leftovers: row.get(5),
        }
    }

    /// The database of 1.80.0 with what is used of it.
    const OLD: Self = Self {
        migrations: 1,
        is_new: false,
        has_langfuse: true,
        keys: 1,
        spend: 200,
        leftovers: 0,
    };
}

fn stage() -> Stage {
    let stage = Stage::up(&STACK);
    let url = stage.env("DATABASE_URL");
    block_on(async { dial(&url).await.unwrap().batch_execute(USED).await.unwrap() });
    assert_eq!(Standing::of(&stage), Standing::OLD);
    stage
}

/// The proxy serves this version, and these are the services that migrate.
#[track_caller]
fn serves(stage: &Stage, version: &str, jobs: &[&str]) {
    let status = stage.status();
    let proxy = status.service("litellm").unwrap();
    assert!(proxy.serving && proxy.status == "SUCCESS", "{proxy:?}");
    let image = proxy.image.as_ref().unwrap();
    assert!(image.contains(&format!("main-v{version}-stable@sha256:")), "{image}");
    let there: Vec<&str> = JOBS.into_iter().filter(|job| status.service(job).is_some()).collect();
    assert_eq!(there, jobs);
}

#[test]
fn litellm_is_upgraded_beside_langfuse_and_goes_back_with_every_key_and_every_row_of_spend() {
    let stage = stage();
    let plan = stage.lockstep(&["plan", "litellm@1.106.2", "-e", "lab"]).expect(0);
    let plan = plan
        .says("4 releases in between, of which 2 speak of what breaks")
        .says("1.106.2: - **Breaking**: the callback `lab` is removed")
        .says("2 tables: lab_langfuse_events; lab_litellm_requests");
    assert!(!plan.err.contains("1.107.0"), "drafts and candidates are no releases:\n{}", plan.err);

    stage.lockstep(&[APPLY.as_slice(), &["--until", "soak"]].concat()).expect(10);
    serves(&stage, "1.106.2", &JOBS);
    let new = Standing { migrations: 2, is_new: true, leftovers: 1, ..Standing::OLD };
    assert_eq!(Standing::of(&stage), new, "the notes about the history are kept for the way back");

    stage.lockstep(&["rollback", &stage.run(), "--yes"]).expect(11);
    serves(&stage, "1.80.0", &[]);
    // What the migration added is no harm to the former version, and taking it away could be.
    assert_eq!(Standing::of(&stage), Standing { is_new: true, ..Standing::OLD });

    stage.lockstep(&APPLY).expect(0).says("is done");
    serves(&stage, "1.106.2", &[]);
    assert_eq!(Standing::of(&stage), Standing { migrations: 2, is_new: true, ..Standing::OLD });
    stage.lockstep(&APPLY).expect(0).says("Nothing to do");
}

#[test]
fn a_migration_that_would_drop_langfuses_table_is_caught_on_the_copy_and_never_run() {
    let stage = stage();
    stage.control(&Control::Break { fault: Fault::DropsForeign });
    let caught = stage.lockstep(&APPLY).expect(11);
    caught
        .says("the migration changes what is not LiteLLM's: table lab_langfuse_events is gone")
        .says("Nothing has been done to the database");
    serves(&stage, "1.80.0", &[]);
    assert_eq!(Standing::of(&stage), Standing::OLD);
    let named = |name: &str| stage.mutations().iter().filter(|it| it.name == name).count();
    assert_eq!(named("serviceCreate"), 1, "only the copy had a service that migrates");
    assert_eq!(named("volumeInstanceBackupCreate"), 0);
}
