//! One run on fakes, taken up again as often as it is interrupted.

use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use lockstep_engine::journal::{Epoch, Event, Phase};
use lockstep_engine::model::{Label, Plan};
use lockstep_engine::run::{Clock, Ended, Execution, OnFailure, Options, Ports, RunError};

use super::clock::FakeClock;
use super::far_side::FarSide;
use super::guest::FakeGuest;
use super::journal::FakeJournal;
use super::people::{FakeControl, FakeReporter};
use super::plans::Shape;
use super::world::FakeWorld;

/// More interruptions than any test makes.
const MAX_LIVES: u32 = 200;

pub(crate) struct Bench {
    pub(crate) clock: Rc<FakeClock>,
    pub(crate) journal: Rc<FakeJournal>,
    pub(crate) world: FakeWorld,
    pub(crate) control: FakeControl,
    pub(crate) reporter: FakeReporter,
    pub(crate) guest: FakeGuest,
    pub(crate) plan: Plan,
    pub(crate) options: Options,
    /// Whether each process knows that the one before it is gone.
    pub(crate) former_holder_is_gone: bool,
}

/// Returns what `future` gives. Fakes never wait, so one that is not ready never will be.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("a fake is waiting"),
    }
}

pub(crate) fn options() -> Options {
    Options {
        gates_approved_by: Some("ada".to_owned()),
        on_failure: OnFailure::RollBack,
        until: None,
        outside_windows: None,
        detach: false,
        claimant: None,
        gone: None,
    }
}

impl Bench {
    /// Returns an approved run of the plan that `shape` makes of `far`.
    pub(crate) fn new(shape: &Shape, far: FarSide) -> Self {
        let plan = shape.freeze(&far).unwrap();
        Self::of(plan, far)
    }

    pub(crate) fn of(plan: Plan, far: FarSide) -> Self {
        let clock = Rc::new(FakeClock::default());
        let journal = Rc::new(FakeJournal::new(Rc::clone(&clock)));
        let digest = plan.authority.digest().unwrap();
        journal.write(clock.now(), Event::Planned { plan: digest });
        journal.write(clock.now(), Event::Approved { plan: digest, by: "ada".to_owned() });
        Self {
            world: FakeWorld::new(far, Rc::clone(&journal)),
            clock,
            journal,
            control: FakeControl::default(),
            reporter: FakeReporter::default(),
            guest: FakeGuest::default(),
            plan,
            options: options(),
            former_holder_is_gone: true,
        }
    }

    /// Takes the run in a new process, until it ends or the process must not go on.
    pub(crate) fn run(&mut self) -> Result<Ended, RunError> {
        let epoch = self.journal.take(self.clock.now());
        let gone = self.former_holder_is_gone.then(|| Epoch(epoch.0 - 1));
        let ports = Ports {
            world: &self.world,
            journal: &*self.journal,
            clock: &*self.clock,
            reporter: &self.reporter,
            control: &self.control,
        };
        let mut execution = Execution::new(
            ports,
            &self.plan.authority,
            Options { gone, ..self.options.clone() },
            self.journal.run.clone(),
            epoch,
            &self.journal.records(),
        )?;
        block_on(execution.run(&mut self.guest))
    }

    /// Takes the run, and takes it up again after each interruption.
    pub(crate) fn run_on(&mut self) -> Ended {
        for _ in 0..MAX_LIVES {
            match self.run() {
                Ok(ended) => return ended,
                Err(RunError::Journal(_)) => {}
                Err(error) => panic!("{error}: {error:?}"),
            }
        }
        panic!("interrupted {MAX_LIVES} times");
    }

    /// Lets a person answer what the run is stuck with: the truth about an effect, or to go on.
    pub(crate) fn answer_the_question(&self) {
        let state = self.journal.state();
        assert!(matches!(state.phase, Phase::Stuck(_) | Phase::Moved(_)), "{:?}", state.phase);
        let by = "ada".to_owned();
        let told = state.open.and_then(|(_, label)| Some((self.world.truth(&label)?, label)));
        let event = match told {
            Some((happened, label)) => Event::Assumed { label, happened, by },
            None => Event::Resumed { by },
        };
        self.journal.write(self.clock.now(), event);
    }

    pub(crate) fn write(&self, event: Event) {
        self.journal.write(self.clock.now(), event);
    }

    /// Returns the effects of the plan, undo effects included, that were sent, in order.
    pub(crate) fn sent(&self) -> Vec<Label> {
        self.world.sent.borrow().iter().map(|intent| intent.label.clone()).collect()
    }
}
