//! Writers that never stop: each goes wherever it is let write, and knows what was acknowledged.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;

use crate::{block_on, dial};

/// The longest that one write may take before its connection is given up.
const PATIENCE: Duration = Duration::from_secs(5);

/// The longest that all of them may be without a row before it is given up.
const LONGEST: Duration = Duration::from_mins(1);

/// How long one of them does something else between two writes, so that what they are there to watch gets the processors too.
pub const LEISURE: Duration = Duration::from_millis(5);

/// One statement, so that a row is in both tables or in none.
const WRITE: &str = "\
    WITH spent AS (INSERT INTO \"LiteLLM_SpendLogs\"(request_id, call_type, \"startTime\", \"endTime\") \
      VALUES ('w' || $1::int || '-' || $2::bigint, 'écrit', now(), now())) \
    INSERT INTO ledger(writer, number) VALUES ($1, $2)";

/// Many of them.
const WRITE_MANY: &str = "\
    WITH spent AS (INSERT INTO \"LiteLLM_SpendLogs\"(request_id, call_type, \"startTime\", \"endTime\") \
      SELECT 'w' || $1::int || '-' || n, 'écrit', now(), now() FROM generate_series(1, $2::bigint) n) \
    INSERT INTO ledger(writer, number) SELECT $1, n FROM generate_series(1, $2) n";

/// How often each row is there, in both tables.
const WRITTEN: &str = "\
    SELECT l.writer, l.number, count(*) AS rows, count(s.request_id) AS spent FROM ledger l \
    LEFT JOIN \"LiteLLM_SpendLogs\" s ON s.request_id = 'w' || l.writer || '-' || l.number GROUP BY 1, 2";

/// What writers know.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// Writer and number of every row that a server has acknowledged.
    pub acknowledged: Vec<(i32, i64)>,
    /// The side that each writer is at.
    pub at: Vec<usize>,
    /// The longest time that each writer was without an acknowledgement.
    pub longest: Vec<Duration>,
}

/// Some writers, each with a thread and a connection of its own.
#[derive(Debug)]
pub struct Writers {
    stop: Arc<AtomicBool>,
    told: Arc<Mutex<Told>>,
    threads: Vec<JoinHandle<()>>,
}

impl Writers {
    /// Starts writers that begin at the first of these sides, and that rest so long after each row.
    pub fn start(count: usize, sides: [&str; 2], rest: Duration) -> Self {
        let stop = Arc::<AtomicBool>::default();
        let longest = vec![Duration::ZERO; count];
        let told = Told { at: vec![0; count], longest, ..Told::default() };
        let told = Arc::new(Mutex::new(told));
        let threads = (0..count).map(|writer| {
            let (stop, told) = (Arc::clone(&stop), Arc::clone(&told));
            let sides = sides.map(str::to_owned);
            let writer = Writer { number: writer, sides, rest, stop, told };
            std::thread::spawn(move || block_on(writer.write()))
        });
        let threads = threads.collect();
        Self { stop, told, threads }
    }

    /// Waits until each of them has had another row acknowledged.
    pub fn have_written(&self) {
        let (before, began) = (self.told().acknowledged.len(), Instant::now());
        let all = |told: &Told| {
            let since = told.acknowledged.get(before..).unwrap_or_default();
            (0..told.at.len())
                .all(|writer| since.iter().any(|(by, _)| usize::try_from(*by) == Ok(writer)))
        };
        while !all(&lock(&self.told)) {
            assert!(self.threads.iter().all(|it| !it.is_finished()), "a writer has ended");
            assert!(
                began.elapsed() < LONGEST,
                "a writer is nowhere let write: {:?}",
                self.told().at
            );
            std::thread::yield_now();
        }
    }

    /// Returns what they know so far.
    pub fn told(&self) -> Told {
        lock(&self.told).clone()
    }

    /// Forgets how long they were without an acknowledgement.
    pub fn forget_times(&self) {
        lock(&self.told).longest.fill(Duration::ZERO);
    }

    /// Ends them, and returns what they know.
    pub fn end(mut self) -> Told {
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
            // Whoever is failing already reports its own reason.
            let _ended = thread.join();
        }
    }
}

impl Told {
    /// Fails unless everything that was acknowledged is in this database, each row once.
    #[track_caller]
    pub fn is_all_in(&self, url: &str) {
        let rows = block_on(async { dial(url).await.unwrap().query(WRITTEN, &[]).await.unwrap() });
        let found: BTreeMap<(i32, i64), (i64, i64)> =
            rows.iter().map(|row| ((row.get(0), row.get(1)), (row.get(2), row.get(3)))).collect();
        let odd: Vec<_> = found.iter().filter(|(_, counts)| **counts != (1, 1)).take(9).collect();
        assert!(odd.is_empty(), "not once in each table: {odd:?}");
        let lost: Vec<_> = self.acknowledged.iter().filter(|it| !found.contains_key(*it)).collect();
        let all = self.acknowledged.len();
        assert!(lost.is_empty(), "{} of {all} are lost: {:?}", lost.len(), lost.iter().take(9));
    }
}

/// Writes so many rows, all of them acknowledged, by a writer of this number.
pub fn write(url: &str, writer: i32, rows: i64) -> Told {
    let row: [&(dyn ToSql + Sync); 2] = [&writer, &rows];
    block_on(async { dial(url).await.unwrap().execute(WRITE_MANY, &row).await.unwrap() });
    Told { acknowledged: (1..=rows).map(|number| (writer, number)).collect(), ..Told::default() }
}

fn lock(told: &Mutex<Told>) -> MutexGuard<'_, Told> {
    told.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Writer {
    number: usize,
    sides: [String; 2],
    rest: Duration,
    stop: Arc<AtomicBool>,
    told: Arc<Mutex<Told>>,
}

impl Writer {
    /// Writes rising numbers until nobody wants more. A write of which no answer came may be there or not, so its number is not
    /// used again. Whoever is told that a side only reads, or is not there any more, goes to the other one; whatever else fails is
    /// tried again where it was.
    async fn write(&self) {
        let (mut side, mut number) = (0, 0_i64);
        let own = i32::try_from(self.number).unwrap();
        let mut last = Instant::now();
        while !self.stop.load(Ordering::Relaxed) {
            let dialled = tokio::time::timeout(PATIENCE, dial(&self.sides[side])).await;
            if matches!(&dialled, Ok(Err(error)) if error.code() == Some(&SqlState::INVALID_CATALOG_NAME))
            {
                side = 1 - side;
            }
            if let Ok(Ok(client)) = dialled {
                while !self.stop.load(Ordering::Relaxed) {
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
                    self.is_told((own, number), side, last.elapsed());
                    last = Instant::now();
                    if !self.rest.is_zero() {
                        tokio::time::sleep(self.rest).await;
                    }
                }
            }
            // A server that is being replaced refuses at once; others want the processor too.
            tokio::task::yield_now().await;
        }
    }

    fn is_told(&self, row: (i32, i64), side: usize, waited: Duration) {
        let mut told = lock(&self.told);
        told.acknowledged.push(row);
        told.at[self.number] = side;
        let longest = &mut told.longest[self.number];
        *longest = (*longest).max(waited);
    }
}
