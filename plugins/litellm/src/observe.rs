//! What each step finds before it starts: its preconditions, proven again, and what its check will compare with.

use lockstep_sdk::blocks::{keep, keys, owner};
use lockstep_sdk::outside::{Effects, Http, Railway, Sql};
use lockstep_sdk::step::SECOND;
use lockstep_sdk::{DeploymentStatus, Fact, Facts, Failure, Observation, Pending, StepCall, Value};

use crate::catalogue::some;
use crate::check::{MIGRATIONS, SAID, STRAINED};
use crate::context::Context;
use crate::database::unfinished;
use crate::findings::SALT;
use crate::image;
use crate::message::MASTER_KEY;
use crate::names;
use crate::proxy::Told;

/// The keys that must never change.
const KEYS: [&str; 2] = [SALT, MASTER_KEY];

/// What a person has gone on with all the same, in the words of the step that stopped.
const ACCEPTED: &str = "accepted";

/// What a look gives the next one: how many there were.
const LOOKED: &str = "looks";

/// How often to look again.
const AGAIN: u64 = 5 * SECOND;

/// Looks whether a step may start.
pub(crate) fn observe<O: Railway + Sql + Http + Effects>(
    outside: &O,
    call: &StepCall,
    memo: &[Fact],
) -> Result<Observation, Failure> {
    let context = Context::of(call)?;
    match call.step.as_str() {
        names::KEEP => first(outside, &context),
        names::MIGRATE => migrate(outside, &context, call),
        names::SWITCH => switch(outside, &context, call),
        names::SCRATCH_UNDO | names::REHEARSE_UNDO | names::MIGRATE_UNDO | names::SWITCH_UNDO => {
            Ok(Observation::Ready(Vec::new()))
        }
        names::SMOKE | names::BACK_SMOKE => alone(outside, &context, memo),
        names::SOAK | names::CLOSE => owner::reported(outside, &context.services()),
        names::PIN
        | names::GRACE
        | names::DRY
        | names::BEFORE
        | names::REVIEW
        | names::SCRATCH
        | names::SCHEMA
        | names::STAGE
        | names::REHEARSE
        | names::BACKUP
        | names::JOB
        | names::MIGRATED => {
            Ok(owner::waits(outside, &context.services())?
                .unwrap_or(Observation::Ready(Vec::new())))
        }
        other => {
            Err(Failure::permanently("plugin:step", format!("`{other}` is no step of this plugin")))
        }
    }
}

/// Waits until one proxy serves: while two do, either may answer, and the old one would be taken for the new one. What is not
/// over after twice the time that both were given is not waited for any longer.
fn alone<O: Railway>(
    outside: &O,
    context: &Context,
    memo: &[Fact],
) -> Result<Observation, Failure> {
    let deployments = outside.deployments(&context.service, 10)?;
    let up = deployments.iter().filter(|one| matches!(one.status, DeploymentStatus::Success));
    let up = up.count();
    let looks = Facts(memo).maybe_count(LOOKED).unwrap_or(0) + 1;
    let given = 2 * (u64::from(context.overlap) + u64::from(context.grace().draining));
    if up > 1 && looks * AGAIN <= given * SECOND {
        let note = format!("{up} deployments of `{}` serve still", context.service);
        let wait = Pending::after(AGAIN, note).remembering(vec![Fact::one(LOOKED, looks)]);
        return Ok(wait.into());
    }
    owner::reported(outside, &context.services())
}

/// Proves that the stack is the one that the plan was made for, and records how it stands.
fn first<O: Railway + Sql + Http>(outside: &O, context: &Context) -> Result<Observation, Failure> {
    let services = outside.services()?;
    let gone = |name: &&str| !services.iter().any(|service| service.name == **name);
    if let Some(gone) = context.services().into_iter().find(gone) {
        return Ok(Observation::Moved(format!("service `{gone}` is gone")));
    }
    if let Some(found) = owner::waits(outside, &context.services())? {
        return Ok(found);
    }
    let told = Told::whole(outside)?;
    if !told.is_ready() {
        return Ok(Observation::Moved(format!("the proxy is not ready: {}", told.words())));
    }
    if let Some(other) = told.version().filter(|told| !context.from.may_tell(*told)) {
        let why = format!("the proxy is {other}, and the plan was made for {}", context.from);
        return Ok(Observation::Moved(why));
    }
    if let Some(moved) = unended(outside, context)? {
        return Ok(moved);
    }
    let mut recorded = keep::facts(outside, &context.services())?;
    let kept = keep::kept(Facts(&recorded), &context.service);
    let digest = kept.and_then(|kept| kept.digest.map(str::to_owned));
    if digest.as_deref() != Some(context.digest.as_str()) {
        let runs = digest.as_deref().unwrap_or("nothing");
        let why =
            format!("`{}` runs {runs}, and the plan was made for another image", context.service);
        return Ok(Observation::Moved(why));
    }
    recorded.push(keys::facts(outside, &context.service, &KEYS)?);
    Ok(Observation::Ready(recorded))
}

