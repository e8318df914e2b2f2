//! `railway-effects`: declaring changes to a Railway environment.

use lockstep_engine::model::Kind;

use super::ask::Answered;
use crate::bindings::lockstep::plugin::railway_effects::{
    Assignment, DeploySource, Host, MovedVariable, Recipe, ServiceRef, Template,
};
use crate::convert::{Inward as _, name};
use crate::instance::Instance;

impl Host for Instance {
    async fn set_variables(
        &mut self,
        label: String,
        service: ServiceRef,
        assignments: Vec<Assignment>,
    ) -> Answered<()> {
        let kind = || {
            Ok(Kind::SetVariables {
                service: service.inward()?,
                assignments: assignments.inward()?,
            })
        };
        self.declare_plain(&label, kind).await
    }

    async fn generate_variable(
        &mut self,
        label: String,
        service: ServiceRef,
        name: String,
        recipe: Recipe,
    ) -> Answered<()> {
        let kind = || {
            Ok(Kind::GenerateVariable {
                service: service.inward()?,
                name,
                recipe: recipe.inward()?,
            })
        };
        self.declare_plain(&label, kind).await
    }

    async fn delete_variables(
        &mut self,
        label: String,
        service: ServiceRef,
        names: Vec<String>,
    ) -> Answered<()> {
        self.declare_plain(&label, || {
            Ok(Kind::DeleteVariables { service: service.inward()?, names })
        })
        .await
    }

    async fn set_image(
        &mut self,
        label: String,
        service: ServiceRef,
        image: String,
    ) -> Answered<()> {
        self.declare_plain(&label, || Ok(Kind::SetImage { service: service.inward()?, image }))
            .await
    }

    async fn set_settings(
        &mut self,
        label: String,
        service: ServiceRef,
        settings: Vec<(String, String)>,
    ) -> Answered<()> {
        self.declare_plain(&label, || {
            Ok(Kind::SetSettings { service: service.inward()?, settings })
        })
        .await
    }

    async fn deploy(
        &mut self,
        label: String,
        service: ServiceRef,
        source: DeploySource,
    ) -> Answered<()> {
        let kind = || Ok(Kind::Deploy { service: service.inward()?, source: source.inward()? });
        self.declare_plain(&label, kind).await
    }

    async fn restart(&mut self, label: String, service: ServiceRef) -> Answered<()> {
        self.declare_plain(&label, || Ok(Kind::Restart { service: service.inward()? })).await
    }

    async fn stop(&mut self, label: String, service: ServiceRef) -> Answered<()> {
        self.declare_plain(&label, || Ok(Kind::Stop { service: service.inward()? })).await
    }

    async fn create_service(
        &mut self,
        label: String,
        alias: String,
        name: String,
        image: String,
        assignments: Vec<Assignment>,
    ) -> Answered<()> {
        let kind =
            || Ok(Kind::CreateService { alias, name, image, assignments: assignments.inward()? });
        self.declare_plain(&label, kind).await
    }

    async fn create_built_service(
        &mut self,
        label: String,
        alias: String,
        name: String,
        repository: String,
        assignments: Vec<Assignment>,
    ) -> Answered<()> {
        let kind = || {
            let assignments = assignments.inward()?;
            Ok(Kind::CreateBuiltService { alias, name, repository, assignments })
        };
        self.declare_plain(&label, kind).await
    }

    async fn delete_service(&mut self, label: String, service: ServiceRef) -> Answered<()> {
        self.declare_plain(&label, || Ok(Kind::DeleteService { service: service.inward()? })).await
    }

    async fn create_volume(
        &mut self,
        label: String,
        service: ServiceRef,
        mount: String,
    ) -> Answered<()> {
        self.declare_plain(&label, || Ok(Kind::CreateVolume { service: service.inward()?, mount }))
            .await
    }

    async fn set_mount(
        &mut self,
        label: String,
        service: ServiceRef,
        mount: String,
    ) -> Answered<()> {
        self.declare_plain(&label, || Ok(Kind::SetMount { service: service.inward()?, mount }))
            .await
    }

    async fn delete_volume(&mut self, label: String, service: ServiceRef) -> Answered<()> {
        self.declare_plain(&label, || Ok(Kind::DeleteVolume { service: service.inward()? })).await
    }

    async fn backup_volume(&mut self, label: String, service: ServiceRef) -> Answered<()> {
        self.declare_plain(&label, || Ok(Kind::BackupVolume { service: service.inward()? })).await
    }

    async fn lock_backup(&mut self, label: String, backup_of: String) -> Answered<()> {
        self.declare_plain(&label, || Ok(Kind::LockBackup { backup_of: name(&backup_of)? })).await
    }

    async fn delete_backup(&mut self, label: String, backup_of: String) -> Answered<()> {
        self.declare_plain(&label, || Ok(Kind::DeleteBackup { backup_of: name(&backup_of)? })).await
    }

    async fn restore_volume(
        &mut self,
        label: String,
        service: ServiceRef,
        backup_of: String,
    ) -> Answered<()> {
        let kind =
            || Ok(Kind::RestoreVolume { service: service.inward()?, backup_of: name(&backup_of)? });
        self.declare_plain(&label, kind).await
    }

    async fn stage_conversion(
        &mut self,
        label: String,
        root: ServiceRef,
        wanted: Template,
        moved: Vec<MovedVariable>,
    ) -> Answered<()> {
        let kind = || {
            Ok(Kind::StageConversion {
                root: root.inward()?,
                wanted: wanted.inward()?,
                moved: moved.inward()?,
            })
        };
        self.declare_plain(&label, kind).await
    }

    async fn stage_revert(&mut self, label: String, converted_by: String) -> Answered<()> {
        let kind = || Ok(Kind::StageRevert { converted_by: name(&converted_by)? });
        self.declare_plain(&label, kind).await
    }

    async fn commit_staged(&mut self, label: String, staged_by: String) -> Answered<()> {
        self.declare_plain(&label, || Ok(Kind::CommitStaged { staged_by: name(&staged_by)? })).await
    }

    async fn discard_staged(&mut self, label: String, staged_by: String) -> Answered<()> {
        self.declare_plain(&label, || Ok(Kind::DiscardStaged { staged_by: name(&staged_by)? }))
            .await
    }
}
