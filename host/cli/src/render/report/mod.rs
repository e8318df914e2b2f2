//! What a run did, as Markdown: for whoever was not there.
//!
//! What a plugin, an operator or a far side has said stands in code spans alone, on one line, so that none of it is taken for
//! Markdown or HTML. Everything else is in the host's own words.

mod head;
mod markdown;
mod outages;
mod sections;
mod steps;

use lockstep_engine::journal::{Head, Record, RunState};
use lockstep_engine::model::{CompositeId, Plan, RunId};

use self::markdown::Markdown;

/// A run that is reported.
pub(crate) struct Report<'a> {
    /// The run.
    pub(crate) run: &'a RunId,
    /// Where it stands.
    pub(crate) state: &'a RunState,
    /// Its plan.
    pub(crate) plan: &'a Plan,
    /// All its records.
    pub(crate) records: &'a [Record],
    /// Where its journal ends.
    pub(crate) head: &'a Head,
    /// The stages of its composite plan, if it has one.
    pub(crate) stages: Option<Stages<'a>>,
}

/// The stages of a composite plan, one of which is reported.
pub(crate) struct Stages<'a> {
    /// The composite plan.
    pub(crate) composite: &'a CompositeId,
    /// Which of the stages the run is.
    pub(crate) index: usize,
    /// All of them.
    pub(crate) lines: Vec<StageLine<'a>>,
}

/// One stage beside the run's own.
pub(crate) struct StageLine<'a> {
    /// What it upgrades.
    pub(crate) component: &'a str,
    /// Its newest run.
    pub(crate) run: Option<&'a RunId>,
    /// Where that stands.
    pub(crate) standing: Option<&'a str>,
}

/// One part of a report.
type Part = fn(&Report<'_>, &mut Markdown);

/// The parts, in their order.
const PARTS: [Part; 13] = [
    head::head,
    sections::stages,
    steps::steps,
    sections::turns,
    sections::gates,
    sections::watches,
    sections::fates,
    sections::denials,
    outages::announced,
    outages::measured,
    sections::cost,
    sections::uncovered,
    sections::journal,
];

/// Returns the report as Markdown.
pub(crate) fn report(report: &Report<'_>) -> String {
    let mut out = Markdown::default();
    for part in PARTS {
        part(report, &mut out);
    }
    out.into_text()
}
