//! What an operator typed, or what an image is tagged with, read as a version.

use lockstep_sdk::image;
use lockstep_sdk::version::{Numbers, numbers};

use crate::version::{Release, Stage};

/// What an operator, or a tag, asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// One version.
    Exact {
        /// The version.
        release: Release,
        /// As it was written, without the digest.
        tag: String,
        /// The digest, if one was given.
        digest: Option<String>,
    },
    /// A tag that moves within a major or minor version.
    Partial(Vec<u64>),
    /// A tag that moves without bound: `main-stable`.
    Moving(String),
}

/// A text that is no version of LiteLLM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NoVersion(pub(crate) String);

impl Wanted {
    /// Reads a version or a tag.
    pub(crate) fn parse(text: &str) -> Result<Self, NoVersion> {
        let unknown = || NoVersion(text.to_owned());
        let (tag, digest) = match text.split_once('@') {
            Some((tag, digest)) if image::is_digest(digest) => (tag, Some(digest.to_owned())),
            Some(_) => return Err(unknown()),
            None => (text, None),
        };
        if ["latest", "stable", "main", "main-stable", "main-latest", "main-nightly"].contains(&tag)
        {
            return if digest.is_none() {
                Ok(Self::Moving(tag.to_owned()))
            } else {
                Err(unknown())
            };
        }
        // `main-` stands only before a `v`.
        let plain = match tag.strip_prefix("main-") {
            Some(rest) => rest.strip_prefix('v').ok_or_else(unknown)?,
            None => tag.strip_prefix('v').unwrap_or(tag),
        };
        let Numbers { numbers, rest } = numbers(plain).ok_or_else(unknown)?;
        let (stage, number) = suffix(rest).ok_or_else(unknown)?;
        match numbers.as_slice() {
            [major, minor, patch] => {
                let (major, minor, patch) = (*major, *minor, *patch);
                let release = Release { major, minor, patch, stage, number };
                Ok(Self::Exact { release, tag: tag.to_owned(), digest })
            }
            [_] | [_, _] if rest.is_empty() && digest.is_none() => Ok(Self::Partial(numbers)),
            _ => Err(unknown()),
        }
    }
}

/// Reads what follows the numbers: words and their numbers between hyphens and dots.
fn suffix(rest: &str) -> Option<(Stage, u64)> {
    if rest.is_empty() {
        return Some((Stage::Released, 0));
    }
    // The running proxy tells its package's version, which Python writes without a hyphen: `1.84.0rc1`.
    let rest = rest.strip_prefix(['-', '.']).unwrap_or(rest);
    let mut words = rest.split(['-', '.']).peekable();
    words.next_if_eq(&"stable");
    let Some(word) = words.next() else { return Some((Stage::Released, 0)) };
    let digits = word.trim_start_matches(|letter: char| !letter.is_ascii_digit());
    let name = word.strip_suffix(digits).filter(|_| !digits.is_empty()).unwrap_or(word);
    let (_, stage) = Stage::NAMED.iter().find(|(known, _)| *known == name)?;
    let number = if digits.is_empty() { words.next() } else { Some(digits) };
    let number = match number {
        None if *stage == Stage::Nightly => 0,
        None => return None,
        Some(number) => whole(number)?,
    };
    words.next().is_none().then_some((*stage, number))
}

fn whole(text: &str) -> Option<u64> {
    match numbers(text)? {
        Numbers { numbers, rest: "" } => numbers.first().copied().filter(|_| numbers.len() == 1),
        Numbers { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_that_move_have_no_order() {
        for text in ["main-stable", "main-latest", "latest", "stable"] {
            assert_eq!(Wanted::parse(text), Ok(Wanted::Moving(text.to_owned())), "{text}");
        }
        assert_eq!(Wanted::parse("1.84"), Ok(Wanted::Partial(vec![1, 84])));
        assert_eq!(Wanted::parse("v1"), Ok(Wanted::Partial(vec![1])));
        assert_eq!(Release::parse("main-stable"), None);
    }

    #[test]
    fn a_digest_may_be_given_with_an_exact_version_only() {
        let digest = format!("sha256:{}", "b".repeat(64));
        let given = Wanted::parse(&format!("v1.83.3-stable@{digest}"));
        assert!(matches!(given, Ok(Wanted::Exact { digest: Some(found), .. }) if found == digest));
        for text in ["main-stable", "1.84", "1"] {
            assert!(Wanted::parse(&format!("{text}@{digest}")).is_err(), "{text}");
        }
        assert!(Wanted::parse("1.84.0@sha256:12").is_err());
    }

    #[test]
    fn what_is_no_version_is_none() {
        for text in [
            "",
            "newest",
            "main-1.84.0",
            "1.84.0-",
            "1.84.0-windows",
            "1.84.0.1",
            "1.84.0-stable.patch",
            "1.84.0-rc",
            "1.84.0-rc.x",
            "1.84.0-rc.1.2",
            "1.84.0-stable.stable",
            "vv1.84.0",
            "1.84-stable",
            "v",
            "main-v",
            "1.84.0-99999999999",
            "1.84.0 ",
            "1.84.0-patch.1.post.1",
        ] {
            assert_eq!(Wanted::parse(text), Err(NoVersion(text.to_owned())), "{text}");
        }
    }
}
