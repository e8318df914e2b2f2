//! What goes wrong around a run: each has a message, a hint, an exit code and no half-done state.

mod railway;
mod redis;
mod words;

use crate::stage::{Done, Stage};

/// The upgrade during which things go wrong.
const UPGRADE: &[&str] = &["apply", "redis@7.0.15", "-e", "lab", "--yes"];

impl Done {
    /// Fails the test unless people are told what they can do.
    #[track_caller]
    fn hints(self, hint: &str) -> Self {
        let told = |line: &str| {
            (line.starts_with("Hint: ") || line.trim_start().starts_with("→ "))
                && line.contains(hint)
        };
        assert!(self.err.lines().any(told), "no hint says `{hint}`:\n{}", self.err);
        self
    }
}

/// Fails the test if anything was changed or begun.
#[track_caller]
fn nothing_happened(stage: &Stage) {
    assert!(stage.mutations().is_empty(), "{:?}", stage.mutations());
    stage.lockstep(&["runs"]).expect(0).says("No runs yet");
}

/// Fails the test unless the only run is over.
#[track_caller]
fn the_run_is_over(stage: &Stage) {
    let runs = stage.lockstep(&["runs", "--json"]).expect(0).json();
    assert_eq!(runs["runs"]["runs"][0]["over"], true, "{runs}");
}

/// Injects a fault.
#[track_caller]
pub(crate) fn break_with(stage: &Stage, fault: &str) {
    let words: Vec<&str> = ["lab", "break"].into_iter().chain(fault.split(' ')).collect();
    stage.lockstep(&words).expect(0);
}

fn write_toml(stage: &Stage, text: &str) {
    std::fs::write(stage.folder().join("lockstep.toml"), text).unwrap();
}

#[test]
fn of_two_applies_at_once_one_runs_and_the_other_names_it() {
    let stage = Stage::redis_6_with_data();
    let before = stage.census();
    let start = || {
        let mut apply = stage.command(&["apply", "redis@7.0.15", "-e", "lab", "--yes"]);
        apply.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        apply.spawn().unwrap()
    };
    let (one, other) = (start(), start());
    let mut ended = [one, other].map(|apply| Done::of(&apply.wait_with_output().unwrap()));
    ended.sort_by_key(|done| done.code);
    let [ran, refused] = ended;
    ran.expect(0).says("is done");
    refused.expect(14).says("holds ");
    assert_eq!(before.samples, stage.census().samples);
}
