//! What a comparison is told, and how far it is.

use std::sync::{Arc, Mutex};

use lockstep_engine::model::{Failure, Scope, Transfer};

use super::run::run;
use super::seen::Seen;
use crate::order::Order;
use crate::sql::job::{Ended, Job, locked};
use crate::sql::session::Databases;
use crate::sql::snapshots::own_name;

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
}

/// Begins a comparison.
pub(in crate::sql) fn begin(
    databases: &Arc<Databases>,
    order: &Order<'_>,
    transfer: &Transfer,
) -> Job {
    let reached = Arc::new(Mutex::new(Reached::default()));
    let (databases, shared) = (databases.clone(), reached.clone());
    let wanted = wanted(order, transfer);
    Job::begin(move || locked(&reached).note(), async move {
        match wanted {
            Some(wanted) => run(&databases, &wanted, &shared).await,
            None => Err(Ended::Failed(Failure::permanent("sql:kind", "this is no comparison"))),
        }
    })
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
