//! From Bitnami's image to the official one of the same minor version, on the same volume.

use lockstep_sdk::image::Image;
use lockstep_sdk::step::{MINUTE, SECOND};
use lockstep_sdk::{Declare, Failure, Finding, Step};

use super::Lineage;
use super::parts::{LONG_SOAK, Parts};
use crate::dir;
use crate::findings::{USER, told_to_append};
use crate::names;
use crate::start::{self, Unspeakable};
use crate::survey::{Inside, Survey};
use crate::target::Goal;

/// Returns the start command, or why there can be none.
///
/// The volume is mounted at the official image's own folder, so what follows the mount in the server's folder follows that.
pub(super) fn start_command(survey: &Survey, inside: &Inside) -> Result<String, Box<Finding>> {
    let (former, _) = dir::next(survey, &inside.server, Lineage::Bitnami)?;
    let mount = survey.redis.service.volume.as_ref().map_or("", |volume| volume.mount.as_str());
    let dir = format!("{}{}", dir::OFFICIAL, dir::below(&former, mount).unwrap_or_default());
    start::official(&inside.server, &dir).map_err(|Unspeakable(name)| {
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
    user(parts)?;
    parts.section(Some(&format!(
        "Redis is replaced now and is down until the new deployment is up. {}. Go on?",
        going_back(parts.survey)
    )));
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
            "RAILWAY_RUN_UID=0",
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
        .if_left("nothing: the server writes both files from then on")
        .undone_by(&[names::AOF_UNDO])
        .limit(30 * MINUTE),
    );
    parts.push_undo(
        Step::new(names::AOF_UNDO, "Switch the append-only file off again", "as it was")
            .effects(&["aof-off"])
            .if_left("nothing: the server writes both files")
            .reverses(&[("aof-off", "aof-on")]),
        &[],
    );
    Ok(())
}

/// Returns what going back costs.
pub(crate) fn going_back(survey: &Survey) -> &'static str {
    if starts_from_its_log(survey) {
        "Going back loses nothing"
    } else {
        "Going back saves first, because the former image starts from its last save; it loses what is written after that \
         save only if the server is then killed before it has saved once more"
    }
}

/// Returns whether the former image, when it starts again, reads the append-only file that the new one writes. What the
/// server was told since its start does not count then.
fn starts_from_its_log(survey: &Survey) -> bool {
    told_to_append(survey, Lineage::Bitnami) == Some(true)
}

/// Lets both images start as root, where nobody has decided otherwise. Once the official image has given the data to its
/// own user, the former one reads it only so; the undo step knows.
fn user<D: Declare>(parts: &mut Parts<'_, D>) -> Result<(), Failure> {
    if parts.survey.variables.iter().any(|variable| variable.name == USER) {
        return Ok(());
    }
    let service = &parts.context.service;
    parts.declare.set_variables("user", service, &[(USER, "0")])?;
    parts.declare.delete_variables("user-undo", service, &[USER])?;
    parts.push(
        Step::new(
            names::USER,
            "Start both images as root",
            "each gives the data to its own user then; otherwise the former image could not read what the new one wrote",
        )
        .effects(&["user"])
        .if_left("nothing: the variable counts from the next deployment on")
        .undone_by(&[names::USER_UNDO]),
    );
    parts.push_undo(
        Step::new(
            names::USER_UNDO,
            "Start the image as its own user again",
            "as it was; not where the new image has run, whose files the former one reads only as root",
        )
        .effects(&["user-undo"])
        .if_left("nothing: the variable counts from the next deployment on")
        .reverses(&[("user-undo", "user")]),
        &[],
    );
    Ok(())
}

/// A former image that is told to keep no append-only file starts from the last save: so a save comes before it.
fn save_before_going_back<D: Declare>(parts: &mut Parts<'_, D>) -> Result<(), Failure> {
    parts.declare.redis("back-save", &parts.context.connection, &["BGSAVE", "SCHEDULE"])?;
    parts.push_undo(
        Step::new(
            names::BACK_SAVE,
            "Save the data set for the former image and prove it",
            "it starts from the last save, because it keeps no append-only file",
        )
        .effects(&["back-save"])
        .if_left("nothing: the new server serves, and ends the save by itself")
        .reverses(&[("back-save", "deploy")])
        .expected(5 * SECOND)
        .limit(30 * MINUTE),
        &[names::CANARY],
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
    let mount = redis.service.volume.as_ref().map_or(dir::OFFICIAL, |volume| volume.mount.as_str());
    parts.declare.set_mount("mount", service, dir::OFFICIAL)?;
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
    let (boot_limit, back_limit) = (parts.boot_limit(), parts.back_limit());
    let undo: &[_] = if starts_from_its_log(parts.survey) {
        &[names::UPGRADE_UNDO]
    } else {
        save_before_going_back(parts)?;
        &[names::BACK_SAVE, names::UPGRADE_UNDO]
    };
    parts.push(
        parts
            .replacing(Step::new(
                names::UPGRADE,
                format!("Serve the data with the official Redis {}", goal.version),
                "Bitnami's image is no longer published",
            ))
            .effects(&["mount", "image", "start", "deploy"])
            .undone_by(undo)
            .limit(boot_limit),
    );
    parts.push_undo(
        parts
            .replacing_back(Step::new(
                names::UPGRADE_UNDO,
                "Serve the data with the former image",
                "the data format is the same",
            ))
            .effects(&["mount-undo", "image-undo", "start-undo", "deploy-undo"])
            .reverses(&[
                ("mount-undo", "mount"),
                ("image-undo", "image"),
                ("start-undo", "start"),
                ("deploy-undo", "deploy"),
            ])
            .limit(back_limit),
        &[names::UPGRADE],
    );
    Ok(())
}
