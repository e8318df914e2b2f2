//! The errors of the old guide that concern PostgreSQL, one test each, and what a plan does instead.

use lockstep_sdk::testing::{Tested, failed, finding, ids, moved, pending, step};
use lockstep_sdk::{Failure, Gate, Observation, Undo};

use super::checks::copied;
use super::cut::switched;
use super::given::{JOB, kept, kept_with, planned, planned_with};
use super::sql::RECEIVERS;
use super::stack::{Stack, target};
use crate::describe::description;
use crate::names::{FRONT, JOB_RUN};

#[test]
fn error_2_two_counts_of_tables_that_do_not_exist_verify_nothing() {
    let (_, declared) = planned(&Stack::healthy());
    assert_eq!(declared.line("verify-rows"), "compare postgres cluster Scope::Rows None []");
    assert_eq!(declared.line("verify-schema"), "compare postgres cluster Scope::Schema None []");
    let frozen = "compare postgres cluster Scope::Everything Some(\"snapshots\")";
    assert!(declared.line("compare").starts_with(frozen), "and once more as of the cut");
    let mut stack = copied().began("verify-schema");
    stack.broke("verify-rows", Failure::permanently("sql:differs", "1 tables differ"));
    failed(&kept(&Stack::healthy()).check(&stack, "verify"), "1 tables differ");
}

#[test]
fn error_3_nobody_writes_to_the_old_server_between_the_copy_and_the_switch() {
    let (draft, declared) = planned(&Stack::healthy());
    let order = ids(&draft.steps);
    let at = |id: &str| order.iter().position(|step| *step == id).unwrap();
    assert!(at("copy") < at("hold") && at("hold") < at("drain") && at("drain") < at("references"));
    assert!(declared.line("hold").starts_with("hold-writes postgres public "));
    // By the job nobody may write from before it runs: everybody is stopped, and the server takes no writes.
    let (draft, _) = planned_with(&Stack::healthy(), JOB);
    let order = ids(&draft.steps);
    let at = |id: &str| order.iter().position(|step| *step == id).unwrap();
    assert!(at("halt") < at("seal") && at("seal") < at(JOB_RUN) && at(JOB_RUN) < at("verify"));
}

#[test]
fn error_4_tables_without_a_key_are_identified_before_they_are_published() {
    let mut stack = Stack::healthy();
    stack.databases.anonymous = vec![("media", "d", Some("media_key"))];
    let (draft, declared) = planned(&stack);
    let order = ids(&draft.steps);
    let at = |id: &str| order.iter().position(|step| *step == id).unwrap();
    assert!(at("identity") < at("copy"));
    assert!(declared.line("identity").contains("\"media\" REPLICA IDENTITY USING"));
    // And what the job of the guide says of itself is no proof.
    let job = kept_with(&Stack::healthy(), JOB);
    let mut stack = Stack::healthy();
    stack.broke("compare", Failure::permanently("sql:differs", "3 tables differ"));
    failed(&job.check(&stack, "verify"), "3 tables differ");
}

#[test]
fn error_5_the_node_that_leads_is_found_and_not_assumed() {
    let (_, declared) = planned(&Stack::healthy());
    assert!(declared.line("copy-sub").contains("<postgres seen by pg-0>"));
    let mut stack = Stack::healthy();
    stack.databases.new.set(RECEIVERS, 1_u64);
    let (draft, declared) = stack.drafted(&target(&[]));
    assert!(finding(&draft, "primary").refuses() && declared.labels().is_empty());
}

#[test]
fn error_6_going_back_loses_nothing_that_was_written_since() {
    let (draft, declared) = planned(&Stack::healthy());
    assert!(declared.line("arm-back-sub").starts_with("alone postgres CREATE SUBSCRIPTION"));
    let Undo::Steps(order) = &step(&draft.steps, "references").undo else { panic!() };
    let at = |id: &str| order.iter().position(|step| step == id).unwrap();
    assert!(at("seal-new") < at("drain-back") && at("drain-back") < at("sequences-back"));
    assert!(at("sequences-back") < at("references-back"), "rows go home before anybody does");
    let mut lost = switched();
    lost.databases.links.clear();
    let found = kept(&Stack::healthy()).observe(&lost, "seal-new");
    moved(&found, "would lose");
}

#[test]
fn error_7_pgpool_has_room_reads_where_it_writes_and_is_never_told_to_terminate_a_session() {
    let mut stack = Stack::healthy();
    stack.databases.clients = 40;
    stack.databases.new.set(super::sql::CONNECTIONS, 200_u64);
    let (_, declared) = planned(&stack);
    let settings = declared.line("pool-settings");
    assert!(settings.contains("(\"PGPOOL_NUM_INIT_CHILDREN\", \"128\")"), "{settings}");
    assert!(settings.contains("(\"PGPOOL_ENABLE_LOAD_BALANCING\", \"no\")"), "{settings}");
    // Sessions are ended at the node itself: a server behind PgPool would be taken for one that failed.
    for line in declared.lines().iter().filter(|line| line.contains("pg_terminate_backend")) {
        let (_, sent) = line.split_once(": ").unwrap();
        assert!(
            ["transaction cluster ", "transaction postgres "].iter().any(|to| sent.starts_with(to)),
            "{line}"
        );
    }
    let requests = description().requests;
    let front = requests.iter().filter(|it| it.capability == "sql" && it.name == FRONT);
    assert!(front.map(|it| it.access.as_str()).eq(["read"]));
}

#[test]
fn error_24_the_old_server_is_not_deleted_while_anybody_could_need_it() {
    let (draft, _) = planned_with(&Stack::healthy(), &[("remove-old", "true")]);
    let order = ids(&draft.steps);
    let end = ["soak", "finalize", "close", "retire", "last-backup", "remove"];
    assert_eq!(order[order.len() - 6..], end);
    assert!(matches!(step(&draft.steps, "remove").gates.as_slice(), [Gate::Approval(_)]));
    let given = kept(&Stack::healthy());
    // The link back still holds on to it.
    failed(&given.check(&switched(), "finalize"), "lockstep_rev");
    // Somebody is still connected to it.
    let mut stray = switched();
    stray.databases.standing.insert("postgres", (true, 0, 0, 1));
    moved(&given.observe(&stray, "retire"), "1 client sessions");
    pending(&given.check(&stray, "prove"), "prisma from 10.0.0.1");
    assert!(matches!(given.observe(&switched(), "retire"), Observation::Ready(_)));
}
