//! The ledger of a run: canaries beside it, and what became of them.

use super::execute::{Ended, Execution, Wait};
use super::port::{Clock, Control, Journal, News, Reporter, World};
use super::{RunError, bounds::line};
use crate::journal::{Direction, Event, Phase, StepStatus};
use crate::model::{
    Canary, Failure, Following, Millis, Moment, Numbers, Placed, Sample, Step, StepId, Verdict,
};
use crate::policy;

/// How often it is looked whether what was acknowledged is there, while a step goes on.
const LOOK: Millis = Millis::seconds(10);

/// How often in a soak, where nothing changes and which may take days.
const SOAK_LOOK: Millis = Millis::seconds(600);

/// How many missing numbers are named.
const NAMED: usize = 5;

impl<W, J, C, R, K> Execution<'_, W, J, C, R, K>
where
    W: World,
    J: Journal,
    C: Clock,
    R: Reporter,
    K: Control,
{
    /// Lets the canaries of the plan be written from now on, where their place is made and not yet removed. Those that move
    /// along with their database are led to the side that is in force by now.
    pub(super) async fn keep_ledger(&mut self) -> Result<(), RunError> {
        let placed = |canary: &Canary| Placed { canary: canary.clone(), place: self.place(canary) };
        let canaries: Vec<Placed> = self.authority.canaries().map(placed).collect();
        if canaries.is_empty() || !self.ledger_is_open() {
            return Ok(());
        }
        if canaries != self.led {
            // Whoever takes the run up must find the same side in force.
            self.commit().await?;
            self.led.clone_from(&canaries);
        }
        let began = self.state.leased.values().min().copied().unwrap_or(self.resumed_at);
        self.ports.world.begin_canaries(canaries, began);
        self.tally()
    }

    /// Ends the canaries for this process and notes what became of them, before their place is removed or the run is left: only
    /// what is not written any more can be looked for a last time.
    pub(super) async fn end_ledger(&mut self) -> Result<(), RunError> {
        if self.authority.canaries().next().is_none() {
            return Ok(());
        }
        self.ports.world.end_canaries().await;
        self.tally()?;
        if !self.ledger_is_open() {
            return Ok(());
        }
        let kept: Vec<Canary> =
            self.authority.canaries().filter(|it| it.is_kept()).cloned().collect();
        for canary in kept {
            if let Err(failure) = self.look_up(&canary, true).await? {
                let note =
                    format!("canary {}: nobody could look a last time: {failure}", canary.id());
                self.ports.reporter.report(News::Note(note));
            }
        }
        Ok(())
    }

    /// Leaves the ledger with the run. What the run came to counts more than the last canaries.
    pub(super) async fn leave_ledger(&mut self, ended: &Ended) {
        self.ports.world.end_canaries().await;
        let noted = match ended {
            Ended::Done | Ended::RolledBack(_) => return,
            // Whoever wants to stop waits for no look.
            Ended::Waiting(Wait::Paused) => self.tally(),
            Ended::Waiting(_) | Ended::Stuck(_) => self.end_ledger().await,
        };
        let noted = match noted {
            Ok(()) => self.commit().await,
            Err(error) => Err(error),
        };
        if let Err(error) = noted {
            let note = format!("what became of the last canaries is not in the journal: {error}");
            self.ports.reporter.report(News::Note(note));
        }
    }

    /// Ends the canaries right before the step that removes their place.
    pub(super) async fn end_ledger_before(&mut self, step: &Step) -> Result<(), RunError> {
        if policy::ends(&step.id) { self.end_ledger().await } else { Ok(()) }
    }

    /// Returns when a canary that was looked for now is looked for again.
    pub(super) fn next_canary_look(&self, now: Moment) -> Moment {
        let soaks = |step: StepId| matches!(self.state.step(&step).status, StepStatus::Checked(_));
        now.plus(if self.current().is_some_and(soaks) { SOAK_LOOK } else { LOOK })
    }

    /// Looks whether what was acknowledged of a canary is there. What is gone can't come back: on the way there it turns the run
    /// round, or has a person asked, once; on the way back nothing would be won by stopping, so it is told and counted.
    pub(super) async fn look_for(
        &mut self,
        canary: &Canary,
    ) -> Result<Result<Sample, Failure>, RunError> {
        self.tally()?;
        let sample = |verdict, evidence| Ok(Ok(Sample { verdict, evidence, figure: None }));
        if !canary.is_kept() || self.acknowledged(canary).is_empty() || !self.ledger_is_open() {
            return sample(Verdict::Pass, "nothing of it is to be looked for".to_owned());
        }
        let before = self.state.canaries.get(&canary.id()).cloned().unwrap_or_default();
        let missing = match self.look_up(canary, false).await? {
            Ok(missing) => missing,
            Err(failure) => return Ok(Err(failure)),
        };
        let news = missing.without(&before.accepted);
        if news.is_empty() {
            let evidence = "everything that was acknowledged is there, or known to be gone";
            return sample(Verdict::Pass, evidence.to_owned());
        }
        let named: Vec<String> = news.iter().take(NAMED).map(|it| it.to_string()).collect();
        let evidence = line(&format!(
            "{} of {} acknowledged writes are gone: number {}{}",
            news.count(),
            before.acknowledged.count(),
            named.join(", "),
            if news.count() > NAMED as u64 { " …" } else { "" }
        ));
        if self.state.direction == Direction::Forward {
            return sample(Verdict::Fail, evidence);
        }
        if missing != before.missing {
            self.ports.reporter.report(News::Note(format!("canary {}: {evidence}", canary.id())));
        }
        sample(Verdict::Pass, evidence)
    }

    /// Looks which acknowledged writes of a canary are gone. It is noted where it is something else than before, and at the
    /// `last` look.
    async fn look_up(
        &mut self,
        canary: &Canary,
        last: bool,
    ) -> Result<Result<Numbers, Failure>, RunError> {
        let id = canary.id();
        let known = self.state.canaries.get(&id).cloned().unwrap_or_default();
        if known.acknowledged.is_empty() {
            return Ok(Ok(Numbers::default()));
        }
        let numbers = match self.ports.world.missing(&self.place(canary), &known.acknowledged).await
        {
            Ok(numbers) => numbers,
            Err(failure) => return Ok(Err(failure)),
        };
        if last || known.looked_for == 0 || known.missing != numbers {
            let looked_for = known.acknowledged.count();
            self.note(Event::Missed { canary: id, looked_for, numbers: numbers.clone() })?;
        }
        Ok(Ok(numbers))
    }

    /// Returns where a canary is kept: at the side that is in force. The journal alone says which that is, so nothing is written
    /// to whichever side answers, and who takes the run up finds the same. A step that found nothing to do switches nothing,
    /// because nothing would bring home what is written after it.
    fn place(&self, canary: &Canary) -> Canary {
        let switched = |forth: &StepId| {
            let frozen = self.authority.step(forth);
            self.is_done(forth) && frozen.is_some_and(|frozen| self.has_begun(frozen))
        };
        match &self.authority.following {
            Some(Following { from, to, forth, back })
                if canary.is_rows_of(from) && switched(forth) && !self.is_done(back) =>
            {
                Canary::Rows(to.clone())
            }
            Some(_) | None => canary.clone(),
        }
    }

    fn acknowledged(&self, canary: &Canary) -> Numbers {
        let known = self.state.canaries.get(&canary.id());
        known.map(|known| known.acknowledged.clone()).unwrap_or_default()
    }

    /// Notes what became of the canaries since the last time.
    fn tally(&mut self) -> Result<(), RunError> {
        for (canary, tally) in self.ports.world.tallies() {
            if !tally.is_empty() {
                self.note(Event::Tallied { canary: canary.id(), tally })?;
            }
        }
        Ok(())
    }

    /// Returns whether the place of the canaries is made and nothing has begun to remove it.
    fn ledger_is_open(&self) -> bool {
        let authority = self.authority;
        let forward = authority.steps.iter().map(|frozen| &frozen.step);
        let back = authority.undo.iter().map(|frozen| &frozen.step);
        let made = forward
            .clone()
            .find(|step| policy::begins(&step.id))
            .is_none_or(|step| self.is_done(&step.id));
        let untouched = |step: &Step| self.state.step(&step.id).status == StepStatus::Pending;
        let goes_on = !matches!(self.state.phase, Phase::Planned | Phase::Finished(_));
        goes_on && made && forward.chain(back).filter(|step| policy::ends(&step.id)).all(untouched)
    }
}
