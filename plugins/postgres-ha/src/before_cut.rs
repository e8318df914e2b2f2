//! What must be so before writes are blocked, or whoever writes is stopped.

use lockstep_sdk::blocks::{keep, owner, soon};
use lockstep_sdk::outside::{Railway, Sql};
use lockstep_sdk::step::SECOND;
use lockstep_sdk::{Fact, Facts, Failure, Observation, Pending, StepCall};

use crate::context::Context;
use crate::front;
use crate::links::{self, FORTH};
use crate::names::{self, FORWARD, OLD, rehearsal};
use crate::observe::other_servers;
use crate::options::Path;
use crate::server::Server;
use crate::tables;

/// How often to look again.
const AGAIN: u64 = SECOND;

/// The fact that tells when the links that were tried were ended.
pub(crate) const LINKS_ENDED: &str = "links-ended";

/// How long after that the cut may begin: the old server starts the worker that follows the cluster no sooner than its
/// `wal_retrieve_retry_interval`, five seconds unless somebody changed it, after it started the last one, and in the cut
/// writers would wait for that.
const APART: u64 = 6 * SECOND;

/// What is remembered when that has been waited for.
const WAITED: &str = "waited";

/// Proves everything again that the cut rests on. What may still come is waited for; what has changed is told.
pub(crate) fn observe<O: Railway + Sql>(
    outside: &O,
    context: &Context,
    call: &StepCall,
    memo: &[Fact],
) -> Result<Observation, Failure> {
    let facts = Facts(&call.facts);
    if let Some(moved) = moved(outside, context, facts)? {
        return Ok(Observation::Moved(moved));
    }
    let remembered = || vec![Fact::one(WAITED, 1_u64)];
    // A call knows when it began and not what time it is, so this is waited for once.
    let left = facts.maybe_count(LINKS_ENDED).map(|ended| (ended + APART).saturating_sub(call.now));
    if let Some(left) = left.filter(|left| *left > 0)
        && Facts(memo).maybe_count(WAITED).is_none()
    {
        let why = "the old server would start no link so soon after the last one";
        return Ok(Pending::after(left, why).remembering(remembered()).into());
    }
    let waits = |why: String| Ok(Pending::after(AGAIN, why).remembering(remembered()).into());
    let late = match context.path {
        Path::Online => following(outside, context)?,
        Path::Job => None,
    };
    if let Some(why) = late {
        return waits(why);
    }
    match soon(front::nodes(outside), "PgPool")? {
        Err(pending) => return Ok(pending.into()),
        Ok(nodes) => {
            if let Some(why) = front::unfit(&nodes, context.nodes.len()) {
                return waits(why);
            }
        }
    }
    Ok(match front::wrong_setting(outside)? {
        Some(why) => Observation::Moved(why),
        None => Observation::Ready(Vec::new()),
    })
}

/// Returns what the cluster, which follows the old server, has to wait for, if anything.
fn following<O: Sql>(outside: &O, context: &Context) -> Result<Option<String>, Failure> {
    if let Some(why) = links::broken(outside, FORTH)? {
        return Ok(Some(why));
    }
    let behind = links::slot(outside, FORTH)?.map_or(u64::MAX, |slot| slot.behind);
    Ok((behind > context.lag_bytes).then(|| {
        format!("the cluster is {behind} bytes behind, and {} are allowed", context.lag_bytes)
    }))
}

fn moved<O: Railway + Sql>(
    outside: &O,
    context: &Context,
    facts: Facts<'_>,
) -> Result<Option<String>, Failure> {
    for client in context.running() {
        let kept = keep::kept(facts, &client.service).and_then(|kept| kept.deployment);
        let own = [rehearsal(&client.service), names::through(&client.service)];
        let own: Vec<&str> = own.iter().map(String::as_str).collect();
        if let Some(why) = owner::foreign(outside, &client.service, kept, &own)? {
            return Ok(Some(why));
        }
    }
    if let Some(moved) = other_servers(outside, context)? {
        return Ok(Some(moved));
    }
    let prepared = Server::read(outside, OLD)?.prepared;
    if prepared > 0 {
        return Ok(Some(format!("{prepared} transactions are prepared, and would not be carried")));
    }
    let anonymous = tables::anonymous(outside)?;
    if let Some(table) = anonymous.first() {
        return Ok(Some(format!("nothing identifies the rows of {}", table.name)));
    }
    if context.path == Path::Job {
        return Ok(None);
    }
    let new = tables::unpublished(outside, OLD, FORWARD)?;
    Ok(new.first().map(|table| {
        format!("the table {table} came after the copy began, so somebody changes the schema")
    }))
}
