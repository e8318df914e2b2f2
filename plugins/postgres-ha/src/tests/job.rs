//! The path on which everybody is stopped and a job dumps and restores.

use lockstep_sdk::testing::{Given, deployment, digest, failed, ids, moved, pending, step, waits};
use lockstep_sdk::{DeploymentStatus, Fact, Failure, Gate, Observation, Progress, Undo, Value};

use super::given::{JOB, kept_with, planned_with};
use super::sql::{Linked, VERSION, WAL_LEVEL, WORKERS};
use super::stack::Stack;
use crate::names::{HALT, JOB_MAKE, JOB_RUN};

const OLD_URL: &str = "${{postgres.DATABASE_URL}}";
const NODE_URL: &str = "postgresql://postgres:${{pgpool.PGPOOL_POSTGRES_PASSWORD}}@${{pg-0.RAILWAY_PRIVATE_DOMAIN}}:5432/litellm_langfuse";

const CLIENTS: [&str; 5] =
    ["litellm", "langfuse-web", "backup-service", "health-monitor", "langfuse-worker"];

/// A stack in whose run the database was made at the cluster and the job's service beside it.
fn prepared() -> Stack {
    let mut stack = Stack::healthy();
    stack.databases.present = true;
    stack.databases.fronted();
    for name in ["STANDALONE_URL", "PRIMARY_URL"] {
        stack.leads("pg-migrate-ha", name, "postgres.railway.internal");
    }
    for client in ["litellm", "langfuse-web", "langfuse-worker"] {
        stack.deployed(&format!("rehearse-{client}"));
    }
    stack
}

