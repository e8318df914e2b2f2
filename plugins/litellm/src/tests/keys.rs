//! The step whose effects the plugin performs.

use std::cell::RefCell;

use lockstep_sdk::outside::Perform;
use lockstep_sdk::{Argument, Fact, Failure, Progress, Value};

use super::given::{Given, done, failed, pending};
use super::stack::Stack;
use crate::apply::apply;

/// What a host would perform.
struct Performed {
    lines: RefCell<Vec<String>>,
    use_fails: Option<Failure>,
    gives_key: bool,
}

impl Performed {
    fn new() -> Self {
        Self { lines: RefCell::default(), use_fails: None, gives_key: true }
    }
}

impl Perform for Performed {
    fn perform(&self, label: &str, arguments: &[Argument]) -> Result<Vec<Fact>, Failure> {
        let shown: Vec<_> =
            arguments.iter().map(|it| format!("{}={:?}", it.name, it.value)).collect();
        self.lines.borrow_mut().push(format!("{label} {}", shown.join(" ")).trim().to_owned());
        Ok(match (label, &self.use_fails) {
            ("key-make", _) if self.gives_key => {
                vec![
                    Fact::one("key", Value::Sealed("handle".to_owned())),
                    Fact::one("status", 200_u64),
                ]
            }
            ("key-use", Some(failure)) => return Err(failure.clone()),
            ("key-use", None) => vec![
                Fact::one("answer", "lockstep: ok"),
                Fact::one("request", "chatcmpl-key"),
                Fact::one("status", 200_u64),
            ],
            _ => Vec::new(),
        })
    }
}

fn given() -> Given {
    let mut stack = Stack::healthy();
    stack.answered_before();
    Given::kept(&Stack::healthy()).after(&stack, "before")
}

#[test]
fn a_key_is_made_used_and_deleted() {
    let outside = Performed::new();
    let mut given = given();
    let facts = apply(&outside, &given.call("keys")).unwrap();
    assert_eq!(
        outside.lines.into_inner(),
        [
            "key-make",
            "key-use key=Value::Sealed(\"handle\")",
            "key-end key=Value::Sealed(\"handle\")"
        ]
    );
    assert_eq!(facts, [Fact::one("answer", "lockstep: ok"), Fact::one("request", "chatcmpl-key")]);
    given.facts.extend(facts);
    let mut stack = Stack::healthy();
    pending(&given.check(&stack, "keys"), "spend");
    failed(&given.checked(&stack, "keys"), "no row of its spend");
    stack.databases.spent.push("chatcmpl-key");
    done(&given.check(&stack, "keys"));
    given.facts.push(Fact::one("answer", "other"));
    failed(&given.check(&stack, "keys"), "with a new key a mock answer was `other`");
}

#[test]
fn a_key_that_a_dead_process_held_is_made_anew_in_another_round() {
    let gone = Failure::permanently("secret:gone", "captured by a process that is gone");
    let outside = Performed { use_fails: Some(gone), ..Performed::new() };
    let mut given = given();
    let facts = apply(&outside, &given.call("keys")).unwrap();
    assert_eq!(outside.lines.into_inner().len(), 2, "who does not have it can't delete it");
    given.facts.extend(facts);
    let progress = given.check(&Stack::healthy(), "keys");
    assert!(matches!(progress, Progress::Again(_)), "{progress:?}");
}

#[test]
fn a_key_that_can_not_be_used_is_deleted_all_the_same() {
    let refused = Failure::permanently("http:status", "answered with status 401");
    let outside = Performed { use_fails: Some(refused.clone()), ..Performed::new() };
    assert_eq!(apply(&outside, &given().call("keys")), Err(refused));
    assert_eq!(outside.lines.into_inner().len(), 3);
    let outside = Performed { gives_key: false, ..Performed::new() };
    assert!(apply(&outside, &given().call("keys")).is_err());
}

#[test]
fn no_other_step_is_the_plugins_to_perform() {
    let outside = Performed::new();
    assert!(apply(&outside, &given().call("switch")).is_err());
    assert!(outside.lines.into_inner().is_empty());
}
