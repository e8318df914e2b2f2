//! The whole plan: survey, findings, steps.

use lockstep_sdk::blocks::Block;
use lockstep_sdk::blocks::pin::{self, Pin};
use lockstep_sdk::blocks::releases::{self, Release as Published};
use lockstep_sdk::image::Image;
use lockstep_sdk::outside::{Http, Railway, Sql};
use lockstep_sdk::step::{MINUTE, SECOND};
use lockstep_sdk::{Draft, Failure, Finding, Severity, Target, Version, Watch};

use super::parts::Parts;
use crate::context::Context;
use crate::declare::Declares;
use crate::findings::{self, OPEN_PATHS, Seen, overlap};
use crate::names::{self, COMPONENT, RELEASES};
use crate::options::Options;
use crate::running;
use crate::survey::{Survey, survey};
use crate::target::{self, Goal};
use crate::uncovered;
use crate::version::Release;

/// Where the releases are listed.
pub(crate) const PATH: &str = "/repos/BerriAI/litellm/releases";

/// Plans. Whatever forbids the plan is a finding; nothing is declared then.
pub(crate) fn plan<O: Railway + Sql + Http, D: Declares>(
    outside: &O,
    declare: &D,
    target: &Target,
) -> Result<Draft, Failure> {
    let unknown = || (Version::moving("unknown"), desired(target));
    if target.component != COMPONENT {
        let title = format!("`{}` is no component of this plugin", target.component);
        return Ok(Draft::bare(unknown(), vec![Finding::refusal("component", title)]));
    }
    let options = match Options::parse(target) {
        Ok(options) => options,
        Err(refusals) => return Ok(Draft::bare(unknown(), refusals)),
    };
    let survey = match survey(outside, &options)? {
        Ok(survey) => survey,
        Err(refusal) => return Ok(Draft::bare(unknown(), vec![refusal])),
    };
    let mut found = findings::standing(&survey);
    let (Ok(told), Ok(inside)) = (&survey.told, &survey.inside) else {
        return Ok(Draft::bare(unknown(), found));
    };
    let from = match running::find(outside, &survey.proxy, told)? {
        Ok((from, finding)) => {
            found.push(finding);
            from
        }
        Err(refusal) => {
            found.push(refusal);
            return Ok(Draft::bare(unknown(), found));
        }
    };
    let current = from.version(survey.proxy.digest().map(str::to_owned));
    let Some(repository) = survey.proxy.image().filter(is_known) else {
        found.push(unknown_image(&survey));
        return Ok(Draft::bare((current, desired(target)), found));
    };
    let published = read(outside, from)?;
    let goal = match target::find(outside, target.desired.as_deref(), &repository, &published)? {
        Ok(goal) => goal,
        Err(refusal) => {
            found.push(refusal);
            return Ok(Draft::bare((current, desired(target)), found));
        }
    };
    let versions = (current, goal.release.version(Some(goal.digest.clone())));
    if goal.release < from {
        found.push(findings::downgrade(from, goal.release));
        return Ok(Draft::bare(versions, found));
    }
    if survey.proxy.digest() == Some(goal.digest.as_str()) {
        return Ok(nothing_to_do(versions, found));
    }
    let seen = Seen {
        survey: &survey,
        inside,
        options: &options,
        from,
        goal: &goal,
        published: &published,
    };
    found.extend(findings::going(seen));
    found.push(chosen());
    let former = former(outside, &survey, &mut found)?;
    let (Some(former), Some(schema), Some(digest)) =
        (former, inside.schema(), survey.proxy.digest())
    else {
        return Ok(Draft::bare(versions, found));
    };
    if found.iter().any(Finding::refuses) {
        return Ok(Draft::bare(versions, found));
    }
    let context = context(seen, schema, digest);
    let mut parts =
        Parts { declare, seen, context: &context, former: &former, block: Block::default() };
    parts.prepare()?;
    parts.rehearse()?;
    parts.migrate()?;
    parts.switch()?;
    parts.finish()?;
    let Block { findings, steps, undo } = parts.block;
    found.extend(findings);
    let draft = Draft::bare(versions, Vec::new());
    let (watches, parameters) = (watches(), context.parameters());
    let uncovered = uncovered::lines(seen);
    Ok(Draft { findings: found, undo, watches, uncovered, parameters, ..draft }.of_steps(steps))
}

