//! The outside: the far side behind a network that loses requests and answers, and that tells the truth when asked.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

use lockstep_engine::journal::{Event, Fate, Intent, Sent, Standing};
use lockstep_engine::model::{
    Canary, CanaryTally, Fact, Failure, Kind, Label, Millis, Moment, Numbers, Placed, Read,
    Reading, ServiceRef, StepId, Survey,
};
use lockstep_engine::policy::Admitted;
use lockstep_engine::run::{Clock as _, Follow, World};

use super::canaries::Canaries;
use super::far_side::FarSide;
use super::holds::Holds;
use super::journal::FakeJournal;
use super::plans::survey_of;
use super::traffic::Outside;

/// What goes wrong with one send.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Fault {
    /// The far side refuses; nothing happens.
    Refused(Failure),
    /// The request is lost.
    LostBefore,
    /// It happens, and the answer is lost.
    LostAfter,
    /// It happens only while it is being settled, after so many looks.
    Slow(u32),
    /// It happens, and the answer comes after so long.
    LateAnswer(Millis),
    /// The far side says that a part of it happened.
    Partly,
    /// The far side says that it did not happen, and then it does.
    Late,
    /// The far side can't tell whether it happened. It did if true.
    Untold(bool),
}

/// One performance: what tells it from every other.
type Key = (StepId, u32, u32, u32);

pub(crate) struct FakeWorld {
    pub(crate) far: RefCell<FarSide>,
    pub(crate) faults: RefCell<BTreeMap<Label, VecDeque<Fault>>>,
    pub(crate) follows: RefCell<BTreeMap<Label, VecDeque<Result<Follow, Failure>>>>,
    pub(crate) unreadable: RefCell<VecDeque<Failure>>,
    /// Every effect that happened, in order.
    pub(crate) happened: RefCell<Vec<Intent>>,
    /// Every effect that was sent, in order.
    pub(crate) sent: RefCell<Vec<Intent>>,
    /// Every intent whose fate was looked for, as the engine told it.
    pub(crate) settled: RefCell<Vec<Intent>>,
    pub(crate) reads: RefCell<Vec<Read>>,
    pub(crate) looks: Cell<u32>,
    /// What the watches see.
    pub(crate) outside: Outside,
    /// Blocks on writes.
    pub(crate) holds: Holds,
    /// The canaries beside the run.
    pub(crate) canaries: Canaries,
    journal: Rc<FakeJournal>,
    going: RefCell<BTreeMap<Label, u32>>,
    untold: RefCell<BTreeMap<Label, bool>>,
    late: RefCell<BTreeSet<Label>>,
    partly: RefCell<BTreeSet<Label>>,
}

impl FakeWorld {
    pub(crate) fn new(far: FarSide, journal: Rc<FakeJournal>) -> Self {
        Self {
            far: RefCell::new(far),
            faults: RefCell::default(),
            follows: RefCell::default(),
            unreadable: RefCell::default(),
            happened: RefCell::default(),
            sent: RefCell::default(),
            settled: RefCell::default(),
            reads: RefCell::default(),
            looks: Cell::new(0),
            outside: Outside::default(),
            holds: Holds::new(journal.clock()),
            canaries: Canaries::default(),
            journal,
            going: RefCell::default(),
            untold: RefCell::default(),
            late: RefCell::default(),
            partly: RefCell::default(),
        }
    }

    pub(crate) fn fault(&self, label: &str, fault: Fault) {
        self.faults.borrow_mut().entry(label.parse().unwrap()).or_default().push_back(fault);
    }

    pub(crate) fn follow_once(&self, label: &str, follow: Result<Follow, Failure>) {
        self.follows.borrow_mut().entry(label.parse().unwrap()).or_default().push_back(follow);
    }

    /// Returns the labels that happened, in order.
    pub(crate) fn log(&self) -> Vec<String> {
        self.happened.borrow().iter().map(|intent| intent.label.to_string()).collect()
    }

    /// Returns what a person finds out about an effect of which the far side can't tell; from then on it can.
    pub(crate) fn truth(&self, label: &Label) -> Option<bool> {
        self.untold.borrow_mut().remove(label)
    }

