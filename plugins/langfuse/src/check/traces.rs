//! Whether a trace that was written can be read back, and those from before as well.

use lockstep_sdk::blocks::soon;
use lockstep_sdk::json::Json;
use lockstep_sdk::outside::{Effects, Http};
use lockstep_sdk::step::SECOND;
use lockstep_sdk::text::tame;
use lockstep_sdk::{Fact, Facts, Failure, Pending, Progress, StepCall, Value};

use super::services;
use crate::context::Context;
use crate::message::{ERRORS, TRACE};
use crate::names::{INGEST_AFTER, INGEST_BEFORE};
use crate::web;

/// How long a trace is waited for, in looks: it is taken at once and written later.
const LOOKS: u64 = 60;
const AGAIN: u64 = 2 * SECOND;
const LOOKED: &str = "looks";

/// The fact that names the trace that was written before anything changed.
const EARLIER: &str = "trace-before";

/// How much is shown of what a server says.
const SHOWN: usize = 300;

/// Looks whether a trace that was written before anything changed can be read back.
pub(super) fn before<O: Http + Effects>(
    outside: &O,
    call: &StepCall,
    memo: &[Fact],
) -> Result<Progress, Failure> {
    let trace = Facts(&call.facts).text(TRACE)?;
    let found = written(outside, INGEST_BEFORE, trace, memo)?;
    Ok(if let Progress::Failed(why) = found {
        Progress::Failed(format!("before anything was changed: {why}"))
    } else if matches!(found, Progress::Done(_)) {
        Progress::Done(vec![Fact::one(EARLIER, trace)])
    } else {
        found
    })
}

/// Looks whether the new version writes a trace and reads it back, and still has the one from before.
pub(super) fn after<O: Http + Effects>(
    outside: &O,
    context: &Context,
    call: &StepCall,
    memo: &[Fact],
) -> Result<Progress, Failure> {
    let facts = Facts(&call.facts);
    let found = services::both(outside, context.to, memo)?;
    if !matches!(found, Progress::Done(_)) {
        return Ok(found);
    }
    let found = written(outside, INGEST_AFTER, facts.text(TRACE)?, memo)?;
    if !matches!(found, Progress::Done(_)) {
        return Ok(found);
    }
    earlier(outside, facts, memo)
}

/// Looks whether the former version serves again, and has the trace from before.
pub(super) fn again<O: Http + Effects>(
    outside: &O,
    context: &Context,
    call: &StepCall,
    memo: &[Fact],
) -> Result<Progress, Failure> {
    let found = services::both(outside, context.from, memo)?;
    if !matches!(found, Progress::Done(_)) {
        return Ok(found);
    }
    earlier(outside, Facts(&call.facts), memo)
}

/// Where none was written nothing is demanded.
fn earlier<O: Http>(outside: &O, facts: Facts<'_>, memo: &[Fact]) -> Result<Progress, Failure> {
    match facts.maybe_text(EARLIER) {
        Some(trace) => readable(outside, trace, memo),
        None => Ok(Progress::Done(Vec::new())),
    }
}

fn written<O: Http + Effects>(
    outside: &O,
    label: &str,
    trace: &str,
    memo: &[Fact],
) -> Result<Progress, Failure> {
    let gave = outside.progress(label)?.map(|job| job.facts).unwrap_or_default();
    if let Some(refused) = refused(Facts(&gave)) {
        return Ok(Progress::Failed(format!("the trace `{trace}` was not taken: {refused}")));
    }
    readable(outside, trace, memo)
}

/// Returns what was said against a trace, if anything was: the status is the same either way.
fn refused(gave: Facts<'_>) -> Option<String> {
    let value = gave.rows(ERRORS).ok()?.first()?.first()?;
    let (Value::Other((_, text)) | Value::Text(text)) = value else { return None };
    let errors = Json::parse(text.as_bytes());
    let is_none = errors.as_ref().and_then(Json::items).is_some_and(<[Json]>::is_empty);
    (!is_none).then(|| tame(text, SHOWN))
}

fn readable<O: Http>(outside: &O, trace: &str, memo: &[Fact]) -> Result<Progress, Failure> {
    let why = match soon(web::has_trace(outside, trace), "the web service")? {
        Ok(Ok(())) => return Ok(Progress::Done(Vec::new())),
        Ok(Err(why)) => why,
        Err(pending) => return Ok(pending.into()),
    };
    let looks = Facts(memo).maybe_count(LOOKED).unwrap_or(0) + 1;
    Ok(if looks > LOOKS {
        Progress::Failed(format!("{why}, long after it was taken"))
    } else {
        Pending::after(AGAIN, why).remembering(vec![Fact::one(LOOKED, looks)]).into()
    })
}
