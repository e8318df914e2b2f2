//! Whether both services are up, in the version and with the images that they should have, and what the web service migrated.

use lockstep_sdk::blocks::{soon, up};
use lockstep_sdk::outside::{Effects, Http, Railway, Sql};
use lockstep_sdk::step::SECOND;
use lockstep_sdk::{Fact, Facts, Failure, Pending, Progress, StepCall, Value};

use crate::clickhouse;
use crate::context::Context;
use crate::names;
use crate::observe::{changed, half_done, missed};
use crate::route::Route;
use crate::three;
use crate::version::{ENTERING_3, Release};
use crate::web::{self, Told};

/// How often to ask for the version, in looks, until another one is believed: while two web services serve either may answer.
const LOOKS: u64 = 60;
const AGAIN: u64 = 2 * SECOND;

/// The fact that counts them.
const LOOKED: &str = "looks";

/// The fact that lists what the former version misses after the migration.
const MISSED: &str = "missed";

/// Looks whether both services are up again as they were.
pub(super) fn same<O: Railway + Http>(
    outside: &O,
    context: &Context,
    memo: &[Fact],
) -> Result<Progress, Failure> {
    for (label, part) in [names::DRY_WEB, names::DRY_WORKER].into_iter().zip(context.running()) {
        if let Some(found) = up::check(outside, label, &part.service, Some(&part.digest))? {
            return Ok(found);
        }
    }
    both(outside, context.from, memo)
}

/// Looks whether the new web service is up, and whether it has migrated everything to its end.
pub(super) fn migrated<O: Railway + Sql + Http>(
    outside: &O,
    context: &Context,
    call: &StepCall,
    memo: &[Fact],
) -> Result<Progress, Failure> {
    let part = &context.web;
    if context.route == Route::ToFour && call.round == 1 {
        return Ok(Progress::Again(
            "the image is set; what version 4 drops is looked at once more before it is started"
                .to_owned(),
        ));
    }
    match up::check(outside, names::WEB_DEPLOY, &part.service, Some(&part.target))? {
        None => {}
        Some(Progress::Failed(why)) => return Ok(Progress::Failed(stands(outside, context, why))),
        Some(Progress::Pending(pending)) => {
            let note = stands(outside, context, pending.note);
            return Ok(Pending::after(AGAIN, note).into());
        }
        Some(other) => return Ok(other),
    }
    let found = is_version(outside, context.to, memo)?;
    if !matches!(found, Progress::Done(_)) {
        return Ok(found);
    }
    if let Some(why) = half_done(outside, context)? {
        return Ok(Progress::Failed(why));
    }
    if let Some(why) = changed(outside, context, call)? {
        return Ok(Progress::Failed(why));
    }
    let missed = missed(outside, context, call)?;
    let now = clickhouse::migrated(outside, &context.columns)?;
    let now = now.map_or(Value::Null, |it| Value::Integer(it.version));
    let rows = missed.into_iter().map(|line| vec![line.into()]);
    Ok(Progress::Done(vec![Fact::table(MISSED, rows), Fact::one("clickhouse-migrated", now)]))
}

/// Adds how ClickHouse's history stands to what is said of a deployment that migrates; nothing where it can't be asked now.
fn stands<O: Http>(outside: &O, context: &Context, words: String) -> String {
    match clickhouse::migrated(outside, &context.columns) {
        Ok(Some(it)) if it.dirty => {
            format!("{words}; ClickHouse's migration {} has not ended", it.version)
        }
        Ok(Some(it)) => format!("{words}; ClickHouse's migration {} has ended", it.version),
        Ok(None) | Err(_) => words,
    }
}

/// Looks whether the former web service is up again; it never ended where the new one was not deployed.
pub(super) fn web_again<O: Railway + Http + Effects>(
    outside: &O,
    context: &Context,
    memo: &[Fact],
) -> Result<Progress, Failure> {
    if !outside.began(names::WEB_DEPLOY)? {
        return Ok(Progress::Done(Vec::new()));
    }
    let part = &context.web;
    match up::check(outside, names::BACK_WEB, &part.service, Some(&part.digest))? {
        Some(found) => Ok(found),
        None => is_version(outside, context.from, memo),
    }
}

/// Looks whether the new worker works.
pub(super) fn follows<O: Railway + Http>(
    outside: &O,
    context: &Context,
    label: &str,
) -> Result<Progress, Failure> {
    let part = &context.worker;
    match up::check(outside, label, &part.service, Some(&part.target))? {
        Some(found) => Ok(found),
        None => works(outside),
    }
}

/// Looks whether the former worker works again; where there was none, whether none runs.
pub(super) fn worker_again<O: Railway + Http + Effects>(
    outside: &O,
    context: &Context,
) -> Result<Progress, Failure> {
    if context.route == Route::ToThree {
        return three::unrested(outside, &[&context.worker.service]);
    }
    if !outside.began(names::WORKER_DEPLOY)? {
        return Ok(Progress::Done(Vec::new()));
    }
    let part = &context.worker;
    match up::check(outside, names::BACK_WORKER, &part.service, Some(&part.digest))? {
        Some(found) => Ok(found),
        None => works(outside),
    }
}

/// Looks whether both serve, whatever their version.
pub(super) fn serve<O: Http>(outside: &O) -> Result<Progress, Failure> {
    match soon(Told::read(outside), "the web service")? {
        Ok(told) if told.is_ready() => works(outside),
        Ok(told) => Ok(Pending::after(AGAIN, told.words()).into()),
        Err(pending) => Ok(pending.into()),
    }
}

/// Looks whether both serve, the web service in this version; version 2 has no worker.
pub(super) fn both<O: Http>(
    outside: &O,
    release: Release,
    memo: &[Fact],
) -> Result<Progress, Failure> {
    let found = is_version(outside, release, memo)?;
    let alone = release.major < ENTERING_3.major;
    if matches!(found, Progress::Done(_)) && !alone { works(outside) } else { Ok(found) }
}

fn works<O: Http>(outside: &O) -> Result<Progress, Failure> {
    Ok(match soon(web::worker(outside), "the worker")? {
        Ok(Ok(())) => Progress::Done(Vec::new()),
        Ok(Err(why)) => Pending::after(AGAIN, why).into(),
        Err(pending) => pending.into(),
    })
}

/// Looks whether the web service is ready and says that it is this version.
fn is_version<O: Http>(outside: &O, release: Release, memo: &[Fact]) -> Result<Progress, Failure> {
    let told = match soon(Told::read(outside), "the web service")? {
        Ok(told) => told,
        Err(pending) => return Ok(pending.into()),
    };
    if !told.is_ready() {
        return Ok(Pending::after(AGAIN, told.words()).into());
    }
    if told.version == Some(release) {
        return Ok(Progress::Done(vec![Fact::one("version", release.to_string())]));
    }
    let looks = Facts(memo).maybe_count(LOOKED).unwrap_or(0) + 1;
    let told = told.version.map_or("no version".to_owned(), |it| it.to_string());
    let note = format!("the web service says that it is {told}, and {release} was deployed");
    Ok(if looks > LOOKS {
        Progress::Failed(note)
    } else {
        Pending::after(AGAIN, note).remembering(vec![Fact::one(LOOKED, looks)]).into()
    })
}
