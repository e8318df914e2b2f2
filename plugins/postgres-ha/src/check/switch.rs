//! Whether everybody is at the new side.

use lockstep_sdk::blocks::{keep, smoke as block};
use lockstep_sdk::outside::{Effects, Http, Railway, Sql};
use lockstep_sdk::step::SECOND;
use lockstep_sdk::{Fact, Facts, Failure, Pending, Progress, StepCall};

use super::copy;
use super::services::deployed;
use crate::context::Context;
use crate::names::{self, NEW, OLD};
use crate::passage;
use crate::seal;
use crate::sessions::SESSIONS;
use crate::smoke;
use crate::tables::pairs;

/// How often to look whether the old server is left.
const AGAIN: u64 = 5 * SECOND;

/// How long to wait for that, in looks: pools let go of idle connections in minutes.
const LOOKS: u64 = 120;

/// Looks whether every URL, as Railway renders it, leads to this address and the database.
pub(super) fn referred<O: Railway>(
    outside: &O,
    context: &Context,
    address: &str,
) -> Result<Progress, Failure> {
    for (service, name) in &context.urls {
        let what = format!("`{name}` of `{service}`");
        let Some(location) = outside.destination(service, name)? else {
            return Ok(Progress::Failed(format!("{what} renders to nothing")));
        };
        if !location.host.eq_ignore_ascii_case(address) {
            return Ok(Progress::Failed(format!(
                "{what} leads to `{}`, and should lead to `{address}`",
                location.host
            )));
        }
        let database = location.path.trim_start_matches('/').split(['?', '#']).next();
        if database != Some(context.database.as_str()) {
            return Ok(Progress::Failed(format!("{what} leads to another database")));
        }
    }
    Ok(Progress::Done(Vec::new()))
}

/// Looks whether everybody is led through the front, deployed as it was, and answers.
pub(super) fn through<O: Railway + Http>(
    outside: &O,
    context: &Context,
    call: &StepCall,
) -> Result<Progress, Failure> {
    let Some(front) = passage::location(outside)? else {
        return Ok(Progress::Failed("the front's own URL renders to nothing".to_owned()));
    };
    let led = referred(outside, context, &front.host)?;
    if !matches!(led, Progress::Done(_)) {
        return Ok(led);
    }
    for client in context.running() {
        let digest = keep::kept(Facts(&call.facts), &client.service).and_then(|kept| kept.digest);
        let label = names::through(&client.service);
        let found = deployed(outside, &label, &client.service, digest)?;
        if !matches!(found, Progress::Done(_)) {
            return Ok(found);
        }
    }
    answers(outside, call)
}

/// Looks whether everybody who answered before answers now.
pub(super) fn answers<O: Http>(outside: &O, call: &StepCall) -> Result<Progress, Failure> {
    block::check(outside, &smoke::LOOKS, Facts(&call.facts))
}

/// Looks whether everybody answers, is connected to the cluster and not to the old server, and nothing is missing.
pub(super) fn proven<O: Http + Sql + Effects>(
    outside: &O,
    call: &StepCall,
    memo: &[Fact],
) -> Result<Progress, Failure> {
    let answered = answers(outside, call)?;
    let Progress::Done(mut recorded) = answered else { return Ok(answered) };
    let new = seal::standing(outside, NEW)?;
    if new.clients == 0 {
        return Ok(waits(memo, LOOKS, "nobody is connected to the cluster".to_owned()));
    }
    if let Some(found) = deserted(outside, memo, LOOKS)? {
        return Ok(found);
    }
    recorded.push(Fact::one("sessions-at-the-cluster", new.clients));
    let compared = copy::ended(outside, &["compare"])?;
    let Progress::Done(facts) = compared else { return Ok(compared) };
    recorded.extend(facts);
    Ok(Progress::Done(recorded))
}

/// Returns what to say while clients are connected to the old server; none when it is left.
pub(super) fn deserted<O: Sql>(
    outside: &O,
    memo: &[Fact],
    longest: u64,
) -> Result<Option<Progress>, Failure> {
    if seal::standing(outside, OLD)?.clients == 0 {
        return Ok(None);
    }
    let who: Vec<String> = pairs(outside, OLD, SESSIONS)?.into_iter().map(|(who, _)| who).collect();
    Ok(Some(waits(memo, longest, format!("still connected to the old server: {}", who.join("; ")))))
}

/// Waits, but no longer than so many looks.
fn waits(memo: &[Fact], longest: u64, why: String) -> Progress {
    let looks = Facts(memo).maybe_count("looks").unwrap_or(0) + 1;
    if looks > longest {
        Progress::Failed(why)
    } else {
        Pending::after(AGAIN, why).remembering(vec![Fact::one("looks", looks)]).into()
    }
}
