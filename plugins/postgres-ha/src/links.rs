//! Links: a publication at one side, a subscription at the other, and the slot by which the publisher keeps what the
//! subscriber has not got yet.

use lockstep_sdk::outside::Sql;
use lockstep_sdk::{Failure, Peer, Piece, ServiceRef};

use crate::answer;
use crate::declare::{Declares, statements, text};
use crate::names::{FORWARD, NEW, OLD, PROBE, REVERSE};
use crate::options::Path;
use crate::quote::{Literal, TableName};

/// A link, named the same at both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    /// The name of publication, subscription and slot.
    pub(crate) name: &'static str,
    /// The connection to the side that is followed.
    pub(crate) publisher: &'static str,
    /// The connection to the side that follows.
    pub(crate) subscriber: &'static str,
}

/// The cluster follows the old server.
pub(crate) const FORTH: Link = Link { name: FORWARD, publisher: OLD, subscriber: NEW };
/// The old server follows the cluster.
pub(crate) const BACK: Link = Link { name: REVERSE, publisher: NEW, subscriber: OLD };
/// Shows that the cluster could follow the old server.
pub(crate) const PROBE_FORTH: Link = Link { name: PROBE, publisher: OLD, subscriber: NEW };
/// Shows that the old server could follow the cluster.
pub(crate) const PROBE_BACK: Link = Link { name: PROBE, publisher: NEW, subscriber: OLD };

/// Returns the links that are tried before anything depends on one: those that the path will need.
pub(crate) const fn probes(path: Path) -> &'static [Link] {
    match path {
        Path::Online => &[PROBE_FORTH, PROBE_BACK],
        Path::Job => &[PROBE_BACK],
    }
}

/// Returns the statement that publishes these tables; none of them only to show that a link is possible.
pub(crate) fn publish(link: Link, tables: &[TableName]) -> Vec<Vec<Piece>> {
    let list: Vec<String> = tables.iter().map(ToString::to_string).collect();
    let tables =
        if list.is_empty() { String::new() } else { format!(" FOR TABLE {}", list.join(", ")) };
    statements([format!("CREATE PUBLICATION {}{tables}", link.name)])
}

/// How many tables a copy begins with at least.
const FIRST: usize = 5;

/// Above so many bytes a table is among those. The host builds the keys of such tables over their rows.
const LARGE: u64 = 32 << 20;

/// Returns the statements that publish only the largest of these tables at first: what takes longest had better begin first, and
/// a subscriber begins with tables by their names.
pub(crate) fn publish_largest(link: Link, tables: &[TableName]) -> Vec<Vec<Piece>> {
    let small = format!(
        "DO $$ DECLARE small text; BEGIN SELECT string_agg(prrelid::regclass::text, ', ') INTO small \
         FROM (SELECT r.prrelid, pg_table_size(r.prrelid) AS bytes, row_number() OVER (ORDER BY pg_table_size(r.prrelid) DESC) AS place \
           FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid WHERE p.pubname = {}) AS sized \
         WHERE place > {FIRST} AND bytes <= {LARGE}; \
         IF small IS NOT NULL THEN EXECUTE 'ALTER PUBLICATION {} DROP TABLE ' || small; END IF; END $$",
        Literal(link.name),
        link.name
    );
    let mut all = publish(link, tables);
    if tables.len() > FIRST {
        all.extend(statements([small]));
    }
    all
}

/// Returns the statement that publishes the other ones too; none where there are no more.
pub(crate) fn publish_rest(link: Link, tables: &[TableName]) -> Option<Vec<Vec<Piece>>> {
    let list: Vec<String> = tables.iter().map(ToString::to_string).collect();
    let all = format!("ALTER PUBLICATION {} SET TABLE {}", link.name, list.join(", "));
    (tables.len() > FIRST).then(|| statements([all]))
}

/// Returns the statement that has the subscriber copy what is published since.
pub(crate) fn refresh(link: Link) -> String {
    format!("ALTER SUBSCRIPTION {} REFRESH PUBLICATION", link.name)
}

