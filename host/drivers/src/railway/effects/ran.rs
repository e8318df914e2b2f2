//! L13: whether a deployment runs what was to be deployed.

use lockstep_engine::journal::Standing;
use lockstep_engine::model::{DeploySource, Failure};

use super::super::gateway::Scope;
use super::super::wire::Deployment;
use super::super::{deployment, estate};

/// What stands for the image that is configured.
pub(super) const IMAGE: &str = "image";

/// What stands for the digest of the image that runs.
pub(super) const RUNNING: &str = "running";

/// What stands for the commit that what runs was built from.
pub(super) const COMMIT: &str = "commit";

/// What a deployment runs, compared with what was to be deployed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ran {
    /// That.
    AsWanted,
    /// Something else: both in words.
    Other {
        /// What runs.
        found: String,
        /// What was to run.
        wanted: String,
    },
    /// Railway does not tell, or did not tell before.
    Untold,
}

/// Refuses to deploy another image than the one that stood there when the engine looked whether it is the planned one.
pub(super) fn must_stand(
    scope: &Scope,
    source: &DeploySource,
    before: &Standing,
) -> Result<(), Failure> {
    let service = &scope.instance.service_name;
    let moved = |text: String| Err(Failure::permanent("railway:moved", text));
    match source {
        DeploySource::Configured => {
            let found = scope.instance.image();
            if configured(scope, before) == found {
                return Ok(());
            }
            moved(format!(
                "service `{service}` is configured with {} by now, which is not what was to be deployed",
                found.map_or_else(|| "no image".to_owned(), |image| format!("image `{image}`"))
            ))
        }
        DeploySource::SameImage => {
            let running = estate::running(&scope.instance);
            match running.map_or(Ran::Untold, |running| same(before, running)) {
                Ran::AsWanted => Ok(()),
                Ran::Other { found, wanted } => moved(format!(
                    "service `{service}` runs {found} by now, and {wanted} was to be deployed again"
                )),
                Ran::Untold => Err(Failure::permanent(
                    "railway:untold",
                    format!(
                        "Railway does not tell what service `{service}` runs, so it can't be proven that the same runs again"
                    ),
                )),
            }
        }
        DeploySource::Commit(_) => Ok(()),
    }
}

/// Compares what `deployment` runs with what was to be deployed.
pub(super) fn compare(
    scope: &Scope,
    source: &DeploySource,
    before: &Standing,
    deployment: &Deployment,
) -> Ran {
    match source {
        DeploySource::Configured => match configured(scope, before) {
            Some(wanted) => as_configured(wanted, deployment),
            // A service without an image is not deployed from its configuration.
            None => Ran::AsWanted,
        },
        DeploySource::SameImage => same(before, deployment),
        DeploySource::Commit(wanted) => match deployment::commit(deployment) {
            None => Ran::Untold,
            Some(found) if is_commit(wanted, &found) => Ran::AsWanted,
            Some(found) => Ran::Other {
                found: format!("commit `{found}`"),
                wanted: format!("commit `{wanted}`"),
            },
        },
    }
}

/// Returns the image that was configured when the intent was written; an older intent does not tell.
fn configured<'a>(scope: &'a Scope, before: &'a Standing) -> Option<&'a str> {
    before.get(IMAGE).map_or_else(|| scope.instance.image(), Option::as_deref)
}

fn as_configured(wanted: &str, deployment: &Deployment) -> Ran {
    let Some(image) = deployment::image(deployment) else { return Ran::Untold };
    let digest = deployment::digest(deployment);
    let repository = image.split('@').next().unwrap_or_default();
    let same = match deployment::pinned_digest(wanted) {
        Some(pinned) => digest.as_deref() == Some(pinned),
        None => repository == wanted,
    };
    if same {
        return Ran::AsWanted;
    }
    let found = digest.map_or_else(|| image.clone(), |digest| format!("{repository} at {digest}"));
    Ran::Other { found: format!("image `{found}`"), wanted: format!("image `{wanted}`") }
}

/// Compares with what ran when the intent was written: the image's digest, or the commit where Railway tells no digest.
fn same(before: &Standing, deployment: &Deployment) -> Ran {
    let recorded = |name: &str| before.get(name).and_then(Option::as_deref);
    let words = [
        ("digest", recorded(RUNNING), deployment::digest(deployment)),
        ("commit", recorded(COMMIT), deployment::commit(deployment)),
    ];
    let Some((what, Some(wanted), found)) =
        words.into_iter().find(|(_, recorded, _)| recorded.is_some())
    else {
        return Ran::Untold;
    };
    match found {
        None => Ran::Untold,
        Some(found) if found == wanted => Ran::AsWanted,
        Some(found) => {
            Ran::Other { found: format!("{what} `{found}`"), wanted: format!("{what} `{wanted}`") }
        }
    }
}

/// Returns whether `wanted`, perhaps shortened, names the commit `found`.
fn is_commit(wanted: &str, found: &str) -> bool {
    wanted == found || (wanted.len() >= 7 && found.starts_with(wanted))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn deployment(meta: &serde_json::Value) -> Deployment {
        serde_json::from_value(
            json!({ "id": "d", "status": "SUCCESS", "createdAt": "then", "meta": meta }),
        )
        .unwrap()
    }

    fn before(running: Option<&str>, commit: Option<&str>) -> Standing {
        let values = [(RUNNING, running), (COMMIT, commit)];
        values.map(|(name, value)| (name.to_owned(), value.map(str::to_owned))).into()
    }

    #[test]
    fn the_same_image_again_has_the_digest_that_ran_before() {
        let meta = json!({ "image": "redis:7", "imageDigest": "sha256:a" });
        let pinned = json!({ "image": "redis@sha256:a" });
        for meta in [&meta, &pinned] {
            let again = deployment(meta);
            assert_eq!(same(&before(Some("sha256:a"), None), &again), Ran::AsWanted);
            let other = same(&before(Some("sha256:b"), None), &again);
            assert!(matches!(&other, Ran::Other { found, .. } if found.contains("sha256:a")));
            assert_eq!(same(&before(None, None), &again), Ran::Untold);
        }
        let silent = deployment(&json!({}));
        assert_eq!(same(&before(Some("sha256:a"), None), &silent), Ran::Untold);
    }

    #[test]
    fn what_was_built_from_a_repository_is_told_by_its_commit() {
        let built = deployment(&json!({ "commitHash": "0123456789abcdef" }));
        assert_eq!(same(&before(None, Some("0123456789abcdef")), &built), Ran::AsWanted);
        assert!(matches!(same(&before(None, Some("fedcba")), &built), Ran::Other { .. }));
        assert!(is_commit("0123456", "0123456789abcdef") && !is_commit("012", "0123456789abcdef"));
    }

    #[test]
    fn a_pinned_image_is_told_by_its_digest_and_another_by_its_name() {
        let found = deployment(&json!({ "image": "redis:7", "imageDigest": "sha256:a" }));
        assert_eq!(as_configured("redis:7@sha256:a", &found), Ran::AsWanted);
        assert_eq!(as_configured("redis:7", &found), Ran::AsWanted);
        let other = as_configured("redis:7@sha256:b", &found);
        assert!(
            matches!(&other, Ran::Other { found, .. } if found == "image `redis:7 at sha256:a`")
        );
        assert_eq!(as_configured("redis:7", &deployment(&json!({}))), Ran::Untold);
    }
}
