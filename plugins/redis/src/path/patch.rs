//! The same data format: another image, and the former one again on the way back.

use lockstep_sdk::image::Image;
use lockstep_sdk::{Declare, Failure, Step};

use super::parts::{Parts, SHORT_SOAK};
use crate::names;
use crate::target::Goal;

/// Lays out the plan. `former` is the image to go back to.
pub(super) fn lay_out<D: Declare>(
    parts: &mut Parts<'_, D>,
    goal: &Goal,
    (former, pins): (&Image, &[(&str, Image)]),
    soak: Option<u64>,
) -> Result<(), Failure> {
    parts.open(Some(super::draft::SECRETS), pins)?;
    parts.prove("")?;
    parts.section(None);
    parts.mark()?;
    parts.save_last()?;
    let service = &parts.context.service;
    parts.declare.set_image("image", service, &goal.image.to_string())?;
    parts.declare.deploy("deploy", service)?;
    parts.declare.set_image("image-undo", service, &former.to_string())?;
    parts.declare.deploy("deploy-undo", service)?;
    let (boot_limit, back_limit) = (parts.boot_limit(), parts.back_limit());
    parts.push(
        parts
            .replacing(Step::new(
                names::UPGRADE,
                format!("Start Redis {}", goal.version),
                "the new version on the same data",
            ))
            .effects(&["image", "deploy"])
            .undone_by(&[names::UPGRADE_UNDO])
            .limit(boot_limit),
    );
    parts.push_undo(
        parts
            .replacing_back(Step::new(
                names::UPGRADE_UNDO,
                "Start the former image",
                "the data format is the same, so nothing is lost",
            ))
            .effects(&["image-undo", "deploy-undo"])
            .reverses(&[("image-undo", "image"), ("deploy-undo", "deploy")])
            .limit(back_limit),
        &[names::UPGRADE],
    );
    parts.finish(
        soak.unwrap_or(SHORT_SOAK),
        &["the locked backup of the volume", "the pinned images", "the time to end"],
    );
    Ok(())
}
