//! What a person does by hand, in a word or two: the whole commands are in the file.

use lockstep_engine::model::{DeploySource, Kind, ServiceRef, Transfer};

use crate::render::{effect, shortened, tame};

/// Returns the command for an effect by its name.
pub(crate) fn short(kind: &Kind) -> String {
    let name = |service: &ServiceRef| {
        let (ServiceRef::Named(name) | ServiceRef::Made(name)) = service;
        tame(name)
    };
    match kind {
        Kind::SetImage { service, image } => {
            format!("serviceInstanceUpdate {} image {}", name(service), shortened(&tame(image)))
        }
        Kind::SetSettings { service, settings } => {
            let names: Vec<String> = settings.iter().map(|(name, _)| tame(name)).collect();
            format!("serviceInstanceUpdate {} {}", name(service), names.join(", "))
        }
        Kind::SetMount { service, mount } => {
            format!("volumeInstanceUpdate {} {}", name(service), tame(mount))
        }
        Kind::SetVariables { service, .. }
        | Kind::GenerateVariable { service, .. }
        | Kind::RestoreVariables { service, .. } => {
            format!("variableCollectionUpsert {}", name(service))
        }
        Kind::DeleteVariables { service, .. } | Kind::ForgetVariables { service, .. } => {
            format!("environmentStageChanges {}, environmentPatchCommitStaged", name(service))
        }
        Kind::Deploy { service, source: DeploySource::SameImage } => {
            format!("deploymentRedeploy {}", name(service))
        }
        Kind::Deploy { service, .. } => format!("serviceInstanceDeployV2 {}", name(service)),
        Kind::Restart { service } => format!("deploymentRestart {}", name(service)),
        Kind::Stop { service } => format!("deploymentRemove {}", name(service)),
        Kind::CreateService { name, .. } | Kind::CreateBuiltService { name, .. } => {
            format!("serviceCreate {}", tame(name))
        }
        Kind::DeleteService { service } => format!("serviceDelete {}", name(service)),
        Kind::CreateVolume { service, .. } => format!("volumeCreate {}", name(service)),
        Kind::DeleteVolume { service } => format!("volumeDelete {}", name(service)),
        Kind::BackupVolume { service } => format!("volumeInstanceBackupCreate {}", name(service)),
        Kind::LockBackup { backup_of } => format!("volumeInstanceBackupLock {backup_of}"),
        Kind::DeleteBackup { backup_of } => format!("volumeInstanceBackupDelete {backup_of}"),
        Kind::RestoreVolume { backup_of, .. } => format!("volumeInstanceBackupRestore {backup_of}"),
        Kind::StageConversion { root, .. } => format!("templateDeployV2 {}", name(root)),
        Kind::StageRevert { .. } => "templateRevert".to_owned(),
        Kind::CommitStaged { .. } => "environmentPatchCommitStaged".to_owned(),
        Kind::DiscardStaged { .. } => "environmentStageChanges {}".to_owned(),
        Kind::RedisCommand { .. } => effect(kind).replacen("redis", "redis-cli", 1),
        Kind::SqlExecute { .. } => effect(kind).replacen("sql", "psql", 1),
        Kind::HoldWrites { .. } | Kind::ReleaseWrites { .. } => {
            format!("psql: {}", super::data::LIFT)
        }
        Kind::Transfer(Transfer::CopySchema { .. }) => "pg_dump | psql".to_owned(),
        Kind::Transfer(Transfer::BuildIndexes { .. }) => {
            "nothing: post-data of the schema has them".to_owned()
        }
        Kind::Transfer(Transfer::CopySequences { .. }) => {
            "psql: setval of every sequence".to_owned()
        }
        Kind::Transfer(Transfer::HoldSnapshots { .. } | Transfer::Compare { .. }) => {
            "nothing: it changes nothing".to_owned()
        }
        Kind::HttpSend { .. } => effect(kind).replacen("http", "curl", 1),
    }
}

/// Returns the database that an effect is sent to.
pub(super) fn connection(kind: &Kind) -> Option<&str> {
    if let Kind::RedisCommand { connection, .. }
    | Kind::SqlExecute { connection, .. }
    | Kind::HoldWrites { connection, .. }
    | Kind::ReleaseWrites { connection, .. } = kind
    {
        Some(connection)
    } else if let Kind::Transfer(transfer) = kind {
        transfer.changes()
    } else {
        None
    }
}
