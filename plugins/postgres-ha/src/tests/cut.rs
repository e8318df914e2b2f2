//! What the steps of the cut and of the switch find and demand.

use lockstep_sdk::testing::{failed, moved, pending};
use lockstep_sdk::{Fact, Observation, Progress};

use super::checks::copied;
use super::given::kept;
use super::sql::Linked;
use super::stack::Stack;
use crate::observe::observe;

const FORTH: (&str, &str) = ("lockstep_fwd", "postgres");
const BACK: (&str, &str) = ("lockstep_rev", "cluster");

/// The stack after the cut: everybody is at the cluster.
pub(super) fn switched() -> Stack {
    let mut stack = copied();
    stack.databases.links.clear();
    stack.databases.links.insert(BACK, Linked::runs());
    stack.databases.standing.insert("postgres", (true, 0, 0, 0));
    stack.databases.standing.insert("cluster", (false, 0, 0, 9));
    for client in ["litellm", "langfuse-web", "langfuse-worker", "backup-service", "health-monitor"]
    {
        stack.leads(client, "DATABASE_URL", "pgpool.railway.internal");
        stack.deployed(&format!("deploy-{client}"));
    }
    stack.began("compare")
}

#[test]
fn the_end_of_the_log_is_read_once_and_waited_for() {
    let given = kept(&Stack::healthy());
    let mut stack = copied();
    stack.databases.links.insert(FORTH, Linked { confirmed: false, ..Linked::runs() });
    let Observation::Wait(first) = given.observe(&stack, "drain") else { panic!() };
    assert!((10..=50).contains(&first.after), "{}", first.after);
    // What is written later is not waited for, and what was read first is not forgotten.
    stack.databases.positions = vec!["0/FF"];
    stack.databases.links.insert(FORTH, Linked::runs());
    let found = observe(&stack, &given.call("drain"), &first.memo).unwrap();
    assert_eq!(found, Observation::Ready(vec![Fact::one("position", "0/10")]));
    stack.databases.links.clear();
    assert!(
        observe(&stack, &given.call("drain"), &first.memo).is_err(),
        "a slot that is gone is no end"
    );
}

#[test]
fn the_way_back_is_armed_when_the_old_server_follows_and_the_cluster_does_not() {
    let given = kept(&Stack::healthy());
    let mut stack = copied();
    failed(&given.check(&stack, "arm"), "lockstep_fwd");
    stack.databases.links.clear();
    pending(&given.check(&stack, "arm"), "no subscription `lockstep_rev`");
    stack.databases.links.insert(BACK, Linked { slot: Some((false, 0)), ..Linked::runs() });
    pending(&given.check(&stack, "arm"), "does not run");
    stack.databases.links.insert(BACK, Linked { running: 0, ..Linked::runs() });
    pending(&given.check(&stack, "arm"), "does not run");
    stack.databases.links.insert(BACK, Linked::runs());
    assert!(matches!(given.check(&stack, "arm"), Progress::Done(_)));
    stack.databases.links.insert(BACK, Linked { status: Some("lost"), ..Linked::runs() });
    pending(&given.check(&stack, "arm"), "has lost");
}

#[test]
fn writers_have_ended_when_no_session_is_older_than_the_seal_and_none_is_beginning() {
    let given = kept(&Stack::healthy());
    let mut stack = copied();
    stack.databases.standing.insert("postgres", (false, 0, 0, 0));
    failed(&given.check(&stack, "end-writers"), "not sealed");
    failed(&given.check(&stack, "seal"), "not sealed");
    stack.databases.standing.insert("postgres", (true, 2, 0, 5));
    pending(&given.check(&stack, "end-writers"), "2 sessions");
    assert!(matches!(given.checked(&stack, "end-writers"), Progress::Again(_)));
    // Pools that connected anew are sealed, and in nobody's way.
    stack.databases.standing.insert("postgres", (true, 0, 0, 5));
    assert!(matches!(given.check(&stack, "end-writers"), Progress::Done(_)));
    // One that was beginning shows a moment later; where another one is always beginning, several looks must do.
    stack.databases.beginning = 1;
    pending(&given.check(&stack, "end-writers"), "looking again");
    assert!(matches!(given.checked(&stack, "end-writers"), Progress::Done(_)));
}

#[test]
fn references_are_read_back_as_they_are_rendered() {
    let given = kept(&Stack::healthy());
    let stack = switched();
    assert!(matches!(given.check(&stack, "references"), Progress::Done(_)));
    let mut wrong = stack.clone();
    wrong.leads("litellm", "DATABASE_URL", "postgres.railway.internal");
    failed(&given.check(&wrong, "references"), "`DATABASE_URL` of `litellm`");
    wrong.leads("litellm", "DATABASE_URL", "pgpool.railway.internal");
    wrong.led("litellm.DATABASE_URL").path = "/postgres".to_owned();
    failed(&given.check(&wrong, "references"), "another database");
    wrong.destinations.remove("litellm.DATABASE_URL");
    failed(&given.check(&wrong, "references"), "renders to nothing");
}

#[test]
fn a_switch_is_proven_by_answers_sessions_and_rows() {
    let given = kept(&Stack::healthy());
    let stack = switched();
    assert!(matches!(given.check(&stack, "deploy-langfuse-web"), Progress::Done(_)));
    assert!(matches!(given.check(&stack, "prove"), Progress::Done(_)));
    let mut nobody = stack.clone();
    nobody.databases.standing.insert("cluster", (false, 0, 0, 0));
    pending(&given.check(&nobody, "prove"), "nobody is connected");
    let mut stray = stack.clone();
    stray.databases.standing.insert("postgres", (true, 0, 0, 1));
    pending(&given.check(&stray, "prove"), "prisma from 10.0.0.1");
    failed(&given.checked(&stray, "prove"), "still connected to the old server");
    moved(&given.observe(&stray, "retire"), "1 client sessions");
    let mut silent = stack;
    silent.http = 500;
    pending(&given.check(&silent, "prove"), "500");
}

#[test]
fn the_old_server_is_given_up_when_nothing_of_the_link_is_left() {
    let given = kept(&Stack::healthy());
    let mut stack = switched();
    failed(&given.check(&stack, "finalize"), "lockstep_rev");
    stack.databases.links.clear();
    assert!(matches!(given.check(&stack, "finalize"), Progress::Done(_)));
    pending(&given.check(&stack, "retire"), "postgres");
    stack.deployments.insert("postgres".to_owned(), Vec::new());
    assert!(matches!(given.check(&stack, "retire"), Progress::Done(_)));
}
