use std::collections::BTreeMap;

use lockstep_engine::journal::{End, Event};
use lockstep_engine::model::{Digest, Moment};
use lockstep_store::{NewRun, Takeover};

use crate::support::{Place, Session, begin, event, here, id, new_run, on_both};

on_both! {
    a_run_that_ended_before_the_moment_goes_with_what_only_it_rested_on,
    an_open_run_is_never_removed_however_old,
    an_epoch_outlives_the_run_that_had_it,
    a_run_whose_end_can_not_be_read_is_kept,
    nobody_removes_a_record_by_a_slip,
}

/// Makes a run that rests on these bytes and holds its environment.
async fn resting_on(place: &Place, run: &str, bytes: &[&str]) -> Session {
    let mut attachments = BTreeMap::new();
    for (index, bytes) in bytes.iter().enumerate() {
        let digest = place.store.put(bytes.as_bytes().to_vec()).await.unwrap();
        attachments.insert(format!("role-{index}"), digest);
    }
    let new = NewRun { attachments, ..new_run(run, run) };
    let events = vec![Event::Planned { plan: new.plan }];
    let (_records, head) = place.store.create_run(new, events).await.unwrap();
    let lease =
        place.store.acquire(run, &id(run), &here(), Moment(2), Takeover::IfGone).await.unwrap();
    Session { lease, head }
}

async fn names(place: &Place) -> Vec<String> {
    place.store.runs().await.unwrap().iter().map(|run| run.id.to_string()).collect()
}

async fn a_run_that_ended_before_the_moment_goes_with_what_only_it_rested_on(place: Place) {
    let shared = "the plugin of both";
    let mut old = resting_on(&place, "r-1", &[shared, "plan 1"]).await;
    let mut new = resting_on(&place, "r-2", &[shared, "plan 2"]).await;
    let free = place.store.put(b"of no run yet".to_vec()).await.unwrap();
    old.end(&place.store, Moment(100)).await;
    new.end(&place.store, Moment(200)).await;
    assert!(place.store.prunable(Moment(100)).await.unwrap().runs.is_empty());
    let would = place.store.prunable(Moment(101)).await.unwrap();
    assert_eq!(names(&place).await, ["r-2", "r-1"]);
    let pruned = place.store.prune(Moment(101)).await.unwrap();
    assert_eq!(pruned, would);
    let [run] = pruned.runs.as_slice() else { panic!("{pruned:?}") };
    assert_eq!((run.id.as_str(), run.ended, run.records), ("r-1", Moment(100), 2));
    assert_eq!((pruned.blobs.as_slice(), pruned.bytes), ([Digest::of(b"plan 1")].as_slice(), 6));
    assert_eq!(names(&place).await, ["r-2"]);
    assert!(place.store.records(&id("r-1")).await.is_err());
    for kept in [Digest::of(shared.as_bytes()), Digest::of(b"plan 2"), free] {
        place.store.get(&kept).await.unwrap();
    }
    assert!(place.store.get(&Digest::of(b"plan 1")).await.is_err());
    place.store.verify_all().await.unwrap();
    let rest = place.store.prune(Moment(u64::MAX)).await.unwrap();
    assert_eq!(rest.blobs.len(), 2);
    place.store.inspect().await.unwrap();
}

async fn an_open_run_is_never_removed_however_old(place: Place) {
    let mut open = begin(&place.store, "r-1", "e").await;
    open.append_at(&place.store, Moment(0), vec![event("a")]).await.unwrap();
    assert!(place.store.prune(Moment(u64::MAX)).await.unwrap().runs.is_empty());
    assert_eq!(place.store.records(&id("r-1")).await.unwrap().len(), 2);
}

async fn an_epoch_outlives_the_run_that_had_it(place: Place) {
    let mut session = begin(&place.store, "r-1", "e").await;
    // Its process died before it could give the environment back.
    let end = vec![Event::Finished { end: End::Done }];
    session.append_at(&place.store, Moment(5), end).await.unwrap();
    assert_eq!(place.store.prune(Moment(6)).await.unwrap().runs.len(), 1);
    let next = begin(&place.store, "r-2", "e").await;
    assert_eq!((next.lease.epoch.0, next.lease.from), (2, None));
    // The name is free again, and it is another run.
    begin(&place.store, "r-1", "other").await;
}

async fn a_run_whose_end_can_not_be_read_is_kept(place: Place) {
    let mut session = begin(&place.store, "r-1", "e").await;
    session.end(&place.store, Moment(5)).await;
    place.unguard().await;
    assert_eq!(place.tamper("UPDATE records SET body = 'x' WHERE sequence = 1").await, 1);
    assert!(place.store.prune(Moment(6)).await.unwrap().runs.is_empty());
    assert_eq!(names(&place).await, ["r-1"]);
}

async fn nobody_removes_a_record_by_a_slip(place: Place) {
    let mut ended = begin(&place.store, "r-1", "e-1").await;
    ended.end(&place.store, Moment(5)).await;
    begin(&place.store, "r-2", "e-2").await;
    for (statement, why) in [
        ("DELETE FROM records", "a record is never removed"),
        ("UPDATE records SET kind = 'x'", "a record is never changed"),
        ("DELETE FROM leases", "never removed"),
        ("UPDATE leases SET epoch = 0", "an epoch only grows"),
        ("INSERT INTO removals SELECT number FROM runs WHERE id = 'r-2'", "has not ended"),
    ] {
        let refused = place.refused(statement).await;
        assert!(refused.contains(why), "{statement}: {refused}");
    }
}
