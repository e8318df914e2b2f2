//! Which relations and functions a statement's names lead to, as the server itself resolves them.

use std::collections::BTreeSet;

use lockstep_engine::model::Failure;
use tokio_postgres::Client;

use super::admit::ReadStatement;
use super::names::CREDENTIALS;
use super::session::failure;

/// The first id that a server gives to what a user makes; below are the system's own objects.
const FIRST_OF_USERS: i64 = 16384;

const RELATION: &str = "\
    SELECT c.oid::int8 AS id, n.nspname::text AS schema, c.relname::text AS name, c.relkind::text AS kind, \
      EXISTS (WITH RECURSIVE parts(id) AS (SELECT c.oid UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i \
        JOIN parts ON i.inhparent = parts.id) \
        SELECT 1 FROM parts JOIN pg_catalog.pg_class p ON p.oid = parts.id WHERE p.relkind = 'f') AS foreign_part \
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.oid = pg_catalog.to_regclass($1)";

/// Functions of users that a name of the statement may call instead of the system's, or by the notation of a column.
const FUNCTION: &str = "\
    SELECT p.proname::text AS name FROM pg_catalog.pg_proc p WHERE p.oid::int8 >= $3 AND (p.proname::text = ANY($1) \
      OR (p.pronargs = 1 AND p.proname::text = ANY($2) AND EXISTS (SELECT 1 FROM pg_catalog.pg_type t \
        WHERE t.oid = p.proargtypes[0] AND t.typtype IN ('c', 'p')))) LIMIT 1";

/// Operators and conversions of users that run anything but compiled code.
const OPERATOR: &str = "\
    SELECT o.oprname::text AS name FROM pg_catalog.pg_operator o JOIN pg_catalog.pg_proc p ON p.oid = o.oprcode \
      JOIN pg_catalog.pg_language l ON l.oid = p.prolang \
      WHERE o.oid::int8 >= $2 AND o.oprname::text = ANY($1) AND l.lanname NOT IN ('c', 'internal') \
    UNION ALL \
    SELECT 'cast to ' || pg_catalog.format_type(c.casttarget, NULL) FROM pg_catalog.pg_cast c \
      JOIN pg_catalog.pg_proc p ON p.oid = c.castfunc JOIN pg_catalog.pg_language l ON l.oid = p.prolang \
      WHERE c.oid::int8 >= $2 AND c.castcontext <> 'e' AND l.lanname NOT IN ('c', 'internal') LIMIT 1";

/// Checks what the statement's names lead to, and returns whether all of it is the system's own.
///
/// # Errors
/// [`Failure::Denied`], naming the relation, function or operator.
pub(super) async fn check(
    client: &Client,
    name: &str,
    statement: &ReadStatement,
) -> Result<bool, Failure> {
    let failed = |error: tokio_postgres::Error| failure(name, &error);
    let mut of_the_system = true;
    for relation in &statement.relations {
        let found = client.query_opt(RELATION, &[relation]).await.map_err(failed)?;
        // What the server does not know is the name of a part of the statement, or its own error when it runs.
        let Some(row) = found else { continue };
        let text = |column: &str| row.try_get::<_, String>(column).map_err(failed);
        let (schema, table, kind) = (text("schema")?, text("name")?, text("kind")?);
        let users = row.try_get::<_, i64>("id").map_err(failed)? >= FIRST_OF_USERS;
        of_the_system &= !users;
        let foreign = row.try_get::<_, bool>("foreign_part").map_err(failed)?;
        relation_allowed(&schema, &table, &kind, users, foreign).map_err(|why| {
            Failure::denied(
                "sql:relation",
                format!("a query may not read `{schema}.{table}`: {why}"),
            )
        })?;
    }
    let list = |names: &BTreeSet<String>| names.iter().cloned().collect::<Vec<String>>();
    let shadow = client
        .query_opt(
            FUNCTION,
            &[&list(&statement.functions), &list(&statement.members), &FIRST_OF_USERS],
        )
        .await
        .map_err(failed)?;
    if let Some(row) = shadow {
        let function: String = row.try_get("name").map_err(failed)?;
        let text = format!(
            "the database has a function `{function}` of its own, which the query could call"
        );
        return Err(Failure::denied("sql:function", text));
    }
    let own = client
        .query_opt(OPERATOR, &[&list(&statement.operators), &FIRST_OF_USERS])
        .await
        .map_err(failed)?;
    if let Some(row) = own {
        let operator: String = row.try_get("name").map_err(failed)?;
        let text = format!(
            "the database has an operator `{operator}` of its own, which the query could use"
        );
        return Err(Failure::denied("sql:operator", text));
    }
    Ok(of_the_system)
}

fn relation_allowed(
    schema: &str,
    name: &str,
    kind: &str,
    users: bool,
    foreign: bool,
) -> Result<(), &'static str> {
    let system = schema == "pg_catalog" || schema == "information_schema" || schema == "pg_toast";
    if system && CREDENTIALS.contains(&name) {
        return Err("it holds credentials");
    }
    if foreign {
        return Err("it leads to another server");
    }
    match kind {
        "r" | "p" | "m" | "S" => Ok(()),
        "v" if system && !users => Ok(()),
        "v" => Err("it is a view, which may do anything"),
        _ => Err("it is neither a table nor a view of the system"),
    }
}
