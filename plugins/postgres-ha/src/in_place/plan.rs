//! The whole plan of this path: survey, findings, steps.

use lockstep_sdk::blocks::{Block, close};
use lockstep_sdk::image::Image;
use lockstep_sdk::outside::{Http, Railway, Sql};
use lockstep_sdk::step::SECOND;
use lockstep_sdk::{Draft, Failure, Finding, OutageKind, Step, Version, Watch};

use super::context::Conversion;
use super::survey::{Inside, Pins, Survey, survey};
use super::template::{Cluster, Templates};
use super::{findings, names};
use crate::context::Client;
use crate::declare::Declares;
use crate::names::KEEP;
use crate::options::Options;
use crate::path::{bare, of_steps, refused};
use crate::service::Running;

/// A plan in the making.
pub(super) struct Parts<'a, D> {
    pub(super) declare: &'a D,
    pub(super) survey: &'a Survey,
    pub(super) cluster: &'a Cluster,
    pub(super) context: &'a Conversion,
    /// Images of the clients, set first.
    pub(super) clients: &'a Pins,
    /// Images of the cluster, set once it is made.
    pub(super) made: &'a Pins,
    /// The image that the server runs now.
    pub(super) former: &'a Image,
    pub(super) soak: u64,
    pub(super) block: Block,
}

/// Plans. Whatever forbids the plan is a finding; nothing is declared then.
pub(crate) fn plan<O: Railway + Sql + Http + Templates, D: Declares>(
    outside: &O,
    declare: &D,
    options: &Options,
    now: u64,
) -> Result<Draft, Failure> {
    let unknown = || (Version::moving("unknown"), Version::moving("unknown"));
    let survey = match survey(outside, options)? {
        Ok(survey) => survey,
        Err(refusal) => return Ok(refused(unknown(), vec![*refusal])),
    };
    let mut found = findings::standing(&survey);
    let (Ok(inside), Ok(cluster)) = (&survey.inside, &survey.cluster) else {
        return Ok(refused(unknown(), found));
    };
    let versions = || (inside.server.version(), inside.server.version());
    found.extend(findings::going(&survey, inside, cluster, now));
    found.splice(0..0, options.other_version(&versions().1));
    let (clients, made, former) = survey.pins(outside, cluster, &mut found)?;
    let Some(former) = former.filter(|_| !found.iter().any(Finding::refuses)) else {
        return Ok(refused(versions(), found));
    };
    let context = context(&survey, inside, cluster, options);
    let mut parts = Parts {
        declare,
        survey: &survey,
        cluster,
        context: &context,
        clients: &clients,
        made: &made,
        former: &former,
        soak: options.soak,
        block: Block::default(),
    };
    parts.prepare()?;
    parts.convert()?;
    parts.start()?;
    parts.addresses()?;
    parts.switch()?;
    let Block { findings: more, steps, undo } = parts.block;
    found.extend(more);
    found.push(close::finding(&findings::stays()));
    let uncovered = findings::uncovered(&survey, cluster);
    let draft = of_steps(bare(versions(), found), steps);
    Ok(Draft { undo, watches: watches(), uncovered, parameters: context.parameters(), ..draft })
}

fn context(survey: &Survey, inside: &Inside, cluster: &Cluster, options: &Options) -> Conversion {
    Conversion {
        service: survey.root.name().to_owned(),
        database: inside.server.database.clone(),
        system: inside.server.system.clone(),
        clients: survey.clients.iter().map(Client::new).collect(),
        urls: survey.found.urls.clone(),
        addresses: survey.found.literal_urls(true),
        hidden: survey.found.literal_urls(false),
        edge: cluster.edge.name.clone(),
        node: cluster.root_node.clone(),
        replicas: cluster.replicas.clone(),
        coordinators: cluster.coordinators.clone(),
        settings: inside.settings.clone(),
        lag_bytes: options.lag_bytes,
    }
}

fn watches() -> Vec<Watch> {
    let watch = |id: &str, title: &str| Watch {
        id: id.to_owned(),
        title: title.to_owned(),
        interval: 15 * SECOND,
        effects: Vec::new(),
        // A cluster whose leader is another node, or with a node less, serves: it is no reason to go back.
        trigger: "told".to_owned(),
    };
    vec![
        watch(
            names::WATCH_LEADS,
            "the server itself leads, so that going back needs no switchover",
        ),
        watch(names::WATCH_REPLICAS, "a replica follows that could take over"),
    ]
}

impl<D: Declares> Parts<'_, D> {
    /// Adds a step, which is given the facts of the first one.
    pub(super) fn push(&mut self, step: Step) {
        let first = step.id == KEEP;
        self.block.steps.push(if first { step } else { step.needs(&[KEEP]) });
    }

    /// Adds an undo step, which is given the facts of the first step.
    pub(super) fn push_undo(&mut self, step: Step) {
        self.block.undo.push(step.needs(&[KEEP]));
    }

    /// Declares the deployment of a client: what is configured, or for one that is built from a repository what runs.
    pub(super) fn deploy(&self, label: &str, client: &Client) -> Result<(), Failure> {
        if client.pinned {
            self.declare.deploy(label, &client.service)
        } else {
            self.declare.deploy_same(label, &client.service)
        }
    }

    /// Returns how long a client's boots took; zero where no history tells.
    pub(super) fn boot(&self, client: &Client) -> u64 {
        let mut clients = self.survey.clients.iter();
        clients.find(|running| running.name() == client.service).map_or(0, Running::boot)
    }

    /// Says that every client is without its database in a step, for as long as the server's boots took.
    pub(super) fn without_database(&self, step: Step) -> Step {
        let boot = self.survey.root.boot();
        let step = step.outage(&self.context.service, OutageKind::All, boot).expected(boot);
        self.context
            .running()
            .fold(step, |step, client| step.outage(&client.service, OutageKind::All, boot))
    }
}
