//! What a stand-in is told: its variables, its image, its address.

use std::{collections::BTreeMap, net::Ipv4Addr, time::Duration};

use super::{Kind, StandInError};
use crate::programs::numbers;

/// The variable that tells a stand-in which image it stands for.
pub const IMAGE_VARIABLE: &str = "LOCKSTEP_LAB_IMAGE";
/// The variable that tells a stand-in its address, for whoever calls [`run`](super::run).
pub const ADDRESS_VARIABLE: &str = "LOCKSTEP_LAB_ADDRESS";
/// The variable that tells a stand-in its version where the image's tag, such as `main-stable`, does not.
pub const VERSION_VARIABLE: &str = "LOCKSTEP_LAB_VERSION";
/// The variable that tells a stand-in how many seconds the real one takes before it listens: a stand-in itself takes none.
pub const BOOT_VARIABLE: &str = "LOCKSTEP_LAB_BOOT_SECONDS";

/// A stand-in's settings.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) kind: Kind,
    pub(crate) address: Ipv4Addr,
    pub(crate) port: u16,
    /// How long it takes before it listens and works.
    pub(crate) boot: Duration,
    /// The version that the stand-in reports.
    pub(crate) version: String,
    variables: BTreeMap<String, String>,
}

impl Settings {
    pub(crate) fn read(
        kind: Kind,
        variables: BTreeMap<String, String>,
        address: Ipv4Addr,
    ) -> Result<Self, StandInError> {
        let version = match (variables.get(VERSION_VARIABLE), variables.get(IMAGE_VARIABLE)) {
            (Some(version), _) => version.clone(),
            (None, Some(image)) => version_of(image),
            (None, None) => return Err(StandInError::Unset { name: IMAGE_VARIABLE }),
        };
        let port = match variables.get("PORT") {
            Some(port) if kind.follows_port() => port.parse::<u16>().map_err(|error| {
                StandInError::refused(kind, &format!("PORT is no port: `{port}`: {error}"))
            })?,
            Some(_) | None => kind.port(),
        };
        let boot = match variables.get(BOOT_VARIABLE) {
            Some(seconds) => seconds.parse().map(Duration::from_secs).map_err(|error| {
                let reason = format!("{BOOT_VARIABLE} is no count: `{seconds}`: {error}");
                StandInError::refused(kind, &reason)
            })?,
            None => Duration::ZERO,
        };
        Ok(Self { kind, address, port, boot, version, variables })
    }

    /// A variable that is set and not empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Whether a variable is set to `true`, in any spelling.
    pub(crate) fn says(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// A variable without which the real program does not start.
    pub(crate) fn required(&self, name: &str) -> Result<&str, StandInError> {
        self.get(name)
            .ok_or_else(|| StandInError::refused(self.kind, &format!("{name} is required")))
    }

    /// Whether the version is at least `least`; a version without numbers is taken for the newest.
    pub(crate) fn is_at_least(&self, least: &[u64]) -> bool {
        let numbers = numbers(&self.version);
        numbers.is_empty()
            || numbers.as_slice() >= least.get(..numbers.len().min(least.len())).unwrap_or(least)
    }

    /// What it answers to whoever asks what it is.
    pub(crate) fn introduction(&self) -> String {
        format!("stand-in for {} {}, run by `lockstep lab`\n", self.kind.product(), self.version)
    }
}

/// The version in an image's tag: `main-v1.80.0-stable` is 1.80.0; a tag without numbers is the tag itself.
pub(crate) fn version_of(image: &str) -> String {
    let name = image.split('@').next().unwrap_or(image);
    let tag = name.rsplit_once(':').map_or("latest", |(_, tag)| tag);
    let part = tag.split('-').map(|part| part.strip_prefix('v').unwrap_or(part));
    let part = part.into_iter().find(|part| part.starts_with(|c: char| c.is_ascii_digit()));
    part.unwrap_or(tag).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(image: &str, version: &str) {
        assert_eq!(version_of(image), version);
    }

    #[test]
    fn the_version_is_read_from_the_tag() {
        check("ghcr.io/berriai/litellm-database:main-v1.80.0-stable@sha256:00", "1.80.0");
        check("ghcr.io/berriai/litellm-database:main-stable", "main-stable");
        check("langfuse/langfuse:3.170.0", "3.170.0");
        check("minio/minio", "latest");
    }

    #[test]
    fn versions_are_compared_as_far_as_they_go() {
        let at = |version: &str| Settings {
            kind: Kind::LiteLlm,
            boot: Duration::ZERO,
            address: Ipv4Addr::LOCALHOST,
            port: 1,
            version: version.to_owned(),
            variables: BTreeMap::new(),
        };
        assert!(at("1.84.0").is_at_least(&[1, 84]));
        assert!(!at("1.83.14").is_at_least(&[1, 84]));
        assert!(at("main-stable").is_at_least(&[1, 84]));
        assert!(at("3").is_at_least(&[3, 0]));
        assert!(!at("2").is_at_least(&[3, 0]));
    }
}
