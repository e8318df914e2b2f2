//! Names and texts as they stand in SQL.

use std::fmt;

/// A name in double quotes: mixed case, dots and quotes in it mean nothing.
#[derive(Clone, Copy, Debug)]
pub struct Ident<'a>(pub &'a str);

impl fmt::Display for Ident<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "\"{}\"", self.0.replace('"', "\"\""))
    }
}

/// A text in single quotes. Sessions of the host take backslashes as they are.
#[derive(Clone, Copy, Debug)]
pub struct Literal<'a>(pub &'a str);

impl fmt::Display for Literal<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "'{}'", self.0.replace('\'', "''"))
    }
}

/// A table's whole name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TableName {
    /// The schema.
    pub schema: String,
    /// The table.
    pub table: String,
}

impl TableName {
    /// Returns the table of the host's own canaries.
    pub fn of_canaries() -> Self {
        Self { schema: "lockstep".to_owned(), table: "canary".to_owned() }
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}", Ident(&self.schema), Ident(&self.table))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_texts_end_where_they_should() {
        let name = TableName { schema: "public".to_owned(), table: "LiteLLM_\"x".to_owned() };
        assert_eq!(name.to_string(), "\"public\".\"LiteLLM_\"\"x\"");
        assert_eq!(Literal("it's").to_string(), "'it''s'");
    }
}
