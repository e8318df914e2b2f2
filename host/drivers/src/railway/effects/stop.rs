//! Stopping: every active deployment of a service is removed.

use lockstep_engine::journal::{Fate, Intent, Standing};
use lockstep_engine::model::{Fact, Failure, Value};
use lockstep_engine::run::Follow;
use serde_json::json;

use super::super::client::{CallError, Deadline};
use super::super::gateway::{Railway, Scope};
use super::super::wire::Deployment;
use super::super::{deployment, documents};
use crate::order::Order;

impl Railway {
    pub(super) async fn stop_standing(&self, order: &Order<'_>) -> Result<Standing, Failure> {
        let scope = self.scope(order).await?;
        let ids: Vec<&str> = live(&scope).map(|one| one.id.as_str()).collect();
        Ok(Standing::from([("active".to_owned(), (!ids.is_empty()).then(|| ids.join(",")))]))
    }

    /// Removes every active deployment; a service that runs nowhere is at its end already.
    pub(super) async fn stop(
        &self,
        order: &Order<'_>,
        deadline: Deadline<'_>,
    ) -> Result<Vec<Fact>, CallError> {
        let scope = self.scope(order).await?;
        let mut removed = Vec::new();
        for one in live(&scope) {
            let done =
                self.mutate_bool(&documents::REMOVE, json!({ "id": one.id }), deadline).await;
            done.map_err(|error| if removed.is_empty() { error } else { error.halfway() })?;
            removed.push(vec![Value::Text(one.id.clone())]);
        }
        Ok(vec![Fact { name: "removed".to_owned(), rows: removed }])
    }

    pub(super) async fn settle_stop(
        &self,
        order: &Order<'_>,
        intent: &Intent,
    ) -> Result<Fate, Failure> {
        let now = self.stop_standing(order).await?.get("active").cloned().flatten();
        let before = intent.before.get("active").cloned().flatten();
        let rows = |ids: &Option<String>| -> Vec<Vec<Value>> {
            ids.iter()
                .flat_map(|ids| ids.split(','))
                .map(|id| vec![Value::Text(id.to_owned())])
                .collect()
        };
        let known = |ids: &str| {
            ids.split(',')
                .all(|id| before.as_deref().unwrap_or_default().split(',').any(|one| one == id))
        };
        Ok(match now {
            None => Fate::Happened(vec![Fact { name: "removed".to_owned(), rows: rows(&before) }]),
            // Removing what is still there again gives the same end.
            Some(ids) if known(&ids) => {
                let fate = if Some(&ids) == before.as_ref() { Fate::DidNot } else { Fate::Partly };
                self.unless_under_way(intent, fate)
            }
            Some(ids) => Fate::CannotTell(format!(
                "deployment {ids} is active now, which was not there when the stop began"
            )),
        })
    }

    pub(super) async fn follow_stop(
        &self,
        intent: &Intent,
        outcome: &[Fact],
    ) -> Result<Follow, Failure> {
        let active = intent.before.get("active").and_then(Option::as_deref);
        let removed: Vec<&str> = match outcome.iter().find(|fact| fact.name == "removed") {
            Some(fact) => fact.rows.iter().flatten().filter_map(as_text).collect(),
            // A person said that it happened, which names no deployment.
            None => active.into_iter().flat_map(|ids| ids.split(',')).collect(),
        };
        for id in removed {
            let Some(found) = self.deployment(id).await? else { continue };
            let over = ["REMOVED", "FAILED", "CRASHED", "SKIPPED"].contains(&found.status.as_str());
            if !over || deployment::runs(&found) {
                return Ok(Follow::Going {
                    after: self.poll,
                    note: format!("deployment {id} is being removed"),
                });
            }
        }
        Ok(Follow::Finished(Vec::new()))
    }
}

/// Returns the active deployments that Railway is not taking down already.
pub(super) fn live(scope: &Scope) -> impl Iterator<Item = &Deployment> {
    let over = ["REMOVED", "REMOVING", "FAILED", "CRASHED", "SKIPPED"];
    scope.instance.active_deployments.iter().filter(move |one| !over.contains(&one.status.as_str()))
}

fn as_text(value: &Value) -> Option<&str> {
    if let Value::Text(text) = value { Some(text) } else { None }
}
