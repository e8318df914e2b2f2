//! Setting, generating, restoring and deleting variables, all without a deploy.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lockstep_engine::journal::{Fate, Intent, Standing};
use lockstep_engine::model::{Fact, Failure, Recipe};
use lockstep_engine::run::Follow;
use rand::TryRngCore as _;
use rand::rngs::OsRng;
use serde_json::json;

use super::super::client::{CallError, Deadline};
use super::super::documents;
use super::super::gateway::{Railway, Scope};
use super::super::variables::Configured;
use super::compare;
use super::dispatch::Values;
use super::keepers;
use crate::order::Order;
use crate::secrets::keeper;

/// The longest secret that is generated.
const LONGEST: u32 = 512;

impl Railway {
    pub(super) async fn variables_standing<'n>(
        &self,
        order: &Order<'_>,
        names: impl Iterator<Item = &'n str>,
    ) -> Result<Standing, Failure> {
        let (_, configured) = self.of(order).await?;
        Ok(names.map(|name| (name.to_owned(), configured.standing(&self.key, name))).collect())
    }

    /// Both the variables and what is kept for them.
    pub(super) async fn restore_standing(
        &self,
        order: &Order<'_>,
        names: &[String],
    ) -> Result<Standing, Failure> {
        let (_, configured) = self.of(order).await?;
        let kept = |name: &str| keeper(order.run(), name);
        let both = names.iter().flat_map(|name| [name.clone(), kept(name)]);
        Ok(both.map(|name| (name.clone(), configured.standing(&self.key, &name))).collect())
    }

    pub(super) async fn set_variables(
        &self,
        order: &Order<'_>,
        values: &Values,
        deadline: Deadline<'_>,
    ) -> Result<Vec<Fact>, CallError> {
        let (scope, configured) = self.of(order).await?;
        // What an undo overwrites is what the run itself set.
        let mut upsert = if order.undo {
            BTreeMap::new()
        } else {
            let changes = values.iter().map(|(name, value)| (name.as_str(), Some(value.as_str())));
            keepers::kept(&configured, order.run(), changes)?
        };
        upsert.extend(values.iter().cloned());
        self.upsert(scope.service_id(), &upsert, deadline).await?;
        Ok(Vec::new())
    }

    pub(super) async fn generate_variable(
        &self,
        order: &Order<'_>,
        name: &str,
        recipe: Recipe,
        deadline: Deadline<'_>,
    ) -> Result<Vec<Fact>, CallError> {
        let (scope, configured) = self.of(order).await?;
        if configured.sealed.contains(name)
            || configured.values.get(name).is_some_and(|value| !value.is_empty())
        {
            return Ok(Vec::new());
        }
        let value = generate(recipe)?;
        self.upsert(scope.service_id(), &BTreeMap::from([(name.to_owned(), value)]), deadline)
            .await?;
        // Reading it back makes it known to the redactor.
        self.configured(&scope.instance)
            .await
            .map_err(|failure| CallError::from(failure).halfway())?;
        Ok(Vec::new())
    }

    pub(super) async fn restore_variables(
        &self,
        order: &Order<'_>,
        names: &[String],
        deadline: Deadline<'_>,
    ) -> Result<Vec<Fact>, CallError> {
        let (scope, configured) = self.of(order).await?;
        let mut upsert = BTreeMap::new();
        for name in names {
            upsert.extend(keepers::restored(&configured, order.run(), name)?);
        }
        self.upsert(scope.service_id(), &upsert, deadline).await?;
        Ok(Vec::new())
    }

    pub(super) async fn delete_variables(
        &self,
        order: &Order<'_>,
        names: &[String],
        deadline: Deadline<'_>,
    ) -> Result<Vec<Fact>, CallError> {
        let (scope, configured) = self.of(order).await?;
        let there: Vec<String> = names
            .iter()
            .filter(|name| {
                configured.values.contains_key(*name) || configured.sealed.contains(*name)
            })
            .cloned()
            .collect();
        if there.is_empty() {
            return Ok(Vec::new());
        }
        let keep = if order.undo {
            BTreeMap::new()
        } else {
            let deleted = there.iter().map(|name| (name.as_str(), None));
            keepers::kept(&configured, order.run(), deleted)?
        };
        let keeping = !keep.is_empty();
        if keeping {
            self.refuse_foreign_stage(&deletion_paths(&scope, names)).await?;
            self.upsert(scope.service_id(), &keep, deadline).await?;
        }
        match self.delete(order, &scope, &there, names, deadline).await {
            Err(error) if keeping => Err(error.halfway()),
            other => other.map(|()| Vec::new()),
        }
    }

    /// Deletes variables that are there, of those that may be staged for it. Railway's own mutation for it can't be told
    /// not to deploy.
    pub(super) async fn delete(
        &self,
        order: &Order<'_>,
        scope: &Scope,
        there: &[String],
        names: &[String],
        deadline: Deadline<'_>,
    ) -> Result<(), CallError> {
        let nulls: serde_json::Map<String, serde_json::Value> =
            there.iter().map(|name| (name.clone(), serde_json::Value::Null)).collect();
        let mut services = serde_json::Map::new();
        services.insert(scope.service_id().to_owned(), json!({ "variables": nulls }));
        let patch = json!({ "services": services });
        self.commit_patch(order, patch, &deletion_paths(scope, names), deadline).await
    }

    pub(super) async fn settle_variables(
        &self,
        order: &Order<'_>,
        values: &Values,
        intent: &Intent,
    ) -> Result<Fate, Failure> {
        let (scope, configured) = self.of(order).await?;
        let wanted: Standing = values
            .iter()
            .map(|(name, value)| {
                (name.clone(), Some(configured.standing_if(&self.key, name, value)))
            })
            .collect();
        let now = now(&self.key, &configured, wanted.keys());
        let fate = compare::fate(&service(&scope), &intent.before, &wanted, &now);
        Ok(self.unless_under_way(intent, fate))
    }

    pub(super) async fn settle_generated(
        &self,
        order: &Order<'_>,
        name: &str,
        intent: &Intent,
    ) -> Result<Fate, Failure> {
        let (_, configured) = self.of(order).await?;
        let there = configured.sealed.contains(name)
            || configured.values.get(name).is_some_and(|value| !value.is_empty());
        let fate = if there { Fate::Happened(Vec::new()) } else { Fate::DidNot };
        Ok(self.unless_under_way(intent, fate))
    }

    pub(super) async fn settle_deleted(
        &self,
        order: &Order<'_>,
        names: &[String],
        intent: &Intent,
    ) -> Result<Fate, Failure> {
        let (scope, configured) = self.of(order).await?;
        let wanted: Standing = names.iter().map(|name| (name.clone(), None)).collect();
        let now = now(&self.key, &configured, wanted.keys());
        let fate = compare::fate(&service(&scope), &intent.before, &wanted, &now);
        self.settled_deletion(&scope, names, intent, fate).await
    }

    /// Returns the fate of a deletion of which what stands there tells `fate`.
    pub(super) async fn settled_deletion(
        &self,
        scope: &Scope,
        names: &[String],
        intent: &Intent,
        fate: Fate,
    ) -> Result<Fate, Failure> {
        let fate = self.unless_staged(&deletion_paths(scope, names), fate).await?;
        Ok(self.unless_under_way(intent, fate))
    }

    pub(super) async fn settle_restored(
        &self,
        order: &Order<'_>,
        names: &[String],
        intent: &Intent,
    ) -> Result<Fate, Failure> {
        // Putting back takes the value off the pile, so the newest kept one changes with it.
        let now = self.restore_standing(order, names).await?;
        let kept_name = |name: &str| keeper(order.run(), name);
        let is_kept = |name: &String| {
            let place = kept_name(name);
            now.get(&place) == intent.before.get(&place)
        };
        let fate =
            if names.iter().any(is_kept) { Fate::DidNot } else { Fate::Happened(Vec::new()) };
        Ok(self.unless_under_way(intent, fate))
    }

    /// A reference to what does not exist renders to nothing, and may stay so for good.
    pub(super) async fn follow_variables(
        &self,
        order: &Order<'_>,
        values: &Values,
    ) -> Result<Follow, Failure> {
        if !values.iter().any(|(_, value)| value.contains("${{")) {
            return Ok(Follow::Finished(Vec::new()));
        }
        let scope = self.scope(order).await?;
        let rendered = self.rendered(&scope.instance).await?;
        let empty = |name: &str| rendered.get(name).is_none_or(|value| value.trim().is_empty());
        let lost = values.iter().find(|(name, value)| value.contains("${{") && empty(name));
        Ok(match lost {
            None => Follow::Finished(Vec::new()),
            Some((name, _)) => Follow::Failed(format!(
                "variable `{name}` of {} refers to something that renders to nothing",
                service(&scope)
            )),
        })
    }

    pub(super) async fn follow_deleted(
        &self,
        order: &Order<'_>,
        names: &[String],
    ) -> Result<Follow, Failure> {
        let (_, configured) = self.of(order).await?;
        let left = names.iter().find(|name| configured.values.contains_key(*name));
        Ok(match left {
            None => Follow::Finished(Vec::new()),
            Some(name) => Follow::Going {
                after: self.poll,
                note: format!("variable `{name}` is being deleted"),
            },
        })
    }

    pub(super) async fn of(&self, order: &Order<'_>) -> Result<(Scope, Configured), Failure> {
        let scope = self.scope(order).await?;
        let configured = self.configured(&scope.instance).await?;
        Ok((scope, configured))
    }

    async fn upsert(
        &self,
        service_id: &str,
        variables: &BTreeMap<String, String>,
        deadline: Deadline<'_>,
    ) -> Result<(), CallError> {
        let input = json!({
            "projectId": self.project_id, "environmentId": self.environment_id, "serviceId": service_id,
            "variables": variables, "replace": false, "skipDeploys": true,
        });
        self.mutate_bool(&documents::SET_VARIABLES, json!({ "input": input }), deadline).await
    }
}

