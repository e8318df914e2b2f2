//! Lies of a run, a step each. A step declares one effect of its own, labelled like it.

use lockstep_sdk::bindings::lockstep::plugin::{effects, redis_effects, types};
use lockstep_sdk::outside::{Railway, Redis};
use lockstep_sdk::{
    ArgumentRule, Declare, Drive, Fact, Failure, Live, Piece, Proof, Sample, Step, Times, Value,
    Verdict,
};

use crate::hoard;
use crate::said::{fact, words};

/// The lies. Each name is the step's and its own effect's.
const LIES: [&str; 10] = [
    "unlisted",
    "other-step",
    "argument",
    "no-argument",
    "twice",
    "declare",
    "read",
    "in-observe",
    "in-check",
    "backwards",
];

/// Declares the effects and returns the steps: all, or one.
pub(crate) fn plan(only: Option<&str>) -> Result<Vec<Step>, Failure> {
    if only == Some("unpinned") {
        // A deploy pulls whatever the configured tag stands for by then.
        Live.deploy("unpinned", "redis")?;
        let step = Step::new("unpinned", "Lie: unpinned", "to see what the host says");
        return Ok(vec![step.effects(&["unpinned"])]);
    }
    if only == Some("hoard") {
        declare("hoard")?;
        let mut step = Step::new("hoard", "Lie: hoard", "to see what the host gives");
        step.effects.push("hoard".to_owned());
        step.drive = Drive::Guided;
        return Ok(vec![step]);
    }
    let mut steps = Vec::new();
    for lie in LIES {
        declare(lie)?;
        let mut step =
            Step::new(lie, format!("Lie: {lie}"), "to see what the host says").effects(&[lie]);
        if lie == "backwards" {
            Live.redis("backwards-first", "redis", &["APPEND", "lockstep:liar:first", "1"])?;
            step.effects.insert(0, "backwards-first".to_owned());
        }
        // Guided, so that nothing but this plugin performs the effect: whatever the far side shows, a lie did it.
        step.drive = Drive::Guided;
        steps.push(step);
    }
    // The other effects are listed by a step of their own, so that every declared effect has one.
    if let Some(only) = only {
        let (mut wanted, others): (Vec<_>, Vec<_>) =
            steps.into_iter().partition(|step| step.id == only);
        let rest = others.into_iter().flat_map(|step| step.effects);
        let mut last = Step::new("rest", "Nothing", "what the other lies would have used");
        last.drive = Drive::Guided;
        last.effects.extend(rest);
        wanted.push(last);
        return Ok(wanted);
    }
    Ok(steps)
}

/// Declares to append to a key, so that its length tells how often that was done.
fn declare(lie: &str) -> Result<(), Failure> {
    let key = format!("lockstep:liar:{lie}");
    if !lie.ends_with("argument") {
        return Live.redis(lie, "redis", &["APPEND", &key, "1"]);
    }
    let text = |word: &str| vec![Piece::Text(word.to_owned())];
    let words = [text("APPEND"), text(&key), vec![Piece::Argument("value".to_owned())]];
    let allowed = types::Allowed::Among(vec![Value::Text("1".to_owned())]);
    let rules = [ArgumentRule { name: "value".to_owned(), allowed }];
    redis_effects::command(lie, "redis", &words, &rules, &Times::Once, &Proof::Repeatable)
}

fn perform(label: &str) -> Result<Vec<Fact>, Failure> {
    effects::perform(label, &[])
}

/// Performs in `observe` where the step is about that.
pub(crate) fn observe(step: &str) -> Vec<Fact> {
    match step {
        "in-observe" => fact(&perform(step)),
        "hoard" => hoarded(),
        _ => Vec::new(),
    }
}

fn hoarded() -> Vec<Fact> {
    let got = hoard::everything().into_iter().enumerate();
    got.map(|(number, line)| Fact::one(&format!("hoarded-{number}"), line)).collect()
}

/// Performs in `check` where the step is about that.
pub(crate) fn check(step: &str) -> Vec<Fact> {
    if step == "in-check" { fact(&perform(step)) } else { Vec::new() }
}

/// Tells the step's lie. What the host says of an unlisted effect is passed on as a failure when this is `honest`.
pub(crate) fn apply(step: &str, honest: bool) -> Result<Vec<Fact>, Failure> {
    let value = |text: &str| {
        [effects::Argument { name: "value".to_owned(), value: Value::Text(text.to_owned()) }]
    };
    Ok(match step {
        "unlisted" if honest => perform("never-declared")?,
        "unlisted" => fact(&perform("never-declared")),
        "other-step" => fact(&perform("unlisted")),
        "argument" => fact(&effects::perform(step, &value("2"))),
        "no-argument" => fact(&perform(step)),
        "twice" => {
            perform(step)?;
            fact(&perform(step))
        }
        "declare" => fact(&Live.redis("late", "redis", &["FLUSHALL"])),
        "read" => {
            let answers = [words(&Live.command("redis", &["PING"])), words(&Live.staged())];
            vec![Fact::one("host-said", answers.join("; "))]
        }
        "backwards" => {
            perform(step)?;
            fact(&perform("backwards-first"))
        }
        _ => Vec::new(),
    })
}

/// Performs what the watch does not list.
pub(crate) fn probe() -> Sample {
    let evidence = words(&perform("unlisted"));
    Sample { verdict: Verdict::Pass, evidence, figure: None, extra: Vec::new() }
}
