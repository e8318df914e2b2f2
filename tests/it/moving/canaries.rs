//! Canaries in the database that moves: they go where it goes, and what was acknowledged of them is there, on both ways.

use lockstep_tests::dial;
use serde_json::Value;

use super::Move;
use super::failover::{AFTER_THE_SOAK, CANARIES, QUICK};
use super::traps::run;
use crate::far_side::{poll, poll_for};
use crate::stage::block_on;

/// Everything that stands in the canaries' schema, whatever that is.
const LEFT: &str = "SELECT count(*) FROM pg_namespace WHERE nspname = 'lockstep'";

const NEWEST: &str = "SELECT max(number) FROM lockstep.canary";

fn number(url: &str, query: &str) -> i64 {
    block_on(async { dial(url).await.unwrap().query_one(query, &[]).await.unwrap().get(0) })
}

/// Returns the stretches of numbers that a document holds.
fn stretches(json: &Value) -> Vec<(i64, i64)> {
    serde_json::from_value(json.clone()).unwrap()
}

/// Returns what the rows of a run came to.
fn rows(json: &Value) -> &Value {
    let found = &json["run"]["canaries"]["rows:postgres"];
    assert!(found.is_object(), "{json}");
    found
}

/// Returns the last number that was acknowledged, of which none is missing.
#[track_caller]
pub(super) fn is_whole(json: &Value) -> i64 {
    let found = rows(json);
    assert_eq!(stretches(&found["missing"]), [], "{found}");
    stretches(&found["acknowledged"]).last().unwrap_or_else(|| panic!("{found}")).1
}

/// Every number that was acknowledged is a row at this side.
#[track_caller]
pub(super) fn are_all_in(json: &Value, url: &str) {
    for (first, last) in stretches(&rows(json)["acknowledged"]) {
        let count =
            format!("SELECT count(*) FROM lockstep.canary WHERE number BETWEEN {first} AND {last}");
        assert_eq!(number(url, &count), last - first + 1, "{first} to {last}");
    }
}

#[test]
fn canaries_move_with_the_database_and_back_through_a_process_that_is_killed_and_none_is_missing() {
    let it = Move::begin();
    it.configure(&format!("{QUICK}{CANARIES}"));
    let plan = it.stage.lockstep(&["plan", "postgres-ha", "-e", "lab"]).expect(0);
    plan.says("follow-canaries").says("and of cluster once step references");
    let apply = ["apply", "postgres-ha", "-e", "lab", "--yes", "--until", "prove", "--json"];
    let moved = it.stage.lockstep(&apply).expect(10).json();
    let cut = is_whole(&moved);
    are_all_in(&moved, &it.new);
    assert!(rows(&moved)["gaps"].as_u64().unwrap() > 0, "the cut is told: {moved}");
    it.old_is_sealed();

    // Nothing but the cluster takes them now, and the old server has them from there.
    let (mut watching, said) = it.stage.begin(&["resume", "--yes"]);
    poll(|| said().contains("soak").then_some(()));
    let newest = poll(|| Some(number(&it.new, NEWEST)).filter(|newest| *newest > cut + 1));
    poll(|| (number(&it.old, NEWEST) >= newest).then_some(()));
    watching.kill().unwrap();
    watching.wait().unwrap();

    let back = it.stage.lockstep(&["rollback", "--yes", "--json"]).expect(11).json();
    assert!(is_whole(&back) > newest, "they go on at the old server: {back}");
    assert_eq!(number(&it.old, LEFT), 0, "nothing of them is left");
}

#[test]
fn canaries_of_a_move_that_goes_on_to_its_end_are_gone_from_both_sides() {
    let it = Move::begin();
    it.configure(&format!("{QUICK}{CANARIES}"));
    // What a run left that was given up.
    run(&it.old, "CREATE SCHEMA lockstep; CREATE TABLE lockstep.canary (number bigint)");
    let apply = ["apply", "postgres-ha", "-e", "lab", "--yes", "--until", "prove"];
    it.stage.lockstep(&apply).expect(10);
    it.stage.lockstep(&["resume", "--yes", "--detach"]).expect(10).says("soaks after step");
    let on = ["resume", "--yes", "--json", "--clock-ahead", AFTER_THE_SOAK];
    let done = it.stage.lockstep(&on).expect(0).says("Canary rows:postgres: ").json();
    is_whole(&done);
    assert_eq!(number(&it.new, LEFT), 0, "nothing of them is left");
}

#[test]
fn a_process_that_is_killed_right_at_either_switch_leaves_no_canary_at_the_side_that_is_given_up() {
    let it = Move::begin();
    it.configure(&format!("{QUICK}{CANARIES}"));
    let killed_at = |words: &[&str], step: &str| {
        let (mut process, said) = it.stage.begin(words);
        poll_for(400, || said().contains(&format!("▸ {step}\n")).then_some(()));
        process.kill().unwrap();
        process.wait().unwrap();
    };
    let until = ["--yes", "--until", "prove"];
    killed_at(&[["apply", "postgres-ha", "-e", "lab"].as_slice(), &until].concat(), "references");
    let on = [["resume", "--json"].as_slice(), &until].concat();
    let moved = it.stage.lockstep(&on).expect(10).json();
    is_whole(&moved);
    are_all_in(&moved, &it.new);
    killed_at(&["rollback", "--yes"], "unseal-old");
    let back = it.stage.lockstep(&["rollback", "--yes", "--json"]).expect(11).json();
    is_whole(&back);
    assert_eq!(number(&it.old, LEFT), 0, "nothing of them is left");
}

#[test]
fn canaries_of_a_way_back_that_is_armed_anew_come_home_with_everything_else() {
    let it = Move::begin();
    it.configure(&format!("{QUICK}{CANARIES}"));
    let apply = ["apply", "postgres-ha", "-e", "lab", "--yes", "--until", "prove"];
    it.stage.lockstep(&apply).expect(10);
    it.stage.lockstep(&["lab", "break", "kill", "pg-0"]).expect(0);
    let writable =
        async || dial(&it.new).await.ok()?.batch_execute("CREATE TEMP TABLE t()").await.ok();
    poll(|| block_on(writable()));
    it.stage.lockstep(&["rollback", "--yes"]).expect(13).says("copies the old server anew");
    let (mut back, said) = it.stage.begin(&["resume", "--yes"]);
    poll_for(400, || said().contains("✓ compare-back\n").then_some(()));
    back.kill().unwrap();
    back.wait().unwrap();
    let shown = it.stage.lockstep(&["show", "--json"]).expect(0).json();
    is_whole(&shown);
    are_all_in(&shown, &it.old);
}
