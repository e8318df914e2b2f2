//! Which path leads from what runs to what is wanted.

use lockstep_sdk::Finding;
use lockstep_sdk::image::Image;

use crate::target::Goal;
use crate::version::Exact;

/// Whose image runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lineage {
    /// Docker's official image.
    Official,
    /// Bitnami's, under whichever of its two names.
    Bitnami,
}

impl Lineage {
    /// Tells whose image it is.
    pub(crate) fn of(image: &Image) -> Option<Self> {
        match image.repository.as_str() {
            "redis" => Some(Self::Official),
            "bitnami/redis" | "bitnamilegacy/redis" => Some(Self::Bitnami),
            _ => None,
        }
    }
}

/// A way from one image to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Path {
    /// It runs already.
    Nothing,
    /// The same data format: another patch, or other bytes of the same version. Goes back without loss.
    Patch,
    /// From Bitnami's image to the official one of the same minor version, on the same volume. Goes back without loss.
    Migrate,
    /// To a newer minor version. Goes back to the volume as it was before the new server first started.
    VersionStep,
}

/// Chooses the path, or says why there is none.
pub(crate) fn choose(
    lineage: Lineage,
    current: Exact,
    running: &str,
    goal: &Goal,
) -> Result<Path, Box<Finding>> {
    let wanted = goal.version;
    if current < (Exact { major: 6, minor: 2, patch: 0 }) {
        return Err(Finding::refusal("path", format!("{current} is too old to upgrade from"))
            .evidence("the oldest version that is supported as a source is 6.2")
            .remedy("bring it to 6.2 first")
            .into());
    }
    if wanted < current {
        return Err(downgrade(current, wanted).into());
    }
    match lineage {
        Lineage::Official if wanted == current && goal.digest == running => Ok(Path::Nothing),
        Lineage::Official if wanted.same_minor(current) => Ok(Path::Patch),
        Lineage::Official => Ok(Path::VersionStep),
        Lineage::Bitnami if wanted.same_minor(current) => Ok(Path::Migrate),
        Lineage::Bitnami => Err(Finding::refusal(
            "path",
            format!("from Bitnami's {current} to the official {wanted} is two upgrades, and only the first goes back without loss"),
        )
        .evidence("another image, another folder, another user and another data format at once")
        .remedy(format!(
            "move to the official image of {}.{} first: `lockstep plan redis@{current}`, or without a version for its newest patch",
            current.major, current.minor
        ))
        .into()),
    }
}

fn downgrade(current: Exact, wanted: Exact) -> Finding {
    let refusal = Finding::refusal("path", format!("{wanted} is older than {current}, which runs"));
    match (current.rdb(), wanted.rdb()) {
        (now, then) if now.is_some() && now == then || wanted.same_minor(current) => refusal
            .evidence("the data format is the same, but mended faults would come back")
            .remedy("to undo an upgrade of Lockstep's, roll its run back"),
        _ => refusal
            .evidence(format!(
                "the data is in RDB format {}, and {wanted} reads up to {}: with the append-only file on it would start empty, without an error",
                current.rdb().map_or_else(|| "unknown".to_owned(), |rdb| rdb.to_string()),
                wanted.rdb().map_or_else(|| "unknown".to_owned(), |rdb| rdb.to_string()),
            ))
            .remedy("the only way back is the volume as it was before the newer version first started"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn goal(text: &str, digest: &str) -> Goal {
        let version = Exact::parse(text).unwrap();
        Goal {
            version,
            image: Image::parse(&format!("redis:{text}")).unwrap(),
            digest: digest.to_owned(),
        }
    }

    fn chosen(
        lineage: Lineage,
        current: &str,
        wanted: &str,
        digest: &str,
    ) -> Result<Path, Box<Finding>> {
        choose(lineage, Exact::parse(current).unwrap(), "sha256:running", &goal(wanted, digest))
    }

    #[test]
    fn each_pair_has_its_path() {
        use Lineage::{Bitnami, Official};
        for (lineage, current, wanted, digest, path) in [
            (Official, "7.2.4", "7.2.4", "sha256:running", Path::Nothing),
            (Official, "7.2.4", "7.2.4", "sha256:rebuilt", Path::Patch),
            (Official, "7.2.4", "7.2.11", "sha256:x", Path::Patch),
            (Official, "6.2.14", "7.0.15", "sha256:x", Path::VersionStep),
            (Official, "7.2.4", "7.4.1", "sha256:x", Path::VersionStep),
            (Bitnami, "7.2.4", "7.2.4", "sha256:x", Path::Migrate),
            (Bitnami, "7.2.4", "7.2.11", "sha256:x", Path::Migrate),
        ] {
            assert_eq!(chosen(lineage, current, wanted, digest), Ok(path), "{current} to {wanted}");
        }
    }

    #[test]
    fn a_downgrade_is_refused_with_what_it_would_do() {
        let refusal = chosen(Lineage::Official, "7.0.15", "6.2.14", "x").unwrap_err();
        assert!(refusal.evidence[0].contains("start empty"), "{refusal:?}");
        let refusal = chosen(Lineage::Official, "7.2.4", "7.2.3", "x").unwrap_err();
        assert!(refusal.evidence[0].contains("format is the same"), "{refusal:?}");
    }

    #[test]
    fn bitnami_does_not_jump_to_another_version_in_one_go() {
        let refusal = chosen(Lineage::Bitnami, "7.2.4", "7.4.1", "x").unwrap_err();
        assert!(refusal.remedy.unwrap().contains("7.2 first"));
        assert!(chosen(Lineage::Official, "6.0.16", "6.2.14", "x").is_err());
    }

    #[test]
    fn an_image_of_unknown_lineage_is_not_guessed() {
        let lineage = |text: &str| Lineage::of(&Image::parse(text).unwrap());
        assert_eq!(lineage("docker.io/library/redis:7"), Some(Lineage::Official));
        assert_eq!(lineage("bitnami/redis:7.2"), Some(Lineage::Bitnami));
        assert_eq!(lineage("valkey/valkey:8"), None);
        assert_eq!(lineage("redis/redis-stack:7.2"), None);
    }
}
