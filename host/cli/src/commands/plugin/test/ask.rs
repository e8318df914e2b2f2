//! One call of a plugin, and what it comes to.

use lockstep_engine::model::{
    Draft, Effect, Fact, Failure, Finding, Label, Observation, Progress, RunId, Sample, Severity,
    StepCall, Target, Verdict,
};
use lockstep_engine::run::{Guest as _, GuestError};
use lockstep_runtime::Plugin;

use super::desk::{Asked, Desk};

/// One call of a plugin.
#[derive(Clone, Copy)]
pub(super) enum Ask<'a> {
    Plan(&'a Target),
    Observe(&'a StepCall, &'a [Fact]),
    Apply(&'a StepCall),
    Check(&'a StepCall, &'a [Fact]),
    Probe(&'a str, &'a StepCall),
}

/// A look at a step, before or after its effects.
#[derive(Clone, Copy)]
pub(super) enum Look {
    Observe,
    Check,
}

impl Look {
    /// Returns the look as a call.
    pub(super) const fn ask<'a>(self, call: &'a StepCall, memo: &'a [Fact]) -> Ask<'a> {
        match self {
            Self::Observe => Ask::Observe(call, memo),
            Self::Check => Ask::Check(call, memo),
        }
    }
}

/// What it returned.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Said {
    Plan(Box<Draft>),
    Observation(Observation),
    Applied(Vec<Fact>),
    Progress(Progress),
    Sample(Sample),
    Failed(Failure),
}

/// What one call came to.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Outcome {
    pub(super) said: Said,
    pub(super) asked: Vec<Asked>,
    pub(super) declared: Vec<Effect>,
    pub(super) performed: Vec<Label>,
}

/// Calls the plugin.
///
/// # Errors
/// It broke the rules, or the host could not run it.
pub(super) async fn call(
    plugin: &mut Plugin,
    ask: Ask<'_>,
    desk: &mut Desk<'_, '_>,
) -> Result<Said, GuestError> {
    let or_failed = |answer: Result<Said, Failure>| answer.unwrap_or_else(Said::Failed);
    Ok(or_failed(match ask {
        Ask::Plan(target) => {
            plugin.plan(target, desk).await?.map(|draft| Said::Plan(Box::new(draft)))
        }
        Ask::Observe(call, memo) => plugin.observe(call, memo, desk).await?.map(Said::Observation),
        Ask::Apply(call) => plugin.apply(call, desk).await?.map(Said::Applied),
        Ask::Check(call, memo) => plugin.check(call, memo, desk).await?.map(Said::Progress),
        Ask::Probe(watch, call) => plugin.probe(watch, call, desk).await?.map(Said::Sample),
    }))
}

/// Returns the run in whose name everything is called.
pub(super) fn run() -> RunId {
    "r-0000".parse().expect("it is the name of a run")
}

/// Returns what a look that waits wants to be given back.
pub(super) fn memo_of(said: &Said) -> Option<Vec<Fact>> {
    match said {
        Said::Observation(Observation::Wait(pending))
        | Said::Progress(Progress::Pending(pending)) => Some(pending.memo.clone()),
        Said::Plan(_)
        | Said::Observation(_)
        | Said::Applied(_)
        | Said::Progress(_)
        | Said::Sample(_)
        | Said::Failed(_) => None,
    }
}

/// Returns whether an answer says that everything is as it should be.
pub(super) fn is_good(said: &Said) -> bool {
    match said {
        Said::Plan(draft) => refusals(draft).next().is_none(),
        Said::Observation(Observation::Ready(_) | Observation::NothingToDo(_))
        | Said::Progress(Progress::Done(_)) => true,
        Said::Sample(sample) => sample.verdict == Verdict::Pass,
        Said::Observation(_) | Said::Applied(_) | Said::Progress(_) | Said::Failed(_) => false,
    }
}

/// Returns why a draft refuses itself.
pub(super) fn refusals(draft: &Draft) -> impl Iterator<Item = String> {
    let refuses = |finding: &&Finding| finding.severity == Severity::Refusal;
    draft.findings.iter().filter(refuses).map(|finding| finding.title.clone())
}

/// Returns calls without each of the facts and without each of the parameters.
pub(super) fn lacking(call: &StepCall) -> Vec<StepCall> {
    let facts = (0..call.facts.len()).map(|index| {
        let mut less = call.clone();
        less.facts.remove(index);
        less
    });
    let parameters = call.parameters.keys().map(|name| {
        let mut less = call.clone();
        less.parameters.remove(name);
        less
    });
    facts.chain(parameters).collect()
}
