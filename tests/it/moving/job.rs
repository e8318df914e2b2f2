//! PostgreSQL to a cluster by the job, with everybody stopped, and back; and a job that says that all is well and copied nothing.

use lockstep_lab::{Control, Fault};
use lockstep_tests::writers::write;
use lockstep_tests::{block_on, dial};
use serde_json::{Value, json};

use super::canaries::{are_all_in, is_whole};
use super::failover::CANARIES;
use super::{Move, SERVICES};
use crate::far_side::graphql;

const APPLY: [&str; 5] = ["apply", "postgres-ha", "-e", "lab", "--yes"];

/// How many rows are written at a time.
const ROWS: i64 = 500;

/// The service of the job.
const JOB: &str = "pg-migrate-ha";

/// The volumes of the environment, and the service that each is mounted to.
const VOLUMES: &str = "query($e: String!) { environment(id: $e) { volumeInstances(first: 50) \
    { edges { node { id serviceId volume { name } } } } } }";

/// The backups of a volume.
const BACKUPS: &str =
    "query($v: String!) { volumeInstanceBackupList(volumeInstanceId: $v) { name expiresAt } }";

impl Move {
    /// Lets the plugin take the path with the job.
    fn by_job() -> Self {
        Self::by_job_with("")
    }

    /// The same with more options.
    fn by_job_with(options: &str) -> Self {
        let it = Self::begin();
        let table = "[environments.lab.options.postgres-ha]\npath = \"job\"\nsoak-hours = \"0\"";
        let toml = format!("version = 1\n{table}\n{options}");
        std::fs::write(it.stage.folder().join("lockstep.toml"), toml).unwrap();
        it
    }

    /// The old server's volume is mounted to nothing, and what the run backed up of it is there and does not expire.
    #[track_caller]
    fn kept_the_old_volume(&self) {
        let environment = self.stage.env("RAILWAY_ENVIRONMENT_ID");
        let volumes = graphql(&self.stage, VOLUMES, &json!({ "e": environment }));
        let all = volumes["data"]["environment"]["volumeInstances"]["edges"].as_array().unwrap();
        let is_old = |edge: &&Value| edge["node"]["volume"]["name"] == "postgres-volume";
        let volume = &all.iter().find(is_old).unwrap_or_else(|| panic!("{volumes}"))["node"];
        assert_eq!(volume["serviceId"], Value::Null);
        let listed = graphql(&self.stage, BACKUPS, &json!({ "v": volume["id"] }));
        let backups = listed["data"]["volumeInstanceBackupList"].as_array().unwrap();
        for label in ["backup", "last-backup"] {
            let name = format!("lockstep-{}-{label}", self.stage.run());
            let kept = backups.iter().find(|backup| backup["name"] == name.as_str());
            assert_eq!(kept.unwrap_or_else(|| panic!("{listed}"))["expiresAt"], Value::Null);
        }
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
fn canaries_are_restored_by_the_job_with_everything_else_and_come_home() {
    let it = Move::by_job_with(CANARIES);
    let apply = [APPLY.as_slice(), &["--until", "prove", "--json"]].concat();
    let moved = it.stage.lockstep(&apply).expect(10).json();
    let before = is_whole(&moved);
    are_all_in(&moved, &it.new);
    let back = it.stage.lockstep(&["rollback", "--yes", "--json"]).expect(11).json();
    assert!(is_whole(&back) > before, "they go on at the old server: {back}");
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
fn at_the_end_the_services_of_the_old_server_and_of_the_job_are_gone_and_the_old_volume_is_not() {
    let it = Move::by_job_with("remove-old = \"true\"\nstopped-hours = \"0\"\n");
    let before = write(&it.old, 1, ROWS);
    it.stage.lockstep(&APPLY).expect(0);
    let status = it.stage.status();
    for gone in [JOB, "postgres"] {
        assert!(status.service(gone).is_none(), "{status:?}");
    }
    for service in SERVICES.into_iter().filter(|service| *service != "postgres") {
        assert!(status.service(service).unwrap().serving, "{service}");
    }
    it.kept_the_old_volume();
    before.is_all_in(&it.new);
    write(&it.new, 2, ROWS).is_all_in(&it.new);
    let left = "SELECT (SELECT count(*) FROM pg_replication_slots WHERE slot_name LIKE 'lockstep%') \
        + (SELECT count(*) FROM pg_publication WHERE pubname LIKE 'lockstep%')";
    assert_eq!(count(&it.new, left), 0);
}
