//! The seal: a database that takes no writes from new sessions, by a default of its own, and the end of the older ones.
//!
//! The default counts for sessions that begin after its commit, so the older ones are ended, and it is proven that none is
//! left. When the seal is taken off, those that began under it are ended: they would stay read-only for as long as they
//! live. The moments stand beside the default, in settings of the database that nothing else reads, so that they survive
//! whatever becomes of Lockstep. Walsenders and apply workers are no clients and go on.

use lockstep_sdk::outside::Sql;
use lockstep_sdk::{Failure, Piece};

use crate::answer;
use crate::declare::statements;
use crate::quote::Ident;

/// The setting of which the seal is the database's default.
pub(crate) const DEFAULT: &str = "default_transaction_read_only";

/// The database's own settings, an item each.
const OWN: &str = "\
    pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase CROSS JOIN unnest(s.setconfig) AS c(item) \
    WHERE d.datname = current_database() AND s.setrole = 0";

/// Sessions of clients other than Lockstep's own. One whose kind can't be seen counts, so not seeing is never "none".
const CLIENTS: &str = "\
    pg_stat_activity a WHERE a.datname = current_database() AND coalesce(a.backend_type, 'client backend') = 'client backend' \
    AND a.pid <> pg_backend_pid() AND coalesce(a.application_name, '') NOT LIKE 'lockstep%'";

/// Those for whom the seal counts: they, and the session in which Lockstep writes canaries, which stand for them. It is no client
/// whose being there says anything.
const WRITERS: &str = "\
    pg_stat_activity a WHERE a.datname = current_database() AND coalesce(a.backend_type, 'client backend') = 'client backend' \
    AND a.pid <> pg_backend_pid() AND (coalesce(a.application_name, '') NOT LIKE 'lockstep%' OR a.application_name = 'lockstep:canary')";

fn moment(name: &str) -> String {
    format!(
        "(SELECT max(split_part(c.item, '=', 2)::numeric) FROM {OWN} AND c.item LIKE 'lockstep.{name}=%')"
    )
}

fn stamp(name: &str) -> String {
    format!(
        "DO $$ BEGIN IF {} IS NULL THEN EXECUTE format('ALTER DATABASE %I SET lockstep.{name} = %L', current_database(), \
         extract(epoch FROM clock_timestamp())); END IF; END $$",
        moment(name)
    )
}

/// Returns the transaction that seals.
pub(crate) fn set(database: &str) -> Vec<Vec<Piece>> {
    let database = Ident(database);
    let mut texts =
        vec![format!("ALTER DATABASE {database} SET default_transaction_read_only = on")];
    texts.extend(forgotten(database));
    texts.push(stamp("sealed_at"));
    statements(texts)
}

/// Returns the transaction that ends every client's session. The first one after the seal writes down when it was.
pub(crate) fn end_clients() -> Vec<Vec<Piece>> {
    statements([
        stamp("closed_at"),
        format!("SELECT count(pg_terminate_backend(a.pid)) FROM {WRITERS}"),
    ])
}

/// Stops writers where they wait for the server, and waits until no answer is on its way to anybody, but not for long.
///
/// `PgPool` 4.3 leaves a client without an answer, and without an end, whose session ends while it passes an answer on. Tables are
/// locked as the host does for a block: only the first is waited for, and one that was not free is the first next time, because
/// nobody knows in which order writers lock. Whoever holds one for seconds is ended all the same, and whatever goes wrong with
/// this keeps nobody from being sealed.
const HUSH: &str = "\
    DO $$ DECLARE tables text[]; busy int := 1; at int; began timestamptz := clock_timestamp(); BEGIN \
    SELECT array_agg(format('%I.%I', n.nspname, c.relname) ORDER BY c.oid) INTO tables \
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
      WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'; \
    FOR attempt IN 1..32 LOOP EXIT WHEN clock_timestamp() > began + interval '4 s'; \
      PERFORM pg_cancel_backend(a.pid) FROM pg_stat_activity a WHERE a.backend_type = 'autovacuum worker' \
        AND a.datname = current_database() AND a.query LIKE 'autovacuum:%' AND a.query NOT LIKE '%(to prevent wraparound)' \
        AND (SELECT rolsuper FROM pg_roles WHERE rolname = current_user); \
      BEGIN \
      FOR i IN 1..coalesce(array_length(tables, 1), 0) LOOP at := i; \
        PERFORM set_config('lock_timeout', CASE WHEN i = 1 THEN '1s' WHEN i <= busy THEN '200ms' ELSE '5ms' END, true); \
        EXECUTE format('LOCK TABLE ONLY %s IN SHARE ROW EXCLUSIVE MODE', tables[i]); END LOOP; \
      EXIT; \
    EXCEPTION WHEN lock_not_available THEN \
      IF at > busy THEN busy := busy + 1; END IF; \
      tables := tables[at] || tables[1:at - 1] || tables[at + 1:]; \
    WHEN OTHERS THEN EXIT; \
    END; END LOOP; \
    PERFORM set_config('lock_timeout', '5s', true); \
    FOR look IN 1..100 LOOP PERFORM pg_stat_clear_snapshot(); \
      EXIT WHEN NOT EXISTS (SELECT 1 FROM {clients} AND CASE WHEN a.state = 'active' \
        THEN a.wait_event_type IS DISTINCT FROM 'Lock' ELSE a.state_change > clock_timestamp() - interval '30 ms' END); \
      PERFORM pg_sleep(0.01); END LOOP; END $$";

