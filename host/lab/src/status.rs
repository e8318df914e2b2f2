//! What `lab status` tells.

use serde::{Deserialize, Serialize};

use crate::faults::Fault;
use crate::state::{Deployment, State};

/// A lab as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabStatus {
    /// The format's version.
    pub version: u32,
    /// The stack that the lab was started with.
    pub stack: String,
    /// Every service, in the order of its address.
    pub services: Vec<ServiceStatus>,
    /// The faults in force.
    pub faults: Vec<Fault>,
}

/// One service of a lab.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceStatus {
    /// The service's name.
    pub name: String,
    /// The service's id.
    pub id: String,
    /// Its loopback address; its ports are the image's own.
    pub address: String,
    /// `PORT`, where it is set.
    pub port: Option<u16>,
    /// The image that its latest deployment was asked to run; nothing for one built from a repository.
    pub image: Option<String>,
    /// What that image stood for when it was pulled.
    pub digest: Option<String>,
    /// The program that really runs, which says so where it is a stand-in.
    pub runs_as: Option<String>,
    /// Whether that is a stand-in.
    pub stand_in: bool,
    /// The status of the latest deployment, as Railway names it; `NONE` before the first.
    pub status: String,
    /// Why the latest deployment failed, where it did.
    pub reason: Option<String>,
    /// Whether a process serves now, which may be an earlier deployment's.
    pub serving: bool,
}

impl LabStatus {
    pub(crate) fn of(state: &State, faults: &[Fault]) -> Self {
        Self {
            version: 1,
            stack: state.stack.clone(),
            services: state.services.iter().map(|service| of_service(state, service)).collect(),
            faults: faults.to_vec(),
        }
    }

    /// Returns the service of this name.
    pub fn service(&self, name: &str) -> Option<&ServiceStatus> {
        self.services.iter().find(|service| service.name == name)
    }
}

fn of_service(state: &State, service: &crate::state::Service) -> ServiceStatus {
    let latest = state.deployments_of(&service.id).next_back();
    let status = latest
        .and_then(|latest| serde_json::to_value(latest.status).ok()?.as_str().map(str::to_owned));
    ServiceStatus {
        name: service.name.clone(),
        id: service.id.clone(),
        address: service.address.to_string(),
        port: service.variables.get("PORT").and_then(|port| port.value.parse().ok()),
        image: latest
            .map_or_else(|| service.source.image.clone(), |latest| latest.source.image.clone()),
        digest: latest.and_then(|latest| latest.digest.clone()),
        runs_as: latest.and_then(|latest| latest.runs_as.clone()),
        stand_in: latest.is_some_and(|latest| latest.stand_in),
        status: status.unwrap_or_else(|| "NONE".to_owned()),
        reason: latest.and_then(reason),
        serving: state.deployments_of(&service.id).any(|deployment| deployment.pid.is_some()),
    }
}

fn reason(deployment: &Deployment) -> Option<String> {
    let told =
        deployment.events.iter().rev().find_map(|event| event.payload.get("error")?.as_str());
    told.filter(|_| !deployment.was_live).map(str::to_owned)
}
