use std::fs;
use std::time::Duration;

use lockstep_engine::run::AppendError;
use lockstep_store::{FILE_NAME, OpenError, OpenOptions, Store, StoreError};

use crate::support::{Place, begin, event, here, id, raw};

/// Makes a store with a few records, closes it, and lets `damage` at its file.
async fn damaged(damage: impl FnOnce(&std::path::Path)) -> (tempfile::TempDir, OpenError) {
    let place = Place::sqlite();
    let mut session = begin(&place.store, "r-1", "e").await;
    for number in 0..40 {
        session.append(&place.store, vec![event(&"x".repeat(number * 100))]).await.unwrap();
    }
    let folder = place.close();
    damage(&folder.path().join(FILE_NAME));
    let refused = Store::open(folder.path()).unwrap_err();
    (folder, refused)
}

#[tokio::test]
async fn garbage_is_refused_and_left_as_it_is() {
    let garbage: Vec<u8> = (0..20_000_u32).map(|number| (number * 7 % 251) as u8).collect();
    let (folder, refused) = damaged(|file| fs::write(file, &garbage).unwrap()).await;
    assert!(
        matches!(refused, OpenError::Store { source: StoreError::Damaged(_), .. }),
        "{refused:?}"
    );
    assert_eq!(fs::read(folder.path().join(FILE_NAME)).unwrap(), garbage);
}

#[tokio::test]
async fn a_truncated_file_is_refused() {
    let cut = |file: &std::path::Path, length: u64| {
        fs::OpenOptions::new().write(true).open(file).unwrap().set_len(length).unwrap();
    };
    for length in [50, 4096, 4096 * 5, 4096 * 5 + 100] {
        let (_folder, refused) = damaged(|file| cut(file, length)).await;
        assert!(
            matches!(refused, OpenError::Store { source: StoreError::Damaged(_), .. }),
            "{length}: {refused:?}"
        );
    }
    let (_folder, refused) = damaged(|file| cut(file, 0)).await;
    assert!(refused.to_string().contains("it is empty"), "{refused}");
}

#[tokio::test]
async fn another_programs_database_is_refused() {
    let (_folder, refused) = damaged(|file| {
        fs::remove_file(file).unwrap();
        let other = rusqlite::Connection::open(file).unwrap();
        other.execute_batch("CREATE TABLE bookmarks (url TEXT)").unwrap();
    })
    .await;
    assert!(refused.to_string().contains("another program made it"), "{refused}");
}

#[tokio::test]
async fn a_newer_file_is_refused_by_its_version() {
    let (_folder, refused) = damaged(|file| {
        rusqlite::Connection::open(file).unwrap().pragma_update(None, "user_version", 99).unwrap();
    })
    .await;
    assert!(matches!(refused, OpenError::Newer { found: 99, .. }), "{refused}");
}

#[tokio::test]
async fn a_log_without_its_file_is_refused_rather_than_replayed_into_a_new_one() {
    let (_folder, refused) = damaged(|file| {
        fs::write(file.with_file_name(format!("{FILE_NAME}-wal")), b"log").unwrap();
        fs::remove_file(file).unwrap();
    })
    .await;
    assert!(refused.to_string().contains("without its database"), "{refused}");
}

#[tokio::test]
async fn nothing_is_written_into_a_file_that_was_removed_or_replaced() {
    let place = Place::sqlite();
    let mut session = begin(&place.store, "r-1", "e").await;
    let path = place.folder().join(FILE_NAME);
    fs::rename(&path, place.folder().join("away")).unwrap();
    let refused = Err(AppendError::Store(
        "the store's file was removed or replaced while it was open".to_owned(),
    ));
    assert_eq!(session.append(&place.store, vec![event("a")]).await, refused);
    assert!(matches!(place.store.runs().await, Err(StoreError::Replaced)));
    fs::write(&path, b"another").unwrap();
    assert_eq!(session.append(&place.store, vec![event("a")]).await, refused);
    fs::rename(place.folder().join("away"), &path).unwrap();
    session.append(&place.store, vec![event("a")]).await.unwrap();
}

#[tokio::test]
async fn a_file_that_another_process_keeps_locked_is_an_error_and_then_works_again() {
    let folder = tempfile::tempdir().unwrap();
    let options = OpenOptions { patience: Duration::from_millis(20), max_pages: None };
    let store = Store::open_with(folder.path(), options).unwrap();
    let mut session = begin(&store, "r-1", "e").await;
    let lock = raw(folder.path());
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = session.append(&store, vec![event("a")]).await.unwrap_err();
    assert!(refused.to_string().contains("another process keeps the store locked"), "{refused}");
    assert_eq!(store.records(&id("r-1")).await.unwrap().len(), 1);
    assert!(store.holding("e", &here()).await.unwrap().is_some());
    lock.execute_batch("ROLLBACK").unwrap();
    session.append(&store, vec![event("a")]).await.unwrap();
}
