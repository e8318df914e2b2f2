use lockstep_engine::journal::{Event, Head};
use lockstep_engine::model::Moment;
use lockstep_engine::run::{AppendError, Journal};
use lockstep_store::Takeover;

use crate::support::{Place, Session, begin, epoch, event, here, id, on_both};

on_both! {
    what_was_appended_is_there_after_reopening,
    a_lost_lease_appends_nothing,
    a_lease_that_was_given_back_or_never_given_appends_nothing,
    a_number_that_another_run_holds_is_no_lease_of_this_run,
    an_end_that_is_elsewhere_appends_nothing,
    records_that_are_no_chain_of_this_run_and_lease_are_refused,
    a_run_that_the_store_does_not_have_is_named,
    an_empty_batch_of_the_holder_writes_nothing_and_succeeds,
    any_text_and_any_moment_comes_back_as_it_was,
    ten_thousand_records_are_read_back_as_one_chain,
    an_append_that_nobody_waits_for_is_still_made,
}

async fn what_was_appended_is_there_after_reopening(place: Place) {
    let mut session = begin(&place.store, "r-1", "e").await;
    session.append(&place.store, vec![event("a"), event("b")]).await.unwrap();
    session.append(&place.store, vec![event("c")]).await.unwrap();
    let place = place.reopen().await;
    let records = place.store.records(&id("r-1")).await.unwrap();
    assert_eq!(records.len(), 4);
    assert_eq!(records[3].event, event("c"));
    assert_eq!(place.store.head(&id("r-1")).await.unwrap(), session.head);
}

async fn a_lost_lease_appends_nothing(place: Place) {
    let mut old = begin(&place.store, "r-1", "e").await;
    let lease =
        place.store.acquire("e", &id("r-1"), &here(), Moment(3), Takeover::Asked).await.unwrap();
    let mut new = Session { lease, head: old.head };
    let refused = Err(AppendError::Superseded { epoch: epoch(1) });
    assert_eq!(old.append(&place.store, vec![event("late")]).await, refused);
    assert_eq!(old.append(&place.store, vec![]).await, refused);
    new.append(&place.store, vec![event("now")]).await.unwrap();
    assert_eq!(old.append(&place.store, vec![event("late")]).await, refused);
    assert_eq!(place.store.records(&id("r-1")).await.unwrap().len(), 2);
}

async fn a_lease_that_was_given_back_or_never_given_appends_nothing(place: Place) {
    let mut session = begin(&place.store, "r-1", "e").await;
    place.store.leave(&session.lease).await.unwrap();
    assert_eq!(
        session.append(&place.store, vec![event("x")]).await,
        Err(AppendError::Superseded { epoch: epoch(1) })
    );
    session.lease.epoch = epoch(2);
    assert_eq!(
        session.append(&place.store, vec![event("x")]).await,
        Err(AppendError::Superseded { epoch: epoch(2) })
    );
    session.lease.epoch = epoch(u64::MAX);
    assert_eq!(
        session.append(&place.store, vec![]).await,
        Err(AppendError::Superseded { epoch: epoch(u64::MAX) })
    );
}

async fn a_number_that_another_run_holds_is_no_lease_of_this_run(place: Place) {
    let mut first = begin(&place.store, "r-1", "e").await;
    place.store.release(&first.lease).await.unwrap();
    let second = begin(&place.store, "r-2", "e").await;
    first.lease.epoch = second.lease.epoch;
    assert_eq!(
        first.append(&place.store, vec![event("x")]).await,
        Err(AppendError::Superseded { epoch: epoch(2) })
    );
}

async fn an_end_that_is_elsewhere_appends_nothing(place: Place) {
    let mut session = begin(&place.store, "r-1", "e").await;
    let mut stale = Session { lease: session.lease.clone(), head: session.head };
    session.append(&place.store, vec![event("a")]).await.unwrap();
    assert_eq!(stale.append(&place.store, vec![event("b")]).await, Err(AppendError::Diverged));
    assert_eq!(stale.append(&place.store, vec![]).await, Err(AppendError::Diverged));
    stale.head = Head { next: session.head.next, ..stale.head };
    assert_eq!(stale.append(&place.store, vec![event("b")]).await, Err(AppendError::Diverged));
    assert_eq!(place.store.records(&id("r-1")).await.unwrap().len(), 2);
}

