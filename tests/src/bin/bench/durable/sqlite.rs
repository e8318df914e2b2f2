//! SQLite alone, one commit for each row, with the store's own settings.

use std::path::Path;
use std::time::{Duration, Instant};

use lockstep_engine::journal::{Epoch, Event, Head};
use lockstep_engine::model::{Moment, RunId};
use rusqlite::Connection;

use crate::Fallible;

/// How long each figure is measured.
pub(super) const LENGTH: Duration = Duration::from_millis(300);

/// Returns an event with about as much text as an intent and an outcome have.
pub(super) fn event(number: u32) -> Event {
    Event::TurnedBack {
        why: format!("number {number} with about as much text as an intent and an outcome have")
            .repeat(4),
    }
}

/// Returns as long a body as a record has.
pub(super) fn body() -> Fallible<String> {
    let run: RunId = "r-plain".parse()?;
    let (records, _head) = Head::start(&run).link(&run, Epoch(1), Moment(1), vec![event(1)])?;
    Ok(records.first().ok_or("there is no record")?.text().to_owned())
}

/// A database that takes one commit for each row.
///
/// Measured before and after what it is compared with: what else the disk does changes by the second.
pub(super) struct SingleCommits {
    connection: Connection,
    body: String,
}

impl SingleCommits {
    pub(super) fn open(path: &Path) -> Fallible<Self> {
        let connection = Connection::open(path)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "wal_autocheckpoint", 4000)?;
        connection.execute_batch("CREATE TABLE lines (number INTEGER PRIMARY KEY, body TEXT)")?;
        Ok(Self { connection, body: body()? })
    }

    /// Returns how many single commits SQLite does in a second.
    pub(super) fn a_second(&self) -> Fallible<f64> {
        let mut insert = self.connection.prepare("INSERT INTO lines (body) VALUES (?1)")?;
        let (start, mut done) = (Instant::now(), 0_u32);
        while start.elapsed() < LENGTH {
            insert.execute([&self.body])?;
            done += 1;
        }
        Ok(f64::from(done) / start.elapsed().as_secs_f64())
    }
}
