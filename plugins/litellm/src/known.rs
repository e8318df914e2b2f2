//! What is known of single versions, as data: those that nobody may run, and those whose upgrade went wrong for people.

use crate::version::Release;

/// What is known of one version, whatever was mended in its image afterwards.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    release: Release,
    /// What it is known for.
    pub(crate) reason: &'static str,
    /// Where that is written.
    pub(crate) source: &'static str,
}

const fn of(minor: u64, patch: u64, reason: &'static str, source: &'static str) -> Known {
    Known { release: Release::plain(1, minor, patch), reason, source }
}

/// Versions that are never a target.
const DENIED: [Known; 3] = [
    of(
        78,
        0,
        "it was withdrawn: its memory grows until it is killed",
        "litellm#12685, #15128, #15874",
    ),
    of(82, 7, "its package was published with malicious code in it", "litellm#24512, #24518"),
    of(82, 8, "its package was published with malicious code in it", "litellm#24512, #24518"),
];

/// Versions that the operator should read about first.
const REVIEWED: [Known; 6] = [
    of(76, 1, "a column of MCP servers was missing after the upgrade", "litellm#14591"),
    of(82, 3, "its migration ran out of time while the service looked healthy", "litellm#23976"),
    of(83, 5, "the list of models was empty after the upgrade", "litellm#26407"),
    of(89, 2, "it is slower than the versions before", "litellm-docs#389"),
    of(89, 3, "it is slower than the versions before", "litellm-docs#389"),
    of(
        92,
        0,
        "a column was missing after the upgrade; people went back to 1.91.3",
        "litellm#33074",
    ),
];

/// Returns why a version may not be a target, if it may not.
pub(crate) fn denied(release: Release) -> Option<&'static Known> {
    DENIED.iter().find(|known| known.release.same_numbers(release))
}

/// Returns what is to be read about a version first, if anything is.
pub(crate) fn reviewed(release: Release) -> Option<&'static Known> {
    REVIEWED.iter().find(|known| known.release.same_numbers(release))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_denied_under_each_of_its_tags() {
        for tag in
            ["1.82.7", "v1.82.7-stable", "v1.82.7-stable.patch.1", "1.82.8", "main-v1.78.0-stable"]
        {
            assert!(denied(Release::parse(tag).unwrap()).is_some(), "{tag}");
        }
        assert!(denied(Release::parse("1.82.6").unwrap()).is_none());
        assert!(reviewed(Release::parse("1.92.0").unwrap()).is_some());
    }
}
