//! The break-glass file: what to do by hand when Lockstep itself is gone. Written before the first effect.

use std::fmt::Write as _;
use std::path::Path;

use lockstep_drivers::keeper;
use lockstep_engine::model::{Authority, Kind, Plan, RunId, ServiceRef, Way};

use crate::error::{CliError, OrExit as _};
use crate::exit::Exit;
use crate::render::tame;
use crate::session::folder;

/// Writes the file of `run`.
///
/// # Errors
/// It can't be written; then no run must begin.
pub(crate) fn write(directory: &Path, run: &RunId, plan: &Plan) -> Result<(), CliError> {
    let folder = folder(directory).join("break-glass");
    let path = folder.join(format!("{run}.md"));
    std::fs::create_dir_all(&folder)
        .and_then(|()| std::fs::write(&path, text(run, &plan.authority)))
        .map_err(|error| {
            anyhow::Error::new(error)
                .context(format!("could not write the break-glass file `{}`", path.display()))
        })
        .or_exit(Exit::Failed)
}

fn text(run: &RunId, authority: &Authority) -> String {
    let mut out = format!(
        "# Run {run}: {} {} → {} in environment {}\n\nIf Lockstep can't be run any more, this is what it would do. Project {}, environment {}.\n",
        tame(&authority.component),
        tame(&authority.from.text),
        tame(&authority.to.text),
        authority.environment.name,
        authority.environment.project_id,
        authority.environment.environment_id
    );
    put(&mut out, "\n## First, look\n\n    lockstep show --plan\n    railway status\n");
    for (name, pin) in &authority.pins {
        put(&mut out, &format!("- service `{name}` is {}", pin.service_id));
    }
    put(&mut out, "\n## The way back, last step first\n");
    for frozen in authority.steps.iter().rev() {
        match &frozen.way {
            Way::Nothing => {}
            Way::Impossible(why) => {
                put(
                    &mut out,
                    &format!("- step `{}` can't be undone: {}", frozen.step.id, tame(why)),
                );
            }
            Way::Steps(ids) => {
                put(&mut out, &format!("- if step `{}` began:", frozen.step.id));
                if let Some(loss) = &frozen.step.loss {
                    put(&mut out, &format!("  - this loses {}", tame(loss)));
                }
                let undo = ids.iter().filter_map(|id| authority.undo_step(id));
                let effects = undo
                    .flat_map(|undo| &undo.step.effects)
                    .filter_map(|label| authority.effects.get(label));
                for effect in effects {
                    put(&mut out, &format!("  - {}", by_hand(run, &effect.kind)));
                }
            }
        }
    }
    for label in authority.closing().flat_map(|undo| &undo.step.effects) {
        if let Some(effect) = authority.effects.get(label) {
            put(&mut out, &format!("- at the very end, {}", by_hand(run, &effect.kind)));
        }
    }
    out
}

/// Returns what a person does instead of the host.
fn by_hand(run: &RunId, kind: &Kind) -> String {
    let name = |service: &ServiceRef| {
        let (ServiceRef::Named(name) | ServiceRef::Made(name)) = service;
        word(name)
    };
    if let Kind::SetImage { service, image } = kind {
        return format!(
            "`railway service source connect --service {} --image {}`",
            name(service),
            word(image)
        );
    }
    if let Kind::Deploy { service, .. } = kind {
        return format!(
            "dashboard, service `{}`: Deploy (not Redeploy, which runs the old image again)",
            name(service)
        );
    }
    if let Kind::Stop { service } = kind {
        return format!("`railway down --service {}`", name(service));
    }
    if let Kind::RestoreVolume { service, backup_of } = kind {
        return format!(
            "dashboard, service `{}`, Backups: restore the backup whose name ends with `-{backup_of}`",
            name(service)
        );
    }
    if let Kind::RestoreVariables { service, names } = kind {
        let moves = names.iter().map(|variable| {
            format!("`{}` to `{}`", word(&keeper(run.as_str(), variable)), word(variable))
        });
        return format!(
            "dashboard, service `{}`: copy the value of {}",
            name(service),
            moves.collect::<Vec<_>>().join(", ")
        );
    }
    if let Kind::ForgetVariables { service, names } = kind {
        let kept = names.iter().map(|it| format!("`{}`", word(&keeper(run.as_str(), it))));
        return format!(
            "dashboard, service `{}`: delete {}",
            name(service),
            kept.collect::<Vec<_>>().join(", ")
        );
    }
    if let Kind::CommitStaged { .. } = kind {
        return "dashboard: apply the staged changes, after reading them".to_owned();
    }
    crate::render::effect(kind)
}

/// Returns a plugin's word as one word of a command line: a person may paste it into a shell.
fn word(text: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_./:@".contains(character);
    if text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", tame(text).replace('\'', "'\\''").replace('`', "'\\`'"))
}

fn put(out: &mut String, line: &str) {
    // Writing to a string can't fail.
    let _written = writeln!(out, "{line}");
}
