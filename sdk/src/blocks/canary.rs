//! CANARY for Redis: one key, written before the first change and looked for until the end.

use super::Block;
use crate::outside::{Redis, text};
use crate::{Declare, Fact, Facts, Failure, Finding, Progress, Sample, Step, Verdict};

/// The fact that says that the key was written.
const FACT: &str = "canary";
/// The word that the key holds.
const WORD: &str = "here";

/// The key of one component's plan. Constant, so that two plans declare the same.
fn key(component: &str) -> String {
    format!("lockstep:canary:{component}")
}

/// Declares the key and the ways to remove it: `canary` writes it, `canary-end` removes it at the close, `canary-undo` on
/// the way back.
pub fn plan<D: Declare>(declare: &D, component: &str, connection: &str) -> Result<Block, Failure> {
    let key = key(component);
    declare.redis("canary", connection, &["SET", &key, WORD])?;
    declare.redis("canary-undo", connection, &["DEL", &key])?;
    declare.redis("canary-end", connection, &["DEL", &key])?;
    let step = Step::new(
        "canary",
        "Write the canary key",
        "a write that was acknowledged before is looked for after every change",
    )
    .effects(&["canary"])
    .undone_by(&["canary-undo"]);
    let undo = Step::new("canary-undo", "Remove the canary key", "nothing of the run stays behind")
        .effects(&["canary-undo"])
        .reverses(&[("canary-undo", "canary")]);
    let title =
        format!("the key `{key}` is written for the time of the run and removed at its end");
    Ok(Block::step(step).undo(undo).finding(Finding::note("canary", title)))
}

/// Looks whether the key is there.
pub fn check<O: Redis>(
    outside: &O,
    component: &str,
    connection: &str,
) -> Result<Progress, Failure> {
    Ok(match missing(outside, component, connection)? {
        None => Progress::Done(vec![Fact::one(FACT, true)]),
        Some(why) => Progress::Failed(why),
    })
}

/// Looks whether the key is gone.
pub fn check_removed<O: Redis>(
    outside: &O,
    component: &str,
    connection: &str,
) -> Result<Progress, Failure> {
    let gone = text(&outside.command(connection, &["GET", &key(component)])?).is_none();
    Ok(if gone {
        Progress::Done(Vec::new())
    } else {
        Progress::Failed("the canary key is still there".to_owned())
    })
}

/// Returns what is wrong with the key, if anything is.
pub fn missing<O: Redis>(
    outside: &O,
    component: &str,
    connection: &str,
) -> Result<Option<String>, Failure> {
    let key = key(component);
    let found = text(&outside.command(connection, &["GET", &key])?);
    Ok(match found.as_deref() {
        Some(WORD) => None,
        Some(_) => Some(format!("the key `{key}` holds something that this run did not write")),
        None => Some(format!("the key `{key}`, whose write was acknowledged, is gone")),
    })
}

/// Takes one look at the key. A server that does not answer is unknown, not failed: another watch is about that.
pub fn probe<O: Redis>(outside: &O, component: &str, connection: &str, facts: Facts<'_>) -> Sample {
    if !facts.has(FACT) {
        return sample(Verdict::Pass, "not written yet, or removed at the end".to_owned());
    }
    match missing(outside, component, connection) {
        Ok(None) => sample(Verdict::Pass, "the canary key is there".to_owned()),
        Ok(Some(why)) => sample(Verdict::Fail, why),
        Err(failure) => sample(Verdict::Unknown, failure.line()),
    }
}

fn sample(verdict: Verdict, evidence: String) -> Sample {
    Sample { verdict, evidence, figure: None, extra: Vec::new() }
}
