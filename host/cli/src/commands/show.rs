//! `lockstep show`: one run, its records and where it stands.

use lockstep_store::Verified;

use super::resume::{find, named};
use super::stages::Known;
use crate::args::ShowArguments;
use crate::clock::written;
use crate::error::{CliError, OrExit as _};
use crate::exit::Exit;
use crate::failure::flawed;
use crate::output::Output;
use crate::render;
use crate::session::Session;

/// Runs the command.
pub(crate) async fn show(
    session: &Session,
    arguments: &ShowArguments,
    output: &Output,
) -> Result<Exit, CliError> {
    if arguments.verify {
        let run = named(session, &arguments.run).await?;
        let proven = session.store.verify(&run, arguments.head.as_ref()).await.map_err(flawed)?;
        verified(&proven, output)?;
        return Ok(Exit::Done);
    }
    let kept = find(session, &arguments.run).await?;
    let records = session.store.records(&kept.run).await.or_exit(Exit::Failed)?;
    if arguments.plan {
        let digest = kept.plan.authority.digest().or_exit(Exit::Failed)?;
        output.say(&render::plan(&kept.plan, &digest.to_string()));
    }
    output.say(&format!("Run {}: {}", kept.run, render::standing(&kept.state)));
    let stage = Known::of_run(session, &kept.run).await?;
    if let Some((known, index)) = &stage {
        output.say(&format!("It is {}.", known.which(*index)));
        output.say(&known.overview());
    }
    for record in &records {
        output.say(&format!(
            "  {:>4}  {}  {}",
            record.sequence,
            written(record.at),
            render::event(&record.event)
        ));
    }
    for line in render::ledger(&kept.state.canaries) {
        output.say(&format!("Canary {line}."));
    }
    let head = session.store.head(&kept.run).await.or_exit(Exit::Failed)?;
    output.say(&format!("Head: record {}, {}", head.next.saturating_sub(1), head.digest));
    output.json("run", &serde_json::json!({
        "run": kept.run, "standing": render::standing(&kept.state), "head": head, "records": records, "plan": kept.plan,
        "canaries": kept.state.canaries, "stage": stage.map(|(known, index)| known.json(index)),
    }))?;
    Ok(Exit::Done)
}

/// Says that a run is what was written.
pub(super) fn verified(proven: &Verified, output: &Output) -> Result<(), CliError> {
    let Verified { run, head, attachments } = proven;
    output.say(&format!(
        "Run {run} is as it was written: {} records and {attachments} attachments.",
        head.next
    ));
    output.say(&format!("Head: record {}, {}", head.next.saturating_sub(1), head.digest));
    output.json(
        "verified",
        &serde_json::json!({ "run": run, "records": head.next, "head": head, "attachments": attachments }),
    )
}
