//! `lockstep show`: one run, its records and where it stands.

use super::resume::find;
use crate::args::ShowArguments;
use crate::clock::written;
use crate::error::{CliError, OrExit as _};
use crate::exit::Exit;
use crate::output::Output;
use crate::render;
use crate::session::Session;

/// Runs the command.
pub(crate) async fn show(
    session: &Session,
    arguments: &ShowArguments,
    output: &Output,
) -> Result<Exit, CliError> {
    let kept = find(session, &arguments.run).await?;
    let records = session.store.records(&kept.run).await.or_exit(Exit::Failed)?;
    if arguments.plan {
        let digest = kept.plan.authority.digest().or_exit(Exit::Failed)?;
        output.say(&render::plan(&kept.plan, &digest.to_string()));
    }
    output.say(&format!("Run {}: {}", kept.run, render::standing(&kept.state)));
    for record in &records {
        output.say(&format!(
            "  {:>4}  {}  {}",
            record.sequence,
            written(record.at),
            render::event(&record.event)
        ));
    }
    let head = session.store.head(&kept.run).await.or_exit(Exit::Failed)?;
    output.say(&format!("Head: record {}, {}", head.next.saturating_sub(1), head.digest));
    output.json("run", &serde_json::json!({
        "run": kept.run, "standing": render::standing(&kept.state), "head": head, "records": records, "plan": kept.plan,
    }))?;
    Ok(Exit::Done)
}
