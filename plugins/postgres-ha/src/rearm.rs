//! A way back that was lost, as at a failover that took the slot with it, and whether it can be made anew.
//!
//! The old server then lacks rows and nothing tells which, so it is copied anew, while everybody goes on writing at the cluster.
//! Its former rows are given up for that, and a person is asked before.

use lockstep_sdk::blocks::soon;
use lockstep_sdk::outside::Sql;
use lockstep_sdk::step::SECOND;
use lockstep_sdk::{Fact, Facts, Failure, Observation, Pending, StepCall};

use crate::context::Context;
use crate::front;
use crate::links::{self, BACK};
use crate::names::OLD;
use crate::seal;

/// What a person goes on with.
const OFFER: &str = "Going on copies the old server anew, from the cluster and while everybody goes on writing there, and goes back \
    then, without losing a row. What the old server has now is given up for it, and kept in a locked backup of its volume";

/// The fact by which the host tells what was said when a person went on.
const ACCEPTED: &str = "accepted";

/// How often to look whether a link that stands still goes on by itself.
const AGAIN: u64 = 5 * SECOND;

/// How long to wait for that, in looks: a server that is started again, or a failover, takes less.
const LOOKS: u64 = 24;

/// Looks whether the old server must be copied anew before anybody goes back to it.
pub(crate) fn observe<O: Sql>(
    outside: &O,
    context: &Context,
    call: &StepCall,
    memo: &[Fact],
) -> Result<Observation, Failure> {
    let Some(why) = links::broken(outside, BACK)? else {
        return Ok(Observation::NothingToDo("the old server follows the cluster".to_owned()));
    };
    if !is_lost(outside)? {
        let looks = Facts(memo).maybe_count("looks").unwrap_or(0) + 1;
        if looks <= LOOKS {
            let looks = vec![Fact::one("looks", looks)];
            return Ok(Pending::after(AGAIN, why).remembering(looks).into());
        }
    }
    if !Facts(&call.facts).maybe_text(ACCEPTED).is_some_and(|said| said.contains(OFFER)) {
        return Ok(Observation::Moved(format!(
            "{why}: what was written at the cluster since then did not reach the old server, so going back would lose it. {OFFER}"
        )));
    }
    // The cluster is about to be the only place of what was written before the switch.
    let wanted = context.nodes.len().min(2);
    let nodes = match soon(front::nodes(outside), "PgPool")? {
        Ok(nodes) => nodes,
        Err(pending) => return Ok(pending.into()),
    };
    if let Some(why) = front::unfit(&nodes, wanted) {
        let why =
            format!("{why}: what the old server has is not given up while that is so. {OFFER}");
        return Ok(Observation::Moved(why));
    }
    let standing = seal::standing(outside, OLD)?;
    if !standing.sealed || standing.clients > 0 {
        return Ok(Observation::Moved(format!(
            "the old server is not sealed, or still has {} client sessions, so it is not emptied. {OFFER}",
            standing.clients
        )));
    }
    Ok(Observation::Ready(vec![Fact::one("lost", why)]))
}

/// Returns whether the link can't go on by itself: it needs what the cluster does not keep any more.
pub(crate) fn is_lost<O: Sql>(outside: &O) -> Result<bool, Failure> {
    if !links::is_subscribed(outside, BACK)? {
        return Ok(true);
    }
    Ok(links::slot(outside, BACK)?.is_none_or(|slot| slot.status == "lost"))
}
