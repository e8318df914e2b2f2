//! PostgreSQL to a cluster by the job, with everybody stopped, and back; and a job that says that all is well and copied nothing.

use lockstep_lab::{Control, Fault};
use lockstep_tests::writers::write;
use lockstep_tests::{block_on, dial};

use super::{Move, SERVICES};

const APPLY: [&str; 5] = ["apply", "postgres-ha", "-e", "lab", "--yes"];

/// How many rows are written at a time.
const ROWS: i64 = 500;

/// The service of the job.
const JOB: &str = "pg-migrate-ha";

impl Move {
    /// Lets the plugin take the path with the job.
    fn by_job() -> Self {
        let it = Self::begin();
        let toml = "version = 1\n[environments.lab.options.postgres-ha]\npath = \"job\"\nsoak-hours = \"0\"\n";
        std::fs::write(it.stage.folder().join("lockstep.toml"), toml).unwrap();
        it
    }

    /// Every service serves, and that of the job is as it should be.
    #[track_caller]
    fn is_up(&self, has_job: bool) {
        let status = self.stage.status();
        for service in SERVICES {
            let found = status.service(service).unwrap();
            assert!(found.serving && found.status == "SUCCESS", "{found:?}");
        }
        assert_eq!(status.service(JOB).is_some(), has_job);
    }
}

fn count(url: &str, query: &str) -> i64 {
    block_on(async { dial(url).await.unwrap().query_one(query, &[]).await.unwrap().get(0) })
}

#[test]
fn everybody_is_stopped_a_job_copies_every_row_and_what_is_written_afterwards_comes_home() {
    let it = Move::by_job();
    let before = write(&it.old, 1, ROWS);
    let moved = it.stage.lockstep(&[APPLY.as_slice(), &["--until", "prove"]].concat());
    moved.expect(10);
    it.is_up(true);
    before.is_all_in(&it.new);
    for (table, rows) in [("\"LiteLLM_SpendLogs\"", 30_000 + ROWS), ("media", 3_000)] {
        assert_eq!(count(&it.new, &format!("SELECT count(*) FROM {table}")), rows, "{table}");
    }
    let after = write(&it.new, 2, ROWS);
    it.old_is_sealed();

    let run = it.stage.run();
    it.stage.lockstep(&["rollback", &run, "--yes"]).expect(11);
    it.is_up(false);
    before.is_all_in(&it.old);
    after.is_all_in(&it.old);
    write(&it.old, 3, ROWS).is_all_in(&it.old);
}

#[test]
fn a_job_that_ends_well_without_a_copy_is_caught_and_everybody_is_back_on_the_old_server() {
    let it = Move::by_job();
    let before = write(&it.old, 1, ROWS);
    let unreachable = Fault::Unreachable { service: "postgres".to_owned(), from: JOB.to_owned() };
    it.stage.control(&Control::Break { fault: unreachable });
    let caught = it.stage.lockstep(&APPLY).expect(11);
    let why = "its log does not say that it restored `litellm_langfuse`, `postgres`";
    caught.says(why);
    it.is_up(false);
    before.is_all_in(&it.old);
    write(&it.old, 2, ROWS).is_all_in(&it.old);
    let (front, _) = it.new.rsplit_once('/').unwrap();
    let there = "SELECT count(*) FROM pg_database WHERE datname = 'litellm_langfuse'";
    assert_eq!(count(&format!("{front}/postgres"), there), 0, "nothing is left at the cluster");
}

#[test]
fn a_row_that_is_missing_where_the_job_says_that_it_restored_all_is_found_before_anybody_starts() {
    let it = Move::by_job();
    let before = write(&it.old, 1, ROWS);
    it.stage.lockstep(&[APPLY.as_slice(), &["--until", "job-run"]].concat()).expect(10);
    let lost = "DELETE FROM media WHERE id = 'm7'";
    let lost = block_on(async { dial(&it.new).await.unwrap().execute(lost, &[]).await.unwrap() });
    assert_eq!(lost, 1);
    let run = it.stage.run();
    it.stage.lockstep(&["resume", &run, "--yes"]).expect(11).says("media");
    it.is_up(false);
    before.is_all_in(&it.old);
    assert_eq!(count(&it.old, "SELECT count(*) FROM media"), 3_000);
}

#[test]
fn at_the_end_the_old_server_is_stopped_and_the_service_of_the_job_is_gone() {
    let it = Move::by_job();
    let before = write(&it.old, 1, ROWS);
    it.stage.lockstep(&APPLY).expect(0);
    let status = it.stage.status();
    assert!(status.service(JOB).is_none(), "{status:?}");
    for service in SERVICES {
        assert_eq!(status.service(service).unwrap().serving, service != "postgres", "{service}");
    }
    before.is_all_in(&it.new);
    write(&it.new, 2, ROWS).is_all_in(&it.new);
    let left = "SELECT (SELECT count(*) FROM pg_replication_slots WHERE slot_name LIKE 'lockstep%') \
        + (SELECT count(*) FROM pg_publication WHERE pubname LIKE 'lockstep%')";
    assert_eq!(count(&it.new, left), 0);
}
