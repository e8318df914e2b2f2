//! `lockstep runs`: lists the runs of this store.

use lockstep_engine::journal::RunState;

use super::stages::Known;
use crate::clock::written;
use crate::error::{CliError, OrExit as _};
use crate::exit::Exit;
use crate::output::Output;
use crate::render::standing;
use crate::session::Session;

/// Runs the command.
pub(crate) async fn runs(session: &Session, output: &Output) -> Result<Exit, CliError> {
    let stages = Known::all(session).await?;
    let mut rows = Vec::new();
    for run in session.store.runs().await.or_exit(Exit::Failed)? {
        let records = session.store.records(&run.id).await.or_exit(Exit::Failed)?;
        let state = RunState::fold(&records).or_exit(Exit::Failed)?;
        let standing = standing(&state);
        let of = stages.get(&run.id);
        let which =
            of.map_or_else(String::new, |(known, index)| format!(", {}", known.which(*index)));
        output.say(&format!(
            "{}  {}  {:<10} {standing}{which}",
            run.id,
            written(run.created),
            run.component
        ));
        rows.push(serde_json::json!({
            "run": run.id, "component": run.component, "created": run.created, "plan": run.plan,
            "records": run.records, "standing": standing, "over": run.last.as_deref() == Some("finished"),
            "stage": of.map(|(known, index)| known.json(*index)),
        }));
    }
    if rows.is_empty() {
        output.say("No runs yet. Begin with `lockstep plan redis -e lab`.");
    }
    for (known, index) in Known::left(session).await? {
        output.say(&known.aftermath(index, Exit::Done));
    }
    output.json("runs", &serde_json::json!({ "runs": rows }))?;
    Ok(Exit::Done)
}