/// Returns the statement that subscribes, by the private address that `seen_by` dials.
pub(crate) fn subscribe(link: Link, seen_by: &str, options: &str) -> Vec<Piece> {
    let peer = Peer {
        connection: link.publisher.to_owned(),
        seen_by: ServiceRef::Named(seen_by.to_owned()),
    };
    let name = link.name;
    vec![
        text(format!("CREATE SUBSCRIPTION {name} CONNECTION ")),
        Piece::Conninfo(peer),
        text(format!(" PUBLICATION {name} WITH ({options})")),
    ]
}

/// Returns the read that tells whether the subscription is there.
pub(crate) fn subscribed(link: Link) -> String {
    format!(
        "SELECT EXISTS (SELECT 1 FROM pg_stat_subscription s WHERE s.subname = {})",
        Literal(link.name)
    )
}

/// Declares the end of a link under labels that begin with `prefix`, and returns those: the subscription without its slot,
/// the slot, the publication. What is not there is not missed, so all of it may be done again.
///
/// `system` identifies the subscriber's server: the slots of copies that were not finished bear its number.
pub(crate) fn end<D: Declares>(
    declare: &D,
    prefix: &str,
    link: Link,
    system: &str,
) -> Result<[String; 3], Failure> {
    let off = format!("{prefix}-off");
    declare.transaction(&off, link.subscriber, stand_still(link))?;
    let [slot, publication] = end_of_publisher(declare, prefix, link, system)?;
    Ok([off, slot, publication])
}

/// Declares the end of what a link without a subscription leaves at its publisher.
pub(crate) fn end_of_publisher<D: Declares>(
    declare: &D,
    prefix: &str,
    link: Link,
    system: &str,
) -> Result<[String; 2], Failure> {
    let labels = ["slot", "pub"].map(|part| format!("{prefix}-{part}"));
    let [slot, publication] = &labels;
    declare.transaction(slot, link.publisher, statements([drop_slots(link.name, system)]))?;
    let gone = format!("DROP PUBLICATION IF EXISTS {}", link.name);
    declare.transaction(publication, link.publisher, statements([gone]))?;
    Ok(labels)
}

/// Returns the transaction after which the subscriber follows no more; the slot stays.
pub(crate) fn stand_still(link: Link) -> Vec<Vec<Piece>> {
    statements([unsubscribe(link.name)])
}

/// Returns the transaction after which the subscriber stands still.
pub(crate) fn pause(link: Link) -> Vec<Vec<Piece>> {
    statements([format!("ALTER SUBSCRIPTION {} DISABLE", link.name)])
}

/// Returns the transaction after which the subscriber follows again.
pub(crate) fn go_on(link: Link) -> Vec<Vec<Piece>> {
    statements([format!("ALTER SUBSCRIPTION {} ENABLE", link.name)])
}

/// A subscription is dropped without its slot, because only then a transaction can do it, and because the publisher may be
/// out of reach.
fn unsubscribe(name: &str) -> String {
    format!(
        "DO $$ BEGIN IF EXISTS (SELECT FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid \
         WHERE s.subname = '{name}' AND d.datname = current_database()) THEN \
         ALTER SUBSCRIPTION {name} DISABLE; ALTER SUBSCRIPTION {name} SET (slot_name = NONE); \
         DROP SUBSCRIPTION {name}; END IF; END $$"
    )
}

/// A walsender may take a moment to notice that nobody listens, so it is told, and the slot is tried again.
fn drop_slots(name: &str, system: &str) -> String {
    let own = format!(
        "s.database = current_database() AND (s.slot_name = '{name}' OR s.slot_name LIKE 'pg\\_%\\_sync\\_%\\_{system}')"
    );
    format!(
        "DO $$ DECLARE slot record; tries int := 0; BEGIN LOOP \
         SELECT s.slot_name, s.active_pid INTO slot FROM pg_replication_slots s WHERE {own} LIMIT 1; \
         EXIT WHEN NOT FOUND; \
         IF slot.active_pid IS NOT NULL THEN PERFORM pg_terminate_backend(slot.active_pid); END IF; \
         BEGIN PERFORM pg_drop_replication_slot(slot.slot_name); \
         EXCEPTION WHEN object_in_use THEN tries := tries + 1; IF tries > 100 THEN RAISE; END IF; \
         PERFORM pg_sleep(0.05); WHEN undefined_object THEN NULL; END; \
         END LOOP; END $$"
    )
}

