use std::collections::BTreeMap;

use lockstep_engine::journal::Head;
use lockstep_engine::model::{Digest, RunId};
use lockstep_engine::run::AppendError;
use lockstep_store::Store;

use crate::child::Child;
use crate::server::{self, Server};
use crate::support::{Place, Session, begin, create, event, id, on_both};

on_both! {
    a_killed_process_leaves_every_acknowledged_record_and_no_half_of_a_batch,
}

/// Reads acknowledgements until there are `count`, kills the child, and returns the last one of each run.
fn kill_after(child: &mut Child, count: usize) -> BTreeMap<String, (u64, Digest)> {
    let mut acknowledged = BTreeMap::new();
    let mut note = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        // The kill may cut the last line.
        if let ["ack", run, next, digest] = words.as_slice()
            && let (Ok(next), Ok(digest)) = (next.parse(), digest.parse())
        {
            acknowledged.insert((*run).to_owned(), (next, digest));
        }
    };
    for _ in 0..count {
        note(&child.line().unwrap());
    }
    child.kill();
    while let Some(line) = child.line() {
        note(&line);
    }
    acknowledged
}

/// Proves that what was acknowledged is there, and at most one whole batch beyond it.
async fn is_kept(store: &Store, run: &RunId, next: u64, digest: Digest, batch: u64) {
    let records = store.records(run).await.unwrap();
    let kept = u64::try_from(records.len()).unwrap();
    assert!(kept == next || kept == next + batch, "{run}: {kept} kept, {next} acknowledged");
    let acknowledged = records.iter().take(usize::try_from(next).unwrap());
    let head =
        acknowledged.into_iter().try_fold(Head::start(run), |head, record| head.after(record));
    assert_eq!(head.unwrap(), Head { next, digest });
}

async fn a_killed_process_leaves_every_acknowledged_record_and_no_half_of_a_batch(place: Place) {
    for number in 0..3 {
        create(&place.store, &format!("r-{number}"), &format!("e-{number}")).await;
    }
    let address = place.address();
    let mut place = place;
    for count in [1, 37, 150, 400, 777, 1200] {
        let mut child = Child::start("append", &address);
        let acknowledged = kill_after(&mut child, count);
        place = place.reopen().await;
        place.store.inspect().await.unwrap();
        for (run, (next, digest)) in acknowledged {
            // One batch may have become durable without being acknowledged, and then the whole of it.
            is_kept(&place.store, &id(&run), next, digest, next % 3 + 1).await;
        }
    }
}

/// Appends until the store fails, and returns how far it came.
async fn append_until_it_fails(store: Store, mut session: Session) -> (Session, AppendError) {
    loop {
        if let Err(error) = session.append(&store, vec![event("a"), event("b")]).await {
            return (session, error);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_keeps_what_it_acknowledged_and_the_handle_goes_on_when_it_is_back() {
    let mut server = Server::start();
    let store = server::connect(&server.url(), "lockstep").await;
    for round in 0..3 {
        let mut running = Vec::new();
        for number in 0..3 {
            let run = format!("r-{round}-{number}");
            let session = begin(&store, &run, &run).await;
            running.push(tokio::spawn(append_until_it_fails(store.clone(), session)));
        }
        // The appends are well under way once each run has a few.
        for number in 0..3 {
            let run = id(&format!("r-{round}-{number}"));
            while store.head(&run).await.unwrap().next < 20 {
                tokio::task::yield_now().await;
            }
        }
        let server = tokio::task::block_in_place(|| {
            server.kill_and_start();
            &server
        });
        let again = server::connect(&server.url(), "lockstep").await;
        for appending in running {
            let (mut session, error) = appending.await.unwrap();
            assert!(matches!(error, AppendError::Store(_)), "{error}");
            let run = session.lease.run.clone();
            is_kept(&again, &run, session.head.next, session.head.digest, 2).await;
            // The same handle reads and writes again, from where the journal really ends.
            session.head = store.head(&run).await.unwrap();
            session.append(&store, vec![event("after")]).await.unwrap();
            store.verify(&run, Some(&session.head.digest)).await.unwrap();
        }
    }
}
