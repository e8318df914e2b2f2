//! Services that make up a cluster: their roles, and those that are staged and not there yet.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Service, State, Volume};

/// A service's place in a cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Membership {
    pub(crate) role: ClusterRole,
    /// The root's service, for everybody else.
    pub(crate) parent: Option<String>,
    /// How Railway names the members to each other in variables, which the root tells.
    pub(crate) wiring: Option<Value>,
}

/// What a service does in a cluster, as Railway names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ClusterRole {
    /// The service that the cluster was made from.
    Root,
    /// Another server of the database.
    Replica,
    /// What the servers agree through.
    Internal,
    /// What clients connect to.
    Edge,
}

/// A service that a staged patch creates: it has an id, a name and an address, and comes to be when that is committed.
///
/// Railway says of such services only that they are made while the patch is staged. Assumed is that the project lists
/// them and the environment does not, and that they go when nothing that is staged creates them any more.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Draft {
    /// As it begins, with nothing of what the patch gives it.
    pub(crate) service: Service,
    pub(crate) volume: Option<Volume>,
}

impl State {
    /// Returns the services and the drafts.
    pub(crate) fn with_drafts(&self) -> impl Iterator<Item = &Service> + Clone {
        self.services.iter().chain(self.drafts.iter().map(|draft| &draft.service))
    }

    /// Returns the service or draft with this id.
    pub(crate) fn service_or_draft(&self, id: &str) -> Option<&Service> {
        self.with_drafts().find(|service| service.id == id)
    }

    /// Forgets the drafts that no staged patch creates.
    pub(crate) fn forget_drafts(&mut self) {
        let staged = self.staged.as_ref().and_then(|patch| patch.config.get("services"));
        self.drafts.retain(|draft| {
            staged.is_some_and(|services| services.get(&draft.service.id).is_some())
        });
    }

    /// Returns the services that belong to `root`'s cluster, without itself.
    pub(crate) fn members<'s>(&'s self, root: &'s str) -> impl Iterator<Item = &'s Service> {
        let parent = |service: &&Service| {
            service.cluster.as_ref().is_some_and(|cluster| cluster.parent.as_deref() == Some(root))
        };
        self.services.iter().filter(parent)
    }
}
