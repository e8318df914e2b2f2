//! The steps of a run with their times, and what each changed.

use std::collections::BTreeMap;

use lockstep_engine::journal::{Event, Record};
use lockstep_engine::model::{Authority, Label, Moment, Step, StepId};

use super::Report;
use super::markdown::{Markdown, code};
use crate::clock::written;
use crate::render::effect::words;
use crate::render::run::event;
use crate::render::text::{length, tame};

/// What the records tell of one step.
#[derive(Debug)]
pub(super) struct Told<'a> {
    /// Which step.
    pub(super) step: &'a StepId,
    /// When it was taken up; what was waited for at its gates is none of its time.
    pub(super) began: Moment,
    /// When it was done or failed.
    pub(super) over: Option<Moment>,
    came_to: &'static str,
    /// What happened in it, in its order; of an effect, what came after its intent belongs to that.
    lines: Vec<(bool, String)>,
}

/// Appends every step that began, first as a table and then with what it changed.
pub(super) fn steps(report: &Report<'_>, out: &mut Markdown) {
    let authority = &report.plan.authority;
    let told = told(report.records, authority);
    out.heading(2, "Steps");
    if told.is_empty() {
        out.line("None began.");
    } else {
        out.line("| step | way | began | over | took | came to |");
        out.line("|---|---|---|---|---|---|");
    }
    for told in &told {
        let back = authority.undo_step(told.step).is_some();
        let (over, took) = told
            .over
            .map_or_else(Default::default, |over| (written(over), length(over.since(told.began))));
        out.line(&format!(
            "| `{}` | {} | {} | {over} | {took} | {} |",
            told.step,
            if back { "back" } else { "there" },
            written(told.began),
            told.came_to
        ));
    }
    let begun = |step: &StepId| told.iter().any(|told| told.step == step);
    let ids = authority.steps.iter().map(|frozen| &frozen.step.id);
    let never: Vec<String> = ids.filter(|id| !begun(id)).map(|id| format!("`{id}`")).collect();
    if !never.is_empty() {
        out.line(&format!("\nNot begun: {}.", never.join(", ")));
    }
    for told in &told {
        in_full(told, authority, out);
    }
}

fn in_full(told: &Told<'_>, authority: &Authority, out: &mut Markdown) {
    out.heading(3, &format!("Step `{}`", told.step));
    if let Some((step, derived)) = step(authority, told.step) {
        let whose = if derived { "The host's own step" } else { "In the plugin's words" };
        out.item(&format!("{whose}: {}", code(&step.title)));
    }
    for (below, line) in &told.lines {
        if *below { out.below(line) } else { out.item(line) }
    }
}

/// Returns a step of either way, and whether it is the host's own.
pub(super) fn step<'a>(authority: &'a Authority, id: &StepId) -> Option<(&'a Step, bool)> {
    let there = authority.step(id).map(|frozen| (&frozen.step, frozen.derived));
    there.or_else(|| authority.undo_step(id).map(|frozen| (&frozen.step, frozen.derived)))
}

/// Reads the records step by step.
pub(super) fn told<'a>(records: &'a [Record], authority: &Authority) -> Vec<Told<'a>> {
    let mut steps: Vec<Told<'_>> = Vec::new();
    let mut performing: BTreeMap<&Label, &StepId> = BTreeMap::new();
    for record in records {
        if let Event::Intended(intent) = &record.event {
            performing.insert(&intent.label, &intent.step);
        }
        let Some(id) = step_of(&record.event, &performing) else { continue };
        let known = steps.iter().position(|told| told.step == id);
        let index = known.unwrap_or_else(|| {
            let (began, came_to) = (record.at, "not over");
            steps.push(Told { step: id, began, over: None, came_to, lines: Vec::new() });
            steps.len() - 1
        });
        if let Some(told) = steps.get_mut(index) {
            told.take(record, authority);
        }
    }
    steps
}

