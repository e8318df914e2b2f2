//! What stands beside the steps: each section is a list, and says so where there is nothing.

use lockstep_engine::journal::Event;

use super::markdown::{Markdown, code};
use super::{Report, StageLine};
use crate::clock::written;
use crate::render::ledger::ledger;
use crate::render::run::event;

/// Appends the stages of the composite plan, if the run is one of them.
pub(super) fn stages(report: &Report<'_>, out: &mut Markdown) {
    let Some(stages) = &report.stages else { return };
    let of = stages.lines.len();
    out.heading(2, &format!("Stage {} of {of}", stages.index + 1));
    out.line(&format!("The run is a stage of composite plan `{}`.\n", stages.composite));
    for (number, StageLine { component, run, standing }) in (1..).zip(&stages.lines) {
        let ran = match (run, standing) {
            (Some(run), Some(standing)) => format!("run {run}: {}", code(standing)),
            (Some(run), None) => format!("run {run}"),
            (None, _) => "no run".to_owned(),
        };
        out.item(&format!("Stage {number}, {}: {ran}", code(component)));
    }
}

/// Appends what stopped the run, turned it round, or let it go on.
pub(super) fn turns(report: &Report<'_>, out: &mut Markdown) {
    out.heading(2, "What stopped it, turned it round, or let it go on");
    events(report, out, |event| {
        matches!(
            event,
            Event::StepFailed { .. }
                | Event::Moved { .. }
                | Event::Stuck { .. }
                | Event::Triggered { .. }
                | Event::TurnedBack { .. }
                | Event::Resumed { .. }
                | Event::Assumed { .. }
        )
    });
}

/// Appends the gates and windows, and who opened them.
pub(super) fn gates(report: &Report<'_>, out: &mut Markdown) {
    out.heading(2, "Gates and maintenance windows");
    events(report, out, |event| {
        matches!(
            event,
            Event::GateReached { .. } | Event::GateOpened { .. } | Event::WindowFound { .. }
        )
    });
}

/// Appends every change of verdict of a watch.
pub(super) fn watches(report: &Report<'_>, out: &mut Markdown) {
    out.heading(2, "Watches, and their changes of verdict");
    events(report, out, |event| {
        matches!(event, Event::Counted { .. } | Event::Watched { .. } | Event::Triggered { .. })
    });
}

/// Appends the effects whose fate had to be found out, or was told by a person.
pub(super) fn fates(report: &Report<'_>, out: &mut Markdown) {
    out.heading(2, "Effects whose fate had to be found out");
    events(report, out, |event| matches!(event, Event::Settled { .. } | Event::Assumed { .. }));
}

/// Appends what the plugin was denied.
pub(super) fn denials(report: &Report<'_>, out: &mut Markdown) {
    out.heading(2, "Denied to the plugin");
    let planning = report.plan.evidence.denied.iter().map(|denial| {
        format!("while planning: {}: {}", code(&denial.call), code(&denial.problem.to_string()))
    });
    let running = lines(report, |event| matches!(event, Event::Denied { .. }));
    out.list(planning.chain(running));
}

/// Appends what the run really cost, by its canaries.
pub(super) fn cost(report: &Report<'_>, out: &mut Markdown) {
    out.heading(2, "What it cost, by the canaries beside it");
    out.list(ledger(&report.state.canaries).iter().map(|line| code(line)));
}

/// Appends what the plan could not keep or check.
pub(super) fn uncovered(report: &Report<'_>, out: &mut Markdown) {
    out.heading(2, "Not covered, in the plugin's words");
    out.list(report.plan.evidence.uncovered.iter().map(|line| code(line)));
}

/// Appends where the journal ends, by which it can be proven later.
pub(super) fn journal(report: &Report<'_>, out: &mut Markdown) {
    out.heading(2, "Journal");
    let last = report.head.next.saturating_sub(1);
    out.item(&format!("Records: {}, the last is {last}", report.head.next));
    out.item(&format!("Head: {}", report.head.digest));
    let (run, digest) = (report.run, report.head.digest);
    out.item(&format!("Proof: `lockstep show {run} --verify --head {digest}`"));
}

fn events(report: &Report<'_>, out: &mut Markdown, wanted: fn(&Event) -> bool) {
    out.list(lines(report, wanted));
}

fn lines<'a>(
    report: &'a Report<'_>,
    wanted: fn(&Event) -> bool,
) -> impl Iterator<Item = String> + 'a {
    let records = report.records.iter().filter(move |record| wanted(&record.event));
    records.map(|record| format!("{}: {}", written(record.at), code(&event(&record.event))))
}