fn unended<O: Sql>(outside: &O, context: &Context) -> Result<Option<Observation>, Failure> {
    let open = unfinished(outside, &context.schema)?;
    let names: Vec<String> = open.into_iter().map(|it| it.name).collect();
    let why = || format!("migrations were begun and never ended: {}", some(&names));
    Ok((!names.is_empty()).then(|| Observation::Moved(why())))
}

/// Returns which of the keys is another one than when the run began, if one is.
pub(crate) fn changed<O: Railway>(
    outside: &O,
    context: &Context,
    facts: Facts<'_>,
) -> Result<Option<String>, Failure> {
    Ok(keys::changed(outside, &context.service, &KEYS, facts)?.map(|name| {
        format!("`{name}` is another one than when the run began: what LiteLLM has encrypted could not be read")
    }))
}

/// The database must be as it was rehearsed, and a person has seen what the former version will miss.
fn migrate<O: Railway + Sql>(
    outside: &O,
    context: &Context,
    call: &StepCall,
) -> Result<Observation, Failure> {
    if let Some(found) = owner::waits(outside, &context.services())? {
        return Ok(found);
    }
    if let Some(why) = foreign(outside, context, call)? {
        return Ok(Observation::Moved(why));
    }
    if let Some(moved) = unended(outside, context)? {
        return Ok(moved);
    }
    let why = doubts(context, Facts(&call.facts))?.join("; ");
    let accepted = Facts(&call.facts).maybe_text(ACCEPTED) == Some(why.as_str());
    Ok(if why.is_empty() || accepted {
        Observation::Ready(Vec::new())
    } else {
        Observation::Moved(why)
    })
}

/// What of the rehearsal a person must have seen before the same is done to the database.
fn doubts(context: &Context, facts: Facts<'_>) -> Result<Vec<String>, Failure> {
    let lines = |name: &str| -> Result<Vec<String>, Failure> {
        let texts = facts.rows(name)?.iter().filter_map(|row| row.first().and_then(Value::as_text));
        Ok(texts.map(str::to_owned).collect())
    };
    let mut doubts = Vec::new();
    if lines(MIGRATIONS)?.is_empty() && !context.from.same_numbers(context.to) {
        doubts.push(format!(
            "the rehearsal applied no migration: either {} needs none, or its script did not come to it. It said: {}",
            context.to,
            some(&lines(SAID)?)
        ));
    }
    let strained = lines(STRAINED)?;
    if !strained.is_empty() {
        doubts.push(format!(
            "{}. What is unique in another way: {}",
            unbooked(context),
            some(&strained)
        ));
    }
    Ok(doubts)
}

/// What the former version may not do on the migrated schema, for how long, and what a person can do about it.
///
/// `LiteLLM` adds up its totals first and writes the rows of its log after that, in one function: what fails there, fails before
/// the rows.
fn unbooked(context: &Context) -> String {
    let Context { from, overlap, .. } = context;
    format!(
        "from the migration on {from} may write no spend at all, neither rows of \"LiteLLM_SpendLogs\" nor totals: a total is written by \
         what is unique, and when that fails no row follows (LiteLLM: `update_spend` in proxy/utils.py; in the lab 1.80.0 on the schema of \
         1.106.2 answered 531 calls in 32 s and wrote 0 rows). It lasts until the new version serves alone, which is its start and {overlap} s \
         of overlap, and it comes back for as long as {from} serves if you go back. Either go on and accept that these calls are booked \
         to nobody; or let no call reach the proxy from {overlap} s before you go on, in which it writes what it holds, until step \
         `{}` begins: that is a downtime for the clients, and loses nothing",
        names::SMOKE
    )
}

/// The proxy must still be what it was, with the keys that it had.
fn switch<O: Railway>(
    outside: &O,
    context: &Context,
    call: &StepCall,
) -> Result<Observation, Failure> {
    if let Some(found) = owner::waits(outside, &context.services())? {
        return Ok(found);
    }
    let moved = match foreign(outside, context, call)? {
        Some(why) => Some(why),
        None => changed(outside, context, Facts(&call.facts))?,
    };
    Ok(moved.map_or(Observation::Ready(Vec::new()), Observation::Moved))
}

fn foreign<O: Railway>(
    outside: &O,
    context: &Context,
    call: &StepCall,
) -> Result<Option<String>, Failure> {
    let facts = Facts(&call.facts);
    let kept = keep::kept(facts, &context.service).and_then(|kept| kept.deployment);
    if let Some(why) = owner::foreign(outside, &context.service, kept, &[names::DRY_DEPLOY])? {
        return Ok(Some(why));
    }
    let runs = image::runs(outside, &context.service)?;
    let other = runs.is_some_and(|digest| digest != context.digest);
    Ok(other.then(|| {
        format!("`{}` no longer runs the image that it ran when the run began", context.service)
    }))
}
