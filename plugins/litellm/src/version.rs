//! The grammar of LiteLLM's versions and tags, and how versions sort.
//!
//! Until 1.83 a release was called `main-v1.74.9-stable`, which by the rules of `SemVer` would be a pre-release of 1.74.9; from
//! 1.84 on plain numbers are published. `stable` says nothing here, `.patch.N` and `.postN` come after the release, and `rc`,
//! `dev` and `nightly` before it.

use std::fmt;

use lockstep_sdk::Version;

use crate::tag::Wanted;

/// From which version on the readiness path tells no version and answers 503 without a database.
pub(crate) const NEW_CONTRACT: Release = Release::plain(1, 84, 0);

/// The first version that keeps a history of its migrations.
pub(crate) const FIRST: Release = Release::plain(1, 65, 0);

/// What a release is, in the order in which they come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// `dev`.
    Development,
    /// `nightly`.
    Nightly,
    /// `alpha`.
    Alpha,
    /// `beta`.
    Beta,
    /// `rc`.
    Candidate,
    /// The release itself.
    Released,
    /// `-stable.patch.N`.
    Patched,
    /// `.postN`.
    Post,
}

impl Stage {
    /// Words for stages, as tags write them.
    pub(crate) const NAMED: [(&'static str, Self); 7] = [
        ("dev", Self::Development),
        ("nightly", Self::Nightly),
        ("alpha", Self::Alpha),
        ("beta", Self::Beta),
        ("rc", Self::Candidate),
        ("patch", Self::Patched),
        ("post", Self::Post),
    ];

    const fn order(self) -> u64 {
        self as u64
    }
}

/// An exact version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Release {
    /// The major number.
    pub(crate) major: u64,
    /// The minor number.
    pub(crate) minor: u64,
    /// The patch number.
    pub(crate) patch: u64,
    /// What it is.
    pub(crate) stage: Stage,
    /// Which of its stage.
    pub(crate) number: u64,
}

impl Release {
    /// Returns a release that is nothing but its numbers.
    pub(crate) const fn plain(major: u64, minor: u64, patch: u64) -> Self {
        Self { major, minor, patch, stage: Stage::Released, number: 0 }
    }

    /// Reads an exact version in any of its spellings.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match Wanted::parse(text) {
            Ok(Wanted::Exact { release, digest: None, .. }) => Some(release),
            Ok(Wanted::Exact { .. } | Wanted::Partial(_) | Wanted::Moving(_)) | Err(_) => None,
        }
    }

    /// Returns whether it is not meant for use yet.
    pub(crate) fn is_early(self) -> bool {
        self.stage < Stage::Released
    }

    /// Returns whether both are the same release, whatever was mended in it afterwards.
    pub(crate) const fn same_numbers(self, other: Self) -> bool {
        self.major == other.major && self.minor == other.minor && self.patch == other.patch
    }

    /// Returns whether a proxy that tells `told` may be this version: what was mended in an image afterwards is not told.
    pub(crate) fn may_tell(self, told: Self) -> bool {
        self == told || self.same_numbers(told) && told.stage == Stage::Released && !self.is_early()
    }

    /// Returns whether it answers by the readiness contract that came with 1.84.
    pub(crate) fn is_new_contract(self) -> bool {
        (self.major, self.minor) >= (NEW_CONTRACT.major, NEW_CONTRACT.minor)
    }

    /// Returns the path that Railway is to ask whether a deployment is up. Until 1.83 both paths always answered 200.
    pub(crate) fn health_path(self) -> &'static str {
        if self.is_new_contract() { "/health/readiness" } else { "/health/liveliness" }
    }

    /// Returns the tags under which it may be published, the likeliest first.
    pub(crate) fn tags(self) -> Vec<String> {
        let numbers = format!("{}.{}.{}", self.major, self.minor, self.patch);
        let suffixes = match self.stage {
            Stage::Released => vec![String::new()],
            Stage::Patched => vec![format!("-stable.patch.{}", self.number)],
            Stage::Post => vec![format!(".post{}", self.number), format!("-post.{}", self.number)],
            Stage::Nightly if self.number == 0 => vec!["-nightly".to_owned()],
            Stage::Development | Stage::Nightly | Stage::Alpha | Stage::Beta | Stage::Candidate => {
                let word = self.word();
                vec![format!("-{word}.{}", self.number), format!(".{word}.{}", self.number)]
            }
        };
        let plain =
            suffixes.iter().flat_map(|it| [format!("{numbers}{it}"), format!("v{numbers}{it}")]);
        let older = suffixes.iter().flat_map(|it| {
            let it = if self.stage == Stage::Released { "-stable" } else { it.as_str() };
            [format!("main-v{numbers}{it}"), format!("v{numbers}{it}")]
        });
        let mut tags: Vec<String> = if self.is_new_contract() {
            plain.chain(older).collect()
        } else {
            older.chain(plain).collect()
        };
        let mut seen = Vec::new();
        tags.retain(|tag| {
            !seen.contains(tag) && {
                seen.push(tag.clone());
                true
            }
        });
        tags
    }

    /// Returns it as the contract writes versions. A bound of three numbers holds for every stage of that release.
    pub(crate) fn version(self, digest: Option<String>) -> Version {
        let order = [self.major, self.minor, self.patch, self.stage.order(), self.number];
        Version::exact(self.to_string(), &order).at(digest)
    }

    fn word(self) -> &'static str {
        Stage::NAMED.iter().find(|(_, stage)| *stage == self.stage).map_or("", |(word, _)| word)
    }
}

