//! Writers that never stop: each goes wherever it is let write, and knows what was acknowledged.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, NoTls};

use crate::stage::block_on;

/// The longest that one write may take before its connection is given up.
const PATIENCE: Duration = Duration::from_secs(5);

/// The longest that all of them may be without a row before a test gives up.
const LONGEST: Duration = Duration::from_mins(1);

const WRITE: &str = "INSERT INTO ledger(writer, number) VALUES ($1, $2)";

/// What writers know.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    /// Writer and number of every row that a server has acknowledged.
    pub(crate) acknowledged: Vec<(i32, i64)>,
    /// The side that each writer is at.
    pub(crate) at: Vec<usize>,
}

/// Some writers, each with a thread and a connection of its own.
pub(crate) struct Writers {
    stop: Arc<AtomicBool>,
    told: Arc<Mutex<Told>>,
    threads: Vec<JoinHandle<()>>,
}

impl Writers {
    /// Starts writers that begin at the first of these sides.
    pub(crate) fn start(count: usize, sides: [&str; 2]) -> Self {
        let stop = Arc::<AtomicBool>::default();
        let told = Told { at: vec![0; count], ..Told::default() };
        let told = Arc::new(Mutex::new(told));
        let threads = (0..count).map(|writer| {
            let (stop, told) = (Arc::clone(&stop), Arc::clone(&told));
            let sides = sides.map(str::to_owned);
            std::thread::spawn(move || block_on(write(writer, &sides, &stop, &told)))
        });
        let threads = threads.collect();
        Self { stop, told, threads }
    }

    /// Waits until each of them has had another row acknowledged.
    #[expect(
        clippy::disallowed_methods,
        reason = "how long a test waits is no part of what it tests"
    )]
    pub(crate) fn have_written(&self) {
        let (before, began) = (self.told().acknowledged.len(), Instant::now());
        let all = |told: &Told| {
            let since = told.acknowledged.get(before..).unwrap_or_default();
            (0..told.at.len())
                .all(|writer| since.iter().any(|(by, _)| usize::try_from(*by) == Ok(writer)))
        };
        while !all(&self.told.lock().unwrap_or_else(PoisonError::into_inner)) {
            assert!(self.threads.iter().all(|it| !it.is_finished()), "a writer has ended");
            assert!(
                began.elapsed() < LONGEST,
                "a writer is nowhere let write: {:?}",
                self.told().at
            );
            std::thread::yield_now();
        }
    }

    pub(crate) fn told(&self) -> Told {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends them, and returns what they know.
    pub(crate) fn end(mut self) -> Told {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            thread.join().unwrap();
        }
        self.told()
    }
}

impl Drop for Writers {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // A test that is failing already reports its own reason.
            let _ended = thread.join();
        }
    }
}

/// Dials a database.
pub(crate) async fn dial(url: &str) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    drop(tokio::spawn(connection));
    Ok(client)
}

/// Writes rising numbers until nobody wants more. A write of which no answer came may be there or not, so its number is not
/// used again. Whoever is told that a side only reads, or is not there any more, goes to the other one; whatever else fails is tried
/// again where it was.
async fn write(writer: usize, sides: &[String; 2], stop: &AtomicBool, told: &Mutex<Told>) {
    let (mut side, mut number) = (0, 0_i64);
    let own = i32::try_from(writer).unwrap();
    while !stop.load(Ordering::Relaxed) {
        let dialled = tokio::time::timeout(PATIENCE, dial(&sides[side])).await;
        if matches!(&dialled, Ok(Err(error)) if error.code() == Some(&SqlState::INVALID_CATALOG_NAME))
        {
            side = 1 - side;
        }
        if let Ok(Ok(client)) = dialled {
            while !stop.load(Ordering::Relaxed) {
                number += 1;
                let row: [&(dyn ToSql + Sync); 2] = [&own, &number];
                match tokio::time::timeout(PATIENCE, client.execute(WRITE, &row)).await {
                    Ok(Ok(_)) => {}
                    Ok(Err(error))
                        if error.code() == Some(&SqlState::READ_ONLY_SQL_TRANSACTION) =>
                    {
                        side = 1 - side;
                        break;
                    }
                    Ok(Err(_)) | Err(_) => break,
                }
                let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
                told.acknowledged.push((own, number));
                told.at[writer] = side;
            }
        }
        // A server that is being replaced refuses at once; others want the processor too.
        tokio::task::yield_now().await;
    }
}
