//! Every call of a plugin in which a run may find itself, with everything that may go wrong in it.

use std::collections::BTreeMap;
use std::rc::Rc;

use lockstep_engine::model::{
    Draft, Drive, Effect, Fact, Grantable, Label, Moment, Observation, Progress, Step, StepCall,
    Target, Undo,
};
use lockstep_engine::policy::Grant;
use lockstep_engine::run::GuestError;
use lockstep_runtime::Plugin;
use tokio::sync::Notify;

use super::after::After;
use super::answers::Answers;
use super::ask::{Ask, Look, Outcome, Said, call, is_good, lacking, memo_of, refusals, run};
use super::desk::{Desk, Fault, Left, May, failures};

/// How often a step that waits is looked at again.
const LOOKS: usize = 20;

/// What a sweep did and saw.
#[derive(Debug, Default, serde::Serialize)]
pub(super) struct Swept {
    /// How often the plugin was called.
    pub(super) calls: usize,
    /// How many of these calls were cut off, as by the end of the process.
    pub(super) cut: usize,
    /// The plan's steps.
    pub(super) steps: Vec<String>,
    /// Those that were done as everything was answered.
    pub(super) done: Vec<String>,
    /// What a plugin must never do, each once.
    pub(super) breaches: Vec<String>,
    /// Calls that found everything good while something that they read was denied.
    pub(super) undaunted: Vec<String>,
    /// Why nothing but the plan was tried, where that is so.
    pub(super) refused: Vec<String>,
}

/// A sweep that goes on.
pub(super) struct Sweep<'a, 'b> {
    pub(super) plugin: Plugin,
    pub(super) answers: &'a mut Answers<'b>,
    pub(super) grant: Grant,
    effects: BTreeMap<Label, Effect>,
    after: After,
    swept: Swept,
}

impl<'a, 'b> Sweep<'a, 'b> {
    /// Begins a sweep of a plugin that is granted what it asks for.
    pub(super) fn new(plugin: Plugin, answers: &'a mut Answers<'b>, grant: Grant) -> Self {
        let (effects, after, swept) = (BTreeMap::new(), After::default(), Swept::default());
        Self { plugin, answers, grant, effects, after, swept }
    }

    /// Plans, and takes the plan's steps there and back, telling `said` what is tried.
    ///
    /// # Errors
    /// The host could not run the plugin, which tells nothing about it.
    pub(super) async fn run(
        mut self,
        target: &Target,
        said: impl Fn(&str),
    ) -> Result<Swept, GuestError> {
        said("plan");
        let planned = self.each("plan", Ask::Plan(target), &May::Declare).await?;
        let draft = match planned {
            Some(Outcome { said: Said::Plan(draft), declared, .. }) => {
                self.effects = declared.into_iter().map(|it| (it.label.clone(), it)).collect();
                *draft
            }
            Some(Outcome { said: Said::Failed(failure), .. }) => {
                self.swept.refused.push(format!("it could not plan: {failure}"));
                return Ok(self.swept);
            }
            Some(_) | None => return Ok(self.swept),
        };
        self.whole(&draft);
        self.swept.refused.extend(refusals(&draft));
        self.swept.steps =
            draft.steps.iter().chain(&draft.undo).map(|it| it.id.to_string()).collect();
        let mut facts: BTreeMap<String, Vec<Fact>> = BTreeMap::new();
        for step in &draft.steps {
            said(step.id.as_str());
            self.step(step, &draft, &mut facts).await?;
        }
        for step in &draft.undo {
            said(step.id.as_str());
            // An undo step may find its own work done, because the process that did it is gone.
            self.step(step, &draft, &mut facts).await?;
            self.step(step, &draft, &mut facts).await?;
        }
        Ok(self.swept)
    }

