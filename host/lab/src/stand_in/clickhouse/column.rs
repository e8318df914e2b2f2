//! A column's type in ClickHouse, and what SQLite makes of it.

use crate::identity;

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: String,
    /// Its type, as ClickHouse writes it.
    pub(super) kind: String,
    /// The constant that stands for a value that is not given, in SQL; none where the type has its own.
    pub(super) default: Option<String>,
}

/// How SQLite keeps a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    Integer,
    Real,
    /// An array or a map, as JSON.
    Json,
    Text,
}

impl Column {
    pub(super) fn kept(&self) -> Kept {
        kept(&self.kind)
    }

    /// The type that SQLite is told: it chooses by the letters in it how values are kept, and tells it again with each result.
    pub(super) fn declared(&self) -> String {
        let kept = match self.kept() {
            Kept::Integer => "INTEGER",
            Kept::Real => "REAL",
            Kept::Json | Kept::Text => "TEXT",
        };
        format!("{kept}_x{}", identity::digits(self.kind.as_bytes()))
    }

    /// What stands for a value that is not given, in SQL.
    pub(super) fn absent(&self) -> String {
        if let Some(default) = &self.default {
            return default.clone();
        }
        let inner = self.kind.strip_prefix("LowCardinality(").unwrap_or(&self.kind);
        if inner.starts_with("Nullable(") {
            return "NULL".to_owned();
        }
        match self.kept() {
            Kept::Integer | Kept::Real => "0".to_owned(),
            Kept::Json if inner.starts_with("Map(") => "'{}'".to_owned(),
            Kept::Json => "'[]'".to_owned(),
            Kept::Text if inner.starts_with("Date") => "'1970-01-01 00:00:00'".to_owned(),
            Kept::Text => "''".to_owned(),
        }
    }
}

/// The type that [`Column::declared`] told SQLite, or nothing where the result is no column.
pub(super) fn kind_of(declared: Option<&str>) -> Option<String> {
    let (_, digits) = declared?.split_once("_x")?;
    let bytes: Option<Vec<u8>> = (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok())
        .collect();
    String::from_utf8(bytes?).ok()
}

/// How SQLite keeps values of a type.
pub(super) fn kept(kind: &str) -> Kept {
    let mut inner = kind;
    for around in ["LowCardinality(", "Nullable("] {
        inner = inner.strip_prefix(around).unwrap_or(inner);
    }
    if inner.starts_with("UInt") || inner.starts_with("Int") || inner.starts_with("Bool") {
        Kept::Integer
    } else if inner.starts_with("Float") || inner.starts_with("Decimal") {
        Kept::Real
    } else if inner.starts_with("Array(") || inner.starts_with("Map(") {
        Kept::Json
    } else {
        Kept::Text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(kind: &str, kept: Kept, absent: &str) {
        let column = Column { name: "c".to_owned(), kind: kind.to_owned(), default: None };
        assert_eq!((column.kept(), column.absent().as_str()), (kept, absent));
        assert_eq!(kind_of(Some(&column.declared())).as_deref(), Some(kind));
    }

    #[test]
    fn a_type_is_kept_as_it_is_written_and_has_a_value_for_what_is_absent() {
        check("UInt8", Kept::Integer, "0");
        check("Nullable(UInt64)", Kept::Integer, "NULL");
        check("LowCardinality(Nullable(String))", Kept::Text, "NULL");
        check("LowCardinality(String)", Kept::Text, "''");
        check("Map(LowCardinality(String), UInt64)", Kept::Json, "'{}'");
        check("Array(String)", Kept::Json, "'[]'");
        check("DateTime64(3)", Kept::Text, "'1970-01-01 00:00:00'");
        check("Point", Kept::Text, "''");
    }
}
