//! The break-glass file: what to do by hand when Lockstep itself is gone. Written before the first effect.

mod cluster;
mod data;
mod look;
mod railway;
mod shell;
mod short;

use std::path::{Path, PathBuf};

use lockstep_engine::model::{Authority, FrozenStep, Label, Plan, RunId, Step, Way};

use self::railway::Commands;
use crate::config::{Dialled, EnvironmentDocument, dialled};
use crate::error::{CliError, OrExit as _};
use crate::exit::Exit;
use crate::render::{effect, put, tame};
use crate::session::folder;

pub(crate) use self::short::short;

/// Functions that the commands use.
const HEADER: &str = include_str!("header.sh");

/// Returns where the file of `run` is.
pub(crate) fn path(directory: &Path, run: &str) -> PathBuf {
    folder(directory).join("break-glass").join(format!("{run}.md"))
}

/// Writes the file of `run`.
///
/// # Errors
/// It can't be written; then no run must begin.
pub(crate) fn write(
    directory: &Path,
    environment: &EnvironmentDocument,
    run: &RunId,
    plan: &Plan,
) -> Result<(), CliError> {
    let path = path(directory, run.as_str());
    let text = text(directory, &dialled(environment)?, run, &plan.authority);
    path.parent()
        .map_or(Ok(()), std::fs::create_dir_all)
        .and_then(|()| replace(&path, &text))
        .map_err(|error| {
            anyhow::Error::new(error)
                .context(format!("could not write the break-glass file `{}`", path.display()))
        })
        .or_exit(Exit::Failed)
}

/// Puts `text` in the place of the file whole: on a full disk the file of a run that goes on stays as it was.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let unfinished = path.with_extension("md.new");
    std::fs::write(&unfinished, text)?;
    std::fs::rename(unfinished, path)
}

fn text(directory: &Path, dialled: &Dialled, run: &RunId, authority: &Authority) -> String {
    let mut out = String::new();
    put(
        &mut out,
        &format!(
            "# Run {run}: {} {} → {} in environment {}\n",
            tame(&authority.component),
            tame(&authority.from.text),
            tame(&authority.to.text),
            authority.environment.name
        ),
    );
    put(
        &mut out,
        "What to do by hand when Lockstep can't be used any more. While it can, use `lockstep resume` and `lockstep rollback`: \
         they know what was done. Every command below needs bash, curl, grep and sed, and nothing of Lockstep. Paste one block \
         after the other into one shell, and read each answer before the next.\n",
    );
    let commands = Commands { authority, run };
    functions(&mut out, dialled);
    look(&mut out, directory, dialled, &commands);
    left(&mut out, authority);
    back(&mut out, &commands);
    out
}

fn functions(out: &mut String, dialled: &Dialled) {
    put(out, "## 1. Functions for the shell\n");
    put(
        out,
        &format!(
            "`{}` is a Railway token of this environment: project settings, tokens.\n",
            dialled.token_variable
        ),
    );
    let header = HEADER
        .replace("@API@", &dialled.api)
        .replace("@TOKEN@", &dialled.token_variable)
        .replace("@HEADER@", dialled.token_header);
    block(out, &header);
}