    /// Notes what keeps a draft from being frozen.
    fn whole(&mut self, draft: &Draft) {
        let mut used: Vec<&Label> = Vec::new();
        let mut wrong = Vec::new();
        for step in draft.steps.iter().chain(&draft.undo) {
            for label in &step.effects {
                if !self.effects.contains_key(label) {
                    wrong
                        .push(format!("step `{}` lists `{label}`, which is not declared", step.id));
                }
                if used.contains(&label) {
                    wrong.push(format!("step `{}` lists `{label}` once more", step.id));
                }
                used.push(label);
            }
            let undo = if let Undo::Steps(undo) = &step.undo { undo.as_slice() } else { &[] };
            for id in undo {
                if !draft.undo.iter().any(|one| one.id == *id) {
                    wrong.push(format!(
                        "step `{}` is undone by `{id}`, which is not there",
                        step.id
                    ));
                }
            }
        }
        let watched = draft.watches.iter().flat_map(|watch| &watch.effects);
        used.extend(watched);
        let idle = self.effects.keys().filter(|label| !used.contains(label));
        wrong.extend(idle.map(|label| format!("`{label}` is declared, and no step lists it")));
        self.swept.breaches.extend(wrong);
    }

    async fn step(
        &mut self,
        step: &Step,
        draft: &Draft,
        facts: &mut BTreeMap<String, Vec<Fact>>,
    ) -> Result<(), GuestError> {
        let needed = step.needs.iter().filter_map(|id| facts.get(id.as_str())).flatten().cloned();
        let mut call = StepCall {
            step: step.id.clone(),
            run: run(),
            round: 1,
            now: Moment(1_700_000_000_000),
            parameters: draft.parameters.iter().cloned().collect(),
            facts: needed.collect(),
        };
        let name = format!("observe of `{}`", step.id);
        if let Some(Said::Observation(Observation::Ready(found))) =
            self.looks(&name, &call, Look::Observe).await?
        {
            facts.entry(step.id.to_string()).or_default().extend(found.clone());
            call.facts.extend(found);
        }
        for watch in &draft.watches {
            let name = format!("probe of `{}` in `{}`", watch.id, step.id);
            let may = May::Probe(watch.effects.clone());
            drop(self.each(&name, Ask::Probe(&watch.id, &call), &may).await?);
        }
        match step.drive {
            Drive::Guided => {
                let name = format!("apply of `{}`", step.id);
                let may = May::Perform(step.effects.clone());
                let applied = self.each(&name, Ask::Apply(&call), &may).await?;
                if let Some(Outcome { said: Said::Applied(gave), performed, .. }) = applied {
                    call.facts.extend(gave);
                    self.perform(&performed);
                }
            }
            Drive::Listed => self.perform(&step.effects),
        }
        let name = format!("check of `{}`", step.id);
        if let Some(Said::Progress(Progress::Done(found))) =
            self.looks(&name, &call, Look::Check).await?
        {
            facts.entry(step.id.to_string()).or_default().extend(found);
            if !self.swept.done.contains(&step.id.to_string()) {
                self.swept.done.push(step.id.to_string());
            }
        }
        Ok(())
    }

    fn perform(&mut self, labels: &[Label]) {
        for effect in labels.iter().filter_map(|label| self.effects.get(label)) {
            self.after.perform(effect);
        }
    }

    /// Looks until the step does not wait any more, in every way; and with less than the step is given.
    async fn looks(
        &mut self,
        name: &str,
        call: &StepCall,
        look: Look,
    ) -> Result<Option<Said>, GuestError> {
        let mut found = self.each(name, look.ask(call, &[]), &May::Read).await?.map(|it| it.said);
        let mut memo = found.as_ref().and_then(memo_of);
        for number in 0..LOOKS {
            let Some(kept) = memo.take() else { break };
            let again = look.ask(call, &kept);
            let outcome = if number == 0 {
                self.each(&format!("{name} with its memo"), again, &May::Read).await?
            } else {
                self.same(name, again, &May::Read, &Fault::None).await?
            };
            found = outcome.map(|it| it.said);
            memo = found.as_ref().and_then(memo_of);
        }
        for less in lacking(call) {
            drop(self.same(name, look.ask(&less, &[]), &May::Read, &Fault::None).await?);
        }
        Ok(found)
    }

