//! A comparison that goes on while others look at it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lockstep_engine::model::{Fact, Failure, Millis, Scope, Transfer};
use lockstep_engine::run::Follow;
use tokio::task::JoinHandle;

use super::run::{Ended, run};
use super::seen::Seen;
use crate::order::Order;
use crate::sql::session::Databases;
use crate::sql::snapshots::own_name;

/// How often it is worth looking.
const LOOK: Millis = Millis(250);

/// What is compared.
pub(super) struct Wanted {
    pub(super) left: String,
    pub(super) right: String,
    pub(super) scope: Scope,
    /// By which name the snapshots are kept that it is done at.
    pub(super) at: Option<String>,
    /// Which transactions those saw, at either side.
    pub(super) seen: Option<[Seen; 2]>,
    pub(super) except: Vec<String>,
}

/// How far it is.
#[derive(Debug, Default)]
pub(super) struct Reached {
    pub(super) rows: u64,
    /// How many there are, as far as the server knows without counting.
    pub(super) of_rows: u64,
    pub(super) moving: u64,
    ended: Option<Result<Vec<Fact>, Ended>>,
}

/// A comparison. Dropping it ends it.
pub(in crate::sql) struct Comparison {
    reached: Arc<Mutex<Reached>>,
    task: JoinHandle<()>,
}

impl Drop for Comparison {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Comparison {
    pub(in crate::sql) fn begin(
        databases: &Arc<Databases>,
        order: &Order<'_>,
        transfer: &Transfer,
    ) -> Self {
        let reached = Arc::new(Mutex::new(Reached::default()));
        let (databases, shared) = (databases.clone(), reached.clone());
        let wanted = wanted(order, transfer);
        let task = tokio::spawn(async move {
            let ended = match wanted {
                Some(wanted) => run(&databases, &wanted, &shared).await,
                None => Err(Ended::Failed(Failure::permanent("sql:kind", "this is no comparison"))),
            };
            lock(&shared).ended = Some(ended);
        });
        Self { reached, task }
    }

    pub(in crate::sql) fn look(&self) -> Result<Follow, Failure> {
        let reached = lock(&self.reached);
        match &reached.ended {
            Some(Ok(facts)) => Ok(Follow::Finished(facts.clone())),
            Some(Err(Ended::Differs(why))) => Ok(Follow::Failed(why.clone())),
            Some(Err(Ended::Failed(failure))) => Err(failure.clone()),
            None if self.task.is_finished() => {
                Err(Failure::transient("sql:compare", "the comparison stopped without an answer"))
            }
            None => Ok(Follow::Going { after: LOOK, note: reached.note() }),
        }
    }
}

impl Reached {
    fn note(&self) -> String {
        let moving = match self.moving {
            0 => String::new(),
            moving => format!(", {moving} of them on the move"),
        };
        format!("compared {} rows of about {}{moving}", self.rows, self.of_rows.max(self.rows))
    }
}

pub(super) fn lock(reached: &Mutex<Reached>) -> MutexGuard<'_, Reached> {
    reached.lock().unwrap_or_else(PoisonError::into_inner)
}

fn wanted(order: &Order<'_>, transfer: &Transfer) -> Option<Wanted> {
    let Transfer::Compare { left, right, scope, at, except } = transfer else { return None };
    Some(Wanted {
        left: left.clone(),
        right: right.clone(),
        scope: *scope,
        at: at.as_ref().map(|hold| own_name(order, hold)),
        seen: Seen::both(order),
        except: except.clone(),
    })
}

impl Databases {
    pub(in crate::sql) fn comparisons(&self) -> MutexGuard<'_, BTreeMap<String, Comparison>> {
        self.comparisons.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
