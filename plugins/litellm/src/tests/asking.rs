//! The steps whose effects the plugin performs.

use std::cell::RefCell;

use lockstep_sdk::outside::Perform;
use lockstep_sdk::testing::Given;
use lockstep_sdk::{Argument, Fact, Failure, Progress, Value};

use super::given::kept;
use super::stack::Stack;
use crate::apply::apply;

/// What a host would perform.
struct Performed {
    lines: RefCell<Vec<String>>,
    /// The effect that fails, and how.
    fails: Option<(&'static str, Failure)>,
    gives_key: bool,
}

impl Performed {
    fn new() -> Self {
        Self { lines: RefCell::default(), fails: None, gives_key: true }
    }

    fn failing(label: &'static str, code: &str) -> Self {
        Self { fails: Some((label, Failure::permanently(code, "no"))), ..Self::new() }
    }
}

impl Perform for Performed {
    fn perform(&self, label: &str, arguments: &[Argument]) -> Result<Vec<Fact>, Failure> {
        let shown: Vec<_> =
            arguments.iter().map(|it| format!("{}={:?}", it.name, it.value)).collect();
        self.lines.borrow_mut().push(format!("{label} {}", shown.join(" ")).trim().to_owned());
        if let Some((_, failure)) = self.fails.as_ref().filter(|(fails, _)| *fails == label) {
            return Err(failure.clone());
        }
        let is_key = ["key-before", "key-after"].contains(&label) && self.gives_key;
        let key = is_key.then(|| Fact::one("key", Value::Sealed("handle".to_owned())));
        Ok([Fact::one("status", 200_u64)].into_iter().chain(key).collect())
    }
}

fn given() -> Given {
    kept(&Stack::healthy())
}

const WITH: &str = "key=Value::Sealed(\"handle\")";

#[test]
fn the_proxy_is_asked_in_the_order_of_the_plan_with_a_key_that_is_deleted() {
    let outside = Performed::new();
    assert_eq!(apply(&outside, &given().call("before")), Ok(Vec::new()));
    let used = [format!("answer-before {WITH}"), format!("key-end-before {WITH}")];
    let [answer, end] = used.each_ref().map(String::as_str);
    assert_eq!(outside.lines.into_inner(), ["models-before", "key-before", answer, end]);
    let outside = Performed::new();
    assert_eq!(apply(&outside, &given().call("smoke")), Ok(Vec::new()));
    let labels: Vec<String> = outside.lines.into_inner();
    let labels: Vec<&str> = labels.iter().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(
        labels,
        ["models-after", "version-after", "key-after", "answer-after", "key-end-after"]
    );
}

#[test]
fn a_key_that_a_dead_process_held_is_made_anew_in_another_round() {
    let outside = Performed::failing("answer-after", "secret:gone");
    let mut given = given();
    given.facts.extend(apply(&outside, &given.call("smoke")).unwrap());
    assert_eq!(outside.lines.into_inner().len(), 4, "who does not have it can't delete it");
    for step in ["smoke", "before"] {
        let progress = given.check(&Stack::healthy(), step);
        assert!(matches!(progress, Progress::Again(_)), "{progress:?}");
    }
    // Once it was used it is no loss: it ends by itself.
    let outside = Performed::failing("key-end-after", "secret:gone");
    assert_eq!(apply(&outside, &given.call("smoke")), Ok(Vec::new()));
}

#[test]
fn a_key_that_can_not_be_used_is_deleted_all_the_same() {
    let outside = Performed::failing("answer-after", "http:status");
    assert!(
        apply(&outside, &given().call("smoke")).is_err_and(|it| it.problem().has("http:status"))
    );
    assert!(outside.lines.into_inner().last().unwrap().starts_with("key-end-after"));
    let outside = Performed::failing("key-end-after", "http:status");
    assert!(apply(&outside, &given().call("smoke")).is_err());
    let outside = Performed { gives_key: false, ..Performed::new() };
    assert!(apply(&outside, &given().call("smoke")).is_err());
    let outside = Performed::failing("models-after", "http:status");
    assert!(apply(&outside, &given().call("smoke")).is_err());
    assert_eq!(outside.lines.into_inner(), ["models-after"], "nothing is asked after that");
}

#[test]
fn no_other_step_is_the_plugins_to_perform() {
    let outside = Performed::new();
    for step in ["switch", "migrate", "back-smoke"] {
        assert!(apply(&outside, &given().call(step)).is_err());
    }
    assert!(outside.lines.into_inner().is_empty());
}
