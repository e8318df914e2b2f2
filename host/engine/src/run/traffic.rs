//! How many requests a service answered, and how many of them failed, counted from Railway's HTTP log.

use std::collections::VecDeque;

use super::port::World;
use crate::model::{Failure, Millis, Moment, Read, Reading, ServiceRef, Share, Tally};

/// Log lines arrive late: what is newer than this is counted with the next look.
const LATE: Millis = Millis::seconds(10);

/// What the first look of a process counts.
const FIRST: Millis = Millis::seconds(60);

/// The code of the answer that more requests were made than one answer holds.
const TOO_MANY: &str = "railway:too-large";

/// The shortest time whose requests are counted for a longer one.
const SHORTEST: Millis = Millis::seconds(1);

/// What this process counted, part by part, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Traffic(VecDeque<Part>);

#[derive(Debug)]
struct Part {
    from: Moment,
    until: Moment,
    share: Share,
}

impl Traffic {
    /// Counts on until `now`, and returns the requests of the newest `window`; none until that lies wholly after
    /// `counts_from` and was seen by this process.
    pub(super) async fn count(
        &mut self,
        world: &impl World,
        service: &str,
        now: Moment,
        window: Millis,
        counts_from: Moment,
    ) -> Result<Option<Share>, Failure> {
        let until = before(now, LATE);
        let start = before(until, window);
        let counted = self.0.back().map_or(before(until, FIRST), |part| part.until);
        let from = counted.max(start);
        if from < until {
            let share = counted_between(world, service, from, until).await?;
            self.0.push_back(Part { from, until, share });
        }
        let is_whole = self.0.front().is_some_and(|part| part.from <= start);
        while self.0.front().is_some_and(|part| part.until <= start) {
            self.0.pop_front();
        }
        let sum = self.0.iter().fold(Share::default(), |sum, part| sum.with(part.share));
        Ok((is_whole && counts_from <= start).then_some(sum))
    }
}

/// Counts the requests of the window before `now`.
pub(super) async fn before_the_run(
    world: &impl World,
    service: &str,
    now: Moment,
    window: Millis,
) -> Result<Share, Failure> {
    counted_between(world, service, before(now, window), now).await
}

/// Counts between two moments; where that is more than one answer holds, the newest part of it: it is the share that counts.
async fn counted_between(
    world: &impl World,
    service: &str,
    from: Moment,
    until: Moment,
) -> Result<Share, Failure> {
    let mut from = from;
    loop {
        let read = Read::Traffic(ServiceRef::Named(service.to_owned()), from, until);
        match world.read(&read).await {
            Ok(Reading::Traffic(Tally { requests, failed, .. })) => {
                return Ok(Share { requests, failed });
            }
            Ok(other) => {
                let text = format!("asked for requests and was answered {other:?}");
                return Err(Failure::permanent("engine:reading", text));
            }
            Err(failure) if failure.problem().code == TOO_MANY && until.since(from) > SHORTEST => {
                from = before(until, Millis(until.since(from).0 / 4));
            }
            Err(failure) => return Err(failure),
        }
    }
}

const fn before(moment: Moment, length: Millis) -> Moment {
    Moment(moment.0.saturating_sub(length.0))
}
