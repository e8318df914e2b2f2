//! The whole plan: survey, findings, steps.

use lockstep_sdk::blocks::Block;
use lockstep_sdk::blocks::pin::{self, Pin};
use lockstep_sdk::blocks::releases::{self, Release as Published};
use lockstep_sdk::image::Image;
use lockstep_sdk::outside::{Http, Railway, Redis, Sql};
use lockstep_sdk::running::Running;
use lockstep_sdk::step::{MINUTE, SECOND};
use lockstep_sdk::{Draft, Failure, Finding, Severity, Target, Version, Watch};

use super::parts::{Leaving, Parts};
use super::switch::FROZEN;
use crate::context::{Context, Part};
use crate::database::DROPPED;
use crate::declare::Declares;
use crate::findings::{self, Seen};
use crate::names::{self, COMPONENT, RELEASES};
use crate::options::Options;
use crate::route::Route;
use crate::running;
use crate::survey::{Survey, survey};
use crate::target::{self, Goal};
use crate::three::{self, Entering};
use crate::uncovered;
use crate::version::Release;

/// Where the releases are listed.
pub(crate) const PATH: &str = "/repos/langfuse/langfuse/releases";

/// Both versions of a plan.
type Versions = (Version, Version);

/// Plans. Whatever forbids the plan is a finding; nothing is declared then.
pub(crate) fn plan<O: Railway + Sql + Http + Redis, D: Declares>(
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
    let survey = match survey(outside, &options, target.now)? {
        Ok(survey) => survey,
        Err(refusal) => return Ok(Draft::bare(unknown(), vec![refusal])),
    };
    let mut found = findings::standing(&survey);
    let Ok(told) = &survey.told else {
        // What keeps it down is often among what else is wrong.
        found.extend(findings::parts(&survey));
        return Ok(Draft::bare(unknown(), found));
    };
    let from = match running::find(outside, (&survey.web, survey.worker.as_ref()), told)? {
        Ok((from, finding)) => {
            found.push(finding);
            from
        }
        Err(refusal) => {
            found.push(refusal);
            return Ok(Draft::bare(unknown(), found));
        }
    };
    let current = from.version(survey.web.digest().map(str::to_owned));
    let Some(web) = image(&survey.web, &mut found) else {
        return Ok(Draft::bare((current, desired(target)), found));
    };
    let worker = survey.worker.as_ref().and_then(|worker| image(worker, &mut found));
    let published = read(outside, from)?;
    let wanted = target.desired.as_deref();
    let goal = match target::find(outside, wanted, from, (&web, worker.as_ref()), &published)? {
        Ok(goal) => goal,
        Err(refusal) => {
            found.push(refusal);
            return Ok(Draft::bare((current, desired(target)), found));
        }
    };
    let versions = (current, goal.release.version(Some(goal.web.digest.clone())));
    let route = match Route::between(from, goal.release) {
        Ok(route) => route,
        Err(refusal) => {
            found.push(refusal);
            return Ok(Draft::bare(versions, found));
        }
    };
    if route == Route::ToThree {
        let entering = Entering {
            survey: &survey,
            options: &options,
            from,
            goal: &goal,
            published: &published,
        };
        return three::plan(outside, declare, entering, (versions, found));
    }
    let runs =
        |running: Option<&Running>, digest: &str| running.and_then(Running::digest) == Some(digest);
    if runs(Some(&survey.web), &goal.web.digest)
        && runs(survey.worker.as_ref(), &goal.worker.digest)
    {
        return Ok(nothing_to_do(versions, found));
    }
    let asked = Asked { survey: &survey, options: &options, route, from, goal: &goal };
    exchange(outside, declare, asked, &published, (versions, found))
}

/// What is to be done, and where.
#[derive(Clone, Copy)]
struct Asked<'a> {
    survey: &'a Survey,
    options: &'a Options,
    route: Route,
    from: Release,
    goal: &'a Goal,
}

/// Plans that both services are exchanged for those of another version.
fn exchange<O: Railway + Sql + Http, D: Declares>(
    outside: &O,
    declare: &D,
    asked: Asked<'_>,
    published: &Result<Vec<Published>, String>,
    (versions, mut found): (Versions, Vec<Finding>),
) -> Result<Draft, Failure> {
    let Asked { survey, options, route, from, goal } = asked;
    found.extend(findings::parts(survey));
    let (Ok(inside), Ok(columns)) = (&survey.inside, &survey.columns) else {
        return Ok(Draft::bare(versions, found));
    };
    let seen = Seen { survey, inside, columns, options, route, from, goal, published };
    found.extend(findings::going(seen));
    if let (Route::ToFour, Some(schema), Ok(columns)) = (route, inside.schema(), &survey.schema) {
        let counted = findings::counts(outside, schema, columns, &DROPPED)?;
        found.push(findings::moved(&counted, inside.background.as_deref().unwrap_or_default()));
    }
    found.push(chosen(route));
    let Some(worker) = &survey.worker else { return Ok(Draft::bare(versions, found)) };
    let pins = [former(outside, &survey.web, &mut found)?, former(outside, worker, &mut found)?];
    let [web_pin, worker_pin] = &pins;
    let leaving = (Leaving::of(&survey.web, web_pin), Leaving::of(worker, worker_pin));
    let (Some(web), Some(worker), Some(context)) = (leaving.0, leaving.1, context(seen)) else {
        return Ok(Draft::bare(versions, found));
    };
    if found.iter().any(Finding::refuses) {
        return Ok(Draft::bare(versions, found));
    }
    let mut parts =
        Parts { declare, seen, context: &context, web, worker, block: Block::default() };
    parts.prepare()?;
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
        // Two lines are released beside each other, so one older release alone says nothing.
        let mut older = known.map(|release| release <= from).peekable();
        older.peek().is_some() && older.all(|is_older| is_older)
    })
}

