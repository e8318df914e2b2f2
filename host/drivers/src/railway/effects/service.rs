//! Creating and deleting services. What a run makes carries its marker, so it is found again after a crash.

use lockstep_engine::journal::{Fate, Intent, Standing};
use lockstep_engine::model::{Fact, Failure, ServiceRef};
use lockstep_engine::run::Follow;
use serde_json::{Map, Value, json};

use super::super::client::{CallError, Deadline};
use super::super::documents;
use super::super::estate::Estate;
use super::super::gateway::{MADE_AS, MADE_BY, Railway, Scope};
use super::super::wire::{Instance, Made, VolumeInstance};
use super::configure::must_be_meant;
use super::dispatch::Values;
use super::stop::live;
use super::volume;
use crate::order::{Order, text_of};

/// What stands before a deletion: the volume that is mounted.
const VOLUME: &str = "volume";

/// The fact that a service was gone before it was deleted.
const GONE: &str = "already-gone";

/// What a service is deployed from.
#[derive(Clone, Copy)]
pub(super) enum Source<'a> {
    Image(&'a str),
    /// `owner/name`. Set for this environment's instance only, it makes no trigger, so nobody's push deploys it.
    Repository(&'a str),
}

impl Source<'_> {
    fn stands(self, instance: &Instance) -> bool {
        match self {
            Self::Image(image) => instance.image() == Some(image),
            Self::Repository(repository) => instance.repository() == Some(repository),
        }
    }

    fn input(self) -> Value {
        match self {
            Self::Image(image) => json!({ "source": { "image": image } }),
            Self::Repository(repository) => json!({ "source": { "repo": repository } }),
        }
    }
}

/// Alias, name and source of a service to make.
type Wanted<'a> = (&'a str, &'a str, Source<'a>);

/// Returns the volume of a service that is about to be deleted: that of the plan, or none where it was detached before.
fn volume_to_detach<'a>(
    order: &Order<'_>,
    scope: &'a Scope,
) -> Result<Option<&'a VolumeInstance>, Failure> {
    if let Some(volume) = scope.estate.volume_of(scope.service_id()) {
        must_be_meant(order, scope, volume)?;
        return Ok(Some(volume));
    }
    let pinned = order.pin.and_then(|pin| pin.volume_instance_id.as_ref());
    match pinned.filter(|id| scope.estate.volumes.iter().all(|one| one.id != **id)) {
        None => Ok(None),
        Some(id) => {
            let text = format!(
                "the volume {id} of service `{}` is not listed any more, so the service is not deleted: look for it in Railway's \
                 dashboard",
                scope.instance.service_name
            );
            Err(Failure::permanent("railway:no-volume", text))
        }
    }
}

/// Somebody may have started it again since the step was looked at.
fn must_not_run(order: &Order<'_>, scope: &Scope) -> Result<(), Failure> {
    match (order.effect.kind.service(), live(scope).next()) {
        (Some(ServiceRef::Named(name)), Some(runs)) => Err(Failure::permanent(
            "railway:still-runs",
            format!(
                "deployment {} of service `{name}` is up, so the service is not deleted: see who needs it, and stop it",
                runs.id
            ),
        )),
        _ => Ok(()),
    }
}

impl Railway {
    pub(super) async fn create_service_standing(&self, name: &str) -> Result<Standing, Failure> {
        let estate = self.fresh_estate().await?;
        let id = named(&estate, name).map(|instance| instance.service_id.clone());
        Ok(Standing::from([("service".to_owned(), id)]))
    }

