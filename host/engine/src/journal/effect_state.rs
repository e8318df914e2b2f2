//! What records change about effects: intents, outcomes and what is found out later.

use std::sync::Arc;

use super::event::{Event, Fate, Intent, Sent};
use super::run_state::{Phase, RunState};
use super::step_state::{Outcome, Performed};
use crate::model::{Label, StepId, deployment_id};

impl RunState {
    /// What happens to an effect.
    pub(super) fn advance_effect(&mut self, event: &Event) -> Result<(), String> {
        match event {
            Event::Intended(intent) => self.intend(intent)?,
            Event::Answered { label, sent } => {
                let answered =
                    self.effects.get(label).is_some_and(|known| known.outcome != Outcome::Open);
                self.expect(!answered, "the effect was answered already")?;
                let outcome = match sent {
                    Sent::Done(facts) => Outcome::Done(facts.clone()),
                    Sent::Refused(failure) => Outcome::Refused(failure.clone()),
                    Sent::Unknown(failure) => Outcome::Unknown(failure.clone()),
                };
                self.resolve(label, &outcome)?;
            }
            Event::Settled { label, fate } => match fate {
                Fate::Happened(facts) => self.resolve(label, &Outcome::Done(facts.clone()))?,
                Fate::DidNot => self.resolve(label, &Outcome::DidNot)?,
                Fate::Partly => {
                    self.resolve(label, &Outcome::Partly)?;
                    self.partly.insert(label.clone());
                }
                Fate::StillGoing | Fate::CannotTell(_) => self.is_open(label)?,
            },
            Event::Assumed { label, happened, .. } => {
                let asked = matches!(self.phase, Phase::Stuck(_));
                self.expect(asked, "nobody was asked what became of an effect")?;
                let outcome = if *happened { Outcome::Done(Vec::new()) } else { Outcome::DidNot };
                self.phase = Phase::Running;
                self.resolve(label, &outcome)?;
            }
            Event::Ended { label, facts } => {
                self.end(label, |performed| performed.ended = Some(facts.clone()))?;
                self.made.extend(deployment_id(facts));
            }
            Event::EndedBadly { label, why } => {
                self.end(label, |performed| performed.failed = Some(why.clone()))?;
            }
            Event::Planned { .. }
            | Event::Approved { .. }
            | Event::Leased { .. }
            | Event::Denied { .. }
            | Event::WindowFound { .. }
            | Event::SectionBegan { .. }
            | Event::Claimed { .. }
            | Event::Stands { .. }
            | Event::Counted { .. }
            | Event::Watched { .. }
            | Event::Tallied { .. }
            | Event::Schema { .. }
            | Event::Missed { .. }
            | Event::Triggered { .. }
            | Event::Moved { .. }
            | Event::TurnedBack { .. }
            | Event::Stuck { .. }
            | Event::Resumed { .. }
            | Event::Finished { .. }
            | Event::GateReached { .. }
            | Event::GateOpened { .. }
            | Event::RoundStarted { .. }
            | Event::Again { .. }
            | Event::Checked { .. }
            | Event::StepDone { .. }
            | Event::StepFailed { .. } => {}
        }
        Ok(())
    }

    fn intend(&mut self, intent: &Intent) -> Result<(), String> {
        let step = self.in_round(&intent.step)?;
        let position = usize::try_from(intent.position).unwrap_or(usize::MAX);
        let performed = Performed {
            intent: Arc::new(intent.clone()),
            outcome: Outcome::Open,
            ended: None,
            failed: None,
        };
        if intent.round != step.round {
            return Err(format!("an intent of round {} in round {}", intent.round, step.round));
        }
        let count = step.performed.len();
        match step.performed.get_mut(position) {
            Some(before) if before.may_be_repeated() => {
                let again = before.intent.label == intent.label
                    && before.intent.arguments == intent.arguments
                    && before.intent.attempt + 1 == intent.attempt;
                if !again {
                    return Err(format!("position {position} belongs to another effect"));
                }
                *before = performed.clone();
            }
            None if position == count && intent.attempt == 0 => {
                step.performed.push(performed.clone());
            }
            Some(_) | None => return Err(format!("position {position} is not free")),
        }
        self.effects.insert(intent.label.clone(), performed);
        self.open = Some((intent.step.clone(), intent.label.clone()));
        Ok(())
    }

    fn is_open(&self, label: &Label) -> Result<(), String> {
        match &self.open {
            Some((_, open)) if open == label => Ok(()),
            Some(_) | None => Err(format!("effect `{label}` is not open")),
        }
    }

    fn resolve(&mut self, label: &Label, outcome: &Outcome) -> Result<(), String> {
        self.expect(matches!(self.phase, Phase::Running), "the run is not going on")?;
        self.is_open(label)?;
        let Some((step, _)) = self.open.clone() else { return Ok(()) };
        if let Outcome::Done(facts) = outcome {
            self.happened.insert(label.clone());
            self.made.extend(deployment_id(facts));
        }
        if !matches!(outcome, Outcome::Unknown(_)) {
            self.open = None;
        }
        self.set(&step, label, |performed| performed.outcome = outcome.clone());
        Ok(())
    }

    fn end(&mut self, label: &Label, change: impl Fn(&mut Performed)) -> Result<(), String> {
        self.expect(matches!(self.phase, Phase::Running), "the run is not going on")?;
        let going = |performed: &&Performed| {
            let done = matches!(performed.outcome, Outcome::Done(_));
            done && performed.ended.is_none() && performed.failed.is_none()
        };
        let Some(performed) = self.effects.get(label).filter(going) else {
            return Err(format!("effect `{label}` ended without going on"));
        };
        let step = performed.intent.step.clone();
        self.set(&step, label, change);
        Ok(())
    }

    /// Changes the newest performance of `label`, in its step and in the list of all effects.
    fn set(&mut self, step: &StepId, label: &Label, change: impl Fn(&mut Performed)) {
        let newest = self.steps.get_mut(step).and_then(|step| {
            step.performed.iter_mut().rev().find(|performed| performed.intent.label == *label)
        });
        for performed in newest.into_iter().chain(self.effects.get_mut(label)) {
            change(performed);
        }
    }
}
