//! `lockstep plan`: shows what an upgrade would do, and changes nothing.

use std::path::Path;

use lockstep_engine::model::{Digest, Plan, Target};
use lockstep_engine::policy::{Grant, Watching};
use lockstep_engine::run::{PlanError, Planner};

use super::fits::Earlier;
use super::stages;
use super::staging::staged_first;
use super::whose::whose;
use crate::args::PlanArguments;
use crate::clock::now;
use crate::config;
use crate::error::{CliError, OrExit as _};
use crate::exit::Exit;
use crate::output::Output;
use crate::plugins::Loaded;
use crate::render::{self, lines_to_add, tame};
use crate::session::{Opened, Session};

/// A plan with what made it.
pub(crate) struct Planned {
    /// The plan.
    pub(crate) plan: Plan,
    /// The digest of its authority.
    pub(crate) digest: Digest,
    /// The plugin.
    pub(crate) loaded: Loaded,
}

/// Runs the command.
pub(crate) async fn plan(
    session: &Session,
    arguments: &PlanArguments,
    output: &Output,
) -> Result<Exit, CliError> {
    let component = match arguments.components.as_slice() {
        [component] if !arguments.all => component,
        _ => return Box::pin(stages::plan(session, arguments, output)).await,
    };
    let opened = session.environment().await?;
    let planned = make(session, &opened, &Wish::of(component)).await?;
    show(&planned, output)?;
    if let Some(path) = &arguments.out {
        write(path, &planned.plan.to_json().or_exit(Exit::Failed)?, output)?;
    }
    Ok(if planned.plan.refuses() { Exit::Refused } else { Exit::Done })
}

/// Writes a plan file.
pub(super) fn write(path: &Path, json: &str, output: &Output) -> Result<(), CliError> {
    let path_shown = path.display();
    std::fs::write(path, format!("{json}\n"))
        .map_err(|error| {
            anyhow::Error::new(error).context(format!("could not write `{path_shown}`"))
        })
        .or_exit(Exit::Failed)?;
    output.say(&format!("Written to {path_shown}. Apply it with `lockstep apply {path_shown}`."));
    Ok(())
}

/// What is to be upgraded, and to which version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wish {
    /// The component.
    pub(super) component: String,
    /// The version; none means the plugin's recommendation.
    pub(super) desired: Option<String>,
}

impl Wish {
    /// Reads `component` or `component@version`.
    pub(super) fn of(text: &str) -> Self {
        let (component, desired) = match text.split_once('@') {
            Some((component, desired)) => (component, Some(desired.to_owned())),
            None => (text, None),
        };
        Self { component: component.to_owned(), desired }
    }
}

/// Plans what is wished for.
pub(super) async fn make(
    session: &Session,
    opened: &Opened,
    wish: &Wish,
) -> Result<Planned, CliError> {
    let loaded = Box::pin(session.plugin_for(opened.place(), &wish.component)).await?;
    make_with(session, opened, loaded, wish, &Earlier::default()).await
}

/// Plans what is wished for with a plugin that is loaded already, after stages that are done before.
pub(super) async fn make_with(
    session: &Session,
    opened: &Opened,
    mut loaded: Loaded,
    wish: &Wish,
    earlier: &Earlier,
) -> Result<Planned, CliError> {
    let grant = opened.grant(&loaded);
    let target = Target {
        component: wish.component.clone(),
        environment: opened.name.clone(),
        desired: wish.desired.clone(),
        options: opened.options(&loaded.called),
        now: now(),
        extra: Vec::new(),
    };
    let canaries = config::canaries(&opened.document)?;
    let watching = Watching { canaries, ..opened.document.watches.watching() };
    let planner = Planner {
        world: &opened.drivers,
        reporter: &opened.announcer,
        grant: &grant,
        plugin: &loaded.pin,
        environment: &opened.name,
        watching: &watching,
    };
    let made = Box::pin(planner.plan(&mut loaded.plugin, &target)).await;
    let mut plan = made.map_err(|error| no_plan(error, &loaded, &grant))?;
    if !plan.is_nothing() {
        let upgraded = (wish.component.as_str(), &plan.authority.to);
        let found = earlier.findings(opened, &loaded.description.rules, upgraded).await?;
        plan.evidence.findings.extend(found);
        plan.evidence.findings.extend(staged_first(session, opened, &plan).await?);
        plan.evidence.findings.extend(Box::pin(whose(session, opened, &plan, &loaded)).await?);
    }
    opened.announcer.finish();
    let digest = plan.authority.digest().or_exit(Exit::Failed)?;
    Ok(Planned { plan, digest, loaded })
}

/// Returns why there is no plan; with the grants that the plugin will ask for next, if it was denied one.
fn no_plan(error: PlanError, loaded: &Loaded, grant: &Grant) -> CliError {
    let denied: Vec<String> = match &error {
        PlanError::Failed { denied, .. } => {
            denied.iter().flat_map(lines_to_add).map(str::to_owned).collect()
        }
        PlanError::World(_) | PlanError::Unhashable(_) => return CliError::from(error),
        PlanError::Guest(_) | PlanError::Freeze(_) | PlanError::Unstable { .. } => Vec::new(),
    };
    let error = CliError::from(error).within(format!("{} made no plan", loaded.title()));
    if denied.is_empty() {
        return error;
    }
    let next: Vec<String> = grant
        .missing(&loaded.description.requests)
        .map(|request| (grant.lines(request), tame(&request.why)))
        .filter(|(lines, _)| !denied.iter().any(|denied| denied == lines.trim_end()))
        .map(|(lines, why)| format!("{lines}# its author says why: {why}"))
        .collect();
    if next.is_empty() {
        return error;
    }
    error.hint(format!(
        "it asks for {} more; read each before you add it:\n{}",
        next.len(),
        next.join("\n")
    ))
}

/// Shows a plan to people, or as JSON.
pub(crate) fn show(planned: &Planned, output: &Output) -> Result<(), CliError> {
    output.say(&render::plan(&planned.plan, &planned.digest.to_string()));
    if planned.plan.refuses() {
        output.say("The plan refuses: mend what is marked ✗ and plan again.");
    } else if planned.plan.authority.steps.is_empty() {
        output.say("Nothing to do.");
    }
    output.json("plan", &serde_json::json!({ "digest": planned.digest, "plan": planned.plan }))
}
