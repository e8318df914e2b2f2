//! `LiteLLM`: itself where the lab has it, and else a stand-in; serving, or told to migrate, as its own chart tells it to.

use serde_json::json;

use super::{
    Launch, LaunchError,
    entry::Entry,
    process::{Prepared, create_folder, note, write_private},
    stand_in, start_command,
    start_command::{Paths, quoted},
};
use crate::{
    programs::{LiteLlm, Programs},
    stand_in::{Kind, MODEL, version_of},
};

/// The script in the image that migrates and ends.
const SCRIPT: &str = "litellm/proxy/prisma_migration.py";

/// What the image starts. Where it listens is told by variables.
const COMMAND: &str = "litellm";

/// Programs of the image.
const PROGRAMS: [&str; 3] = ["litellm", "python", "prisma"];

/// `LiteLLM` itself of the image's version, if it is here.
pub(super) fn program<'p>(image: &str, programs: &'p Programs) -> Option<&'p LiteLlm> {
    programs.litellm(&version_of(image))
}

/// What starts for the image.
pub(super) fn prepare(launch: &Launch) -> Result<Prepared, LaunchError> {
    if let Some(litellm) = program(&launch.image, &launch.programs) {
        return itself(launch, litellm);
    }
    if !migrates(launch) {
        return stand_in::prepare(launch, Kind::LiteLlm);
    }
    note(&launch.log, &format!("a stand-in does the work of `{SCRIPT}`"))?;
    let launch = Launch { start_command: None, ..launch.clone() };
    stand_in::prepare(&launch, Kind::LiteLlmMigration)
}

/// Whether the start command is the script that migrates.
fn migrates(launch: &Launch) -> bool {
    let words = launch.start_command.as_deref().map(start_command::words);
    matches!(words, Some(Ok(words)) if words.iter().any(|word| word.ends_with(SCRIPT)))
}

fn itself(launch: &Launch, litellm: &LiteLlm) -> Result<Prepared, LaunchError> {
    note(
        &launch.log,
        &format!(
            "LiteLLM {} is real, and so are its migrations; what applies them in place of Prisma's schema engine is the lab's",
            litellm.version()
        ),
    )?;
    let home = launch.scratch.join("files");
    create_folder(&home)?;
    let settings = home.join("settings.yaml");
    write_private(&settings, &model())?;
    let mut launch = launch.clone();
    let text = |path: std::path::PathBuf| path.to_string_lossy().into_owned();
    for (name, value) in [
        ("HOME", text(home.clone())),
        ("HOST", launch.address.to_string()),
        ("PRISMA_QUERY_ENGINE_BINARY", text(litellm.program("query-engine"))),
    ] {
        launch.variables.insert(name.to_owned(), value);
    }
    launch.variables.entry("CONFIG_FILE_PATH".to_owned()).or_insert_with(|| text(settings));
    // It copies its migrations there and writes beside them, which a container would lose.
    let migrations = text(home.join("migrations"));
    launch.variables.entry("LITELLM_MIGRATION_DIR".to_owned()).or_insert(migrations);
    let entry = PROGRAMS.iter().fold(Entry::new(&launch, Paths::default()), |entry, name| {
        let program = text(litellm.program(name));
        entry.with(
            name,
            &format!("exec {} \"$@\"", quoted(&program)),
            &["/usr/bin", "/app/.venv/bin"],
        )
    });
    let command = launch.start_command.as_deref().unwrap_or(COMMAND);
    Ok(Prepared { folder: litellm.site(), ..entry.started_by(&launch, command)? })
}

/// Settings with one model, which answers by itself: a fresh database has none, and nobody here has a provider.
fn model() -> String {
    let parameters = json!({"model": "openai/lab", "api_key": "none", "mock_response": MODEL});
    json!({"model_list": [{"model_name": MODEL, "litellm_params": parameters}]}).to_string()
}
