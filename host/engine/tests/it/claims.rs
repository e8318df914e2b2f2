//! L11: of runs in two stores, only one works on an environment.

use lockstep_engine::journal::Event;
use lockstep_engine::model::{Claim, Effect, Millis, Moment, RunId, Undo};
use lockstep_engine::run::{Claimant, Clock as _, Ended, Wait, Wish};

use crate::fake::{Bench, FarSide, Fault, Shape, command, listed, step_id, undo_of};

fn effects(name: &str) -> [Effect; 1] {
    [command(name, "INCR", name)]
}

fn bench() -> Bench {
    let back = [command("back", "RESET", "one")];
    let undo = Undo::Steps(vec![step_id("undo")]);
    let first = lockstep_engine::model::Step { undo, ..listed("first", &effects("one")) };
    let shape = Shape::default()
        .step(first, &effects("one"))
        .step(listed("second", &effects("two")), &effects("two"))
        .undo(undo_of("undo", &back, &["one"]), &back);
    let mut bench = Bench::new(&shape, FarSide::default());
    bench.options.claimant = Some(Claimant {
        store: "ours".to_owned(),
        holder: "ada".to_owned(),
        settle: Millis::seconds(3),
        over: None,
    });
    bench
}

fn theirs(since: Moment) -> String {
    let run: RunId = "r-theirs".parse().unwrap();
    Claim::new(run, "theirs".to_owned(), "grace".to_owned(), 1, since).to_text().unwrap()
}

fn claimed(bench: &Bench) -> Claim {
    Claim::from_text(bench.world.outside.claim.borrow().as_ref().unwrap()).unwrap()
}

#[track_caller]
fn refused(ended: &Ended) {
    let Ended::Waiting(Wait::Claimed { by }) = ended else { panic!("{ended:?}") };
    assert!(by.contains("r-theirs") && by.contains("grace"), "{by}");
}

#[test]
fn a_run_claims_its_environment_and_gives_it_back() {
    let mut bench = bench();
    assert_eq!(bench.run_on(), Ended::Done);
    let claim = claimed(&bench);
    assert_eq!((claim.store.as_str(), claim.over), ("ours", true));
    let recorded = |event: &Event| matches!(event, Event::Claimed { .. });
    assert_eq!(bench.journal.events().into_iter().filter(recorded).count(), 1);
}

#[test]
fn an_environment_that_another_store_claims_is_left_alone_and_named() {
    let mut bench = bench();
    bench.world.outside.put_claim(&theirs(bench.clock.now()));
    refused(&bench.run_on());
    assert!(bench.world.log().is_empty());
    assert_eq!(claimed(&bench).store, "theirs", "not overwritten");
    bench.options.claimant.as_mut().unwrap().over = Some("r-other".parse().unwrap());
    refused(&bench.run_on());
    bench.options.claimant.as_mut().unwrap().over = Some("r-theirs".parse().unwrap());
    assert_eq!(bench.run_on(), Ended::Done);
}

#[test]
fn of_two_that_start_in_the_same_instant_the_one_that_is_overwritten_stops() {
    let mut bench = bench();
    let soon = bench.clock.now().plus(Millis::seconds(1));
    bench.world.outside.other_claim.replace(Some((soon, theirs(soon))));
    refused(&bench.run_on());
    assert!(bench.world.log().is_empty());
}

#[test]
fn a_claim_that_is_lost_in_mid_run_stops_it_before_the_next_step_either_way() {
    let mut bench = bench();
    bench.options.until = Some(step_id("first"));
    assert_eq!(bench.run_on(), Ended::Waiting(Wait::Until(step_id("first"))));
    bench.options.until = None;
    bench.world.outside.put_claim(&theirs(bench.clock.now()));
    refused(&bench.run_on());
    assert_eq!(bench.world.log(), ["one"]);
    bench.control.wants(Some(Wish::RollBack("enough".to_owned())));
    refused(&bench.run_on());
    assert_eq!(bench.world.log(), ["one"], "the way back changes the environment too");
    bench.options.claimant.as_mut().unwrap().over = Some("r-theirs".parse().unwrap());
    assert_eq!(bench.run_on(), Ended::RolledBack("enough".to_owned()));
}

#[test]
fn what_is_no_claim_that_this_version_knows_is_not_overwritten() {
    let mut bench = bench();
    bench.world.outside.put_claim("{\"lockstep_claim\":9}");
    let ended = bench.run_on();
    let Ended::Waiting(Wait::Claimed { by }) = &ended else { panic!("{ended:?}") };
    assert!(by.contains("can't read") && by.contains('9'), "{by}");
}

#[test]
fn a_claim_that_somebody_took_away_is_written_again_before_the_next_step() {
    let mut bench = bench();
    bench.world.fault("one", Fault::LateAnswer(Millis::seconds(60)));
    let taken = bench.clock.now().plus(Millis::seconds(30));
    bench.world.outside.other_claim.replace(Some((taken, String::new())));
    assert_eq!(bench.run_on(), Ended::Done);
    let recorded = |event: &Event| matches!(event, Event::Claimed { .. });
    assert_eq!(bench.journal.events().into_iter().filter(recorded).count(), 2);
    assert_eq!(claimed(&bench).store, "ours");
}
