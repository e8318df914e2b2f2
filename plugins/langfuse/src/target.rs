//! Which images are wanted: one of the web service and one of the worker, of the same version.

use lockstep_sdk::blocks::releases::Release as Published;
use lockstep_sdk::image::Image;
use lockstep_sdk::outside::Railway;
use lockstep_sdk::{Failure, Finding};

use crate::version::{ENTERING_3, Release, Wanted};

/// How many releases are looked up in the registry, newest first, for one that is published.
const LOOKED_UP: usize = 12;

/// What the worker's repository is called after the web service's.
const WORKER: &str = "-worker";

/// Two images that are published, of one version that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Goal {
    /// The version.
    pub(crate) release: Release,
    /// The web service's image.
    pub(crate) web: Pinned,
    /// The worker's image.
    pub(crate) worker: Pinned,
}

/// An image and the digest that it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pinned {
    /// The reference, tag and digest.
    pub(crate) image: Image,
    /// The digest.
    pub(crate) digest: String,
}

/// Finds the images for what was typed, or for the newest release of the version that runs.
pub(crate) fn find<O: Railway>(
    outside: &O,
    desired: Option<&str>,
    from: Release,
    (web, worker): (&Image, Option<&Image>),
    published: &Result<Vec<Published>, String>,
) -> Result<Result<Goal, Finding>, Failure> {
    let beside = web.clone().moved_to(&format!("{}{WORKER}", web.repository));
    let worker = worker.unwrap_or(&beside);
    let Some(typed) = desired else { return newest(outside, from, (web, worker), published) };
    match Wanted::parse(typed) {
        Some(Wanted::Exact(release)) if release.released => {
            Ok(exact(outside, release, (web, worker))?.map_err(|missing| {
                Finding::refusal("target", format!("{release} is not published"))
                    .evidence(missing)
                    .remedy("name a version of which both images are published")
            }))
        }
        Some(Wanted::Exact(release)) => {
            Ok(Err(Finding::refusal("target", format!("{release} is not released for use"))
                .remedy("name a released version, such as `langfuse@3.225.4`")))
        }
        Some(Wanted::Moving) => {
            Ok(Err(Finding::refusal("target", format!("`{typed}` may become any version"))
                .evidence("`latest` has become version 4, which drops what was not migrated, by a redeployment alone")
                .remedy("name an exact version, such as `langfuse@3.225.4`")
                .source("domain.md C.1, C.4")))
        }
        None => Ok(Err(Finding::refusal(
            "target",
            format!("`{typed}` is no version of Langfuse that this plugin understands"),
        )
        .remedy("write it like `3.225.4`; without a digest, because web and worker have one each"))),
    }
}

/// Looks a version up. Returns which image is missing, if one is.
fn exact<O: Railway>(
    outside: &O,
    release: Release,
    (web, worker): (&Image, &Image),
) -> Result<Result<Goal, String>, Failure> {
    let look = |image: &Image| {
        let image = Image { tag: Some(release.to_string()), digest: None, ..image.clone() };
        let found = outside.published(&image.to_string())?;
        Ok::<_, Failure>(match found {
            Some(found) => Ok(Pinned { image: image.pinned(&found.digest), digest: found.digest }),
            None => Err(format!("`{image}` is not there to pull")),
        })
    };
    Ok(match (look(web)?, look(worker)?) {
        (Ok(web), Ok(worker)) => Ok(Goal { release, web, worker }),
        (Err(missing), _) | (_, Err(missing)) => Err(missing),
    })
}

/// The newest release of the major version that runs; of version 2, where version 3 is entered.
fn newest<O: Railway>(
    outside: &O,
    from: Release,
    images: (&Image, &Image),
    published: &Result<Vec<Published>, String>,
) -> Result<Result<Goal, Finding>, Failure> {
    let releases = match published {
        Ok(releases) => releases,
        Err(why) => {
            return Ok(Err(Finding::refusal(
                "target",
                "which release is the newest can't be found out",
            )
            .evidence(why.as_str())
            .remedy("name a version: `langfuse@3.225.4`")));
        }
    };
    let fits = |release: &Release| {
        let line = if from.major < ENTERING_3.major {
            (release.major, release.minor) == (ENTERING_3.major, ENTERING_3.minor)
        } else {
            release.major == from.major
        };
        release.released && line
    };
    let mut candidates: Vec<Release> =
        releases.iter().filter_map(|it| Release::parse(&it.tag)).filter(fits).collect();
    candidates.sort_unstable();
    candidates.dedup();
    for release in candidates.iter().rev().take(LOOKED_UP) {
        if let Ok(goal) = exact(outside, *release, images)? {
            return Ok(Ok(goal));
        }
    }
    Ok(Err(Finding::refusal("target", "none of the newest releases is published as images")
        .remedy("name a version: `langfuse@3.225.4`")))
}
