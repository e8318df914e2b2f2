//! The life of one step: gates, rounds of observe, effects and check, and the soak.

use super::bounds::{bounded, pause};
use super::execute::{Execution, Wait};
use super::interrupt::Interrupt;
use super::look::{About, Look};
use super::port::{Clock, Control, Guest, GuestError, Journal, News, Reporter, World};
use super::seen::Seen;
use crate::journal::{Event, Outcome, Performed, StepStatus};
use crate::model::{
    ACCEPTED, Drive, Fact, Failure, Gate, Label, Millis, Moment, Observation, Pending, Progress,
    Proof, Step, StepCall, attention,
};

/// Shortest and longest wait between two looks that a plugin may ask for.
const WAITS: (u64, u64) = (10, 60_000);

/// How often a soak looks up.
const SOAK_LOOK: Millis = Millis::seconds(1);

/// How a round ended.
enum Round {
    /// The step is over.
    Over,
    /// Another round follows.
    Again,
}

impl<W, J, C, R, K> Execution<'_, W, J, C, R, K>
where
    W: World,
    J: Journal,
    C: Clock,
    R: Reporter,
    K: Control,
{
    /// Takes a step from wherever it stands to its end.
    pub(super) async fn step(
        &mut self,
        step: &Step,
        guest: &mut impl Guest,
    ) -> Result<(), Interrupt> {
        self.refuse_failed(step)?;
        self.ports.reporter.report(News::StepStarted(step.id.clone()));
        self.gates(step)?;
        while matches!(self.state.step(&step.id).status, StepStatus::Pending | StepStatus::Running)
        {
            match self.round(step, guest).await? {
                Round::Over => break,
                Round::Again => {}
            }
        }
        self.soak(step, guest).await
    }

    /// Takes a step that the host derived: the plugin is asked for nothing but its watches.
    pub(super) async fn derived(
        &mut self,
        step: &Step,
        guest: &mut impl Guest,
    ) -> Result<(), Interrupt> {
        self.refuse_failed(step)?;
        self.ports.reporter.report(News::StepStarted(step.id.clone()));
        self.end_ledger_before(step).await?;
        if self.state.step(&step.id).status == StepStatus::Pending {
            self.start_round(step, Vec::new())?;
        }
        if self.state.step(&step.id).status == StepStatus::Running {
            self.listed(step, guest).await?;
            self.note(Event::Checked {
                step: step.id.clone(),
                facts: Vec::new(),
                soak_until: None,
            })?;
        }
        self.soak(step, guest).await
    }

    /// A step that has failed goes on only when a person says so, which makes it one that has not.
    fn refuse_failed(&self, step: &Step) -> Result<(), Interrupt> {
        match &self.state.step(&step.id).status {
            StepStatus::Failed(failure) => Err(Interrupt::Failed(failure.clone())),
            StepStatus::Pending
            | StepStatus::AtGate(_)
            | StepStatus::Running
            | StepStatus::Checked(_)
            | StepStatus::Done => Ok(()),
        }
    }

    fn gates(&mut self, step: &Step) -> Result<(), Interrupt> {
        let open = usize::try_from(self.state.step(&step.id).gates_open).unwrap_or(usize::MAX);
        for (index, gate) in step.gates.iter().enumerate().skip(open) {
            let number = u32::try_from(index).unwrap_or(u32::MAX);
            let (waits_for, by) = match gate {
                Gate::Approval(prompt) => (prompt.clone(), self.options.gates_approved_by.clone()),
                // Whether one is open was looked at before the step began.
                Gate::Window => {
                    let found = self.state.windows.contains_key(&step.id);
                    let by =
                        if found { "the maintenance window" } else { "no window is configured" };
                    ("the maintenance window".to_owned(), Some(by.to_owned()))
                }
            };
            if let Some(by) = by {
                self.note(Event::GateOpened { step: step.id.clone(), gate: number, by })?;
                continue;
            }
            if self.state.step(&step.id).status != StepStatus::AtGate(number) {
                let waits_for = waits_for.clone();
                self.note(Event::GateReached { step: step.id.clone(), gate: number, waits_for })?;
            }
            return Err(Interrupt::Wait(Wait::Gate { step: step.id.clone(), waits_for }));
        }
        Ok(())
    }

    async fn round(&mut self, step: &Step, guest: &mut impl Guest) -> Result<Round, Interrupt> {
        if self.state.step(&step.id).status == StepStatus::Pending {
            let observed = self.observe(step, guest).await?;
            // What it waited for until it could begin is no part of a section: nothing was blocked meanwhile.
            self.enter_section(step)?;
            match observed {
                Some(facts) => self.start_round(step, facts)?,
                None => return Ok(Round::Over),
            }
        }
        let left = match step.drive {
            Drive::Listed => {
                self.listed(step, guest).await?;
                Vec::new()
            }
            Drive::Guided => self.guided(step, guest).await?,
        };
        self.check(step, left, guest).await
    }

    fn start_round(&mut self, step: &Step, facts: Vec<Fact>) -> Result<(), Interrupt> {
        let round = self.state.step(&step.id).round + 1;
        let now = self.ports.clock.now();
        Ok(self.note(Event::RoundStarted { step: step.id.clone(), round, now, facts })?)
    }

    /// Looks whether the step may start; none when there is nothing to do.
    async fn observe(
        &mut self,
        step: &Step,
        guest: &mut impl Guest,
    ) -> Result<Option<Vec<Fact>>, Interrupt> {
        let limit = self.limit(step);
        let state = self.state.step(&step.id);
        let accepted = state.accepted.iter().map(|why| Fact::text(ACCEPTED, why.clone()));
        let accepted: Vec<Fact> = accepted.collect();
        let call = self.call(step, state.round + 1, self.ports.clock.now(), &accepted);
        let mut memo = Vec::new();
        let mut seen = Seen::default();
        loop {
            let mut host = self.look();
            let answer = guest.observe(&call, &memo, &mut host).await;
            let denied = host.into_denied();
            self.record_denied(&step.id, denied)?;
            self.in_time()?;
            let wait = match answer {
                Ok(Ok(Observation::Ready(facts))) => {
                    return bounded(facts).map(Some).map_err(Interrupt::Failed);
                }
                Ok(Ok(Observation::NothingToDo(why))) => {
                    self.ports.reporter.report(News::StepDone(step.id.clone(), Some(why.clone())));
                    self.note(Event::StepDone { step: step.id.clone(), nothing_to_do: Some(why) })?;
                    return Ok(None);
                }
                Ok(Ok(Observation::Moved(why))) => return Err(Interrupt::Moved(why)),
                Ok(Ok(Observation::Wait(pending))) => {
                    self.wait(step, pending, &mut memo, &mut seen)
                }
                Ok(Err(failure)) => self.unknown(step, failure, &mut seen)?,
                Err(error) => match self.guest_error(step, &error, &mut seen)? {
                    Some(wait) => wait,
                    None => return Ok(Some(Vec::new())),
                },
            };
            self.pass(&step.id, wait, limit, &seen, guest).await?;
        }
    }

    async fn listed(&mut self, step: &Step, guest: &mut impl Guest) -> Result<(), Interrupt> {
        let limit = self.limit(step);
        let wanted: Vec<&Label> =
            step.effects.iter().filter(|label| self.is_wanted(step, label)).collect();
        for (position, label) in wanted.into_iter().enumerate() {
            self.perform(step, label, &[], position).await?;
            let performed = self.state.step(&step.id).performed.get(position).cloned();
            if let Some(performed) = performed {
                self.follow(step, &performed, limit, guest).await?;
            }
        }
        Ok(())
    }

    /// Looks whether the round has reached the step's end. `left` is what `apply` left; later steps may need it too.
    async fn check(
        &mut self,
        step: &Step,
        left: Vec<Fact>,
        guest: &mut impl Guest,
    ) -> Result<Round, Interrupt> {
        if !self.can_be_told_again(step) {
            self.commit().await?;
        }
        let limit = self.limit(step);
        let state = self.state.step(&step.id);
        let round = state.round;
        let mut call = self.call(step, round, state.now, &state.observed);
        call.facts.extend(left.iter().cloned());
        let mut memo = Vec::new();
        let mut seen = Seen::default();
        let found = loop {
            if self.silenced.contains(&step.id) {
                break Vec::new();
            }
            let mut host = self.look();
            let answer = guest.check(&call, &memo, &mut host).await;
            let denied = host.into_denied();
            self.record_denied(&step.id, denied)?;
            self.in_time()?;
            let wait = match answer {
                Ok(Ok(Progress::Done(facts))) => {
                    break bounded(facts).map_err(Interrupt::Failed)?;
                }
                Ok(Ok(Progress::Failed(why))) => {
                    return Err(Interrupt::Failed(Failure::permanent("check:failed", why)));
                }
                Ok(Ok(Progress::Again(why))) if round < step.rounds => {
                    self.note(Event::Again { step: step.id.clone(), why })?;
                    return Ok(Round::Again);
                }
                Ok(Ok(Progress::Again(why))) => {
                    let why = format!("the step took all of its {} rounds: {why}", step.rounds);
                    return Err(Interrupt::Failed(Failure::permanent("step:rounds", why)));
                }
                Ok(Ok(Progress::Pending(pending))) => {
                    self.wait(step, pending, &mut memo, &mut seen)
                }
                Ok(Err(failure)) => self.unknown(step, failure, &mut seen)?,
                Err(error) => match self.guest_error(step, &error, &mut seen)? {
                    Some(wait) => wait,
                    None => break Vec::new(),
                },
            };
            self.pass(&step.id, wait, limit, &seen, guest).await?;
        };
        let facts: Vec<Fact> = left.into_iter().chain(found).collect();
        let soak_until = step.soak.map(|soak| self.ports.clock.now().plus(soak));
        if let Some(what) = attention(&facts) {
            let text = format!("step `{}` is done, but look after this: {what}", step.id);
            self.ports.reporter.report(News::Note(text));
        }
        self.note(Event::Checked { step: step.id.clone(), facts, soak_until })?;
        if step.loss.is_some() {
            // From here on going back loses something, and whoever is asked must be told.
            self.commit().await?;
        }
        self.accept_schemas().await?;
        Ok(Round::Over)
    }

    /// Returns whether the far side tells again, after a crash, all that is known of the round's effects: then their outcomes
    /// need not be durable before a look.
    fn can_be_told_again(&self, step: &Step) -> bool {
        let told = |performed: &Performed| {
            let effect = self.authority.effects.get(&performed.intent.label);
            let by_kind =
                effect.is_some_and(|it| it.proof == Proof::ByKind && it.kind.service().is_some());
            by_kind && matches!(&performed.outcome, Outcome::Done(facts) if facts.is_empty())
        };
        self.state.step(&step.id).performed.iter().all(told)
    }

    /// Watches a checked step until its soak is over. The soak counts on the clock and needs no process; but what no process
    /// saw is not known to be good, so each watch must pass a whole window before it ends.
    async fn soak(&mut self, step: &Step, guest: &mut impl Guest) -> Result<(), Interrupt> {
        let StepStatus::Checked(until) = self.state.step(&step.id).status else { return Ok(()) };
        if let Some(until) = until {
            self.commit().await?;
            let soak = step.soak.unwrap_or_default();
            loop {
                self.listen()?;
                self.rest(Millis(0), guest).await?;
                let left = until.since(self.ports.clock.now());
                let unsettled = self.unsettled(soak);
                if left.0 == 0 && unsettled.is_none() {
                    break;
                }
                let note = match unsettled {
                    Some(watch) if left.0 == 0 => {
                        format!("soaking until watch `{watch}` has passed for a whole window")
                    }
                    Some(_) | None => "soaking".to_owned(),
                };
                self.ports.reporter.report(News::Waiting(
                    step.id.clone(),
                    note,
                    None,
                    Some(left.0),
                ));
                if self.options.detach && left > SOAK_LOOK {
                    return Err(Interrupt::Wait(Wait::Soak { step: step.id.clone(), until }));
                }
                let look = if left.0 == 0 { SOAK_LOOK } else { left.min(SOAK_LOOK) };
                self.rest(look, guest).await?;
            }
        }
        self.note(Event::StepDone { step: step.id.clone(), nothing_to_do: None })?;
        self.ports.reporter.report(News::StepDone(step.id.clone(), None));
        Ok(())
    }

    pub(super) fn look(&self) -> Look<'_, W, R> {
        let (authority, state, run) = (self.authority, &self.state, &self.run);
        let about = About::Run { authority, state, run, denied: Vec::new() };
        Look { world: self.ports.world, reporter: self.ports.reporter, grant: &self.grant, about }
    }

    pub(super) fn call(&self, step: &Step, round: u32, now: Moment, observed: &[Fact]) -> StepCall {
        let needed = step
            .needs
            .iter()
            .filter_map(|need| self.state.steps.get(need))
            .flat_map(|state| state.observed.iter().chain(&state.facts));
        let facts = needed.chain(observed).cloned().collect();
        StepCall {
            step: step.id.clone(),
            run: self.run.clone(),
            round,
            now,
            parameters: self.authority.parameters.clone(),
            facts,
        }
    }

    /// Time that nobody ran the run does not count against a step.
    pub(super) fn limit(&self, step: &Step) -> Moment {
        let began = self.state.step(&step.id).began.unwrap_or_else(|| self.ports.clock.now());
        began.max(self.resumed_at).plus(step.limit)
    }

    fn wait(&self, step: &Step, pending: Pending, memo: &mut Vec<Fact>, seen: &mut Seen) -> Millis {
        *seen = Seen::something(&pending.note);
        *memo = pending.memo;
        let note = seen.last().to_owned();
        self.ports.reporter.report(News::Waiting(
            step.id.clone(),
            note,
            pending.done,
            pending.total,
        ));
        Millis(pending.after.0.clamp(WAITS.0, WAITS.1))
    }

    /// A look that failed is neither passed nor failed: look again, until the step's limit.
    fn unknown(&self, step: &Step, failure: Failure, seen: &mut Seen) -> Result<Millis, Interrupt> {
        let Failure::Transient(_) = failure else { return Err(Interrupt::Failed(failure)) };
        let wait = seen.nothing(&failure);
        self.ports.reporter.report(News::Retrying(step.id.clone(), failure, wait));
        Ok(wait)
    }

    /// A plugin that trapped is not asked again about this step. A listed undo step goes on without it: the host follows
    /// every effect to its end by itself. None means to go on without the plugin.
    fn guest_error(
        &mut self,
        step: &Step,
        error: &GuestError,
        seen: &mut Seen,
    ) -> Result<Option<Millis>, Interrupt> {
        if let GuestError::Host { .. } = error
            && !seen.fresh_instance
        {
            seen.fresh_instance = true;
            return Ok(Some(pause(0)));
        }
        let is_undo = self.authority.undo_step(&step.id).is_some();
        if is_undo && step.drive == Drive::Listed {
            self.silenced.insert(step.id.clone());
            self.ports
                .reporter
                .report(News::Note(format!("undo step `{}` goes on unchecked: {error}", step.id)));
            return Ok(None);
        }
        Err(Interrupt::Failed(trapped(error)))
    }
}

pub(super) fn trapped(error: &GuestError) -> Failure {
    Failure::permanent("plugin:stopped", error.to_string())
}
