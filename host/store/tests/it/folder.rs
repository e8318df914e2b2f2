use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use lockstep_store::{FILE_NAME, OpenError, Store};

use crate::support::{begin, id};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn folder_and_files_are_their_owners_alone() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("a/.lockstep");
    let store = Store::open(&folder).unwrap();
    begin(&store, "r-1", "e").await;
    assert_eq!(mode(&folder), 0o700);
    let mut files = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        assert_eq!(mode(&entry.unwrap().path()), 0o600);
        files += 1;
    }
    assert_eq!(files, 3, "the file, its log and the log's index, and nothing left of making them");
}

#[tokio::test]
async fn a_folder_that_others_can_read_is_closed_and_one_that_they_can_write_is_refused() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join(".lockstep");
    drop(Store::open(&folder).unwrap());
    fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(folder.join(FILE_NAME), Permissions::from_mode(0o644)).unwrap();
    drop(Store::open(&folder).unwrap());
    assert_eq!((mode(&folder), mode(&folder.join(FILE_NAME))), (0o700, 0o600));
    fs::set_permissions(&folder, Permissions::from_mode(0o1777)).unwrap();
    let refused = Store::open(&folder).unwrap_err();
    assert!(matches!(refused, OpenError::Exposed { .. }));
    assert!(
        refused.to_string().contains("1777") && refused.to_string().contains("chmod 700"),
        "{refused}"
    );
}

#[test]
fn a_folder_that_can_not_be_made_is_named() {
    for (folder, why) in [("/proc/lockstep", "No such file"), ("/dev/null", "not a directory")] {
        let refused = Store::open(Path::new(folder)).unwrap_err();
        let OpenError::Folder { path, source } = &refused else { panic!("{refused}") };
        assert_eq!(path, Path::new(folder));
        assert!(source.to_string().contains(why), "{source}");
    }
}

#[tokio::test]
async fn many_that_make_the_same_store_at_once_get_one_store() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join(".lockstep");
    let opened: Vec<Store> = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..8).map(|_| scope.spawn(|| Store::open(&folder).unwrap())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let first = opened.first().unwrap().id().await.unwrap();
    for (number, store) in opened.iter().enumerate() {
        assert_eq!(store.id().await.unwrap(), first);
        let (run, environment) = (format!("r-{number}"), format!("e-{number}"));
        begin(store, &run, &environment).await;
    }
    assert_eq!(opened.last().unwrap().records(&id("r-0")).await.unwrap().len(), 1);
    assert_eq!(opened.first().unwrap().runs().await.unwrap().len(), 8);
}
