//! Whether the proxy answers as it should: models, version, a mock answer, its spend, and keys.

use std::collections::BTreeSet;

use lockstep_sdk::json::Json;
use lockstep_sdk::outside::{Effects, Http, Railway, Sql};
use lockstep_sdk::step::{MINUTE, SECOND};
use lockstep_sdk::text::tame;
use lockstep_sdk::{Fact, Facts, Failure, Pending, Progress, Value};

use super::proxy;
use crate::apply::LOST;
use crate::catalogue::some;
use crate::context::Context;
use crate::database::has_spend;
use crate::message::{ANSWER, MODELS, REQUEST, TEXT, VERSION};
use crate::names::{self, Asked};
use crate::version::Release;

/// The fact that says whether the spend of a call was written before anything changed.
pub(crate) const SPENT: &str = "spend-was-written";

/// The fact that names the models that were offered before anything changed, and how many of them it names at most: facts
/// are bounded, and the first so many are as good a sign as all.
const OFFERED: &str = "offered";
const NAMED: usize = 1_000;

/// What the database answers where the code does not fit the schema.
pub(crate) const MISFIT: &str = "does not exist";

/// How long to wait for a row of spend, in looks.
const LOOKS: u64 = 24;
const AGAIN: u64 = 5 * SECOND;
const LOOKED: &str = "looks";

/// What the answers gave.
type Given<'a> = Facts<'a>;

/// Looks at what the proxy offers before anything changes. That a row of spend does not come is recorded: then it is not
/// demanded afterwards either.
pub(super) fn before<O: Sql + Effects>(
    outside: &O,
    context: &Context,
    facts: Facts<'_>,
    memo: &[Fact],
) -> Result<Progress, Failure> {
    if facts.has(LOST) {
        return Ok(lost());
    }
    let given = asked(outside, names::ASKED_BEFORE)?;
    let answers = Facts(&given);
    if let Some(why) = wrong(context.from, answers).or_else(|| unanswered(context, answers)) {
        return Ok(Progress::Failed(format!("before anything was changed: {why}")));
    }
    let spent = match spend(outside, context, Facts(&given), memo)? {
        Spend::Waits(pending) => return Ok(pending.into()),
        Spend::Written => true,
        Spend::Missing | Spend::NotAsked => false,
    };
    let names = models(Facts(&given))?;
    let rows = names.into_iter().take(NAMED).map(|name| vec![name.into()]);
    Ok(Progress::Done(vec![Fact::one(SPENT, spent), Fact::table(OFFERED, rows)]))
}

/// Looks whether the new version offers what the old one did.
pub(super) fn after<O: Railway + Sql + Http + Effects>(
    outside: &O,
    context: &Context,
    facts: Facts<'_>,
    memo: &[Fact],
) -> Result<Progress, Failure> {
    if facts.has(LOST) {
        return Ok(lost());
    }
    let given = asked(outside, names::ASKED_AFTER)?;
    let answers = Facts(&given);
    if let Some(why) = wrong(context.to, answers).or_else(|| unanswered(context, answers)) {
        return Ok(Progress::Failed(why));
    }
    let (was, is) = (offered(facts)?, models(Facts(&given))?);
    if let Some(missing) = missing(&was, &is) {
        return Ok(Progress::Failed(format!("the new version does not offer {missing}")));
    }
    if let Some(line) = misfit(outside, context)? {
        return Ok(Progress::Failed(format!("the new version does not fit the schema: {line}")));
    }
    let written = demanded(outside, context, (facts, Facts(&given)), memo)?;
    let Progress::Done(mut recorded) = written else { return Ok(written) };
    let serves = proxy::serves(outside)?;
    if !matches!(serves, Progress::Done(_)) {
        return Ok(serves);
    }
    let new: Vec<Vec<Value>> =
        is.difference(&was).take(50).map(|it| vec![tame(it, 80).into()]).collect();
    recorded.push(Fact::table("new-models", new));
    Ok(Progress::Done(recorded))
}

/// Looks whether the former version offers again what it did. Where it was never asked it is enough that it serves.
pub(super) fn again<O: Http + Effects>(
    outside: &O,
    context: &Context,
    facts: Facts<'_>,
) -> Result<Progress, Failure> {
    let given = given(outside, &names::BACK_ASKED)?;
    if facts.has(OFFERED) && !given.is_empty() {
        if let Some(why) = wrong(context.from, Facts(&given)) {
            return Ok(Progress::Failed(why));
        }
        if let Some(missing) = missing(&offered(facts)?, &models(Facts(&given))?) {
            return Ok(Progress::Failed(format!("the former version does not offer {missing}")));
        }
    }
    proxy::serves(outside)
}

/// Where the process ended that held the key, another one is made.
fn lost() -> Progress {
    Progress::Again("the key was in the memory of a process that is gone".to_owned())
}

