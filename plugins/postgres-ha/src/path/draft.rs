//! The whole plan: survey, findings, steps.

use lockstep_sdk::blocks::Block;
use lockstep_sdk::outside::{Http, Railway, Sql};
use lockstep_sdk::step::{MINUTE, SECOND};
use lockstep_sdk::{Draft, Failure, Finding, Step, Target, Version, Watch};

use super::parts::Parts;
use super::pins;
use crate::beside;
use crate::cluster::Cluster;
use crate::context::{Client, Context};
use crate::declare::Declares;
use crate::findings::{self, Seen};
use crate::in_place::{self, Templates};
use crate::names::{self, COMPONENT};
use crate::needs::Needs;
use crate::options::{Options, Path};
use crate::service::Use;
use crate::survey::{Inside, Survey, survey};
use crate::uncovered;

/// Plans. Whatever forbids the plan is a finding; nothing is declared then.
pub(crate) fn plan<O: Railway + Sql + Http + Templates, D: Declares>(
    outside: &O,
    declare: &D,
    target: &Target,
) -> Result<Draft, Failure> {
    let unknown = || (Version::moving("unknown"), Version::moving("unknown"));
    if let Some(refusal) = wrong(target) {
        return Ok(refused(unknown(), vec![refusal]));
    }
    let options = match Options::parse(target) {
        Ok(options) => options,
        Err(refusals) => return Ok(refused(unknown(), refusals)),
    };
    if (options.in_place || options.makes_cluster) && options.front_first {
        return Ok(refused(unknown(), vec![findings::no_passage()]));
    }
    if (options.in_place || options.makes_cluster) && options.remove_old.is_some() {
        return Ok(refused(unknown(), vec![findings::nothing_to_remove()]));
    }
    if options.in_place {
        return in_place::plan(outside, declare, &options, target.now);
    }
    if options.makes_cluster {
        return beside::plan(outside, declare, &options, &target.environment);
    }
    let survey = match survey(outside, &options, &target.environment)? {
        Ok(survey) => survey,
        Err(refusals) => return Ok(refused(unknown(), refusals)),
    };
    let mut found = findings::standing(&survey);
    let (Ok(inside), Ok(cluster)) = (&survey.inside, &survey.cluster) else {
        return Ok(refused(unknown(), found));
    };
    let versions = (inside.server.version(), cluster.server.version());
    let needs = Needs::of(&survey, inside, cluster, &options);
    let passage = survey.passage.as_deref();
    let seen =
        Seen { survey: &survey, inside, cluster, needs: &needs, path: options.path, passage };
    found.extend(findings::going(seen, target.now));
    found.push(chosen(options.path));
    found.splice(0..0, options.other_version(&versions.1));
    if options.front_first {
        found.extend(findings::passage(seen));
    }
    let context = context(&survey, inside, cluster, &needs, &options);
    let pins = pins::find(outside, &survey, &context, &mut found)?;
    if found.iter().any(Finding::refuses) {
        return Ok(refused(versions, found));
    }
    let mut parts = Parts {
        declare,
        seen,
        context: &context,
        options: &options,
        pins: &pins,
        canaries: follows(target, &context, &survey),
        block: Block::default(),
    };
    parts.prepare()?;
    match options.path {
        Path::Online => {
            parts.passage()?;
            parts.copy()?;
            parts.cut()?;
        }
        Path::Job => parts.job()?,
    }
    parts.switch()?;
    parts.finish()?;
    let extra = extra(&context, parts.canaries);
    let Block { findings, steps, undo } = parts.block;
    found.extend(findings);
    let uncovered = uncovered::lines(&survey, inside);
    let draft = of_steps(bare(versions, found), steps);
    let parameters = context.parameters();
    Ok(Draft { undo, watches: watches(), uncovered, parameters, extra, ..draft })
}

fn wrong(target: &Target) -> Option<Finding> {
    let title = format!("`{}` is no component of this plugin", target.component);
    (target.component != COMPONENT).then(|| Finding::refusal("component", title))
}

