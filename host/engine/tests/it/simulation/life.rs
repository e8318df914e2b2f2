//! One simulated run, from its approval to its end, through every interruption.

use lockstep_engine::journal::Event;
use lockstep_engine::model::Millis;
use lockstep_engine::run::{Clock as _, Ended, RunError, Wait, Wish};

use super::laws;
use super::random::Random;
use super::scenario::scenario;
use super::sections;
use crate::fake::FarSide;

/// Times that a person answers before giving up.
const MAX_ANSWERS: u32 = 12;

/// Interruptions after which the test would be wrong, not the engine.
const MAX_LIVES: u32 = 500;

/// What happened.
pub(super) struct Life {
    endings: Vec<String>,
    events: Vec<Event>,
}

impl Life {
    /// Returns all of it in words.
    pub(super) fn story(&self) -> String {
        let events = self.events.iter().map(|event| format!("{event:?}"));
        self.endings.iter().cloned().chain(events).collect::<Vec<_>>().join("\n")
    }
}

/// Lives through `seed` and holds the laws against what happened.
pub(super) fn live(seed: u64) -> Life {
    let mut random = Random::new(seed);
    let mut bench = scenario(&mut random);
    let before: FarSide = bench.world.far.borrow().clone();
    let mut endings = Vec::new();
    let (mut answers, mut lives) = (0, 0);
    let ended = loop {
        lives += 1;
        assert!(lives < MAX_LIVES, "interrupted {lives} times");
        let ran = bench.run();
        assert!(!bench.world.holds.any(), "the run was left with writes blocked (L14)");
        let ended = match ran {
            Ok(ended) => ended,
            Err(RunError::Journal(error)) => {
                endings.push(format!("crashed: {error}"));
                bench.clock.pass(Millis(u64::from(random.below(20_000))));
                continue;
            }
            Err(error) => panic!("{error}: {error:?}"),
        };
        endings.push(format!("{ended:?}"));
        sections::nothing_waits(&bench, &ended);
        match &ended {
            Ended::Done | Ended::RolledBack(_) => break ended,
            Ended::Waiting(Wait::Paused) => bench.control.wants(None),
            Ended::Waiting(Wait::Moved(_)) | Ended::Stuck(_) => {
                answers += 1;
                if answers > MAX_ANSWERS {
                    break ended;
                }
                if random.chance(30) {
                    bench.control.wants(Some(Wish::RollBack("wished".to_owned())));
                } else {
                    bench.control.wants(None);
                    bench.answer_the_question();
                }
            }
            Ended::Waiting(Wait::Claimed { .. }) => bench.world.outside.put_claim(""),
            Ended::Waiting(Wait::Window { opens: Some(opens), .. }) => {
                let left = opens.since(bench.clock.now());
                bench.clock.pass(left);
            }
            Ended::Waiting(Wait::Soak { until, .. }) => {
                let left = until.since(bench.clock.now());
                bench.clock.pass(left);
            }
            Ended::Waiting(
                wait @ (Wait::Gate { .. } | Wait::Until(_) | Wait::Window { opens: None, .. }),
            ) => {
                panic!("nobody asked to wait: {wait:?}")
            }
        }
    };
    laws::hold(&bench, &before, &ended);
    Life { endings, events: bench.journal.events() }
}
