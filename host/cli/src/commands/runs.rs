//! `lockstep runs`: lists the runs of this store.

use lockstep_engine::journal::RunState;

use crate::clock::written;
use crate::error::{CliError, OrExit as _};
use crate::exit::Exit;
use crate::output::Output;
use crate::render::standing;
use crate::session::Session;

/// Runs the command.
pub(crate) async fn runs(session: &Session, output: &Output) -> Result<Exit, CliError> {
    let mut rows = Vec::new();
    for run in session.store.runs().await.or_exit(Exit::Failed)? {
        let records = session.store.records(&run.id).await.or_exit(Exit::Failed)?;
        let state = RunState::fold(&records).or_exit(Exit::Failed)?;
        let standing = standing(&state);
        output.say(&format!(
            "{}  {}  {:<10} {standing}",
            run.id,
            written(run.created),
            run.component
        ));
        rows.push(serde_json::json!({
            "run": run.id, "component": run.component, "created": run.created, "plan": run.plan,
            "records": run.records, "standing": standing, "over": run.last.as_deref() == Some("finished"),
        }));
    }
    if rows.is_empty() {
        output.say("No runs yet. Begin with `lockstep plan redis -e lab`.");
    }
    output.json("runs", &serde_json::json!({ "runs": rows }))?;
    Ok(Exit::Done)
}
