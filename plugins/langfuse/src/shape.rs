//! What of tables and columns is there, by name: enough to tell whether the former version still finds what it needs.

use std::collections::{BTreeMap, BTreeSet};

use lockstep_sdk::{Fact, Facts, Failure, Value};

/// What follows a column's name that whoever writes a row must give.
pub(crate) const DEMANDED: char = '!';

/// Tables, and the names of their columns with a comma between.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shape(pub(crate) BTreeMap<String, String>);

impl Shape {
    /// Returns it as a fact.
    pub(crate) fn fact(&self, name: &str) -> Fact {
        let row = |(table, columns): (&String, &String)| {
            vec![Value::from(table.as_str()), columns.as_str().into()]
        };
        Fact::table(name, self.0.iter().map(row))
    }

    /// Reads it from a fact.
    pub(crate) fn of(facts: Facts<'_>, name: &str) -> Result<Self, Failure> {
        let text = |row: &Vec<Value>, index: usize| {
            row.get(index).and_then(Value::as_text).unwrap_or_default().to_owned()
        };
        Ok(Self(facts.rows(name)?.iter().map(|row| (text(row, 0), text(row, 1))).collect()))
    }

    /// Returns what the version that was made for this shape misses in `after`, in words.
    pub(crate) fn missed_in(&self, after: &Self) -> Vec<String> {
        let mut missed = Vec::new();
        for (table, columns) in &self.0 {
            let Some(now) = after.0.get(table) else {
                missed.push(format!("table {table} is gone"));
                continue;
            };
            let (before, now) = (names(columns), names(now));
            let bare = |name: &str| name.trim_end_matches(DEMANDED).to_owned();
            let had: BTreeSet<String> = before.iter().map(|name| bare(name)).collect();
            let has: BTreeSet<String> = now.iter().map(|name| bare(name)).collect();
            missed
                .extend(had.difference(&has).map(|name| format!("column {table}.{name} is gone")));
            let demanded =
                now.iter().filter(|name| name.ends_with(DEMANDED) && !had.contains(&bare(name)));
            missed.extend(demanded.map(|name| {
                format!(
                    "column {table}.{} is new, and must be written by whoever writes a row",
                    bare(name)
                )
            }));
        }
        missed
    }
}

fn names(columns: &str) -> BTreeSet<&str> {
    columns.split(',').filter(|name| !name.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(tables: &[(&str, &str)]) -> Shape {
        Shape(
            tables
                .iter()
                .map(|(table, columns)| ((*table).to_owned(), (*columns).to_owned()))
                .collect(),
        )
    }

    #[test]
    fn what_is_added_is_not_missed_and_what_is_gone_or_demanded_is() {
        let before = shape(&[("prompts", "id!,name"), ("pricings", "id!"), ("models", "id!")]);
        let after =
            shape(&[("prompts", "id!,label,owner!"), ("models", "id,unit"), ("new", "id!")]);
        assert_eq!(
            before.missed_in(&after),
            [
                "table pricings is gone",
                "column prompts.name is gone",
                "column prompts.owner is new, and must be written by whoever writes a row",
            ]
        );
        assert!(before.missed_in(&before).is_empty());
    }

    #[test]
    fn a_shape_survives_being_recorded() {
        let before = shape(&[("prompts", "id!,name"), ("models", "")]);
        let facts = [before.fact("shape")];
        assert_eq!(Shape::of(Facts(&facts), "shape").unwrap(), before);
        assert!(Shape::of(Facts(&facts), "other").is_err());
    }
}
