//! Facts: making small tables and reading them back by name and type.

use crate::failure::MissingFact;
use crate::{Fact, Value};

impl Fact {
    /// Returns a fact of one value.
    pub fn one(name: &str, value: impl Into<Value>) -> Self {
        Self { name: name.to_owned(), rows: vec![vec![value.into()]] }
    }

    /// Returns a fact of several rows.
    pub fn table(name: &str, rows: impl IntoIterator<Item = Vec<Value>>) -> Self {
        Self { name: name.to_owned(), rows: rows.into_iter().collect() }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Boolean(truth)
    }
}

impl From<u64> for Value {
    /// Counts beyond what a signed number holds are kept as decimals, so nothing wraps.
    fn from(count: u64) -> Self {
        i64::try_from(count)
            .map_or_else(|_too_large| Self::Decimal(count.to_string()), Self::Integer)
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl Value {
    /// Returns the text, if it is text.
    pub fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// Returns the count, if it is a number that is not negative.
    pub fn as_count(&self) -> Option<u64> {
        match self {
            Self::Integer(number) => u64::try_from(*number).ok(),
            Self::Decimal(text) => text.parse().ok(),
            Self::Null
            | Self::Boolean(_)
            | Self::Real(_)
            | Self::Text(_)
            | Self::Bytes(_)
            | Self::Moment(_)
            | Self::Sealed(_)
            | Self::Other(_) => None,
        }
    }

    /// Returns the truth value, if it is one.
    pub const fn as_truth(&self) -> Option<bool> {
        if let Self::Boolean(truth) = self { Some(*truth) } else { None }
    }
}

/// The facts of a call, read by name. Of two facts with one name the later one counts: it is the step's own.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a>(pub &'a [Fact]);

impl<'a> Facts<'a> {
    /// Returns the rows of a fact.
    pub fn rows(self, name: &str) -> Result<&'a [Vec<Value>], MissingFact> {
        self.find(name).map(|fact| fact.rows.as_slice()).ok_or_else(|| MissingFact(name.to_owned()))
    }

    /// Returns a fact that is one text.
    pub fn text(self, name: &str) -> Result<&'a str, MissingFact> {
        self.value(name)?.as_text().ok_or_else(|| MissingFact(name.to_owned()))
    }

    /// Returns a fact that is one count.
    pub fn count(self, name: &str) -> Result<u64, MissingFact> {
        self.value(name)?.as_count().ok_or_else(|| MissingFact(name.to_owned()))
    }

    /// Returns a fact that is one count, or none where there is no such fact or its value is null.
    pub fn maybe_count(self, name: &str) -> Option<u64> {
        self.value(name).ok()?.as_count()
    }

    /// Returns a fact that is one text, or none where there is no such fact or its value is null.
    pub fn maybe_text(self, name: &str) -> Option<&'a str> {
        self.value(name).ok()?.as_text()
    }

    /// Returns whether there is such a fact.
    pub fn has(self, name: &str) -> bool {
        self.find(name).is_some()
    }

    fn find(self, name: &str) -> Option<&'a Fact> {
        self.0.iter().rev().find(|fact| fact.name == name)
    }

    fn value(self, name: &str) -> Result<&'a Value, MissingFact> {
        self.rows(name)?
            .first()
            .and_then(|row| row.first())
            .ok_or_else(|| MissingFact(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_later_of_two_facts_with_one_name_counts() {
        let facts =
            [Fact::one("keys", 3_u64), Fact::one("keys", 4_u64), Fact::one("role", "master")];
        assert_eq!(Facts(&facts).count("keys"), Ok(4));
        assert_eq!(Facts(&facts).text("role"), Ok("master"));
        assert!(Facts(&facts).text("keys").is_err());
        assert!(Facts(&facts).count("absent").is_err());
    }
}
