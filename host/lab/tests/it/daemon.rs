//! A lab in a process of its own.

use std::process::Command;
use std::time::Duration;

use lockstep_lab::{Control, daemon};
use tempfile::TempDir;

use crate::setup::{PATIENCE, options};

/// What the other process runs. Alone it does nothing.
#[tokio::test]
async fn serves() {
    let variables: std::collections::BTreeMap<String, String> = std::env::vars().collect();
    let Some(folder) = variables.get("LOCKSTEP_TEST_LAB") else { return };
    let mut options = options(std::path::Path::new(folder));
    options.services = Some(vec!["redis".to_owned()]);
    daemon::serve(options).await.unwrap();
}

fn command(folder: &TempDir) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "daemon::serves", "--nocapture"])
        .env("LOCKSTEP_TEST_LAB", folder.path());
    command
}

fn running(pid: u64) -> bool {
    // A process that ended and was not waited for yet is a zombie.
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

async fn redis_pid(folder: &TempDir, daemon: &daemon::Daemon) -> u64 {
    let saved = async {
        loop {
            let status = daemon.control(&Control::Status).await.unwrap();
            let state =
                std::fs::read_to_string(folder.path().join("lab/state.json")).unwrap_or_default();
            let state: serde_json::Value = serde_json::from_str(&state).unwrap_or_default();
            let pid = state["deployments"][0]["pid"].as_u64();
            if let Some(pid) = pid.filter(|_| status.to_string().contains("\"SUCCESS\"")) {
                return pid;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, saved).await.unwrap()
}

async fn gone(pid: u64) {
    let waiting = async {
        while running(pid) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap();
}

#[tokio::test]
async fn a_lab_is_started_found_and_stopped_with_everything_that_it_runs() {
    let folder = TempDir::new().unwrap();
    let lab = folder.path().join("lab");
    let started = daemon::start(command(&folder), &lab, PATIENCE).await.unwrap();
    assert_eq!(daemon::find(&lab).await.unwrap(), Some(started.clone()));
    assert!(started.env.iter().any(|(key, _)| key == "RAILWAY_TOKEN"));
    let redis = redis_pid(&folder, &started).await;
    assert!(running(redis));
    assert!(daemon::stop(&lab, PATIENCE).await.unwrap());
    gone(redis).await;
    assert_eq!(daemon::find(&lab).await.unwrap(), None);
    assert!(!daemon::stop(&lab, PATIENCE).await.unwrap());
}

#[tokio::test]
async fn what_a_killed_lab_ran_dies_with_it() {
    let folder = TempDir::new().unwrap();
    let lab = folder.path().join("lab");
    let started = daemon::start(command(&folder), &lab, PATIENCE).await.unwrap();
    let redis = redis_pid(&folder, &started).await;
    let killed = Command::new("kill").args(["-KILL", &started.pid.to_string()]).status().unwrap();
    assert!(killed.success());
    gone(redis).await;
    assert_eq!(daemon::find(&lab).await.unwrap(), None);
}

#[tokio::test]
async fn a_folder_has_one_lab() {
    let folder = TempDir::new().unwrap();
    let mut first = options(folder.path());
    first.services = Some(Vec::new());
    let second = first.clone();
    let lab = lockstep_lab::Lab::up(first).await.unwrap();
    let refused = lockstep_lab::Lab::up(second).await.unwrap_err();
    assert!(refused.to_string().starts_with("another lab runs in"), "{refused}");
    lab.down().await.unwrap();
}