fn look(out: &mut String, directory: &Path, dialled: &Dialled, commands: &Commands<'_>) {
    let Commands { authority, run } = commands;
    put(out, "## 2. First, look\n");
    put(out, "What Railway has staged, what is deployed, and which backups there are:\n");
    let mut railway = commands.look_at_staged();
    for service in authority.pins.keys() {
        put(&mut railway, &format!("# {}", shell::word(service)));
        railway += &commands.look_at_deployments(service);
        railway += &commands.look_at_backups(service).unwrap_or_default();
    }
    block(out, &railway);
    let used = authority.effects.values().filter_map(|effect| short::connection(&effect.kind));
    let used: std::collections::BTreeSet<&str> = used.collect();
    for place in dialled.places.iter().filter(|place| used.contains(place.name.as_str())) {
        put(
            out,
            &format!(
                "`{}` is service `{}`, port {}; its password is in that service's variable `{}`. From outside Railway: \
                 `ssh -N -L {}:127.0.0.1:{} <service instance id>@ssh.railway.com` and 127.0.0.1.\n",
                tame(&place.name),
                tame(&place.service),
                place.port,
                tame(&place.variable),
                place.port,
                place.port
            ),
        );
        block(out, place.look());
    }
    let journal = folder(directory).join("journal.db");
    let journal = std::path::absolute(&journal).unwrap_or(journal);
    put(out, "What the run has done, from its journal (SQLite's own tool is enough):\n");
    let query = format!(
        "SELECT sequence, records.kind, body FROM records JOIN runs ON runs.number = records.run WHERE runs.id = '{run}' ORDER BY sequence"
    );
    block(
        out,
        &format!(
            "sqlite3 -readonly {} {}\n",
            shell::word(&journal.display().to_string()),
            shell::word(&query)
        ),
    );
}

/// What is left wherever the run stopped, as far as something is down.
fn left(out: &mut String, authority: &Authority) {
    put(out, "## 3. What is down, by the step that the run stopped in\n");
    let steps = authority.steps.iter().map(|frozen| &frozen.step);
    for step in steps.filter(|step| !step.outage.is_empty()) {
        let words = step.if_left.as_deref().unwrap_or("the plugin does not say");
        put(out, &format!("- `{}`: \u{201c}{}\u{201d}", step.id, tame(words)));
    }
    put(
        out,
        "\nGo back as below, or forward by doing the rest of the plan's steps in Railway's dashboard.\n",
    );
}

fn back(out: &mut String, commands: &Commands<'_>) {
    put(out, "## 4. The way back, last step first\n");
    put(out, "Leave out the steps that never began (see the journal above).\n");
    let numbered = commands.authority.steps.iter().enumerate().rev();
    for (index, frozen) in numbered {
        step_back(out, commands, index + 1, frozen);
    }
    for undo in commands.authority.closing() {
        put(out, "### At the very end\n");
        effects_back(out, commands, &undo.step);
    }
}

fn step_back(out: &mut String, commands: &Commands<'_>, number: usize, frozen: &FrozenStep) {
    let Commands { authority, .. } = commands;
    let ids = match &frozen.way {
        Way::Nothing => return,
        Way::Impossible(why) => {
            let words =
                format!("step {number}, `{}`, can't be undone: {}", frozen.step.id, tame(why));
            return put(out, &format!("### If {words}\n"));
        }
        Way::Steps(ids) => ids,
    };
    put(out, &format!("### If step {number}, `{}`, began\n", frozen.step.id));
    if let Some(loss) = &frozen.step.loss {
        put(out, &format!("This loses {}.\n", tame(loss)));
    }
    for undo in ids.iter().filter_map(|id| authority.undo_step(id)) {
        effects_back(out, commands, &undo.step);
    }
}

fn effects_back(out: &mut String, commands: &Commands<'_>, undo: &Step) {
    for label in &undo.effects {
        let Some(declared) = commands.authority.effects.get(label) else { continue };
        put(out, &format!("{}{}:\n", effect(&declared.kind), reverses(undo, label)));
        let command = commands.of(&declared.kind).or_else(|| data::of(&declared.kind));
        block(out, &command.unwrap_or_default());
    }
}

/// Returns the effects that one of an undo step reverses: where none of them happened, it is left out.
fn reverses(undo: &Step, label: &Label) -> String {
    let reversed: Vec<String> = undo
        .reverses
        .iter()
        .filter(|(mine, _)| mine == label)
        .map(|(_, theirs)| format!("`{theirs}`"))
        .collect();
    if reversed.is_empty() {
        return String::new();
    }
    format!(" (if {} happened)", reversed.join(" or "))
}

fn block(out: &mut String, commands: &str) {
    put(out, &format!("```sh\n{}\n```\n", commands.trim_end()));
}
