//! L1 against a plugin that lies while its plan is carried out: what the running step does not list is denied, no intent
//! is written for it, and nothing is sent.

use lockstep_engine::journal::{Event, Record};
use lockstep_engine::model::{Fact, Value};

use crate::far_side::{ask, asked_of_redis, forget_asked};
use crate::guests::{ASKED, option, toml, write};
use crate::stage::Stage;

/// A lie that was told, with all that it left.
struct Told {
    stage: Stage,
    /// What the host answered.
    said: String,
    records: Vec<Record>,
}

/// Carries out the liar's plan with this one lie in it, against a Redis with data.
#[track_caller]
fn tell(step: &str) -> Told {
    let stage = Stage::up(&["--stack", "redis-6", "--only", "redis"]);
    stage.lockstep(&["lab", "fill", "--strings", "50"]).expect(0);
    write(&stage, &(toml("liar", &ASKED) + &option("liar", "step", step)));
    let before = stage.census();
    forget_asked(&stage);
    let done = stage.lockstep(&["apply", "liar", "-e", "lab", "--yes"]).expect(0).says("is done");
    // The liar says nothing of it to people; the host does.
    done.says("! the plugin was denied, and nothing was sent: ");
    let shown = stage.lockstep(&["show", &stage.run(), "--json"]).expect(0).json();
    let records: Vec<Record> = serde_json::from_value(shown["run"]["records"].clone()).unwrap();
    let facts = records.iter().flat_map(|record| facts(&record.event));
    let said: Vec<String> = facts.filter_map(host_said).collect();
    let [said] = said.as_slice() else { panic!("the host said {said:?}") };
    assert_eq!(stage.census().samples, before.samples);
    assert!(stage.mutations().is_empty(), "{:?}", stage.mutations());
    Told { said: said.clone(), stage, records }
}

fn facts(event: &Event) -> &[Fact] {
    if let Event::RoundStarted { facts, .. } | Event::Checked { facts, .. } = event {
        facts
    } else {
        &[]
    }
}

fn host_said(fact: &Fact) -> Option<String> {
    let Some(Value::Text(text)) = fact.rows.first().and_then(|row| row.first()) else {
        return None;
    };
    (fact.name == "host-said").then(|| text.clone())
}

impl Told {
    /// Fails the test unless the host denied, with this code and these words.
    #[track_caller]
    fn denied(&self, code: &str, words: &str) {
        assert!(
            self.said.starts_with("denied: ") && self.said.ends_with(&format!("({code})")),
            "{}",
            self.said
        );
        assert!(self.said.contains(words), "`{words}` is not in: {}", self.said);
    }

    /// Fails the test unless the intents of the run are these, and Redis has these of the liar's keys with these values.
    #[track_caller]
    fn sent(&self, expected: &[(&str, &str)]) {
        let intended = self.records.iter().filter_map(|record| {
            if let Event::Intended(intent) = &record.event {
                Some(intent.label.as_str())
            } else {
                None
            }
        });
        let labels: Vec<&str> = expected.iter().map(|(label, _)| *label).collect();
        assert_eq!(intended.collect::<Vec<_>>(), labels);
        let keys = ask(
            &self.stage,
            &["EVAL", "return table.concat(redis.call('keys', 'lockstep:liar:*'), ' ')", "0"],
        );
        assert_eq!(keys.split_whitespace().count(), expected.len(), "{keys}");
        for (label, value) in expected {
            assert_eq!(ask(&self.stage, &["GET", &format!("lockstep:liar:{label}")]), *value);
        }
    }
}

#[test]
fn an_effect_that_was_never_declared_is_denied() {
    let told = tell("unlisted");
    told.denied(
        "effect:unlisted",
        "step `unlisted` of the approved plan does not list effect `never-declared`",
    );
    told.sent(&[]);
}

#[test]
fn an_effect_of_another_step_is_denied() {
    let told = tell("other-step");
    told.denied("effect:unlisted", "does not list effect `unlisted`");
    told.sent(&[]);
}

#[test]
fn an_argument_outside_its_rule_is_denied() {
    let told = tell("argument");
    told.denied(
        "effect:argument",
        "argument `value` of effect `argument` is outside what the approved plan allows",
    );
    told.sent(&[]);
}

#[test]
fn an_argument_that_is_missing_is_denied() {
    let told = tell("no-argument");
    told.denied("effect:argument", "argument `value` of effect `no-argument` is missing");
    told.sent(&[]);
}

#[test]
fn an_effect_is_performed_once_and_not_twice() {
    let told = tell("twice");
    told.denied("effect:repeat", "effect `twice` was performed");
    told.sent(&[("twice", "1")]);
}

#[test]
fn effects_are_performed_in_the_order_of_the_plan() {
    let told = tell("backwards");
    told.denied("effect:order", "effect `backwards-first` comes before one");
    told.sent(&[("backwards", "1")]);
}

#[test]
fn nothing_is_declared_in_apply() {
    let told = tell("declare");
    told.denied("call:not-here", "`apply` can't declare effects");
    assert!(!asked_of_redis(&told.stage).contains("flushall"));
    told.sent(&[]);
}

#[test]
fn nothing_is_read_in_apply() {
    let told = tell("read");
    assert_eq!(
        told.said.matches("denied: `apply` can't read (call:not-here)").count(),
        2,
        "{}",
        told.said
    );
    told.sent(&[]);
}

#[test]
fn nothing_is_performed_in_observe() {
    let told = tell("in-observe");
    told.denied("call:not-here", "effect `in-observe` can only be performed in `apply`");
    told.sent(&[]);
}

#[test]
fn nothing_is_performed_in_check() {
    let told = tell("in-check");
    told.denied("call:not-here", "effect `in-check` can only be performed in `apply`");
    told.sent(&[]);
}

#[test]
fn a_denial_that_the_plugin_does_not_hide_ends_the_step_and_takes_the_run_back() {
    let stage = Stage::up(&["--stack", "redis-6", "--only", "redis"]);
    let text = toml("liar", &ASKED) + &option("liar", "step", "unlisted") + "honest = \"yes\"\n";
    write(&stage, &text);
    let done = stage.lockstep(&["apply", "liar", "-e", "lab", "--yes"]).expect(11);
    done.says("step `unlisted` failed: denied:").says("does not list effect `never-declared`");
    assert!(stage.mutations().is_empty());
}
