//! The life of one effect: admit, look, intend, send, answer, settle, follow.

use std::ops::Bound;

use tracing::Instrument as _;

use super::bounds::{BLIND, INTENT_LIFE, MAX_ATTEMPTS, MAX_SETTLING, pause};
use super::execute::{Execution, Wait};
use super::interrupt::Interrupt;
use super::port::{Clock, Control, Follow, Guest, Journal, News, Reporter, World};
use super::seen::Seen;
use super::span;
use crate::journal::{Event, Fate, Intent, Outcome, Performed, Sent, Standing};
use crate::model::{Argument, Fact, Failure, Kind, Label, Millis, Moment, Step, StepId, UNSEEN};
use crate::policy::{Admitted, admit};

impl<W, J, C, R, K> Execution<'_, W, J, C, R, K>
where
    W: World,
    J: Journal,
    C: Clock,
    R: Reporter,
    K: Control,
{
    /// Performs `label` as the effect at `position` of the step's round, or returns what is recorded for it.
    ///
    /// The intent is durable before anything is sent. A recorded outcome is returned with nothing sent; an open fate is
    /// settled first. A call that is not the recorded one stops the run.
    pub(super) async fn perform(
        &mut self,
        step: &Step,
        label: &Label,
        arguments: &[Argument],
        position: usize,
    ) -> Result<Vec<Fact>, Interrupt> {
        let mut attempt = 0;
        if let Some(recorded) =
            self.state.steps.get(&step.id).and_then(|state| state.performed.get(position))
        {
            if recorded.intent.label != *label || recorded.intent.arguments != arguments {
                // What is denied leaves no record, so the recorded effect may belong to the plugin's next call.
                admit(self.authority, &self.state, &self.run, step, label, arguments, position)
                    .map_err(Interrupt::Failed)?;
                return Err(Interrupt::Stuck(format!(
                    "the plugin diverged in step `{}`: as effect {position} of the round it performed `{}` before the \
                     interruption and `{label}` now; nothing was sent",
                    step.id, recorded.intent.label
                )));
            }
            attempt = recorded.intent.attempt + 1;
            match &recorded.outcome {
                Outcome::Done(facts) => return Ok(facts.clone()),
                Outcome::Refused(Failure::Transient(_)) | Outcome::DidNot | Outcome::Partly => {}
                Outcome::Refused(failure) => return Err(Interrupt::Failed(failure.clone())),
                Outcome::Open | Outcome::Unknown(_) => {
                    if let Some(facts) = self.settle(step, label).await? {
                        return Ok(facts);
                    }
                }
            }
        }
        // A try that a crash cut short says nothing about the far side, so each process counts its own.
        let mut tries = 0;
        loop {
            self.listen()?;
            if tries >= MAX_ATTEMPTS {
                let why = format!("effect `{label}` was tried {tries} times and nothing happened");
                return Err(Interrupt::Untold(Failure::permanent("effect:attempts", why)));
            }
            let span = span::effect(&self.run, &step.id, label, attempt);
            let outcome = self.attempt(step, label, arguments, position, attempt);
            if let Some(facts) = outcome.instrument(span).await? {
                return Ok(facts);
            }
            self.nap(pause(tries)).await;
            attempt += 1;
            tries += 1;
        }
    }

    /// Tries once; none means that nothing happened and another try may succeed.
    async fn attempt(
        &mut self,
        step: &Step,
        label: &Label,
        arguments: &[Argument],
        position: usize,
        attempt: u32,
    ) -> Result<Option<Vec<Fact>>, Interrupt> {
        let admitted =
            admit(self.authority, &self.state, &self.run, step, label, arguments, position)
                .map_err(Interrupt::Failed)?;
        let before = self.standing(&step.id, &admitted).await?;
        let mut planned = self.stands_as_planned(label, &before);
        let mut late = None;
        if planned.is_err() {
            match self.of_earlier(&admitted, label).await {
                Some(Fate::Happened(facts)) => late = Some(facts),
                // What stands there is partly the run's own doing and partly as planned.
                Some(Fate::Partly) => planned = Ok(()),
                Some(Fate::DidNot | Fate::StillGoing | Fate::CannotTell(_)) | None => {}
            }
        }
        self.in_time()?;
        let begun = self.ports.clock.now();
        let life = self.within_section(INTENT_LIFE);
        let intent = Intent {
            step: step.id.clone(),
            round: self.state.step(&step.id).round,
            position: u32::try_from(position).unwrap_or(u32::MAX),
            attempt,
            label: label.clone(),
            arguments: arguments.to_vec(),
            before,
            begun,
            not_after: begun.plus(life),
            epoch: self.epoch,
        };
        if let Some(facts) = late {
            self.note(Event::Intended(intent))?;
            let fate = Fate::Happened(facts.clone());
            self.note(Event::Settled { label: label.clone(), fate })?;
            self.commit().await?;
            return Ok(Some(facts));
        }
        planned?;
        self.note(Event::Intended(intent.clone()))?;
        self.commit().await?;
        self.ports.reporter.report(News::Sending(step.id.clone(), label.clone()));
        // The commit may have taken long, and another process may have taken the run since.
        let sent = if self.ports.clock.now() > intent.not_after {
            Sent::Refused(Failure::transient(
                "effect:expired",
                "writing the journal took so long that nothing was sent",
            ))
        } else {
            self.ports.world.send(&admitted, &intent).await
        };
        span::answered(&sent);
        self.note(Event::Answered { label: label.clone(), sent: sent.clone() })?;
        match sent {
            Sent::Done(facts) => {
                self.ports.reporter.report(News::Sent(step.id.clone(), label.clone()));
                Ok(Some(facts))
            }
            Sent::Refused(failure @ Failure::Transient(_)) => {
                self.commit().await?;
                self.ports.reporter.report(News::Retrying(
                    step.id.clone(),
                    failure,
                    pause(attempt),
                ));
                Ok(None)
            }
            Sent::Refused(failure) => Err(Interrupt::Failed(failure)),
            Sent::Unknown(failure) => {
                self.commit().await?;
                self.ports.reporter.report(News::Note(format!(
                    "no answer tells what became of `{label}`: {failure}"
                )));
                self.settle(step, label).await
            }
        }
    }

    /// Finds out what became of the open effect; none means that it did not happen.
    async fn settle(&mut self, step: &Step, label: &Label) -> Result<Option<Vec<Fact>>, Interrupt> {
        let Some(intent) = self.state.effects.get(label).map(|performed| performed.intent.clone())
        else {
            return Ok(None);
        };
        let position = usize::try_from(intent.position).unwrap_or(usize::MAX);
        let admitted =
            admit(self.authority, &self.state, &self.run, step, label, &intent.arguments, position)
                .map_err(Interrupt::Failed)?;
        self.ports.reporter.report(News::Settling(step.id.clone(), label.clone()));
        self.outlive(&intent).await?;
        // Whoever was in time to send has a connection by now, and nobody is in time any more. What this process sent itself
        // may still go on at the server, whose client it is no longer.
        self.ports.world.fence(&admitted).await;
        let intent = self.last_sent(Intent::clone(&intent));
        for look in 0..MAX_SETTLING {
            let fate = self.ports.world.settle(&admitted, &intent).await;
            match fate {
                Fate::StillGoing => {
                    if self.wants_a_pause() {
                        return Err(Interrupt::Wait(Wait::Paused));
                    }
                    self.in_time()?;
                    self.nap(pause(look)).await;
                }
                Fate::Happened(facts) => {
                    self.note(Event::Settled {
                        label: label.clone(),
                        fate: Fate::Happened(facts.clone()),
                    })?;
                    self.commit().await?;
                    return Ok(Some(facts));
                }
                fate @ (Fate::DidNot | Fate::Partly) => {
                    self.note(Event::Settled { label: label.clone(), fate })?;
                    self.commit().await?;
                    return Ok(None);
                }
                Fate::CannotTell(question) => {
                    return Err(Interrupt::Stuck(format!("effect `{label}`: {question}")));
                }
            }
        }
        Err(Interrupt::Stuck(format!(
            "effect `{label}` is still going on after {MAX_SETTLING} looks; did it happen?"
        )))
    }

    /// Returns the intent with the last moment at which it can have been sent, as far as that is known: a process that is
    /// gone sends nothing more, and neither does this one while it settles.
    fn last_sent(&self, intent: Intent) -> Intent {
        let last = if intent.epoch == self.epoch {
            self.ports.clock.now()
        } else if self.options.gone == Some(intent.epoch) {
            self.resumed_at
        } else {
            intent.not_after
        };
        Intent { not_after: intent.not_after.min(last), ..intent }
    }

    /// Looks again what became of an earlier attempt of this run: what was taken for undone may have come true after all,
    /// and then what stands there is the run's own doing, which is recorded and not sent again.
    async fn of_earlier(&self, admitted: &Admitted, label: &Label) -> Option<Fate> {
        let earlier = self.state.effects.get(label)?;
        if !earlier.may_be_repeated() || earlier.intent.arguments != admitted.arguments() {
            return None;
        }
        Some(self.ports.world.settle(admitted, &earlier.intent).await)
    }

    /// Waits until another process can no longer send what it intended. It judges that by its own clock, which need not agree
    /// with this one's; but what it intended was durable before its lease was taken from it.
    async fn outlive(&self, intent: &Intent) -> Result<(), Interrupt> {
        if intent.epoch == self.epoch || self.options.gone == Some(intent.epoch) {
            return Ok(());
        }
        let later = (Bound::Excluded(intent.epoch), Bound::Unbounded);
        let followed = self.state.leased.range(later).next().map(|(_, at)| *at);
        let since = followed.map_or(self.resumed_at, |at| at.min(self.resumed_at));
        let until = since.plus(INTENT_LIFE);
        // A clock may wake early when a person wants something: only time itself ends this wait.
        loop {
            let left = until.since(self.ports.clock.now());
            if left.0 == 0 {
                return Ok(());
            }
            if self.wants_a_pause() {
                return Err(Interrupt::Wait(Wait::Paused));
            }
            self.ports.clock.sleep(left).await;
        }
    }

    /// Settles the effect whose fate an interruption left open.
    pub(super) async fn settle_open(&mut self) -> Result<(), Interrupt> {
        let Some((id, label)) = self.state.open.clone() else { return Ok(()) };
        let authority = self.authority;
        let forward = authority.step(&id).map(|frozen| &frozen.step);
        let Some(step) = forward.or_else(|| authority.undo_step(&id).map(|frozen| &frozen.step))
        else {
            return Err(Interrupt::Stuck(format!(
                "effect `{label}` of step `{id}` is open and not in the plan"
            )));
        };
        self.settle(step, &label).await.map(|_| ())
    }

    async fn standing(&self, step: &StepId, admitted: &Admitted) -> Result<Standing, Interrupt> {
        let mut attempt = 0;
        loop {
            match self.ports.world.standing(admitted).await {
                Ok(standing) => return Ok(standing),
                Err(failure @ Failure::Transient(_)) if attempt < MAX_ATTEMPTS => {
                    self.ports.reporter.report(News::Retrying(
                        step.clone(),
                        failure,
                        pause(attempt),
                    ));
                    self.listen()?;
                    self.nap(pause(attempt)).await;
                    attempt += 1;
                }
                Err(failure) => return Err(Interrupt::Unread(failure)),
            }
        }
    }

    /// Refuses to change what is no longer what the plan was made for. What this run itself changed is as it left it.
    fn stands_as_planned(&self, label: &Label, before: &Standing) -> Result<(), Interrupt> {
        if self.state.happened.contains(label) {
            return Ok(());
        }
        let nothing = Standing::new();
        let expected = self.authority.expected.get(label).unwrap_or(&nothing);
        for (name, wanted) in expected {
            let found = before.get(name).cloned().flatten();
            if found != *wanted {
                let words =
                    |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
                let deploys = self.authority.effects.get(label);
                let deploys = deploys.is_some_and(|it| matches!(it.kind, Kind::Deploy { .. }));
                let verb = if deploys { "deploy" } else { "change" };
                return Err(Interrupt::Moved(format!(
                    "effect `{label}` would {verb} `{name}`: the plan found {}, and now {} stands there",
                    words(wanted),
                    words(&found)
                )));
            }
        }
        Ok(())
    }

    /// Follows an effect that was done to its end, so that the next one finds it finished.
    pub(super) async fn follow(
        &mut self,
        step: &Step,
        performed: &Performed,
        limit: Moment,
        guest: &mut impl Guest,
    ) -> Result<(), Interrupt> {
        let Outcome::Done(given) = &performed.outcome else { return Ok(()) };
        if performed.ended.is_some() {
            return Ok(());
        }
        let badly = |why: String| Err(Interrupt::Failed(Failure::permanent("effect:failed", why)));
        if let Some(why) = &performed.failed {
            return badly(why.clone());
        }
        let (label, arguments) = (&performed.intent.label, &performed.intent.arguments);
        let admitted = admit(self.authority, &self.state, &self.run, step, label, arguments, 0)
            .map_err(Interrupt::Failed)?;
        let newest = self.state.effects.get(label) == Some(performed);
        let mut seen = Seen::default();
        loop {
            let wait = match self.ports.world.follow(&admitted, &performed.intent, given).await {
                Ok(Follow::Finished(facts)) => {
                    if newest && !facts.is_empty() {
                        self.note(Event::Ended { label: label.clone(), facts })?;
                    }
                    return Ok(());
                }
                Ok(Follow::Failed(why)) => {
                    if newest {
                        self.note(Event::EndedBadly { label: label.clone(), why: why.clone() })?;
                    }
                    return badly(why);
                }
                Ok(Follow::Going { after, note }) => {
                    seen = Seen::something(&note);
                    self.ports.reporter.report(News::Waiting(step.id.clone(), note, None, None));
                    after
                }
                Err(failure @ Failure::Transient(_)) => {
                    let wait = seen.nothing(&failure);
                    self.ports.reporter.report(News::Retrying(step.id.clone(), failure, wait));
                    wait
                }
                Err(failure) => return Err(Interrupt::Failed(failure)),
            };
            self.pass(&step.id, wait, limit, &seen, guest).await?;
        }
    }

    /// Waits, unless a person wants something else or the step has taken too long. While nothing can be seen, the limit
    /// is no verdict yet: a step that may have reached its end long ago has not failed.
    pub(super) async fn pass(
        &mut self,
        step: &StepId,
        length: Millis,
        limit: Moment,
        seen: &Seen,
        guest: &mut impl Guest,
    ) -> Result<(), Interrupt> {
        self.commit().await?;
        self.listen()?;
        let now = self.ports.clock.now();
        if now >= limit && seen.is_something() {
            let why = format!("step `{step}` is over its limit: {}", seen.last());
            return Err(Interrupt::Failed(Failure::permanent("step:limit", why)));
        }
        if now >= limit.plus(BLIND) {
            let why = format!("nothing can be seen of step `{step}`: {}", seen.last());
            return Err(Interrupt::Failed(Failure::permanent(UNSEEN, why)));
        }
        self.rest(length, guest).await
    }
}
