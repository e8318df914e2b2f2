//! Which images are pinned first.

use lockstep_sdk::blocks::pin::{self, Pin};
use lockstep_sdk::image::Image;
use lockstep_sdk::outside::Railway;
use lockstep_sdk::{Failure, Finding};

use crate::context::Context;
use crate::service::Running;
use crate::survey::Survey;

/// Where Bitnami's images were, and where they are.
const BITNAMI: &str = "bitnami/";
const LEGACY: &str = "bitnamilegacy/";

/// Finds what must be pinned. Where something can't be, that is a finding.
pub(super) fn find<'a, O: Railway>(
    outside: &O,
    survey: &'a Survey,
    context: &Context,
    found: &mut Vec<Finding>,
) -> Result<Vec<(&'a str, Image)>, Failure> {
    let all = [&survey.front].into_iter().chain(&survey.nodes).chain(&survey.clients);
    let mut pins = Vec::new();
    for running in all.filter(|running| context.pinned().contains(&running.name())) {
        match look(outside, running)? {
            Pin::Stands(_) => {}
            Pin::Set(image) => pins.push((running.name(), image)),
            Pin::Impossible(finding) => found.push(finding),
        }
    }
    Ok(pins)
}

/// Returns an image with the digest that its tag stands for, from where its maker has moved it if it is not where it was; none
/// where it can't be had.
pub(crate) fn published<O: Railway>(outside: &O, image: &Image) -> Result<Option<Image>, Failure> {
    let moved = moved(&image.repository).map(|it| image.clone().moved_to(&it));
    for image in [Some(image.clone()), moved].into_iter().flatten() {
        if let Some(found) = outside.published(&image.to_string())? {
            return Ok(Some(image.pinned(&found.digest)));
        }
    }
    Ok(None)
}

/// Returns where Bitnami has moved an image of its own.
fn moved(repository: &str) -> Option<String> {
    repository.strip_prefix(BITNAMI).map(|name| format!("{LEGACY}{name}"))
}

/// An image that is gone from where it was may be where its maker has moved it.
fn look<O: Railway>(outside: &O, running: &Running) -> Result<Pin, Failure> {
    let repository = running.repository().unwrap_or_default();
    match pin::look(outside, &running.service, running.up(), None)? {
        Pin::Impossible(finding) => match moved(&repository) {
            Some(moved) => pin::look(outside, &running.service, running.up(), Some(&moved)),
            None => Ok(Pin::Impossible(finding)),
        },
        found @ (Pin::Stands(_) | Pin::Set(_)) => Ok(found),
    }
}