/// How a link stands at its publisher.
pub(crate) const SLOT: &str = "\
    SELECT s.active, s.confirmed_flush_lsn::text, coalesce(s.wal_status::text, ''), \
      coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), s.restart_lsn), 0)::int8, \
      coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), s.confirmed_flush_lsn), 0)::int8 \
    FROM pg_replication_slots s WHERE s.slot_name = $1";

/// How many subscriptions of this name there are, and how many of them have a worker that runs.
pub(crate) const SUBSCRIPTION: &str = "\
    SELECT count(*), count(s.pid) FROM pg_stat_subscription s WHERE s.subname = $1 AND s.relid IS NULL";

/// Where the publisher's log stands.
pub(crate) const POSITION: &str = "SELECT pg_current_wal_lsn()::text";

/// Whether the subscriber has confirmed everything up to a position.
pub(crate) const CONFIRMED: &str = "\
    SELECT s.active, coalesce(s.confirmed_flush_lsn >= ($2::text)::pg_lsn, false) FROM pg_replication_slots s WHERE s.slot_name = $1";

/// A slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    /// Whether somebody reads from it.
    pub(crate) active: bool,
    /// Whether the server still keeps what it needs: `reserved`, `extended`, `unreserved`, `lost`.
    pub(crate) status: String,
    /// Bytes of WAL that it holds back.
    pub(crate) held_back: u64,
    /// Bytes by which the subscriber is behind.
    pub(crate) behind: u64,
}

/// Reads a link's slot; none where it is gone.
pub(crate) fn slot<O: Sql>(outside: &O, link: Link) -> Result<Option<Slot>, Failure> {
    let found = answer::maybe_row(outside, link.publisher, SLOT, &[link.name.into()])?;
    let read = |row: answer::Row| -> Result<Slot, Failure> {
        Ok(Slot {
            active: row.truth(0)?,
            status: row.text(2)?.to_owned(),
            held_back: row.count(3)?,
            behind: row.count(4)?,
        })
    };
    found.map(read).transpose()
}

/// Returns why a link does not run, if it does not.
pub(crate) fn broken<O: Sql>(outside: &O, link: Link) -> Result<Option<String>, Failure> {
    let Link { name, publisher, subscriber } = link;
    let found = answer::row(outside, subscriber, SUBSCRIPTION, &[name.into()])?;
    let (there, running) = (found.count(0)?, found.count(1)?);
    if there == 0 {
        return Ok(Some(format!("there is no subscription `{name}` at `{subscriber}`")));
    }
    Ok(match slot(outside, link)? {
        None => Some(format!("the slot `{name}` at `{publisher}` is gone")),
        Some(slot) if slot.status == "lost" => {
            Some(format!("the slot `{name}` at `{publisher}` has lost what it needs"))
        }
        Some(slot) if !slot.active || running == 0 => {
            Some(format!("the subscription `{name}` at `{subscriber}` does not run"))
        }
        Some(_) => None,
    })
}

/// Returns whether the subscription of a link is there.
pub(crate) fn is_subscribed<O: Sql>(outside: &O, link: Link) -> Result<bool, Failure> {
    let found = answer::row(outside, link.subscriber, SUBSCRIPTION, &[link.name.into()])?;
    Ok(found.count(0)? > 0)
}

/// Returns where the publisher's log stands.
pub(crate) fn position<O: Sql>(outside: &O, connection: &str) -> Result<String, Failure> {
    Ok(answer::row(outside, connection, POSITION, &[])?.text(0)?.to_owned())
}

/// How far a subscriber is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reached {
    /// It has confirmed everything up to the position.
    Yes,
    /// It is on its way.
    NotYet,
    /// Nobody reads from the slot at the moment.
    Idle,
    /// There is no slot any more.
    Gone,
}

/// Looks whether the subscriber has confirmed everything up to `position`.
pub(crate) fn reached<O: Sql>(outside: &O, link: Link, position: &str) -> Result<Reached, Failure> {
    let parameters = [link.name.into(), position.into()];
    let Some(row) = answer::maybe_row(outside, link.publisher, CONFIRMED, &parameters)? else {
        return Ok(Reached::Gone);
    };
    Ok(match (row.truth(1)?, row.truth(0)?) {
        (true, _) => Reached::Yes,
        (false, true) => Reached::NotYet,
        (false, false) => Reached::Idle,
    })
}
