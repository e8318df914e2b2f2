//! Maintenance windows: nothing begins that could not be finished, and taken back, before the window closes.

use super::execute::{Execution, Wait};
use super::interrupt::Interrupt;
use super::port::{Clock, Control, Journal, Reporter, Window, World};
use crate::journal::{Event, StepStatus};
use crate::model::{FrozenStep, Gate, Millis, Way};

impl<W, J, C, R, K> Execution<'_, W, J, C, R, K>
where
    W: World,
    J: Journal,
    C: Clock,
    R: Reporter,
    K: Control,
{
    /// Waits for a window with enough time left, where a stretch of steps begins with the step at `index`. A stretch that
    /// has begun goes on whatever the time: stopping in its middle helps nobody.
    pub(super) fn await_window(&mut self, index: usize) -> Result<(), Interrupt> {
        let steps = &self.authority.steps;
        let Some(frozen) = steps.get(index) else { return Ok(()) };
        let step = &frozen.step.id;
        let state = self.state.step(step);
        // Who waits at a gate has not begun, and may wait there until the window is long closed.
        let waits = matches!(state.status, StepStatus::Pending | StepStatus::AtGate(_));
        let has_begun = state.round > 0 || !waits;
        if has_begun || !self.begins_a_stretch(index) {
            return Ok(());
        }
        let needs = self.worst_case(index);
        let (until, by) = match self.ports.control.window(self.ports.clock.now(), needs) {
            Window::Always => return Ok(()),
            Window::Open { until } => (Some(until), None),
            Window::Closed { opens } => {
                let Some(by) = self.options.outside_windows.clone() else {
                    let step = step.clone();
                    return Err(Interrupt::Wait(Wait::Window { step, opens, needs }));
                };
                (None, Some(by))
            }
        };
        let known = self.state.windows.get(step);
        if known.is_none_or(|known| *known != until) {
            self.note(Event::WindowFound { step: step.clone(), needs, until, by })?;
        }
        Ok(())
    }

    /// A stretch begins with the run, after each soak, at a gate that asks for a window, and at the point of no return.
    fn begins_a_stretch(&self, index: usize) -> bool {
        let steps = &self.authority.steps;
        // What the host puts around the plugin's steps waits for no window of its own, but for the very first of all.
        if steps.get(index).is_some_and(|it| it.derived) {
            return index == 0;
        }
        let asks = |frozen: &FrozenStep| frozen.step.gates.contains(&Gate::Window);
        let before = steps.iter().take(index).rev().find(|it| !it.derived);
        let soaked = before.is_some_and(|it| it.step.soak.is_some());
        let section =
            |at: usize| steps.get(at).and_then(|it| self.authority.section_of(&it.step.id));
        let point = self.authority.point_of_no_return();
        if let Some(own) = section(index) {
            // Nothing is waited for inside a section, so what its last step would wait for is found before its first.
            if steps.get(index).is_some_and(|it| it.step.id != *own.first) {
                return false;
            }
            if point.and_then(section).as_ref() == Some(&own) {
                return true;
            }
        }
        let is_first = steps.iter().take(index).all(|it| it.derived);
        is_first || soaked || steps.get(index).is_some_and(asks) || point == Some(index)
    }

    /// Returns how long the stretch that begins at `index` takes if every step takes as long as it may, and then everything
    /// so far is taken back. Soaks are left out: nothing is changed in them.
    fn worst_case(&self, index: usize) -> Millis {
        let steps = &self.authority.steps;
        // What the host does before the plugin's first step is not begun where that would have to wait.
        let first = steps.iter().skip(index).take_while(|it| it.derived).count() + index;
        let later = (first + 1..steps.len()).find(|later| self.begins_a_stretch(*later));
        let end = later.unwrap_or(steps.len());
        let there = steps.iter().take(end).skip(index).map(|frozen| frozen.step.limit.0);
        let back = steps.iter().take(end).flat_map(|frozen| match &frozen.way {
            Way::Steps(ids) => ids.as_slice(),
            Way::Nothing | Way::Impossible(_) => &[],
        });
        let back = back.filter_map(|id| self.authority.undo_step(id)).map(|undo| undo.step.limit.0);
        Millis(there.chain(back).fold(0, u64::saturating_add))
    }
}
