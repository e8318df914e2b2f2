//! `lockstep status`: what runs in the environment, and runs in progress.

use lockstep_engine::model::{DeploymentStatus, Read, Reading, ServiceRef};
use lockstep_engine::run::World as _;

use crate::error::{CliError, OrExit as _};
use crate::exit::Exit;
use crate::output::Output;
use crate::session::Session;

/// Runs the command.
pub(crate) async fn status(session: &Session, output: &Output) -> Result<Exit, CliError> {
    let opened = session.environment().await?;
    output.say(&format!("Environment {}", opened.name));
    let read = opened.drivers.read(&Read::Services).await.map_err(CliError::from)?;
    let services = if let Reading::Services(services) = read { services } else { Vec::new() };
    let mut rows = Vec::new();
    for service in services {
        let read = Read::Deployments(ServiceRef::Named(service.name.clone()), 1);
        let read = opened.drivers.read(&read).await.map_err(CliError::from)?;
        let newest =
            if let Reading::Deployments(newest) = read { newest.into_iter().next() } else { None };
        let state = newest
            .as_ref()
            .map_or_else(|| "never deployed".to_owned(), |newest| word(&newest.status));
        let image = service.image.clone().or(service.repository.clone()).unwrap_or_default();
        output.say(&format!("  {:<16} {state:<14} {image}", service.name));
        rows.push(serde_json::json!({
            "service": service.name, "state": state, "image": service.image,
            "digest": newest.and_then(|newest| newest.digest),
        }));
    }
    let held = session
        .store
        .holding(&opened.document.environment, &session.holder()?)
        .or_exit(Exit::Failed)?;
    if let Some(held) = &held {
        output.say(&format!(
            "Run {} holds the environment. Look at it: `lockstep show {}`",
            held.run, held.run
        ));
    }
    for weak in opened.drivers.redactor().weak_secrets() {
        output.say(&format!("! {weak} is too short to be searched for in what plugins see"));
    }
    output.json(
        "status",
        &serde_json::json!({
            "environment": opened.name, "services": rows, "held_by": held.map(|held| held.run),
        }),
    )?;
    Ok(Exit::Done)
}

fn word(status: &DeploymentStatus) -> String {
    match status {
        DeploymentStatus::InProgress(word) | DeploymentStatus::Other(word) => word.to_lowercase(),
        DeploymentStatus::Success => "healthy".to_owned(),
        DeploymentStatus::Stopped => "ended".to_owned(),
        DeploymentStatus::Failed(_) => "failed".to_owned(),
        DeploymentStatus::Crashed => "crashed".to_owned(),
        DeploymentStatus::Removed => "removed".to_owned(),
        DeploymentStatus::Skipped => "skipped".to_owned(),
        DeploymentStatus::NeedsApproval => "needs approval".to_owned(),
    }
}
