//! Which code carries out which kind of effect.

use lockstep_engine::journal::{Fate, Intent, Sent, Standing};
use lockstep_engine::model::{Fact, Failure, Kind};
use lockstep_engine::run::Follow;

use super::super::client::{CallError, Deadline, sent};
use super::super::gateway::Railway;
use super::service::Source;
use crate::order::Order;

/// Variables with the values that their pieces make.
pub(crate) type Values = [(String, String)];

/// Returns whether an effect is Railway's to carry out.
pub(crate) const fn is_railway(kind: &Kind) -> bool {
    !matches!(
        kind,
        Kind::RedisCommand { .. }
            | Kind::SqlExecute { .. }
            | Kind::HoldWrites { .. }
            | Kind::ReleaseWrites { .. }
            | Kind::Transfer(_)
            | Kind::HttpSend { .. }
    )
}

/// An effect that belongs to another capability came here, which would be our own mistake.
fn foreign(kind: &Kind) -> Failure {
    Failure::permanent("railway:kind", format!("effect `{}` is not Railway's", kind.function()))
}

impl Railway {
    /// Returns what stands where the effect changes something.
    pub(crate) async fn standing(&self, order: &Order<'_>) -> Result<Standing, Failure> {
        match &order.effect.kind {
            Kind::SetVariables { assignments, .. } => {
                self.variables_standing(order, assignments.iter().map(|one| one.name.as_str()))
                    .await
            }
            Kind::DeleteVariables { names, .. } => {
                self.variables_standing(order, names.iter().map(String::as_str)).await
            }
            Kind::RestoreVariables { names, .. } => self.restore_standing(order, names).await,
            Kind::ForgetVariables { names, .. } => self.kept_standing(order, names).await,
            Kind::GenerateVariable { name, .. } => {
                self.variables_standing(order, [name.as_str()].into_iter()).await
            }
            Kind::SetImage { .. } => self.image_standing(order).await,
            Kind::SetSettings { settings, .. } => self.settings_standing(order, settings).await,
            Kind::SetMount { .. } => self.mount_standing(order).await,
            Kind::Deploy { .. } => self.deploy_standing(order).await,
            Kind::Restart { .. } => self.restart_standing(order).await,
            Kind::Stop { .. } => self.stop_standing(order).await,
            Kind::CreateService { name, .. } | Kind::CreateBuiltService { name, .. } => {
                self.create_service_standing(name).await
            }
            Kind::DeleteService { .. } => self.delete_service_standing(order).await,
            Kind::CreateVolume { .. } | Kind::DeleteVolume { .. } => {
                self.volume_standing(order).await
            }
            Kind::BackupVolume { .. } => self.backup_standing(order).await,
            Kind::LockBackup { .. } | Kind::DeleteBackup { .. } => {
                self.given_backup_standing(order).await
            }
            Kind::RestoreVolume { .. } => self.restore_volume_standing(order).await,
            Kind::StageConversion { .. } | Kind::StageRevert { .. } => {
                self.conversion_standing().await
            }
            Kind::CommitStaged { .. } | Kind::DiscardStaged { .. } => self.staged_standing().await,
            kind @ (Kind::RedisCommand { .. }
            | Kind::SqlExecute { .. }
            | Kind::HoldWrites { .. }
            | Kind::ReleaseWrites { .. }
            | Kind::Transfer(_)
            | Kind::HttpSend { .. }) => Err(foreign(kind)),
        }
    }

    /// Sends the effect, once. `values` are the composed values of its assignments.
    pub(crate) async fn send(
        &self,
        order: &Order<'_>,
        values: &Values,
        intent: &Intent,
        deadline: Deadline<'_>,
    ) -> Sent {
        sent(self.try_send(order, values, intent, deadline).await)
    }

