//! The whole plan of this path: what is read, findings, steps.

use lockstep_sdk::blocks::{Block, close};
use lockstep_sdk::failure::allowed;
use lockstep_sdk::outside::{Http, Railway, Sql};
use lockstep_sdk::{Draft, Failure, Finding, Service, Step, Version};

use super::context::Making;
use super::findings;
use super::template::{Member, Wanted};
use crate::declare::Declares;
use crate::in_place::Templates;
use crate::names::{ADMIN, KEEP, OLD};
use crate::needs;
use crate::options::Options;
use crate::path::{bare, of_steps, published, refused};
use crate::quote::Ident;
use crate::server::Server;
use crate::sessions::Sessions;

/// How many connections a node takes, unless told otherwise.
const CONNECTIONS: u64 = 100;

/// What a plan of this path reads.
pub(super) struct Survey {
    /// Names and volumes of what is there.
    pub(super) services: Vec<Service>,
    /// What is staged.
    pub(super) staged: Vec<String>,
    /// The old server, and how many clients it has; or why it can't be read.
    pub(super) old: Result<(Server, u64), String>,
    /// The cluster of the template, or why there is none.
    pub(super) wanted: Result<Wanted, String>,
    /// What answers already where the cluster will, or why nothing does.
    pub(super) answers: Result<(), String>,
}

impl Survey {
    fn read<O: Railway + Sql + Http + Templates>(
        outside: &O,
        options: &Options,
    ) -> Result<Self, Failure> {
        let old = Server::read(outside, OLD)
            .and_then(|server| Ok((server, Sessions::read(outside)?.count())));
        let wanted = match outside.published_template(&options.template)? {
            Some(template) => Wanted::of(&template),
            None => Err(format!("Railway has no template `{}`", options.template)),
        };
        Ok(Self {
            services: outside.services()?,
            staged: outside.staged()?,
            old: allowed(old)?,
            wanted,
            // Its services are not there yet, so that the connection leads nowhere is how it should be.
            answers: allowed(outside.query(ADMIN, "SELECT 1", &[]).map(drop))?,
        })
    }
}

/// A plan in the making.
pub(super) struct Parts<'a, D> {
    pub(super) declare: &'a D,
    pub(super) wanted: &'a Wanted,
    /// The images, each with its digest, as the services come.
    pub(super) images: &'a [String],
    /// Which nodes confirm a commit, as the server is told.
    pub(super) confirming: String,
    pub(super) block: Block,
}

impl<D> Parts<'_, D> {
    /// Adds a step, which is given the facts of the first one.
    pub(super) fn push(&mut self, step: Step) {
        let first = step.id == KEEP;
        self.block.steps.push(if first { step } else { step.needs(&[KEEP]) });
    }
}

/// Plans. Whatever forbids the plan is a finding; nothing is declared then.
pub(crate) fn plan<O: Railway + Sql + Http + Templates, D: Declares>(
    outside: &O,
    declare: &D,
    options: &Options,
    environment: &str,
) -> Result<Draft, Failure> {
    let unknown = || Version::moving("unknown");
    let survey = Survey::read(outside, options)?;
    let mut found = findings::standing(&survey, options);
    let (Ok((server, clients)), Ok(wanted)) = (&survey.old, &survey.wanted) else {
        return Ok(refused((unknown(), unknown()), found));
    };
    let mut wanted = wanted.clone();
    found.extend(findings::going(&survey, server, &wanted));
    let there = (environment, server.database.as_str());
    found.extend(findings::reached(&survey, &wanted, options, there));
    found.push(findings::settings(set(&mut wanted, *clients)));
    let mut images = Vec::new();
    for member in wanted.members() {
        match published(outside, &member.image)? {
            Some(image) => images.push(image),
            None => found.push(findings::gone(member)),
        }
    }
    let tag = wanted.nodes.first().and_then(|first| first.image.tag.clone());
    let versions = (server.version(), Version::moving(tag.unwrap_or_else(|| "unknown".to_owned())));
    found.splice(0..0, options.other_version(&versions.1));
    if found.iter().any(Finding::refuses) {
        return Ok(refused(versions, found));
    }
    let making = Making::planned(&wanted);
    let images: Vec<String> = images.iter().map(ToString::to_string).collect();
    let mut parts = Parts {
        declare,
        wanted: &wanted,
        images: &images,
        confirming: confirming(&wanted),
        block: Block::default(),
    };
    parts.make()?;
    parts.start()?;
    let Block { steps, undo, .. } = parts.block;
    found.push(findings::images(&wanted, &images));
    found.push(close::finding(&findings::STAYS));
    found.push(findings::next(environment));
    let uncovered = findings::uncovered(&wanted);
    let draft = of_steps(bare(versions, found), steps);
    Ok(Draft { undo, uncovered, parameters: making.parameters(), ..draft })
}

/// Sets what a move to the cluster needs, so that nobody has to start it anew for that. Returns what was set.
fn set(wanted: &mut Wanted, clients: u64) -> Vec<String> {
    let mut lines = Vec::new();
    let mut give = |member: &mut Member, name: &str, text: &str| {
        if member.text(name) != Some(text) {
            lines.push(format!("{name} of {}: {text}", member.name));
            member.set(name, text.to_owned());
        }
    };
    let front = &mut wanted.front;
    for (name, text) in needs::OF_FRONT {
        give(front, name, text);
    }
    let number = |member: &Member, name: &str, usual: u64| {
        member.text(name).and_then(|text| text.parse().ok()).unwrap_or(usual)
    };
    let takes = number(front, needs::CHILDREN, needs::USUAL_CHILDREN);
    let children = takes.max(needs::wanted_children(clients));
    if children > takes {
        give(front, needs::CHILDREN, &children.to_string());
    }
    let names: Vec<String> = wanted.nodes.iter().map(|it| it.node_name().to_owned()).collect();
    let later: Vec<&str> = needs::confirmed_by(&names).iter().map(|(name, _)| *name).collect();
    for (position, node) in wanted.nodes.iter_mut().enumerate() {
        give(node, needs::LOG.0, needs::LOG.1);
        if children >= number(node, "POSTGRESQL_MAX_CONNECTIONS", CONNECTIONS) {
            give(node, "POSTGRESQL_MAX_CONNECTIONS", &children.saturating_mul(2).to_string());
        }
        // The first node would wait for others to confirm what it writes before there are any, so it is told later.
        if position == 0 {
            node.texts.retain(|(name, _)| !later.contains(&name.as_str()));
        } else {
            for (name, text) in needs::confirmed_by(&names) {
                give(node, name, &text);
            }
        }
    }
    lines
}

/// Returns the setting by which one other node must confirm each commit, as the image itself would write it.
fn confirming(wanted: &Wanted) -> String {
    let names = wanted.nodes.iter().map(|node| Ident(node.node_name()).to_string());
    format!("ANY 1 ({})", names.collect::<Vec<_>>().join(","))
}
