//! The whole plan of this way: findings, context, steps.

use lockstep_sdk::blocks::encryption_key::Key;
use lockstep_sdk::blocks::pin;
use lockstep_sdk::blocks::releases::Release as Published;
use lockstep_sdk::blocks::{Block, close};
use lockstep_sdk::image::Image;
use lockstep_sdk::outside::Railway;
use lockstep_sdk::{Draft, Failure, Finding, Step, Version};

use super::findings;
use super::parts::{MADE, WORKER};
use super::stores;
use crate::context::{Context, Part};
use crate::database::Inside;
use crate::declare::Declares;
use crate::findings as common;
use crate::names;
use crate::options::Options;
use crate::path::{Leaving, watches};
use crate::route::Route;
use crate::survey::Survey;
use crate::target::Goal;
use crate::version::Release;

/// What is to be done, and where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entering<'a> {
    /// The stack.
    pub(crate) survey: &'a Survey,
    /// The options.
    pub(crate) options: &'a Options,
    /// The version that runs.
    pub(crate) from: Release,
    /// The images wanted.
    pub(crate) goal: &'a Goal,
    /// The project's releases, or why they can't be read.
    pub(crate) published: &'a Result<Vec<Published>, String>,
}

/// A plan in the making.
pub(super) struct Parts<'a, D> {
    pub(super) declare: &'a D,
    pub(super) entering: Entering<'a>,
    pub(super) context: &'a Context,
    pub(super) web: Leaving<'a>,
    /// The images of what is made, in the order of [`MADE`].
    pub(super) images: Vec<Image>,
    /// What becomes of the web service's key.
    pub(super) key: Key,
    pub(super) block: Block,
}

impl<D> Parts<'_, D> {
    /// Adds a step, which is given the facts of the first one.
    pub(super) fn push(&mut self, step: Step) {
        let first = step.id == names::KEEP;
        self.block.steps.push(if first { step } else { step.needs(&[names::KEEP]) });
    }

    /// Adds an undo step, which is given the facts of the first step.
    pub(super) fn push_undo(&mut self, step: Step) {
        self.block.undo.push(step.needs(&[names::KEEP]));
    }
}

/// Plans. Whatever forbids the plan is a finding; nothing is declared then.
pub(crate) fn plan<O: Railway, D: Declares>(
    outside: &O,
    declare: &D,
    entering: Entering<'_>,
    (versions, mut found): ((Version, Version), Vec<Finding>),
) -> Result<Draft, Failure> {
    let Entering { survey, options, .. } = entering;
    let Ok(inside) = &survey.inside else { return Ok(Draft::bare(versions, found)) };
    let wanted = [&options.clickhouse_image, &options.redis_image, &options.storage_image];
    let images =
        wanted.map(|name| pinned(outside, name)).into_iter().collect::<Result<Vec<_>, _>>()?;
    let taken = taken(outside)?;
    found.extend(common::entering(entering, inside));
    found.extend(findings::going(survey, &taken, &images));
    let former = pin::look(outside, &survey.web.service, survey.web.up(), None)?;
    if let pin::Pin::Impossible(finding) = &former {
        found.push(finding.clone());
    }
    let images: Vec<Image> = images.into_iter().flatten().collect();
    let (Some(web), Some(context)) = (Leaving::of(&survey.web, &former), context(entering, inside))
    else {
        return Ok(Draft::bare(versions, found));
    };
    if images.len() != MADE.len() || found.iter().any(Finding::refuses) {
        return Ok(Draft::bare(versions, found));
    }
    let key = findings::key_of(survey);
    let block = Block::default();
    let mut parts = Parts { declare, entering, context: &context, web, images, key, block };
    parts.prepare()?;
    parts.make()?;
    parts.enter()?;
    parts.finish()?;
    let Block { findings, steps, undo } = parts.block;
    found.extend(findings);
    found.push(close::finding(&STAYS));
    let draft = Draft::bare(versions, Vec::new());
    let (watches, parameters) = (watches(), context.parameters());
    Ok(Draft { findings: found, undo, watches, uncovered: uncovered(), parameters, ..draft }
        .of_steps(steps))
}

/// What the run leaves behind.
const STAYS: [&str; 4] = [
    "ClickHouse, Redis, the object storage and the worker, with their volumes and secrets",
    "the pinned image of the web service, the time that it is given to end, and its key",
    "the tables in which version 2 kept traces, observations and scores: version 4 drops them",
    "two traces called `lockstep`, and the locked backup of PostgreSQL's volume",
];

fn uncovered() -> Vec<String> {
    [
        "what is sent while version 2 and version 3 serve beside each other may be kept by either; what version 2 kept is moved afterwards",
        "how long it takes to move what version 2 kept: it is followed, and takes hours where there are millions of rows",
        "links to media and exports: they lead to the storage's private address until it gets a public one",
        "clients: version 3 takes what is sent at once and shows it later, and no longer takes the first SDKs",
        "the backup itself: it is that of a volume, and is not restored to prove it",
    ]
    .map(str::to_owned)
    .into()
}

/// Finds an image in its registry, or says its name.
fn pinned<O: Railway>(outside: &O, name: &str) -> Result<Result<Image, String>, Failure> {
    let Some(image) = Image::parse(name) else { return Ok(Err(name.to_owned())) };
    let found = outside.published(&image.to_string())?;
    Ok(found.map(|found| image.pinned(&found.digest)).ok_or_else(|| name.to_owned()))
}

fn taken<O: Railway>(outside: &O) -> Result<Vec<String>, Failure> {
    let ours = |name: &str| name == WORKER || MADE.iter().any(|made| made.name == name);
    let services = outside.services()?;
    Ok(services.into_iter().map(|it| it.name).filter(|name| ours(name)).collect())
}

fn context(entering: Entering<'_>, inside: &Inside) -> Option<Context> {
    let Entering { survey, options, from, goal, .. } = entering;
    let [clickhouse, _, storage] = MADE;
    Some(Context {
        route: Route::ToThree,
        from,
        to: goal.release,
        web: Part {
            service: survey.web.name().to_owned(),
            digest: survey.web.digest()?.to_owned(),
            target: goal.web.digest.clone(),
        },
        worker: Part {
            service: WORKER.to_owned(),
            digest: String::new(),
            target: goal.worker.digest.clone(),
        },
        database: survey.database.name().to_owned(),
        clickhouse: clickhouse.name.to_owned(),
        storage: Some(storage.name.to_owned()),
        schema: inside.schema()?.to_owned(),
        columns: "default".to_owned(),
        stall_limit: options.stall_limit,
        traced: true,
        patience: survey.web.setting("healthcheck-timeout").map(str::to_owned),
        wait: common::wait(options),
        thaws: false,
        kept: stores::kept(&survey.web).into_iter().map(str::to_owned).collect(),
    })
}
