//! What records change about steps: gates, rounds, checks and ends.

use super::event::Event;
use super::run_state::{Phase, RunState};
use super::step_state::{StepState, StepStatus};
use crate::model::{Fact, Moment, StepId};

impl RunState {
    /// What happens in a step, beside its effects.
    pub(super) fn advance_step(&mut self, event: &Event, at: Moment) -> Result<(), String> {
        match event {
            Event::GateReached { step, gate, .. } => {
                self.at_gate(step, *gate)?.status = StepStatus::AtGate(*gate);
            }
            Event::GateOpened { step, gate, .. } => {
                let step = self.at_gate(step, *gate)?;
                step.gates_open += 1;
                step.status = StepStatus::Pending;
            }
            Event::RoundStarted { step, round, now, facts } => {
                self.round(step, *round, *now, facts, at)?;
            }
            Event::Again { step, .. } => self.in_round(step)?.status = StepStatus::Pending,
            Event::Checked { step, facts, soak_until } => {
                let step = self.in_round(step)?;
                step.facts.clone_from(facts);
                step.status = StepStatus::Checked(*soak_until);
                step.reached = true;
            }
            Event::StepDone { step, nothing_to_do } => {
                let fits = match self.step(step).status {
                    StepStatus::Pending => nothing_to_do.is_some(),
                    StepStatus::Checked(_) => nothing_to_do.is_none(),
                    StepStatus::AtGate(_)
                    | StepStatus::Running
                    | StepStatus::Done
                    | StepStatus::Failed(_) => false,
                };
                self.expect(fits, "the step was not checked")?;
                self.running(step)?.status = StepStatus::Done;
            }
            Event::StepFailed { step, failure } => {
                let fits = self.step(step).status != StepStatus::Done;
                self.expect(fits, "a step that is done does not fail")?;
                self.running(step)?.status = StepStatus::Failed(failure.clone());
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
            | Event::Intended(_)
            | Event::Answered { .. }
            | Event::Settled { .. }
            | Event::Assumed { .. }
            | Event::Ended { .. }
            | Event::EndedBadly { .. } => {}
        }
        Ok(())
    }

    /// Returns the step for a change, if the run goes on.
    pub(super) fn running(&mut self, step: &StepId) -> Result<&mut StepState, String> {
        self.expect(matches!(self.phase, Phase::Running), "the run is not going on")?;
        Ok(self.steps.entry(step.clone()).or_default())
    }

    /// Returns the step for a change at its next gate.
    fn at_gate(&mut self, id: &StepId, gate: u32) -> Result<&mut StepState, String> {
        let step = self.running(id)?;
        if gate != step.gates_open {
            return Err(format!("gate {gate} came while gate {} was next", step.gates_open));
        }
        let fits = step.status == StepStatus::Pending || step.status == StepStatus::AtGate(gate);
        if !fits {
            return Err(format!("step `{id}` is past its gates"));
        }
        Ok(step)
    }

    pub(super) fn in_round(&mut self, step: &StepId) -> Result<&mut StepState, String> {
        let open = self.open.is_some();
        let state = self.running(step)?;
        if !matches!(state.status, StepStatus::Running) {
            return Err(format!("step `{step}` is not in a round"));
        }
        if open {
            return Err(format!("step `{step}` has an effect whose fate is open"));
        }
        Ok(state)
    }

    fn round(
        &mut self,
        id: &StepId,
        round: u32,
        now: Moment,
        facts: &[Fact],
        at: Moment,
    ) -> Result<(), String> {
        self.expect(self.open.is_none(), "an effect's fate is still open")?;
        let step = self.running(id)?;
        if round != step.round + 1 || !matches!(step.status, StepStatus::Pending) {
            return Err(format!(
                "round {round} of step `{id}` does not follow round {}",
                step.round
            ));
        }
        step.status = StepStatus::Running;
        step.round = round;
        step.began = step.began.or(Some(at));
        step.now = now;
        step.observed = facts.to_vec();
        step.performed.clear();
        Ok(())
    }
}
