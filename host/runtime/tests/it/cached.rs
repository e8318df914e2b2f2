//! Compiled plugins that are kept.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use lockstep_engine::run::Guest as _;
use lockstep_runtime::{Runtime, RuntimeError};

use crate::desk::{Desk, guest};

fn entry(folder: &Path) -> PathBuf {
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let mut entries =
        files.filter(|path| path.extension().is_some_and(|extension| extension == "aot"));
    let entry = entries.next().unwrap();
    assert_eq!(entries.next(), None);
    entry
}

async fn works(desk: &Desk) {
    assert_eq!(desk.plugin().describe().await.unwrap().name, "guest");
}

/// A way of damaging an entry.
type Spoil<'a> = &'a dyn Fn(&mut Vec<u8>);

/// Spoils the entry in each of these ways, loads again, and expects the entry to be whole again.
async fn rebuilt(spoils: &[Spoil<'_>]) {
    let desk = Desk::alone();
    works(&desk).await;
    let entry = entry(&desk.folder);
    let length = fs::metadata(&entry).unwrap().len();
    for spoil in spoils {
        let whole = fs::read(&entry).unwrap();
        let mut damaged = whole.clone();
        spoil(&mut damaged);
        assert_ne!(damaged, whole);
        fs::write(&entry, &damaged).unwrap();
        works(&desk).await;
        assert_ne!(fs::read(&entry).unwrap(), damaged);
        assert_eq!(fs::metadata(&entry).unwrap().len(), length);
    }
}

#[tokio::test]
async fn a_truncated_or_longer_entry_is_rebuilt() {
    rebuilt(&[
        &|entry| entry.clear(),
        &|entry| entry.truncate(20),
        &|entry| entry.truncate(5000),
        &|entry| entry.push(0),
    ])
    .await;
}

#[tokio::test]
async fn an_entry_with_one_flipped_bit_is_rebuilt() {
    // In the magic, the length, the hash and the code.
    rebuilt(&[
        &|entry| entry[0] ^= 1,
        &|entry| entry[17] ^= 1,
        &|entry| entry[30] ^= 1,
        &|entry| entry[100_000] ^= 1,
    ])
    .await;
}

#[tokio::test]
async fn an_entry_of_another_users_cache_is_rebuilt() {
    let other = Desk::alone();
    works(&other).await;
    let foreign = fs::read(entry(&other.folder)).unwrap();
    rebuilt(&[&|entry| entry.clone_from(&foreign)]).await;
}

#[tokio::test]
async fn a_whole_entry_is_used_and_not_written_again() {
    let desk = Desk::alone();
    works(&desk).await;
    let entry = entry(&desk.folder);
    let written = fs::metadata(&entry).unwrap().modified().unwrap();
    works(&desk).await;
    assert_eq!(fs::metadata(&entry).unwrap().modified().unwrap(), written);
}

#[tokio::test]
async fn a_key_that_others_can_read_is_replaced() {
    let desk = Desk::alone();
    works(&desk).await;
    let key = desk.folder.join("key");
    let old = fs::read(&key).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    works(&desk).await;
    assert_ne!(fs::read(&key).unwrap(), old);
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn the_folder_is_made_private_and_abandoned_files_go() {
    let desk = Desk::alone();
    let folder = desk.folder.clone();
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    let (old, fresh) = (folder.join("x.tmp"), folder.join("y.tmp"));
    fs::File::create(&old).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
    fs::File::create(&fresh).unwrap();
    works(&desk).await;
    assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    assert!(!old.exists() && fresh.exists());
}

#[tokio::test]
async fn a_folder_that_belongs_to_another_user_is_refused() {
    let desk = Desk::alone();
    let folder = desk.folder.clone();
    fs::create_dir(&folder).unwrap();
    // Only root can give a folder away; for everybody else there is nothing to test.
    if std::os::unix::fs::chown(&folder, Some(65_534), None).is_ok() {
        let refused = Runtime::new(&folder, desk.limits.clone()).err().unwrap();
        assert!(matches!(refused, RuntimeError::Foreign { .. }), "{refused}");
    }
}

#[test]
fn processes_that_start_together_share_one_key() {
    let desk = Desk::alone();
    let wasm = guest();
    std::thread::scope(|scope| {
        let both = [(); 2]
            .map(|()| scope.spawn(|| desk.runtime().load(&wasm).map(|plugin| *plugin.digest())));
        let digests = both.map(|thread| thread.join().unwrap().unwrap());
        assert_eq!(digests[0], digests[1]);
    });
    let written = fs::metadata(entry(&desk.folder)).unwrap().modified().unwrap();
    desk.runtime().load(&wasm).unwrap();
    assert_eq!(fs::metadata(entry(&desk.folder)).unwrap().modified().unwrap(), written);
}
