//! The way back: undo steps of what began, last first, through the same machine.

use tracing::Instrument as _;

use super::execute::{Ended, Execution};
use super::interrupt::Interrupt;
use super::port::{Clock, Control, Guest, Journal, Reporter, World};
use super::span;
use crate::journal::{Direction, End, Event};
use crate::model::{FrozenStep, FrozenUndo, Kind, Label, Step, StepId, Way};
use crate::policy;

impl<W, J, C, R, K> Execution<'_, W, J, C, R, K>
where
    W: World,
    J: Journal,
    C: Clock,
    R: Reporter,
    K: Control,
{
    /// Returns why the run can't roll back by itself; none while it can.
    pub fn no_way_back(&self) -> Option<String> {
        let lost = |frozen: &&FrozenStep| {
            matches!(frozen.way, Way::Impossible(_)) && self.has_begun(frozen)
        };
        let frozen = self.authority.steps.iter().find(lost)?;
        match &frozen.way {
            Way::Impossible(why) => {
                Some(format!("step `{}` can't be undone: {why}", frozen.step.id))
            }
            Way::Nothing | Way::Steps(_) => None,
        }
    }

    /// Does the next undo step, or ends the run when none is left.
    pub(super) async fn back(
        &mut self,
        guest: &mut impl Guest,
    ) -> Result<Option<Ended>, Interrupt> {
        let authority = self.authority;
        if let Some(question) = self.no_way_back() {
            return Err(Interrupt::Stuck(question));
        }
        let Some(undo) = self.next_undo().and_then(|id| authority.undo_step(&id)) else {
            self.watch_at_the_end(guest).await?;
            self.end_ledger().await?;
            self.give_claim_back().await;
            self.note(Event::Finished { end: End::RolledBack })?;
            return Ok(None);
        };
        if !self.claimed || !self.is_backing_out() {
            self.hold_claim(&undo.step.id).await?;
        }
        let span = span::step(&self.run, &undo.step.id);
        if undo.derived {
            if policy::ends(&undo.step.id) {
                self.watch_at_the_end(guest).await?;
            }
            self.derived(&undo.step, guest).instrument(span).await?;
        } else {
            self.step(&undo.step, guest).instrument(span).await?;
        }
        Ok(None)
    }

    /// Returns the step that the run is in, whichever way it goes.
    pub(super) fn current(&self) -> Option<StepId> {
        match self.state.direction {
            Direction::Forward => {
                let next =
                    self.authority.steps.iter().find(|frozen| !self.is_done(&frozen.step.id));
                next.map(|frozen| frozen.step.id.clone())
            }
            Direction::Back => self.next_undo(),
        }
    }

    /// Returns whether the host performs a listed effect: not when all that it reverses never began, and not when it
    /// deploys what an undo step still to come deploys anyway, from values that are put back by then.
    pub(super) fn is_wanted(&self, step: &Step, label: &Label) -> bool {
        let reversed: Vec<&Label> =
            step.reverses.iter().filter(|(undo, _)| undo == label).map(|(_, it)| it).collect();
        let began: Vec<&Label> =
            reversed.iter().copied().filter(|it| self.state.began(it)).collect();
        if reversed.is_empty() {
            return true;
        }
        !began.is_empty() && !self.is_deployed_later(step, label, &began)
    }

    fn is_deployed_later(&self, step: &Step, label: &Label, began: &[&Label]) -> bool {
        let deploys = |label: &Label| {
            let effect = self.authority.effects.get(label)?;
            if let Kind::Deploy { service, .. } = &effect.kind { Some(service) } else { None }
        };
        let Some(service) = deploys(label) else { return false };
        let derived = |id| self.authority.undo_step(id).filter(|frozen| frozen.derived);
        if derived(&step.id).is_none() {
            return false;
        }
        let later = self.way_back().skip_while(|id| **id != step.id).skip(1).filter_map(derived);
        later
            .flat_map(|frozen| &frozen.step.reverses)
            .any(|(undo, reversed)| deploys(undo) == Some(service) && began.contains(&reversed))
    }

    pub(super) fn next_undo(&self) -> Option<StepId> {
        self.way_back().find(|id| !self.is_done(id)).cloned()
    }

    /// The undo steps of what began, in the order in which they are taken, and then those that end the way back.
    fn way_back(&self) -> impl Iterator<Item = &StepId> {
        let begun = self.authority.steps.iter().rev().filter(|frozen| self.has_begun(frozen));
        let of_steps = begun.flat_map(|frozen| match &frozen.way {
            Way::Steps(ids) => ids.as_slice(),
            Way::Nothing | Way::Impossible(_) => &[],
        });
        let needed = |undo: &&FrozenUndo| {
            undo.step.reverses.iter().any(|(_, reversed)| self.state.began(reversed))
        };
        let last = self.authority.closing().filter(needed).map(|undo| &undo.step.id);
        of_steps.chain(last)
    }

    /// Returns whether an effect of the step happened or may have.
    pub(super) fn has_begun(&self, frozen: &FrozenStep) -> bool {
        frozen.step.effects.iter().any(|label| self.state.began(label))
    }
}
