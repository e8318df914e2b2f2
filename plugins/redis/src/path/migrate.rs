//! From Bitnami's image to the official one of the same minor version, on the same volume.

use lockstep_sdk::image::Image;
use lockstep_sdk::step::MINUTE;
use lockstep_sdk::{Declare, Failure, Finding, Step};

use super::parts::{LONG_SOAK, Parts};
use crate::names;
use crate::start::{self, Unspeakable};
use crate::survey::Inside;
use crate::target::Goal;

/// Where the official image keeps its data.
const MOUNT: &str = "/data";

/// Returns the start command, or why there can be none.
pub(super) fn start_command(inside: &Inside) -> Result<String, Box<Finding>> {
    start::official(&inside.server).map_err(|Unspeakable(name)| {
        Finding::refusal(
            "start-command",
            format!("the setting `{name}` has a value that can't be put into a start command"),
        )
        .evidence(format!("{name} {}", inside.server.setting(name).unwrap_or_default()))
        .remedy("give it a value of letters, digits, dots, hyphens and spaces")
        .into()
    })
}

/// Lays out the plan. `former` is the image to go back to.
pub(super) fn lay_out<D: Declare>(
    parts: &mut Parts<'_, D>,
    goal: &Goal,
    (former, pins): (&Image, &[(&str, Image)]),
    (command, appends): (&str, bool),
    soak: Option<u64>,
) -> Result<(), Failure> {
    parts.open(Some(super::draft::SECRETS), pins)?;
    if !appends {
        append(parts)?;
    }
    parts.prove("")?;
    parts.policy()?;
    parts.stop_worker()?;
    parts.mark()?;
    change(parts, goal, former, command)?;
    parts.start_worker()?;
    parts.finish(
        soak.unwrap_or(LONG_SOAK),
        &[
            "the locked backup of the volume",
            "the pinned images",
            "the time to end",
            "the start command of the official image",
        ],
    );
    Ok(())
}

/// Switches the append-only file on while the server runs. The new start command switches it on too, and a server that is
/// told to read one and finds none starts empty.
fn append<D: Declare>(parts: &mut Parts<'_, D>) -> Result<(), Failure> {
    let set = |to| ["CONFIG", "SET", "appendonly", to];
    parts.declare.redis("aof-on", &parts.context.connection, &set("yes"))?;
    parts.declare.redis("aof-off", &parts.context.connection, &set("no"))?;
    parts.push(
        Step::new(
            names::AOF,
            "Switch the append-only file on",
            "a server told to read a file that does not exist starts empty",
        )
        .effects(&["aof-on"])
        .undone_by(&[names::AOF_UNDO])
        .limit(30 * MINUTE),
    );
    parts.push_undo(
        Step::new(names::AOF_UNDO, "Switch the append-only file off again", "as it was")
            .effects(&["aof-off"])
            .reverses(&[("aof-off", "aof-on")]),
        &[],
    );
    Ok(())
}

fn change<D: Declare>(
    parts: &mut Parts<'_, D>,
    goal: &Goal,
    former: &Image,
    command: &str,
) -> Result<(), Failure> {
    let service = &parts.context.service;
    let redis = &parts.survey.redis;
    let mount = redis.service.volume.as_ref().map_or(MOUNT, |volume| volume.mount.as_str());
    parts.declare.set_mount("mount", service, MOUNT)?;
    parts.declare.set_image("image", service, &goal.image.to_string())?;
    parts.declare.set_settings(
        "start",
        service,
        &[("start-command", command), ("restart-policy", "ON_FAILURE")],
    )?;
    parts.declare.deploy("deploy", service)?;
    let was = |name| redis.setting(name).unwrap_or("");
    parts.declare.set_mount("mount-undo", service, mount)?;
    parts.declare.set_image("image-undo", service, &former.to_string())?;
    let settings =
        [("start-command", was("start-command")), ("restart-policy", was("restart-policy"))];
    parts.declare.set_settings("start-undo", service, &settings)?;
    parts.declare.deploy("deploy-undo", service)?;
    let (boot, boot_limit) = (parts.boot(), parts.boot_limit());
    parts.push(
        Step::new(names::UPGRADE, format!("Serve the data with the official Redis {}", goal.version), "Bitnami's image is no longer published")
            .effects(&["mount", "image", "start", "deploy"])
            .undone_by(&[names::UPGRADE_UNDO])
            .approved("Redis is replaced now and is down until the new deployment is up. Going back loses nothing. Go on?")
            .in_window()
            .expected(boot)
            .outage(boot)
            .limit(boot_limit),
    );
    parts.push_undo(
        Step::new(
            names::UPGRADE_UNDO,
            "Serve the data with the former image",
            "the data format is the same, so nothing is lost",
        )
        .effects(&["mount-undo", "image-undo", "start-undo", "deploy-undo"])
        .reverses(&[
            ("mount-undo", "mount"),
            ("image-undo", "image"),
            ("start-undo", "start"),
            ("deploy-undo", "deploy"),
        ])
        .expected(boot)
        .outage(boot)
        .limit(20 * MINUTE),
        &[names::UPGRADE],
    );
    Ok(())
}