    fn happen(&self, effect: &Admitted, intent: &Intent) -> Vec<Fact> {
        // A person may have what ended badly sent again.
        let badly =
            self.journal.events().into_iter().any(
                |event| matches!(event, Event::EndedBadly { label, .. } if label == intent.label),
            );
        self.block(effect, intent);
        let blocks = matches!(effect.effect().kind, Kind::HoldWrites { .. });
        let twice = self.happened.borrow().iter().any(|earlier| {
            (&earlier.step, earlier.round, earlier.position)
                == (&intent.step, intent.round, intent.position)
                && (!badly || earlier.attempt == intent.attempt)
        });
        assert!(!twice || blocks, "`{}` happens twice in one place of a round (L5)", intent.label);
        self.far.borrow_mut().perform(effect.effect(), effect.is_undo());
        self.happened.borrow_mut().push(intent.clone());
        given(intent)
    }

    /// Blocks writes, or lifts a block. A block is done again where it was lifted, but never while it stands.
    fn block(&self, effect: &Admitted, intent: &Intent) {
        if let Kind::HoldWrites { max_outage, .. } = &effect.effect().kind {
            let deadline = effect.deadline().expect("in a section (L14)");
            let left = deadline.since(self.journal.clock().now());
            self.holds.hold(&intent.label, left.min(*max_outage));
        }
        if let Kind::ReleaseWrites { hold, .. } = &effect.effect().kind {
            self.holds.release(hold);
        }
    }

    /// Returns whether an effect blocks writes after its section's deadline, which no statement of it outlives, or lifts,
    /// on the way there, a block that does not stand any more: what was done meanwhile was not protected.
    fn is_too_late(&self, effect: &Admitted) -> bool {
        if let Kind::HoldWrites { .. } = effect.effect().kind {
            return effect.deadline().is_none_or(|deadline| deadline <= self.journal.now());
        }
        let Kind::ReleaseWrites { hold, .. } = &effect.effect().kind else { return false };
        !effect.is_undo() && !self.holds.stands(hold)
    }

    fn unreachable(&self, kind: &Kind) -> Option<Failure> {
        let (Kind::RedisCommand { connection, .. } | Kind::SqlExecute { connection, .. }) = kind
        else {
            return None;
        };
        self.far.borrow().unreachable(connection)
    }

    fn has_happened(&self, intent: &Intent) -> bool {
        self.happened.borrow().iter().any(|earlier| key(earlier) == key(intent))
    }
}

fn key(intent: &Intent) -> Key {
    (intent.step.clone(), intent.round, intent.position, intent.attempt)
}

/// What an effect gives, the same whether it is answered or settled.
fn given(intent: &Intent) -> Vec<Fact> {
    vec![Fact::text("deployment", format!("d-{}-{}", intent.label, intent.round))]
}

impl World for FakeWorld {
    async fn survey(&self) -> Result<Survey, Failure> {
        Ok(survey_of(&self.far.borrow()))
    }

    async fn read(&self, read: &Read) -> Result<Reading, Failure> {
        self.reads.borrow_mut().push(read.clone());
        if let Read::Traffic(_, from, until) = read {
            return self.outside.requests(*from, *until).map(Reading::Traffic);
        }
        if let Read::Deployments(service, _) = read {
            if let ServiceRef::Named(name) = service
                && !self.far.borrow().configured.contains_key(name)
            {
                return Err(Failure::permanent(
                    "railway:no-service",
                    format!("no service `{name}`"),
                ));
            }
            return Ok(self.outside.deployments(service, self.journal.now()));
        }
        let of_deployment = matches!(read, Read::Deployment(_));
        let staged = || self.outside.staged(self.journal.now());
        Ok(if of_deployment { Reading::Deployment(None) } else { staged() })
    }

    async fn schema(&self, connection: &str) -> Result<BTreeMap<String, String>, Failure> {
        if let Some(failure) = self.far.borrow().unreachable(connection) {
            return Err(failure);
        }
        Ok(self.outside.schema(self.journal.now()))
    }

    async fn claim(&self) -> Result<Option<String>, Failure> {
        match self.outside.claim_fails.borrow().clone() {
            Some(failure) => Err(failure),
            None => Ok(self.outside.claim(self.journal.now())),
        }
    }

    async fn put_claim(&self, text: &str) -> Result<(), Failure> {
        self.outside.put_claim(text);
        Ok(())
    }

    async fn standing(&self, effect: &Admitted) -> Result<Standing, Failure> {
        if let Some(failure) = self.unreadable.borrow_mut().pop_front() {
            return Err(failure);
        }
        Ok(self.far.borrow().standing(effect.effect()))
    }