fn context(
    survey: &Survey,
    inside: &Inside,
    cluster: &Cluster,
    needs: &Needs,
    options: &Options,
) -> Context {
    let urls = survey.found.references.iter().filter(|reference| reference.is_url());
    let mut clients: Vec<Client> = survey.clients.iter().map(Client::new).collect();
    if options.path == Path::Job {
        // Whoever hands jobs to the worker is up before it begins.
        clients.sort_by_key(|client| client.uses == Use::Worker);
    }
    Context {
        path: options.path,
        service: survey.old.name().to_owned(),
        front: survey.front.name().to_owned(),
        address: survey.entry.address.clone(),
        through: options.front_first,
        nodes: survey.nodes.iter().map(|node| node.name().to_owned()).collect(),
        database: inside.server.database.clone(),
        old_system: inside.server.system.clone(),
        new_system: cluster.server.system.clone(),
        clients,
        urls: urls.map(|it| (it.service.clone(), it.variable.clone())).collect(),
        deploys_nodes: !needs.nodes.is_empty(),
        deploys_front: !(needs.front.is_empty() && needs.nodes.is_empty()),
        lag_bytes: options.lag_bytes,
        wal_budget: needs.budget,
        new_major: cluster.server.major(),
    }
}

fn chosen(path: Path) -> Finding {
    let finding = match path {
        Path::Online => Finding::note("path", "the path is online: a copy that follows the old server, and a short block on its writes")
            .evidence("not in place: a cluster is there to move to, and reads go on throughout")
            .evidence("not by dump and restore: nobody is without the database while it is copied, and going back loses no row"),
        Path::Job => Finding::note("path", "the path is job: every service is stopped, and `pg-migrate-ha` dumps and restores, as the operator chose")
            .evidence("not online, where nobody is without the database while it is copied: the option `path` says `job`")
            .evidence("going back loses no row here either: the old server follows the cluster before anybody writes there"),
    };
    finding.source("plans.md 3.0")
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
            names::WATCH_WAY_BACK,
            "the way back is armed: the old server follows the cluster",
            15 * SECOND,
            // Without it going back would lose rows, so that it is lost is no reason to go back.
            "told",
        ),
        watch(
            names::WATCH_WAL,
            "the copy holds back no more of the live server's log than is allowed",
            30 * SECOND,
            "at-once",
        ),
        watch(names::WATCH_OLD_IDLE, "nobody uses the old server any more", MINUTE, "unhealthy"),
        watch(names::WATCH_FRONT, "PgPool has its nodes and one primary", 15 * SECOND, "unhealthy"),
    ]
}

/// Returns whether rows of the host's own are kept in the old database. They move along with it where a way back brings them home.
fn follows(target: &Target, context: &Context, survey: &Survey) -> bool {
    let kept = target.extra.iter().any(|(key, of)| key == "canaries" && of == names::OLD);
    kept && (context.through || !survey.found.services().is_empty())
}

/// The canaries are led where the services are: to the cluster when these are, because from then on the way back brings home
/// what is written there, and to the old server when its seal is off again.
fn extra(context: &Context, canaries: bool) -> Vec<(String, String)> {
    let mut extra = stand_ins(context);
    if canaries {
        let mut say = |key: &str, value: &str| extra.push((key.to_owned(), value.to_owned()));
        say("canaries-from", names::OLD);
        say("canaries-to", names::NEW);
        match context.path {
            Path::Online => say("canaries-room", names::COPY),
            // The job restores their table with everything else.
            Path::Job => {}
        }
        let forth = if context.through { names::SWITCH } else { names::REFERENCES };
        say("canaries-forth", forth);
        say("canaries-back", names::UNSEAL_OLD);
    }
    extra
}

/// A node that is down is what the other ones are for. That they serve is what PgPool is watched for.
fn stand_ins(context: &Context) -> Vec<(String, String)> {
    if context.nodes.len() < 2 {
        return Vec::new();
    }
    let one = |node: &String| ("one-of-several".to_owned(), node.clone());
    context.nodes.iter().map(one).collect()
}

/// Gives the draft its steps, and takes out of its findings what none of them mends.
pub(crate) fn of_steps(mut draft: Draft, steps: Vec<Step>) -> Draft {
    for finding in &mut draft.findings {
        finding.mended_by.retain(|id| steps.iter().any(|step| step.id == *id));
    }
    Draft { steps, ..draft }
}

pub(crate) fn refused(versions: (Version, Version), findings: Vec<Finding>) -> Draft {
    of_steps(bare(versions, findings), Vec::new())
}

pub(crate) fn bare((current, desired): (Version, Version), findings: Vec<Finding>) -> Draft {
    Draft {
        current,
        desired,
        findings,
        steps: Vec::new(),
        undo: Vec::new(),
        watches: Vec::new(),
        uncovered: Vec::new(),
        parameters: Vec::new(),
        extra: Vec::new(),
    }
}
