//! Which version runs: what the web service tells and what both images are must agree before anything rests on it.

use lockstep_sdk::image::{Image, short};
use lockstep_sdk::outside::Railway;
use lockstep_sdk::running::Running;
use lockstep_sdk::{Failure, Finding};

use crate::version::Release;
use crate::web::Told;

/// Returns the version that runs and what is said of it, or why it is not known.
pub(crate) fn find<O: Railway>(
    outside: &O,
    (web, worker): (&Running, Option<&Running>),
    told: &Told,
) -> Result<Result<(Release, Finding), Finding>, Failure> {
    let Some(release) = told.version else {
        let title = "which version runs is not known: the web service tells none";
        return Ok(Err(Finding::refusal("version", title)
            .evidence(told.words())
            .source("domain.md F.5")));
    };
    let mut lines = vec![format!("the web service tells {release}")];
    let (mut others, mut unknown) = (Vec::new(), Vec::new());
    for service in [Some(web), worker].into_iter().flatten() {
        let (name, digest) = (service.name(), service.digest().map_or("unknown", short));
        let words = match image(outside, service, release)? {
            Is::That => release.to_string(),
            Is::Other(other) => {
                others.push(name);
                other.to_string()
            }
            Is::Unknown => {
                unknown.push(name);
                "not known by its tag".to_owned()
            }
        };
        lines.push(format!("{name}, digest {digest}: {words}"));
    }
    let listed =
        |finding: Finding| lines.iter().fold(finding, |it, line| it.evidence(line.as_str()));
    if !others.is_empty() {
        let title = "web service and worker do not run one version, or not the one that is told";
        return Ok(Err(listed(Finding::refusal("version", title))
            .remedy("deploy both with the same exact tag, the web service first, and plan again")
            .source("domain.md C.1")));
    }
    let finding = if unknown.is_empty() {
        Finding::note("version", format!("{release} runs"))
    } else {
        let whose = unknown.join(" and ");
        Finding::warning(
            "version",
            format!(
                "{release} runs, as the web service tells; what {whose} runs can't be told by the image"
            ),
        )
    };
    Ok(Ok((release, listed(finding))))
}

/// What an image is.
enum Is {
    That,
    Other(Release),
    Unknown,
}

/// Looks whether a service runs this version: by its tag, or, where that moves, by the digest that the version's tag has.
fn image<O: Railway>(outside: &O, service: &Running, release: Release) -> Result<Is, Failure> {
    let Some(image) = service.image() else { return Ok(Is::Unknown) };
    if let Some(named) = image.tag.as_deref().and_then(Release::parse) {
        return Ok(if named == release { Is::That } else { Is::Other(named) });
    }
    let exact = Image { tag: Some(release.to_string()), digest: None, ..image };
    Ok(match (outside.published(&exact.to_string())?, service.digest()) {
        (Some(published), Some(digest)) if published.digest == digest => Is::That,
        // A tag that moves may have been built again since, so another digest says nothing by itself.
        (Some(_) | None, Some(_) | None) => Is::Unknown,
    })
}
