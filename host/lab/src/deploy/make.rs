//! Making deployments: what is fixed when one is asked for.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::json;

use crate::reference::{self, Reader};
use crate::state::{
    Deployment, End, Instance, Service, Source, State, Status, Trigger, VolumeState, Work,
};

/// The repository that copies a single PostgreSQL's databases into a cluster.
pub(crate) const MIGRATION_JOB: &str = "railwayapp-templates/pg-migrate-ha";

/// Whether a service is built from that repository.
pub(crate) fn is_migration_job(source: &Source) -> bool {
    source.repo.as_deref().is_some_and(|repo| repo.trim_end_matches(".git") == MIGRATION_JOB)
}

/// The commit of it that the lab's stand-in was written after.
const MIGRATION_COMMIT: &str = "2a538d4a41dc042eba0aec0ac13e99244afc2d86";

/// Returns the one commit that the lab knows of a repository.
pub(crate) fn commit(repository: &str) -> String {
    if repository.trim_end_matches(".git") == MIGRATION_JOB {
        return MIGRATION_COMMIT.to_owned();
    }
    crate::identity::hex(&["commit", repository]).chars().take(40).collect()
}

/// Makes a deployment of `service`'s source and returns its id, or nothing where there is no source.
pub(crate) fn deploy(state: &mut State, service: &str, now: Timestamp) -> Option<String> {
    let found = state.service(service).filter(|service| !service.source.is_empty())?.clone();
    Some(make(state, &found, Trigger::Deploy, None, now))
}

/// Makes one deployment of each of `services`, in the order that their references want.
///
/// Whoever refers to another service of the batch waits until that one is settled.
pub(crate) fn deploy_all(
    state: &mut State,
    services: &[String],
    trigger: Trigger,
    now: Timestamp,
) -> Vec<String> {
    let mut made: BTreeMap<String, String> = BTreeMap::new();
    let mut work = Vec::new();
    for id in services {
        let Some(service) = state.service(id).filter(|service| !service.source.is_empty()).cloned()
        else {
            continue;
        };
        let deployment = make(state, &service, trigger, None, now);
        made.insert(id.clone(), deployment.clone());
        work.push(deployment);
    }
    for (service, deployment) in &made {
        let reached = targets(state, service);
        // In a cycle nobody waits.
        let waits_for: Vec<_> = reached
            .iter()
            .filter(|target| *target != service && !targets(state, target).contains(service))
            .filter_map(|target| made.get(target).cloned())
            .collect();
        if let Some(deployment) = state.deployment_mut(deployment) {
            deployment.waits_for = waits_for;
        }
    }
    work
}

/// Makes a deployment that repeats `former`'s image, with its variables or with those of now.
pub(crate) fn again(
    state: &mut State,
    former: &str,
    variables: Variables,
    now: Timestamp,
) -> Option<String> {
    let former = state.deployment(former)?.clone();
    if variables == Variables::Former {
        let service = state.service_mut(&former.service_id)?;
        service.variables.clone_from(&former.unrendered);
    }
    let service = state.service(&former.service_id)?.clone();
    Some(make(state, &service, Trigger::Again, Some(&former), now))
}

/// Which variables a repeated deployment gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Variables {
    Former,
    Current,
}

/// Deletes a service: its processes end, and a volume that is still mounted goes with it, and its backups with that.
///
/// Nothing says whether Railway keeps such a volume, so nobody may rely on that it does: a volume that is to stay is detached before.
pub(crate) fn delete_service(state: &mut State, service: &str, now: Timestamp) {
    let ending: Vec<_> = state
        .deployments_of(service)
        .filter(|deployment| deployment.status.active())
        .map(|deployment| Work::End(deployment.id.clone(), End::Removed))
        .collect();
    state.work.extend(ending);
    let mut gone = Vec::new();
    for volume in
        state.volumes.iter_mut().filter(|volume| volume.service_id.as_deref() == Some(service))
    {
        (volume.deleted_at, volume.state) = (Some(now), VolumeState::Deleted);
        volume.service_id = None;
        gone.push(volume.instance_id.clone());
    }
    state.backups.retain(|backup| !gone.contains(&backup.volume_instance_id));
    state.services.retain(|kept| kept.id != service);
    state.updated_at = now;
}

fn make(
    state: &mut State,
    service: &Service,
    trigger: Trigger,
    former: Option<&Deployment>,
    now: Timestamp,
) -> String {
    let id = state.id();
    let snapshot_id = state.id();
    // Each deployment of a batch needs a time of its own, because clients order by it.
    let last = state.deployments.last().map(|last| last.created_at);
    let earliest =
        last.and_then(|last| last.checked_add(jiff::SignedDuration::from_millis(1)).ok());
    let now = earliest.map_or(now, |earliest| now.max(earliest));
    let mut settings = service.settings.clone();
    if is_migration_job(&service.source) {
        // Its own `railway.toml` says so, which counts more than the service's settings.
        settings.insert("restartPolicyType".to_owned(), json!("NEVER"));
    }
    let deployment = Deployment {
        id: id.clone(),
        snapshot_id,
        service_id: service.id.clone(),
        source: former.map_or_else(|| service.source.clone(), |former| former.source.clone()),
        trigger,
        digest: former.and_then(|former| former.digest.clone()),
        version: former.and_then(|former| former.version.clone()),
        variables: reference::rendered(state, service, Reader::Process),
        sealed: service
            .variables
            .iter()
            .filter(|(_, value)| value.sealed)
            .map(|(name, _)| name.clone())
            .collect(),
        unrendered: service.variables.clone(),
        settings,
        status: Status::Queued,
        status_at: now,
        created_at: now,
        instance: Instance::Created,
        anew: 0,
        stopped: false,
        was_live: false,
        events: Vec::new(),
        runs_as: None,
        stand_in: false,
        address: None,
        pid: None,
        waits_for: Vec::new(),
    };
    state.deployments.push(deployment);
    state.work.push(Work::Deploy(id.clone()));
    id
}

/// Returns the ids of all services that `service`'s variables refer to, transitively.
fn targets(state: &State, service: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut open = vec![service.to_owned()];
    while let Some(next) = open.pop() {
        let Some(service) = state.service(&next) else { continue };
        for variable in service.variables.values() {
            for reference in reference::references(&variable.value) {
                let target =
                    reference::parts(&reference).0.and_then(|namespace| state.named(namespace));
                if let Some(target) = target
                    && target.id != next
                    && !found.contains(&target.id)
                {
                    found.push(target.id.clone());
                    open.push(target.id.clone());
                }
            }
        }
    }
    found
}