fn desired(target: &Target) -> Version {
    Version::moving(target.desired.as_deref().unwrap_or("recommended"))
}

/// Reads the releases from the newest one back to the one that runs.
fn read<O: Http>(outside: &O, from: Release) -> Result<Result<Vec<Published>, String>, Failure> {
    releases::read(outside, RELEASES, PATH, |page| {
        let known = page.iter().filter_map(|release| Release::parse(&release.tag));
        // A line that is still mended is released between newer ones, so one older release alone says nothing.
        let mut older = known.map(|release| release <= from).peekable();
        older.peek().is_some() && older.all(|is_older| is_older)
    })
}

fn is_known(image: &Image) -> bool {
    let name = image.repository.rsplit('/').next().unwrap_or_default();
    ["litellm", "litellm-database", "litellm-non_root"].contains(&name)
}

fn unknown_image(survey: &Survey) -> Finding {
    let image = survey.proxy.service.image.as_deref().unwrap_or("built from a repository");
    Finding::refusal("image", "the service runs an image that this plugin does not know")
        .evidence(format!("configured: {image}"))
        .remedy("the images `litellm` and `litellm-database` of LiteLLM's own registries are known")
}

/// Finds the image to go back to: what runs, proven to be there to pull.
fn former<O: Railway>(
    outside: &O,
    survey: &Survey,
    found: &mut Vec<Finding>,
) -> Result<Option<Pin>, Failure> {
    Ok(match pin::look(outside, &survey.proxy.service, survey.proxy.up(), None)? {
        Pin::Impossible(finding) => {
            found.push(finding);
            None
        }
        pin @ (Pin::Stands(_) | Pin::Set(_)) => Some(pin),
    })
}

fn context(seen: Seen<'_>, schema: &str, digest: &str) -> Context {
    let Seen { survey, inside, options, from, goal, .. } = seen;
    let set = survey.proxy.setting("healthcheck-path").filter(|path| OPEN_PATHS.contains(path));
    Context {
        service: options.service.clone(),
        database_service: options.database_service.clone(),
        schema: schema.to_owned(),
        from,
        to: goal.release,
        digest: digest.to_owned(),
        target: goal.digest.clone(),
        overlap: overlap(&survey.proxy),
        health: set.unwrap_or_else(|| from.health_path()).to_owned(),
        model: options.model.clone().or_else(|| inside.model().map(str::to_owned)),
        destructive: options.destructive,
    }
}

fn chosen() -> Finding {
    Finding::note("path", "the path is: rehearse the migration, migrate while the old proxy serves, then switch")
        .evidence("not by a proxy that migrates when it starts: it would go on serving after a migration that failed")
        .evidence("minor and major versions take the same path: what a version changes is found by the rehearsal, and not by its number")
        .source("plans.md 5.1")
}

fn watches() -> Vec<Watch> {
    let watch = |id: &str, title: &str, interval, trigger: &str| Watch {
        id: id.to_owned(),
        title: title.to_owned(),
        interval,
        effects: Vec::new(),
        trigger: trigger.to_owned(),
    };
    vec![
        watch(
            names::WATCH_SERVING,
            "the proxy is ready and has its database",
            15 * SECOND,
            "unhealthy",
        ),
        watch(
            names::WATCH_SCHEMA,
            "no statement of the proxy misses a table or a column, and no migration is unfinished",
            MINUTE,
            "unhealthy",
        ),
        // That nobody calls a model is no reason to go back.
        watch(names::WATCH_SPEND, "spend is written while calls are answered", 5 * MINUTE, "told"),
    ]
}

/// A plan without steps is in nobody's way, so what would forbid one is only a warning.
fn nothing_to_do(versions: (Version, Version), mut found: Vec<Finding>) -> Draft {
    found.push(Finding::note("path", "nothing to do: the wanted image runs already"));
    for finding in found.iter_mut().filter(|finding| finding.refuses()) {
        finding.severity = Severity::Warning;
    }
    Draft::bare(versions, found)
}

/// The goal's image as a reference.
pub(super) fn reference(goal: &Goal) -> String {
    goal.image.to_string()
}
