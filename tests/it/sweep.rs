//! L4 and L5 against the real server and the lab's API: killed at each record in turn, the run ends as if nothing had
//! happened, and everything at the far side happened once.

use std::collections::BTreeMap;

use crate::stage::Stage;

/// More records than an upgrade has.
const MOST: u64 = 300;

#[test]
fn killed_after_each_record_in_turn_the_upgrade_ends_in_the_same_state() {
    killed("--die-after-record");
}

#[test]
fn killed_before_each_record_in_turn_the_upgrade_ends_in_the_same_state() {
    killed("--die-before-record");
}

#[track_caller]
fn killed(flag: &str) {
    let undisturbed = Stage::redis_6_with_data();
    undisturbed.lockstep(&["apply", "redis@7.0.15", "-e", "lab", "--yes"]).expect(0);
    let expected = far_side(&undisturbed);
    drop(undisturbed);

    let stage = Stage::redis_6_with_data();
    let before = stage.census();
    // Records 0 and 1 are written with the run itself; the process that makes it dies at the first one after them.
    let first = stage.lockstep(&["apply", "redis@7.0.15", "-e", "lab", "--yes", flag, "2"]);
    assert_eq!(first.code, -1, "{first:?}");
    let mut deaths = 1;
    let mut next = records(&stage);
    let last = loop {
        assert!(next < MOST, "the run never ends");
        // Each process writes the lease first, so the record to die at lies behind it.
        let at = (next + 1).to_string();
        let done = stage.lockstep(&["resume", "--yes", flag, &at]);
        if done.code != -1 {
            break done;
        }
        deaths += 1;
        let now = records(&stage);
        assert!(now > next, "record {next} was not followed by another");
        next = now;
    };
    last.expect(0).says("is done");
    assert!(deaths > 30, "only {deaths} deaths");
    let after = stage.census();
    assert!(after.version.starts_with("7.0"), "{after:?}");
    assert_eq!(before.samples, after.samples);
    assert_eq!(far_side(&stage), expected);
}

/// Returns how many records the run has.
fn records(stage: &Stage) -> u64 {
    let runs = stage.lockstep(&["runs", "--json"]).expect(0).json();
    runs["runs"]["runs"][0]["records"].as_u64().unwrap()
}

/// Counts what was changed at the far side, by what and where.
fn far_side(stage: &Stage) -> BTreeMap<(String, Option<String>), usize> {
    let mut counts = BTreeMap::new();
    for mutation in stage.mutations() {
        *counts.entry((mutation.name, mutation.service)).or_insert(0) += 1;
    }
    counts
}
