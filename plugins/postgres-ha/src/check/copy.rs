//! Whether the copy is whole.

use lockstep_sdk::outside::{Effects, Sql};
use lockstep_sdk::step::SECOND;
use lockstep_sdk::{Fact, Failure, Pending, Progress};

use crate::answer;
use crate::context::Context;
use crate::links::{self, FORTH};
use crate::names::{FORWARD, NEW, OLD};

/// Tables of the publication.
pub(crate) const PUBLISHED: &str =
    "SELECT count(*) FROM pg_publication_tables t WHERE t.pubname = $1";

/// Tables that are copied and followed, and all that are subscribed to.
pub(crate) const COPIED: &str = "\
    SELECT coalesce(sum(CASE WHEN r.srsubstate = 'r' THEN 1 ELSE 0 END), 0)::int8, count(*) \
    FROM pg_subscription_rel r WHERE r.srsubid IN (SELECT s.subid FROM pg_stat_subscription s WHERE s.subname = $1)";

/// Errors of the copy and of what follows it, counted since 15.
pub(crate) const ERRORS: &str = "\
    SELECT coalesce(sum(e.apply_error_count + e.sync_error_count), 0)::int8 FROM pg_stat_subscription_stats e WHERE e.subname = $1";

/// The first major version that counts errors of subscriptions.
const COUNTS_ERRORS: u64 = 15;

/// Errors after which nobody hopes any more. Each is tried again by the server, some seconds later.
const HOPELESS: u64 = 20;

/// How often it is worth looking whether a table more is copied: a small one takes a fraction of it.
const LOOK: u64 = SECOND / 4;

/// Looks whether every table is copied, and followed.
pub(super) fn copied<O: Sql>(outside: &O, context: &Context) -> Result<Progress, Failure> {
    let published = answer::row(outside, OLD, PUBLISHED, &[FORWARD.into()])?.count(0)?;
    let row = answer::row(outside, NEW, COPIED, &[FORWARD.into()])?;
    let (copied, all) = (row.count(0)?, row.count(1)?);
    if published > 0 && all == published && copied == all {
        return Ok(Progress::Done(vec![Fact::one("tables", copied)]));
    }
    let mut note = format!("{copied} of {published} tables are copied");
    if context.new_major >= COUNTS_ERRORS {
        let errors = answer::row(outside, NEW, ERRORS, &[FORWARD.into()])?.count(0)?;
        if errors >= HOPELESS {
            let why = format!("the copy failed {errors} times: the cluster's log says why");
            return Ok(Progress::Failed(why));
        }
        if errors > 0 {
            note = format!("{note}, after {errors} errors");
        }
    }
    let pending =
        Pending { done: Some(copied), total: Some(published), ..Pending::after(LOOK, note) };
    Ok(pending.into())
}

/// Looks whether the cluster has nearly everything that is written.
pub(super) fn caught_up<O: Sql>(outside: &O, context: &Context) -> Result<Progress, Failure> {
    if let Some(why) = links::broken(outside, FORTH)? {
        return Ok(Pending::after(SECOND, why).into());
    }
    let behind = links::slot(outside, FORTH)?.map_or(u64::MAX, |slot| slot.behind);
    Ok(if behind > context.lag_bytes {
        let note =
            format!("the cluster is {behind} bytes behind, and {} are allowed", context.lag_bytes);
        Pending::after(SECOND, note).into()
    } else {
        Progress::Done(Vec::new())
    })
}

/// Looks whether effects that go on after they were answered have ended well; one that never began is not waited for.
pub(super) fn ended<O: Effects>(outside: &O, labels: &[&str]) -> Result<Progress, Failure> {
    let mut facts = Vec::new();
    for label in labels {
        match outside.progress(label) {
            Ok(None) => {}
            Ok(Some(job)) if job.finished => facts.extend(job.facts),
            Ok(Some(job)) => {
                let pending = Pending {
                    done: Some(job.done),
                    total: Some(job.total),
                    ..Pending::after(SECOND, job.note)
                };
                return Ok(pending.into());
            }
            Err(failure) if failure.is_denied() || failure.may_pass() => return Err(failure),
            Err(failure) => return Ok(Progress::Failed(failure.line())),
        }
    }
    Ok(Progress::Done(facts))
}
