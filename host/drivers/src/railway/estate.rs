//! The environment's services and volumes, found by one query.

use std::collections::BTreeMap;

use lockstep_engine::model::{Failure, Pin, Service, ServiceRef, Survey, Surveyed, Volume};

use super::deployment;
use super::service_settings;
use super::wire::{Instance, VolumeInstance};

/// All services and volumes of the environment.
#[derive(Clone, Debug)]
pub(crate) struct Estate {
    /// The services.
    pub(crate) instances: Vec<Instance>,
    /// The volumes that are not being deleted.
    pub(crate) volumes: Vec<VolumeInstance>,
}

impl Estate {
    /// Returns the service with this id.
    pub(crate) fn by_id(&self, id: &str) -> Option<&Instance> {
        self.instances.iter().find(|instance| instance.service_id == id)
    }

    /// Returns the service of this name.
    pub(crate) fn by_name(&self, name: &str) -> Result<&Instance, Failure> {
        let mut found = self.instances.iter().filter(|instance| instance.service_name == name);
        match (found.next(), found.next()) {
            (Some(one), None) => Ok(one),
            (None, _) => Err(Failure::permanent(
                "railway:no-service",
                format!("the environment has no service `{name}`"),
            )),
            (Some(_), Some(_)) => Err(Failure::permanent(
                "railway:two-services",
                format!("the environment has two services named `{name}`"),
            )),
        }
    }

    /// Returns the service that a plan means, by its pinned id where it has one.
    pub(crate) fn pinned(&self, name: &str, pin: Option<&Pin>) -> Result<&Instance, Failure> {
        match pin {
            None => self.by_name(name),
            Some(pin) => self.by_id(&pin.service_id).ok_or_else(|| {
                Failure::permanent(
                    "railway:moved",
                    format!(
                        "service `{name}` of the plan (id {}) is not in the environment any more",
                        pin.service_id
                    ),
                )
            }),
        }
    }

    /// Returns the volume of a service, if it has one.
    pub(crate) fn volume_of(&self, service_id: &str) -> Option<&VolumeInstance> {
        self.volumes.iter().find(|volume| volume.service_id.as_deref() == Some(service_id))
    }

    /// Returns what a plan pins.
    pub(super) fn survey(&self, project_id: &str, environment_id: &str) -> Survey {
        let surveyed = |instance: &Instance| Surveyed {
            service_id: instance.service_id.clone(),
            volume_instance_id: self
                .volume_of(&instance.service_id)
                .map(|volume| volume.id.clone()),
            image: instance.image().map(str::to_owned),
            start_command: instance.start_command(),
            running_digest: running(instance).and_then(deployment::digest),
        };
        Survey {
            project_id: project_id.to_owned(),
            environment_id: environment_id.to_owned(),
            services: self
                .instances
                .iter()
                .map(|one| (one.service_name.clone(), surveyed(one)))
                .collect(),
            connections: BTreeMap::new(),
        }
    }

    /// Returns the services as a plugin sees them.
    pub(super) fn services(&self, auto_updates: impl Fn(&str) -> Option<String>) -> Vec<Service> {
        let mut services: Vec<Service> = self
            .instances
            .iter()
            .map(|instance| Service {
                name: instance.service_name.clone(),
                image: instance.image().map(str::to_owned),
                repository: instance.repository().map(str::to_owned),
                volume: self.volume_of(&instance.service_id).map(volume),
                settings: service_settings::read(instance, auto_updates(&instance.service_id)),
                extra: Vec::new(),
            })
            .collect();
        services.sort_by(|one, other| one.name.cmp(&other.name));
        services
    }
}

/// Returns the deployment that runs now, or the newest one where nothing runs.
pub(super) fn running(instance: &Instance) -> Option<&super::wire::Deployment> {
    let success = |deployment: &&super::wire::Deployment| deployment.status == "SUCCESS";
    instance.active_deployments.iter().find(success).or(instance.latest_deployment.as_ref())
}

/// Returns how a reference is named in messages.
pub(crate) fn spoken(service: &ServiceRef) -> &str {
    match service {
        ServiceRef::Named(name) | ServiceRef::Made(name) => name,
    }
}

fn volume(volume: &VolumeInstance) -> Volume {
    Volume {
        name: volume.volume.name.clone(),
        mount: volume.mount_path.clone(),
        size_mb: megabytes(volume.size_mb),
        used_mb: megabytes(volume.current_size_mb),
        extra: Vec::new(),
    }
}

/// Returns a size that Railway gives as a floating point number, rounded up.
pub(super) fn megabytes(size: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to what fits; a float cast saturates"
    )]
    let whole = size.max(0.0).ceil() as u64;
    whole
}
