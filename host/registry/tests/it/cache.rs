//! One cache, used by several threads and processes at once, some of which are killed.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use lockstep_engine::model::Digest;
use lockstep_registry::{RegistryError, Source};

use crate::support::{component, offline, registry, source};

/// What a child reads its folder from.
const ORDER: &str = "LOCKSTEP_REGISTRY_TEST_CHILD";

/// How many plugins everybody stores and loads.
const PLUGINS: usize = 20;

fn plugin(number: usize) -> Vec<u8> {
    component(&format!("plugin {number}"))
}

fn file(folder: &Path, number: usize) -> Source {
    source(&format!("file:{}", folder.join(format!("{number}.wasm")).display()))
}

/// Stores and loads every plugin.
async fn work(folder: &Path) {
    let registry = registry(&folder.join("cache"));
    for number in 0..PLUGINS {
        let from = file(folder, number);
        let digest = registry.resolve(&from).await.unwrap().digest;
        assert_eq!(registry.exact(&from, &digest).await.unwrap(), plugin(number));
    }
}

#[tokio::test]
async fn a_child_does_what_its_parent_asks() {
    #[expect(clippy::disallowed_methods, reason = "the parent says by it that this is its child")]
    let Some(folder) = std::env::var_os(ORDER) else { return };
    eprintln!("child: begins");
    loop {
        work(Path::new(&folder)).await;
    }
}

fn child(folder: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "cache::a_child_does_what_its_parent_asks", "--nocapture"])
        .env(ORDER, folder)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn threads_and_processes_that_are_killed_leave_a_cache_without_a_flaw() {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..PLUGINS {
        std::fs::write(folder.path().join(format!("{number}.wasm")), plugin(number)).unwrap();
    }
    for _ in 0..3 {
        let mut children: Vec<Child> = (0..3).map(|_| child(folder.path())).collect();
        for child in &mut children {
            let lines = BufReader::new(child.stderr.as_mut().unwrap()).lines();
            assert!(lines.map_while(Result::ok).any(|line| line.contains("child: begins")));
        }
        let tasks: Vec<_> = (0..4)
            .map(|_| {
                let folder = folder.path().to_owned();
                tokio::spawn(async move { work(&folder).await })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        for child in &mut children {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
    let registry = offline(&folder.path().join("cache"));
    for number in 0..PLUGINS {
        let digest = Digest::of(&plugin(number));
        let bytes = registry.exact(&file(folder.path(), number), &digest).await.unwrap();
        assert_eq!(bytes, plugin(number));
    }
    assert!(!folder.path().join("cache/corrupt").exists());
}

#[tokio::test]
async fn a_changed_entry_is_moved_away_and_told_and_fetched_anew_where_that_can_be() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    std::fs::write(folder.path().join("0.wasm"), plugin(0)).unwrap();
    let from = file(folder.path(), 0);
    let digest = registry(&cache).resolve(&from).await.unwrap().digest;
    let digits = digest.digits();
    let (first, rest) = digits.split_at(2);
    let entry = cache.join("sha256").join(first).join(rest);

    std::fs::write(&entry, b"changed").unwrap();
    assert_eq!(registry(&cache).exact(&from, &digest).await.unwrap(), plugin(0));
    assert_eq!(std::fs::read(&entry).unwrap(), plugin(0));

    std::fs::write(&entry, b"changed").unwrap();
    let nowhere = source("oci://registry.invalid/acme/minio:1");
    let error = offline(&cache).exact(&nowhere, &digest).await.unwrap_err();
    let RegistryError::Corrupt { moved, .. } = &error else { panic!("{error:?}") };
    assert_eq!(std::fs::read(moved).unwrap(), b"changed");
    assert!(!entry.exists());
    let error = offline(&cache).exact(&nowhere, &digest).await.unwrap_err();
    assert!(matches!(error, RegistryError::Offline { .. }), "{error:?}");
}
