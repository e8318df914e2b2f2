//! Every call, with every read failing.

use lockstep_sdk::testing::{sweep, sweep_plan};
use lockstep_sdk::{DeploymentStatus, Fact, Value};

use super::checks::switched;
use super::given::{TO, kept, planned};
use super::rehearsal::migrated;
use super::stack::{Stack, target};
use crate::message::KEY;
use crate::names::{ASKED_AFTER, ASKED_BEFORE};

/// A stack in whose run everything went well.
fn upgraded() -> Stack {
    let mut stack = switched();
    stack.databases = migrated().databases;
    stack.answered_before();
    stack.answered(ASKED_AFTER, &["claude", "gpt-4o"], Some("1.84.0"));
    stack.databases.spent.push("chatcmpl-answer-after");
    for asked in [ASKED_BEFORE, ASKED_AFTER] {
        let key = Value::Sealed("handle".to_owned());
        stack.gave(asked.key, vec![Fact::one(KEY, key)]);
        stack.began(asked.end);
    }
    for label in ["schema-before", "schema-after", "carry"] {
        stack.began(label);
    }
    for label in ["rehearse", "migrate"] {
        stack.deployed(label, 'c', DeploymentStatus::Stopped);
    }
    stack
}

#[test]
fn no_read_that_fails_makes_a_plan_panic_differ_or_do_without_a_proof() {
    for to in [None, Some(TO), Some("1.106.2")] {
        let swept = sweep_plan(&Stack::healthy(), &target(to, &[]));
        assert!(swept.undaunted.is_empty(), "{:#?}", swept.undaunted);
    }
}

#[test]
fn no_read_that_fails_makes_a_step_panic_differ_or_do_without_a_proof() {
    let (draft, _) = planned(&Stack::healthy(), TO);
    let sweep = |stack: &Stack| sweep(stack, &draft, &kept(&Stack::healthy()));
    let (before, within, after) =
        (sweep(&Stack::healthy()), sweep(&migrated()), sweep(&upgraded()));
    for swept in [&before, &within, &after] {
        assert!(swept.undaunted.is_empty(), "{:#?}", swept.undaunted);
    }
    for step in ["keep", "before", "rehearse", "migrate", "switch", "smoke", "soak"] {
        assert!(after.done.iter().any(|done| done == step), "{step}: {:?}", after.done);
    }
}
