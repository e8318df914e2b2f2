//! Planning several components: `lockstep plan A B` and the beginning of `lockstep apply A B`.

use std::collections::BTreeSet;
use std::path::Path;

use lockstep_engine::model::{Composite, Description, Preview, Previewed, Stage};

use super::known::Known;
use super::order::{Following, order};
use super::proceed::proceed;
use super::whole::Whole;
use super::words;
use crate::args::{ApplyArguments, How, PlanArguments};
use crate::clock::now;
use crate::commands::fits::Earlier;
use crate::commands::plan::{Wish, make_with, write};
use crate::error::{CliError, OrExit as _};
use crate::exit::Exit;
use crate::failure::CannotPlan;
use crate::output::Output;
use crate::plugins::Loaded;
use crate::render::brief;
use crate::session::{Opened, Session};

/// Plans several components, shows every stage in full, and changes nothing.
pub(crate) async fn plan(
    session: &Session,
    arguments: &PlanArguments,
    output: &Output,
) -> Result<Exit, CliError> {
    let opened = session.environment().await?;
    let whole = compose(session, &opened, (&arguments.components, arguments.all)).await?;
    let composite = &whole.composite;
    output.say(&words::in_full(composite));
    output.say(&words::overview(composite, &|_| None));
    output.say(&words::together(&whole));
    output.json("composite", &words::document(&whole))?;
    if let Some(path) = &arguments.out {
        if whole.refuses() {
            output.say("Not written: what refuses the stages together would not be in the file.");
        } else {
            write(path, &composite.to_json().or_exit(Exit::Failed)?, output)?;
        }
    }
    let refuses = whole.refuses() || first_refuses(composite);
    Ok(if refuses { Exit::Refused } else { Exit::Done })
}

/// Carries out a composite plan that is made for this.
pub(crate) async fn apply(
    session: &Session,
    opened: &Opened,
    arguments: &ApplyArguments,
    output: &Output,
) -> Result<Exit, CliError> {
    let whole = compose(session, opened, (&arguments.targets, arguments.all)).await?;
    output.say(&words::together(&whole));
    if whole.refuses() {
        output.json("composite", &words::document(&whole))?;
        return Ok(Exit::Refused);
    }
    carry_out(session, whole.composite, &arguments.how, output).await
}

/// Shows all stages and goes on with the first that is not done.
pub(crate) async fn carry_out(
    session: &Session,
    composite: Composite,
    how: &How,
    output: &Output,
) -> Result<Exit, CliError> {
    let known = Known::of(session, composite).await?;
    output.say(&known.overview());
    proceed(session, known.into_composite(), how, None, output).await
}

/// Plans each component on the environment as it stands. What comes after a stage that has something to do is a preview, which
/// need not come about yet.
async fn compose(
    session: &Session,
    opened: &Opened,
    (targets, all): (&[String], bool),
) -> Result<Whole, CliError> {
    let installed = if all { Some(session.installed(opened.place()).await?) } else { None };
    let mut loaded = Vec::new();
    for wish in with_all(wishes(targets)?, installed.as_deref().unwrap_or_default()) {
        loaded.push((session.plugin_for(opened.place(), &wish.component).await?, wish));
    }
    let mut environment = None;
    let mut stages: Vec<Stage> = Vec::new();
    let mut earlier = Earlier::default();
    for (loaded, wish) in in_order(loaded)? {
        let made = make_with(session, opened, loaded, &wish, &earlier).await;
        let before = stages.iter().all(|stage| stage.preview.is_nothing());
        let preview = match made {
            Ok(planned) => {
                let (digest, plan) = (planned.digest, planned.plan);
                if !plan.refuses() {
                    earlier.add(&wish.component, &plan)?;
                }
                environment.get_or_insert_with(|| plan.authority.environment.clone());
                Preview::Planned(Box::new(Previewed { digest, plan }))
            }
            Err(error) if before || !is_the_plugins_own(&error) => return Err(error),
            Err(error) => Preview::Unplanned(brief(&format!("{:#}", error.error))),
        };
        let found = preview.planned().map(|previewed| previewed.plan.authority.to.text.clone());
        let Wish { component, desired } = wish;
        stages.push(Stage { component, desired: desired.or(found), preview });
    }
    let nothing = || CliError::words(Exit::Usage, "no component was named");
    let composite =
        Composite::new(now(), environment.ok_or_else(nothing)?, stages).or_exit(Exit::Failed)?;
    Whole::of(session, opened, composite, &earlier, installed.as_deref()).await
}

/// Adds every component that a plugin is installed for and that was not named.
fn with_all(mut wishes: Vec<Wish>, installed: &[Description]) -> Vec<Wish> {
    for component in installed.iter().flat_map(|plugin| &plugin.components) {
        if wishes.iter().all(|wish| wish.component != *component) {
            wishes.push(Wish { component: component.clone(), desired: None });
        }
    }
    wishes
}

/// Returns whether a plugin itself says that it can't plan yet. Whatever else keeps a plan from coming about, such as what was
/// denied, will do so at the stage's turn too.
fn is_the_plugins_own(error: &CliError) -> bool {
    error.error.chain().any(|cause| cause.downcast_ref::<CannotPlan>().is_some())
}

/// Reads what is to be upgraded.
fn wishes(targets: &[String]) -> Result<Vec<Wish>, CliError> {
    let mut seen = BTreeSet::new();
    let mut wishes = Vec::new();
    for target in targets {
        let path = Path::new(target);
        if path.extension().is_some_and(|extension| extension == "json") || path.is_file() {
            let words = format!("plan file `{}` stands among components", path.display());
            return Err(CliError::words(Exit::Usage, words).hint(
                "a plan file is applied by itself; `lockstep plan A B --out FILE` writes one of several components",
            ));
        }
        let wish = Wish::of(target);
        if !seen.insert(wish.component.clone()) {
            let words = format!("component `{}` is named twice", wish.component);
            return Err(CliError::words(Exit::Usage, words)
                .hint("a component is one stage: name the version that it ends with"));
        }
        wishes.push(wish);
    }
    Ok(wishes)
}

fn in_order(loaded: Vec<(Loaded, Wish)>) -> Result<Vec<(Loaded, Wish)>, CliError> {
    let following: Vec<Following<'_>> = loaded
        .iter()
        .map(|(loaded, wish)| Following {
            component: &wish.component,
            after: &loaded.description.after,
        })
        .collect();
    let order = order(&following)?;
    let mut ranked: Vec<_> = loaded
        .into_iter()
        .enumerate()
        .map(|(index, it)| (order.iter().position(|ordered| *ordered == index), it))
        .collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    Ok(ranked.into_iter().map(|(_, it)| it).collect())
}

fn first_refuses(composite: &Composite) -> bool {
    let first = composite.first().and_then(|index| composite.stages.get(index));
    first.and_then(|stage| stage.preview.planned()).is_some_and(|it| it.plan.refuses())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_is_named_once_and_a_plan_file_stands_alone() {
        let read = |targets: &[&str]| {
            wishes(&targets.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>())
        };
        let wishes = read(&["redis@7.0.15", "litellm"]).unwrap();
        assert_eq!(wishes[0].desired.as_deref(), Some("7.0.15"));
        assert_eq!((wishes[1].component.as_str(), wishes[1].desired.as_ref()), ("litellm", None));
        let twice = read(&["redis@7.0.15", "litellm", "redis"]).unwrap_err();
        assert_eq!(twice.error.to_string(), "component `redis` is named twice");
        let file = read(&["redis", "litellm.plan.json"]).unwrap_err();
        assert!(file.error.to_string().contains("stands among components"), "{:#}", file.error);
    }
}
