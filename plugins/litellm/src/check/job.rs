//! Whether the copy is one, and whether the job did to it, and to the database, what it may.

use lockstep_sdk::blocks::prisma::{self, Unended};
use lockstep_sdk::outside::{Effects, Railway, Sql};
use lockstep_sdk::step::{MINUTE, SECOND};
use lockstep_sdk::text::tame;
use lockstep_sdk::{
    Deployment, DeploymentStatus, Fact, Failure, Pending, Progress, Value, answer, history,
};

use crate::catalogue::{Catalogue, Change, some};
use crate::context::Context;
use crate::names::{self, DATABASE, JOB_SERVICE, NOTES, REHEARSAL_SERVICE, SCRATCH_DATABASE};

/// The fact that lists what the former version may fail to write afterwards.
pub(crate) const STRAINED: &str = "strained";

/// Facts that list what else the rehearsal found.
const ADDED: &str = "added";
const ALTERED: &str = "altered";
const BREAKING: &str = "breaking";
const SECONDS: &str = "seconds";

/// The facts that list the migrations that the rehearsal applied, and what its job said last.
pub(crate) const MIGRATIONS: &str = "migrations";
pub(crate) const SAID: &str = "said";

/// How many lines of each a fact keeps: facts are bounded.
const KEPT: usize = 60;
/// The longest line that is kept.
const LINE: usize = 240;

/// How often to look at what the job does.
const AGAIN: u64 = 5 * SECOND;

/// How many lines of a log are told, and how long each.
const TOLD: u32 = 6;
const LONGEST: usize = 300;

/// Looks whether the copy has every object and every row of the history.
pub(super) fn copied<O: Sql + Effects>(
    outside: &O,
    context: &Context,
) -> Result<Progress, Failure> {
    for label in names::SCHEMA_LABELS {
        match outside.progress(label) {
            Ok(Some(job)) if job.finished => {}
            Ok(_) => return Ok(Pending::after(SECOND, "the schema is being copied").into()),
            Err(failure) if failure.is_denied() || failure.may_pass() => return Err(failure),
            Err(failure) => return Ok(Progress::Failed(failure.line())),
        }
    }
    let change = becoming(outside)?;
    if !change.is_none() {
        return Ok(Progress::Failed(format!("the copy is not one: {}", some(change.all()))));
    }
    let [here, there] =
        [DATABASE, SCRATCH_DATABASE].map(|it| prisma::ended(outside, it, &context.schema));
    let (here, there) = (here?, there?);
    Ok(if here == there {
        Progress::Done(vec![Fact::one("history", u64::try_from(here.len()).unwrap_or(u64::MAX))])
    } else {
        let (here, there) = (here.len(), there.len());
        Progress::Failed(format!(
            "the history has {here} migrations, and {there} of them are in the copy"
        ))
    })
}

/// Looks whether the job ended well, and what it has made of the copy.
pub(super) fn rehearsed<O: Railway + Sql>(
    outside: &O,
    context: &Context,
) -> Result<Progress, Failure> {
    let made = match ended(outside, names::REHEARSE, REHEARSAL_SERVICE)? {
        Ok(made) => made,
        Err(found) => return Ok(found),
    };
    if let Some(found) = unended(outside, SCRATCH_DATABASE, context)? {
        return Ok(found);
    }
    let change = becoming(outside)?;
    if !change.foreign.is_empty() {
        return Ok(Progress::Failed(format!(
            "the migration changes what is not LiteLLM's: {}. Nothing has been done to the database. Give LiteLLM a database of its \
             own, or take a version whose migration leaves others' tables alone",
            some(&change.foreign)
        )));
    }
    if !change.breaking.is_empty() && !context.destructive {
        return Ok(Progress::Failed(format!(
            "the former version can't live with what the migration makes of the database: {}. Nothing has been done to it. To go on, \
             plan with the option destructive = \"accepted\": then the migration asks a person, and going back from it means the backup",
            some(&change.breaking)
        )));
    }
    let before = prisma::ended(outside, DATABASE, &context.schema)?;
    let after = prisma::ended(outside, SCRATCH_DATABASE, &context.schema)?;
    let new: Vec<String> = after.into_iter().filter(|name| !before.contains(name)).collect();
    let said = said(outside, &made, REHEARSAL_SERVICE)?;
    let lines = [
        (SAID, &said),
        (ADDED, &change.added),
        (ALTERED, &change.altered),
        (STRAINED, &change.strained),
        (BREAKING, &change.breaking),
        (MIGRATIONS, &new),
    ];
    let mut facts: Vec<Fact> = lines.into_iter().map(|(name, lines)| listed(name, lines)).collect();
    facts.push(Fact::one(SECONDS, made.changed.saturating_sub(made.created) / SECOND));
    Ok(Progress::Done(facts))
}

