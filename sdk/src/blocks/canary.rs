//! CANARY for Redis: one key, written before the first change and looked for until the end, and another, the mark, written
//! right before the change itself.
//!
//! The canary shows that the server is the same one. The mark shows that it has what it was told last: a file whose end
//! was cut off, and a backup made earlier than the last one, have the canary and lack the mark.

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

/// The key that is written last.
fn mark_key(component: &str) -> String {
    format!("lockstep:mark:{component}")
}

/// Declares the key and the ways to remove it and the mark: `canary` writes it, `canary-end` removes both at the close,
/// `canary-undo` on the way back.
pub fn plan<D: Declare>(declare: &D, component: &str, connection: &str) -> Result<Block, Failure> {
    let key = key(component);
    declare.redis("canary", connection, &["SET", &key, WORD])?;
    let mark = mark_key(component);
    declare.redis("canary-undo", connection, &["DEL", &key, &mark])?;
    declare.redis("canary-end", connection, &["DEL", &key, &mark])?;
    let step = Step::new(
        "canary",
        "Write the canary key",
        "a write that was acknowledged before is looked for after every change",
    )
    .effects(&["canary"])
    .if_left("nothing: the key stays until somebody deletes it")
    .undone_by(&["canary-undo"]);
    let undo = Step::new("canary-undo", "Remove the canary key", "nothing of the run stays behind")
        .effects(&["canary-undo"])
        .if_left("nothing: the keys stay until somebody deletes them")
        .reverses(&[("canary-undo", "canary")]);
    let title = format!(
        "the keys `{key}` and `{mark}` are written for the time of the run and removed at its end"
    );
    Ok(Block::step(step).undo(undo).finding(Finding::note("canary", title)))
}

/// Declares the mark and returns its step, the last one that writes before the change. What removes the canary removes it.
pub fn mark<D: Declare>(declare: &D, component: &str, connection: &str) -> Result<Step, Failure> {
    declare.redis("mark", connection, &["SET", &mark_key(component), WORD])?;
    Ok(Step::new(
        "mark",
        "Write the last key before the change",
        "a server that lacks only its latest writes is found by one of them",
    )
    .effects(&["mark"])
    .if_left("nothing: the key stays until somebody deletes it"))
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

/// Looks whether the mark is there.
pub fn check_mark<O: Redis>(
    outside: &O,
    component: &str,
    connection: &str,
) -> Result<Progress, Failure> {
    Ok(match absent(outside, connection, &mark_key(component))? {
        None => Progress::Done(Vec::new()),
        Some(why) => Progress::Failed(why),
    })
}

/// Looks whether both keys are gone.
pub fn check_removed<O: Redis>(
    outside: &O,
    component: &str,
    connection: &str,
) -> Result<Progress, Failure> {
    for key in [key(component), mark_key(component)] {
        if text(&outside.command(connection, &["GET", &key])?).is_some() {
            return Ok(Progress::Failed(format!("the key `{key}` is still there")));
        }
    }
    Ok(Progress::Done(Vec::new()))
}

/// Returns what is wrong with the canary, if anything is.
pub fn missing<O: Redis>(
    outside: &O,
    component: &str,
    connection: &str,
) -> Result<Option<String>, Failure> {
    absent(outside, connection, &key(component))
}

/// Returns what is wrong with the canary or the mark, if anything is. Holds from the mark's step on.
pub fn lost<O: Redis>(
    outside: &O,
    component: &str,
    connection: &str,
) -> Result<Option<String>, Failure> {
    Ok(match missing(outside, component, connection)? {
        Some(why) => Some(why),
        None => absent(outside, connection, &mark_key(component))?,
    })
}

fn absent<O: Redis>(outside: &O, connection: &str, key: &str) -> Result<Option<String>, Failure> {
    let found = text(&outside.command(connection, &["GET", key])?);
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