    async fn try_send(
        &self,
        order: &Order<'_>,
        values: &Values,
        intent: &Intent,
        deadline: Deadline<'_>,
    ) -> Result<Vec<Fact>, CallError> {
        match &order.effect.kind {
            Kind::SetVariables { .. } => self.set_variables(order, values, deadline).await,
            Kind::GenerateVariable { name, recipe, .. } => {
                self.generate_variable(order, name, *recipe, deadline).await
            }
            Kind::DeleteVariables { names, .. } => {
                self.delete_variables(order, names, deadline).await
            }
            Kind::RestoreVariables { names, .. } => {
                self.restore_variables(order, names, deadline).await
            }
            Kind::ForgetVariables { names, .. } => {
                self.forget_variables(order, names, deadline).await
            }
            Kind::SetImage { image, .. } => self.set_image(order, image, deadline).await,
            Kind::SetSettings { settings, .. } => {
                self.set_settings(order, settings, deadline).await
            }
            Kind::SetMount { mount, .. } => self.set_mount(order, mount, deadline).await,
            Kind::Deploy { source, .. } => self.deploy(order, source, intent, deadline).await,
            Kind::Restart { .. } => self.restart(order, deadline).await,
            Kind::Stop { .. } => self.stop(order, deadline).await,
            Kind::CreateService { alias, name, image, .. } => {
                let wanted = (alias.as_str(), name.as_str(), Source::Image(image));
                self.create_service(order, wanted, values, deadline).await
            }
            Kind::CreateBuiltService { alias, name, repository, .. } => {
                let wanted = (alias.as_str(), name.as_str(), Source::Repository(repository));
                self.create_service(order, wanted, values, deadline).await
            }
            Kind::DeleteService { .. } => self.delete_service(order, deadline).await,
            Kind::CreateVolume { mount, .. } => self.create_volume(order, mount, deadline).await,
            Kind::DeleteVolume { .. } => self.delete_volume(order, deadline).await,
            Kind::BackupVolume { .. } => self.backup_volume(order, deadline).await,
            Kind::LockBackup { .. } => self.lock_backup(order, deadline).await,
            Kind::DeleteBackup { .. } => self.delete_backup(order, deadline).await,
            Kind::RestoreVolume { .. } => self.restore_volume(order, deadline).await,
            Kind::StageConversion { wanted, moved, .. } => {
                self.stage_conversion(order, (wanted, moved), deadline).await
            }
            Kind::StageRevert { .. } => self.stage_revert(order, deadline).await,
            Kind::CommitStaged { .. } => self.commit_staged(order, deadline).await,
            Kind::DiscardStaged { .. } => self.discard_staged(order, deadline).await,
            kind @ (Kind::RedisCommand { .. }
            | Kind::SqlExecute { .. }
            | Kind::HoldWrites { .. }
            | Kind::ReleaseWrites { .. }
            | Kind::Transfer(_)
            | Kind::HttpSend { .. }) => Err(foreign(kind).into()),
        }
    }

