//! What stops a step before its end, and what becomes of the run then.

use super::execute::{Ended, Execution, OnFailure, RunError, Wait};
use super::port::{Clock, Control, Journal, News, Reporter, World};
use crate::journal::{Direction, Event};
use crate::model::{Failure, StepId, UNSEEN};

/// Why a step did not go on.
#[derive(Debug)]
pub(super) enum Interrupt {
    /// It can't reach its end.
    Failed(Failure),
    /// What stands at the far side could not be read. No plugin is told, because a replay would not tell it again.
    Unread(Failure),
    /// A critical section can't go on, or an effect was tried too often. No plugin is told, because a replay would not tell it
    /// again.
    Untold(Failure),
    /// The run waits.
    Wait(Wait),
    /// Something that the plan rests on changed.
    Moved(String),
    /// A person must answer.
    Stuck(String),
    /// A watch found a reason to go back.
    Tripped(String),
    /// A person asked for the way back.
    RollBack(String),
    /// The process must not go on.
    Fatal(RunError),
}

impl From<RunError> for Interrupt {
    fn from(error: RunError) -> Self {
        Self::Fatal(error)
    }
}

impl<W, J, C, R, K> Execution<'_, W, J, C, R, K>
where
    W: World,
    J: Journal,
    C: Clock,
    R: Reporter,
    K: Control,
{
    /// Turns what stopped a step into records, and says how running ended if it did.
    pub(super) fn handle(&mut self, interrupt: Interrupt) -> Result<Option<Ended>, RunError> {
        match interrupt {
            Interrupt::Fatal(error) => return Err(error),
            Interrupt::Wait(wait) => match self.rather_than_waiting(&wait) {
                Some(why) => self.turn_back(why)?,
                None => return Ok(Some(Ended::Waiting(wait))),
            },
            Interrupt::Moved(why) | Interrupt::Stuck(why) if self.section().is_some() => {
                self.turn_back(why)?;
            }
            Interrupt::Moved(why) => match self.current() {
                Some(step) => self.note(Event::Moved { step, why })?,
                None => self.note(Event::Stuck { question: why })?,
            },
            Interrupt::Stuck(question) => self.note(Event::Stuck { question })?,
            Interrupt::RollBack(why) => self.turn_back(why)?,
            Interrupt::Tripped(why) => self.rather_not_go_on(why)?,
            Interrupt::Failed(failure) | Interrupt::Untold(failure) => self.failed(failure)?,
            // The step may have reached its end all the same, so what going back loses then is lost now.
            Interrupt::Unread(failure) => {
                self.failed(Failure::permanent(UNSEEN, failure.to_string()))?;
            }
        }
        Ok(None)
    }

    fn failed(&mut self, failure: Failure) -> Result<(), RunError> {
        let what = failure.to_string();
        let Some(step) = self.current() else {
            return self.note(Event::Stuck { question: what });
        };
        self.ports.reporter.report(News::StepFailed(step.clone(), failure.clone()));
        self.note(Event::StepFailed { step: step.clone(), failure })?;
        self.after_failure(&step, &what)
    }

    fn after_failure(&mut self, step: &StepId, what: &str) -> Result<(), RunError> {
        let why = format!("step `{step}` failed: {what}");
        if self.state.direction == Direction::Back {
            return self.note(Event::Stuck {
                question: format!("rolling back, {why}; what stands is for a person to judge"),
            });
        }
        // An upgrade that is done is not taken back because cleaning up after it failed.
        if self.authority.cleans_up(step) {
            return self.note(Event::Stuck {
                question: format!(
                    "all but the cleaning up is done, but {why}; resume or roll back?"
                ),
            });
        }
        self.rather_not_go_on(why)
    }

    /// Turns round where that loses nothing and is what the operator wants of a run that must not go on; else a person
    /// decides.
    fn rather_not_go_on(&mut self, why: String) -> Result<(), RunError> {
        if let Some(loss) = self.state.loss_of_going_back(self.authority) {
            return self.note(Event::Stuck {
                question: format!(
                    "{why}; going back now would lose {loss}: resume, or roll back all the same?"
                ),
            });
        }
        match self.options.on_failure {
            OnFailure::RollBack => self.turn_back(why),
            OnFailure::Stop if self.section().is_some() => self.turn_back(why),
            OnFailure::Stop => {
                self.note(Event::Stuck { question: format!("{why}; resume or roll back?") })
            }
        }
    }

    /// Turns round, unless something that can't be undone may have happened.
    fn turn_back(&mut self, why: String) -> Result<(), RunError> {
        if self.state.direction == Direction::Back {
            return Ok(());
        }
        if let Some(question) = self.no_way_back() {
            return self.note(Event::Stuck { question: format!("{why}; {question}") });
        }
        self.ports.reporter.report(News::TurnedBack(why.clone()));
        self.note(Event::TurnedBack { why })
    }
}
