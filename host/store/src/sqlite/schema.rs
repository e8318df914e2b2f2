//! The tables, by version. A released entry is never changed: a new one is added after it.

use rusqlite::Connection;

/// Marks a SQLite file as a store of Lockstep: `LKST` in ASCII.
pub(crate) const APPLICATION_ID: i64 = 0x4c4b_5354;

/// What brings a file from each version to the next.
const STEPS: &[&str] = &[FIRST, MEMOS, DETACHED];

// Records lie in the order in which they came, so that a commit of many runs' records fills few pages.
// The triggers refuse what no code of ours does, so that a slip, here or in somebody's shell, can't rewrite history.
const FIRST: &str = "
CREATE TABLE settings (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE blobs (
    digest TEXT PRIMARY KEY,
    bytes  BLOB NOT NULL
) STRICT;

CREATE TABLE runs (
    number      INTEGER PRIMARY KEY,
    id          TEXT NOT NULL UNIQUE,
    environment TEXT NOT NULL,
    component   TEXT NOT NULL,
    plan        TEXT NOT NULL,
    created     INTEGER NOT NULL
) STRICT;

CREATE TABLE attachments (
    run    INTEGER NOT NULL REFERENCES runs (number),
    role   TEXT NOT NULL,
    digest TEXT NOT NULL REFERENCES blobs (digest),
    PRIMARY KEY (run, role)
) STRICT, WITHOUT ROWID;

CREATE TABLE records (
    number   INTEGER PRIMARY KEY,
    run      INTEGER NOT NULL REFERENCES runs (number),
    sequence INTEGER NOT NULL CHECK (sequence >= 0),
    epoch    INTEGER NOT NULL CHECK (epoch >= 0),
    kind     TEXT NOT NULL,
    digest   TEXT NOT NULL,
    body     TEXT NOT NULL,
    UNIQUE (run, sequence)
) STRICT;

CREATE TABLE leases (
    environment TEXT PRIMARY KEY,
    epoch       INTEGER NOT NULL CHECK (epoch >= 1),
    run         INTEGER REFERENCES runs (number),
    holder      TEXT,
    since       INTEGER NOT NULL,
    renewed     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TRIGGER records_are_not_changed BEFORE UPDATE ON records
BEGIN SELECT RAISE(ABORT, 'a record is never changed'); END;
CREATE TRIGGER records_are_not_removed BEFORE DELETE ON records
BEGIN SELECT RAISE(ABORT, 'a record is never removed'); END;
CREATE TRIGGER epochs_only_grow BEFORE UPDATE ON leases WHEN NEW.epoch < OLD.epoch
BEGIN SELECT RAISE(ABORT, 'an epoch only grows'); END;
CREATE TRIGGER leases_are_not_removed BEFORE DELETE ON leases
BEGIN SELECT RAISE(ABORT, 'a lease is never removed, because its epoch must not come again'); END;
";

const MEMOS: &str = "
CREATE TABLE memos (
    run  INTEGER NOT NULL REFERENCES runs (number),
    step TEXT NOT NULL,
    memo TEXT NOT NULL,
    PRIMARY KEY (run, step)
) STRICT, WITHOUT ROWID;
";

// What is to be removed is named first, so that nothing is removed by a slip and nothing of a run that has not ended.
const DETACHED: &str = "
ALTER TABLE runs ADD COLUMN due INTEGER;
CREATE INDEX runs_by_due ON runs (due) WHERE due IS NOT NULL;

CREATE TABLE removals (run INTEGER PRIMARY KEY) STRICT;

CREATE TRIGGER open_runs_are_not_removed BEFORE INSERT ON removals
WHEN (SELECT kind FROM records WHERE run = NEW.run ORDER BY sequence DESC LIMIT 1) IS NOT 'finished'
BEGIN SELECT RAISE(ABORT, 'a run that has not ended is never removed'); END;
CREATE TRIGGER removals_are_not_changed BEFORE UPDATE ON removals
BEGIN SELECT RAISE(ABORT, 'a removal is never changed'); END;

DROP TRIGGER records_are_not_removed;
CREATE TRIGGER records_are_not_removed BEFORE DELETE ON records
WHEN NOT EXISTS (SELECT 1 FROM removals WHERE run = OLD.run)
BEGIN SELECT RAISE(ABORT, 'a record is never removed'); END;
";

/// Returns the version that this code writes.
pub(crate) fn newest() -> i64 {
    i64::try_from(STEPS.len()).unwrap_or(i64::MAX)
}

/// Returns the file's version.
pub(crate) fn version(connection: &Connection) -> Result<i64, rusqlite::Error> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Brings the file to the newest version. The caller holds a write transaction.
pub(crate) fn migrate(connection: &Connection) -> Result<(), rusqlite::Error> {
    let from = usize::try_from(version(connection)?).unwrap_or(0);
    for step in STEPS.iter().skip(from) {
        connection.execute_batch(step)?;
    }
    connection.pragma_update(None, "user_version", newest())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_each_older_version_reaches_the_newest_and_keeps_its_rows() {
        for version_of_file in 1..newest() {
            let connection = Connection::open_in_memory().unwrap();
            for step in STEPS.iter().take(usize::try_from(version_of_file).unwrap()) {
                connection.execute_batch(step).unwrap();
            }
            connection.pragma_update(None, "user_version", version_of_file).unwrap();
            connection.execute("INSERT INTO settings VALUES ('id', x'01')", []).unwrap();
            migrate(&connection).unwrap();
            assert_eq!(version(&connection).unwrap(), newest());
            connection
                .query_row("SELECT value FROM settings", [], |row| row.get::<_, Vec<u8>>(0))
                .unwrap();
            connection.execute("SELECT * FROM memos", []).unwrap_or(0);
        }
    }

    #[test]
    fn a_record_is_never_changed_or_removed_and_an_epoch_never_shrinks() {
        let connection = Connection::open_in_memory().unwrap();
        migrate(&connection).unwrap();
        connection
            .execute("INSERT INTO runs VALUES (1, 'r-1', 'e', 'c', 'p', 0, NULL)", [])
            .unwrap();
        let insert = "INSERT INTO records VALUES (NULL, 1, ?1, 1, 'planned', 'd', 'b')";
        connection.execute(insert, [0]).unwrap();
        for refused in ["UPDATE records SET body = 'x'", "DELETE FROM records"] {
            assert!(
                connection.execute(refused, []).unwrap_err().to_string().contains("never"),
                "{refused}"
            );
        }
        assert!(connection.execute(insert, [0]).is_err());
        connection.execute("INSERT INTO leases VALUES ('e', 7, 1, NULL, 0, 0)", []).unwrap();
        assert!(connection.execute("UPDATE leases SET epoch = 6", []).is_err());
        assert!(connection.execute("DELETE FROM leases", []).is_err());
    }
}