/// Looks whether the database has become what the copy became.
pub(super) fn migrated<O: Railway + Sql>(
    outside: &O,
    context: &Context,
) -> Result<Progress, Failure> {
    let made = match ended(outside, names::MIGRATE, JOB_SERVICE)? {
        Ok(made) => made,
        Err(found) => return Ok(found),
    };
    if let Some(found) = unended(outside, DATABASE, context)? {
        return Ok(found);
    }
    let left = becoming(outside)?;
    if !left.is_none() {
        let why = "the database is not what the copy became in the rehearsal. What the copy has besides, or otherwise";
        return Ok(Progress::Failed(format!("{why}: {}", some(left.all()))));
    }
    let here = prisma::ended(outside, DATABASE, &context.schema)?;
    let there = prisma::ended(outside, SCRATCH_DATABASE, &context.schema)?;
    let missing: Vec<String> = there.into_iter().filter(|name| !here.contains(name)).collect();
    if !missing.is_empty() {
        return Ok(Progress::Failed(format!("the history lacks {}", some(&missing))));
    }
    Ok(Progress::Done(vec![Fact::one(SECONDS, made.changed.saturating_sub(made.created) / SECOND)]))
}

/// Looks whether nothing of a service that migrates runs.
pub(super) fn stopped<O: Railway>(outside: &O, name: &str) -> Result<Progress, Failure> {
    let there = outside.services()?.iter().any(|service| service.name == name);
    let deployments = if there { outside.deployments(name, 10)? } else { Vec::new() };
    let up = deployments.iter().find(|one| history::moves(&one.status));
    Ok(match up.or(history::running(&deployments)) {
        Some(up) => {
            let note =
                format!("deployment {} of `{name}` is {}", up.id, history::words(&up.status));
            Pending::after(SECOND, note).into()
        }
        None => Progress::Done(Vec::new()),
    })
}

/// Looks whether the job is stopped and the notes, which are dropped with the rows, are gone.
pub(super) fn forgotten<O: Railway + Sql>(
    outside: &O,
    context: &Context,
) -> Result<Progress, Failure> {
    let found = stopped(outside, JOB_SERVICE)?;
    if !matches!(found, Progress::Done(_)) {
        return Ok(found);
    }
    if answer::row(outside, DATABASE, &noted(), &[])?.truth(0)? {
        let why = format!("the notes about the history (schema `{NOTES}`) are still there");
        return Ok(Progress::Failed(why));
    }
    Ok(unended(outside, DATABASE, context)?.unwrap_or(Progress::Done(Vec::new())))
}

/// Returns the read that tells whether the notes are there.
pub(crate) fn noted() -> String {
    format!("SELECT count(*) > 0 FROM pg_namespace n WHERE n.nspname = '{NOTES}'")
}

/// Returns what is other in the copy than in the database.
fn becoming<O: Sql>(outside: &O) -> Result<Change, Failure> {
    let here = Catalogue::read(outside, DATABASE)?;
    Ok(here.becoming(&Catalogue::read(outside, SCRATCH_DATABASE)?))
}

/// Returns the job's deployment once it has ended well; until then, or where it has not, how it stands.
fn ended<O: Railway>(
    outside: &O,
    label: &str,
    service: &str,
) -> Result<Result<Deployment, Progress>, Failure> {
    let Some(made) = outside.deployment_of(label)? else {
        return Ok(Err(Pending::after(SECOND, "the job is not listed yet").into()));
    };
    if matches!(made.status, DeploymentStatus::Stopped) {
        return Ok(Ok(made));
    }
    let said = said(outside, &made, service)?;
    Ok(Err(if history::moves(&made.status) || matches!(made.status, DeploymentStatus::Success) {
        let last = said.last().map_or("the job runs", String::as_str);
        Pending::after(AGAIN, last).into()
    } else {
        let status = history::words(&made.status);
        Progress::Failed(format!("the job {status}. It said: {}", said.join(" | ")))
    }))
}

/// Returns the last lines that a job wrote.
fn said<O: Railway>(outside: &O, made: &Deployment, service: &str) -> Result<Vec<String>, Failure> {
    // Who writes lines has another clock than who makes deployments.
    let since = made.created.saturating_sub(MINUTE);
    let lines = outside.logs(service, since, "", TOLD)?;
    Ok(lines.iter().map(|line| tame(&line.message, LONGEST)).collect())
}

fn unended<O: Sql>(
    outside: &O,
    connection: &str,
    context: &Context,
) -> Result<Option<Progress>, Failure> {
    let open = prisma::unended(outside, connection, &context.schema)?;
    let lines: Vec<String> = open.iter().map(Unended::line).collect();
    let why = || format!("the job ended well, and migrations did not: {}", some(&lines));
    Ok((!lines.is_empty()).then(|| Progress::Failed(why())))
}

fn listed(name: &str, lines: &[String]) -> Fact {
    let mut rows: Vec<Vec<Value>> =
        lines.iter().take(KEPT).map(|line| vec![tame(line, LINE).into()]).collect();
    let more = lines.len().saturating_sub(KEPT);
    rows.extend((more > 0).then(|| vec![format!("and {more} more").into()]));
    Fact::table(name, rows)
}
