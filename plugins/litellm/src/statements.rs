//! What is done in the database beside the migration itself.

use lockstep_sdk::blocks::prisma::history;
use lockstep_sdk::quote::{Ident, Literal};
use lockstep_sdk::{Peer, Piece, ServiceRef};

use crate::database::Inside;
use crate::names::{DATABASE, NOTES, REHEARSAL};

/// Columns of the history, as every version of Prisma writes them.
const COLUMNS: &str = "id, checksum, finished_at, migration_name, logs, rolled_back_at, started_at, applied_steps_count";

/// Their types.
const TYPES: &str = "id varchar(36), checksum varchar(64), finished_at timestamptz, migration_name varchar(255), logs text, \
    rolled_back_at timestamptz, started_at timestamptz, applied_steps_count integer";

/// Returns the statement that makes the database of the rehearsal.
pub(crate) fn create(inside: &Inside) -> Vec<Piece> {
    let Inside { encoding, collate, ctype, .. } = inside;
    vec![text(format!(
        "CREATE DATABASE {} TEMPLATE template0 ENCODING {} LC_COLLATE {} LC_CTYPE {}",
        Ident(REHEARSAL),
        Literal(encoding),
        Literal(collate),
        Literal(ctype)
    ))]
}

/// Returns the statement that drops it, whoever is connected to it.
pub(crate) fn drop() -> Vec<Piece> {
    vec![text(format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", Ident(REHEARSAL)))]
}

/// Returns the read that tells whether it is there, or, with `=`, whether it is not.
pub(crate) fn there(word: &str) -> String {
    format!("SELECT count(*) {word} 0 FROM pg_database d WHERE d.datname = {}", Literal(REHEARSAL))
}

/// Returns the transaction that carries the history's rows over, run in the database of the rehearsal. The server reads itself
/// over a connection of its own, since no statement reaches from one database into another.
pub(crate) fn carry(schema: &str, server: &str) -> Vec<Vec<Piece>> {
    let history = history(schema);
    let seen_by = ServiceRef::Named(server.to_owned());
    let source = Piece::Conninfo(Peer { connection: DATABASE.to_owned(), seen_by });
    let read = format!("SELECT {COLUMNS} FROM {history}");
    vec![
        vec![text("CREATE EXTENSION IF NOT EXISTS dblink")],
        vec![
            text(format!("INSERT INTO {history} ({COLUMNS}) SELECT {COLUMNS} FROM dblink(")),
            source,
            text(format!(", {}) AS m({TYPES})", Literal(&read))),
        ],
        vec![text("DROP EXTENSION dblink")],
    ]
}

/// Returns the transaction that notes which rows the history has before the migration.
pub(crate) fn note(schema: &str) -> Vec<Vec<Piece>> {
    let history = history(schema);
    texts([
        format!("CREATE SCHEMA {NOTES}"),
        format!(
            "CREATE TABLE {NOTES}.history AS SELECT m.id::text AS id, false AS made FROM {history} m"
        ),
    ])
}

/// Returns the transaction that notes which rows the migration made. The empty one says that they are noted, also if it made
/// none.
pub(crate) fn note_made(schema: &str) -> Vec<Vec<Piece>> {
    let history = history(schema);
    texts([format!(
        "INSERT INTO {NOTES}.history (id, made) SELECT m.id::text, true FROM {history} m \
         WHERE NOT EXISTS (SELECT 1 FROM {NOTES}.history h WHERE h.id = m.id::text) UNION ALL SELECT '', true"
    )])
}

/// Returns the transaction that deletes the rows that the migration made: those that are noted, or, where it never came to
/// that, those that were not there before it.
pub(crate) fn forget(schema: &str) -> Vec<Vec<Piece>> {
    let history = history(schema);
    let noted =
        format!("EXISTS (SELECT 1 FROM {NOTES}.history h WHERE h.made AND h.id = m.id::text)");
    let never = format!("NOT EXISTS (SELECT 1 FROM {NOTES}.history h WHERE h.made)");
    let new = format!("NOT EXISTS (SELECT 1 FROM {NOTES}.history h WHERE h.id = m.id::text)");
    let mut statements =
        texts([format!("DELETE FROM {history} m WHERE {noted} OR ({never} AND {new})")]);
    statements.extend(forget_notes());
    statements
}

/// Returns the transaction that takes the notes away.
pub(crate) fn forget_notes() -> Vec<Vec<Piece>> {
    texts([format!("DROP SCHEMA IF EXISTS {NOTES} CASCADE")])
}

fn texts(statements: impl IntoIterator<Item = String>) -> Vec<Vec<Piece>> {
    statements.into_iter().map(|statement| vec![text(statement)]).collect()
}

fn text(text: impl Into<String>) -> Piece {
    Piece::Text(text.into())
}
