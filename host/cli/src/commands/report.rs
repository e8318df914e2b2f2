//! `lockstep report`: what a run did, as Markdown.

use super::resume::find;
use super::stages::Known;
use crate::args::ReportArguments;
use crate::error::{CliError, OrExit as _};
use crate::exit::Exit;
use crate::output::Output;
use crate::render::{self, Report, StageLine, Stages};
use crate::session::Session;

/// Runs the command.
pub(crate) async fn report(
    session: &Session,
    arguments: &ReportArguments,
    output: &Output,
) -> Result<Exit, CliError> {
    if session.global.json && arguments.out.is_none() {
        return Err(CliError::words(Exit::Usage, "a report is Markdown by itself").hint(
            "leave out --json, or name a file with --out; `lockstep show --json` prints the run",
        ));
    }
    let kept = find(session, &arguments.run).await?;
    let records = session.store.records(&kept.run).await.or_exit(Exit::Failed)?;
    let head = session.store.head(&kept.run).await.or_exit(Exit::Failed)?;
    let stage = Known::of_run(session, &kept.run).await?;
    let text = render::report(&Report {
        run: &kept.run,
        state: &kept.state,
        plan: &kept.plan,
        records: &records,
        head: &head,
        stages: stage.as_ref().map(|(known, index)| stages(known, *index)),
    });
    let Some(path) = &arguments.out else {
        output.lines(text.trim_end())?;
        return Ok(Exit::Done);
    };
    std::fs::write(path, text)
        .map_err(|error| {
            anyhow::Error::new(error).context(format!("could not write `{}`", path.display()))
        })
        .or_exit(Exit::Failed)?;
    output.say(&format!("What run {} did is told in {}.", kept.run, path.display()));
    output.json("report", &serde_json::json!({ "run": kept.run, "file": path }))?;
    Ok(Exit::Done)
}

/// Returns what is reported of a composite plan that the run is a stage of.
fn stages(known: &Known, index: usize) -> Stages<'_> {
    let lines = known.indices().filter_map(|other| {
        let stage = known.stage(other)?;
        let ran = known.run(other);
        Some(StageLine {
            component: &stage.component,
            run: ran.map(|ran| &ran.run),
            standing: ran.map(|ran| ran.standing.as_str()),
        })
    });
    Stages { composite: &known.composite().id, index, lines: lines.collect() }
}