async fn records_that_are_no_chain_of_this_run_and_lease_are_refused(place: Place) {
    let session = begin(&place.store, "r-1", "e").await;
    let (run, lease) = (id("r-1"), session.lease.epoch);
    let (records, _head) = session.next(vec![event("a"), event("b")]);
    let refused = |result| matches!(result, Err(AppendError::Store(_)));
    assert!(refused(place.store.append(&run, lease, &session.head, &records[1..]).await));
    assert!(refused(place.store.append(&id("r-2"), lease, &session.head, &records).await));
    let twice = [records[0].clone(), records[0].clone()];
    assert!(refused(place.store.append(&run, lease, &session.head, &twice).await));
    let (records, _head) = session.head.link(&run, epoch(9), Moment(7), vec![event("a")]).unwrap();
    assert!(refused(place.store.append(&run, lease, &session.head, &records).await));
    assert_eq!(place.store.records(&run).await.unwrap().len(), 1);
}

async fn a_run_that_the_store_does_not_have_is_named(place: Place) {
    let run = id("r-nowhere");
    let refused = place.store.append(&run, epoch(1), &Head::start(&run), &[]).await.unwrap_err();
    assert!(refused.to_string().contains("r-nowhere"), "{refused}");
    assert!(place.store.records(&run).await.unwrap_err().to_string().contains("r-nowhere"));
}

async fn an_empty_batch_of_the_holder_writes_nothing_and_succeeds(place: Place) {
    let mut session = begin(&place.store, "r-1", "e").await;
    session.append(&place.store, vec![]).await.unwrap();
    assert_eq!(place.store.records(&id("r-1")).await.unwrap().len(), 1);
}

async fn any_text_and_any_moment_comes_back_as_it_was(place: Place) {
    let mut session = begin(&place.store, "r-1", "e").await;
    let texts = [
        "データ 🦀",
        "a\0b",
        "\u{202e}\u{feff}e\u{301}",
        "\"'; DROP TABLE records; --",
        "",
        "\u{10ffff}\r\n",
    ];
    let events: Vec<Event> = texts.iter().map(|text| event(text)).collect();
    session.append(&place.store, events.clone()).await.unwrap();
    for at in [Moment(u64::MAX), Moment(0)] {
        let (records, head) =
            session.head.link(&id("r-1"), session.lease.epoch, at, vec![event("jump")]).unwrap();
        place.store.append(&id("r-1"), session.lease.epoch, &session.head, &records).await.unwrap();
        session.head = head;
    }
    let place = place.reopen().await;
    let records = place.store.records(&id("r-1")).await.unwrap();
    let read: Vec<Event> =
        records[1..=texts.len()].iter().map(|record| record.event.clone()).collect();
    assert_eq!(read, events);
    assert_eq!(records[texts.len() + 1].at, Moment(u64::MAX));
}

async fn ten_thousand_records_are_read_back_as_one_chain(place: Place) {
    let mut session = begin(&place.store, "r-1", "e").await;
    for batch in 0..100 {
        let events = (0..100).map(|number| event(&format!("{batch}-{number}"))).collect();
        session.append(&place.store, events).await.unwrap();
    }
    let place = place.reopen().await;
    assert_eq!(place.store.records(&id("r-1")).await.unwrap().len(), 10_001);
    assert_eq!(place.store.runs().await.unwrap()[0].records, 10_001);
    place.store.inspect().await.unwrap();
}

async fn an_append_that_nobody_waits_for_is_still_made(place: Place) {
    let session = begin(&place.store, "r-1", "e").await;
    let (records, head) = session.next(vec![event("a")]);
    let lock = place.lock().await;
    {
        let mut append = Box::pin(place.store.append(
            &session.lease.run,
            session.lease.epoch,
            &session.head,
            &records,
        ));
        let poll = std::future::poll_fn(|context| {
            std::task::Poll::Ready(append.as_mut().poll(context).is_ready())
        });
        assert!(!poll.await);
    }
    lock.let_go().await;
    let mut after = Session { lease: session.lease.clone(), head };
    after.append(&place.store, vec![event("b")]).await.unwrap();
    assert_eq!(place.store.records(&id("r-1")).await.unwrap().len(), 3);
}
