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

/// An image that is gone from where it was may be where its maker has moved it.
fn look<O: Railway>(outside: &O, running: &Running) -> Result<Pin, Failure> {
    let repository = running.repository().unwrap_or_default();
    match pin::look(outside, &running.service, running.up(), None)? {
        Pin::Impossible(finding) => match repository.strip_prefix(BITNAMI) {
            Some(name) => {
                let moved = format!("{LEGACY}{name}");
                pin::look(outside, &running.service, running.up(), Some(&moved))
            }
            None => Ok(Pin::Impossible(finding)),
        },
        found @ (Pin::Stands(_) | Pin::Set(_)) => Ok(found),
    }
}
