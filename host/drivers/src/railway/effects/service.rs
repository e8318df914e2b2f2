//! Creating and deleting services. What a run makes carries its marker, so it is found again after a crash.

use lockstep_engine::journal::{Fate, Intent, Standing};
use lockstep_engine::model::{Fact, Failure};
use serde_json::{Map, Value, json};

use super::super::client::{CallError, Deadline};
use super::super::documents;
use super::super::estate::Estate;
use super::super::gateway::{MADE_AS, MADE_BY, Railway, Scope};
use super::super::wire::{Instance, Made};
use super::dispatch::Values;
use crate::order::Order;

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
        let scope = self.scope(order).await?;
        Ok(Standing::from([("service".to_owned(), Some(scope.service_id().to_owned()))]))
    }

    /// Deletes the service in this environment only: without its id, Railway would delete it in all of them.
    pub(super) async fn delete_service(
        &self,
        order: &Order<'_>,
        deadline: Deadline<'_>,
    ) -> Result<Vec<Fact>, CallError> {
        let scope = self.scope(order).await?;
        let variables = json!({ "id": scope.service_id(), "environment": self.environment_id });
        self.mutate_bool(&documents::DELETE_SERVICE, variables, deadline).await?;
        Ok(vec![Fact::text("service", scope.service_id())])
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
        Ok(if estate.by_id(&id).is_some() {
            self.unless_under_way(intent, Fate::DidNot)
        } else {
            Fate::Happened(vec![Fact::text("service", id)])
        })
    }
}

fn named<'a>(estate: &'a Estate, name: &str) -> Option<&'a Instance> {
    estate.instances.iter().find(|instance| instance.service_name == name)
}

fn facts(id: &str, name: &str) -> Vec<Fact> {
    vec![Fact::text("service", id), Fact::text("name", name)]
}
