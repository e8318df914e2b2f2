//! Every call of a plan's steps, with every read that it makes failing in turn.

use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::access::Access;
use super::declared::Declared;
use super::given::Given;
use super::tapped::{Fails, Read, Tapped};
use super::tested::Tested;
use crate::failure::MissingFact;
use crate::{
    Draft, Drive, Fact, Failure, Finding, Observation, Problem, Progress, Step, Target, Verdict,
};

/// What a sweep did and saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// How often the plugin was called.
    pub calls: usize,
    /// Steps that were done as the stack answers. What those look at that are not has been swept only up to where they stopped.
    pub done: Vec<String>,
    /// Calls that found everything good while something that they read was denied, each with that access:
    /// ``check of `smoke` without read of http `proxy` ``. An author looks at every one: a plugin may do without a courtesy,
    /// never without a proof.
    pub undaunted: Vec<String>,
}

/// Plans, with each read of it failing in turn, and demands what [`sweep`] demands of a step.
#[track_caller]
pub fn sweep_plan<S: Tested>(stack: &S, target: &Target) -> Swept {
    let mut sweep = Sweep { stack, swept: Swept::default() };
    let call = |outside: &Tapped<'_, S>| {
        let declared = Declared::default();
        S::plan(outside, &declared, target).map(|draft| (draft, declared.all()))
    };
    let is_good = |(draft, _): &(Draft, _)| !draft.findings.iter().any(Finding::refuses);
    drop(sweep.each("plan", call, is_good));
    sweep.swept
}

/// Calls `observe` and `check` for each step of a draft, `apply` for each that is guided, and `probe` for each watch, and
/// demands that no call panics and that each gives the same answer when it is repeated: an engine that resumes repeats it.
///
/// Each is called as the stack answers; with each of its reads failing in turn, in every way in which the host may fail it; with
/// each access that it takes denied in turn; with the memo that it asked to be given back; and without each fact and each
/// parameter in turn. What steps record and leave is given to those after them that need it, undo steps last; a step that
/// can't go on without a fact of one that it does not need is found.
///
/// A stack on which nothing has happened yet shows little of a check, so sweep one on which the steps are done too.
#[track_caller]
pub fn sweep<S: Tested>(stack: &S, draft: &Draft, given: &Given) -> Swept {
    let mut sweep = Sweep { stack, swept: Swept::default() };
    let mut given = given.clone();
    for step in draft.steps.iter().chain(&draft.undo) {
        given = sweep.observe(step, &given);
        for watch in &draft.watches {
            sweep.probe(&watch.id, step, &given);
        }
        if step.drive == Drive::Guided {
            given = sweep.apply(step, &given);
        }
        given = sweep.check(step, &given);
    }
    sweep.swept
}

/// A sweep that is going on.
struct Sweep<'a, S> {
    stack: &'a S,
    swept: Swept,
}

