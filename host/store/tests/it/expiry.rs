//! Leases in PostgreSQL expire by the database's clock.

use lockstep_engine::model::Moment;
use lockstep_engine::run::AppendError;
use lockstep_store::{LEASE_LIFE, LeaseError, LostLease, Presence, Takeover};
use secrecy::ExposeSecret;

use crate::support::{Place, Session, begin, create, elsewhere, epoch, event, here, id};

/// Lets so many seconds pass for the database's leases.
async fn pass(place: &Place, seconds: u64) {
    let pass = format!("UPDATE leases SET alive = alive - make_interval(secs => {seconds})");
    place.tamper(&pass).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_that_is_not_renewed_expires_and_its_holder_appends_nothing_more() {
    let place = Place::postgres().await;
    let head = create(&place.store, "r-1", "e").await;
    let run = id("r-1");
    let far = elsewhere();
    let lease = place.store.acquire("e", &run, &far, Moment(2), Takeover::IfGone).await.unwrap();
    let mut old = Session { lease, head };
    old.append(&place.store, vec![event("a")]).await.unwrap();
    let refused = place.store.acquire("e", &run, &here(), Moment(3), Takeover::IfGone).await;
    assert!(matches!(refused, Err(LeaseError::Held { .. })));
    pass(&place, LEASE_LIFE.as_secs() + 1).await;
    let seen = place.store.holding("e", &here()).await.unwrap().unwrap();
    assert_eq!(seen.presence, Presence::Expired);
    // Nobody took it, so its holder may still come back in time.
    old.append(&place.store, vec![event("b")]).await.unwrap();
    place.store.renew(&old.lease, Moment(4)).await.unwrap();
    let seen = place.store.holding("e", &here()).await.unwrap().unwrap();
    assert_eq!(seen.presence, Presence::Unknown);
    pass(&place, LEASE_LIFE.as_secs() + 1).await;
    let lease = place.store.acquire("e", &run, &here(), Moment(5), Takeover::IfGone).await.unwrap();
    assert_eq!(lease.epoch, epoch(2));
    // What it intended may still be under way, so it is not told as surely gone.
    assert_eq!(lease.from.as_ref().unwrap().presence, Presence::Expired);
    let late = old.append(&place.store, vec![event("late")]).await;
    assert_eq!(late, Err(AppendError::Superseded { epoch: epoch(1) }));
    let renewed = place.store.renew(&old.lease, Moment(6)).await;
    assert!(matches!(renewed, Err(LostLease::Superseded { .. })));
    let mut new = Session { lease, head: old.head };
    new.append(&place.store, vec![event("now")]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expired_lease_is_followed_by_its_own_run_and_by_no_other() {
    let place = Place::postgres().await;
    begin(&place.store, "r-1", "e").await;
    create(&place.store, "r-2", "e").await;
    pass(&place, LEASE_LIFE.as_secs() + 1).await;
    let other = place
        .store
        .acquire("e", &id("r-2"), &here(), Moment(3), Takeover::IfGone)
        .await
        .unwrap_err();
    assert!(other.to_string().contains("expired"), "{other}");
    let lease =
        place.store.acquire("e", &id("r-1"), &here(), Moment(3), Takeover::IfGone).await.unwrap();
    assert_eq!(lease.epoch, epoch(2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_runner_takes_a_detached_run_whose_lease_has_expired() {
    let place = Place::postgres().await;
    create(&place.store, "r-1", "e").await;
    place.store.detach(&id("r-1"), Moment(0)).await.unwrap();
    place.store.take_next(&elsewhere(), Moment(1)).await.unwrap().unwrap();
    assert_eq!(place.store.take_next(&here(), Moment(1)).await.unwrap(), None);
    pass(&place, LEASE_LIFE.as_secs() + 1).await;
    let lease = place.store.take_next(&here(), Moment(1)).await.unwrap().unwrap();
    assert_eq!(lease.epoch, epoch(2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_machine_takes_a_run_over_with_nothing_of_the_first_one() {
    let place = Place::postgres().await;
    let plan = place.store.put(b"plan".to_vec()).await.unwrap();
    let (id_there, key) =
        (place.store.id().await.unwrap(), place.store.fingerprint_key().await.unwrap());
    let mut first = begin(&place.store, "r-1", "e").await;
    first.append(&place.store, vec![event("a")]).await.unwrap();
    let second = place.handle().await;
    let far = elsewhere();
    pass(&place, LEASE_LIFE.as_secs() + 1).await;
    let lease = second.acquire("e", &id("r-1"), &far, Moment(3), Takeover::IfGone).await.unwrap();
    let head = second.head(&id("r-1")).await.unwrap();
    let mut second_session = Session { lease, head };
    second_session.append(&second, vec![event("b")]).await.unwrap();
    assert_eq!(second.get(&plan).await.unwrap(), b"plan");
    assert_eq!(second.id().await.unwrap(), id_there);
    let same = second.fingerprint_key().await.unwrap();
    assert_eq!(same.expose_secret(), key.expose_secret());
}