pub(super) fn now<'n>(
    key: &[u8; 32],
    configured: &Configured,
    names: impl Iterator<Item = &'n String>,
) -> Standing {
    names.map(|name| (name.clone(), configured.standing(key, name))).collect()
}

pub(super) fn service(scope: &Scope) -> String {
    format!("service `{}`", scope.instance.service_name)
}

fn deletion_paths(scope: &Scope, names: &[String]) -> Vec<Vec<String>> {
    let path = |name: &String| {
        ["services", scope.service_id(), "variables", name].map(str::to_owned).to_vec()
    };
    names.iter().map(path).collect()
}

fn generate(recipe: Recipe) -> Result<String, Failure> {
    const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let (Recipe::Hex(length) | Recipe::Alphanumeric(length) | Recipe::Base64(length)) = recipe;
    if !(16..=LONGEST).contains(&length) {
        return Err(Failure::permanent(
            "railway:recipe",
            format!("a generated secret has 16 to {LONGEST} characters, not {length}"),
        ));
    }
    let wanted = usize::try_from(length).unwrap_or_default();
    let mut text = String::with_capacity(wanted);
    while text.len() < wanted {
        let mut bytes = [0_u8; 48];
        OsRng.try_fill_bytes(&mut bytes).map_err(|error| {
            Failure::transient("host:random", format!("the system gives no random bytes: {error}"))
        })?;
        match recipe {
            Recipe::Hex(_) => text.push_str(&crate::secrets::hex(&bytes)),
            Recipe::Base64(_) => text.push_str(&STANDARD.encode(bytes)),
            // Bytes above the last multiple of 62 are thrown away, or some letters would come more often than others.
            Recipe::Alphanumeric(_) => text.extend(
                bytes
                    .iter()
                    .filter(|byte| **byte < 248)
                    .filter_map(|byte| LETTERS.get(usize::from(byte % 62)))
                    .map(|byte| char::from(*byte)),
            ),
        }
    }
    text.truncate(wanted);
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_secret_has_the_wanted_length_and_characters() {
        for recipe in [Recipe::Hex(64), Recipe::Alphanumeric(64), Recipe::Base64(64)] {
            let (one, other) = (generate(recipe).unwrap(), generate(recipe).unwrap());
            assert_eq!(one.len(), 64);
            assert_ne!(one, other);
            if matches!(recipe, Recipe::Hex(_)) {
                assert!(one.bytes().all(|byte| byte.is_ascii_hexdigit()));
            }
        }
        assert!(generate(Recipe::Hex(4)).is_err());
    }
}
