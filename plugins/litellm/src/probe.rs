//! One look of a watch.

use lockstep_sdk::outside::{Http, Railway, Sql};
use lockstep_sdk::step::MINUTE;
use lockstep_sdk::{Failure, Sample, StepCall, Verdict, answer};

use crate::catalogue::some;
use crate::check::misfit;
use crate::context::Context;
use crate::database::{recent, unfinished};
use crate::names::{self, DATABASE};
use crate::proxy::Told;

/// How far back spend is looked for.
const MINUTES: u64 = 15;

/// Requests from which on a row of spend is expected: health checks and pages are requests too.
const BUSY: u64 = 200;

/// Takes one look.
pub(crate) fn probe<O: Railway + Sql + Http>(
    outside: &O,
    watch: &str,
    call: &StepCall,
) -> Result<Sample, Failure> {
    let context = Context::of(call)?;
    let found = match watch {
        names::WATCH_SERVING => serving(outside),
        names::WATCH_SCHEMA => schema(outside, &context, call),
        names::WATCH_SPEND => spend(outside, &context, call),
        other => {
            let why = format!("`{other}` is no watch of this plugin");
            return Err(Failure::permanently("plugin:watch", why));
        }
    };
    // What can't be read is not known; another watch is about whether it serves.
    Ok(found.unwrap_or_else(|failure| sample(Verdict::Unknown, failure.line())))
}

fn serving<O: Http>(outside: &O) -> Result<Sample, Failure> {
    Ok(match Told::read(outside) {
        Ok(told) if told.is_ready() => sample(Verdict::Pass, "ready, with its database".to_owned()),
        Ok(told) => sample(Verdict::Fail, told.words()),
        Err(failure) if failure.is_denied() => return Err(failure),
        Err(failure) => sample(Verdict::Fail, failure.line()),
    })
}

fn schema<O: Railway + Sql>(
    outside: &O,
    context: &Context,
    call: &StepCall,
) -> Result<Sample, Failure> {
    // While the job works a migration is unfinished, and that is as it should be.
    if call.step != names::MIGRATE {
        let open = unfinished(outside, &context.schema)?;
        let names: Vec<String> = open.into_iter().map(|it| it.name).collect();
        if !names.is_empty() {
            return Ok(sample(Verdict::Fail, format!("unfinished migrations: {}", some(&names))));
        }
    }
    Ok(match misfit(outside, context)? {
        Some(line) => sample(Verdict::Fail, line),
        None => sample(Verdict::Pass, "no statement misses a table or a column".to_owned()),
    })
}

fn spend<O: Railway + Sql>(
    outside: &O,
    context: &Context,
    call: &StepCall,
) -> Result<Sample, Failure> {
    let since = call.now.saturating_sub(MINUTES * MINUTE);
    let requests = outside.traffic(&context.service, since, call.now)?.requests;
    let rows = answer::row(outside, DATABASE, &recent(&context.schema, MINUTES), &[])?.count(0)?;
    let words = format!("{requests} requests and {rows} rows of spend in {MINUTES} minutes");
    let verdict = if requests >= BUSY && rows == 0 { Verdict::Fail } else { Verdict::Pass };
    Ok(sample(verdict, words))
}

fn sample(verdict: Verdict, evidence: String) -> Sample {
    Sample { verdict, evidence, figure: None, extra: Vec::new() }
}
