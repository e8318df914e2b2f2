//! The trace that is written and read back.

use std::cell::RefCell;

use lockstep_sdk::outside::Perform;
use lockstep_sdk::testing::{Given, Tested, done, failed, pending, shown};
use lockstep_sdk::{Argument, Fact, Facts, Failure, Value};

use super::given::{TO, kept, planned};
use super::stack::Stack;
use crate::apply::apply;
use crate::message;

/// Writes down what a guided step performs.
#[derive(Default)]
pub(super) struct Performed(pub(super) RefCell<Vec<(String, Vec<Argument>)>>);

impl Perform for Performed {
    fn perform(&self, label: &str, arguments: &[Argument]) -> Result<Vec<Fact>, Failure> {
        self.0.borrow_mut().push((label.to_owned(), arguments.to_vec()));
        Ok(Vec::new())
    }
}

fn given() -> Given {
    kept(&Stack::healthy())
}

/// A stack that has taken a trace under a label, and what it said against it.
fn taken(mut stack: Stack, label: &str, errors: &str) -> Stack {
    let errors = Value::Other(("json".to_owned(), errors.to_owned()));
    stack.gave(label, vec![Fact::one("errors", errors)]);
    stack
}

#[test]
fn a_trace_is_named_after_its_run_and_its_step() {
    let given = given().ready(&Stack::healthy(), "before");
    assert_eq!(Facts(&given.facts).text("trace"), Ok("lockstep-r-before"));
    assert_eq!(Facts(&given.facts).text("at"), Ok("2023-11-14T22:13:20.000Z"));
    let performed = Performed::default();
    assert_eq!(apply(&performed, &given.call("before")).unwrap(), []);
    let (label, arguments) = performed.0.borrow()[0].clone();
    assert_eq!(label, "ingest-before");
    assert_eq!(arguments[0].value, Value::from("lockstep-r-before"));
    assert!(apply(&performed, &given.call("web")).is_err(), "the host performs it");
}

#[test]
fn what_is_sent_is_one_trace_and_its_holes_are_what_was_observed() {
    let body = shown(&message::ingest().body);
    assert_eq!(
        body,
        "{\"batch\":[{\"id\":\"<argument trace>\",\"type\":\"trace-create\",\"timestamp\":\"<argument at>\",\
         \"body\":{\"id\":\"<argument trace>\",\"name\":\"lockstep\",\"timestamp\":\"<argument at>\"}}]}"
    );
    let (_, declared) = planned(&Stack::healthy(), TO);
    assert!(
        declared.line("ingest-before").contains("/api/public/ingestion"),
        "{}",
        declared.line("ingest-before")
    );
}

#[test]
fn a_trace_that_can_not_be_read_back_before_stops_the_run_while_nothing_has_changed() {
    let given = given().ready(&Stack::healthy(), "before");
    let mut stack = taken(Stack::healthy(), "ingest-before", "[]");
    pending(&given.check(&stack, "before"), "`lockstep-r-before` can't be read: 404");
    failed(&given.checked(&stack, "before"), "before anything was changed: the trace");
    stack.answers.traces.push("lockstep-r-before".to_owned());
    let recorded = given.check(&stack, "before");
    assert_eq!(Facts(done(&recorded)).text("trace-before"), Ok("lockstep-r-before"));
    let refused = taken(
        Stack::healthy(),
        "ingest-before",
        r#"[{"status":400,"message":"Invalid\nrequest"}]"#,
    );
    failed(&given.check(&refused, "before"), "was not taken");
}

/// What the steps after the switch are given: the trace from before among it.
fn later() -> Given {
    let mut stack = taken(Stack::healthy(), "ingest-before", "[]");
    stack.answers.traces.push("lockstep-r-before".to_owned());
    given().ready(&stack, "before").after(&stack, "before")
}

#[test]
fn the_new_version_writes_a_trace_and_still_has_the_one_from_before() {
    let mut stack = taken(Stack::healthy().switched(), "ingest-after", "[]");
    let given = later().ready(&stack, "smoke");
    assert_eq!(Facts(&given.facts).text("trace"), Ok("lockstep-r-smoke"));
    stack.answers.traces.push("lockstep-r-smoke".to_owned());
    failed(&given.checked(&stack, "smoke"), "`lockstep-r-before` can't be read: 404, long after");
    stack.answers.traces.push("lockstep-r-before".to_owned());
    done(&given.check(&stack, "smoke"));
    stack.answers.traces.retain(|it| it == "lockstep-r-before");
    failed(&given.checked(&stack, "smoke"), "`lockstep-r-smoke`");
    let refused = taken(
        stack,
        "ingest-after",
        r#"[{"error":"Event type \"trace-create\" is not accepted"}]"#,
    );
    failed(&given.check(&refused, "smoke"), "is not accepted");
}

#[test]
fn after_going_back_the_former_version_still_has_it() {
    let given = later();
    let mut stack = Stack::healthy();
    failed(&given.checked(&stack, "back-smoke"), "`lockstep-r-before`");
    stack.answers.traces.push("lockstep-r-before".to_owned());
    done(&given.check(&stack, "back-smoke"));
    // Where none was ever written none is looked for.
    done(&self::given().check(&Stack::healthy(), "back-smoke"));
    stack.answers.worker = 500;
    pending(&given.check(&stack, "back-smoke"), "the worker");
}

#[test]
fn a_plan_reads_no_trace() {
    let mut stack = Stack::healthy();
    stack.answers.traces.push("lockstep-r-before".to_owned());
    let (draft, _) = stack.planned(&super::stack::target(Some(TO), &[]));
    assert!(!draft.findings.iter().any(|it| it.title.contains("lockstep-r-before")));
}
