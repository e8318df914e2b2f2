use lockstep_engine::run::AppendError;
use lockstep_store::{OpenOptions, Store, StoreError};

use crate::child::Child;
use crate::support::{Place, Session, begin, create, event, id};

/// Appends until the store refuses.
async fn fill(store: &Store, session: &mut Session) -> AppendError {
    loop {
        if let Err(error) = session.append(store, vec![event(&"x".repeat(1000))]).await {
            return error;
        }
    }
}

#[tokio::test]
async fn a_full_store_says_so_keeps_all_it_acknowledged_and_goes_on_with_room() {
    let place = Place::sqlite();
    let mut session = begin(&place.store, "r-1", "e").await;
    let full = OpenOptions { max_pages: Some(80), ..OpenOptions::default() };
    let store = Store::open_with(place.folder(), full).unwrap();
    let error = fill(&store, &mut session).await;
    assert!(matches!(&error, AppendError::Store(text) if text.contains("full")), "{error}");
    assert_eq!(place.store.head(&id("r-1")).await.unwrap(), session.head);
    assert_eq!(store.put(vec![1; 1 << 20]).await, Err(StoreError::Full));
    drop(store);
    let place = place.reopen().await;
    let kept = u64::try_from(place.store.records(&id("r-1")).await.unwrap().len()).unwrap();
    assert_eq!(kept, session.head.next);
    session.append(&place.store, vec![event("room")]).await.unwrap();
    create(&place.store, "r-2", "e-2").await;
    place.store.inspect().await.unwrap();
}

#[tokio::test]
async fn a_commit_that_the_system_refuses_is_an_error_and_leaves_what_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    // The system refuses every write beyond this length, in the middle of a commit, and the child survives the signal.
    let mut child = Child::limited("fill", folder.path(), 600);
    let mut acknowledged = 0;
    let failed = loop {
        let line = child.line().unwrap();
        match line.split_once(' ') {
            Some(("ack", rest)) => acknowledged = rest.split(' ').nth(1).unwrap().parse().unwrap(),
            Some(("failed", text)) => break text.to_owned(),
            Some(_) | None => panic!("{line}"),
        }
    };
    assert!(failed.contains("could not write the journal"), "{failed}");
    assert!(acknowledged > 10, "{acknowledged}");
    let store = Store::open(folder.path()).unwrap();
    let kept = u64::try_from(store.records(&id("r-0")).await.unwrap().len()).unwrap();
    assert!(
        kept == acknowledged || kept == acknowledged + 1,
        "{kept} kept, {acknowledged} acknowledged"
    );
    store.inspect().await.unwrap();
}