/// Returns a service's image, if it is one of Langfuse's.
fn image(running: &Running, found: &mut Vec<Finding>) -> Option<Image> {
    let is_known = |image: &Image| {
        let name = image.repository.rsplit('/').next().unwrap_or_default();
        ["langfuse", "langfuse-worker"].contains(&name)
    };
    let image = running.image().filter(is_known);
    if image.is_none() {
        let configured = running.service.image.as_deref().unwrap_or("built from a repository");
        let title = format!("`{}` runs an image that this plugin does not know", running.name());
        found.push(
            Finding::refusal("image", title)
                .evidence(format!("configured: {configured}"))
                .remedy("the images `langfuse` and `langfuse-worker` of Langfuse's own registries are known"),
        );
    }
    image
}

/// Finds the image to go back to: what runs, proven to be there to pull.
fn former<O: Railway>(
    outside: &O,
    running: &Running,
    found: &mut Vec<Finding>,
) -> Result<Pin, Failure> {
    let pin = pin::look(outside, &running.service, running.up(), None)?;
    if let Pin::Impossible(finding) = &pin {
        found.push(finding.clone());
    }
    Ok(pin)
}

fn context(seen: Seen<'_>) -> Option<Context> {
    let Seen { survey, inside, options, route, from, goal, .. } = seen;
    let part = |running: &Running, target: &str| {
        Some(Part {
            service: running.name().to_owned(),
            digest: running.digest()?.to_owned(),
            target: target.to_owned(),
        })
    };
    let storage = survey.storage.as_ref().filter(|storage| storage.service.volume.is_some());
    Some(Context {
        route,
        from,
        to: goal.release,
        web: part(&survey.web, &goal.web.digest)?,
        worker: part(survey.worker.as_ref()?, &goal.worker.digest)?,
        database: survey.database.name().to_owned(),
        clickhouse: survey.clickhouse.as_ref()?.name().to_owned(),
        storage: storage.map(|storage| storage.name().to_owned()),
        schema: inside.schema()?.to_owned(),
        columns: survey.schema.clone().ok()?,
        traced: survey.keys.is_ok(),
        stall_limit: options.stall_limit,
        patience: survey.web.setting("healthcheck-timeout").map(str::to_owned),
        wait: findings::wait(options),
        thaws: FROZEN.into_iter().any(|name| survey.web.is_on(name)),
        kept: Vec::new(),
    })
}

fn chosen(route: Route) -> Finding {
    let title = match route {
        Route::Minor => {
            "the path is: the web service first, which migrates when it starts, then the worker at once"
        }
        Route::ToFour => {
            "the path is: version 4 in the mode in which it still writes what version 3 reads, the web service first, then the worker"
        }
        Route::ToThree => "the path is: version 3 beside version 2",
    };
    let finding = Finding::note("path", title)
        .evidence("not both at once: a worker that is newer than the schema fails (langfuse#4663)")
        .source("domain.md C.3; plans.md 6");
    match route {
        Route::Minor | Route::ToThree => finding,
        Route::ToFour => finding.evidence("not to the mode `events_only`, from which there is no way back: that is for you to set, later"),
    }
}

/// What is looked at beside every step.
pub(crate) fn watches() -> Vec<Watch> {
    let watch = |id: &str, title: &str, interval| Watch {
        id: id.to_owned(),
        title: title.to_owned(),
        interval,
        effects: Vec::new(),
        trigger: "unhealthy".to_owned(),
    };
    vec![
        watch(names::WATCH_SERVING, "the web service is ready and has its database", 15 * SECOND),
        watch(names::WATCH_WORKING, "the worker has its database and its queues", 15 * SECOND),
        watch(
            names::WATCH_MIGRATIONS,
            "no migration is left half done, and none has failed in the background",
            MINUTE,
        ),
    ]
}

/// A plan without steps is in nobody's way, so what would forbid one is only a warning.
fn nothing_to_do(versions: Versions, mut found: Vec<Finding>) -> Draft {
    found.push(Finding::note("path", "nothing to do: the wanted images run already"));
    for finding in found.iter_mut().filter(|finding| finding.refuses()) {
        finding.severity = Severity::Warning;
    }
    Draft::bare(versions, found)
}
