//! Restarting: the same deployment in new containers, so it is followed until none of the former ones runs any more.

use lockstep_engine::journal::{Fate, Intent, Standing};
use lockstep_engine::model::{DeploymentStatus, Fact, Failure};
use lockstep_engine::run::Follow;
use serde_json::json;

use super::super::client::{CallError, Deadline};
use super::super::gateway::Railway;
use super::super::wire::Deployment;
use super::super::{deployment, documents, estate};
use super::deploy::{DEPLOYMENT, running};
use crate::order::{Order, text_of};

/// What stands for the containers of a deployment.
const CONTAINERS: &str = "containers";

impl Railway {
    pub(super) async fn restart_standing(&self, order: &Order<'_>) -> Result<Standing, Failure> {
        let scope = self.scope(order).await?;
        let running = estate::running(&scope.instance);
        Ok(Standing::from([
            (DEPLOYMENT.to_owned(), running.map(|one| one.id.clone())),
            (CONTAINERS.to_owned(), running.map(containers)),
        ]))
    }

    pub(super) async fn restart(
        &self,
        order: &Order<'_>,
        deadline: Deadline<'_>,
    ) -> Result<Vec<Fact>, CallError> {
        let scope = self.scope(order).await?;
        let running = running(&scope)?.clone();
        self.mutate_bool(&documents::RESTART, json!({ "id": running.id }), deadline).await?;
        Ok(vec![
            Fact::text(DEPLOYMENT, running.id.clone()),
            Fact::text(CONTAINERS, containers(&running)),
        ])
    }

    pub(super) async fn settle_restart(
        &self,
        order: &Order<'_>,
        intent: &Intent,
    ) -> Result<Fate, Failure> {
        let now = self.restart_standing(order).await?;
        let of = |standing: &Standing, name: &str| standing.get(name).cloned().flatten();
        let id = of(&now, DEPLOYMENT);
        if id != of(&intent.before, DEPLOYMENT) {
            return Ok(Fate::CannotTell(
                "another deployment runs now than when the restart began: was it restarted?"
                    .to_owned(),
            ));
        }
        if of(&now, CONTAINERS) != of(&intent.before, CONTAINERS) {
            return Ok(Fate::Happened(
                id.map(|id| Fact::text(DEPLOYMENT, id)).into_iter().collect(),
            ));
        }
        Ok(if self.may_be_under_way(intent) { Fate::StillGoing } else { Fate::DidNot })
    }

    pub(super) async fn follow_restart(
        &self,
        order: &Order<'_>,
        intent: &Intent,
        outcome: &[Fact],
    ) -> Result<Follow, Failure> {
        let recorded = intent.before.get(DEPLOYMENT).and_then(Option::as_deref);
        let Some(id) = text_of(outcome, DEPLOYMENT).or(recorded) else {
            return Err(Failure::permanent(
                "railway:no-deployment",
                "the effect gave no deployment to follow",
            ));
        };
        let Some(found) = self.deployment(id).await? else {
            return Ok(Follow::Failed(format!("deployment {id} is gone")));
        };
        // What was sent is newer than what stood there before.
        let before = intent.before.get(CONTAINERS).and_then(Option::as_deref);
        let former = text_of(outcome, CONTAINERS).or(before).unwrap_or_default();
        Ok(match deployment::seen(&found, None).status {
            DeploymentStatus::Success if is_anew(&found, former) => Follow::Finished(Vec::new()),
            DeploymentStatus::Success | DeploymentStatus::InProgress(_) => {
                Follow::Going { after: self.poll, note: format!("deployment {id} is restarting") }
            }
            DeploymentStatus::Stopped
            | DeploymentStatus::Failed(_)
            | DeploymentStatus::Crashed
            | DeploymentStatus::Removed
            | DeploymentStatus::Skipped
            | DeploymentStatus::NeedsApproval
            | DeploymentStatus::Other(_) => Follow::Failed(self.what_failed(order, &found).await?),
        })
    }
}

/// Returns what changes when a container is started anew: its id, and when the deployment's state last changed.
fn containers(deployment: &Deployment) -> String {
    let changed = deployment.status_updated_at.as_deref().unwrap_or_default();
    format!("{}@{changed}", deployment::instances(deployment))
}

/// Returns whether the deployment runs in other containers than in the `former` ones. Railway keeps the deployment's state
/// while it restarts one, so a success alone says nothing. Only where no container is told does a new state have to do.
fn is_anew(deployment: &Deployment, former: &str) -> bool {
    let (ids, changed) = former.rsplit_once('@').unwrap_or((former, ""));
    let former: Vec<&str> = ids.split(',').filter(|id| !id.is_empty()).collect();
    let mut there =
        deployment.instances.iter().filter(|instance| deployment::is_there(instance)).peekable();
    if former.is_empty() || deployment.instances.is_empty() {
        return deployment.status_updated_at.as_deref().unwrap_or_default() != changed;
    }
    there.peek().is_some()
        && there.all(|it| it.status == "RUNNING" && !former.contains(&it.id.as_str()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn success(changed: &str, instances: &[(&str, &str)]) -> Deployment {
        let instances: Vec<_> =
            instances.iter().map(|(id, status)| json!({ "id": id, "status": status })).collect();
        let deployment = json!({
            "id": "d", "status": "SUCCESS", "statusUpdatedAt": changed, "createdAt": "then", "instances": instances,
        });
        serde_json::from_value(deployment).unwrap()
    }

    #[test]
    fn a_restart_is_over_when_no_former_container_is_left_and_a_new_one_runs() {
        let former = "a,b@1";
        for (changed, instances, is_over) in [
            ("1", &[("a", "RUNNING"), ("b", "RUNNING")][..], false),
            ("2", &[("a", "RUNNING"), ("b", "RUNNING")], false),
            ("1", &[("a", "RESTARTING"), ("b", "STOPPED")], false),
            ("1", &[("a", "RUNNING"), ("c", "RUNNING")], false),
            ("1", &[("c", "INITIALIZING"), ("d", "RUNNING")], false),
            ("1", &[("a", "REMOVED"), ("b", "EXITED")], false),
            ("1", &[("a", "REMOVED"), ("c", "RUNNING"), ("d", "RUNNING")], true),
            ("1", &[("c", "RUNNING"), ("d", "RUNNING")], true),
            ("1", &[], false),
            ("2", &[], true),
        ] {
            let found = success(changed, instances);
            assert_eq!(is_anew(&found, former), is_over, "{changed} {instances:?}");
        }
        assert!(!is_anew(&success("1", &[("a", "RUNNING")]), "@1"));
        assert!(is_anew(&success("2", &[("a", "RUNNING")]), "@1"));
    }
}
