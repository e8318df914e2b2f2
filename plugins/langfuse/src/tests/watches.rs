//! What watches see.

use lockstep_sdk::testing::Given;
use lockstep_sdk::{Failure, Verdict};

use super::given::kept;
use super::stack::Stack;
use crate::background::Migration;
use crate::background::tests::migration;

#[track_caller]
fn sees(
    change: impl FnOnce(&mut Stack),
    (watch, during): (&str, &str),
    verdict: &Verdict,
    part: &str,
) {
    let given: Given = kept(&Stack::healthy());
    let mut stack = Stack::healthy().switched();
    change(&mut stack);
    let sample = given.probe(&stack, watch, during);
    assert_eq!(sample.verdict, *verdict, "{}", sample.evidence);
    assert!(sample.evidence.contains(part), "{}", sample.evidence);
}

#[test]
fn services_that_do_not_serve_fail() {
    let refused = || Failure::transiently("http:connection", "refused");
    sees(|_| {}, ("serving", "soak"), &Verdict::Pass, "ready");
    sees(|it| it.answers.health = 503, ("serving", "soak"), &Verdict::Fail, "answers 503");
    sees(|it| it.answers.down = Some(refused()), ("serving", "soak"), &Verdict::Fail, "refused");
    sees(|_| {}, ("working", "soak"), &Verdict::Pass, "queues");
    sees(|it| it.answers.worker = 500, ("working", "soak"), &Verdict::Fail, "answers 500");
}

#[test]
fn migrations_that_are_half_done_fail_but_while_they_are_made() {
    let dirty = |it: &mut Stack| it.databases.history = Some((36, 1));
    sees(|_| {}, ("migrations", "soak"), &Verdict::Pass, "half done");
    sees(dirty, ("migrations", "soak"), &Verdict::Fail, "dirty");
    sees(dirty, ("migrations", "web"), &Verdict::Pass, "half done");
    let failed = |it: &mut Stack| {
        let one = Migration { failed: Some("timeout".to_owned()), ..migration("later") };
        it.databases.background.push(one);
    };
    sees(failed, ("migrations", "soak"), &Verdict::Fail, "later: timeout");
    let gone = |it: &mut Stack| it.databases.down = Some(Failure::transiently("sql:08006", "gone"));
    sees(gone, ("migrations", "soak"), &Verdict::Unknown, "gone");
}
