use std::time::Duration;

use lockstep_engine::model::Moment;
use lockstep_store::{Holder, LeaseError, Store, Takeover};

use crate::child::Child;
use crate::support::{Place, begin, create, event, here, id, on_both};

on_both! {
    of_several_processes_exactly_one_gets_the_lease_and_the_next_after_it_was_killed,
    a_killed_child_that_nobody_has_waited_for_is_gone,
    of_several_handles_in_one_process_exactly_one_gets_the_lease,
    two_handles_in_one_process_append_to_their_runs_side_by_side,
}

async fn of_several_processes_exactly_one_gets_the_lease_and_the_next_after_it_was_killed(
    place: Place,
) {
    create(&place.store, "r-0", "e-0").await;
    for epoch in 1..=3 {
        let mut children: Vec<Child> =
            (0..4).map(|_| Child::start("acquire", &place.address())).collect();
        for child in &mut children {
            assert_eq!(child.line().as_deref(), Some("ready"));
        }
        children.iter_mut().for_each(Child::go);
        let mut said: Vec<String> =
            children.iter_mut().map(|child| child.line().unwrap()).collect();
        said.sort();
        let won = format!("won {epoch}");
        assert_eq!(said, ["lost Alive", "lost Alive", "lost Alive", &won]);
    }
}

async fn a_killed_child_that_nobody_has_waited_for_is_gone(place: Place) {
    let store = &place.store;
    create(store, "r-0", "e-0").await;
    let mut child = Child::start("acquire", &place.address());
    child.line().unwrap();
    child.go();
    assert_eq!(child.line().as_deref(), Some("won 1"));
    let refused = store.acquire("e-0", &id("r-0"), &here(), Moment(3), Takeover::IfGone).await;
    assert!(matches!(refused, Err(LeaseError::Held { .. })));
    child.kill_unwaited();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    let lease = loop {
        match store.acquire("e-0", &id("r-0"), &here(), Moment(3), Takeover::IfGone).await {
            Ok(lease) => break lease,
            Err(error) => assert!(tokio::time::Instant::now() < deadline, "{error}"),
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(lease.epoch.0, 2);
}

async fn of_several_handles_in_one_process_exactly_one_gets_the_lease(place: Place) {
    create(&place.store, "r-1", "e").await;
    let mut all = Vec::new();
    for number in 0..16 {
        let store = place.handle().await;
        let holder = Holder { name: format!("handle {number}"), ..here() };
        all.push(tokio::spawn(async move {
            store.acquire("e", &id("r-1"), &holder, Moment(2), Takeover::IfGone).await
        }));
    }
    let mut won = 0;
    for one in all {
        match one.await.unwrap() {
            Ok(_) => won += 1,
            Err(LeaseError::Held { .. }) => {}
            Err(other @ (LeaseError::NoRun { .. } | LeaseError::Store { .. })) => panic!("{other}"),
        }
    }
    assert_eq!(won, 1);
}

async fn two_handles_in_one_process_append_to_their_runs_side_by_side(place: Place) {
    let other = place.handle().await;
    let work = |store: Store, run: &'static str| async move {
        let mut session = begin(&store, run, run).await;
        for number in 0..200 {
            session.append(&store, vec![event(&number.to_string())]).await.unwrap();
        }
    };
    let (one, two) =
        (tokio::spawn(work(place.store.clone(), "r-1")), tokio::spawn(work(other, "r-2")));
    one.await.unwrap();
    two.await.unwrap();
    for run in ["r-1", "r-2"] {
        assert_eq!(place.store.records(&id(run)).await.unwrap().len(), 201);
    }
}
