//! Whether the old server has been copied anew, and follows.

use lockstep_sdk::outside::Sql;
use lockstep_sdk::step::SECOND;
use lockstep_sdk::{Fact, Failure, Pending, Progress};

use super::copy::{COPIED, PUBLISHED};
use crate::answer;
use crate::context::Context;
use crate::links::{self, BACK};
use crate::names::{NEW, OLD, REVERSE};
use crate::rearm;

/// Looks whether every table is copied, and the old server nearly has everything that is written.
pub(super) fn armed_anew<O: Sql>(outside: &O, context: &Context) -> Result<Progress, Failure> {
    if rearm::is_lost(outside)? {
        return Ok(Progress::Again("the link was lost once more: it is begun anew".to_owned()));
    }
    let published = answer::row(outside, NEW, PUBLISHED, &[REVERSE.into()])?.count(0)?;
    let row = answer::row(outside, OLD, COPIED, &[REVERSE.into()])?;
    let (copied, all) = (row.count(0)?, row.count(1)?);
    if published == 0 || all != published || copied != all {
        let note = format!("{copied} of {published} tables are copied back");
        let pending =
            Pending { done: Some(copied), total: Some(published), ..Pending::after(SECOND, note) };
        return Ok(pending.into());
    }
    if let Some(why) = links::broken(outside, BACK)? {
        return Ok(Pending::after(SECOND, why).into());
    }
    let behind = links::slot(outside, BACK)?.map_or(u64::MAX, |slot| slot.behind);
    Ok(if behind > context.lag_bytes {
        let note = format!(
            "the old server is {behind} bytes behind, and {} are allowed",
            context.lag_bytes
        );
        Pending::after(SECOND, note).into()
    } else {
        Progress::Done(vec![Fact::one("tables", copied)])
    })
}
