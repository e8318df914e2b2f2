//! What watches see, and when they look.

use lockstep_sdk::{Failure, Verdict};

use super::checks::copied;
use super::cut::switched;
use super::given::{kept, planned};
use super::sql::Linked;
use super::stack::Stack;
use crate::probe::probe;

#[track_caller]
fn sees(stack: &Stack, watch: &str, step: &str, verdict: &Verdict) {
    let given = kept(&Stack::healthy());
    let sample = probe(stack, watch, &given.call(step)).unwrap();
    assert_eq!(&sample.verdict, verdict, "{watch} in {step}: {}", sample.evidence);
}

#[test]
fn every_watch_of_the_plan_is_known() {
    let (draft, _) = planned(&Stack::healthy());
    for watch in &draft.watches {
        sees(&switched(), &watch.id, "soak", &Verdict::Pass);
        sees(&Stack::healthy(), &watch.id, "keep", &Verdict::Pass);
        assert!(watch.effects.is_empty());
    }
    let given = kept(&Stack::healthy());
    assert!(probe(&switched(), "other", &given.call("soak")).is_err());
}

#[test]
fn a_way_back_that_is_lost_is_told_from_the_switch_on_until_it_is_given_up() {
    let mut stack = switched();
    stack.databases.links.clear();
    for step in ["references", "deploy-litellm", "prove", "soak"] {
        sees(&stack, "way-back", step, &Verdict::Fail);
    }
    for step in ["verify", "release", "finalize", "close", "seal-new"] {
        sees(&stack, "way-back", step, &Verdict::Pass);
    }
    let mut silent = switched();
    silent.databases.new.down = Some(Failure::transiently("sql:connection", "refused"));
    sees(&silent, "way-back", "soak", &Verdict::Unknown);
}

#[test]
fn a_copy_that_holds_back_too_much_tips_and_a_way_back_that_does_is_only_told() {
    let much = Linked { held_back: 2_000 << 20, ..Linked::runs() };
    let mut stack = copied();
    stack.databases.links.insert(("lockstep_fwd", "postgres"), much);
    sees(&stack, "wal", "copy", &Verdict::Fail);
    sees(&stack, "wal", "soak", &Verdict::Pass);
    stack
        .databases
        .links
        .insert(("lockstep_rev", "cluster"), Linked { status: Some("lost"), ..much });
    sees(&stack, "wal", "soak", &Verdict::Pass);
    sees(&stack, "way-back", "soak", &Verdict::Fail);
    let lost = Linked { status: Some("lost"), ..Linked::runs() };
    stack.databases.links.insert(("lockstep_fwd", "postgres"), lost);
    sees(&stack, "wal", "verify", &Verdict::Fail);
}

#[test]
fn who_still_uses_the_old_server_and_a_front_without_nodes_are_told() {
    let mut stack = switched();
    stack.databases.standing.insert("postgres", (true, 0, 0, 1));
    sees(&stack, "old-idle", "soak", &Verdict::Fail);
    sees(&stack, "old-idle", "verify", &Verdict::Pass);
    if let Ok(nodes) = &mut stack.databases.front {
        nodes[2][1] = "down";
    }
    sees(&stack, "front", "soak", &Verdict::Pass);
    if let Ok(nodes) = &mut stack.databases.front {
        nodes[1][2] = "down";
    }
    sees(&stack, "front", "soak", &Verdict::Fail);
}
