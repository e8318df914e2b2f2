//! PIN: no service is deployed, for whatever reason, under a tag that may have become another version.

use super::slug;
use crate::image::{Image, short};
use crate::outside::Railway;
use crate::{Declare, Deployment, Facts, Failure, Finding, Progress, Service, Step};

/// How a service's image is to be pinned.
#[derive(Clone, Debug, PartialEq)]
pub enum Pin {
    /// It names the digest that runs.
    Stands(Image),
    /// It must be set to this.
    Set(Image),
    /// It can't be, and why.
    Impossible(Finding),
}

/// Looks how `service` is to be pinned to what runs. `repository` is where its bytes are still published, if that is not
/// where the configured image says.
pub fn look<O: Railway>(
    outside: &O,
    service: &Service,
    running: Option<&Deployment>,
    repository: Option<&str>,
) -> Result<Pin, Failure> {
    let name = &service.name;
    let id = format!("pin-{}", slug(name));
    let Some(image) = service.image.as_deref().and_then(Image::parse) else {
        return Ok(Pin::Impossible(
            Finding::refusal(&id, format!("`{name}` has no image that could be pinned")).evidence(
                format!(
                    "configured: {}",
                    service.image.as_deref().unwrap_or("built from a repository")
                ),
            ),
        ));
    };
    let Some(digest) = running.and_then(|running| running.digest.as_deref()) else {
        return Ok(Pin::Impossible(
            Finding::refusal(
                &id,
                format!("nothing of `{name}` runs, so there is no digest to pin it to"),
            )
            .remedy(format!("bring `{name}` up first")),
        ));
    };
    let wanted = repository
        .map_or(image.clone(), |repository| image.clone().moved_to(repository))
        .pinned(digest);
    let published = outside.published(&wanted.to_string())?;
    if published.is_none_or(|published| published.digest != digest) {
        return Ok(Pin::Impossible(
            Finding::refusal(
                &id,
                format!(
                    "what `{name}` runs is not there to pull, so no deployment could bring it back"
                ),
            )
            .evidence(format!("{wanted} is not published"))
            .remedy("put the image into a registry of your own and set the service to it"),
        ));
    }
    Ok(if image.digest.as_deref() == Some(digest) && image.repository == wanted.repository {
        Pin::Stands(wanted)
    } else {
        Pin::Set(wanted)
    })
}

/// Declares the pins and returns their step; none where every service is pinned already.
pub fn plan<D: Declare>(
    declare: &D,
    id: &str,
    pins: &[(&str, Image)],
) -> Result<Option<Step>, Failure> {
    if pins.is_empty() {
        return Ok(None);
    }
    let mut labels = Vec::new();
    for (service, image) in pins {
        let label = format!("pin-{}", slug(service));
        declare.set_image(&label, service, &image.to_string())?;
        labels.push(label);
    }
    let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
    Ok(Some(
        Step::new(
            id,
            "Pin each image to the digest that runs",
            "a tag that moved would start another version at the next deploy",
        )
        .effects(&labels)
        .if_left(
            "nothing: no service is deployed, and the next deployment of each runs what runs now",
        ),
    ))
}

/// Returns the finding that says what step `id` pins and that it stays so; none where every service is pinned already.
pub fn finding(id: &str, pins: &[(&str, Image)]) -> Option<Finding> {
    let title = "images that may move are pinned first, and stay pinned";
    let finding = Finding::note("pins", title).mended_by(id);
    let finding = pins
        .iter()
        .fold(finding, |finding, (service, image)| finding.evidence(format!("{service}: {image}")));
    (!pins.is_empty()).then_some(finding)
}

/// Looks whether each service's configured image names the digest that ran when the run began.
pub fn check<O: Railway>(
    outside: &O,
    services: &[&str],
    facts: Facts<'_>,
) -> Result<Progress, Failure> {
    let all = outside.services()?;
    for name in services {
        let wanted = super::keep::kept(facts, name).and_then(|kept| kept.digest);
        let image = all
            .iter()
            .find(|service| service.name == **name)
            .and_then(|service| service.image.as_deref());
        let set = image.and_then(Image::parse).and_then(|image| image.digest);
        if wanted.is_none() || set.as_deref() != wanted {
            return Ok(Progress::Failed(format!(
                "`{name}` is set to {}, and runs {}",
                image.unwrap_or("no image"),
                wanted.map_or("nothing", short)
            )));
        }
    }
    Ok(Progress::Done(Vec::new()))
}