    /// Calls as everything is answered, with each call of the host failing in turn, each grant missing in turn, and cut off at
    /// each. Returns what came of the first.
    async fn each(
        &mut self,
        name: &str,
        ask: Ask<'_>,
        may: &May,
    ) -> Result<Option<Outcome>, GuestError> {
        let Some(usual) = self.same(name, ask, may, &Fault::None).await? else { return Ok(None) };
        let mut tried: Vec<&Grantable> = Vec::new();
        for (number, asked) in usual.asked.iter().enumerate() {
            if asked.may_fail {
                for failure in failures() {
                    let name = format!("{name}, when `{}` ends: {failure}", asked.words);
                    drop(self.same(&name, ask, may, &Fault::Nth(number, failure)).await?);
                }
            }
            self.cut(name, ask, may, number, &usual).await?;
            let Some(needs) = asked.needs.as_ref().filter(|it| !tried.contains(it)) else {
                continue;
            };
            tried.push(needs);
            let Grantable { capability, name: on, access, .. } = needs;
            let name = format!("{name} without `{access}` of {capability} `{on}`");
            let found = self.same(&name, ask, may, &Fault::Without(needs.clone())).await?;
            if found.is_some_and(|found| is_good(&found.said)) {
                self.swept.undaunted.push(name);
            }
        }
        Ok(Some(usual))
    }

    /// Calls twice with the same, and notes it where the two differ. None where the plugin broke the rules.
    async fn same(
        &mut self,
        name: &str,
        ask: Ask<'_>,
        may: &May,
        fault: &Fault,
    ) -> Result<Option<Outcome>, GuestError> {
        let first = self.once(name, ask, may, fault).await?;
        let second = self.once(name, ask, may, fault).await?;
        if let (Some(first), Some(second)) = (&first, &second)
            && first != second
        {
            self.note(format!("{name}: two calls that were given the same differ"));
        }
        Ok(first)
    }

    async fn once(
        &mut self,
        name: &str,
        ask: Ask<'_>,
        may: &May,
        fault: &Fault,
    ) -> Result<Option<Outcome>, GuestError> {
        self.swept.calls += 1;
        let (ended, desk) = {
            let mut plugin = self.plugin.clone();
            let mut desk = self.desk(may, fault);
            (Box::pin(call(&mut plugin, ask, &mut desk)).await, desk.left)
        };
        let Left { asked, declared, performed, breaches } = desk;
        for breach in breaches {
            self.note(format!("{name}: {breach}"));
        }
        match ended {
            Ok(said) => Ok(Some(Outcome { said, asked, declared, performed })),
            Err(GuestError::Trap { message, .. }) => {
                self.note(format!("{name}: it is stopped: {message}"));
                Ok(None)
            }
            Err(host @ GuestError::Host { .. }) => Err(host),
        }
    }

    /// Cuts a call off, and looks whether it had asked the same until there: what a run recorded is then what a new process finds.
    async fn cut(
        &mut self,
        name: &str,
        ask: Ask<'_>,
        may: &May,
        number: usize,
        usual: &Outcome,
    ) -> Result<(), GuestError> {
        self.swept.calls += 1;
        self.swept.cut += 1;
        let (ended, left) = {
            let mut plugin = self.plugin.clone();
            let mut desk = self.desk(may, &Fault::Cut(number));
            let cut = Rc::clone(&desk.cut);
            let ended = tokio::select! {
                biased;
                () = cut.notified() => None,
                said = Box::pin(call(&mut plugin, ask, &mut desk)) => Some(said),
            };
            (ended, desk.left)
        };
        if let Some(Err(host @ GuestError::Host { .. })) = ended {
            return Err(host);
        }
        let same = ended.is_none()
            && usual.asked.get(..=number) == Some(left.asked.as_slice())
            && usual.performed.starts_with(&left.performed);
        if !same {
            self.note(format!(
                "{name}, cut off at its call {}: it had asked something else",
                number + 1
            ));
        }
        Ok(())
    }

    fn desk(&mut self, may: &May, fault: &Fault) -> Desk<'_, 'b> {
        Desk {
            answers: &mut *self.answers,
            after: self.after.clone(),
            grant: &self.grant,
            effects: &self.effects,
            may: may.clone(),
            fault: fault.clone(),
            cut: Rc::new(Notify::new()),
            left: Left::default(),
        }
    }

    fn note(&mut self, breach: String) {
        if !self.swept.breaches.contains(&breach) {
            self.swept.breaches.push(breach);
        }
    }
}