    /// Makes the service without a source, so that nothing is deployed, and then sets its source.
    pub(super) async fn create_service(
        &self,
        order: &Order<'_>,
        (alias, name, source): Wanted<'_>,
        values: &Values,
        deadline: Deadline<'_>,
    ) -> Result<Vec<Fact>, CallError> {
        let estate = self.fresh_estate().await?;
        let existing = match named(&estate, name) {
            None => None,
            Some(instance) if self.is_ours(instance, order).await? => Some(instance.clone()),
            Some(_) => {
                let text = format!(
                    "the environment already has a service `{name}`, which this run did not make"
                );
                return Err(Failure::permanent("railway:name-taken", text).into());
            }
        };
        let created = existing.is_none();
        let id = if let Some(instance) = existing {
            instance.service_id
        } else {
            let mut variables: Map<String, Value> =
                values.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
            variables.insert(MADE_BY.to_owned(), json!(order.marker));
            variables.insert(MADE_AS.to_owned(), json!(alias));
            let input = json!({
                "projectId": self.project_id, "environmentId": self.environment_id, "name": name, "variables": variables,
            });
            self.mutate::<Made>(&documents::CREATE_SERVICE, json!({ "input": input }), deadline)
                .await?
                .id
        };
        let halfway = |error: CallError| if created { error.halfway() } else { error };
        let estate = self.fresh_estate().await.map_err(|failure| halfway(failure.into()))?;
        let missing = || {
            Failure::transient(
                "railway:no-service",
                format!("service `{name}` was made but is not listed yet"),
            )
        };
        let instance = estate.by_id(&id).cloned().ok_or_else(|| halfway(missing().into()))?;
        if !source.stands(&instance) {
            let scope = Scope { instance, estate };
            self.update(&scope, source.input(), deadline).await.map_err(halfway)?;
        }
        Ok(facts(&id, name))
    }

    pub(super) async fn settle_create_service(
        &self,
        order: &Order<'_>,
        name: &str,
        source: Source<'_>,
        intent: &Intent,
    ) -> Result<Fate, Failure> {
        let estate = self.fresh_estate().await?;
        Ok(match named(&estate, name) {
            Some(instance) if !self.is_ours(instance, order).await? => Fate::CannotTell(format!(
                "service `{name}` is there and does not carry `{}`: did this run make it?",
                order.marker
            )),
            // Made and not finished: sending it again finds the marker and finishes it.
            Some(instance) if source.stands(instance) => {
                Fate::Happened(facts(&instance.service_id, name))
            }
            Some(_) => self.unless_under_way(intent, Fate::Partly),
            None => self.unless_under_way(intent, Fate::DidNot),
        })
    }

    async fn is_ours(&self, instance: &Instance, order: &Order<'_>) -> Result<bool, Failure> {
        let variables = self.variable_map(&instance.service_id, true).await?;
        Ok(variables.get(MADE_BY).and_then(Option::as_deref) == Some(order.marker))
    }

    pub(super) async fn delete_service_standing(
        &self,
        order: &Order<'_>,
    ) -> Result<Standing, Failure> {
        if let Some(id) = self.already_gone(order).await? {
            return Ok(Standing::from([
                ("service".to_owned(), Some(id)),
                (VOLUME.to_owned(), None),
            ]));
        }
        let scope = self.scope(order).await?;
        let volume = scope.estate.volume_of(scope.service_id());
        Ok(Standing::from([
            ("service".to_owned(), Some(scope.service_id().to_owned())),
            (VOLUME.to_owned(), volume.map(|volume| volume.volume_id.clone())),
        ]))
    }

    /// Deletes the service in this environment only: without its id, Railway would delete it in all of them.
    pub(super) async fn delete_service(
        &self,
        order: &Order<'_>,
        deadline: Deadline<'_>,
    ) -> Result<Vec<Fact>, CallError> {
        // An earlier try may have come true after all.
        if let Some(id) = self.already_gone(order).await? {
            return Ok(vec![Fact::text("service", &id), Fact::text(GONE, &id)]);
        }
        let scope = self.scope(order).await?;
        let volume = volume_to_detach(order, &scope)?;
        must_not_run(order, &scope)?;
        if let Some(volume) = volume {
            self.detach_volume(&scope, volume, deadline).await?;
        }
        let variables = json!({ "id": scope.service_id(), "environment": self.environment_id });
        let deleted = self.mutate_bool(&documents::DELETE_SERVICE, variables, deadline).await;
        deleted.map_err(|error| if volume.is_some() { error.halfway() } else { error })?;
        Ok(vec![Fact::text("service", scope.service_id())])
    }

    /// Returns the id of the service that the plan was made for, if that is not listed any more.
    async fn already_gone(&self, order: &Order<'_>) -> Result<Option<String>, Failure> {
        let (Some(ServiceRef::Named(_)), Some(pin)) = (order.effect.kind.service(), order.pin)
        else {
            return Ok(None);
        };
        let estate = self.fresh_estate().await?;
        Ok(estate.by_id(&pin.service_id).is_none().then(|| pin.service_id.clone()))
    }

