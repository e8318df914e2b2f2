//! What was in the server before a change: what the check after it compares with, recorded by the step that looked.

use lockstep_sdk::outside::Redis;
use lockstep_sdk::step::HOUR;
use lockstep_sdk::{Fact, Facts, Failure, StepCall, Value};

use crate::context::Context;
use crate::look::{FIRST, Look};
use crate::queues::Queues;

/// After so long clients alone may have changed most of what had stood still.
const OLD: u64 = HOUR;

/// The fact that holds how many jobs there were.
const JOBS: &str = "jobs";
/// The fact that holds the moment of the look.
const LOOKED: &str = "looked";

/// What was in the server at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Before {
    /// The keys, without what did not stand still.
    pub(crate) look: Look,
    /// Jobs in all queues; none where not all queues are known.
    pub(crate) jobs: Option<u64>,
    /// When.
    looked: u64,
}

impl Before {
    /// Looks once. What stood still since the look from before the first change, which `call` is given, is what counts.
    pub(crate) fn take<O: Redis>(
        outside: &O,
        context: &Context,
        call: &StepCall,
    ) -> Result<Self, Failure> {
        let facts = Facts(&call.facts);
        let queues = Queues::again(outside, &context.connection, facts)?;
        let look = Look::take(outside, &context.connection)?;
        let look = match Look::of(facts, FIRST) {
            Some(first) => look.steady_since(&first),
            None => look,
        };
        Ok(Self { look, jobs: queues.complete.then(|| queues.all()), looked: call.now })
    }

    /// Returns it as facts.
    pub(crate) fn facts(&self) -> Vec<Fact> {
        let mut facts = self.look.facts("");
        facts.push(Fact::one(JOBS, self.jobs));
        facts.push(Fact::one(LOOKED, Value::Moment(self.looked)));
        facts
    }

    /// Reads it from facts.
    pub(crate) fn of(facts: Facts<'_>) -> Option<Self> {
        let Value::Moment(looked) = facts.rows(LOOKED).ok()?.first()?.first()? else { return None };
        Some(Self { look: Look::of(facts, "")?, jobs: facts.maybe_count(JOBS), looked: *looked })
    }

    /// Returns whether it was so long before `now` that little of it says anything.
    pub(crate) const fn is_old(&self, now: u64) -> bool {
        now.saturating_sub(self.looked) > OLD
    }
}
