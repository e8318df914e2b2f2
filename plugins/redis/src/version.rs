//! The grammar of Redis versions and tags, and the data formats that versions write.

use std::fmt;

use lockstep_sdk::version::{Numbers, numbers};
use lockstep_sdk::{Version, image};

/// Versions by minor: what their RDB format is called, and a patch from which to look for the newest one.
///
/// A server refuses a format newer than its own, so data only goes up this table.
const LINES: [Line; 6] = [
    Line { major: 6, minor: 0, rdb: 9, patch: 20 },
    Line { major: 6, minor: 2, rdb: 9, patch: 20 },
    Line { major: 7, minor: 0, rdb: 10, patch: 15 },
    Line { major: 7, minor: 2, rdb: 11, patch: 11 },
    Line { major: 7, minor: 4, rdb: 12, patch: 6 },
    Line { major: 8, minor: 0, rdb: 12, patch: 4 },
];

/// What is known of one minor version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// The major number.
    pub(crate) major: u64,
    /// The minor number.
    pub(crate) minor: u64,
    /// The newest RDB format that it reads, and the one that it writes.
    pub(crate) rdb: u32,
    /// A patch near the newest one when this was written; never trusted without asking the registry.
    pub(crate) patch: u64,
}

impl Line {
    /// Returns the patch near the newest one.
    pub(crate) const fn near(&self) -> Exact {
        Exact { major: self.major, minor: self.minor, patch: self.patch }
    }
}

/// Returns what is known of a minor version.
pub(crate) fn line(major: u64, minor: u64) -> Option<&'static Line> {
    LINES.iter().find(|line| line.major == major && line.minor == minor)
}

/// Returns the known minor versions of a major one, newest first.
pub(crate) fn lines_of(major: u64) -> impl Iterator<Item = &'static Line> {
    LINES.iter().rev().filter(move |line| line.major == major)
}

/// An exact version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Exact {
    /// The major number.
    pub(crate) major: u64,
    /// The minor number.
    pub(crate) minor: u64,
    /// The patch number.
    pub(crate) patch: u64,
}

impl Exact {
    /// Reads `7.2.4`, and nothing more or less.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match numbers(text)? {
            Numbers { numbers, rest: "" } => Self::of(&numbers),
            Numbers { .. } => None,
        }
    }

    fn of(numbers: &[u64]) -> Option<Self> {
        let [major, minor, patch] = *numbers else { return None };
        Some(Self { major, minor, patch })
    }

    /// Returns whether both are of one minor version.
    pub(crate) const fn same_minor(self, other: Self) -> bool {
        self.major == other.major && self.minor == other.minor
    }

    /// Returns the RDB format that it writes, if it is known.
    pub(crate) fn rdb(self) -> Option<u32> {
        line(self.major, self.minor).map(|line| line.rdb)
    }

    /// Returns it as the contract writes versions.
    pub(crate) fn version(self, digest: Option<String>) -> Version {
        Version::exact(self.to_string(), &[self.major, self.minor, self.patch]).at(digest)
    }
}

impl fmt::Display for Exact {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// What an operator, or a tag, asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// One version of the official image, with the base image that the tag names (`-alpine`), if it names one.
    Exact {
        /// The version.
        version: Exact,
        /// Empty, or a hyphen and the base image.
        base: String,
        /// The digest, if one was given.
        digest: Option<String>,
    },
    /// A tag that moves within a major or minor version.
    Moving {
        /// One or two numbers.
        numbers: Vec<u64>,
        /// Empty, or a hyphen and the base image.
        base: String,
    },
    /// A tag of Bitnami's image: `7.2.5-debian-12-r0`.
    Bitnami(Exact),
}

/// A text that is no version, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NoVersion {
    /// It moves without bound.
    Latest(String),
    /// It is a version that is not meant for use yet.
    Unreleased(String),
    /// It is of no known form.
    Unknown(String),
}

