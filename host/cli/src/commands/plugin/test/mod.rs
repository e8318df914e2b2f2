//! `lockstep plugin test`: a component under the real runtime, in every way in which a run may call it.
//!
//! Nothing is changed anywhere: reads are answered by a file or by an environment, and of effects it is only noted that they
//! would have been performed.

mod after;
mod answers;
mod ask;
mod desk;
mod sweep;

use lockstep_engine::model::Target;
use lockstep_engine::policy::Grant;

use self::answers::Answers;
use self::sweep::{Sweep, Swept};
use super::component;
use crate::args::{Global, Surroundings, TestArguments};
use crate::clock::now;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::Output;
use crate::render::brief;
use crate::session::{Opened, Session};

/// Runs the command.
pub(super) async fn test(
    global: &Global,
    surroundings: &Surroundings,
    arguments: &TestArguments,
    output: &Output,
) -> Result<Exit, CliError> {
    let bytes = component::read(&arguments.file)?;
    let found = component::load(global, &bytes).await?;
    let target = target(arguments, &found.description.components)?;
    let opened: Opened;
    let mut answers = if let Some(file) = &arguments.answers {
        Answers::read(file)?
    } else {
        let session = Session::open(global.clone(), surroundings.clone()).await?;
        opened = session.environment().await?;
        Answers::live(&opened.drivers)
    };
    let grant = Grant::new(found.description.requests.clone());
    let sweep = Sweep::new(found.plugin, &mut answers, grant);
    let swept = sweep.run(&target, |what| tracing::info!(what, "a sweep goes on")).await?;
    if let Some(file) = &arguments.record {
        answers.write(file)?;
        output.say(&format!("What was answered is in {}.", file.display()));
    }
    tell(&swept, output);
    output.json("plugin-test", &swept)?;
    Ok(if swept.breaches.is_empty() { Exit::Done } else { Exit::Failed })
}

/// Returns what to plan: what was named, or the one component that the plugin upgrades.
fn target(arguments: &TestArguments, components: &[String]) -> Result<Target, CliError> {
    let named = arguments.plan.as_deref().map(|plan| match plan.split_once('@') {
        Some((component, version)) => (component.to_owned(), Some(version.to_owned())),
        None => (plan.to_owned(), None),
    });
    let known = components.iter().map(|name| brief(name)).collect::<Vec<_>>().join(", ");
    let (component, desired) = match (named, components) {
        (Some(named), _) => named,
        (None, [only]) => (only.clone(), None),
        (None, _) => {
            return Err(CliError::words(
                Exit::Usage,
                "which component is to be planned is not said",
            )
            .hint(format!("name one with --plan: {known}")));
        }
    };
    if !components.contains(&component) {
        return Err(CliError::words(
            Exit::Usage,
            format!("the plugin does not upgrade `{component}`"),
        )
        .hint(format!("it upgrades: {known}")));
    }
    let option = |text: &String| {
        let (name, value) = text.split_once('=').ok_or_else(|| {
            CliError::words(Exit::Usage, format!("`{text}` is no option"))
                .hint("--option NAME=VALUE")
        })?;
        Ok((name.to_owned(), value.to_owned()))
    };
    let options = arguments.options.iter().map(option).collect::<Result<_, CliError>>()?;
    let environment = "test".to_owned();
    Ok(Target { component, environment, desired, options, now: now(), extra: Vec::new() })
}

fn tell(swept: &Swept, output: &Output) {
    let words = |texts: &[String]| texts.iter().map(|it| brief(it)).collect::<Vec<_>>().join(", ");
    output.say(&format!(
        "{} calls, {} of them cut off in the middle; steps: {}",
        swept.calls,
        swept.cut,
        if swept.steps.is_empty() { "none".to_owned() } else { words(&swept.steps) }
    ));
    for refusal in &swept.refused {
        output.say(&format!("· the plan refuses itself: {}", brief(refusal)));
    }
    let undone: Vec<String> =
        swept.steps.iter().filter(|step| !swept.done.contains(step)).cloned().collect();
    if !undone.is_empty() {
        output.say(&format!("· never done, as reads were answered: {}", words(&undone)));
    }
    for undaunted in &swept.undaunted {
        output.say(&format!("? finds everything good all the same: {}", brief(undaunted)));
    }
    for breach in &swept.breaches {
        output.say(&format!("✗ {}", brief(breach)));
    }
    match swept.breaches.len() {
        0 => output.say("✓ It kept the rules in all of them."),
        1 => output.say("One rule was broken."),
        many => output.say(&format!("{many} rules were broken.")),
    }
}
