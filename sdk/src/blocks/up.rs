//! UP: a deployment that an effect of the run made is up, with the image that it should have.

use crate::image::short;
use crate::outside::Railway;
use crate::step::SECOND;
use crate::{DeploymentStatus, Failure, Pending, Progress, history};

/// Returns what is wrong with the deployment that an effect made, or missing yet; none where it is up, with this digest if one is demanded.
///
/// A deployment that does not tell its digest is taken for the right one: the host has set the image.
pub fn check<O: Railway>(
    outside: &O,
    label: &str,
    service: &str,
    digest: Option<&str>,
) -> Result<Option<Progress>, Failure> {
    let Some(made) = outside.deployment_of(label)? else {
        let note = format!("the deployment of `{service}` is not listed yet");
        return Ok(Some(Pending::after(SECOND, note).into()));
    };
    if history::moves(&made.status) {
        let note = format!("the deployment of `{service}` is {}", history::words(&made.status));
        return Ok(Some(Pending::after(SECOND, note).into()));
    }
    if !matches!(made.status, DeploymentStatus::Success) {
        let why = format!("the deployment of `{service}` {}", history::words(&made.status));
        return Ok(Some(Progress::Failed(why)));
    }
    let (Some(runs), Some(wanted)) = (made.digest.as_deref(), digest) else { return Ok(None) };
    Ok((runs != wanted).then(|| {
        let (runs, wanted) = (short(runs), short(wanted));
        Progress::Failed(format!("`{service}` runs {runs}, and was to run {wanted}"))
    }))
}