impl<S: Tested> Sweep<'_, S> {
    /// Looks whether a step may start, and returns what is given from there on.
    #[track_caller]
    fn observe(&mut self, step: &Step, given: &Given) -> Given {
        let call = |outside: &Tapped<'_, S>, given: &Given, memo: &[Fact]| {
            S::observe(outside, &given.call(&step.id), memo)
        };
        let memo = |found: &Observation| match found {
            Observation::Wait(pending) => Some(pending.memo.clone()),
            _ => None,
        };
        let is_good = |found: &Observation| {
            matches!(found, Observation::Ready(_) | Observation::NothingToDo(_))
        };
        match self.called(&format!("observe of `{}`", step.id), (step, given), call, memo, is_good)
        {
            Ok(Observation::Ready(facts)) => given.from_step(&step.id, facts),
            Ok(_) | Err(_) => given.clone(),
        }
    }

    /// Performs a guided step, and returns what is given from there on.
    #[track_caller]
    fn apply(&mut self, step: &Step, given: &Given) -> Given {
        let call = |outside: &Tapped<'_, S>, given: &Given, _: &[Fact]| {
            S::apply(outside, &given.call(&step.id))
        };
        let name = format!("apply of `{}`", step.id);
        match self.called(&name, (step, given), call, |_| None, |_| true) {
            Ok(facts) => given.from_step(&step.id, facts),
            Err(_) => given.clone(),
        }
    }

    /// Looks whether a step is done, and returns what is given from there on.
    #[track_caller]
    fn check(&mut self, step: &Step, given: &Given) -> Given {
        let call = |outside: &Tapped<'_, S>, given: &Given, memo: &[Fact]| {
            S::check(outside, &given.call(&step.id), memo)
        };
        let memo = |found: &Progress| match found {
            Progress::Pending(pending) => Some(pending.memo.clone()),
            _ => None,
        };
        let is_good = |found: &Progress| matches!(found, Progress::Done(_));
        match self.called(&format!("check of `{}`", step.id), (step, given), call, memo, is_good) {
            Ok(Progress::Done(facts)) => {
                self.swept.done.push(step.id.clone());
                given.from_step(&step.id, facts)
            }
            Ok(_) | Err(_) => given.clone(),
        }
    }

    /// Calls with what the step is given, with the memo that it asked for, and with less. Returns the last answer to a call that
    /// was given everything.
    #[track_caller]
    fn called<T: PartialEq + Debug>(
        &mut self,
        name: &str,
        (step, all): (&Step, &Given),
        call: impl Fn(&Tapped<'_, S>, &Given, &[Fact]) -> Result<T, Failure>,
        memo: impl Fn(&T) -> Option<Vec<Fact>>,
        is_good: impl Fn(&T) -> bool,
    ) -> Result<T, Failure> {
        let stack = self.stack;
        let given = all.needed_by(step);
        let mut found = self.each(name, |outside| call(outside, &given, &[]), &is_good);
        if let Some(failure) = found.as_ref().err().filter(|failure| lacks_a_fact(failure)) {
            let (other, _) =
                self.same(name, |outside| call(outside, all, &[]), &|| Tapped::on(stack));
            let is_elsewhere = other.err().is_none_or(|failure| !lacks_a_fact(&failure));
            assert!(
                !is_elsewhere,
                "{name}: no step that it needs gives it this: {}",
                failure.line()
            );
        }
        if let Some(memo) = found.as_ref().ok().and_then(memo) {
            let name = format!("{name} with its memo");
            found = self.each(&name, |outside| call(outside, &given, &memo), &is_good);
        }
        for less in lacking(&given) {
            drop(self.same(name, |outside| call(outside, &less, &[]), &|| Tapped::on(stack)));
        }
        found
    }

    #[track_caller]
    fn probe(&mut self, watch: &str, step: &Step, given: &Given) {
        let name = format!("probe of `{watch}`");
        let call = |outside: &Tapped<'_, S>| S::probe(outside, watch, &given.call(&step.id));
        drop(self.each(&name, call, |sample| sample.verdict == Verdict::Pass));
    }

    /// Calls as the stack answers, and with every read failing in turn. Returns the answer of the former.
    #[track_caller]
    fn each<T: PartialEq + Debug>(
        &mut self,
        name: &str,
        call: impl Fn(&Tapped<'_, S>) -> Result<T, Failure>,
        is_good: impl Fn(&T) -> bool,
    ) -> Result<T, Failure> {
        let stack = self.stack;
        let (answer, reads) = self.same(name, &call, &|| Tapped::on(stack));
        for (number, Read { takes, asked }) in reads.iter().enumerate() {
            for failure in failures() {
                let name = format!("{name}, when {takes} for `{asked}` ends: {}", failure.line());
                let outside = || Tapped::failing(stack, Fails::Nth(number), failure.clone());
                drop(self.same(&name, &call, &outside));
            }
        }
        let mut denied: Vec<&Access> = Vec::new();
        for Read { takes, .. } in &reads {
            if denied.contains(&takes) {
                continue;
            }
            denied.push(takes);
            let name = format!("{name} without {takes}");
            let outside = || Tapped::failing(stack, Fails::Every(takes.clone()), denial());
            let (found, _) = self.same(&name, &call, &outside);
            if found.is_ok_and(|found| is_good(&found)) && !self.swept.undaunted.contains(&name) {
                self.swept.undaunted.push(name);
            }
        }
        answer
    }

    /// Calls twice, and demands that neither call panics and that both read and answer the same.
    #[track_caller]
    fn same<'s, T: PartialEq + Debug>(
        &mut self,
        name: &str,
        call: impl Fn(&Tapped<'_, S>) -> Result<T, Failure>,
        outside: &dyn Fn() -> Tapped<'s, S>,
    ) -> (Result<T, Failure>, Vec<Read>)
    where
        S: 's,
    {
        let once = || {
            let outside = outside();
            let answer = catch_unwind(AssertUnwindSafe(|| call(&outside)));
            (answer.unwrap_or_else(|_| panic!("{name}: the plugin panics")), outside.reads())
        };
        let (first, second) = (once(), once());
        assert_eq!(first, second, "{name}: two calls answer differently");
        self.swept.calls += 2;
        first
    }
}

/// Returns whether a step could not read a fact that it rests on, as [`Facts`](crate::Facts) tells it.
fn lacks_a_fact(failure: &Failure) -> bool {
    let known = Failure::from(MissingFact(String::new()));
    failure.problem().has(&known.problem().code)
}

/// Returns the givens without each of their facts and without each of their parameters.
fn lacking(given: &Given) -> Vec<Given> {
    let facts = (0..given.facts.len()).map(|index| {
        let mut less = given.clone();
        less.facts.remove(index);
        less
    });
    let parameters = (0..given.parameters.len()).map(|index| {
        let mut less = given.clone();
        less.parameters.remove(index);
        less
    });
    facts.chain(parameters).collect()
}

fn denial() -> Failure {
    Failure::Denied(problem("grant:none", "it is not granted"))
}

/// Every way in which the host may fail a read.
fn failures() -> [Failure; 4] {
    [
        denial(),
        Failure::Transient(problem("host:busy", "it did not answer in time")),
        Failure::Permanent(problem("host:refused", "it refused")),
        Failure::Other(problem("host:new", "it failed in a way of a later contract")),
    ]
}

fn problem(code: &str, message: &str) -> Problem {
    Problem { code: code.to_owned(), message: message.to_owned(), extra: Vec::new() }
}