    /// Finds out what became of the effect; a failed look is an error, never an answer.
    pub(crate) async fn settle(
        &self,
        order: &Order<'_>,
        values: &Values,
        intent: &Intent,
    ) -> Result<Fate, Failure> {
        match &order.effect.kind {
            Kind::SetVariables { .. } => self.settle_variables(order, values, intent).await,
            Kind::GenerateVariable { name, .. } => self.settle_generated(order, name, intent).await,
            Kind::DeleteVariables { names, .. } => self.settle_deleted(order, names, intent).await,
            Kind::RestoreVariables { names, .. } => {
                self.settle_restored(order, names, intent).await
            }
            Kind::ForgetVariables { .. } => self.settle_forgotten(order, intent).await,
            Kind::SetImage { image, .. } => self.settle_image(order, image, intent).await,
            Kind::SetSettings { settings, .. } => {
                self.settle_settings(order, settings, intent).await
            }
            Kind::SetMount { mount, .. } => self.settle_mount(order, mount, intent).await,
            Kind::Deploy { source, .. } => self.settle_deploy(order, source, intent).await,
            Kind::Restart { .. } => self.settle_restart(order, intent).await,
            Kind::Stop { .. } => self.settle_stop(order, intent).await,
            Kind::CreateService { name, image, .. } => {
                self.settle_create_service(order, name, Source::Image(image), intent).await
            }
            Kind::CreateBuiltService { name, repository, .. } => {
                let source = Source::Repository(repository);
                self.settle_create_service(order, name, source, intent).await
            }
            Kind::DeleteService { .. } => self.settle_delete_service(order, intent).await,
            Kind::CreateVolume { mount, .. } => {
                self.settle_create_volume(order, mount, intent).await
            }
            Kind::DeleteVolume { .. } => self.settle_delete_volume(intent).await,
            Kind::BackupVolume { .. } => self.settle_backup(order, intent).await,
            Kind::LockBackup { .. } => self.settle_lock(order, intent).await,
            Kind::DeleteBackup { .. } => self.settle_delete_backup(order, intent).await,
            Kind::RestoreVolume { .. } => self.settle_restore_volume(order, intent).await,
            Kind::StageConversion { wanted, moved, .. } => {
                self.settle_conversion(order, (wanted, moved), intent).await
            }
            Kind::StageRevert { .. } => self.settle_revert(order, intent).await,
            Kind::CommitStaged { .. } => self.settle_commit(order, intent).await,
            Kind::DiscardStaged { .. } => self.settle_discard(intent).await,
            kind @ (Kind::RedisCommand { .. }
            | Kind::SqlExecute { .. }
            | Kind::HoldWrites { .. }
            | Kind::ReleaseWrites { .. }
            | Kind::Transfer(_)
            | Kind::HttpSend { .. }) => Err(foreign(kind)),
        }
    }

    /// Looks how far a done effect is.
    pub(crate) async fn follow(
        &self,
        order: &Order<'_>,
        values: &Values,
        intent: &Intent,
        outcome: &[Fact],
    ) -> Result<Follow, Failure> {
        match &order.effect.kind {
            Kind::SetVariables { .. } => self.follow_variables(order, values).await,
            Kind::DeleteVariables { names, .. } => self.follow_deleted(order, names).await,
            Kind::ForgetVariables { names, .. } => self.follow_forgotten(order, names).await,
            Kind::Deploy { source, .. } => self.follow_deploy(order, source, intent, outcome).await,
            Kind::Restart { .. } => self.follow_restart(order, intent, outcome).await,
            Kind::Stop { .. } => self.follow_stop(intent, outcome).await,
            Kind::DeleteService { .. } => self.follow_delete_service(order, intent, outcome).await,
            Kind::BackupVolume { .. } => self.follow_backup(order, outcome).await,
            Kind::DeleteBackup { .. } => self.follow_delete_backup(order, outcome).await,
            Kind::RestoreVolume { .. } => self.follow_restore_volume(order, outcome).await,
            Kind::StageConversion { wanted, .. } => {
                self.follow_conversion(order, wanted, outcome).await
            }
            Kind::StageRevert { .. } => self.follow_revert(order, outcome).await,
            Kind::CommitStaged { .. } => self.follow_commit(order, outcome).await,
            Kind::GenerateVariable { .. }
            | Kind::RestoreVariables { .. }
            | Kind::SetImage { .. }
            | Kind::SetSettings { .. }
            | Kind::SetMount { .. }
            | Kind::CreateService { .. }
            | Kind::CreateBuiltService { .. }
            | Kind::CreateVolume { .. }
            | Kind::DeleteVolume { .. }
            | Kind::LockBackup { .. }
            | Kind::DiscardStaged { .. }
            | Kind::RedisCommand { .. }
            | Kind::SqlExecute { .. }
            | Kind::HoldWrites { .. }
            | Kind::ReleaseWrites { .. }
            | Kind::Transfer(_)
            | Kind::HttpSend { .. } => Ok(Follow::Finished(Vec::new())),
        }
    }
}
