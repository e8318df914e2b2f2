//! Volumes and their backups.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::super::answer::{Answer, Answered, Arguments, Node, input, leaf, required, text};
use super::super::object::World;
use super::super::refusal::Refusal;
use crate::state::{Backup, State, Volume, VolumeState, Work, Workflow, WorkflowStatus};

const SIZE_MB: u32 = 5_000;

pub(super) fn create(world: &World<'_>, state: &mut State, arguments: &Arguments) -> Answered {
    let input = input(arguments)?;
    let service = text(input, "serviceId");
    if let Some(service) = service {
        state.service(service).ok_or(Refusal::NotFound("Service"))?;
        if state.volume_of(service).is_some() {
            return Err(Refusal::BadInput("Service already has a volume".to_owned()));
        }
        if state.deployments_of(service).next().is_some() {
            return Err(Refusal::BadInput(
                "A volume cannot be added to a service that was deployed".to_owned(),
            ));
        }
    }
    let (id, instance_id) = (state.id(), state.id());
    let owner =
        service.and_then(|service| state.service(service)).map(|service| service.name.clone());
    state.volumes.push(Volume {
        id: id.clone(),
        instance_id,
        name: format!(
            "{}-volume",
            owner.unwrap_or_else(|| format!("unattached-{}", state.volumes.len()))
        ),
        service_id: service.map(str::to_owned),
        mount: required(input, "mountPath")?.to_owned(),
        size_mb: SIZE_MB,
        state: VolumeState::Ready,
        created_at: world.now,
        deleted_at: None,
    });
    Ok(Answer::One(Some(Node::Volume(id))))
}

/// Deletes a volume; its folder stays, as Railway keeps it for two days.
pub(super) fn delete(world: &World<'_>, state: &mut State, arguments: &Arguments) -> Answered {
    let volume = found(state, required(arguments, "volumeId")?)?;
    volume.deleted_at = Some(world.now);
    volume.state = VolumeState::Deleted;
    volume.service_id = None;
    let instance = volume.instance_id.clone();
    let folders: Vec<_> =
        state.backups.iter().filter(|backup| backup.volume_instance_id == instance).collect();
    let folders: Vec<_> =
        folders.iter().map(|backup| Work::Wipe(world.twin.backup_folder(&backup.id))).collect();
    state.backups.retain(|backup| backup.volume_instance_id != instance);
    state.work.extend(folders);
    leaf(true)
}

/// Changes where a volume is mounted; leaving the service out detaches it.
pub(super) fn update(state: &mut State, arguments: &Arguments) -> Answered {
    let input = input(arguments)?;
    if input.get("state").is_some_and(|state| !state.is_null()) {
        return Err(Refusal::NotServed("`VolumeInstanceUpdateInput.state`".to_owned()));
    }
    let id = required(arguments, "volumeId")?;
    let service = text(input, "serviceId").map(str::to_owned);
    if let Some(service) = &service {
        state.service(service).ok_or(Refusal::NotFound("Service"))?;
        if state.volume_of(service).is_some_and(|volume| volume.id != id) {
            return Err(Refusal::BadInput("Service already has a volume".to_owned()));
        }
    }
    let volume = found(state, id)?;
    volume.service_id = service;
    if let Some(mount) = text(input, "mountPath") {
        mount.clone_into(&mut volume.mount);
    }
    leaf(true)
}

/// How long a backup is kept that nobody locks; Railway says so of the one that its conversion to high availability makes.
const BACKUP_LIFE: SignedDuration = SignedDuration::from_hours(21 * 24);

