//! Whether the proxy is up, in the version and with the image that it should have.

use lockstep_sdk::blocks::{soon, up};
use lockstep_sdk::outside::{Effects, Http, Railway};
use lockstep_sdk::step::SECOND;
use lockstep_sdk::{Fact, Facts, Failure, Pending, Progress};

use crate::context::Context;
use crate::names;
use crate::observe::changed;
use crate::proxy::Told;
use crate::version::Release;

/// How often to ask for the version, in looks, until another one is believed. While both proxies serve either may answer, so a
/// look is added for each second of that.
const LOOKS: u64 = 60;

/// The fact that counts them.
const LOOKED: &str = "looks";

/// Looks whether the proxy is up again as it was.
pub(super) fn same<O: Railway + Http>(
    outside: &O,
    context: &Context,
    label: &str,
    memo: &[Fact],
) -> Result<Progress, Failure> {
    answers(outside, context, label, (&context.digest, context.from), memo)
}

/// Looks whether the new version is up, with the keys that the old one had.
pub(super) fn switched<O: Railway + Http>(
    outside: &O,
    context: &Context,
    facts: Facts<'_>,
    memo: &[Fact],
) -> Result<Progress, Failure> {
    let found =
        answers(outside, context, names::SWITCH_DEPLOY, (&context.target, context.to), memo)?;
    if !matches!(found, Progress::Done(_)) {
        return Ok(found);
    }
    Ok(changed(outside, context, facts)?.map_or(found, Progress::Failed))
}

/// Looks whether the former version is up again; it never ended where the new one was not deployed.
pub(super) fn back<O: Railway + Http + Effects>(
    outside: &O,
    context: &Context,
    memo: &[Fact],
) -> Result<Progress, Failure> {
    if !outside.began(names::SWITCH_DEPLOY)? {
        return Ok(Progress::Done(Vec::new()));
    }
    same(outside, context, names::BACK_DEPLOY, memo)
}

/// Looks whether the proxy is ready and has its database.
pub(super) fn serves<O: Http>(outside: &O) -> Result<Progress, Failure> {
    Ok(match soon(Told::read(outside), "the proxy")? {
        Ok(told) if told.is_ready() => Progress::Done(Vec::new()),
        Ok(told) => Pending::after(2 * SECOND, told.words()).into(),
        Err(pending) => pending.into(),
    })
}

fn answers<O: Railway + Http>(
    outside: &O,
    context: &Context,
    label: &str,
    (digest, release): (&str, Release),
    memo: &[Fact],
) -> Result<Progress, Failure> {
    if let Some(found) = up::check(outside, label, &context.service, Some(digest))? {
        return Ok(found);
    }
    let told = match soon(Told::whole(outside), "the proxy")? {
        Ok(told) => told,
        Err(pending) => return Ok(pending.into()),
    };
    if !told.is_ready() {
        return Ok(Pending::after(2 * SECOND, told.words()).into());
    }
    let other = told.versions.iter().find(|(_, told)| !release.may_tell(*told));
    let Some((_, other)) = other else {
        let words = told.version().map(|it| it.to_string());
        return Ok(Progress::Done(vec![Fact::one("version", words)]));
    };
    let looks = Facts(memo).maybe_count(LOOKED).unwrap_or(0) + 1;
    let note = format!("the proxy says that it is {other}, and {release} was deployed");
    Ok(if looks > LOOKS + u64::from(context.overlap) {
        Progress::Failed(format!("{note}: a tag has shipped another version before"))
    } else {
        Pending::after(2 * SECOND, note).remembering(vec![Fact::one(LOOKED, looks)]).into()
    })
}
