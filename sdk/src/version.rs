//! Pieces of which version grammars are made. What a text means is for the plugin that owns the component.

use crate::{Bound, Version};

/// The numbers at the start of a text and what follows them: `7.4.1-alpine` is 7, 4, 1 and `-alpine`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Numbers<'a> {
    /// The numbers, as many as there are dots between them and one more.
    pub numbers: Vec<u64>,
    /// What comes after the last number.
    pub rest: &'a str,
}

/// Splits a text into the numbers that it starts with and the rest.
///
/// None where it does not start with a number, or where one is too large to be a version's.
pub fn numbers(text: &str) -> Option<Numbers<'_>> {
    let mut numbers = Vec::new();
    let mut rest = text;
    loop {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, after) =
            rest.split_at_checked(digits).filter(|_| (1..=9).contains(&digits))?;
        numbers.push(number.parse().ok()?);
        rest = after;
        match after.strip_prefix('.') {
            Some(next) if next.starts_with(|first: char| first.is_ascii_digit()) => rest = next,
            Some(_) | None => return Some(Numbers { numbers, rest }),
        }
    }
}

impl Version {
    /// Returns an exact version that sorts by `order`.
    pub fn exact(text: impl Into<String>, order: &[u64]) -> Self {
        Self { text: text.into(), order: order.to_vec(), floating: false, digest: None }
    }

    /// Returns a tag that moves and has no order.
    pub fn moving(text: impl Into<String>) -> Self {
        Self { text: text.into(), order: Vec::new(), floating: true, digest: None }
    }

    /// Adds the digest of its image.
    #[must_use]
    pub fn at(mut self, digest: Option<String>) -> Self {
        self.digest = digest;
        self
    }
}

impl Bound {
    /// Returns a bound that `component` is this version or newer.
    pub fn at_least(component: &str, version: Version) -> Self {
        Self { component: component.to_owned(), at_least: Some(version), below: None }
    }

    /// Returns a bound that `component` is older than this version.
    pub fn below(component: &str, version: Version) -> Self {
        Self { component: component.to_owned(), at_least: None, below: Some(version) }
    }

    /// Returns a bound that `component` is there, whatever its version.
    pub fn any(component: &str) -> Self {
        Self { component: component.to_owned(), at_least: None, below: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<(&[u64], &str)>) {
        let found = numbers(text);
        assert_eq!(
            found.as_ref().map(|found| (found.numbers.as_slice(), found.rest)),
            expected,
            "{text}"
        );
    }

    #[test]
    fn numbers_end_where_the_text_begins() {
        check("7.4.1-alpine", Some((&[7, 4, 1], "-alpine")));
        check("7", Some((&[7], "")));
        check("7.", Some((&[7], ".")));
        check("1.84.0.post1", Some((&[1, 84, 0], ".post1")));
        check("latest", None);
        check("", None);
        check("12345678901", None);
    }
}
