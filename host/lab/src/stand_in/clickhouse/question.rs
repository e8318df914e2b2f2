//! Questions, about tables and about the server itself.

use rusqlite::{Error, types::Value as Kept};

use super::{
    column::kind_of,
    engine::Answer,
    statement::Refusal,
    tables::{Tables, refusal},
    words::quoted,
};

/// What is asked of the server itself, made anew before each question.
const SYSTEM: &str = "\
    DROP TABLE IF EXISTS temp.\"system.tables\"; DROP TABLE IF EXISTS temp.\"system.columns\"; \
    DROP TABLE IF EXISTS temp.\"system.mutations\"; DROP TABLE IF EXISTS temp.\"system.parts\"; \
    CREATE TEMP TABLE \"system.tables\" AS \
      SELECT currentDatabase() AS database, name, engine, 0 AS total_rows FROM lab_tables; \
    CREATE TEMP TABLE \"system.columns\" AS \
      SELECT currentDatabase() AS database, \"table\", name, kind AS type, position FROM lab_columns; \
    CREATE TEMP TABLE \"system.parts\" AS \
      SELECT database, name AS \"table\", 0 AS rows, 1 AS active FROM \"system.tables\"; \
    CREATE TEMP TABLE \"system.mutations\" (database TEXT, \"table\" TEXT, command TEXT, is_done INTEGER)";

impl Tables<'_> {
    pub(super) fn read(&self, sql: &str) -> Result<Answer, Refusal> {
        self.run(SYSTEM)?;
        for name in self.names()? {
            for (of, key, count) in
                [("system.tables", "name", "total_rows"), ("system.parts", "\"table\"", "rows")]
            {
                let counted = format!(
                    "UPDATE {} SET {count} = (SELECT count(*) FROM {}) WHERE {key} = ?1",
                    quoted(of),
                    quoted(&name)
                );
                self.set(&counted, &[&name])?;
            }
        }
        let mut asked = self.connection.prepare(sql).map_err(|error| refusal(&error))?;
        if !asked.readonly() {
            return Err(Refusal::unknown("this statement"));
        }
        let columns: Vec<(String, Option<String>)> = asked
            .columns()
            .iter()
            .map(|it| (it.name().to_owned(), kind_of(it.decl_type())))
            .collect();
        let rows = asked.query_map([], |row| (0..columns.len()).map(|at| row.get(at)).collect());
        let rows: Result<Vec<Vec<Kept>>, Error> = rows.and_then(Iterator::collect);
        let rows = rows.map_err(|error| refusal(&error))?;
        let first = rows.first();
        let columns = columns.iter().enumerate().map(|(at, (name, kind))| {
            let guessed = || guess(first.and_then(|row| row.get(at))).to_owned();
            (name.replace(" ( ", "(").replace(" )", ")"), kind.clone().unwrap_or_else(guessed))
        });
        Ok(Answer { columns: columns.collect(), rows })
    }
}

/// The type of a result that is no column.
fn guess(value: Option<&Kept>) -> &'static str {
    match value {
        Some(Kept::Integer(_)) => "UInt64",
        Some(Kept::Real(_)) => "Float64",
        Some(Kept::Text(_) | Kept::Blob(_)) => "String",
        Some(Kept::Null) | None => "Nullable(Nothing)",
    }
}
