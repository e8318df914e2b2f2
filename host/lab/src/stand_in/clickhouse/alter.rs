//! `ALTER TABLE`.

use axum::http::StatusCode;

use super::{
    column::Column,
    engine::series,
    statement::{Action, Refusal, final_name},
    tables::{Tables, done_if},
    words::quoted,
};

/// The first version that knows indices of words.
const TEXT_INDEX_SINCE: [u64; 2] = [25, 12];

impl Tables<'_> {
    pub(super) fn alter(&self, table: &str, action: Action) -> Result<(), Refusal> {
        match action {
            Action::AddColumn { column, if_not_exists } => {
                if self.columns(table)?.iter().any(|(name, _)| *name == column.name) {
                    return done_if(if_not_exists, || {
                        let reason = format!(
                            "Cannot add column {}: column with this name already exists",
                            column.name
                        );
                        Refusal::new(
                            StatusCode::INTERNAL_SERVER_ERROR,
                            44,
                            "ILLEGAL_COLUMN",
                            &reason,
                        )
                    })
                    .map(drop);
                }
                // Rows that are there get a constant.
                let constant =
                    column.default.as_ref().is_none_or(|default| !default.starts_with('('));
                let column = if constant { column } else { Column { default: None, ..column } };
                self.run(&format!(
                    "ALTER TABLE {} ADD COLUMN {} {} DEFAULT {}",
                    quoted(table),
                    quoted(&column.name),
                    column.declared(),
                    column.absent()
                ))?;
                self.describe(table, &column)?;
                self.show_final(table)
            }
            Action::DropColumn { name, if_exists } => {
                if !self.columns(table)?.iter().any(|(known, _)| *known == name) {
                    return done_if(if_exists, || {
                        let reason =
                            format!("Wrong column name. Cannot find column `{name}` to drop");
                        Refusal::new(
                            StatusCode::NOT_FOUND,
                            10,
                            "NOT_FOUND_COLUMN_IN_BLOCK",
                            &reason,
                        )
                    })
                    .map(drop);
                }
                self.run(&format!("DROP VIEW IF EXISTS {}", final_name(table)))?;
                self.run(&format!("ALTER TABLE {} DROP COLUMN {}", quoted(table), quoted(&name)))?;
                self.set(
                    "DELETE FROM lab_columns WHERE \"table\" = ?1 AND name = ?2",
                    &[table, &name],
                )?;
                self.show_final(table)
            }
            // SQLite keeps any value in any column, so only the description changes.
            Action::ModifyColumn(column) => {
                let change = "UPDATE lab_columns SET kind = ?3, absent = ?4 WHERE \"table\" = ?1 AND name = ?2";
                self.set(change, &[table, &column.name, &column.kind, &column.absent()])
            }
            Action::AddIndex(kind) => self.knows_index(&kind),
            Action::Nothing => Ok(()),
            Action::Delete(condition) => self.delete(table, &condition),
        }
    }

    pub(super) fn knows_index(&self, kind: &str) -> Result<(), Refusal> {
        if kind != "text" || series(self.version).as_slice() >= TEXT_INDEX_SINCE.as_slice() {
            return Ok(());
        }
        let reason = format!("Unknown Index type '{kind}'");
        Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, 80, "INCORRECT_QUERY", &reason))
    }
}
