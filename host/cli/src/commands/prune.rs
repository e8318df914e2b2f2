//! `lockstep prune`: removes runs that ended long ago.

use lockstep_engine::model::Moment;

use crate::args::PruneArguments;
use crate::clock::{now, written};
use crate::error::{CliError, OrExit as _};
use crate::exit::Exit;
use crate::output::Output;
use crate::session::Session;

/// Runs the command.
pub(crate) async fn prune(
    session: &Session,
    arguments: &PruneArguments,
    output: &Output,
) -> Result<Exit, CliError> {
    let before = Moment(now().0.saturating_sub(arguments.older_than.0));
    let pruned = if arguments.dry_run {
        session.store.prunable(before).await
    } else {
        session.store.prune(before).await
    };
    let pruned = pruned.or_exit(Exit::Failed)?;
    let verb = if arguments.dry_run { "would be removed" } else { "removed" };
    let mut rows = Vec::new();
    for run in &pruned.runs {
        let ended = written(run.ended);
        output.say(&format!("{}  ended {ended}  {:<10} {verb}", run.id, run.component));
        rows.push(serde_json::json!({
            "run": run.id, "component": run.component, "environment": run.environment,
            "ended": run.ended, "records": run.records,
        }));
    }
    if pruned.runs.is_empty() {
        output.say(&format!("No run ended before {}.", written(before)));
    } else {
        let (runs, blobs) = (pruned.runs.len(), pruned.blobs.len());
        output.say(&format!(
            "Runs: {runs}. Blobs that only they rested on: {blobs}, {} bytes.",
            pruned.bytes
        ));
    }
    output.json(
        "prune",
        &serde_json::json!({
            "dry_run": arguments.dry_run, "before": before, "runs": rows, "blobs": pruned.blobs,
            "bytes": pruned.bytes,
        }),
    )?;
    Ok(Exit::Done)
}
