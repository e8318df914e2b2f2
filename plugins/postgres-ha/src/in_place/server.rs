//! What is read of the server's settings, of its history, and of who follows it.

use lockstep_sdk::Failure;
use lockstep_sdk::outside::Sql;

use crate::answer;
use crate::names::OLD;
use crate::quote::Literal;
use crate::tables::pairs;

/// Settings that Patroni overrides, and that stay overridden in the server's own files when it is gone. Where the server
/// listens and is found is not among them: that is its surroundings' to say.
pub(crate) const SETTINGS: &str = "\
    SELECT s.name::text, s.setting FROM pg_settings s WHERE s.name IN ('cluster_name', 'hot_standby', 'max_connections', \
      'max_locks_per_transaction', 'max_prepared_transactions', 'max_replication_slots', 'max_wal_senders', \
      'max_worker_processes', 'password_encryption', 'synchronous_standby_names', 'track_commit_timestamp', 'wal_keep_size', \
      'wal_level', 'wal_log_hints') ORDER BY 1";

/// Where its log ends, and how many tables there are.
pub(crate) const HISTORY: &str = "\
    SELECT (pg_current_wal_lsn() - '0/0'::pg_lsn)::text, \
      (SELECT count(*) FROM pg_class c WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't')";

/// What the server is used for beside the database, and whether its settings may be changed.
pub(crate) const ASIDE: &str = "\
    SELECT current_setting('archive_mode'), (SELECT r.rolsuper FROM pg_roles r WHERE r.rolname = session_user), \
      (SELECT count(*) FROM pg_replication_slots)";

/// Of these settings the server may not have less than before. Beside each stands what Patroni takes where nobody tells it more.
const CAPACITY: [(&str, u64); 6] = [
    ("max_connections", 100),
    ("max_locks_per_transaction", 64),
    ("max_prepared_transactions", 0),
    ("max_replication_slots", 10),
    ("max_wal_senders", 10),
    ("max_worker_processes", 8),
];

/// Returns the limits that Patroni may keep lower than they are, because they are more than it takes by itself.
pub(super) fn limits(settings: &[(String, String)]) -> Vec<(String, String)> {
    let above = |(name, value): &&(String, String)| {
        let usual = CAPACITY.iter().find(|(known, _)| known == name).map(|(_, usual)| *usual);
        usual.is_some_and(|usual| value.parse::<u64>().is_ok_and(|value| value > usual))
    };
    settings.iter().filter(above).cloned().collect()
}

/// Returns the settings, each with its value.
pub(super) fn settings<O: Sql>(outside: &O) -> Result<Vec<(String, String)>, Failure> {
    pairs(outside, OLD, SETTINGS)
}

/// Where a server's log ends, and how much there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct History {
    /// Bytes of log since the server was made.
    pub(super) position: u64,
    /// Tables in the database.
    pub(super) tables: u64,
}

impl History {
    /// Asks the server.
    pub(super) fn read<O: Sql>(outside: &O) -> Result<Self, Failure> {
        let row = answer::row(outside, OLD, HISTORY, &[])?;
        let position = row.text(0)?;
        let position = position.parse().ok().ok_or_else(|| {
            let why = format!("the log ends at `{position}`, which is no position");
            Failure::permanently("plugin:answer", why)
        })?;
        Ok(Self { position, tables: row.count(1)? })
    }
}

/// What a server is used for beside the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Aside {
    /// Its `archive_mode`.
    pub(super) archives: String,
    /// Whether the connection's role may change settings of the server.
    pub(super) superuser: bool,
    /// Replication slots.
    pub(super) slots: u64,
}

impl Aside {
    /// Asks the server.
    pub(super) fn read<O: Sql>(outside: &O) -> Result<Self, Failure> {
        let row = answer::row(outside, OLD, ASIDE, &[])?;
        let archives = row.text(0)?.to_owned();
        Ok(Self { archives, superuser: row.truth(1)?, slots: row.count(2)? })
    }
}

/// Returns the settings of which there is less than before.
pub(super) fn less(before: &[(String, String)], now: &[(String, String)]) -> Vec<String> {
    let of = |settings: &[(String, String)], name: &str| {
        let (_, value) = settings.iter().find(|(known, _)| known == name)?;
        value.parse::<u64>().ok()
    };
    let less = |name: &&str| matches!((of(before, name), of(now, name)), (Some(had), Some(has)) if has < had);
    let words = |name: &str| {
        let figure = |settings| of(settings, name).unwrap_or_default();
        format!("{name} is {} and was {}", figure(now), figure(before))
    };
    CAPACITY.into_iter().map(|(name, _)| name).filter(less).map(words).collect()
}

/// Returns the read of how many of these nodes follow closely, and how many of them confirm commits.
pub(crate) fn followers(nodes: &[(String, String)], lag: u64) -> String {
    let names: Vec<String> = nodes.iter().map(|(_, node)| Literal(node).to_string()).collect();
    let names = names.join(", ");
    format!(
        "SELECT count(*) FILTER (WHERE pg_wal_lsn_diff(pg_current_wal_lsn(), r.replay_lsn) <= {lag}), \
           count(*) FILTER (WHERE r.sync_state IN ('sync', 'quorum')) \
         FROM pg_stat_replication r WHERE r.state = 'streaming' AND r.application_name IN ({names})"
    )
}

/// Returns how many nodes follow closely, and how many confirm commits.
pub(super) fn following<O: Sql>(
    outside: &O,
    nodes: &[(String, String)],
    lag: u64,
) -> Result<(u64, u64), Failure> {
    let row = answer::row(outside, OLD, &followers(nodes, lag), &[])?;
    Ok((row.count(0)?, row.count(1)?))
}

/// Returns the slots that Patroni makes for these nodes.
fn slots(nodes: &[(String, String)]) -> String {
    let name = |node: &str| Literal(&node.to_lowercase().replace('-', "_")).to_string();
    nodes.iter().map(|(_, node)| name(node)).collect::<Vec<_>>().join(", ")
}

/// Returns the statement that drops the slots that Patroni made for nodes which are gone: the log is kept for them otherwise,
/// until the volume is full.
pub(crate) fn drop_slots(nodes: &[(String, String)]) -> String {
    format!(
        "SELECT pg_drop_replication_slot(s.slot_name) FROM pg_replication_slots s \
         WHERE s.slot_type = 'physical' AND NOT s.active AND s.slot_name IN ({})",
        slots(nodes)
    )
}

/// Returns the read of how many such slots are left.
pub(crate) fn left_slots(nodes: &[(String, String)]) -> String {
    format!("SELECT count(*) FROM pg_replication_slots s WHERE s.slot_name IN ({})", slots(nodes))
}
