//! Who uses the old database, with which roles and settings, and what an earlier run left.

use lockstep_sdk::Failure;
use lockstep_sdk::outside::Sql;

use crate::answer;
use crate::names::OLD;
use crate::tables::pairs;

/// Client sessions of the database, by how they call themselves, where they come from and as whom.
pub(crate) const SESSIONS: &str = "\
    SELECT coalesce(nullif(a.application_name, ''), 'without a name') || ' from ' || coalesce(a.client_addr::text, 'the server itself') \
      || ' as ' || coalesce(a.usename::text, '?'), count(*)::text \
    FROM pg_stat_activity a WHERE a.datname = current_database() AND coalesce(a.backend_type, 'client backend') = 'client backend' \
      AND coalesce(a.application_name, '') NOT LIKE 'lockstep%' GROUP BY 1 ORDER BY 1";

/// Sessions of the server that are none of the database's clients: in another database, or of whoever follows its log.
pub(crate) const ELSEWHERE: &str = "\
    SELECT coalesce(nullif(a.application_name, ''), 'without a name') || ' from ' || coalesce(a.client_addr::text, 'the server itself') \
      || ' as ' || coalesce(a.usename::text, '?') || coalesce(' in ' || a.datname::text, ''), count(*)::text \
    FROM pg_stat_activity a WHERE (a.backend_type = 'walsender' \
      OR coalesce(a.backend_type, 'client backend') = 'client backend' AND (a.datname IS NULL OR a.datname <> current_database())) \
      AND coalesce(a.application_name, '') NOT LIKE 'lockstep%' GROUP BY 1 ORDER BY 1";

/// Transactions that have been open for minutes.
pub(crate) const LONG: &str = "\
    SELECT coalesce(nullif(a.application_name, ''), 'without a name') || ', process ' || a.pid::text, floor(extract(epoch FROM now() - a.xact_start))::text || ' s' \
    FROM pg_stat_activity a WHERE a.xact_start < now() - interval '2 minutes' AND a.backend_type = 'client backend' \
      AND coalesce(a.application_name, '') NOT LIKE 'lockstep%' ORDER BY 1";

/// Roles that may log in, and whether each is a superuser.
pub(crate) const ROLES: &str = "\
    SELECT r.rolname::text, r.rolsuper::text FROM pg_roles r WHERE r.rolcanlogin AND r.rolname NOT LIKE 'lockstep%' ORDER BY 1";

/// Settings of this database, of roles in it, and of roles anywhere.
pub(crate) const SETTINGS: &str = "\
    SELECT coalesce(r.rolname::text, ''), c.item FROM pg_db_role_setting s CROSS JOIN unnest(s.setconfig) AS c(item) \
      LEFT JOIN pg_roles r ON r.oid = s.setrole LEFT JOIN pg_database d ON d.oid = s.setdatabase \
    WHERE (d.datname = current_database() OR s.setdatabase = 0) AND c.item NOT LIKE 'lockstep.%' ORDER BY 1, 2";

/// What is called as a run calls its own, in the whole server and in this database.
pub(crate) const LEFTOVERS: &str = "\
    SELECT 'slot ' || s.slot_name::text FROM pg_replication_slots s WHERE s.slot_name LIKE 'lockstep%' \
    UNION ALL SELECT 'publication ' || p.pubname::text FROM pg_publication p WHERE p.pubname LIKE 'lockstep%' \
    UNION ALL SELECT DISTINCT 'subscription ' || u.subname::text FROM pg_stat_subscription u WHERE u.subname LIKE 'lockstep%' \
    UNION ALL SELECT 'role ' || r.rolname::text FROM pg_roles r WHERE r.rolname LIKE 'lockstep%' ORDER BY 1";

/// Slots of others that nobody reads from, and how many MB of the log each holds back.
pub(crate) const ABANDONED: &str = "\
    SELECT s.slot_name::text, (CASE WHEN pg_is_in_recovery() THEN 0 \
      ELSE coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), s.restart_lsn), 0) END / 1048576)::int8::text \
    FROM pg_replication_slots s WHERE NOT s.active AND s.slot_name NOT LIKE 'lockstep%' ORDER BY 1";

/// Who uses the old database, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sessions {
    /// Client sessions, and how many of each.
    pub(crate) clients: Vec<(String, u64)>,
    /// Transactions that have been open for minutes, and how long.
    pub(crate) long: Vec<(String, String)>,
    /// Roles that may log in, and whether each is a superuser.
    pub(crate) roles: Vec<(String, bool)>,
    /// Settings, each with its role; an empty one for all.
    pub(crate) settings: Vec<(String, String)>,
    /// What an earlier run left.
    pub(crate) leftovers: Vec<String>,
    /// Slots that nobody reads from, and the MB that each holds back.
    pub(crate) abandoned: Vec<(String, String)>,
}

impl Sessions {
    /// Looks.
    pub(crate) fn read<O: Sql>(outside: &O) -> Result<Self, Failure> {
        let count = |(who, count): (String, String)| (who, count.parse().unwrap_or(u64::MAX));
        Ok(Self {
            clients: pairs(outside, OLD, SESSIONS)?.into_iter().map(count).collect(),
            long: pairs(outside, OLD, LONG)?,
            roles: roles(outside, OLD)?,
            settings: pairs(outside, OLD, SETTINGS)?,
            leftovers: answer::texts(outside, OLD, LEFTOVERS, &[])?,
            abandoned: pairs(outside, OLD, ABANDONED)?,
        })
    }

    /// Returns how many clients are connected.
    pub(crate) fn count(&self) -> u64 {
        self.clients.iter().map(|(_, count)| count).fold(0, |sum, count| sum.saturating_add(*count))
    }
}

/// Returns who uses the old server beside the database, and how many of each.
pub(crate) fn elsewhere<O: Sql>(outside: &O) -> Result<Vec<String>, Failure> {
    let found = pairs(outside, OLD, ELSEWHERE)?;
    Ok(found.into_iter().map(|(who, count)| format!("{who}: {count}")).collect())
}

/// Returns the roles of a server that may log in, and whether each is a superuser.
pub(crate) fn roles<O: Sql>(outside: &O, connection: &str) -> Result<Vec<(String, bool)>, Failure> {
    let found = pairs(outside, connection, ROLES)?;
    Ok(found.into_iter().map(|(name, is)| (name, is == "true")).collect())
}
