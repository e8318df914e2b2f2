use lockstep_engine::journal::{End, Event};
use lockstep_engine::model::{Digest, Moment};
use lockstep_store::{Holder, LeaseError, LostLease, Presence, Takeover};

use crate::support::{Place, begin, create, elsewhere, epoch, here, id, new_run, on_both};

on_both! {
    a_second_run_on_the_same_environment_is_refused_and_told_who,
    the_same_process_does_not_take_its_own_run_twice,
    an_epoch_is_never_given_again,
    a_released_environment_is_free_and_a_left_one_stays_its_runs,
    a_finished_run_holds_nothing,
    a_dead_process_is_followed_by_its_own_run_and_by_no_other,
    a_holder_that_can_not_be_seen_is_taken_from_only_when_asked,
    a_lost_lease_is_neither_renewed_nor_given_back,
    a_run_that_is_not_of_the_environment_is_refused,
    a_memo_is_the_newest_and_only_the_holders,
    of_two_runs_that_begin_at_once_one_holds_the_environment_and_the_other_is_not_there,
}

async fn a_second_run_on_the_same_environment_is_refused_and_told_who(place: Place) {
    begin(&place.store, "r-1", "e").await;
    create(&place.store, "r-2", "e").await;
    let refused = place
        .store
        .acquire("e", &id("r-2"), &here(), Moment(3), Takeover::IfGone)
        .await
        .unwrap_err();
    let text = refused.to_string();
    let LeaseError::Held { by, .. } = refused else { panic!("{text}") };
    assert_eq!((by.run, by.since, by.presence), (id("r-1"), Moment(2), Presence::Alive));
    assert!(text.contains("r-1") && text.contains("ada") && text.contains("running"), "{text}");
    begin(&place.store, "r-3", "other").await;
}

async fn the_same_process_does_not_take_its_own_run_twice(place: Place) {
    begin(&place.store, "r-1", "e").await;
    let again = place.store.acquire("e", &id("r-1"), &here(), Moment(3), Takeover::IfGone).await;
    assert!(matches!(again, Err(LeaseError::Held { .. })));
}

async fn an_epoch_is_never_given_again(place: Place) {
    let mut last = begin(&place.store, "r-1", "e").await.lease;
    let run = id("r-1");
    for number in 2..20 {
        if number % 2 == 0 {
            place.store.release(&last).await.unwrap();
        } else {
            place.store.leave(&last).await.unwrap();
        }
        last = place.store.acquire("e", &run, &here(), Moment(0), Takeover::IfGone).await.unwrap();
        assert_eq!(last.epoch, epoch(number));
    }
    let place = place.reopen().await;
    place.store.release(&last).await.unwrap();
    let next = place.store.acquire("e", &run, &here(), Moment(0), Takeover::IfGone).await.unwrap();
    assert_eq!(next.epoch, epoch(20));
}

async fn a_released_environment_is_free_and_a_left_one_stays_its_runs(place: Place) {
    let session = begin(&place.store, "r-1", "e").await;
    create(&place.store, "r-2", "e").await;
    place.store.leave(&session.lease).await.unwrap();
    let refused = place
        .store
        .acquire("e", &id("r-2"), &here(), Moment(3), Takeover::IfGone)
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("waiting"), "{refused}");
    let back =
        place.store.acquire("e", &id("r-1"), &here(), Moment(3), Takeover::IfGone).await.unwrap();
    assert_eq!(back.from.as_ref().map(|from| from.epoch), Some(epoch(1)));
    place.store.release(&back).await.unwrap();
    assert_eq!(place.store.holding("e", &here()).await.unwrap(), None);
    let taken =
        place.store.acquire("e", &id("r-2"), &here(), Moment(4), Takeover::IfGone).await.unwrap();
    assert_eq!((taken.epoch, taken.from), (epoch(3), None));
}

async fn a_finished_run_holds_nothing(place: Place) {
    let mut session = begin(&place.store, "r-1", "e").await;
    session.append(&place.store, vec![Event::Finished { end: End::Done }]).await.unwrap();
    assert_eq!(place.store.holding("e", &here()).await.unwrap(), None);
    begin(&place.store, "r-2", "e").await;
    let late = place.store.release(&session.lease).await;
    assert!(matches!(late, Err(LostLease::Superseded { .. })));
}

async fn a_dead_process_is_followed_by_its_own_run_and_by_no_other(place: Place) {
    create(&place.store, "r-1", "e").await;
    create(&place.store, "r-2", "e").await;
    let dead = Holder { started: here().started.wrapping_sub(1), ..here() };
    place.store.acquire("e", &id("r-1"), &dead, Moment(2), Takeover::IfGone).await.unwrap();
    let other = place
        .store
        .acquire("e", &id("r-2"), &here(), Moment(3), Takeover::IfGone)
        .await
        .unwrap_err();
    assert!(other.to_string().contains("gone"), "{other}");
    let lease =
        place.store.acquire("e", &id("r-1"), &here(), Moment(3), Takeover::IfGone).await.unwrap();
    assert_eq!(lease.epoch, epoch(2));
    assert_eq!(lease.from.unwrap().holder, Some(dead));
}

