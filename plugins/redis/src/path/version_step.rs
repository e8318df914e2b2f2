//! To a newer minor version. The data format only goes up, so the way back is the volume as it was before.

use lockstep_sdk::image::Image;
use lockstep_sdk::step::{MINUTE, SECOND};
use lockstep_sdk::{Declare, Failure, Step};

use super::parts::{LONG_SOAK, Parts};
use crate::names;
use crate::target::Goal;

/// What is lost when the volume goes back.
const LOSS: &str = "what is written after the last backup: jobs that were queued (their events also lie in object storage), LiteLLM's \
    counters and cache";

/// Lays out the plan. `former` is the image to go back to.
pub(super) fn lay_out<D: Declare>(
    parts: &mut Parts<'_, D>,
    goal: &Goal,
    (former, pins): (&Image, &[(&str, Image)]),
    soak: Option<u64>,
) -> Result<(), Failure> {
    parts.open(Some(super::draft::SECRETS), pins)?;
    parts.prove("")?;
    let question = format!(
        "Redis is replaced now, without another question: the queues' worker is stopped if there is one, the data is backed up a \
         last time, and the new version starts. Once it has, going back loses {LOSS}. Go on?"
    );
    parts.section(Some(&question));
    parts.stop_worker()?;
    // Before the last save, so that the backup to go back to is told from the first one.
    parts.mark()?;
    // The second backup is the one to go back to: all that is written before it is in it.
    parts.prove(names::FINAL)?;
    parts.save_last()?;
    change(parts, goal)?;
    back(parts, former)?;
    parts.start_worker()?;
    parts.finish(
        soak.unwrap_or(LONG_SOAK),
        &[
            "both locked backups of the volume",
            "the pinned images",
            "the time to end",
            "after a rollback: the former volume, detached",
        ],
    );
    Ok(())
}

fn change<D: Declare>(parts: &mut Parts<'_, D>, goal: &Goal) -> Result<(), Failure> {
    let service = &parts.context.service;
    parts.declare.set_image("image", service, &goal.image.to_string())?;
    parts.declare.deploy("deploy", service)?;
    let boot_limit = parts.boot_limit();
    parts.push(
        parts
            .replacing(Step::new(
                names::UPGRADE,
                format!("Start Redis {}", goal.version),
                "the new version on the same volume, which it rewrites in its own format",
            ))
            .needs(&[names::FINAL_SAVE])
            .effects(&["image", "deploy"])
            .undone_by(&[names::BACK_STOP, names::BACK_RESTORE, names::BACK_START])
            .losing(LOSS)
            .limit(boot_limit),
    );
    Ok(())
}

/// Stop, restore, start the former image. The former image on the new server's files would start empty or not at all.
fn back<D: Declare>(parts: &mut Parts<'_, D>, former: &Image) -> Result<(), Failure> {
    let service = &parts.context.service;
    parts.declare.stop("back-stop", service)?;
    parts.declare.restore_volume("back-volume", service, "final-backup")?;
    parts.declare.commit_staged("back-commit", "back-volume")?;
    parts.declare.set_image("back-image", service, &former.to_string())?;
    parts.declare.deploy("back-deploy", service)?;
    let back_limit = parts.back_limit();
    let ending = (u64::from(parts.context.draining) + 5) * SECOND;
    let stop = Step::new(
        names::BACK_STOP,
        "Stop the new server",
        "two servers must never have the volume in turns",
    )
    .effects(&["back-stop"])
    .reverses(&[("back-stop", "deploy")])
    // The server serves on while somebody settles what is staged.
    .limit(60 * MINUTE);
    parts.push_undo(parts.keeping_down(stop, ending), &[]);
    let restore = Step::new(
        names::BACK_RESTORE,
        "Restore the volume from the last backup",
        "the former server can't read what the new one wrote",
    )
    .effects(&["back-volume", "back-commit"])
    .reverses(&[("back-volume", "deploy"), ("back-commit", "deploy")])
    .limit(60 * MINUTE);
    // How long Railway restores a volume of this size, nothing tells.
    parts.push_undo(parts.keeping_down(restore, 0), &[]);
    let start = Step::new(
        names::BACK_START,
        "Start the former image",
        "on the volume as it was before the new server first started",
    )
    .effects(&["back-image", "back-deploy"])
    .reverses(&[("back-image", "image"), ("back-deploy", "deploy")])
    .limit(back_limit);
    parts.push_undo(parts.replacing_back(start), &[names::FINAL_SAVE]);
    Ok(())
}