    /// Takes its volume away from a service that is about to be deleted.
    ///
    /// Nothing says what becomes of a volume that is mounted to a service which Railway deletes, and its backups go where it
    /// goes. So nothing is deleted before Railway itself shows that the volume belongs to no service.
    async fn detach_volume(
        &self,
        scope: &Scope,
        volume: &VolumeInstance,
        deadline: Deadline<'_>,
    ) -> Result<(), CallError> {
        let variables = json!({
            "volume": volume.volume_id, "environment": self.environment_id, "input": { "serviceId": null },
        });
        self.mutate_bool(&documents::UPDATE_VOLUME, variables, deadline).await?;
        let now = self.fresh_estate().await.map_err(CallError::Unknown)?;
        let found = now.volumes.iter().find(|one| one.volume_id == volume.volume_id);
        let (id, name) = (&volume.volume_id, &scope.instance.service_name);
        let not = |failure: fn(&'static str, String) -> Failure, how: &str| {
            let text = format!(
                "the volume {id} of service `{name}` {how} after it was detached, so the service is not deleted"
            );
            CallError::Unknown(failure("railway:not-detached", text))
        };
        match found {
            Some(found) if found.service_id.is_none() => Ok(()),
            Some(_) => Err(not(Failure::transient, "is still mounted")),
            None => Err(not(Failure::permanent, "is not listed any more")),
        }
    }

    /// The id that stood there is gone, and the same token could look.
    pub(super) async fn settle_delete_service(
        &self,
        order: &Order<'_>,
        intent: &Intent,
    ) -> Result<Fate, Failure> {
        let recorded = intent.before.get("service").cloned().flatten();
        let Some(id) = recorded.or_else(|| order.pin.map(|pin| pin.service_id.clone())) else {
            return Ok(Fate::CannotTell(
                "the id of the service to delete was not recorded: is it deleted?".to_owned(),
            ));
        };
        let estate = self.fresh_estate().await?;
        let had_volume = intent.before.get(VOLUME).is_some_and(Option::is_some);
        Ok(match estate.by_id(&id) {
            None => Fate::Happened(vec![Fact::text("service", id)]),
            Some(_) if had_volume && estate.volume_of(&id).is_none() => {
                self.unless_under_way(intent, Fate::Partly)
            }
            Some(_) => self.unless_under_way(intent, Fate::DidNot),
        })
    }

    /// Waits until the service is not listed any more, and looks whether its volume still is.
    pub(super) async fn follow_delete_service(
        &self,
        order: &Order<'_>,
        intent: &Intent,
        outcome: &[Fact],
    ) -> Result<Follow, Failure> {
        let estate = self.fresh_estate().await?;
        if text_of(outcome, "service").is_some_and(|id| estate.by_id(id).is_some()) {
            let note = "the service is still listed".to_owned();
            return Ok(Follow::Going { after: self.poll, note });
        }
        let detached = intent.before.get(VOLUME).cloned().flatten();
        // The try before this one may have detached it.
        let pinned = order.pin.and_then(|pin| pin.volume_instance_id.as_ref());
        let is_its = |volume: &&VolumeInstance| {
            detached.as_ref() == Some(&volume.volume_id) || pinned == Some(&volume.id)
        };
        Ok(match (estate.volumes.iter().find(is_its), detached) {
            (Some(volume), _) => Follow::Finished(volume::facts(volume)),
            // That its volume was not seen was told when that happened, and the run must be able to end.
            (None, None) if text_of(outcome, GONE).is_some() => {
                Follow::Finished(vec![Fact::text("volume", "not seen")])
            }
            (None, None) => Follow::Finished(Vec::new()),
            (None, Some(id)) => Follow::Failed(format!(
                "the service is deleted, and its volume {id}, which was detached before, is not listed any more"
            )),
        })
    }
}

fn named<'a>(estate: &'a Estate, name: &str) -> Option<&'a Instance> {
    estate.instances.iter().find(|instance| instance.service_name == name)
}

fn facts(id: &str, name: &str) -> Vec<Fact> {
    vec![Fact::text("service", id), Fact::text("name", name)]
}
