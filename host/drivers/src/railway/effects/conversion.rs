//! Staging that a service becomes a cluster: Railway's own workflow does it, and what it staged is compared with the plan.

use std::collections::BTreeSet;

use lockstep_engine::journal::{Fate, Intent, Standing};
use lockstep_engine::model::{Fact, Failure, MovedVariable, Template, Value};
use lockstep_engine::run::Follow;
use serde_json::json;

use super::super::client::{CallError, Deadline};
use super::super::conversion::Wanted;
use super::super::documents;
use super::super::gateway::Railway;
use super::super::wire::WorkflowId;
use super::backup::WORKFLOW;
use super::staging::STAGED;
use crate::order::{Order, text_of};

/// The fact that holds the id of the root's service.
pub(super) const ROOT: &str = "root";

/// The fact that holds the template's code.
pub(super) const TEMPLATE: &str = "template";

/// The fact that lists the variables that move: the service's id and name, the variable, its text before and afterwards.
const MOVED: &str = "moved";

/// The fact that holds what everything carries that is created.
const MARKER: &str = "marker";

/// The most lines of a patch that are told.
const TOLD: usize = 5;

impl Railway {
    pub(super) async fn conversion_standing(&self) -> Result<Standing, Failure> {
        Ok(Standing::from([(STAGED.to_owned(), self.staged().await?.digest()?)]))
    }

    pub(super) async fn stage_conversion(
        &self,
        order: &Order<'_>,
        (wanted, moved): (&Template, &[MovedVariable]),
        deadline: Deadline<'_>,
    ) -> Result<Vec<Fact>, CallError> {
        let scope = self.scope(order).await?;
        let whole = self.same_template(wanted).await?;
        for other in wanted.others() {
            if scope.estate.instances.iter().any(|it| it.service_name == other.name) {
                let text = format!("the environment already has a service `{}`", other.name);
                return Err(Failure::permanent("railway:name-taken", text).into());
            }
        }
        // Everything that is staged is committed with it, so nothing else may be.
        self.refuse_foreign_stage(&[]).await?;
        let facts = self.conversion_facts(order, wanted, moved).await?;
        let input = json!({
            "templateId": whole.id,
            "serializedConfig": whole.marked(wanted, order.marker),
            "projectId": self.project_id,
            "environmentId": self.environment_id,
            "existingRootServiceId": scope.service_id(),
            "stageOnly": true,
        });
        let input = json!({ "input": input });
        let work: WorkflowId = self.mutate(&documents::STAGE_CONVERSION, input, deadline).await?;
        let work = work.workflow_id.map(|id| Fact::text(WORKFLOW, id));
        Ok(facts.into_iter().chain(work).collect())
    }

    /// What this effect and the way back of it need to know of what is staged.
    async fn conversion_facts(
        &self,
        order: &Order<'_>,
        wanted: &Template,
        moved: &[MovedVariable],
    ) -> Result<Vec<Fact>, Failure> {
        let scope = self.scope(order).await?;
        let mut rows = Vec::new();
        for it in moved {
            let id = &scope.estate.by_name(&it.service)?.service_id;
            let row = [id, &it.service, &it.name, &it.before, &it.after];
            rows.push(row.map(|text| Value::Text(text.clone())).into());
        }
        Ok(vec![
            Fact::text(ROOT, scope.service_id()),
            Fact::text(TEMPLATE, wanted.code.clone()),
            Fact::text(MARKER, order.marker),
            Fact { name: MOVED.to_owned(), rows },
        ])
    }

    /// What carries this effect's marker is its own. Where nothing is staged although the workflow had its time, it was not
    /// begun, or ended badly: staging it again does no harm, because whatever a late one adds is more than was planned.
    pub(super) async fn settle_conversion(
        &self,
        order: &Order<'_>,
        (wanted, moved): (&Template, &[MovedVariable]),
        intent: &Intent,
    ) -> Result<Fate, Failure> {
        let staged = self.staged().await?;
        Ok(match staged.patch() {
            None if self.may_be_in_the_making(intent) => Fate::StillGoing,
            None => Fate::DidNot,
            Some(patch) if Wanted::is_begun(patch, order.marker) => {
                Fate::Happened(self.conversion_facts(order, wanted, moved).await?)
            }
            Some(_) => {
                let words = self.staged_words().await?.join("; ");
                Fate::CannotTell(format!(
                    "something else is staged than this conversion ({words}): was the conversion staged?"
                ))
            }
        })
    }

