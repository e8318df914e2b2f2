//! A plan in the making.

use lockstep_sdk::blocks::Block;
use lockstep_sdk::image::Image;
use lockstep_sdk::{Failure, OutageKind, Step};

use crate::context::{Client, Context};
use crate::declare::Declares;
use crate::findings::Seen;
use crate::links::{Link, end};
use crate::names;
use crate::options::{Options, Path};
use crate::quote::TableName;
use crate::service::Running;

/// A plan in the making.
pub(super) struct Parts<'a, D> {
    pub(super) declare: &'a D,
    pub(super) seen: Seen<'a>,
    pub(super) context: &'a Context,
    pub(super) options: &'a Options,
    /// Images to pin first.
    pub(super) pins: &'a [(&'a str, Image)],
    /// Whether the host's canaries move along.
    pub(super) canaries: bool,
    pub(super) block: Block,
}

impl<D: Declares> Parts<'_, D> {
    /// Adds a step, which is given the facts of the first one.
    pub(super) fn push(&mut self, step: Step) {
        let first = step.id == names::KEEP;
        self.block.steps.push(if first { step } else { step.needs(&[names::KEEP]) });
    }

    /// Adds an undo step, which is given the facts of the first step.
    pub(super) fn push_undo(&mut self, step: Step) {
        self.block.undo.push(step.needs(&[names::KEEP]));
    }

    /// Returns the tables that the links carry.
    pub(super) fn tables(&self) -> Vec<TableName> {
        let own = self.canaries.then(TableName::of_canaries);
        self.seen.inside.contents.carried().map(|table| table.name.clone()).chain(own).collect()
    }

    /// Declares the end of a link. What identifies its subscriber's server is known from the plan on.
    pub(super) fn end_of(&self, prefix: &str, link: Link) -> Result<[String; 3], Failure> {
        let system = if link.subscriber == names::OLD {
            &self.context.old_system
        } else {
            &self.context.new_system
        };
        end(self.declare, prefix, link, system)
    }

    /// Declares the deployment of a client: what is configured, or for one that is built from a repository what runs.
    pub(super) fn deploy(&self, label: &str, client: &Client) -> Result<(), Failure> {
        if client.pinned {
            self.declare.deploy(label, &client.service)
        } else {
            self.declare.deploy_same(label, &client.service)
        }
    }

    /// Declares that the variables of every service lead where the plan wants them to, and returns the labels.
    pub(super) fn refer(&self) -> Result<Vec<String>, Failure> {
        let found = &self.seen.survey.found;
        let mut labels = Vec::new();
        for service in found.services() {
            let label = names::refer(service);
            let own = found.references.iter().filter(|reference| reference.service == service);
            let variables: Vec<_> =
                own.map(|it| (it.variable.as_str(), it.wanted.as_str())).collect();
            self.declare.set_variables(&label, service, &variables)?;
            labels.push(label);
        }
        Ok(labels)
    }

    /// Returns what runs of a client.
    pub(super) fn running(&self, client: &Client) -> Option<&Running> {
        self.seen.survey.clients.iter().find(|running| running.name() == client.service)
    }

    /// Returns how long a client's boots took; zero where no history tells.
    pub(super) fn boot(&self, client: &Client) -> u64 {
        self.running(client).map_or(0, Running::boot)
    }

    /// Returns what belongs to the path that is taken.
    pub(super) fn by_path<T>(&self, online: T, job: T) -> T {
        match self.context.path {
            Path::Online => online,
            Path::Job => job,
        }
    }

    /// Says what these clients can't do in a step, for so long, until they are deployed with their new references.
    pub(super) fn without<'c>(
        &self,
        step: Step,
        clients: impl IntoIterator<Item = &'c Client>,
        length: u64,
    ) -> Step {
        match self.context.path {
            Path::Online => Self::without_writes(step, clients, length),
            Path::Job => Self::without_services(step, clients, length),
        }
    }

    /// Says that every client is without its database in a step, and for how long.
    pub(super) fn without_database(&self, step: Step, length: u64) -> Step {
        let step = step.outage(&self.context.service, OutageKind::All, length);
        self.context
            .running()
            .fold(step, |step, client| step.outage(&client.service, OutageKind::All, length))
    }

    /// Says that these clients can't write in a step, and for how long.
    pub(super) fn without_writes<'c>(
        step: Step,
        clients: impl IntoIterator<Item = &'c Client>,
        length: u64,
    ) -> Step {
        clients.into_iter().filter(|client| client.runs).fold(step, |step, client| {
            step.outage(&client.service, client.uses.without_writes(), length)
        })
    }
}

/// Returns labels as references, as the sdk takes them.
pub(super) fn refs(labels: &[String]) -> Vec<&str> {
    labels.iter().map(String::as_str).collect()
}
