//! `lockstep export`: one run as lines of JSON, which prove themselves without the store.

use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::Path;

use lockstep_store::{Export, verify_export};

use super::resume::named;
use super::show::verified;
use crate::args::ExportArguments;
use crate::error::{CliError, OrExit as _};
use crate::exit::Exit;
use crate::failure::unproven;
use crate::output::Output;
use crate::session::Session;

/// Runs the command.
pub(crate) async fn export(
    session: &Session,
    arguments: &ExportArguments,
    output: &Output,
) -> Result<Exit, CliError> {
    if session.global.json && arguments.out.is_none() {
        return Err(CliError::words(Exit::Usage, "an export is lines of JSON by itself")
            .hint("leave out --json, or name a file with --out"));
    }
    let run = named(session, &arguments.run).await?;
    let export = session.store.export(&run).await.or_exit(Exit::Failed)?;
    let Some(path) = &arguments.out else {
        for line in export.lines() {
            output.lines(line)?;
        }
        return Ok(Exit::Done);
    };
    write(&export, path)
        .map_err(|error| {
            anyhow::Error::new(error).context(format!("could not write `{}`", path.display()))
        })
        .or_exit(Exit::Failed)?;
    output.say(&format!(
        "Run {run} with {} records is in {}. Prove it with `lockstep export --verify {}`.",
        export.records(),
        path.display(),
        path.display()
    ));
    output.json(
        "export",
        &serde_json::json!({ "run": run, "records": export.records(), "file": path }),
    )?;
    Ok(Exit::Done)
}

/// Proves a file that was exported, which needs no store.
pub(crate) fn verify_file(path: &Path, output: &Output) -> Result<Exit, CliError> {
    let file = File::open(path)
        .map_err(|error| {
            anyhow::Error::new(error).context(format!("could not read `{}`", path.display()))
        })
        .or_exit(Exit::Usage)?;
    let mut lines = BufReader::new(file);
    // Reading a folder fails only now.
    lines.fill_buf().or_exit(Exit::Usage)?;
    let proven = verify_export(lines, None).map_err(unproven)?;
    verified(&proven, output)?;
    Ok(Exit::Done)
}

fn write(export: &Export, path: &Path) -> std::io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    for line in export.lines() {
        writeln!(file, "{line}")?;
    }
    file.into_inner()?.sync_all()
}
