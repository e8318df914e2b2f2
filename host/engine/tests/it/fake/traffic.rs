//! What the watches of a run see, by the clock.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use lockstep_engine::model::{
    Deployment, DeploymentStatus, Failure, Moment, Reading, ServiceRef, Tally,
};

/// How many requests come in a second, and how many of a hundred fail.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    pub(crate) a_second: u64,
    pub(crate) failing: u64,
}

/// What can be seen from outside the run.
#[derive(Default)]
pub(crate) struct Outside {
    /// From when on each rate holds, the earliest first.
    pub(crate) rates: RefCell<Vec<(Moment, Rate)>>,
    /// From when on the newest deployment is down.
    pub(crate) crashed: Cell<Option<Moment>>,
    /// From when on each of these services is down.
    pub(crate) down: RefCell<Vec<(Moment, String)>>,
    /// Deployments that somebody else made, and since when they are there.
    pub(crate) foreign: RefCell<Vec<(Moment, String)>>,
    /// Objects of a schema, and since when each is there.
    pub(crate) objects: RefCell<Vec<(Moment, String)>>,
    /// Since when somebody else has staged a change.
    pub(crate) staged: Cell<Option<Moment>>,
    /// What is written as the claim on the environment.
    pub(crate) claim: RefCell<Option<String>>,
    /// Why nobody can read the claim, while that is so.
    pub(crate) claim_fails: RefCell<Option<Failure>>,
    /// What another store writes there, and when.
    pub(crate) other_claim: RefCell<Option<(Moment, String)>>,
    /// Most requests that one answer holds.
    pub(crate) most: Cell<Option<u64>>,
}

impl Outside {
    pub(crate) fn rate(&self, from: Moment, a_second: u64, failing: u64) {
        self.rates.borrow_mut().push((from, Rate { a_second, failing }));
    }

    /// Counts whole seconds, each by the rate at its beginning.
    pub(crate) fn requests(&self, from: Moment, until: Moment) -> Result<Tally, Failure> {
        let rates = self.rates.borrow();
        let mut tally = Tally { requests: 0, failed: 0, extra: Vec::new() };
        for second in from.0 / 1000..until.0 / 1000 {
            let holds = |(since, _): &&(Moment, Rate)| since.0 / 1000 <= second;
            if let Some((_, rate)) = rates.iter().rev().find(holds) {
                tally.requests += rate.a_second * 100;
                tally.failed += rate.a_second * rate.failing;
            }
        }
        tally.requests /= 100;
        tally.failed /= 100;
        if self.most.get().is_some_and(|most| tally.requests > most) {
            return Err(Failure::permanent("railway:too-large", "too many"));
        }
        Ok(tally)
    }

    pub(crate) fn schema(&self, now: Moment) -> BTreeMap<String, String> {
        let objects = self.objects.borrow();
        let there = objects.iter().filter(|(since, _)| *since <= now);
        there.map(|(since, object)| (object.clone(), since.0.to_string())).collect()
    }

    pub(crate) fn deployments(&self, service: &ServiceRef, now: Moment) -> Reading {
        let down = self.down.borrow();
        let is_it = |name: &String| *service == ServiceRef::Named(name.clone());
        let crashed = self.crashed.get().is_some_and(|since| since <= now)
            || down.iter().any(|(since, name)| *since <= now && is_it(name));
        let status = if crashed { DeploymentStatus::Crashed } else { DeploymentStatus::Success };
        let foreign = self.foreign.borrow();
        let there = foreign.iter().rev().filter(|(since, _)| *since <= now);
        let ids = there.map(|(_, id)| id.clone()).chain(["d".to_owned()]);
        Reading::Deployments(ids.map(|id| deployment(id, status.clone())).collect())
    }

    pub(crate) fn claim(&self, now: Moment) -> Option<String> {
        let due = self.other_claim.borrow_mut().take_if(|(at, _)| *at <= now);
        if let Some((_, other)) = due {
            self.claim.replace(Some(other));
        }
        self.claim.borrow().clone()
    }

    pub(crate) fn put_claim(&self, text: &str) {
        self.claim.replace(Some(text.to_owned()));
    }

    pub(crate) fn staged(&self, now: Moment) -> Reading {
        let there = self.staged.get().is_some_and(|since| since <= now);
        Reading::Staged(if there { vec!["a variable of litellm".to_owned()] } else { Vec::new() })
    }
}

fn deployment(id: String, status: DeploymentStatus) -> Deployment {
    Deployment {
        id,
        status,
        created: Moment(0),
        changed: Moment(0),
        image: None,
        digest: None,
        can_roll_back: true,
        extra: Vec::new(),
    }
}
