//! Langfuse's versions: three numbers, which its tags are, and what comes before a release.

use std::fmt;

use lockstep_sdk::Version;
use lockstep_sdk::version::{Numbers, numbers};

/// The first version from which version 3 can be reached.
pub(crate) const LEAVING_2: Release = Release::plain(2, 92, 0);

/// The version to which version 2 is upgraded first: later ones take away what version 2 needs to serve beside them.
pub(crate) const ENTERING_3: Release = Release::plain(3, 29, 0);

/// An exact version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Release {
    /// The major number.
    pub(crate) major: u64,
    /// The minor number.
    pub(crate) minor: u64,
    /// The patch number.
    pub(crate) patch: u64,
    /// Whether it is released, and no candidate of it.
    pub(crate) released: bool,
    /// Which candidate it is; nothing of a release.
    pub(crate) number: u64,
}

/// What a text asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// One version.
    Exact(Release),
    /// Whatever a tag is today: `3`, `latest`.
    Moving,
}

impl Release {
    /// Returns a release that is nothing but its numbers.
    pub(crate) const fn plain(major: u64, minor: u64, patch: u64) -> Self {
        Self { major, minor, patch, released: true, number: 0 }
    }

    /// Reads an exact version, with or without `v`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match Wanted::parse(text)? {
            Wanted::Exact(release) => Some(release),
            Wanted::Moving => None,
        }
    }

    /// Returns it as the contract writes versions.
    pub(crate) fn version(self, digest: Option<String>) -> Version {
        let order = [self.major, self.minor, self.patch, u64::from(self.released), self.number];
        Version::exact(self.to_string(), &order).at(digest)
    }
}

impl fmt::Display for Release {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}.{}", self.major, self.minor, self.patch)?;
        if self.released { Ok(()) } else { write!(out, "-rc.{}", self.number) }
    }
}

impl Wanted {
    /// Reads a version or a tag; none of anything else.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if ["latest", "edge"].contains(&text) {
            return Some(Self::Moving);
        }
        let Numbers { numbers: found, rest } = numbers(text.strip_prefix('v').unwrap_or(text))?;
        let released = rest.is_empty();
        let number = match rest.strip_prefix("-rc.").map(numbers) {
            Some(Some(Numbers { numbers, rest: "" })) if numbers.len() == 1 => {
                numbers.first().copied()?
            }
            None if released => 0,
            Some(_) | None => return None,
        };
        match found.as_slice() {
            [major, minor, patch] => Some(Self::Exact(Release {
                major: *major,
                minor: *minor,
                patch: *patch,
                released,
                number,
            })),
            [_] | [_, _] if released => Some(Self::Moving),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_sort_and_candidates_come_before_their_release() {
        let sorted: Vec<Release> =
            ["2.95.11", "v3.0.0-rc.2", "3.0.0", "3.29.0", "3.170.0", "v3.225.4", "4.0.0"]
                .map(|text| Release::parse(text).unwrap())
                .into();
        assert!(sorted.is_sorted());
        assert_eq!(sorted[1].to_string(), "3.0.0-rc.2");
        assert_eq!(sorted[5].to_string(), "3.225.4");
    }

    #[test]
    fn what_moves_is_no_version_and_what_is_neither_is_nothing() {
        for text in ["3", "3.225", "latest", "v4"] {
            assert_eq!(Wanted::parse(text), Some(Wanted::Moving), "{text}");
        }
        for text in ["", "three", "3.1.2.3", "3.225.4-alpine", "3.0.0-rc", "3.0.0-rc.1.2"] {
            assert_eq!(Wanted::parse(text), None, "{text}");
        }
    }
}
