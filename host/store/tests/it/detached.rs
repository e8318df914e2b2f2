use lockstep_engine::model::Moment;
use lockstep_store::{DetachError, Holder, Store, Takeover};

use crate::support::{Place, begin, create, elsewhere, epoch, event, here, id, on_both};

on_both! {
    a_detached_run_is_taken_once_it_is_due_the_longest_due_first,
    a_run_that_is_worked_on_is_taken_only_when_its_process_is_gone,
    a_recalled_or_ended_run_is_taken_by_no_runner,
    a_detached_run_of_an_environment_that_another_run_holds_waits,
    of_many_runners_that_ask_at_once_no_two_get_the_same_run,
}

async fn taken(store: &Store, now: Moment) -> Option<(String, u64)> {
    let lease = store.take_next(&here(), now).await.unwrap()?;
    Some((lease.run.to_string(), lease.epoch.0))
}

/// Makes a run that its process detached and left.
async fn detached(store: &Store, run: &str, due: Moment) {
    let session = begin(store, run, run).await;
    store.detach(&id(run), due).await.unwrap();
    store.leave(&session.lease).await.unwrap();
}

async fn a_detached_run_is_taken_once_it_is_due_the_longest_due_first(place: Place) {
    let store = &place.store;
    assert_eq!(taken(store, Moment(u64::MAX)).await, None);
    detached(store, "r-1", Moment(300)).await;
    detached(store, "r-2", Moment(200)).await;
    detached(store, "r-3", Moment(u64::MAX)).await;
    assert_eq!(taken(store, Moment(199)).await, None);
    assert_eq!(taken(store, Moment(300)).await, Some(("r-2".to_owned(), 2)));
    assert_eq!(taken(store, Moment(300)).await, Some(("r-1".to_owned(), 2)));
    assert_eq!(taken(store, Moment(300)).await, None);
    let due: Vec<_> = store.runs().await.unwrap().into_iter().map(|run| run.due).collect();
    let never = Moment(i64::MAX.cast_unsigned());
    assert_eq!(due, [Some(never), Some(Moment(200)), Some(Moment(300))]);
    // Detaching again moves the moment.
    let held = store.holding("r-2", &here()).await.unwrap().unwrap();
    store.detach(&held.run, Moment(500)).await.unwrap();
    assert_eq!(taken(store, Moment(400)).await, None);
}

async fn a_run_that_is_worked_on_is_taken_only_when_its_process_is_gone(place: Place) {
    let store = &place.store;
    create(store, "r-1", "e").await;
    store.detach(&id("r-1"), Moment(0)).await.unwrap();
    let first = store.take_next(&here(), Moment(1)).await.unwrap().unwrap();
    assert_eq!((first.epoch, &first.from), (epoch(1), &None));
    assert_eq!(taken(store, Moment(1)).await, None);
    store.leave(&first).await.unwrap();
    // The next runner dies: another process has its id by now.
    let dead = Holder { started: here().started.wrapping_sub(1), ..here() };
    let second = store.take_next(&dead, Moment(1)).await.unwrap().unwrap();
    let third = store.take_next(&here(), Moment(1)).await.unwrap().unwrap();
    assert_eq!((third.epoch, third.from.unwrap().holder), (epoch(3), Some(dead)));
    assert!(store.renew(&second, Moment(2)).await.is_err());
}

async fn a_recalled_or_ended_run_is_taken_by_no_runner(place: Place) {
    let store = &place.store;
    detached(store, "r-1", Moment(0)).await;
    store.recall(&id("r-1")).await.unwrap();
    assert_eq!(taken(store, Moment(9)).await, None);
    let mut session = begin(store, "r-2", "e-2").await;
    store.detach(&id("r-2"), Moment(0)).await.unwrap();
    session.append(store, vec![event("a")]).await.unwrap();
    session.end(store, Moment(5)).await;
    assert_eq!(taken(store, Moment(9)).await, None);
    assert!(store.runs().await.unwrap().iter().all(|run| run.due.is_none()));
    for nothing in ["r-2", "r-3"] {
        let refused = store.detach(&id(nothing), Moment(0)).await;
        assert!(matches!(refused, Err(DetachError::NoOpenRun(_))), "{nothing}");
    }
}

async fn a_detached_run_of_an_environment_that_another_run_holds_waits(place: Place) {
    let store = &place.store;
    create(store, "r-1", "e").await;
    let mut other = begin(store, "r-2", "e").await;
    store.detach(&id("r-1"), Moment(0)).await.unwrap();
    assert_eq!(taken(store, Moment(1)).await, None);
    store.leave(&other.lease).await.unwrap();
    assert_eq!(taken(store, Moment(1)).await, None);
    other.lease =
        store.acquire("e", &id("r-2"), &elsewhere(), Moment(1), Takeover::IfGone).await.unwrap();
    assert_eq!(taken(store, Moment(1)).await, None);
    other.end(store, Moment(2)).await;
    assert_eq!(taken(store, Moment(1)).await, Some(("r-1".to_owned(), 3)));
}

async fn of_many_runners_that_ask_at_once_no_two_get_the_same_run(place: Place) {
    for number in 0..6 {
        detached(&place.store, &format!("r-{number}"), Moment(0)).await;
    }
    let mut runners = Vec::new();
    for _ in 0..4 {
        let store = place.handle().await;
        runners.push(tokio::spawn(async move {
            let mut mine = Vec::new();
            // A runner that finds all of them locked asks again.
            for _ in 0..20 {
                mine.extend(taken(&store, Moment(1)).await);
            }
            mine
        }));
    }
    let mut all = Vec::new();
    for runner in runners {
        all.extend(runner.await.unwrap());
    }
    all.sort();
    let expected: Vec<_> = (0..6).map(|number| (format!("r-{number}"), 2)).collect();
    assert_eq!(all, expected);
}
