//! Which image is wanted: from what an operator typed, or the newest release that nothing speaks against.

use lockstep_sdk::blocks::releases::Release as Published;
use lockstep_sdk::image::{Image, short};
use lockstep_sdk::outside::Railway;
use lockstep_sdk::{Failure, Finding};

use crate::known;
use crate::tag::{NoVersion, Wanted};
use crate::version::{FIRST, Release};

/// How many releases are looked up in the registry, newest first, for one that is published.
const LOOKED_UP: usize = 12;

/// An image that is published and whose version is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Goal {
    /// Its version.
    pub(crate) release: Release,
    /// The reference, tag and digest.
    pub(crate) image: Image,
    /// Its digest.
    pub(crate) digest: String,
}

/// Finds the image for what was typed, or the newest release.
pub(crate) fn find<O: Railway>(
    outside: &O,
    desired: Option<&str>,
    repository: &Image,
    published: &Result<Vec<Published>, String>,
) -> Result<Result<Goal, Finding>, Failure> {
    let Some(typed) = desired else { return newest(outside, repository, published) };
    match Wanted::parse(typed) {
        Ok(Wanted::Exact { release, tag, digest }) => {
            if let Some(refusal) = unfit(release) {
                return Ok(Err(refusal));
            }
            let tags = [tag].into_iter().chain(release.tags());
            exact(outside, release, tags, digest.as_deref(), repository)
        }
        Ok(Wanted::Partial(_) | Wanted::Moving(_)) => {
            Ok(Err(Finding::refusal("target", format!("`{typed}` may become any version"))
                .evidence(
                    "what it is tomorrow nobody has reviewed, and a way back to it there is none",
                )
                .remedy("name an exact version, such as `litellm@1.84.0`")
                .source("domain.md B.3")))
        }
        Err(NoVersion(text)) => Ok(Err(Finding::refusal(
            "target",
            format!("`{text}` is no version of LiteLLM that this plugin understands"),
        )
        .remedy("write it like `1.84.0` or `v1.83.3-stable.patch.2`"))),
    }
}

/// Returns why a version can't be a target, if it can't.
fn unfit(release: Release) -> Option<Finding> {
    if let Some(known) = known::denied(release) {
        let title = format!("{release} is a version that nobody may run");
        return Some(Finding::refusal("denied", title).evidence(known.reason).source(known.source));
    }
    if release.is_early() {
        let title = format!("{release} is not released for use");
        return Some(
            Finding::refusal("target", title)
                .remedy("name a released version, such as `litellm@1.84.0`"),
        );
    }
    (release < FIRST).then(|| {
        Finding::refusal("target", format!("{release} keeps no history of its migrations"))
            .evidence("before 1.65 a schema was changed by `prisma db push --accept-data-loss`, which drops what it does not know")
            .remedy("name a version from 1.65.0 on")
            .source("domain.md B.4")
    })
}

fn exact<O: Railway>(
    outside: &O,
    release: Release,
    tags: impl Iterator<Item = String>,
    digest: Option<&str>,
    repository: &Image,
) -> Result<Result<Goal, Finding>, Failure> {
    let mut tried = Vec::new();
    for tag in tags {
        if tried.contains(&tag) {
            continue;
        }
        let image = Image { tag: Some(tag.clone()), digest: None, ..repository.clone() };
        let wanted = digest.map_or(image.clone(), |digest| image.clone().pinned(digest));
        if let Some(found) = outside.published(&wanted.to_string())? {
            let image = image.pinned(&found.digest);
            return Ok(Ok(Goal { release, image, digest: found.digest }));
        }
        tried.push(tag);
    }
    Ok(Err(Finding::refusal("target", format!("{release} is not published"))
        .evidence(format!("`{}` has none of the tags {}", repository.repository, tried.join(", ")))
        .evidence(digest.map_or(
            "release notes have named tags that were never published (litellm#14314)".to_owned(),
            |digest| format!("with the digest {}", short(digest)),
        ))
        .remedy("name a version that is published, and the digest that it has")))
}

fn newest<O: Railway>(
    outside: &O,
    repository: &Image,
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
            .remedy(
                "name a version, such as `litellm@1.84.0`; or let the list be read: an endpoint `releases` with the public `origin` of \
                 GitHub's API, in lockstep.toml",
            )));
        }
    };
    let mut candidates: Vec<Release> = releases
        .iter()
        .filter_map(|it| Release::parse(&it.tag))
        .filter(|it| unfit(*it).is_none())
        .collect();
    candidates.sort_unstable();
    candidates.dedup();
    let fine = |release: &&Release| known::reviewed(**release).is_none();
    for release in candidates.iter().rev().filter(fine).take(LOOKED_UP) {
        if let Ok(goal) = exact(outside, *release, release.tags().into_iter(), None, repository)? {
            return Ok(Ok(goal));
        }
    }
    Ok(Err(Finding::refusal("target", "none of the newest releases is published as an image")
        .evidence(format!("looked for in `{}`", repository.repository))
        .remedy("name a version: `litellm@1.84.0`")))
}
