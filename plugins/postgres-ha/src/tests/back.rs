//! The way back after the switch: its order, and what each of its steps demands.

use lockstep_sdk::testing::{failed, moved, pending, step, waits};
use lockstep_sdk::{Fact, Failure, Observation, Progress, Undo};

use super::cut::switched;
use super::given::{kept, planned};
use super::sql::Linked;
use super::stack::Stack;
use crate::check::check;

const BACK: (&str, &str) = ("lockstep_rev", "cluster");

#[test]
fn what_was_written_goes_home_before_anybody_does() {
    let (draft, declared) = planned(&Stack::healthy());
    let Undo::Steps(order) = &step(&draft.steps, "references").undo else { panic!() };
    assert_eq!(
        order,
        &[
            "rearm",
            "seal-new",
            "drain-back",
            "sequences-back",
            "snapshots-back",
            "unseal-old",
            "references-back",
            "return-litellm",
            "return-langfuse-web",
            "return-langfuse-worker",
            "return-backup-service",
            "return-health-monitor",
            "compare-back",
        ]
    );
    assert!(declared.line("seal-new").starts_with("transaction cluster ALTER DATABASE"));
    assert!(declared.line("end-new").starts_with("transaction cluster DO"));
    assert_eq!(declared.line("sequences-back"), "copy-sequences cluster postgres 0");
    assert!(
        declared
            .line("unseal-old")
            .contains("transaction postgres ALTER DATABASE \"litellm_langfuse\" RESET")
    );
    assert_eq!(
        declared.line("compare-back"),
        "compare cluster postgres Scope::Everything Some(\"snapshots-back\") []"
    );
}

#[test]
fn it_begins_with_the_first_reference_and_a_service_returns_only_if_it_was_deployed() {
    let (draft, _) = planned(&Stack::healthy());
    for id in ["seal-new", "sequences-back", "snapshots-back", "unseal-old", "compare-back"] {
        let step = step(&draft.undo, id);
        assert!(
            step.reverses.iter().all(|(_, theirs)| theirs == "refer-litellm"),
            "{:?}",
            step.reverses
        );
        assert_eq!(step.reverses.len(), step.effects.len());
    }
    let returns = step(&draft.undo, "return-langfuse-worker");
    let pair = ("return-langfuse-worker".to_owned(), "deploy-langfuse-worker".to_owned());
    assert_eq!(returns.reverses, [pair]);
    let given = kept(&Stack::healthy());
    let mut stack = switched();
    stack.effects.remove("deploy-langfuse-worker");
    assert!(matches!(given.check(&stack, "return-langfuse-worker"), Progress::Done(_)));
    pending(&given.check(&stack, "return-litellm"), "not listed yet");
    stack.deployed("return-litellm");
    assert!(matches!(given.check(&stack, "return-litellm"), Progress::Done(_)));
}

#[test]
fn the_old_server_is_copied_anew_only_where_the_link_is_lost_and_a_person_goes_on() {
    let mut given = kept(&Stack::healthy());
    let stack = switched();
    let found = given.observe(&stack, "rearm");
    assert!(matches!(found, Observation::NothingToDo(_)), "{found:?}");
    let mut pauses = stack.clone();
    pauses.databases.links.insert(BACK, Linked { running: 0, ..Linked::runs() });
    waits(&given.observe(&pauses, "rearm"), "does not run");
    moved(&given.observed(&pauses, "rearm"), "going back would lose it");
    let mut lost = stack.clone();
    lost.databases.links.insert(BACK, Linked { slot: None, ..Linked::runs() });
    moved(&given.observe(&lost, "rearm"), "the slot `lockstep_rev` at `cluster` is gone");

    let Observation::Moved(said) = given.observe(&lost, "rearm") else { panic!() };
    given.facts.push(Fact::one("accepted", "somebody else deployed"));
    moved(&given.observe(&lost, "rearm"), "going back would lose it");
    given.facts.push(Fact::one("accepted", said));
    assert!(matches!(given.observe(&lost, "rearm"), Observation::Ready(_)));
    let mut in_use = lost.clone();
    in_use.databases.standing.insert("postgres", (true, 0, 0, 1));
    moved(&given.observe(&in_use, "rearm"), "1 client sessions");
    let mut open = lost.clone();
    open.databases.standing.insert("postgres", (false, 0, 0, 0));
    moved(&given.observe(&open, "rearm"), "not sealed");
    if let Ok(nodes) = &mut lost.databases.front {
        nodes[0][1] = "down";
    }
    moved(&given.observe(&lost, "rearm"), "0 primaries");
}

#[test]
fn the_old_server_is_emptied_only_when_its_volume_is_backed_up_and_filled_with_every_table() {
    let (draft, declared) = planned(&Stack::healthy());
    let rearm = step(&draft.undo, "rearm");
    let labels = [
        "rearm-off",
        "rearm-slot",
        "rearm-pub",
        "rearm-backup",
        "rearm-backup-lock",
        "rearm-empty",
        "rearm-back-pub",
        "rearm-back-sub",
    ];
    assert_eq!(rearm.effects, labels);
    assert!(rearm.reverses.iter().all(|(_, theirs)| theirs == "refer-litellm"));
    assert!(declared.line("rearm-empty").starts_with("transaction postgres SET LOCAL"));
    let published = declared.line("rearm-back-pub");
    let tables = published.split_once(" FOR TABLE ").unwrap().1;
    assert!(declared.line("rearm-empty").ends_with(&format!("TRUNCATE {tables}")));
    let link = declared.line("rearm-back-sub");
    assert!(link.contains("PUBLICATION lockstep_rev WITH (copy_data = true"), "{link}");
}

