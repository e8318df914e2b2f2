//! Whether links, seals and sessions stand as they must.

use lockstep_sdk::outside::Sql;
use lockstep_sdk::{Fact, Facts, Failure, Pending, Progress};

use crate::answer;
use crate::links::{self, BACK, FORTH, Link};
use crate::names::OLD;
use crate::seal;

/// How often to look while writes wait, in milliseconds.
const SOON: u64 = 20;

/// How long to look on for the end of sessions that have been told to end, in looks.
const PATIENCE: u64 = 25;

/// Looks without such a session before it is believed that none is left, while some session is always just beginning: one
/// that read the database's defaults before they were changed is listed a moment later, and these looks are apart by more.
const CLEAN: u64 = 3;

/// How far apart they are, in milliseconds.
const APART: u64 = 100;

/// Looks whether links run.
pub(super) fn linked<O: Sql>(outside: &O, links: &[Link]) -> Result<Progress, Failure> {
    for link in links {
        if let Some(why) = links::broken(outside, *link)? {
            return Ok(Pending::after(10 * SOON, why).into());
        }
    }
    Ok(Progress::Done(Vec::new()))
}

/// Looks whether nothing of links is left.
pub(super) fn gone<O: Sql>(outside: &O, links: &[Link]) -> Result<Progress, Failure> {
    for link in links {
        if let Some(why) = subscribed(outside, *link)? {
            return Ok(Progress::Failed(why));
        }
        if links::slot(outside, *link)?.is_some() {
            return Ok(Progress::Failed(format!("the slot `{}` is still there", link.name)));
        }
    }
    Ok(Progress::Done(Vec::new()))
}

/// Returns what to say if a subscription is there.
fn subscribed<O: Sql>(outside: &O, link: Link) -> Result<Option<String>, Failure> {
    let row = answer::row(outside, link.subscriber, &links::subscribed(link), &[])?;
    Ok(row.truth(0)?.then(|| format!("the subscription `{}` is still there", link.name)))
}

/// Looks whether the old server follows the cluster, and the cluster no longer the old server.
pub(super) fn armed<O: Sql>(outside: &O) -> Result<Progress, Failure> {
    if let Some(why) = subscribed(outside, FORTH)? {
        return Ok(Progress::Failed(why));
    }
    Ok(match links::broken(outside, BACK)? {
        Some(why) => Pending::after(SOON, why).into(),
        None => Progress::Done(Vec::new()),
    })
}

/// Looks whether a database is sealed.
pub(super) fn sealed<O: Sql>(outside: &O, connection: &str) -> Result<Progress, Failure> {
    Ok(if seal::standing(outside, connection)?.sealed {
        Progress::Done(Vec::new())
    } else {
        Progress::Failed("the database is not sealed".to_owned())
    })
}

/// Looks whether every client's session began under the seal.
///
/// That there is none is not demanded: pools connect anew at once, and what comes then is sealed.
pub(super) fn ended<O: Sql>(
    outside: &O,
    connection: &str,
    memo: &[Fact],
) -> Result<Progress, Failure> {
    let standing = seal::standing_of_all(outside, connection)?;
    if !standing.sealed {
        return Ok(Progress::Failed("the database is not sealed".to_owned()));
    }
    let recorded = vec![Fact::one("sealed-sessions", standing.clients)];
    let left = (standing.older, standing.beginning);
    Ok(none_left(left, "are older than the seal", memo, recorded))
}

/// Looks whether the old database takes writes again, from everybody. A session that was just beginning when the others were
/// ended shows only afterwards, and is ended in another round.
pub(super) fn unsealed<O: Sql>(outside: &O, memo: &[Fact]) -> Result<Progress, Failure> {
    let standing = seal::standing_of_all(outside, OLD)?;
    if standing.sealed {
        return Ok(Progress::Failed("the database is still sealed".to_owned()));
    }
    let left = (standing.stuck, standing.beginning);
    Ok(none_left(left, "began under the seal", memo, Vec::new()))
}

/// Looks on until no session is `left`, and none is just `beginning` or none has been left for a few looks. Those that do not
/// end are ended in another round.
fn none_left(
    (left, beginning): (u64, u64),
    which: &str,
    memo: &[Fact],
    recorded: Vec<Fact>,
) -> Progress {
    if left == 0 && beginning == 0 {
        return Progress::Done(recorded);
    }
    let memo = Facts(memo);
    let (clean, looks) = if left == 0 {
        (memo.maybe_count("clean").unwrap_or(0) + 1, 0)
    } else {
        (0, memo.maybe_count("looks").unwrap_or(0) + 1)
    };
    if clean >= CLEAN {
        return Progress::Done(recorded);
    }
    let note = match left {
        0 => format!("no sessions {which}: looking again"),
        left => format!("{left} sessions {which}, and are ending"),
    };
    if looks > PATIENCE {
        return Progress::Again(note);
    }
    Pending::after(if clean > 0 { APART } else { SOON }, note)
        .remembering(vec![Fact::one("clean", clean), Fact::one("looks", looks)])
        .into()
}
