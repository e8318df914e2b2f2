//! Setting the image, the settings and the mount of a service, all without a deploy.

use lockstep_engine::journal::{Fate, Intent, Standing};
use lockstep_engine::model::{Fact, Failure, ServiceRef};
use serde_json::{Map, Value, json};

use super::super::client::{CallError, Deadline};
use super::super::gateway::{Railway, Scope};
use super::super::wire::VolumeInstance;
use super::super::{documents, reads, service_settings};
use super::compare;
use crate::order::Order;

/// Settings with their values; an empty value unsets.
type Wanted = [(String, String)];

impl Railway {
    pub(super) async fn image_standing(&self, order: &Order<'_>) -> Result<Standing, Failure> {
        let scope = self.scope(order).await?;
        Ok(Standing::from([("image".to_owned(), scope.instance.image().map(str::to_owned))]))
    }

    pub(super) async fn set_image(
        &self,
        order: &Order<'_>,
        image: &str,
        deadline: Deadline<'_>,
    ) -> Result<Vec<Fact>, CallError> {
        let scope = self.scope(order).await?;
        self.update(&scope, json!({ "source": { "image": image } }), deadline).await?;
        Ok(Vec::new())
    }

    pub(super) async fn settle_image(
        &self,
        order: &Order<'_>,
        image: &str,
        intent: &Intent,
    ) -> Result<Fate, Failure> {
        let wanted = Standing::from([("image".to_owned(), Some(image.to_owned()))]);
        let now = self.image_standing(order).await?;
        Ok(self
            .unless_under_way(intent, compare::fate(&what(order), &intent.before, &wanted, &now)))
    }

    pub(super) async fn settings_standing(
        &self,
        order: &Order<'_>,
        settings: &Wanted,
    ) -> Result<Standing, Failure> {
        let scope = self.scope(order).await?;
        let asks_config = settings.iter().any(|(name, _)| name == service_settings::AUTO_UPDATES);
        let config = if asks_config { self.config().await? } else { Value::Null };
        let found = service_settings::read(
            &scope.instance,
            reads::auto_updates(&config, scope.service_id()),
        );
        let of = |name: &String| {
            found.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
        };
        Ok(settings.iter().map(|(name, _)| (name.clone(), of(name))).collect())
    }

    pub(super) async fn set_settings(
        &self,
        order: &Order<'_>,
        settings: &Wanted,
        deadline: Deadline<'_>,
    ) -> Result<Vec<Fact>, CallError> {
        let input = service_settings::input(settings)?;
        let scope = self.scope(order).await?;
        let patched = settings.iter().find(|(name, _)| name == service_settings::AUTO_UPDATES);
        let path = auto_updates(&scope);
        if patched.is_some() {
            self.refuse_foreign_stage(&path).await?;
        }
        let updated = !input.is_empty();
        if updated {
            self.update(&scope, Value::Object(input), deadline).await?;
        }
        if let Some((_, value)) = patched {
            let word = if value.is_empty() { "disabled" } else { value };
            let mut services = Map::new();
            services.insert(
                scope.service_id().to_owned(),
                json!({ "source": { "autoUpdates": { "type": word } } }),
            );
            let done =
                self.commit_patch(order, json!({ "services": services }), &path, deadline).await;
            done.map_err(|error| if updated { error.halfway() } else { error })?;
        }
        Ok(Vec::new())
    }

    pub(super) async fn settle_settings(
        &self,
        order: &Order<'_>,
        settings: &Wanted,
        intent: &Intent,
    ) -> Result<Fate, Failure> {
        let wanted: Standing = settings
            .iter()
            .map(|(name, value)| (name.clone(), service_settings::wanted(name, value)))
            .collect();
        let now = self.settings_standing(order, settings).await?;
        let mut fate = compare::fate(&what(order), &intent.before, &wanted, &now);
        if wanted.contains_key(service_settings::AUTO_UPDATES) {
            let path = auto_updates(&self.scope(order).await?);
            fate = self.unless_staged(&path, fate).await?;
        }
        Ok(self.unless_under_way(intent, fate))
    }

    pub(super) async fn mount_standing(&self, order: &Order<'_>) -> Result<Standing, Failure> {
        let scope = self.scope(order).await?;
        let mount =
            scope.estate.volume_of(scope.service_id()).map(|volume| volume.mount_path.clone());
        Ok(Standing::from([("mount".to_owned(), mount)]))
    }

    pub(super) async fn set_mount(
        &self,
        order: &Order<'_>,
        mount: &str,
        deadline: Deadline<'_>,
    ) -> Result<Vec<Fact>, CallError> {
        let scope = self.scope(order).await?;
        let volume = volume_of(&scope)?;
        must_be_meant(order, &scope, volume)?;
        let variables = json!({
            "volume": volume.volume_id, "environment": self.environment_id,
            // Without the service the volume would be detached from it.
            "input": { "mountPath": mount, "serviceId": scope.service_id() },
        });
        self.mutate_bool(&documents::UPDATE_VOLUME, variables, deadline).await?;
        Ok(Vec::new())
    }

    pub(super) async fn settle_mount(
        &self,
        order: &Order<'_>,
        mount: &str,
        intent: &Intent,
    ) -> Result<Fate, Failure> {
        let wanted = Standing::from([("mount".to_owned(), Some(mount.to_owned()))]);
        let now = self.mount_standing(order).await?;
        Ok(self
            .unless_under_way(intent, compare::fate(&what(order), &intent.before, &wanted, &now)))
    }

    /// Updates the instance of this environment only: without its id, Railway would update all of them.
    pub(super) async fn update(
        &self,
        scope: &Scope,
        input: Value,
        deadline: Deadline<'_>,
    ) -> Result<(), CallError> {
        let variables = json!({ "service": scope.service_id(), "environment": self.environment_id, "input": input });
        self.mutate_bool(&documents::UPDATE_INSTANCE, variables, deadline).await
    }
}

/// Returns the volume of the service, or says that it has none.
pub(super) fn volume_of(scope: &Scope) -> Result<&VolumeInstance, Failure> {
    scope.estate.volume_of(scope.service_id()).ok_or_else(|| {
        Failure::permanent(
            "railway:no-volume",
            format!("service `{}` has no volume", scope.instance.service_name),
        )
    })
}

fn auto_updates(scope: &Scope) -> Vec<Vec<String>> {
    vec![["services", scope.service_id(), "source", "autoUpdates"].map(str::to_owned).to_vec()]
}

/// Refuses a volume that neither stood there when the plan was approved nor was made by this run.
pub(super) fn must_be_meant(
    order: &Order<'_>,
    scope: &Scope,
    volume: &VolumeInstance,
) -> Result<(), Failure> {
    let pinned = order.pin.and_then(|pin| pin.volume_instance_id.as_ref());
    // A service that this run made has no volume but one that this run made for it.
    let of_the_run = matches!(order.effect.kind.service(), Some(ServiceRef::Made(_)))
        || order.volumes.contains(&volume.volume_id);
    if of_the_run || pinned == Some(&volume.id) {
        return Ok(());
    }
    let text = format!(
        "service `{}` has another volume ({}) than when the plan was made, and this run did not make it",
        scope.instance.service_name, volume.volume_id
    );
    Err(Failure::permanent("railway:moved", text))
}

fn what(order: &Order<'_>) -> String {
    let service = order.effect.kind.service().map_or("", super::super::estate::spoken);
    format!("service `{service}`")
}