/// Looks for the row of spend, if one came before anything was changed.
fn demanded<O: Sql>(
    outside: &O,
    context: &Context,
    (facts, given): (Facts<'_>, Given<'_>),
    memo: &[Fact],
) -> Result<Progress, Failure> {
    let before = facts.rows(SPENT)?;
    if before.first().and_then(|row| row.first()).and_then(Value::as_truth) != Some(true) {
        return Ok(Progress::Done(Vec::new()));
    }
    Ok(match spend(outside, context, given, memo)? {
        Spend::Waits(pending) => pending.into(),
        Spend::Written | Spend::NotAsked => Progress::Done(Vec::new()),
        Spend::Missing => Progress::Failed(
            "a call was answered, and no row of its spend was written, as one was before anything changed"
                .to_owned(),
        ),
    })
}

/// What became of a call's row of spend.
enum Spend {
    NotAsked,
    Waits(Pending),
    Written,
    Missing,
}

fn spend<O: Sql>(
    outside: &O,
    context: &Context,
    given: Given<'_>,
    memo: &[Fact],
) -> Result<Spend, Failure> {
    let Some(request) = given.maybe_text(REQUEST) else { return Ok(Spend::NotAsked) };
    if has_spend(outside, &context.schema, request)? {
        return Ok(Spend::Written);
    }
    let looks = Facts(memo).maybe_count(LOOKED).unwrap_or(0) + 1;
    Ok(if looks > LOOKS {
        Spend::Missing
    } else {
        let pending = Pending::after(AGAIN, "waiting for the row of the call's spend");
        Spend::Waits(pending.remembering(vec![Fact::one(LOOKED, looks)]))
    })
}

/// Returns what is wrong with the version and the models that were told, if anything is.
fn wrong(release: Release, given: Given<'_>) -> Option<String> {
    let told = given.maybe_text(VERSION).and_then(Release::parse);
    if let Some(told) = told.filter(|told| !release.may_tell(*told)) {
        return Some(format!("the proxy says that it is {told}, and should be {release}"));
    }
    models(given).err().map(|failure| failure.line())
}

/// Returns what is wrong with the mock answer, where one was asked for.
fn unanswered(context: &Context, given: Given<'_>) -> Option<String> {
    let text = given.maybe_text(TEXT);
    (context.model.is_some() && text != Some(ANSWER)).then(|| {
        let text = text.map_or("nothing".to_owned(), |text| tame(text, 80));
        format!("a mock answer was `{text}`")
    })
}

/// Returns the names of the models that were offered before anything changed.
fn offered(facts: Facts<'_>) -> Result<BTreeSet<String>, Failure> {
    let rows = facts.rows(OFFERED)?.iter();
    let names = rows.filter_map(|row| row.first().and_then(Value::as_text));
    Ok(names.map(str::to_owned).collect())
}

/// Returns the models that were offered and are not, if there are any.
fn missing(was: &BTreeSet<String>, is: &BTreeSet<String>) -> Option<String> {
    let missing: Vec<String> = was.difference(is).map(|name| tame(name, 80)).collect();
    (!missing.is_empty()).then(|| some(&missing))
}

/// Returns the names of the models that an answer lists.
fn models(given: Given<'_>) -> Result<BTreeSet<String>, Failure> {
    let value = given.rows(MODELS)?.first().and_then(|row| row.first());
    let parsed = match value {
        Some(Value::Other((_, text)) | Value::Text(text)) => Json::parse(text.as_bytes()),
        _ => None,
    };
    let items = parsed.as_ref().and_then(Json::items).ok_or_else(|| {
        Failure::permanently("plugin:answer", "the proxy's list of models is not of its form")
    })?;
    let names = items.iter().filter_map(|item| item.get("id").and_then(Json::text));
    Ok(names.map(str::to_owned).collect())
}

/// Returns what the proxy answered.
fn asked<O: Effects>(outside: &O, asked: Asked) -> Result<Vec<Fact>, Failure> {
    given(outside, &[asked.models, asked.version, asked.answer])
}

/// Returns what these effects gave; those that the plan does not have give nothing.
fn given<O: Effects>(outside: &O, labels: &[&str]) -> Result<Vec<Fact>, Failure> {
    let mut facts = Vec::new();
    for label in labels {
        facts.extend(outside.progress(label)?.into_iter().flat_map(|job| job.facts));
    }
    Ok(facts)
}

/// Returns a line of the new version's log that says that it misses something in the database.
pub(crate) fn misfit<O: Railway>(
    outside: &O,
    context: &Context,
) -> Result<Option<String>, Failure> {
    let Some(made) = outside.deployment_of(names::SWITCH_DEPLOY)? else { return Ok(None) };
    let since = made.created.saturating_sub(MINUTE);
    let lines = outside.logs(&context.service, since, MISFIT, 20)?;
    Ok(lines.iter().find(|line| is_misfit(&line.message)).map(|line| tame(&line.message, 300)))
}

/// Returns whether a line speaks of the database, and not of a model or a user that is not there.
pub(crate) fn is_misfit(line: &str) -> bool {
    let line = line.to_lowercase();
    let of_database = ["relation", "column", "table", "type \""];
    line.find(MISFIT).is_some_and(|end| {
        let before = line.get(..end).unwrap_or_default();
        of_database.iter().any(|word| before.contains(word))
    })
}