#[test]
fn the_old_server_is_copied_anew_when_it_has_every_table_and_follows() {
    let given = kept(&Stack::healthy());
    let mut stack = switched();
    stack.databases.copied = (3, 4);
    pending(&given.check(&stack, "rearm"), "3 of 4 tables are copied back");
    stack.databases.copied = (4, 4);
    assert!(matches!(given.check(&stack, "rearm"), Progress::Done(_)));
    stack.databases.links.insert(BACK, Linked { slot: Some((true, 2 << 20)), ..Linked::runs() });
    pending(&given.check(&stack, "rearm"), "bytes behind");
    stack.databases.links.insert(BACK, Linked { slot: Some((false, 0)), ..Linked::runs() });
    pending(&given.check(&stack, "rearm"), "does not run");
    stack.databases.links.insert(BACK, Linked { slot: None, ..Linked::runs() });
    assert!(matches!(given.check(&stack, "rearm"), Progress::Again(_)), "a failover once more");
}

#[test]
fn the_new_side_is_not_sealed_where_that_would_lose_rows_or_the_primary() {
    let given = kept(&Stack::healthy());
    let stack = switched();
    assert!(matches!(given.observe(&stack, "seal-new"), Observation::Ready(_)));
    let mut lost = stack.clone();
    lost.databases.links.clear();
    moved(&given.observe(&lost, "seal-new"), "would lose it");
    let mut dropping = stack.clone();
    dropping.databases.front_settings[1].1 = "on";
    moved(&given.observe(&dropping, "seal-new"), "drop the primary");
    let mut silent = stack;
    silent.databases.front = Err(Failure::transiently("sql:connection", "refused"));
    waits(&given.observe(&silent, "seal-new"), "refused");
}

#[test]
fn the_new_side_has_ended_when_no_session_there_is_older_than_its_seal() {
    let given = kept(&Stack::healthy());
    let mut stack = switched();
    failed(&given.check(&stack, "seal-new"), "not sealed");
    stack.databases.standing.insert("cluster", (true, 1, 0, 3));
    assert!(matches!(given.checked(&stack, "seal-new"), Progress::Again(_)));
    stack.databases.standing.insert("cluster", (true, 0, 0, 3));
    assert!(matches!(given.checked(&stack, "seal-new"), Progress::Done(_)));
    stack.databases.links.insert(BACK, Linked { confirmed: false, ..Linked::runs() });
    waits(&given.observe(&stack, "drain-back"), "the last of what was written");
    stack.databases.links.insert(BACK, Linked::runs());
    assert!(matches!(given.observe(&stack, "drain-back"), Observation::Ready(_)));
}

#[test]
fn the_old_side_is_open_when_no_session_is_left_that_began_under_the_seal() {
    let given = kept(&Stack::healthy());
    let mut stack = switched();
    for step in ["unseal", "unseal-old"] {
        stack.databases.standing.insert("postgres", (true, 0, 0, 1));
        failed(&given.check(&stack, step), "still sealed");
        stack.databases.standing.insert("postgres", (false, 0, 2, 3));
        pending(&given.check(&stack, step), "2 sessions");
        assert!(matches!(given.checked(&stack, step), Progress::Again(_)));
        stack.databases.standing.insert("postgres", (false, 0, 0, 3));
        assert!(matches!(given.checked(&stack, step), Progress::Done(_)));
    }
}

#[test]
fn every_way_back_before_the_switch_takes_away_what_its_step_made() {
    let (draft, declared) = planned(&Stack::healthy());
    let reversed = |id: &str| -> Vec<(String, String)> { step(&draft.undo, id).reverses.clone() };
    let pair = |one: &str, two: &str| (one.to_owned(), two.to_owned());
    assert_eq!(
        reversed("copy-undo"),
        [
            pair("copy-undo-off", "copy-sub"),
            pair("copy-undo-slot", "copy-sub"),
            pair("copy-undo-pub", "copy-pub"),
            pair("copy-undo-seal", "seal"),
        ]
    );
    assert_eq!(
        reversed("arm-undo"),
        [
            pair("arm-undo-off", "arm-back-sub"),
            pair("arm-undo-slot", "arm-back-sub"),
            pair("arm-undo-pub", "arm-back-sub"),
        ]
    );
    assert!(declared.line("copy-undo-off").contains("transaction cluster DO $$ BEGIN IF EXISTS"));
    assert!(declared.line("copy-undo-slot").contains("LIKE 'pg\\_%\\_sync\\_%\\_222'"));
    assert!(declared.line("arm-undo-slot").contains("transaction cluster"));
    assert!(declared.line("arm-undo-slot").contains("_111'"));
    assert!(
        declared
            .line("database-undo")
            .contains("DROP DATABASE IF EXISTS \"litellm_langfuse\" WITH (FORCE)")
    );
}

#[test]
fn a_pgpool_that_leads_nowhere_when_it_is_back_is_started_anew_and_given_up_in_the_end() {
    let given = kept(&Stack::healthy());
    let mut stack = Stack::healthy();
    assert!(matches!(given.check(&stack, "pool-undo"), Progress::Done(_)), "nothing was deployed");
    stack = stack.began("start-pg-0");
    stack.deployed("start-again-pgpool");
    pending(&given.check(&stack, "pool-undo"), "PgPool leads nowhere yet");
    let Progress::Again(why) = given.checked(&stack, "pool-undo") else { panic!() };
    assert!(why.contains("started anew"), "{why}");
    let mut call = given.call("pool-undo");
    call.round = 3;
    let memo = [Fact::one("looks", 30_u64)];
    let last = check(&stack, &call, &memo).unwrap();
    assert!(matches!(&last, Progress::Done(facts) if facts[0].name == "attention"), "{last:?}");
    stack.databases.fronted();
    assert!(matches!(given.check(&stack, "pool-undo"), Progress::Done(facts) if facts.is_empty()));
}
