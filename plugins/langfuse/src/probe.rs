//! One look of a watch.

use lockstep_sdk::outside::{Http, Railway, Sql};
use lockstep_sdk::{Failure, Sample, StepCall, Verdict};

use crate::background::{self, Migration, Standing};
use crate::context::Context;
use crate::names;
use crate::observe::{half_done, lines};
use crate::route::Route;
use crate::web::{self, Told};

/// The steps up to the end of which version 2 serves alone.
const BEFORE_3: [&str; 13] = [
    names::KEEP,
    names::PIN,
    names::GRACE,
    names::PATIENCE,
    names::DRY,
    names::BEFORE,
    names::REVIEW,
    names::BACKUP_DATABASE,
    names::MAKE,
    names::SECRETS,
    names::REST,
    names::WIRE,
    names::WEB,
];

/// Takes one look.
pub(crate) fn probe<O: Railway + Sql + Http>(
    outside: &O,
    watch: &str,
    call: &StepCall,
) -> Result<Sample, Failure> {
    let context = Context::of(call)?;
    if watch != names::WATCH_SERVING && is_alone(outside, &context, call)? {
        return Ok(sample(Verdict::Pass, "version 2 serves alone".to_owned()));
    }
    let found = match watch {
        names::WATCH_SERVING => answers(Told::read(outside).map(|told| {
            if told.is_ready() {
                Ok("ready, with its database".to_owned())
            } else {
                Err(told.words())
            }
        })),
        names::WATCH_WORKING => answers(
            web::worker(outside)
                .map(|works| works.map(|()| "it has its database and its queues".to_owned())),
        ),
        names::WATCH_MIGRATIONS => migrations(outside, &context, call),
        other => {
            let why = format!("`{other}` is no watch of this plugin");
            return Err(Failure::permanently("plugin:watch", why));
        }
    };
    // What can't be read is not known; another watch is about whether it serves.
    Ok(found.unwrap_or_else(|failure| sample(Verdict::Unknown, failure.line())))
}

/// Returns whether there is nothing to be seen of a worker and of ClickHouse: on the way from version 2 until both are started, and
/// once they were taken away on the way back.
fn is_alone<O: Railway>(outside: &O, context: &Context, call: &StepCall) -> Result<bool, Failure> {
    if context.route != Route::ToThree {
        return Ok(false);
    }
    let worker = &context.worker.service;
    Ok(BEFORE_3.contains(&&*call.step)
        || !outside.services()?.iter().any(|service| service.name == *worker))
}

/// A service that does not answer fails, unless the way to it is closed by the host itself.
fn answers(answer: Result<Result<String, String>, Failure>) -> Result<Sample, Failure> {
    Ok(match answer {
        Ok(Ok(words)) => sample(Verdict::Pass, words),
        Ok(Err(words)) => sample(Verdict::Fail, words),
        Err(failure) if failure.is_denied() => return Err(failure),
        Err(failure) => sample(Verdict::Fail, failure.line()),
    })
}

fn migrations<O: Railway + Sql + Http>(
    outside: &O,
    context: &Context,
    call: &StepCall,
) -> Result<Sample, Failure> {
    // While the web service migrates something is half done, and that is as it should be.
    if call.step != names::WEB
        && let Some(why) = half_done(outside, context)?
    {
        return Ok(sample(Verdict::Fail, why));
    }
    let migrations = background::read(outside, &context.schema)?;
    let variables = outside.variables(&context.worker.service)?;
    Ok(match Standing::by(&migrations, &variables, context.to) {
        Standing::Failed(failed) => {
            let failed: Vec<String> = failed.iter().map(Migration::line).collect();
            sample(Verdict::Fail, format!("failed in the background: {}", lines(&failed)))
        }
        Standing::Finished | Standing::Asleep(_) | Standing::Active(_) => {
            sample(Verdict::Pass, "no migration is left half done, and none has failed".to_owned())
        }
    })
}

fn sample(verdict: Verdict, evidence: String) -> Sample {
    Sample { verdict, evidence, figure: None, extra: Vec::new() }
}