impl fmt::Display for Release {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { major, minor, patch, stage, number } = self;
        write!(out, "{major}.{minor}.{patch}")?;
        match stage {
            Stage::Released => Ok(()),
            Stage::Patched => write!(out, "-stable.patch.{number}"),
            Stage::Post => write!(out, ".post{number}"),
            Stage::Development | Stage::Nightly | Stage::Alpha | Stage::Beta | Stage::Candidate => {
                write!(out, "-{}.{number}", self.word())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exact(text: &str) -> Release {
        match Wanted::parse(text) {
            Ok(Wanted::Exact { release, .. }) => release,
            other => panic!("{text}: {other:?}"),
        }
    }

    /// Tags in the order of what they are; those of one line are one version.
    const ORDERED: [&[&str]; 14] = [
        &["main-v1.65.0-stable", "v1.65.0-stable", "1.65.0"],
        &["main-v1.74.9-stable"],
        &["v1.83.0-dev.42", "v1.83.0.dev42"],
        &["v1.83.3-nightly"],
        &["v1.83.3.rc.1", "v1.83.3-rc.1", "1.83.3-rc1"],
        &["1.83.3-rc.2"],
        &["v1.83.3-stable", "1.83.3", "v1.83.3", "main-v1.83.3-stable"],
        &["v1.83.3-stable.patch.1"],
        &["v1.83.3-stable.patch.2"],
        &["v1.83.3-stable.patch.10"],
        &["1.84.0-rc.1", "1.84.0rc1"],
        &["1.84.0", "v1.84.0"],
        &["1.84.0.post1", "v1.84.0-post.1"],
        &["1.84.1"],
    ];

    #[test]
    fn versions_sort_as_they_were_made() {
        for (place, same) in ORDERED.iter().enumerate() {
            for tag in *same {
                for (other, those) in ORDERED.iter().enumerate() {
                    for than in *those {
                        assert_eq!(
                            exact(tag).cmp(&exact(than)),
                            place.cmp(&other),
                            "{tag} and {than}"
                        );
                        let order = |text: &str| exact(text).version(None).order;
                        assert_eq!(
                            order(tag).cmp(&order(than)),
                            place.cmp(&other),
                            "{tag} and {than}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_written_is_read_as_the_same_version_under_each_of_its_tags() {
        let stages = [
            (Stage::Released, 0),
            (Stage::Development, 42),
            (Stage::Nightly, 0),
            (Stage::Alpha, 1),
            (Stage::Beta, 3),
            (Stage::Candidate, 1),
            (Stage::Patched, 2),
            (Stage::Post, 1),
        ];
        for (minor, patch) in [(65, 0), (83, 14), (84, 0), (106, 2)] {
            for (stage, number) in stages {
                let release = Release { major: 1, minor, patch, stage, number };
                assert_eq!(Release::parse(&release.to_string()), Some(release), "{release}");
                let tags = release.tags();
                assert!(!tags.is_empty());
                for (place, tag) in tags.iter().enumerate() {
                    assert_eq!(Release::parse(tag), Some(release), "{tag}");
                    assert!(!tags[..place].contains(tag), "{tag} twice");
                }
            }
        }
    }

    #[test]
    fn the_likeliest_tag_comes_first() {
        assert_eq!(exact("1.84.0").tags()[0], "1.84.0");
        assert_eq!(exact("1.80.0").tags()[0], "main-v1.80.0-stable");
        assert!(exact("1.106.2").tags().contains(&"main-v1.106.2-stable".to_owned()));
        assert_eq!(exact("v1.83.3-stable.patch.2").tags()[0], "main-v1.83.3-stable.patch.2");
    }

    #[test]
    fn a_proxy_tells_its_release_and_not_what_was_mended_in_its_image() {
        let may = |tag: &str, told: &str| exact(tag).may_tell(exact(told));
        assert!(may("v1.83.3-stable.patch.2", "1.83.3") && may("main-v1.83.3-stable", "1.83.3"));
        assert!(may("1.84.0-rc.1", "1.84.0rc1") && may("1.84.0.post1", "1.84.0"));
        assert!(!may("1.84.0-rc.1", "1.84.0") && !may("1.84.1", "1.84.0"));
        assert!(!may("1.84.0", "1.84.0.post1"));
    }

    #[test]
    fn the_contract_of_the_readiness_path_changes_with_1_84() {
        assert_eq!(exact("v1.83.3-stable.patch.2").health_path(), "/health/liveliness");
        for text in ["1.84.0-rc.1", "1.84.0", "1.106.2", "2.0.0"] {
            assert_eq!(exact(text).health_path(), "/health/readiness", "{text}");
        }
        assert!(exact("1.84.0-rc.1").is_early() && !exact("1.84.0.post1").is_early());
    }
}