pub(super) fn back_up(world: &World<'_>, state: &mut State, arguments: &Arguments) -> Answered {
    let volume = instance(state, arguments)?;
    let (backup, workflow) = (state.id(), begin(state));
    state.backups.push(Backup {
        id: backup.clone(),
        volume_instance_id: volume.instance_id.clone(),
        name: text(arguments, "name").map(str::to_owned),
        created_at: world.now,
        expires_at: world.now.checked_add(BACKUP_LIFE).ok(),
        locked: false,
        used_mb: 0,
        complete: false,
    });
    state.work.push(Work::BackUp {
        workflow: workflow.clone(),
        backup: backup.clone(),
        service: volume.service_id,
        from: world.twin.volume_folder(&volume.instance_id),
        to: world.twin.backup_folder(&backup),
    });
    leaf(json!({ "workflowId": workflow }))
}

/// Copies a backup into a new volume and stages the swap, which takes a commit to come true.
pub(super) fn restore_backup(
    world: &World<'_>,
    state: &mut State,
    arguments: &Arguments,
) -> Answered {
    for unserved in ["replicaServiceIds", "wipeServiceIds"] {
        let given = arguments.get(unserved).and_then(Value::as_array);
        if given.is_some_and(|given| !given.is_empty()) {
            return Err(Refusal::NotServed(format!("`{unserved}` of volumeInstanceBackupRestore")));
        }
    }
    let volume = instance(state, arguments)?;
    let backup = backup(state, arguments)?.id.clone();
    let (id, instance_id, workflow) = (state.id(), state.id(), begin(state));
    state.work.push(Work::Restore {
        workflow: workflow.clone(),
        backup: backup.clone(),
        volume: id.clone(),
        from: world.twin.backup_folder(&backup),
        to: world.twin.volume_folder(&instance_id),
    });
    state.volumes.push(Volume {
        id,
        instance_id,
        name: format!("{}-restored", volume.name),
        service_id: None,
        mount: volume.mount,
        size_mb: volume.size_mb,
        state: VolumeState::Restoring,
        created_at: world.now,
        deleted_at: None,
    });
    leaf(json!({ "workflowId": workflow }))
}

pub(super) fn delete_backup(
    world: &World<'_>,
    state: &mut State,
    arguments: &Arguments,
) -> Answered {
    instance(state, arguments)?;
    let backup = backup(state, arguments)?;
    if backup.locked {
        return Err(Refusal::Failed("Backup is locked".to_owned()));
    }
    let id = backup.id.clone();
    state.backups.retain(|kept| kept.id != id);
    state.work.push(Work::Wipe(world.twin.backup_folder(&id)));
    let workflow = begin(state);
    if let Some(workflow) = state.workflows.last_mut() {
        workflow.status = WorkflowStatus::Complete;
    }
    leaf(json!({ "workflowId": workflow }))
}

pub(super) fn lock_backup(state: &mut State, arguments: &Arguments) -> Answered {
    instance(state, arguments)?;
    let backup = backup(state, arguments)?;
    backup.locked = true;
    backup.expires_at = None;
    leaf(true)
}

fn begin(state: &mut State) -> String {
    let id = state.id();
    state.workflows.push(Workflow { id: id.clone(), status: WorkflowStatus::Running, error: None });
    id
}

fn found<'s>(state: &'s mut State, id: &str) -> Result<&'s mut Volume, Refusal> {
    let present =
        state.volumes.iter_mut().find(|volume| volume.id == id && volume.deleted_at.is_none());
    present.ok_or(Refusal::NotFound("Volume"))
}

fn instance(state: &State, arguments: &Arguments) -> Result<Volume, Refusal> {
    let id = required(arguments, "volumeInstanceId")?;
    state.volume_instance(id).cloned().ok_or(Refusal::NotFound("VolumeInstance"))
}

fn backup<'s>(state: &'s mut State, arguments: &Arguments) -> Result<&'s mut Backup, Refusal> {
    let instance = required(arguments, "volumeInstanceId")?;
    let id = required(arguments, "volumeInstanceBackupId")?;
    let mut own = state
        .backups
        .iter_mut()
        .filter(|backup| backup.volume_instance_id == instance && backup.complete);
    own.find(|backup| backup.id == id).ok_or(Refusal::NotFound("VolumeInstanceBackup"))
}
