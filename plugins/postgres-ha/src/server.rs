//! What a server says about itself.

use lockstep_sdk::outside::Sql;
use lockstep_sdk::{Failure, Version};

use crate::answer::{self, Row};

/// The first major version whose subscriptions can tell rows of one origin from those of another.
const ORIGINS: u64 = 16;

/// How often a server writes out what nobody waits for, unless somebody changed it. A link confirms what it applied no sooner.
const WRITER_DELAY: &str = "200ms";

/// The read behind [`Server`].
pub(crate) const SERVER: &str = "\
    SELECT current_setting('server_version_num')::int8, pg_is_in_recovery(), \
      (SELECT c.system_identifier::text FROM pg_control_system() c), current_database()::text, session_user::text, \
      current_setting('wal_level'), current_setting('max_replication_slots')::int8, (SELECT count(*) FROM pg_replication_slots), \
      current_setting('max_wal_senders')::int8, (SELECT count(*) FROM pg_stat_replication), \
      current_setting('max_slot_wal_keep_size'), current_setting('max_connections')::int8, \
      current_setting('synchronous_standby_names'), current_setting('max_logical_replication_workers')::int8, \
      pg_has_role(current_user, 'pg_read_all_stats', 'USAGE'), pg_postmaster_start_time()::text, \
      (SELECT count(*) FROM pg_prepared_xacts), current_setting('wal_writer_delay'), \
      current_setting('max_sync_workers_per_subscription')::int8, current_setting('max_worker_processes')::int8";

/// Settings that are changed and wait for a restart.
pub(crate) const PENDING: &str =
    "SELECT s.name::text FROM pg_settings s WHERE s.pending_restart ORDER BY 1";

/// What a server says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Server {
    /// Its version as a number: 150018 for 15.18.
    pub(crate) version: u64,
    /// Whether it follows another server.
    pub(crate) recovering: bool,
    /// What tells it and its copies from every other server.
    pub(crate) system: String,
    /// The database that the connection leads to.
    pub(crate) database: String,
    /// The user of the connection.
    pub(crate) user: String,
    /// Its `wal_level`.
    pub(crate) wal_level: String,
    /// Slots that are free.
    pub(crate) free_slots: u64,
    /// Walsenders that are free.
    pub(crate) free_senders: u64,
    /// Its `max_slot_wal_keep_size`; `-1` for no bound.
    pub(crate) slot_budget: String,
    /// Its `max_connections`.
    pub(crate) connections: u64,
    /// Its `synchronous_standby_names`.
    pub(crate) synchronous: String,
    /// Its `max_logical_replication_workers`.
    pub(crate) workers: u64,
    /// Standbys and other receivers.
    pub(crate) receivers: u64,
    /// Whether what other sessions do can be seen.
    pub(crate) sees_sessions: bool,
    /// When it was started.
    pub(crate) started: String,
    /// Prepared transactions.
    pub(crate) prepared: u64,
    /// Its `wal_writer_delay`.
    pub(crate) writer_delay: String,
    /// Its `max_sync_workers_per_subscription`: how many tables it copies at once.
    pub(crate) copiers: u64,
    /// Its `max_worker_processes`.
    pub(crate) processes: u64,
    /// Settings that wait for a restart.
    pub(crate) pending: Vec<String>,
}

impl Server {
    /// Asks the server behind a connection.
    pub(crate) fn read<O: Sql>(outside: &O, connection: &str) -> Result<Self, Failure> {
        let row = answer::row(outside, connection, SERVER, &[])?;
        let pending = answer::texts(outside, connection, PENDING, &[])?;
        Self::of(&row, pending)
    }

    fn of(row: &Row, pending: Vec<String>) -> Result<Self, Failure> {
        let text = |index| row.text(index).map(str::to_owned);
        Ok(Self {
            version: row.count(0)?,
            recovering: row.truth(1)?,
            system: text(2)?,
            database: text(3)?,
            user: text(4)?,
            wal_level: text(5)?,
            free_slots: row.count(6)?.saturating_sub(row.count(7)?),
            free_senders: row.count(8)?.saturating_sub(row.count(9)?),
            slot_budget: text(10)?,
            connections: row.count(11)?,
            synchronous: text(12)?,
            workers: row.count(13)?,
            receivers: row.count(9)?,
            sees_sessions: row.truth(14)?,
            started: text(15)?,
            prepared: row.count(16)?,
            writer_delay: text(17)?,
            copiers: row.count(18)?,
            processes: row.count(19)?,
            pending,
        })
    }

    /// Returns the major version.
    pub(crate) const fn major(&self) -> u64 {
        self.version / 10_000
    }

    /// Returns whether it writes what a link needs.
    pub(crate) fn is_logical(&self) -> bool {
        self.wal_level == "logical"
    }

    /// Returns whether slots may hold back WAL until the disk is full.
    pub(crate) fn has_no_budget(&self) -> bool {
        self.slot_budget == "-1"
    }

    /// Returns whether it takes its time to confirm what it got over a link, because nobody told it otherwise.
    pub(crate) fn confirms_late(&self) -> bool {
        self.writer_delay == WRITER_DELAY
    }

    /// Returns the options with which this server subscribes without a copy. Where it can, it takes no rows that came from
    /// elsewhere.
    pub(crate) const fn following_only(&self) -> &'static str {
        if self.major() >= ORIGINS {
            "copy_data = false, origin = none"
        } else {
            "copy_data = false"
        }
    }

    /// Returns the options of a link by which it copies what is there, and follows.
    pub(crate) const fn copying(&self) -> &'static str {
        if self.major() >= ORIGINS { "copy_data = true, origin = none" } else { "copy_data = true" }
    }

    /// Returns its version as people write it.
    pub(crate) fn version(&self) -> Version {
        let (major, minor) = (self.major(), self.version % 10_000);
        Version::exact(format!("{major}.{minor}"), &[major, minor])
    }
}