impl Told<'_> {
    fn take(&mut self, record: &Record, authority: &Authority) {
        let at = written(record.at);
        let plain = || format!("{at}: {}", code(&event(&record.event)));
        match &record.event {
            Event::Intended(intent) => {
                let effect = authority.effects.get(&intent.label).map(words).map(|it| tame(&it));
                let again = match intent.attempt {
                    0 => String::new(),
                    attempt => format!(", try {}", attempt + 1),
                };
                let effect = effect.map_or_else(String::new, |it| format!(": {}", code(&it)));
                self.lines.push((false, format!("{at}: effect `{}`{again}{effect}", intent.label)));
            }
            Event::Answered { .. }
            | Event::Settled { .. }
            | Event::Assumed { .. }
            | Event::Ended { .. }
            | Event::EndedBadly { .. } => self.lines.push((true, plain())),
            Event::StepDone { nothing_to_do, .. } => {
                self.over = Some(record.at);
                self.came_to = if nothing_to_do.is_some() { "nothing to do" } else { "done" };
                self.lines.push((false, plain()));
            }
            Event::StepFailed { .. } => {
                self.over = Some(record.at);
                self.came_to = "failed";
                self.lines.push((false, plain()));
            }
            // A step that failed may have been taken up again.
            Event::RoundStarted { round, now, .. } => {
                if *round == 1 {
                    self.began = *now;
                }
                (self.over, self.came_to) = (None, "not over");
            }
            Event::GateReached { .. } => self.came_to = "waits at a gate",
            Event::GateOpened { .. } => self.came_to = "not over",
            Event::SectionBegan { .. } | Event::Again { .. } => self.lines.push((false, plain())),
            // It may soak from here on.
            Event::Checked { .. } => {
                self.came_to = "checked";
                self.lines.push((false, plain()));
            }
            // None of these belongs to a step.
            Event::WindowFound { .. }
            | Event::Denied { .. }
            | Event::Moved { .. }
            | Event::Planned { .. }
            | Event::Approved { .. }
            | Event::Leased { .. }
            | Event::Claimed { .. }
            | Event::Stands { .. }
            | Event::Schema { .. }
            | Event::Tallied { .. }
            | Event::Missed { .. }
            | Event::Counted { .. }
            | Event::Watched { .. }
            | Event::Triggered { .. }
            | Event::TurnedBack { .. }
            | Event::Stuck { .. }
            | Event::Resumed { .. }
            | Event::Finished { .. } => {}
        }
    }
}

/// Returns the step that an event belongs to, if it belongs to one.
fn step_of<'a>(event: &'a Event, performing: &BTreeMap<&Label, &'a StepId>) -> Option<&'a StepId> {
    match event {
        Event::Intended(intent) => Some(&intent.step),
        Event::Answered { label, .. }
        | Event::Settled { label, .. }
        | Event::Assumed { label, .. }
        | Event::Ended { label, .. }
        | Event::EndedBadly { label, .. } => performing.get(label).copied(),
        Event::GateReached { step, .. }
        | Event::RoundStarted { step, .. }
        | Event::SectionBegan { step, .. }
        | Event::Again { step, .. }
        | Event::Checked { step, .. }
        | Event::StepDone { step, .. }
        | Event::StepFailed { step, .. } => Some(step),
        // A gate may be opened long before its step begins; it is told among the gates.
        Event::GateOpened { .. }
        | Event::WindowFound { .. }
        | Event::Denied { .. }
        | Event::Moved { .. }
        | Event::Planned { .. }
        | Event::Approved { .. }
        | Event::Leased { .. }
        | Event::Claimed { .. }
        | Event::Stands { .. }
        | Event::Schema { .. }
        | Event::Tallied { .. }
        | Event::Missed { .. }
        | Event::Counted { .. }
        | Event::Watched { .. }
        | Event::Triggered { .. }
        | Event::TurnedBack { .. }
        | Event::Stuck { .. }
        | Event::Resumed { .. }
        | Event::Finished { .. } => None,
    }
}
