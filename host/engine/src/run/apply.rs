//! The host as `apply` sees it, and a guided step's round.

use super::bounds::{bounded, line, pause};
use super::execute::Execution;
use super::interrupt::Interrupt;
use super::port::{Clock, Control, Guest, GuestError, Host, Journal, News, Reporter, World};
use super::seen::Seen;
use super::step::trapped;
use crate::journal::Performed;
use crate::model::{Answer, Call, Denial, Fact, Failure, Step};

impl<W, J, C, R, K> Execution<'_, W, J, C, R, K>
where
    W: World,
    J: Journal,
    C: Clock,
    R: Reporter,
    K: Control,
{
    /// Lets the plugin perform a round's effects, follows each to its end, and returns what the plugin left.
    pub(super) async fn guided(
        &mut self,
        step: &Step,
        guest: &mut impl Guest,
    ) -> Result<Vec<Fact>, Interrupt> {
        let limit = self.limit(step);
        let state = self.state.step(&step.id);
        let call = self.call(step, state.round, state.now, &state.observed);
        let mut fresh_instance = false;
        let answer = loop {
            let mut host = Apply { execution: self, step, position: 0, stopped: None };
            let answer = guest.apply(&call, &mut host).await;
            if let Some(interrupt) = host.stopped {
                return Err(interrupt);
            }
            match answer {
                // A fresh instance is given the recorded answers again, so nothing is sent twice.
                Err(GuestError::Host { .. }) if !fresh_instance => {
                    fresh_instance = true;
                    self.pass(&step.id, pause(0), limit, &Seen::default(), guest).await?;
                }
                answer => break answer,
            }
        };
        let left = match answer {
            Ok(Ok(facts)) => bounded(facts).map_err(Interrupt::Failed)?,
            Ok(Err(failure)) => return Err(Interrupt::Failed(failure)),
            Err(error) => return Err(Interrupt::Failed(trapped(&error))),
        };
        let performed: Vec<Performed> = self.state.step(&step.id).performed.clone();
        for performed in &performed {
            self.follow(step, performed, limit, guest).await?;
        }
        Ok(left)
    }
}

/// The host as `apply` sees it: it performs, and reads nothing, so that a replay is exact.
struct Apply<'e, 'a, W, J, C, R, K> {
    execution: &'e mut Execution<'a, W, J, C, R, K>,
    step: &'e Step,
    position: usize,
    stopped: Option<Interrupt>,
}

impl<W, J, C, R, K> Host for Apply<'_, '_, W, J, C, R, K>
where
    W: World,
    J: Journal,
    C: Clock,
    R: Reporter,
    K: Control,
{
    async fn answer(&mut self, call: Call) -> Answer {
        let not_here =
            |what: &str| Failure::denied("call:not-here", format!("`apply` can't {what}"));
        let words = call.words();
        let answer = match call {
            Call::Read(_) | Call::DeploymentOf(_) => Answer::Read(Err(not_here("read"))),
            Call::Declare(_) => Answer::Declared(Err(not_here("declare effects"))),
            Call::Progress(_) => Answer::Progressed(Err(not_here("ask for progress"))),
            Call::Log(level, text) => {
                let news = News::PluginSays(level, line(&text));
                self.execution.ports.reporter.report(news);
                Answer::Logged
            }
            Call::Perform(label, arguments) => {
                if self.stopped.is_some() {
                    return Answer::Performed(Err(Failure::denied(
                        "run:stopped",
                        "the run has stopped",
                    )));
                }
                match self.execution.perform(self.step, &label, &arguments, self.position).await {
                    Ok(facts) => {
                        self.position += 1;
                        Answer::Performed(Ok(facts))
                    }
                    Err(Interrupt::Failed(failure)) => {
                        // What was refused has its place in the records; what was denied has none.
                        let state = self.execution.state.step(&self.step.id);
                        let recorded = state.performed.get(self.position).is_some_and(|it| {
                            it.intent.label == label && it.intent.arguments == arguments
                        });
                        self.position += usize::from(recorded);
                        Answer::Performed(Err(failure))
                    }
                    Err(interrupt) => {
                        self.stopped = Some(interrupt);
                        Answer::Performed(Err(Failure::denied(
                            "run:stopped",
                            "the run has stopped",
                        )))
                    }
                }
            }
        };
        if let Some(denied) = answer.denied().filter(|_| self.stopped.is_none()) {
            self.execution.ports.reporter.report(News::Denied(denied.clone()));
            let denial = Denial { call: words, problem: denied.clone() };
            if let Err(error) = self.execution.record_denied(&self.step.id, vec![denial]) {
                self.stopped = Some(error.into());
            }
        }
        answer
    }
}