/// Returns the transaction that ends every client's session at a server behind `PgPool`.
pub(crate) fn end_pooled_clients() -> Vec<Vec<Piece>> {
    let mut all = statements([HUSH.replace("{clients}", CLIENTS)]);
    all.extend(end_clients());
    all
}

/// Returns the transaction that takes the seal off.
pub(crate) fn lift(database: &str) -> Vec<Vec<Piece>> {
    statements([format!("ALTER DATABASE {} RESET default_transaction_read_only", Ident(database))])
}

/// Returns the transaction that ends the sessions which began under the seal.
pub(crate) fn end_sealed() -> Vec<Vec<Piece>> {
    statements([
        stamp("opened_at"),
        format!(
            "SELECT count(pg_terminate_backend(a.pid)) FROM {WRITERS} \
             AND extract(epoch FROM a.backend_start) >= {} AND extract(epoch FROM a.backend_start) < {}",
            moment("sealed_at"),
            moment("opened_at")
        ),
    ])
}

/// Returns the transaction that takes the moments away.
pub(crate) fn forget(database: &str) -> Vec<Vec<Piece>> {
    statements(forgotten(Ident(database)))
}

fn forgotten(database: Ident<'_>) -> [String; 3] {
    ["sealed_at", "closed_at", "opened_at"]
        .map(|name| format!("ALTER DATABASE {database} RESET lockstep.{name}"))
}

/// Who holds a virtual transaction. A session does from before it reads the defaults of its database until it is listed.
pub(crate) const BUSY: &str = "\
    SELECT coalesce(string_agg(l.pid::text, ','), '') FROM pg_locks l \
    WHERE l.locktype = 'virtualxid' AND l.pid IS NOT NULL AND l.pid <> pg_backend_pid()";

/// Those of them that are not listed, or not completely.
const BEGINNING: &str = "\
    unnest(string_to_array($1::text, ',')) AS b(pid) WHERE NOT EXISTS (SELECT FROM pg_stat_activity a WHERE a.pid = b.pid::int \
    AND (a.datid IS NOT NULL OR coalesce(a.backend_type, 'client backend') <> 'client backend'))";

/// How a database stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Whether new sessions may only read.
    pub(crate) sealed: bool,
    /// Client sessions that are not known to have begun under the seal. Before the first end of the sessions all of them.
    pub(crate) older: u64,
    /// Client sessions that began under a seal that has been taken off.
    pub(crate) stuck: u64,
    /// All client sessions.
    pub(crate) clients: u64,
    /// Sessions that were just beginning, of any database, and may have read its defaults before they were changed.
    pub(crate) beginning: u64,
}

/// The read behind [`Standing`].
pub(crate) fn statement() -> String {
    let started = "extract(epoch FROM a.backend_start)";
    let (sealed, closed, opened) = (moment("sealed_at"), moment("closed_at"), moment("opened_at"));
    format!(
        "SELECT (SELECT count(*) FROM {OWN} AND c.item = 'default_transaction_read_only=on') > 0, \
         (SELECT count(*) FROM {WRITERS} AND coalesce({started}, 0) <= coalesce({closed}, 9000000000)), \
         (SELECT count(*) FROM {WRITERS} AND coalesce({started}, {sealed}) >= {sealed} AND coalesce({started}, {sealed}) < {opened}), \
         (SELECT count(*) FROM {CLIENTS}), (SELECT count(*) FROM {BEGINNING})"
    )
}

/// Looks how a database stands, whoever is just beginning.
pub(crate) fn standing<O: Sql>(outside: &O, connection: &str) -> Result<Standing, Failure> {
    stands(outside, connection, "")
}

/// Looks how a database stands, and whether sessions are just beginning.
///
/// Whoever begins is looked for first: who is neither found then nor listed afterwards began later, and under the defaults
/// that are there now.
pub(crate) fn standing_of_all<O: Sql>(outside: &O, connection: &str) -> Result<Standing, Failure> {
    let busy = answer::row(outside, connection, BUSY, &[])?;
    stands(outside, connection, busy.text(0)?)
}

fn stands<O: Sql>(outside: &O, connection: &str, busy: &str) -> Result<Standing, Failure> {
    let row = answer::row(outside, connection, &statement(), &[busy.into()])?;
    Ok(Standing {
        sealed: row.truth(0)?,
        older: row.count(1)?,
        stuck: row.count(2)?,
        clients: row.count(3)?,
        beginning: row.count(4)?,
    })
}