/// The same with everybody stopped and the job run, which says this.
pub(super) fn ran(logs: &[&'static str]) -> Stack {
    let mut stack = prepared();
    for client in CLIENTS {
        stack = stack.began(&format!("halt-{client}"));
        stack.deployments.insert(client.to_owned(), Vec::new());
    }
    stack.deployed(JOB_RUN);
    stack.made.get_mut(JOB_RUN).unwrap().status = DeploymentStatus::Stopped;
    stack.wrote(logs);
    stack
}

/// What the job's step is given: the databases that were there when it began.
fn given() -> Given {
    let mut given = kept_with(&Stack::healthy(), JOB);
    let rows = ["litellm_langfuse", "postgres"].map(|name| vec![Value::from(name)]);
    given.facts.push(Fact::table("databases", rows));
    given
}

#[test]
fn everybody_is_stopped_before_the_job_runs_and_nobody_starts_before_it_is_compared() {
    let (draft, declared) = planned_with(&Stack::healthy(), JOB);
    assert_eq!(
        ids(&draft.steps),
        [
            "keep",
            "pin",
            "grace",
            "freeze",
            "backup",
            "database",
            "pool",
            "link",
            "link-end",
            "job-make",
            "halt",
            "seal",
            "end-writers",
            "job-run",
            "analyze",
            "verify",
            "arm",
            "references",
            "deploy-litellm",
            "deploy-langfuse-web",
            "deploy-backup-service",
            "deploy-health-monitor",
            "deploy-langfuse-worker",
            "prove",
            "soak",
            "finalize",
            "close",
            "retire",
        ]
    );
    assert_eq!(step(&draft.steps, HALT).effects, CLIENTS.map(|client| format!("halt-{client}")));
    assert!(matches!(step(&draft.steps, HALT).gates.as_slice(), [Gate::Approval(_), Gate::Window]));
    assert_eq!(declared.line("halt-litellm"), "stop litellm");
    assert_eq!(
        declared.line(JOB_MAKE),
        format!(
            "create-built pg-migrate-ha railwayapp-templates/pg-migrate-ha \
             [(\"STANDALONE_URL\", \"{OLD_URL}\"), (\"PRIMARY_URL\", \"{NODE_URL}\")]"
        )
    );
    assert!(declared.line("job-settings").contains("(\"root-directory\", \"script\")"));
    assert_eq!(
        declared.line(JOB_RUN),
        "deploy-made pg-migrate-ha 2a538d4a41dc042eba0aec0ac13e99244afc2d86"
    );
    assert_eq!(
        declared.line("compare"),
        "compare postgres cluster Scope::Everything Some(\"snapshots\") []"
    );
    assert_eq!(step(&draft.steps, "verify").effects, ["snapshots", "compare"]);
    assert_eq!(step(&draft.steps, "arm").effects, ["back-pub", "arm-back-sub"]);
    assert_eq!(step(&draft.steps, "close").effects, ["job-delete"]);
    assert!(!declared.labels().iter().any(|label| label.contains("forth") || label == "hold"));
}

#[test]
fn a_server_that_is_only_to_follow_needs_no_other_log() {
    let mut stack = Stack::healthy();
    stack.databases.old.set(WAL_LEVEL, "replica");
    let (draft, _) = planned_with(&stack, JOB);
    assert!(!ids(&draft.steps).contains(&"logical-wal"));
    stack.databases.old.set(WORKERS, 0_u64);
    let (draft, _) = planned_with(&stack, JOB);
    assert_eq!(
        step(&draft.steps, "logical-wal").effects,
        ["set-max-logical-replication-workers", "restart"]
    );
    let mut given = kept_with(&stack, JOB);
    given.facts.push(Fact::one("started", "before"));
    assert!(matches!(given.check(&stack, "logical-wal"), Progress::Done(_)));
}

#[test]
fn the_way_back_starts_each_service_once_on_the_old_server() {
    let (draft, declared) = planned_with(&Stack::healthy(), JOB);
    let resumed = CLIENTS.map(|client| format!("resume-{client}"));
    assert_eq!(step(&draft.steps, HALT).undo, Undo::Steps(resumed.to_vec()));
    assert_eq!(declared.line("resume-litellm"), "deploy litellm");
    assert!(declared.line("resume-backup-service").contains("deploy-same"));
    let back = step(&draft.undo, "return-litellm");
    assert_eq!(back.reverses, [("return-litellm".to_owned(), "halt-litellm".to_owned())]);
    let given = given();
    let mut stack = ran(&[]);
    assert!(matches!(given.observe(&stack, "resume-litellm"), Observation::Ready(_)));
    pending(&given.check(&stack, "resume-litellm"), "not listed yet");
    pending(&given.check(&stack, "return-litellm"), "not listed yet");
    stack.deployments.insert("litellm".to_owned(), vec![deployment("d2", digest('a'))]);
    let found = given.observe(&stack, "resume-litellm");
    assert!(matches!(found, Observation::NothingToDo(_)), "{found:?}");
    stack.effects.remove("halt-litellm");
    assert!(matches!(given.check(&stack, "return-litellm"), Progress::Done(_)));
}

#[test]
fn what_the_job_left_is_taken_away_by_steps() {
    let (draft, declared) = planned_with(&Stack::healthy(), JOB);
    assert_eq!(step(&draft.steps, JOB_RUN).undo, Undo::Steps(vec!["job-stop".to_owned()]));
    assert_eq!(declared.line("job-stop"), "stop-made pg-migrate-ha");
    assert_eq!(step(&draft.steps, JOB_MAKE).undo, Undo::Restore);
    assert_eq!(step(&draft.steps, "database").undo, Undo::Steps(vec!["database-undo".to_owned()]));
    let seal = ["unseal", "forget-seal"].map(str::to_owned);
    assert_eq!(step(&draft.steps, "seal").undo, Undo::Steps(seal.to_vec()));
    assert!(declared.line("forget-seal").contains("RESET lockstep.sealed_at"));
    let mut stack = prepared();
    stack.deployments.insert("pg-migrate-ha".to_owned(), vec![deployment("j1", digest('c'))]);
    pending(&given().check(&stack, "job-stop"), "is up");
}

#[test]
fn a_url_that_the_job_can_not_take_apart_is_found_before_anybody_is_stopped() {
    let given = given();
    let mut stack = prepared();
    assert!(matches!(given.check(&stack, JOB_MAKE), Progress::Done(_)));
    stack.written("pg-migrate-ha.STANDALONE_URL", "raw");
    failed(&given.check(&stack, JOB_MAKE), "`STANDALONE_URL`");
    stack.written("pg-migrate-ha.STANDALONE_URL", "plain");
    stack.led("pg-migrate-ha.PRIMARY_URL").path = "/other".to_owned();
    failed(&given.check(&stack, JOB_MAKE), "another database");
    stack.destinations.remove("pg-migrate-ha.PRIMARY_URL");
    failed(&given.check(&stack, JOB_MAKE), "renders to nothing");
}

#[test]
fn nobody_is_stopped_when_somebody_else_was_at_work() {
    let given = given();
    let mut stack = prepared();
    stack.databases.links.clear();
    for client in ["litellm", "langfuse-web", "langfuse-worker"] {
        let own = stack.made[&format!("rehearse-{client}")].clone();
        stack.deployments.insert(client.to_owned(), vec![own]);
    }
    assert!(matches!(given.observe(&stack, HALT), Observation::Ready(_)), "it needs no link");
    let mut down = stack.clone();
    down.databases.front = Err(Failure::transiently("sql:connection", "refused"));
    waits(&given.observe(&down, HALT), "refused");
    stack.deployments.insert("litellm".to_owned(), vec![deployment("other", digest('a'))]);
    moved(&given.observe(&stack, HALT), "somebody else has deployed `litellm`");
}

#[test]
fn all_are_stopped_when_nothing_runs_and_nobody_is_connected() {
    let given = given();
    pending(&given.check(&prepared(), HALT), "`litellm` is up");
    let mut stack = ran(&[]);
    assert!(matches!(given.checked(&stack, HALT), Progress::Done(_)));
    stack.databases.standing.insert("postgres", (false, 0, 0, 1));
    pending(&given.check(&stack, HALT), "prisma from 10.0.0.1");
    failed(&given.checked(&stack, HALT), "still connected to the old server");
}

#[test]
fn the_job_begins_only_with_an_empty_database() {
    let given = given();
    let mut stack = prepared();
    let Observation::Ready(facts) = given.observe(&stack, JOB_RUN) else { panic!() };
    assert_eq!(facts[0].rows.len(), 2);
    stack.databases.restored = 1;
    moved(&given.observe(&stack, JOB_RUN), "can't be run twice");
}

#[test]
fn an_end_without_every_database_in_the_log_is_not_believed() {
    let given = given();
    let whole = [
        "[ OK ] Database litellm_langfuse restored successfully",
        "[ OK ] Database postgres restored successfully",
        "==== PostgreSQL Migration Completed ====",
    ];
    assert!(matches!(given.check(&ran(&whole), JOB_RUN), Progress::Done(_)));
    // This is what it says when it can't reach the old server.
    let nothing = ["[ OK ] Data sync completed successfully", whole[2]];
    pending(&given.check(&ran(&nothing), JOB_RUN), "does not say yet");
    failed(&given.checked(&ran(&nothing), JOB_RUN), "restored `litellm_langfuse`, `postgres`");
    failed(&given.checked(&ran(&whole[..1]), JOB_RUN), "restored `postgres`:");
    let mut crashed = ran(&["[ FATAL ] Failed to restore database litellm_langfuse"]);
    crashed.made.get_mut(JOB_RUN).unwrap().status = DeploymentStatus::Crashed;
    failed(&given.check(&crashed, JOB_RUN), "the job crashed. It said: [ FATAL ]");
    crashed.made.get_mut(JOB_RUN).unwrap().status = DeploymentStatus::Success;
    pending(&given.check(&crashed, JOB_RUN), "FATAL");
}

#[test]
fn its_word_is_nothing_against_the_comparison() {
    let given = given();
    let mut stack = ran(&[]);
    let differs = Failure::permanently("sql:differs", "1 tables differ");
    stack.broke("compare", differs);
    failed(&given.check(&stack, "verify"), "1 tables differ");
    stack = stack.began("compare");
    assert!(matches!(given.check(&stack, "verify"), Progress::Done(_)));
    stack.databases.links.insert(("lockstep_rev", "cluster"), Linked::runs());
    assert!(matches!(given.check(&stack, "arm"), Progress::Done(_)));
}

#[test]
fn the_end_is_reached_when_its_service_is_gone() {
    let given = given();
    let mut stack = ran(&[]);
    assert!(matches!(given.check(&stack, "close"), Progress::Done(_)));
    let mut job = stack.services[0].clone();
    job.name = "pg-migrate-ha".to_owned();
    stack.services.push(job);
    pending(&given.check(&stack, "close"), "still listed");
}

#[test]
fn what_the_job_breaks_on_is_refused() {
    #[track_caller]
    fn refused(change: impl FnOnce(&mut Stack), id: &str) {
        let mut stack = Stack::healthy();
        change(&mut stack);
        super::refusals::refused_with(&stack, JOB, id);
    }
    refused(|stack| stack.written("postgres.DATABASE_URL", "raw"), "job-url");
    // What the old server's own URL has escaped is referred to; a node's URL is put together from the password as it is.
    let mut escaped = Stack::healthy();
    escaped.written("postgres.DATABASE_URL", "escaped");
    planned_with(&escaped, JOB);
    refused(|stack| stack.escapes(), "job-url");
    refused(|stack| drop(stack.destinations.remove("postgres.DATABASE_URL")), "job-url");
    refused(
        |stack| {
            stack.databases.old.set(VERSION, 170_001_u64);
            stack.databases.new.set(VERSION, 170_001_u64);
        },
        "job-version",
    );
    refused(|stack| stack.databases.listed.push("other"), "job-databases");
    refused(|stack| stack.databases.listed.clear(), "job-databases");
    refused(
        |stack| {
            let mut job = stack.services[0].clone();
            job.name = "pg-migrate-ha".to_owned();
            stack.services.push(job);
        },
        "job-service",
    );
    // On the other path none of it matters.
    let mut stack = Stack::healthy();
    stack.written("postgres.DATABASE_URL", "raw");
    stack.databases.listed.push("other");
    planned_with(&stack, &[]);
}
