//! L4 and L5 against the real server and the lab's API: killed at each record in turn and resumed, a run ends as if
//! nothing had happened, and everything at the far side happened once.

mod heard;
mod standing;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::far_side::{Mutations, mutations};
use crate::stage::Stage;
use crate::sweep::heard::Ear;

/// Runs at once: they wait far more than they work, most of it for what a dead process may still have had on its way.
const AT_ONCE: usize = 10;

const APPLY: [&str; 5] = ["apply", "redis@7.0.15", "-e", "lab", "--yes"];

/// What a run did to the far side, and what it left there.
#[derive(Debug, PartialEq)]
struct Came {
    /// What was changed at Railway, and how often.
    railway: Mutations,
    /// What Redis was told to change, and how often.
    redis: BTreeMap<String, usize>,
    /// What stands there in the end.
    standing: serde_json::Value,
}

/// One way to go with a run, to be killed on.
struct Way {
    /// How the process is killed: after the record is durable, or before it is, with all that it is about done.
    flag: &'static str,
    /// Whether the run goes back after its upgrade.
    back: bool,
    /// Whether the journal is in PostgreSQL instead of a file.
    shared: bool,
}

#[test]
fn killed_after_each_record_in_turn_the_upgrade_ends_in_the_same_state() {
    sweep(&Way { flag: "--die-after-record", back: false, shared: false });
}

#[test]
fn killed_before_each_record_in_turn_the_upgrade_ends_in_the_same_state() {
    sweep(&Way { flag: "--die-before-record", back: false, shared: false });
}

/// Killed before a record, the journal is as if killed after the one before, and more was done meanwhile: the harder half of
/// two, and the only one for the way back, because each takes minutes.
#[test]
fn killed_before_each_record_in_turn_the_way_back_ends_in_the_same_state() {
    sweep(&Way { flag: "--die-before-record", back: true, shared: false });
}

#[test]
fn with_its_journal_in_postgresql_a_killed_upgrade_ends_in_the_same_state() {
    sweep(&Way { flag: "--die-before-record", back: false, shared: true });
}

#[test]
fn with_its_journal_in_postgresql_a_killed_way_back_ends_in_the_same_state() {
    sweep(&Way { flag: "--die-before-record", back: true, shared: true });
}

fn sweep(way: &Way) {
    let undisturbed = way.stage();
    let ear = Ear::to(&undisturbed);
    let begun = way.prepare(&undisturbed);
    undisturbed.lockstep(way.command()).expect(way.ends_with());
    let records = records(&undisturbed) - begun;
    let expected = came(undisturbed, ear);
    assert!(records > way.least(), "only {records} records");
    let told = |what: &str| expected.redis.get(what).copied().unwrap_or_default();
    let keys =
        ["SET lockstep:canary:redis", "SET lockstep:mark:redis", "DEL lockstep:canary:redis"];
    assert!(keys.into_iter().all(|key| told(key) == 1), "{:?}", expected.redis);
    assert_eq!(told("BGSAVE"), 2, "{:?}", expected.redis);
    let next = AtomicU64::new(way.first());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let record = next.fetch_add(1, Ordering::Relaxed);
                    if record >= records {
                        return;
                    }
                    way.killed(record, &expected);
                }
            });
        }
    });
}

impl Way {
    /// A lab with what the upgrade touches, and data of every type.
    fn stage(&self) -> Stage {
        let only = ["--only", "redis", "--only", "postgres", "--only", "langfuse-worker"];
        let mut stage = Stage::up(&[&["--stack", "redis-6"], &only[..]].concat());
        stage.lockstep(&["lab", "fill", "--strings", "50"]).expect(0);
        if self.shared {
            stage.keep_in_postgresql();
        }
        stage
    }

    /// Brings the run to where the sweep begins, and returns how many records it has there.
    fn prepare(&self, stage: &Stage) -> u64 {
        if !self.back {
            return 0;
        }
        stage.lockstep(&[&APPLY[..], &["--until", "upgrade"]].concat()).expect(10);
        records(stage)
    }

    fn command(&self) -> &'static [&'static str] {
        if self.back { &["rollback", "--yes"] } else { &APPLY }
    }

    /// How a killed run is gone on with. One that was to go back may not know that yet.
    fn again(&self) -> &'static [&'static str] {
        if self.back { &["rollback", "--yes"] } else { &["resume", "--yes"] }
    }

    fn ends_with(&self) -> i32 {
        if self.back { 11 } else { 0 }
    }

    fn version(&self) -> &'static str {
        if self.back { "6.2" } else { "7.0" }
    }

    fn least(&self) -> u64 {
        if self.back { 15 } else { 40 }
    }

    /// The first record to be killed at. Records 0 and 1 are written with the run itself; the process that makes it dies at
    /// the first one after them.
    fn first(&self) -> u64 {
        if self.back { 0 } else { 2 }
    }

    #[track_caller]
    fn killed(&self, record: u64, expected: &Came) {
        let stage = self.stage();
        let ear = Ear::to(&stage);
        let before = stage.census();
        let begun = self.prepare(&stage);
        let at = (begun + record).to_string();
        let died = stage.lockstep(&[self.command(), &[self.flag, &at]].concat());
        // How often a watch changes its mind differs from run to run, and so does the number of records.
        let ended = died.code == self.ends_with() && records(&stage) <= begun + record;
        assert!(died.code == -1 || ended, "record {record}: {died:?}");
        let over = stage.lockstep(&["runs", "--json"]).json()["runs"]["runs"][0]["over"] == true;
        if !over {
            let resumed = stage.lockstep(self.again());
            assert_eq!(resumed.code, self.ends_with(), "record {record}: {resumed:?}");
        }
        let after = stage.census();
        assert!(after.version.starts_with(self.version()), "record {record}: {after:?}");
        assert_eq!(before.samples, after.samples, "record {record}");
        let mut came = came(stage, ear);
        if self.flag == "--die-before-record" {
            forgive_one_repeat(&mut came.redis, expected);
        }
        assert_eq!(&came, expected, "record {record}");
    }
}

/// Nobody can ask a Redis server whether it has carried out a command. Those of the upgrade are declared as repeatable
/// for that reason, so the one whose answer died with the process is sent once more, and none else.
fn forgive_one_repeat(redis: &mut BTreeMap<String, usize>, expected: &Came) {
    let repeated = redis
        .iter_mut()
        .find(|(told, times)| expected.redis.get(*told).is_some_and(|once| **times == once + 1));
    if let Some((_, times)) = repeated {
        *times -= 1;
    }
}

/// Returns how many records the run has.
fn records(stage: &Stage) -> u64 {
    let runs = stage.lockstep(&["runs", "--json"]).expect(0).json();
    runs["runs"]["runs"][0]["records"].as_u64().unwrap()
}

/// Ends the lab and returns what came of it.
fn came(stage: Stage, ear: Ear) -> Came {
    let railway = mutations(&stage);
    let redis = ear.heard(&stage);
    let standing = standing::standing(&stage);
    drop(stage);
    Came { railway, redis, standing }
}
