//! `lockstep plan`: shows what an upgrade would do, and changes nothing.

use lockstep_engine::model::{Digest, Plan, Severity, Target};
use lockstep_engine::run::Planner;

use crate::args::PlanArguments;
use crate::clock::now;
use crate::error::{CliError, OrExit as _};
use crate::exit::Exit;
use crate::output::Output;
use crate::render;
use crate::session::{Loaded, Opened, Session};

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
    let [component] = arguments.components.as_slice() else {
        return Err(CliError::words(Exit::Usage, "this version plans one component at a time"));
    };
    let opened = session.environment().await?;
    let planned = make(session, &opened, component).await?;
    show(&planned, output)?;
    if let Some(path) = &arguments.out {
        let json = planned.plan.to_json().or_exit(Exit::Failed)?;
        std::fs::write(path, json + "\n")
            .map_err(|error| {
                anyhow::Error::new(error).context(format!("could not write `{}`", path.display()))
            })
            .or_exit(Exit::Failed)?;
        output.say(&format!(
            "Written to {}. Apply it with `lockstep apply {}`.",
            path.display(),
            path.display()
        ));
    }
    Ok(if refused(&planned.plan) { Exit::Refused } else { Exit::Done })
}

/// Plans `target`, which is `component` or `component@version`.
pub(crate) async fn make(
    session: &Session,
    opened: &Opened,
    target: &str,
) -> Result<Planned, CliError> {
    let (component, desired) = match target.split_once('@') {
        Some((component, desired)) => (component, Some(desired.to_owned())),
        None => (target, None),
    };
    let mut loaded = session.plugin_for(component).await?;
    let grant = opened.grant(&loaded);
    let target = Target {
        component: component.to_owned(),
        environment: opened.name.clone(),
        desired,
        options: opened.options(&loaded.pin.name),
        now: now(),
    };
    let planner = Planner {
        world: &opened.drivers,
        reporter: &opened.announcer,
        grant: &grant,
        plugin: &loaded.pin,
        environment: &opened.name,
    };
    let plan = planner.plan(&mut loaded.plugin, &target).await.map_err(CliError::from)?;
    opened.announcer.finish();
    let digest = plan.authority.digest().or_exit(Exit::Failed)?;
    Ok(Planned { plan, digest, loaded })
}

/// Shows a plan to people, or as JSON.
pub(crate) fn show(planned: &Planned, output: &Output) -> Result<(), CliError> {
    output.say(&render::plan(&planned.plan, &planned.digest.to_string()));
    if refused(&planned.plan) {
        output.say("The plan refuses: mend what is marked ✗ and plan again.");
    } else if planned.plan.authority.steps.is_empty() {
        output.say("Nothing to do.");
    }
    output.json("plan", &serde_json::json!({ "digest": planned.digest, "plan": planned.plan }))
}

/// Returns whether a finding of the plan refuses it.
pub(crate) fn refused(plan: &Plan) -> bool {
    plan.evidence.findings.iter().any(|finding| finding.severity == Severity::Refusal)
}