    async fn send(&self, effect: &Admitted, intent: &Intent) -> Sent {
        let durable = Some(Event::Intended(intent.clone()));
        assert_eq!(self.journal.last(), durable, "sent before the intent was durable (L4)");
        self.sent.borrow_mut().push(intent.clone());
        let removes = intent.step.as_str().ends_with("end-canaries");
        assert!(!removes || !self.canaries.any(), "canaries are written while their place goes");
        let lost = || Sent::Unknown(Failure::transient("net:lost", "the connection broke"));
        let fault = self.faults.borrow_mut().get_mut(&intent.label).and_then(VecDeque::pop_front);
        match fault {
            Some(Fault::Refused(failure)) => Sent::Refused(failure),
            Some(_) | None if self.is_too_late(effect) => {
                Sent::Refused(Failure::permanent("sql:lifted", "writes were not blocked any more"))
            }
            None => match self.unreachable(&effect.effect().kind) {
                Some(failure) => Sent::Refused(failure),
                None => Sent::Done(self.happen(effect, intent)),
            },
            Some(Fault::LateAnswer(length)) => {
                let given = self.happen(effect, intent);
                self.journal.pass(length);
                Sent::Done(given)
            }
            Some(Fault::LostBefore) => lost(),
            Some(Fault::LostAfter) => {
                self.happen(effect, intent);
                lost()
            }
            Some(Fault::Slow(looks)) => {
                self.going.borrow_mut().insert(intent.label.clone(), looks);
                lost()
            }
            Some(Fault::Partly) => {
                self.partly.borrow_mut().insert(intent.label.clone());
                lost()
            }
            Some(Fault::Late) => {
                self.late.borrow_mut().insert(intent.label.clone());
                lost()
            }
            Some(Fault::Untold(happened)) => {
                if happened {
                    self.happen(effect, intent);
                }
                self.untold.borrow_mut().insert(intent.label.clone(), happened);
                lost()
            }
        }
    }

    async fn settle(&self, effect: &Admitted, intent: &Intent) -> Fate {
        self.looks.set(self.looks.get() + 1);
        self.settled.borrow_mut().push(intent.clone());
        let going = self.going.borrow().get(&intent.label).copied();
        match going {
            Some(0) => {
                self.going.borrow_mut().remove(&intent.label);
                if self.is_too_late(effect) {
                    return Fate::DidNot;
                }
                return Fate::Happened(self.happen(effect, intent));
            }
            Some(looks) => {
                self.going.borrow_mut().insert(intent.label.clone(), looks - 1);
                return Fate::StillGoing;
            }
            None => {}
        }
        if self.partly.borrow_mut().remove(&intent.label) {
            return Fate::Partly;
        }
        if self.late.borrow_mut().remove(&intent.label) {
            self.happen(effect, intent);
            return Fate::DidNot;
        }
        if self.untold.borrow().contains_key(&intent.label) {
            return Fate::CannotTell(format!("did `{}` happen?", intent.label));
        }
        let blocks = matches!(effect.effect().kind, Kind::HoldWrites { .. });
        if blocks && !self.holds.stands(&intent.label) {
            return Fate::DidNot;
        }
        if self.has_happened(intent) { Fate::Happened(given(intent)) } else { Fate::DidNot }
    }

    async fn follow(
        &self,
        effect: &Admitted,
        _intent: &Intent,
        _outcome: &[Fact],
    ) -> Result<Follow, Failure> {
        let label = &effect.effect().label;
        let next = self.follows.borrow_mut().get_mut(label).and_then(VecDeque::pop_front);
        next.unwrap_or(Ok(Follow::Finished(Vec::new())))
    }

    /// The far side is one that knows no connections by name: what a stopped process still sends arrives.
    async fn fence(&self, _: &Admitted) {}

    fn begin_canaries(&self, canaries: Vec<Placed>, began: Moment) {
        self.canaries.begin(canaries, began, &self.log());
    }

    async fn end_canaries(&self) {
        self.canaries.end();
    }

    fn tallies(&self) -> Vec<(Canary, CanaryTally)> {
        self.canaries.tallies(self.journal.now())
    }

    async fn missing(&self, canary: &Canary, acknowledged: &Numbers) -> Result<Numbers, Failure> {
        let far = self.far.borrow();
        if let Some(failure) = canary.connection().and_then(|it| far.unreachable(it)) {
            return Err(failure);
        }
        self.canaries.missing(canary, acknowledged, self.journal.now())
    }

    async fn let_go(&self) {
        self.holds.let_go();
    }
}
