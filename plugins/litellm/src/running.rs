//! Which version runs: what the proxy tells, and what its image is called, must agree before anything rests on it.

use lockstep_sdk::image::{Image, short};
use lockstep_sdk::outside::Railway;
use lockstep_sdk::running::Running;
use lockstep_sdk::{Failure, Finding};

use crate::proxy::Told;
use crate::tag::Wanted;
use crate::version::Release;

/// Returns the version that runs and what is said of it, or why it is not known.
pub(crate) fn find<O: Railway>(
    outside: &O,
    proxy: &Running,
    told: &Told,
) -> Result<Result<(Release, Finding), Finding>, Failure> {
    let named = match proxy.image() {
        Some(image) => named(outside, &image, proxy.digest(), told.version())?,
        None => None,
    };
    let mut lines: Vec<String> =
        told.versions.iter().map(|(place, release)| format!("{place}: {release}")).collect();
    let digest = proxy.digest().map_or("unknown", short);
    match &named {
        Some((release, tag)) => lines.push(format!("image {tag}, digest {digest}: {release}")),
        None => lines.push(format!("image: its tag names no version, digest {digest}")),
    }
    let listed =
        |finding: Finding| lines.iter().fold(finding, |it, line| it.evidence(line.as_str()));
    let image = named.map(|(release, _)| release);
    let differ = |release: &Release| match image {
        Some(image) => !image.may_tell(*release),
        None => told.version().is_some_and(|first| first != *release),
    };
    if told.versions.iter().any(|(_, release)| differ(release)) {
        let title = "what the proxy tells of its version and what its image is called do not agree";
        return Ok(Err(listed(Finding::refusal("version", title))
            .remedy("deploy the image that the service is set to, or set it to the one that runs, and plan again")
            .source("domain.md B.3: a tag has shipped another version before (litellm#5012)")));
    }
    Ok(match (image, told.version()) {
        (Some(release), Some(_)) => {
            let title = format!("{release} runs: proxy and image agree");
            Ok((release, listed(Finding::note("version", title))))
        }
        (None, Some(release)) => {
            let title = format!("{release} runs, as the proxy tells; no tag that is known is its image");
            Ok((release, listed(Finding::warning("version", title))))
        }
        (Some(release), None) => {
            let title = format!("{release} runs by its image's tag; the proxy tells no version without a key");
            let finding = Finding::warning("version", title)
                .remedy("before anything changes the plan asks the proxy with the service's own key, and stops if it tells another version");
            Ok((release, listed(finding)))
        }
        (None, None) => Err(listed(Finding::refusal("version", "which version runs is not known"))
            .remedy("set the service to an exact tag of what runs, without a deployment, and plan again")
            .source("domain.md F.5")),
    })
}

/// Returns the version that the image's tag names. Of a tag that moves, the exact tag whose image is what runs.
fn named<O: Railway>(
    outside: &O,
    image: &Image,
    digest: Option<&str>,
    told: Option<Release>,
) -> Result<Option<(Release, String)>, Failure> {
    if let Some(tag) = &image.tag
        && let Ok(Wanted::Exact { release, .. }) = Wanted::parse(tag)
    {
        return Ok(Some((release, tag.clone())));
    }
    let (Some(digest), Some(release)) = (digest, told) else { return Ok(None) };
    for tag in release.tags() {
        let exact = Image { tag: Some(tag.clone()), digest: None, ..image.clone() };
        let published = outside.published(&exact.to_string())?;
        if published.is_some_and(|published| published.digest == digest) {
            return Ok(Some((release, tag)));
        }
    }
    Ok(None)
}
