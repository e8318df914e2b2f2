//! Railway's `EnvironmentConfig`: the environment as one JSON document, keyed by service id.

mod apply;
mod cluster;
mod commit;
mod document;
mod merge;
mod shape;

pub(crate) use apply::{apply, set};
pub(crate) use cluster::as_taken;
pub(crate) use commit::{Deploys, commit};
pub(crate) use document::{Values, document, etag};
pub(crate) use merge::{leaves, merge};
pub(crate) use shape::Shape;

/// Settings that the config holds under `deploy`.
const DEPLOY: &[&str] = &[
    "startCommand",
    "preDeployCommand",
    "healthcheckPath",
    "healthcheckTimeout",
    "numReplicas",
    "multiRegionConfig",
    "restartPolicyType",
    "restartPolicyMaxRetries",
    "overlapSeconds",
    "drainingSeconds",
    "cronSchedule",
    "sleepApplication",
    "region",
    "ipv6EgressEnabled",
    "registryCredentials",
];

/// Settings that the config holds under `build`.
const BUILD: &[&str] =
    &["builder", "buildCommand", "dockerfilePath", "watchPatterns", "nixpacksPlan"];

/// Whether `setting` is one that the config holds under `group`.
pub(crate) fn known(group: &str, setting: &str) -> bool {
    let settings = match group {
        "deploy" => DEPLOY,
        "build" => BUILD,
        _ => &[],
    };
    settings.contains(&setting)
}
