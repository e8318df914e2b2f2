//! What tests demand of answers, and how they find what they are about.

use crate::{Draft, Fact, Finding, Observation, Progress, Step};

/// Demands that a step is done, and returns what it left.
#[track_caller]
pub fn done(progress: &Progress) -> &[Fact] {
    let Progress::Done(facts) = progress else { panic!("{progress:?}") };
    facts
}

/// Demands that a step failed, and that its words have this part.
#[track_caller]
pub fn failed(progress: &Progress, part: &str) {
    let Progress::Failed(why) = progress else { panic!("{progress:?}") };
    assert!(why.contains(part), "{why}");
}

/// Demands that a step is not done yet, and that its words have this part.
#[track_caller]
pub fn pending(progress: &Progress, part: &str) {
    let Progress::Pending(pending) = progress else { panic!("{progress:?}") };
    assert!(pending.note.contains(part), "{}", pending.note);
}

/// Demands that a step may not start yet, and that its words have this part.
#[track_caller]
pub fn waits(found: &Observation, part: &str) {
    let Observation::Wait(pending) = found else { panic!("{found:?}") };
    assert!(pending.note.contains(part), "{}", pending.note);
}

/// Demands that what a step rests on moved, that its words have this part, and returns the words.
#[track_caller]
pub fn moved(found: &Observation, part: &str) -> String {
    let Observation::Moved(why) = found else { panic!("{found:?}") };
    assert!(why.contains(part), "{why}");
    why.clone()
}

/// Returns the step with this name.
#[track_caller]
pub fn step<'a>(steps: &'a [Step], id: &str) -> &'a Step {
    steps.iter().find(|step| step.id == id).unwrap_or_else(|| panic!("there is no step `{id}`"))
}

/// Returns the finding with this name.
#[track_caller]
pub fn finding<'a>(draft: &'a Draft, id: &str) -> &'a Finding {
    let found = draft.findings.iter().find(|finding| finding.id == id);
    found.unwrap_or_else(|| panic!("there is no finding `{id}`: {:#?}", draft.findings))
}

/// Returns the names of steps.
pub fn ids(steps: &[Step]) -> Vec<&str> {
    steps.iter().map(|step| step.id.as_str()).collect()
}
