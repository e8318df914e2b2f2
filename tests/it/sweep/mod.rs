//! L4 and L5 against the real server and the lab's API: killed at each record in turn and resumed, the run ends as if
//! nothing had happened, and everything at the far side happened once.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::stage::Stage;

/// Runs at once: they wait far more than they work.
const AT_ONCE: usize = 4;

/// What was changed at the far side, by what and where, and how often.
type FarSide = BTreeMap<(String, Option<String>), usize>;

#[test]
fn killed_after_each_record_in_turn_the_upgrade_ends_in_the_same_state() {
    sweep("--die-after-record");
}

#[test]
fn killed_before_each_record_in_turn_the_upgrade_ends_in_the_same_state() {
    sweep("--die-before-record");
}

fn sweep(flag: &str) {
    let undisturbed = stage();
    undisturbed.lockstep(&["apply", "redis@7.0.15", "-e", "lab", "--yes"]).expect(0);
    let expected = far_side(&undisturbed);
    let records = records(&undisturbed);
    drop(undisturbed);
    assert!(records > 40, "only {records} records");
    // Records 0 and 1 are written with the run itself; the process that makes it dies at the first one after them.
    let next = AtomicU64::new(2);
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let record = next.fetch_add(1, Ordering::Relaxed);
                    if record >= records {
                        return;
                    }
                    killed(flag, record, &expected);
                }
            });
        }
    });
}

#[track_caller]
fn killed(flag: &str, record: u64, expected: &FarSide) {
    let stage = stage();
    let before = stage.census();
    let at = record.to_string();
    let died = stage.lockstep(&["apply", "redis@7.0.15", "-e", "lab", "--yes", flag, &at]);
    assert_eq!(died.code, -1, "record {record}: {died:?}");
    let over = stage.lockstep(&["runs", "--json"]).json()["runs"]["runs"][0]["over"] == true;
    if !over {
        let resumed = stage.lockstep(&["resume", "--yes"]);
        assert_eq!(resumed.code, 0, "record {record}: {resumed:?}");
    }
    let after = stage.census();
    assert!(after.version.starts_with("7.0"), "record {record}: {after:?}");
    assert_eq!(before.samples, after.samples, "record {record}");
    assert_eq!(&far_side(&stage), expected, "record {record}");
}

/// A lab with what the upgrade touches, and data of every type.
fn stage() -> Stage {
    let stage = Stage::up(&[
        "--stack",
        "redis-6",
        "--only",
        "redis",
        "--only",
        "postgres",
        "--only",
        "langfuse-worker",
    ]);
    stage.lockstep(&["lab", "fill", "--strings", "50"]).expect(0);
    stage
}

/// Returns how many records the run has.
fn records(stage: &Stage) -> u64 {
    let runs = stage.lockstep(&["runs", "--json"]).expect(0).json();
    runs["runs"]["runs"][0]["records"].as_u64().unwrap()
}

fn far_side(stage: &Stage) -> FarSide {
    let mut counts = BTreeMap::new();
    for mutation in stage.mutations() {
        *counts.entry((mutation.name, mutation.service)).or_insert(0) += 1;
    }
    counts
}
