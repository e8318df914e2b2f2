//! Staging that a conversion is taken back. Railway deletes every other service of the cluster with it, whoever leads.

use std::collections::BTreeMap;

use lockstep_engine::journal::{Fate, Intent};
use lockstep_engine::model::{Fact, Failure, Value};
use lockstep_engine::run::Follow;
use serde_json::json;

use super::super::client::{CallError, Deadline};
use super::super::conversion::Back;
use super::super::documents;
use super::super::gateway::{MADE_BY, Railway};
use super::super::wire::WorkflowId;
use super::backup::WORKFLOW;
use super::conversion::{ROOT, code, moved, told};
use super::staging::STAGED;
use crate::order::{Order, text_of};

/// The fact that says that there is nothing to take back, so nothing was staged.
pub(super) const NOTHING: &str = "nothing-staged";

/// The fact that lists the services of the cluster, and the volume of each.
const MEMBERS: &str = "members";

impl Railway {
    pub(super) async fn stage_revert(
        &self,
        order: &Order<'_>,
        deadline: Deadline<'_>,
    ) -> Result<Vec<Fact>, CallError> {
        let (Some(root), Some(code)) = (order.given_text(ROOT), code(order)) else {
            return Ok(nothing());
        };
        let Some(members) = self.members(root).await? else { return Ok(nothing()) };
        self.refuse_others(order, &members).await?;
        self.refuse_foreign_stage(&[]).await?;
        let input = json!({
            "projectId": self.project_id,
            "environmentId": self.environment_id,
            "rootServiceId": root,
            "templateCode": code,
            "stageOnly": true,
        });
        let input = json!({ "input": input });
        let work: WorkflowId = self.mutate(&documents::STAGE_REVERT, input, deadline).await?;
        let mut facts = facts(root, &members);
        facts.extend(work.workflow_id.map(|id| Fact::text(WORKFLOW, id)));
        Ok(facts)
    }

    /// Returns the services of the cluster of `root` with their volumes; none where it is the root of no cluster.
    async fn members(
        &self,
        root: &str,
    ) -> Result<Option<BTreeMap<String, Option<String>>>, Failure> {
        let config = self.config().await?;
        let Some(services) = config.get("services").and_then(serde_json::Value::as_object) else {
            return Ok(None);
        };
        let says = |id: &str, key: &str| {
            services.get(id).and_then(|it| it.get(key)).and_then(serde_json::Value::as_str)
        };
        if says(root, "clusterRole") != Some("root") {
            return Ok(None);
        }
        let estate = self.fresh_estate().await?;
        let members = services.keys().filter(|id| says(id, "parentServiceId") == Some(root));
        let volume = |id: &String| estate.volume_of(id).map(|volume| volume.volume_id.clone());
        Ok(Some(members.map(|id| (id.clone(), volume(id))).collect()))
    }

    /// Only what this run made may be deleted by taking it back.
    async fn refuse_others(
        &self,
        order: &Order<'_>,
        members: &BTreeMap<String, Option<String>>,
    ) -> Result<(), Failure> {
        for id in members.keys() {
            let variables = self.variable_map(id, true).await?;
            let made_by = variables.get(MADE_BY).cloned().flatten().unwrap_or_default();
            if !made_by.starts_with(order.run_prefix()) {
                let estate = self.estate().await?;
                let name = estate.by_id(id).map_or(id.as_str(), |it| it.service_name.as_str());
                return Err(Failure::permanent(
                    "railway:not-ours",
                    format!(
                        "service `{name}` belongs to the cluster and was not made by this run, and taking the cluster back would delete it"
                    ),
                ));
            }
        }
        Ok(())
    }

    pub(super) async fn settle_revert(
        &self,
        order: &Order<'_>,
        intent: &Intent,
    ) -> Result<Fate, Failure> {
        let Some(root) = order.given_text(ROOT) else { return Ok(Fate::Happened(nothing())) };
        let Some(members) = self.members(root).await? else {
            return Ok(Fate::Happened(nothing()));
        };
        let staged = self.staged().await?;
        Ok(match staged.patch() {
            None if self.may_be_in_the_making(intent) => Fate::StillGoing,
            None => Fate::DidNot,
            Some(patch) if Back::is_begun(patch, root) => Fate::Happened(facts(root, &members)),
            Some(_) => {
                let words = self.staged_words().await?.join("; ");
                Fate::CannotTell(format!(
                    "something else is staged than the way back ({words}): was the way back staged?"
                ))
            }
        })
    }

    pub(super) async fn follow_revert(
        &self,
        order: &Order<'_>,
        outcome: &[Fact],
    ) -> Result<Follow, Failure> {
        if is_nothing(outcome) {
            return Ok(Follow::Finished(Vec::new()));
        }
        if let Some(unfinished) = self.follow_work(outcome, "the staged way back").await? {
            return Ok(unfinished);
        }
        let staged = self.staged().await?;
        let (Some(patch), Some(digest), Some(root)) =
            (staged.patch(), staged.digest()?, text_of(outcome, ROOT))
        else {
            let note = "the way back is not staged yet".to_owned();
            return Ok(Follow::Going { after: self.poll, note });
        };
        let members = given_members(outcome);
        let found = Back { root, members: &members, moved: &moved(order.given) }.problems(patch);
        if found.is_empty() {
            return Ok(Follow::Finished(vec![Fact::text(STAGED, digest)]));
        }
        Ok(Follow::Failed(format!(
            "what Railway staged is not the way back that was planned, so it was not committed: {}",
            told(&found)
        )))
    }
}

/// Returns whether an effect staged nothing because there was nothing to take back.
pub(super) fn is_nothing(facts: &[Fact]) -> bool {
    facts.iter().any(|fact| fact.name == NOTHING)
}

fn nothing() -> Vec<Fact> {
    vec![Fact::one(NOTHING, Value::Boolean(true))]
}

fn facts(root: &str, members: &BTreeMap<String, Option<String>>) -> Vec<Fact> {
    let row = |(id, volume): (&String, &Option<String>)| {
        vec![Value::Text(id.clone()), volume.clone().map_or(Value::Null, Value::Text)]
    };
    let rows = members.iter().map(row).collect();
    vec![Fact::text(ROOT, root), Fact { name: MEMBERS.to_owned(), rows }]
}

fn given_members(facts: &[Fact]) -> BTreeMap<String, Option<String>> {
    let rows =
        facts.iter().rev().find(|fact| fact.name == MEMBERS).map(|fact| fact.rows.as_slice());
    let text =
        |row: &Vec<Value>, at: usize| row.get(at).and_then(Value::as_text).map(str::to_owned);
    rows.unwrap_or_default().iter().filter_map(|row| Some((text(row, 0)?, text(row, 1)))).collect()
}
