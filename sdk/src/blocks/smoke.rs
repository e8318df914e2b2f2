//! SMOKE: what answered before the run answers after it.
//!
//! Judged against a look from before the first change, because a stack may have an endpoint that is down, not granted or
//! wrongly configured for reasons of its own, and that is no fault of the upgrade.

use super::soon;
use crate::outside::Http;
use crate::step::SECOND;
use crate::{Fact, Facts, Failure, Finding, Pending, Progress, Value};

/// The fact that holds the look from before.
const FACT: &str = "smoke";

/// A path that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// The endpoint.
    pub endpoint: &'static str,
    /// The path, which changes nothing and costs nothing.
    pub path: &'static str,
}

/// What a path answered: its status, or why there was none.
pub type Answered = Result<u16, String>;

/// Reads every path once.
pub fn look<O: Http>(outside: &O, looks: &[Look]) -> Vec<(Look, Answered)> {
    looks
        .iter()
        .map(|look| {
            (
                *look,
                outside
                    .get(look.endpoint, look.path)
                    .map(|answer| answer.status)
                    .map_err(|failure| failure.line()),
            )
        })
        .collect()
}

/// Turns a look into the fact against which the check judges.
pub fn facts(seen: &[(Look, Answered)]) -> Fact {
    let row = |(look, answered): &(Look, Answered)| {
        let status = answered.as_ref().ok().map(|status| u64::from(*status));
        vec![Value::from(look.endpoint), Value::from(look.path), status.into()]
    };
    Fact::table(FACT, seen.iter().map(row))
}

/// Returns what a plan says about what will and what can't be looked at.
pub fn findings(seen: &[(Look, Answered)]) -> Vec<Finding> {
    let mut good = Finding::note("smoke", "these answer now and must answer afterwards");
    let mut bad = Finding::warning(
        "smoke-not-covered",
        "these do not answer now, so the run can't tell whether they still work",
    );
    for (look, answered) in seen {
        match answered {
            Ok(200) => good = good.evidence(format!("{} {}", look.endpoint, look.path)),
            Ok(status) => bad = bad.evidence(format!("{} {}: {status}", look.endpoint, look.path)),
            Err(why) => bad = bad.evidence(format!("{} {}: {why}", look.endpoint, look.path)),
        }
    }
    [good, bad].into_iter().filter(|finding| !finding.evidence.is_empty()).collect()
}

/// Looks whether everything that answered before answers now.
pub fn check<O: Http>(outside: &O, looks: &[Look], facts: Facts<'_>) -> Result<Progress, Failure> {
    let before = facts.rows(FACT)?;
    let mut answered = 0_u64;
    for look in looks {
        let same = |row: &&Vec<Value>| {
            let text = |index: usize| row.get(index).and_then(Value::as_text);
            text(0) == Some(look.endpoint) && text(1) == Some(look.path)
        };
        let status = before.iter().find(same).and_then(|row| row.get(2)).and_then(Value::as_count);
        if status != Some(200) {
            continue;
        }
        let what = format!("{} {}", look.endpoint, look.path);
        match soon(outside.get(look.endpoint, look.path), &what)? {
            Err(pending) => return Ok(pending.into()),
            Ok(answer) if answer.status != 200 => {
                return Ok(
                    Pending::after(2 * SECOND, format!("{what} answers {}", answer.status)).into()
                );
            }
            Ok(_) => answered += 1,
        }
    }
    Ok(Progress::Done(vec![Fact::one("smoke-answered", answered)]))
}