    pub(super) async fn follow_conversion(
        &self,
        order: &Order<'_>,
        wanted: &Template,
        outcome: &[Fact],
    ) -> Result<Follow, Failure> {
        if let Some(unfinished) = self.follow_work(outcome, "the staged cluster").await? {
            return Ok(unfinished);
        }
        let staged = self.staged().await?;
        let (Some(patch), Some(digest)) = (staged.patch(), staged.digest()?) else {
            let note = "the cluster is not staged yet".to_owned();
            return Ok(Follow::Going { after: self.poll, note });
        };
        let whole = match self.same_template(wanted).await {
            Err(Failure::Permanent(problem)) => return Ok(Follow::Failed(problem.message)),
            other => other?,
        };
        let scope = self.scope(order).await?;
        let variables = self.variable_map(scope.service_id(), true).await?;
        let has: BTreeSet<String> = variables.into_keys().collect();
        let found = Wanted {
            root: scope.service_id(),
            has: &has,
            template: wanted,
            moved: &moved(outcome),
            marker: order.marker,
            part: &|service, part| whole.part(service, part).cloned(),
        }
        .problems(patch);
        if found.is_empty() {
            let words = self.staged_words().await?.len();
            let words = Value::Integer(i64::try_from(words).unwrap_or(i64::MAX));
            return Ok(Follow::Finished(vec![
                Fact::text(STAGED, digest),
                Fact::one("staged-changes", words),
            ]));
        }
        Ok(Follow::Failed(format!("what Railway staged is not what was planned: {}", told(&found))))
    }

    /// Returns whether everything that is staged is the conversion's own: what it creates, its root, and
    /// variables that it leads there.
    pub(super) async fn is_given_conversion(&self, order: &Order<'_>) -> Result<bool, Failure> {
        let (Some(root), Some(marker)) = (order.given_text(ROOT), order.given_text(MARKER)) else {
            return Ok(false);
        };
        let staged = self.staged().await?;
        let Some(patch) = staged.patch() else { return Ok(false) };
        let services = patch.get("services").and_then(serde_json::Value::as_object);
        let ours = |(id, change): (&String, &serde_json::Value)| {
            let whole = json!({ "services": { id.clone(): change } });
            id == root
                || Wanted::is_begun(&whole, marker)
                || Wanted::leads_to_created(patch, change, marker)
        };
        let known = patch.as_object().into_iter().flatten();
        let mut known = known.map(|(part, _)| ["services", "volumes"].contains(&part.as_str()));
        Ok(known.all(|known| known) && services.is_some_and(|all| all.iter().all(ours)))
    }
}

/// Returns the variables that move, each with its service's id.
pub(super) fn moved(facts: &[Fact]) -> Vec<(String, MovedVariable)> {
    let rows = facts.iter().rev().find(|fact| fact.name == MOVED).map(|fact| fact.rows.as_slice());
    let one = |row: &Vec<Value>| {
        let text = |at: usize| row.get(at).and_then(Value::as_text).map(str::to_owned);
        let moved = MovedVariable {
            service: text(1)?,
            name: text(2)?,
            before: text(3)?,
            after: text(4)?,
            extra: Vec::new(),
        };
        Some((text(0)?, moved))
    };
    rows.unwrap_or_default().iter().filter_map(one).collect()
}

/// Returns the first lines of what was found.
pub(super) fn told(found: &[String]) -> String {
    let more = found.len().saturating_sub(TOLD);
    let words = found.iter().take(TOLD).map(String::as_str).collect::<Vec<_>>().join("; ");
    if more == 0 { words } else { format!("{words}; and {more} more") }
}

/// Returns the template's code that an earlier effect gave.
pub(super) fn code<'a>(order: &Order<'a>) -> Option<&'a str> {
    text_of(order.given, TEMPLATE)
}
