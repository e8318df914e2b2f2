//! How processes end: asked, killed, dropped, or left alone by a lab that dies.

use std::{
    collections::BTreeMap,
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use tokio::net::TcpStream;

use super::harness::Service;

const IMAGE: &str = "redis:6.2";
const LAUNCH_ONLY: &str = "LOCKSTEP_TEST_LAUNCH_ONLY";

async fn up(service: &Service) {
    service.until(async || TcpStream::connect((service.launch.address, 6379)).await).await;
}

async fn gone(service: &Service) {
    let closed = async || match TcpStream::connect((service.launch.address, 6379)).await {
        Ok(_) => Err("still listening"),
        Err(_) => Ok(()),
    };
    service.until(closed).await;
}

#[tokio::test]
async fn a_process_that_ignores_sigterm_is_killed_after_draining() {
    let command = "/bin/sh -c 'trap \"\" TERM; redis-server & while :; do wait; done'";
    let mut service = Service::new(30, IMAGE, &[]).with_start_command(command);
    let running = service.deploy().await;
    up(&service).await;
    let status = running.stop(Duration::from_millis(50)).await;
    assert_eq!(status.signal(), Some(9));
    gone(&service).await;
}

#[tokio::test]
async fn what_a_process_leaves_behind_ends_with_it() {
    let mut service =
        Service::new(31, IMAGE, &[]).with_start_command("/bin/sh -c 'redis-server & wait'");
    let running = service.deploy().await;
    up(&service).await;
    // The shell ends at once and redis-server, which it does not tell, goes on without it.
    let status = running.stop(Duration::from_secs(20)).await;
    assert_eq!(status.signal(), Some(15));
    gone(&service).await;
}

#[tokio::test]
async fn no_draining_means_killed_at_once() {
    let mut service = Service::new(32, IMAGE, &[])
        .with_start_command("/bin/sh -c 'trap \"\" TERM; redis-server & wait'");
    let running = service.deploy().await;
    up(&service).await;
    assert_eq!(running.stop(Duration::ZERO).await.signal(), Some(9));
    gone(&service).await;
}

#[tokio::test]
async fn a_dropped_process_is_killed() {
    let mut service = Service::new(33, IMAGE, &[]);
    let running = service.deploy().await;
    up(&service).await;
    drop(running);
    gone(&service).await;
}

/// The other half of the next test: a lab in a process of its own. By itself it does nothing.
#[tokio::test]
async fn launches_for_the_test_beside() {
    let environment: BTreeMap<String, String> = std::env::vars().collect();
    let Some(address) = environment.get(LAUNCH_ONLY) else { return };
    let mut service = Service::new(34, IMAGE, &[]);
    service.launch.address = address.parse().unwrap();
    let mut running = service.deploy().await;
    running.exited().await;
}

struct Lab(Child);

impl Drop for Lab {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[tokio::test]
async fn a_lab_that_is_killed_takes_its_processes_along() {
    let service = Service::new(34, IMAGE, &[]);
    let this: &Path = &std::env::current_exe().unwrap();
    let lab = Command::new(this)
        .args(["--exact", "launcher::tests::end::launches_for_the_test_beside"])
        .env(LAUNCH_ONLY, service.launch.address.to_string())
        .stdout(Stdio::null())
        .spawn();
    let lab = Lab(lab.unwrap());
    up(&service).await;
    drop(lab);
    gone(&service).await;
}
