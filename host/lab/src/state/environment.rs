//! The whole state of one lab.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Backup, Deployment, Draft, Mutation, Service, Token, Variable, Volume, Work, Workflow,
};
use crate::identity;

/// The first and the last host part of services' addresses.
const SERVICES: std::ops::RangeInclusive<u8> = 11..=99;

/// Everything that the lab's Railway knows.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct State {
    pub(crate) version: u32,
    pub(crate) stack: String,
    pub(crate) seed: u64,
    /// How many ids were given out.
    pub(crate) made: u64,
    pub(crate) block: u8,
    pub(crate) project_id: String,
    pub(crate) project_name: String,
    pub(crate) workspace_id: String,
    pub(crate) environment_id: String,
    pub(crate) environment_name: String,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) shared: BTreeMap<String, Variable>,
    pub(crate) services: Vec<Service>,
    /// Services that a staged patch creates.
    #[serde(default)]
    pub(crate) drafts: Vec<Draft>,
    pub(crate) volumes: Vec<Volume>,
    pub(crate) backups: Vec<Backup>,
    pub(crate) deployments: Vec<Deployment>,
    pub(crate) staged: Option<Patch>,
    pub(crate) patches: Vec<Patch>,
    pub(crate) tokens: Vec<Token>,
    pub(crate) workflows: Vec<Workflow>,
    pub(crate) mutations: Vec<Mutation>,
    /// Set going once the state is unlocked.
    #[serde(skip)]
    pub(crate) work: Vec<Work>,
}

/// A staged or committed change of the environment.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Patch {
    pub(crate) id: String,
    pub(crate) status: PatchStatus,
    pub(crate) message: Option<String>,
    pub(crate) config: Value,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) applied_at: Option<Timestamp>,
    pub(crate) last_error: Option<String>,
}

/// How far a patch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum PatchStatus {
    Staged,
    Committed,
}

impl State {
    pub(crate) fn new(stack: &str, seed: u64, block: u8, now: Timestamp) -> Self {
        Self {
            version: 1,
            stack: stack.to_owned(),
            seed,
            made: 0,
            block,
            project_id: identity::uuid(seed, "project"),
            project_name: "lockstep-lab".to_owned(),
            workspace_id: identity::uuid(seed, "workspace"),
            environment_id: identity::uuid(seed, "environment"),
            environment_name: "lab".to_owned(),
            created_at: now,
            updated_at: now,
            shared: BTreeMap::new(),
            services: Vec::new(),
            drafts: Vec::new(),
            volumes: Vec::new(),
            backups: Vec::new(),
            deployments: Vec::new(),
            staged: None,
            patches: Vec::new(),
            tokens: Vec::new(),
            workflows: Vec::new(),
            mutations: Vec::new(),
            work: Vec::new(),
        }
    }

    /// Returns an id that was never given out before.
    pub(crate) fn id(&mut self) -> String {
        self.made += 1;
        identity::uuid(self.seed, &self.made.to_string())
    }

    /// Returns an address that no service has, or nothing where the block is full.
    pub(crate) fn free_address(&self) -> Option<Ipv4Addr> {
        SERVICES
            .map(|host| Ipv4Addr::new(127, 77, self.block, host))
            .find(|address| self.with_drafts().all(|service| service.address != *address))
    }

    pub(crate) fn service(&self, id: &str) -> Option<&Service> {
        self.services.iter().find(|service| service.id == id)
    }

    pub(crate) fn service_mut(&mut self, id: &str) -> Option<&mut Service> {
        self.services.iter_mut().find(|service| service.id == id)
    }

    /// Returns the service of this name or, as Railway's references allow, of this id.
    pub(crate) fn named(&self, name: &str) -> Option<&Service> {
        self.services.iter().find(|service| service.name == name || service.id == name)
    }

    pub(crate) fn deployment(&self, id: &str) -> Option<&Deployment> {
        self.deployments.iter().find(|deployment| deployment.id == id)
    }

    pub(crate) fn deployment_mut(&mut self, id: &str) -> Option<&mut Deployment> {
        self.deployments.iter_mut().find(|deployment| deployment.id == id)
    }

    /// Returns the deployments of `service`, oldest first.
    pub(crate) fn deployments_of(
        &self,
        service: &str,
    ) -> impl DoubleEndedIterator<Item = &Deployment> {
        self.deployments.iter().filter(move |deployment| deployment.service_id == service)
    }

    /// Returns the deployment that serves now, or that served last and crashed.
    pub(crate) fn serving(&self, service: &str) -> Option<&Deployment> {
        use super::Status::{Crashed, Success};
        self.deployments_of(service)
            .rev()
            .find(|deployment| matches!(deployment.status, Success | Crashed))
    }

    pub(crate) fn volume_of(&self, service: &str) -> Option<&Volume> {
        self.volumes.iter().find(|volume| {
            volume.service_id.as_deref() == Some(service) && volume.deleted_at.is_none()
        })
    }

    pub(crate) fn volume_instance(&self, id: &str) -> Option<&Volume> {
        self.volumes.iter().find(|volume| volume.instance_id == id && volume.deleted_at.is_none())
    }
}
