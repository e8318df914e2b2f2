//! Whose plugin a plan is made by, and what it may do that it could not do before.

use lockstep_engine::model::{Finding, Plan, Severity};
use lockstep_engine::policy::Grant;

use crate::error::{CliError, OrExit as _};
use crate::exit::Exit;
use crate::lockfile::FILE;
use crate::plugins::{Loaded, beyond, one};
use crate::session::{Opened, Session};

/// Returns what is to be said of a plan's plugin: where its bytes come from, if the lock file says so; and what it may do beyond
/// what the run before could, or beyond what the lock file has.
pub(super) async fn whose(
    session: &Session,
    opened: &Opened,
    plan: &Plan,
    loaded: &Loaded,
) -> Result<Vec<Finding>, CliError> {
    let grant = Grant::new(plan.authority.grant.clone());
    let mut found = Vec::new();
    let mut wider = Vec::new();
    if let Some(entry) = &loaded.entry {
        found.push(Finding {
            id: "plugin-locked".to_owned(),
            severity: Severity::Note,
            title: format!("the plugin is {}", loaded.origin),
            evidence: vec![format!("{FILE} holds `{}` at {}", opened.name, entry.digest)],
            remedy: None,
            source: None,
            mended_by: Vec::new(),
        });
        let more = beyond(&grant, &entry.grants);
        wider.extend(more.iter().map(|more| format!("{FILE} does not have {}", one(more))));
    }
    if let Some((run, before)) = last(session, opened, plan).await? {
        let more = beyond(&grant, &before.authority.grant);
        wider.extend(more.iter().map(|more| format!("run {run} could not do {}", one(more))));
    }
    if !wider.is_empty() {
        found.push(Finding {
            id: "plugin-may-more".to_owned(),
            severity: Severity::Warning,
            title: "the plugin may do more here than before".to_owned(),
            evidence: wider,
            remedy: Some("read the grants of this environment in lockstep.toml".to_owned()),
            source: None,
            mended_by: Vec::new(),
        });
    }
    Ok(found)
}

/// Returns the newest run of the same component in the same environment, with its plan. What can't be read, such as a newer
/// Lockstep's run, says nothing.
async fn last(
    session: &Session,
    opened: &Opened,
    plan: &Plan,
) -> Result<Option<(String, Plan)>, CliError> {
    let runs = session.store.runs().await.or_exit(Exit::Failed)?;
    let same = runs.into_iter().filter(|run| {
        run.environment == opened.document.environment && run.component == plan.authority.component
    });
    let Some(run) = same.max_by_key(|run| run.created) else { return Ok(None) };
    match session.plan_of(&run.id).await {
        Ok(before) => Ok(Some((run.id.to_string(), before))),
        Err(error) => {
            tracing::warn!(run = %run.id, error = %error.error, "the run before can't be read");
            Ok(None)
        }
    }
}
