//! The ledger: canaries beside a real upgrade show what it cost, and are gone afterwards.

use serde_json::Value;

use crate::far_side::Postgres;
use crate::stage::{Done, Stage};

/// The lab's canaries, of each kind.
const CANARIES: &str = "version = 1\n[environments.lab.canaries]\nrows = [\"postgres\"]\nbits = [\"redis\"]\n\
                        answers = { litellm = \"/health/liveliness\" }\n";

/// A lab with canaries, and with `more` in its `lockstep.toml`.
fn counted(more: &str) -> Stage {
    let stage = Stage::redis_6_with_data();
    std::fs::write(stage.folder().join("lockstep.toml"), format!("{CANARIES}{more}")).unwrap();
    stage
}

/// Returns how many numbers the stretches of a JSON document hold.
fn count(stretches: &Value) -> u64 {
    let length = |stretch: &Value| stretch[1].as_u64().unwrap() - stretch[0].as_u64().unwrap() + 1;
    stretches.as_array().unwrap().iter().map(length).sum()
}

/// Returns what one kind of canary came to.
fn cost<'a>(json: &'a Value, canary: &str) -> &'a Value {
    let found = &json["run"]["canaries"][canary];
    assert!(found.is_object(), "no {canary} in {json}");
    found
}

/// Returns whether anything of the canaries is left.
#[track_caller]
fn nothing_is_left(stage: &Stage) {
    let exists: bool = stage.ask(redis::cmd("EXISTS").arg("lockstep:canary-ledger")).unwrap();
    assert!(!exists, "the key is still there");
    let schemas = "SELECT count(*) FROM pg_namespace WHERE nspname = 'lockstep'";
    assert_eq!(Postgres::of(stage).number(schemas), 0, "the schema is still there");
}

#[track_caller]
fn is_whole(json: &Value, canary: &str) {
    let found = cost(json, canary);
    assert!(count(&found["acknowledged"]) > 0, "{found}");
    assert_eq!(count(&found["missing"]), 0, "{found}");
}

#[test]
fn an_upgrade_says_what_it_cost_and_leaves_no_canary_behind() {
    let stage = counted("");
    let plan = stage.lockstep(&["plan", "redis@7.0.15", "-e", "lab"]).expect(0);
    plan.says("canary: a bit a second").says("canary: a row a second").says("canary: GET");
    let done = stage.lockstep(&["apply", "redis@7.0.15", "-e", "lab", "--yes", "--json"]).expect(0);
    let done = done.says("Canary bits:redis: ").says(", none of them missing");
    let json = done.json();
    is_whole(&json, "bits:redis");
    is_whole(&json, "rows:postgres");
    assert!(cost(&json, "bits:redis")["gaps"].as_u64().unwrap() > 0, "Redis was down: {json}");
    assert_eq!(cost(&json, "rows:postgres")["refused"], 0, "PostgreSQL was not: {json}");
    assert!(count(&cost(&json, "answers:litellm")["acknowledged"]) > 0, "{json}");
    nothing_is_left(&stage);
    stage.lockstep(&["show", &stage.run()]).expect(0).says("Canary rows:postgres: ");
    stage.lockstep(&["show", &stage.run(), "--verify"]).expect(0);
}

#[test]
fn a_way_back_that_loses_writes_says_which_and_how_many() {
    // What is written while the new server is watched is not in the backup that the way back restores.
    let stage = counted("[environments.lab.options.redis]\nsoak = \"4\"\n");
    stage.lockstep(&["apply", "redis@7.0.15", "-e", "lab", "--yes", "--until", "smoke"]).expect(10);
    let back = stage.lockstep(&["rollback", "--yes", "--json"]).expect(11);
    let json = back.says("MISSING").json();
    assert!(count(&cost(&json, "bits:redis")["missing"]) > 0, "{json}");
    is_whole(&json, "rows:postgres");
    nothing_is_left(&stage);
}

#[test]
fn a_run_that_is_killed_beside_its_canaries_goes_on_counting() {
    let stage = counted("");
    let mut killed = 0;
    let mut done: Option<Done> = None;
    for record in [6, 50, 70, 90, 110] {
        let after = record.to_string();
        let words: &[&str] = if killed == 0 {
            &["apply", "redis@7.0.15", "-e", "lab", "--yes", "--die-after-record"]
        } else {
            &["resume", "--yes", "--die-after-record"]
        };
        let ran = stage.lockstep(&[words, &[&after, "--json"]].concat());
        if ran.code == 0 {
            done = Some(ran);
            break;
        }
        assert_eq!(ran.code, -1, "{ran:?}");
        killed += 1;
    }
    let done = done.unwrap_or_else(|| stage.lockstep(&["resume", "--yes", "--json"]).expect(0));
    assert!(killed >= 2, "killed {killed} times");
    is_whole(&done.json(), "bits:redis");
    is_whole(&done.json(), "rows:postgres");
    nothing_is_left(&stage);
}
