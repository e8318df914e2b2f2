//! A plugin whose answers a test writes down.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use lockstep_engine::model::{
    Answer, Argument, Call, Description, Draft, Effect, Fact, Failure, Label, Millis, Observation,
    Pending, Progress, Sample, StepCall, StepId, Target, Value, Verdict,
};
use lockstep_engine::run::{Guest, GuestError, Host, TrapKind};

/// What `apply` does.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Performs, and fails when that fails.
    Perform(&'static str, Vec<Argument>),
    /// Performs all of these, and fails when one fails.
    PerformAll(Vec<Label>),
    /// Performs, and goes on when that fails.
    Try(&'static str),
    /// Asks the host anything.
    Ask(Call),
    /// Fails.
    Fail(Failure),
    /// Does not return.
    Stop(GuestError),
    /// Does not return, this time.
    StopOnce(GuestError),
}

/// From when on a watch finds this.
type Phase = (u64, Result<Verdict, Failure>);

type Look<T> = Result<Result<T, Failure>, GuestError>;

/// What the plugin does about one step.
#[derive(Clone, Debug, Default)]
pub(crate) struct Part {
    /// What `observe` finds.
    pub(crate) facts: Vec<Fact>,
    /// Answers of `observe` before that.
    pub(crate) observe: VecDeque<Look<Observation>>,
    /// Calls to the host in every `observe` and `check`.
    pub(crate) asks: Vec<Call>,
    /// What `apply` does.
    pub(crate) acts: Vec<Act>,
    /// What `apply` leaves.
    pub(crate) left: Vec<Fact>,
    /// Answers of `check` before it is done.
    pub(crate) check: VecDeque<Look<Progress>>,
    /// Rounds after which `check` is done.
    pub(crate) rounds: u32,
    /// Looks of a `check` before it is done.
    pub(crate) looks: u32,
    /// What `check` finds.
    pub(crate) found: Vec<Fact>,
}

#[derive(Default)]
pub(crate) struct FakeGuest {
    pub(crate) plans: VecDeque<(Draft, Vec<Effect>)>,
    pub(crate) parts: BTreeMap<String, Part>,
    /// From when on each watch finds what, the earliest first.
    pub(crate) watches: BTreeMap<String, Vec<Phase>>,
    /// The steps that probes were told of.
    pub(crate) probed: BTreeSet<StepId>,
    /// Every call: the function, the step, what it was given.
    pub(crate) calls: Vec<(&'static str, StepCall, Vec<Fact>)>,
    /// What the host answered.
    pub(crate) answers: Vec<Answer>,
}

pub(crate) fn panicked(function: &str) -> GuestError {
    let (function, message) = (function.to_owned(), "index out of bounds".to_owned());
    GuestError::Trap { kind: TrapKind::Panic, function, message }
}

pub(crate) fn unavailable(function: &str) -> GuestError {
    GuestError::Host { function: function.to_owned(), message: "the deadline passed".to_owned() }
}

impl FakeGuest {
    pub(crate) fn part(&mut self, step: &str) -> &mut Part {
        self.parts.entry(step.to_owned()).or_default()
    }

    /// Sets from when on a watch finds what.
    pub(crate) fn watch(&mut self, watch: &str, phases: &[(u64, Verdict)]) {
        let phases = phases.iter().map(|(from, verdict)| (*from, Ok(*verdict)));
        self.watches.insert(watch.to_owned(), phases.collect());
    }

    /// Adds that a watch finds `verdict` from a moment on.
    pub(crate) fn watch_again(&mut self, watch: &str, from: u64, verdict: Verdict) {
        self.watches.get_mut(watch).unwrap().push((from, Ok(verdict)));
    }

    /// Adds that a probe fails from a moment on.
    pub(crate) fn watch_fails(&mut self, watch: &str, from: u64, failure: Failure) {
        self.watches.get_mut(watch).unwrap().push((from, Err(failure)));
    }

    /// Returns how often a function was called about a step.
    pub(crate) fn count(&self, function: &str, step: &str) -> usize {
        let about = |(called, call, _): &&(&str, StepCall, Vec<Fact>)| {
            *called == function && call.step.as_str() == step
        };
        self.calls.iter().filter(about).count()
    }

    async fn ask(&mut self, step: &str, host: &mut impl Host) {
        for call in self.part(step).asks.clone() {
            self.answers.push(host.answer(call).await);
        }
    }
}

impl Guest for FakeGuest {
    async fn describe(&mut self) -> Result<Description, GuestError> {
        Err(unavailable("describe"))
    }

    async fn plan(
        &mut self,
        _target: &Target,
        host: &mut impl Host,
    ) -> Result<Result<Draft, Failure>, GuestError> {
        let (draft, effects) = self.plans.pop_front().expect("a plan");
        for effect in effects {
            if let Answer::Declared(Err(failure)) = host.answer(Call::Declare(effect)).await {
                return Ok(Err(failure));
            }
        }
        self.ask("plan", host).await;
        Ok(Ok(draft))
    }

    async fn observe(
        &mut self,
        call: &StepCall,
        memo: &[Fact],
        host: &mut impl Host,
    ) -> Look<Observation> {
        self.calls.push(("observe", call.clone(), memo.to_vec()));
        self.ask(call.step.as_str(), host).await;
        let part = self.part(call.step.as_str());
        part.observe.pop_front().unwrap_or_else(|| Ok(Ok(Observation::Ready(part.facts.clone()))))
    }

    async fn apply(
        &mut self,
        call: &StepCall,
        host: &mut impl Host,
    ) -> Result<Result<Vec<Fact>, Failure>, GuestError> {
        self.calls.push(("apply", call.clone(), Vec::new()));
        for (index, act) in self.part(call.step.as_str()).acts.clone().into_iter().enumerate() {
            let call_of =
                |label: &str, arguments| Call::Perform(label.parse::<Label>().unwrap(), arguments);
            match act {
                Act::Perform(label, arguments) => {
                    let answer = host.answer(call_of(label, arguments)).await;
                    self.answers.push(answer.clone());
                    if let Answer::Performed(Err(failure)) = answer {
                        return Ok(Err(failure));
                    }
                }
                Act::PerformAll(labels) => {
                    for label in labels {
                        let answer = host.answer(Call::Perform(label, Vec::new())).await;
                        if let Answer::Performed(Err(failure)) = answer {
                            return Ok(Err(failure));
                        }
                    }
                }
                Act::Try(label) => self.answers.push(host.answer(call_of(label, Vec::new())).await),
                Act::Ask(call) => self.answers.push(host.answer(call).await),
                Act::Fail(failure) => return Ok(Err(failure)),
                Act::Stop(error) => return Err(error),
                Act::StopOnce(error) => {
                    self.part(call.step.as_str()).acts.remove(index);
                    return Err(error);
                }
            }
        }
        Ok(Ok(self.part(call.step.as_str()).left.clone()))
    }

    async fn check(
        &mut self,
        call: &StepCall,
        memo: &[Fact],
        host: &mut impl Host,
    ) -> Look<Progress> {
        self.calls.push(("check", call.clone(), memo.to_vec()));
        self.ask(call.step.as_str(), host).await;
        let part = self.part(call.step.as_str());
        if let Some(answer) = part.check.pop_front() {
            return answer;
        }
        let looked = match memo.first().and_then(|fact| fact.rows.first()?.first()) {
            Some(Value::Integer(looked)) => u32::try_from(*looked).unwrap(),
            _ => 0,
        };
        if looked < part.looks {
            return Ok(Ok(Progress::Pending(pending(looked + 1))));
        }
        if call.round < part.rounds {
            return Ok(Ok(Progress::Again("not there yet".to_owned())));
        }
        Ok(Ok(Progress::Done(part.found.clone())))
    }

    async fn probe(
        &mut self,
        watch: &str,
        call: &StepCall,
        _host: &mut impl Host,
    ) -> Result<Result<Sample, Failure>, GuestError> {
        self.probed.insert(call.step.clone());
        let Some(phases) = self.watches.get(watch) else { return Err(unavailable("probe")) };
        let (_, found) = phases.iter().rfind(|(from, _)| *from <= call.now.0).unwrap();
        let sample = |verdict| Sample { verdict, evidence: "seen".to_owned(), figure: None };
        Ok(found.clone().map(sample))
    }
}

fn pending(looked: u32) -> Pending {
    Pending {
        after: Millis(1),
        note: "copying".to_owned(),
        done: Some(u64::from(looked)),
        total: None,
        memo: vec![Fact::one("looked", Value::Integer(i64::from(looked)))],
    }
}
