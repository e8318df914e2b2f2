//! A live system changes every second, and a plan of it does not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::cmd;

use crate::stage::{Stage, block_on};

/// The longest that one write may take before its connection is given up.
const PATIENCE: Duration = Duration::from_secs(1);

/// A client that writes as fast as it can for as long as this lives, and connects again when the server goes away.
struct Writer {
    stop: Arc<AtomicBool>,
    /// The highest count that the server has acknowledged.
    acknowledged: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    fn start(stage: &Stage) -> Self {
        let url = format!(
            "redis://:{}@{}:6379/",
            stage.env("REDIS_PASSWORD"),
            stage.env("REDIS_ADDRESS")
        );
        let (stop, acknowledged) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let (stopped, counted) = (Arc::clone(&stop), Arc::clone(&acknowledged));
        let thread = std::thread::spawn(move || {
            block_on(async {
                while !stopped.load(Ordering::Relaxed) {
                    let client = redis::Client::open(url.as_str()).unwrap();
                    let connecting =
                        tokio::time::timeout(PATIENCE, client.get_multiplexed_async_connection());
                    if let Ok(Ok(connection)) = connecting.await {
                        write(connection, &stopped, &counted).await;
                    }
                    // A server that is being replaced refuses at once; others want the processor too.
                    tokio::task::yield_now().await;
                }
            });
        });
        Self { stop, acknowledged, thread: Some(thread) }
    }

    /// Waits until the server has acknowledged another write.
    fn has_written(&self) {
        let before = self.acknowledged.load(Ordering::Relaxed);
        while self.acknowledged.load(Ordering::Relaxed) <= before {
            assert!(!self.thread.as_ref().unwrap().is_finished(), "the writer has ended");
            std::thread::yield_now();
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A test that is failing already reports its own reason.
            let _ended = thread.join();
        }
    }
}

/// Writes until a write fails or nobody wants more.
async fn write(mut connection: MultiplexedConnection, stop: &AtomicBool, acknowledged: &AtomicU64) {
    while !stop.load(Ordering::Relaxed) {
        let mut increment = cmd("INCR");
        let counting = increment.arg("writer:count").query_async::<u64>(&mut connection);
        let Ok(Ok(count)) = tokio::time::timeout(PATIENCE, counting).await else { return };
        acknowledged.fetch_max(count, Ordering::Relaxed);
        let mut set = cmd("SET");
        set.arg(format!("writer:{}", count % 1000)).arg(count).arg("EX").arg(60);
        let setting = set.query_async::<()>(&mut connection);
        if !matches!(tokio::time::timeout(PATIENCE, setting).await, Ok(Ok(()))) {
            return;
        }
    }
}

#[test]
fn while_writers_write_a_plan_stays_the_same_and_is_accepted() {
    let stage = Stage::redis_6_with_data();
    let before = stage.census();
    let writer = Writer::start(&stage);
    let authority = |file: &str| {
        writer.has_written();
        stage.lockstep(&["plan", "redis@7.0.15", "-e", "lab", "--out", file]).expect(0);
        let text = std::fs::read_to_string(stage.folder().join(file)).unwrap();
        let plan: serde_json::Value = serde_json::from_str(&text).unwrap();
        serde_json::to_string(&plan["authority"]).unwrap()
    };
    let (one, other) = (authority("one.plan.json"), authority("other.plan.json"));
    assert_eq!(one, other);
    stage.lockstep(&["apply", "one.plan.json", "-e", "lab", "--yes"]).expect(0).says("is done");
    writer.has_written();
    let acknowledged = writer.acknowledged.load(Ordering::Relaxed);
    drop(writer);
    let after = stage.census();
    assert!(after.version.starts_with("7.0"), "{after:?}");
    assert_eq!(before.samples, after.samples);
    assert!(stage.count("writer:count") >= acknowledged, "acknowledged writes are gone");
}
