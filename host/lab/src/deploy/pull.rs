//! Finding out what an image name stands for, and what this machine runs for it.

use std::sync::Arc;

use super::record::Step;
use crate::launcher;
use crate::registry::Image;
use crate::state::{Deployment, Happening, Instance, Trigger};
use crate::twin::Twin;

/// Returns the image that the launcher is given: the name with the tag of the version that its digest holds.
///
/// An error was told by an event already.
pub(super) fn image(twin: &Arc<Twin>, deployment: &Deployment) -> Result<String, String> {
    let image = match deployment.image() {
        Some(image) => pulled(twin, deployment, image)?,
        None => built(twin, deployment)?,
    };
    let step = Step::begin(twin, &deployment.id, "CREATE_CONTAINER");
    match launcher::runs_as(&image, &twin.programs) {
        Ok(runs_as) => {
            step.done(&runs_as.program);
            twin.write(|state| {
                if let Some(deployment) = state.deployment_mut(&deployment.id) {
                    deployment.runs_as = Some(runs_as.program);
                    deployment.stand_in = runs_as.stand_in;
                }
            });
            Ok(image)
        }
        Err(error) => {
            let reason = format!("the image was pulled but can't run here: {error}");
            step.failed("NO_LAUNCHER", &reason);
            Err(reason)
        }
    }
}

fn pulled(twin: &Arc<Twin>, deployment: &Deployment, text: &str) -> Result<String, String> {
    let mut image = Image::parse(text);
    let found = match deployment.trigger {
        Trigger::Deploy => twin.registry(|registry| registry.pull(&image)),
        Trigger::Again => {
            if let Some(digest) = &deployment.digest {
                image.digest = Some(digest.clone());
            }
            twin.registry(|registry| registry.held(&image))
        }
    };
    let Some(found) = found else {
        let reason = format!("could not pull `{text}`: manifest unknown");
        Step::begin(twin, &deployment.id, "CREATE_CONTAINER").failed("IMAGE_PULL_FAILED", &reason);
        return Err(reason);
    };
    let (digest, version) = (found.digest.clone(), found.version.clone());
    twin.write(|state| {
        if let Some(deployment) = state.deployment_mut(&deployment.id) {
            deployment.digest = Some(digest);
            deployment.version = Some(version);
        }
    });
    let name = text.split_once('@').map_or(text, |(name, _digest)| name);
    let repository = match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => repository,
        _ => name,
    };
    Ok(format!("{repository}:{}@{}", found.version, found.digest))
}

fn built(twin: &Arc<Twin>, deployment: &Deployment) -> Result<String, String> {
    super::happened(twin, &deployment.id, Happening::Builds, Instance::Initializing);
    let step = Step::begin(twin, &deployment.id, "BUILD_IMAGE");
    if super::is_migration_job(&deployment.source) {
        // There is nothing to build outside that folder.
        let folder = deployment.text("rootDirectory").unwrap_or_default();
        if folder.trim_matches('/') != "script" {
            let reason = format!("the repository has nothing to build in `/{folder}`");
            step.failed("BUILD_FAILED", &reason);
            return Err(reason);
        }
        step.done("nothing is built in the lab: a job of its own stands in for this repository");
        return Ok(format!("repo:{}", super::MIGRATION_JOB));
    }
    step.done("nothing is built in the lab: what runs is chosen by the service's name");
    let name = twin
        .read(|state| state.service(&deployment.service_id).map(|service| service.name.clone()));
    Ok(format!("repo:{}", name.unwrap_or_default()))
}
