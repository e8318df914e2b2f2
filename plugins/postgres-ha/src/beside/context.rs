//! What a step of this path must know and can't read, carried by the plan's parameters.

use lockstep_sdk::{Failure, StepCall};

use super::template::Wanted;
use crate::context::broken;
use crate::options::CLUSTER;

const LINES: char = '\n';

/// Names of one plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Making {
    /// The template's code.
    pub(super) code: String,
    /// Its content, when the plan was made.
    pub(super) digest: String,
    /// Service and node name of each node; the cluster begins with the first.
    pub(super) nodes: Vec<(String, String)>,
    /// The service that clients connect to.
    pub(super) front: String,
}

impl Making {
    /// Returns whether a call is about this path.
    pub(crate) fn is_of(call: &StepCall) -> bool {
        call.parameters.iter().any(|(name, value)| name == "path" && value == CLUSTER)
    }

    pub(super) fn planned(wanted: &Wanted) -> Self {
        let nodes = wanted.nodes.iter();
        Self {
            code: wanted.code.clone(),
            digest: wanted.digest.clone(),
            nodes: nodes.map(|node| (node.name.clone(), node.node_name().to_owned())).collect(),
            front: wanted.front.name.clone(),
        }
    }

    /// Returns it as the plan's parameters.
    pub(super) fn parameters(&self) -> Vec<(String, String)> {
        // A node's name in the cluster has no space in it, so that the first one parts them.
        let nodes: Vec<String> =
            self.nodes.iter().map(|(service, node)| format!("{node} {service}")).collect();
        [
            ("path", CLUSTER.to_owned()),
            ("template", self.code.clone()),
            ("digest", self.digest.clone()),
            ("nodes", nodes.join(&LINES.to_string())),
            ("front", self.front.clone()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }

    /// Reads it from the plan's parameters.
    pub(super) fn of(call: &StepCall) -> Result<Self, Failure> {
        let text = |name: &str| {
            let found = call.parameters.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.clone()).ok_or_else(|| broken(name))
        };
        let node = |line: &str| {
            let (node, service) = line.split_once(' ').ok_or_else(|| broken("nodes"))?;
            Ok((service.to_owned(), node.to_owned()))
        };
        let nodes = text("nodes")?;
        Ok(Self {
            code: text("template")?,
            digest: text("digest")?,
            nodes: nodes.split(LINES).map(node).collect::<Result<_, Failure>>()?,
            front: text("front")?,
        })
    }

    /// Returns every service that the run makes.
    pub(super) fn services(&self) -> impl Iterator<Item = &str> {
        self.nodes.iter().map(|(service, _)| service.as_str()).chain([self.front.as_str()])
    }

    /// Returns the nodes that follow the first one.
    pub(super) fn standbys(&self) -> impl Iterator<Item = &str> {
        self.nodes.iter().skip(1).map(|(service, _)| service.as_str())
    }

    /// Returns the node with which the cluster begins.
    pub(super) fn first(&self) -> &str {
        self.nodes.first().map_or("", |(service, _)| service)
    }
}
