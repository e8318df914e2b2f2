//! Creating and deleting the volume of a service.

use lockstep_engine::journal::{Fate, Intent, Standing};
use lockstep_engine::model::{Fact, Failure};
use serde_json::json;

use super::super::client::{CallError, Deadline};
use super::super::documents;
use super::super::gateway::Railway;
use super::super::wire::{Made, VolumeInstance};
use super::configure::{must_be_meant, volume_of};
use crate::order::Order;

impl Railway {
    pub(super) async fn volume_standing(&self, order: &Order<'_>) -> Result<Standing, Failure> {
        let scope = self.scope(order).await?;
        let volume =
            scope.estate.volume_of(scope.service_id()).map(|volume| volume.volume_id.clone());
        Ok(Standing::from([("volume".to_owned(), volume)]))
    }

    pub(super) async fn create_volume(
        &self,
        order: &Order<'_>,
        mount: &str,
        deadline: Deadline<'_>,
    ) -> Result<Vec<Fact>, CallError> {
        let scope = self.scope(order).await?;
        if scope.estate.volume_of(scope.service_id()).is_some() {
            let text = format!("service `{}` already has a volume", scope.instance.service_name);
            return Err(Failure::permanent("railway:has-volume", text).into());
        }
        let input = json!({
            "projectId": self.project_id, "environmentId": self.environment_id,
            "serviceId": scope.service_id(), "mountPath": mount,
        });
        let made: Made =
            self.mutate(&documents::CREATE_VOLUME, json!({ "input": input }), deadline).await?;
        Ok(vec![Fact::text("volume", made.id)])
    }

    pub(super) async fn settle_create_volume(
        &self,
        order: &Order<'_>,
        mount: &str,
        intent: &Intent,
    ) -> Result<Fate, Failure> {
        let scope = self.scope(order).await?;
        Ok(match scope.estate.volume_of(scope.service_id()) {
            Some(volume) if volume.mount_path == mount => Fate::Happened(facts(volume)),
            Some(volume) => Fate::CannotTell(format!(
                "service `{}` has a volume now, mounted at `{}` instead of `{mount}`: did this run make it?",
                scope.instance.service_name, volume.mount_path
            )),
            None if self.may_be_under_way(intent) => Fate::StillGoing,
            None => Fate::DidNot,
        })
    }

    pub(super) async fn delete_volume(
        &self,
        order: &Order<'_>,
        deadline: Deadline<'_>,
    ) -> Result<Vec<Fact>, CallError> {
        let scope = self.scope(order).await?;
        let volume = volume_of(&scope)?;
        must_be_meant(order, &scope, volume)?;
        self.mutate_bool(
            &documents::DELETE_VOLUME,
            json!({ "volume": volume.volume_id }),
            deadline,
        )
        .await?;
        Ok(vec![Fact::text("volume", volume.volume_id.clone())])
    }

    pub(super) async fn settle_delete_volume(&self, intent: &Intent) -> Result<Fate, Failure> {
        let Some(id) = intent.before.get("volume").cloned().flatten() else {
            return Ok(Fate::CannotTell(
                "the id of the volume to delete was not recorded: is it deleted?".to_owned(),
            ));
        };
        let estate = self.fresh_estate().await?;
        let there = estate.volumes.iter().any(|volume| volume.volume_id == id);
        let fate =
            if there { Fate::DidNot } else { Fate::Happened(vec![Fact::text("volume", id)]) };
        Ok(self.unless_under_way(intent, fate))
    }
}

/// Returns what later effects need to know of a volume.
pub(super) fn facts(volume: &VolumeInstance) -> Vec<Fact> {
    vec![
        Fact::text("volume", volume.volume_id.clone()),
        Fact::text("volume-instance", volume.id.clone()),
    ]
}
