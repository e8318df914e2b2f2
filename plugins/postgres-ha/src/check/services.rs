//! Whether services are up as they should be.

use lockstep_sdk::blocks::keep;
use lockstep_sdk::image::short;
use lockstep_sdk::outside::{Effects, Railway};
use lockstep_sdk::step::SECOND;
use lockstep_sdk::{DeploymentStatus, Facts, Failure, Pending, Progress, StepCall, history};

use crate::context::Context;
use crate::names::{DEPLOY, RESUME, RETURN};
use crate::passage;

/// Looks whether the deployment that an effect made is up, and runs the digest that ran when the run began.
pub(crate) fn deployed<O: Railway>(
    outside: &O,
    label: &str,
    service: &str,
    digest: Option<&str>,
) -> Result<Progress, Failure> {
    let Some(made) = outside.deployment_of(label)? else {
        return Ok(Pending::after(
            SECOND,
            format!("the deployment of `{service}` is not listed yet"),
        )
        .into());
    };
    if history::moves(&made.status) {
        let note = format!("the deployment of `{service}` is {}", history::words(&made.status));
        return Ok(Pending::after(SECOND, note).into());
    }
    if !matches!(made.status, DeploymentStatus::Success) {
        let why = format!("the deployment of `{service}` {}", history::words(&made.status));
        return Ok(Progress::Failed(why));
    }
    Ok(match (digest, made.digest.as_deref()) {
        (Some(wanted), Some(runs)) if wanted != runs => Progress::Failed(format!(
            "`{service}` runs {}, and ran {} when the run began",
            short(runs),
            short(wanted)
        )),
        (None | Some(_), None | Some(_)) => Progress::Done(Vec::new()),
    })
}

/// Looks whether the front is up as an effect deployed it.
pub(super) fn front<O: Railway>(outside: &O, label: &str) -> Result<Progress, Failure> {
    deployed(outside, label, passage::SERVICE, None)
}

/// Looks whether the client is up that the step deploys. On the way back only where it left the old server on the
/// way there.
pub(super) fn deployed_by<O: Railway + Effects>(
    outside: &O,
    context: &Context,
    call: &StepCall,
) -> Result<Progress, Failure> {
    let step = call.step.as_str();
    let back = [RETURN, RESUME].iter().find_map(|prefix| context.client(step, prefix));
    let Some(client) = back.or_else(|| context.client(step, DEPLOY)) else {
        return Err(Failure::permanently(
            "plugin:step",
            format!("`{step}` deploys no service of this plan"),
        ));
    };
    if back.is_some() && !outside.began(&context.left_by(client))? {
        return Ok(Progress::Done(Vec::new()));
    }
    let digest = keep::kept(Facts(&call.facts), &client.service).and_then(|kept| kept.digest);
    deployed(outside, step, &client.service, digest)
}

/// Looks whether nothing of a service runs any more.
pub(crate) fn stopped<O: Railway>(outside: &O, service: &str) -> Result<Progress, Failure> {
    let deployments = outside.deployments(service, 10)?;
    let up = deployments.iter().find(|one| history::moves(&one.status));
    Ok(match up.or(history::running(&deployments)) {
        Some(up) => {
            let note =
                format!("deployment {} of `{service}` is {}", up.id, history::words(&up.status));
            Pending::after(SECOND, note).into()
        }
        None => Progress::Done(Vec::new()),
    })
}