async fn a_holder_that_can_not_be_seen_is_taken_from_only_when_asked(place: Place) {
    create(&place.store, "r-1", "e").await;
    place.store.acquire("e", &id("r-1"), &elsewhere(), Moment(2), Takeover::IfGone).await.unwrap();
    // A clock that jumps, either way, ends no lease.
    for now in [Moment(u64::MAX), Moment(0)] {
        let refused =
            place.store.acquire("e", &id("r-1"), &here(), now, Takeover::IfGone).await.unwrap_err();
        assert!(refused.to_string().contains("not to be seen"), "{refused}");
    }
    let lease = place
        .store
        .acquire("e", &id("r-1"), &here(), Moment(u64::MAX), Takeover::Asked)
        .await
        .unwrap();
    assert_eq!(lease.epoch, epoch(2));
    let held = place.store.holding("e", &here()).await.unwrap().unwrap();
    assert_eq!((held.since, held.presence), (Moment(u64::MAX), Presence::Alive));
}

async fn a_lost_lease_is_neither_renewed_nor_given_back(place: Place) {
    let session = begin(&place.store, "r-1", "e").await;
    place.store.renew(&session.lease, Moment(9)).await.unwrap();
    assert_eq!(place.store.holding("e", &here()).await.unwrap().unwrap().renewed, Moment(9));
    let new =
        place.store.acquire("e", &id("r-1"), &here(), Moment(3), Takeover::Asked).await.unwrap();
    assert!(matches!(
        place.store.renew(&session.lease, Moment(10)).await,
        Err(LostLease::Superseded { .. })
    ));
    assert!(matches!(place.store.leave(&session.lease).await, Err(LostLease::Superseded { .. })));
    assert!(matches!(place.store.release(&session.lease).await, Err(LostLease::Superseded { .. })));
    place.store.renew(&new, Moment(11)).await.unwrap();
}

async fn a_run_that_is_not_of_the_environment_is_refused(place: Place) {
    create(&place.store, "r-1", "e").await;
    for (environment, run) in [("other", "r-1"), ("e", "r-2")] {
        let refused =
            place.store.acquire(environment, &id(run), &here(), Moment(2), Takeover::Asked).await;
        assert!(matches!(refused, Err(LeaseError::NoRun { .. })));
    }
}

async fn a_memo_is_the_newest_and_only_the_holders(place: Place) {
    use lockstep_engine::model::{Fact, StepId, Value};
    let session = begin(&place.store, "r-1", "e").await;
    let (run, step): (_, StepId) = (id("r-1"), "copy".parse().unwrap());
    assert_eq!(place.store.memo(&run, &step).await.unwrap(), None);
    for done in ["1", "2"] {
        let memo = [Fact::one("done", Value::Text(done.to_owned()))];
        place.store.keep_memo(&run, session.lease.epoch, &step, &memo).await.unwrap();
        assert_eq!(place.store.memo(&run, &step).await.unwrap().unwrap(), memo);
    }
    place.store.release(&session.lease).await.unwrap();
    assert!(place.store.keep_memo(&run, session.lease.epoch, &step, &[]).await.is_err());
    assert_eq!(place.tamper("UPDATE memos SET memo = 'no json'").await, 1);
    assert_eq!(place.store.memo(&run, &step).await.unwrap(), None);
}

async fn of_two_runs_that_begin_at_once_one_holds_the_environment_and_the_other_is_not_there(
    place: Place,
) {
    let (events, here) = (|| vec![Event::Planned { plan: Digest::of(b"plan") }], here());
    let (first, second) = tokio::join!(
        place.store.begin_run(new_run("r-1", "e"), events(), &here),
        place.store.begin_run(new_run("r-2", "e"), events(), &here),
    );
    let (lease, refused) = if first.is_ok() { (first, second) } else { (second, first) };
    let (lease, refused) = (lease.unwrap(), refused.unwrap_err());
    assert!(refused.to_string().contains(lease.run.as_str()), "{refused}");
    let runs = place.store.runs().await.unwrap();
    assert_eq!(runs.iter().map(|run| &run.id).collect::<Vec<_>>(), [&lease.run]);
    assert_eq!(place.store.records(&lease.run).await.unwrap().len(), 1);
    place.store.release(&lease).await.unwrap();
    assert!(place.store.begin_run(new_run("r-3", "e"), events(), &here).await.is_ok());
}