impl Wanted {
    /// Reads a version or tag.
    pub(crate) fn parse(text: &str) -> Result<Self, NoVersion> {
        let unknown = || NoVersion::Unknown(text.to_owned());
        let (tag, digest) = match text.split_once('@') {
            Some((tag, digest)) if image::is_digest(digest) => (tag, Some(digest.to_owned())),
            Some(_) => return Err(unknown()),
            None => (text, None),
        };
        if tag == "latest" || is_base(tag) {
            return Err(NoVersion::Latest(text.to_owned()));
        }
        let Numbers { numbers, rest } = numbers(tag).ok_or_else(unknown)?;
        let word = rest.strip_prefix('-').unwrap_or(rest);
        if ["rc", "m", "alpha", "beta", "dev", "nightly"].iter().any(|early| is_early(word, early))
        {
            return Err(NoVersion::Unreleased(text.to_owned()));
        }
        let exact = Exact::of(&numbers);
        if let Some(version) = exact.filter(|_| word.starts_with("debian-")) {
            return Ok(Self::Bitnami(version));
        }
        if !(rest.is_empty() || rest.starts_with('-') && is_base(word)) {
            return Err(unknown());
        }
        match (exact, numbers.len()) {
            (Some(version), _) => Ok(Self::Exact { version, base: rest.to_owned(), digest }),
            (None, 1 | 2) if digest.is_none() => {
                Ok(Self::Moving { numbers, base: rest.to_owned() })
            }
            (None, _) => Err(unknown()),
        }
    }
}

/// Returns whether a word names a base image that the official image is published on.
fn is_base(word: &str) -> bool {
    let debian = ["trixie", "bookworm", "bullseye", "buster"].contains(&word);
    let alpine = word.strip_prefix("alpine").is_some_and(|release| {
        release.is_empty()
            || numbers(release)
                .is_some_and(|found| found.rest.is_empty() && found.numbers.len() == 2)
    });
    debian || alpine
}

fn is_early(word: &str, early: &str) -> bool {
    word.strip_prefix(early).is_some_and(|rest| {
        rest.chars().next().is_none_or(|next| next.is_ascii_digit() || next == '.')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn exact(text: &str, numbers: [u64; 3], base: &str) {
        let [major, minor, patch] = numbers;
        let wanted = Wanted::Exact {
            version: Exact { major, minor, patch },
            base: base.to_owned(),
            digest: None,
        };
        assert_eq!(Wanted::parse(text), Ok(wanted), "{text}");
    }

    #[test]
    fn every_form_of_the_stack_is_understood() {
        exact("7.2.4", [7, 2, 4], "");
        exact("7.4.1-alpine", [7, 4, 1], "-alpine");
        exact("7.4.1-alpine3.20", [7, 4, 1], "-alpine3.20");
        exact("7.0.15-bookworm", [7, 0, 15], "-bookworm");
        assert_eq!(
            Wanted::parse("7.2.5-debian-12-r0"),
            Ok(Wanted::Bitnami(Exact { major: 7, minor: 2, patch: 5 }))
        );
        assert_eq!(
            Wanted::parse("7"),
            Ok(Wanted::Moving { numbers: vec![7], base: String::new() })
        );
        assert_eq!(
            Wanted::parse("7.2-alpine"),
            Ok(Wanted::Moving { numbers: vec![7, 2], base: "-alpine".to_owned() })
        );
    }

    #[test]
    fn a_digest_may_be_given_with_an_exact_version_only() {
        let digest = format!("sha256:{}", "b".repeat(64));
        let given = Wanted::parse(&format!("7.2.4@{digest}"));
        assert!(matches!(given, Ok(Wanted::Exact { digest: Some(found), .. }) if found == digest));
        assert!(Wanted::parse(&format!("7@{digest}")).is_err());
        assert!(Wanted::parse("7.2.4@sha256:12").is_err());
    }

    #[test]
    fn what_is_not_a_version_says_why() {
        for text in ["latest", "alpine", "bookworm"] {
            assert_eq!(Wanted::parse(text), Err(NoVersion::Latest(text.to_owned())), "{text}");
        }
        for text in ["8.0-rc1", "8.0.0-rc1", "8.2-m01", "7.4.0-beta"] {
            assert_eq!(Wanted::parse(text), Err(NoVersion::Unreleased(text.to_owned())), "{text}");
        }
        for text in
            ["", "v7.2.4", "7.2.4-windows", "7.2.4.1", "newest", "7.2.", "7.2.4-", "7.2.4-alpinex"]
        {
            assert_eq!(Wanted::parse(text), Err(NoVersion::Unknown(text.to_owned())), "{text}");
        }
    }

    #[test]
    fn data_formats_only_go_up() {
        assert!(LINES.is_sorted_by_key(|line| (line.major, line.minor)));
        assert!(LINES.is_sorted_by_key(|line| line.rdb));
        assert_eq!(Exact { major: 7, minor: 2, patch: 1 }.rdb(), Some(11));
        assert_eq!(Exact { major: 9, minor: 0, patch: 0 }.rdb(), None);
    }
}
