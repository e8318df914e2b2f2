//! Deploying: asynchronous at Railway, so it is followed to its end, and to the image that really runs.

use lockstep_engine::journal::{Fate, Intent, Standing};
use lockstep_engine::model::{DeploySource, DeploymentStatus, Fact, Failure, Value};
use lockstep_engine::run::Follow;
use serde_json::json;

use super::super::client::{CallError, Deadline};
use super::super::gateway::{Railway, Scope};
use super::super::wire::{Deployment, Made};
use super::super::{deployment, documents};
use super::ran::{self, COMMIT, IMAGE, RUNNING, Ran};
use crate::order::{Order, text_of};

/// The fact that holds Railway's id of a deployment.
pub(super) const DEPLOYMENT: &str = "deployment";

/// What stands for the newest deployment.
const NEWEST: &str = "newest";

/// What stands for the command that is configured to start the service.
const START: &str = "start-command";

/// How many deployments are looked through for one that an unanswered request may have made.
const LOOK_BACK: u32 = 20;

impl Railway {
    pub(super) async fn deploy_standing(&self, order: &Order<'_>) -> Result<Standing, Failure> {
        let scope = self.scope(order).await?;
        let newest = self.deployments(scope.service_id(), 1).await?.into_iter().next();
        let running = super::super::estate::running(&scope.instance);
        Ok(Standing::from([
            (NEWEST.to_owned(), newest.map(|newest| newest.id)),
            (RUNNING.to_owned(), running.and_then(deployment::digest)),
            (COMMIT.to_owned(), running.and_then(deployment::commit)),
            (IMAGE.to_owned(), scope.instance.image().map(str::to_owned)),
            (START.to_owned(), scope.instance.start_command()),
        ]))
    }

    pub(super) async fn deploy(
        &self,
        order: &Order<'_>,
        source: &DeploySource,
        intent: &Intent,
        deadline: Deadline<'_>,
    ) -> Result<Vec<Fact>, CallError> {
        let scope = self.scope(order).await?;
        ran::must_stand(&scope, source, &intent.before)?;
        let id = match source {
            DeploySource::Configured | DeploySource::Commit(_) => {
                let commit = match source {
                    DeploySource::Commit(commit) => Some(commit),
                    DeploySource::Configured | DeploySource::SameImage => None,
                };
                let variables = json!({ "service": scope.service_id(), "environment": self.environment_id, "commit": commit });
                self.mutate::<String>(&documents::DEPLOY, variables, deadline).await?
            }
            DeploySource::SameImage => {
                let running = running(&scope)?;
                self.mutate::<Made>(&documents::REDEPLOY, json!({ "id": running.id }), deadline)
                    .await?
                    .id
            }
        };
        Ok(vec![Fact::text(DEPLOYMENT, id)])
    }

    /// A deployment after the recorded newest, with the wanted image, is the effect's own. Two of them are not told apart.
    pub(super) async fn settle_deploy(
        &self,
        order: &Order<'_>,
        source: &DeploySource,
        intent: &Intent,
    ) -> Result<Fate, Failure> {
        let scope = self.scope(order).await?;
        let before = intent.before.get(NEWEST).cloned().flatten();
        let all = self.deployments(scope.service_id(), LOOK_BACK).await?;
        let made: Vec<&Deployment> =
            all.iter().take_while(|one| Some(&one.id) != before.as_ref()).collect();
        let service = &scope.instance.service_name;
        Ok(match made.as_slice() {
            [] if self.may_be_under_way(intent) => Fate::StillGoing,
            [] => Fate::DidNot,
            [one] => match ran::compare(&scope, source, &intent.before, one) {
                // A deployment that has just been made may not tell yet; following it looks again.
                Ran::AsWanted | Ran::Untold => {
                    Fate::Happened(vec![Fact::text(DEPLOYMENT, one.id.clone())])
                }
                Ran::Other { found, .. } => Fate::CannotTell(format!(
                    "service `{service}` has a new deployment {} of {found}, which is not the planned one: \
                     did this run make it?",
                    one.id
                )),
            },
            several => Fate::CannotTell(format!(
                "service `{service}` has {} new deployments since {}: which one did this run make?",
                several.len(),
                before.as_deref().unwrap_or("its beginning")
            )),
        })
    }

    pub(super) async fn follow_deploy(
        &self,
        order: &Order<'_>,
        source: &DeploySource,
        intent: &Intent,
        outcome: &[Fact],
    ) -> Result<Follow, Failure> {
        let given = text_of(outcome, DEPLOYMENT);
        let found = match given {
            Some(id) => self.deployment(id).await?,
            // A person said that it happened, which names no deployment.
            None => self.newest_since(order, intent).await?,
        };
        let Some(found) = found else {
            return Ok(Follow::Failed(given.map_or_else(
                || "the service has no deployment that was made since the effect began".to_owned(),
                |id| format!("deployment {id} is gone"),
            )));
        };
        let id = &found.id;
        let seen = deployment::seen(&found, None);
        match &seen.status {
            DeploymentStatus::InProgress(word) if word != "REMOVING" => Ok(Follow::Going {
                after: self.poll,
                note: format!("deployment {id} is {}", word.to_lowercase()),
            }),
            DeploymentStatus::Success | DeploymentStatus::Stopped => {
                let scope = self.scope(order).await?;
                match ran::compare(&scope, source, &intent.before, &found) {
                    Ran::AsWanted => {}
                    Ran::Other { found, wanted } => {
                        return Ok(Follow::Failed(format!(
                            "deployment {id} runs {found} instead of {wanted}"
                        )));
                    }
                    Ran::Untold => {
                        return Ok(Follow::Failed(format!(
                            "Railway does not tell what deployment {id} runs, so it can't be proven that it is what was planned"
                        )));
                    }
                }
                let boot = i64::try_from(deployment::boot(&found)).unwrap_or(i64::MAX);
                let mut facts = vec![Fact::one("boot-ms", Value::Integer(boot))];
                if given.is_none() {
                    facts.push(Fact::text(DEPLOYMENT, id.clone()));
                }
                facts.extend(seen.image.map(|image| Fact::text("image", image)));
                facts.extend(seen.digest.map(|digest| Fact::text("digest", digest)));
                if seen.status == DeploymentStatus::Stopped {
                    facts.push(Fact::one("stopped", Value::Boolean(true)));
                }
                Ok(Follow::Finished(facts))
            }
            DeploymentStatus::InProgress(_)
            | DeploymentStatus::Failed(_)
            | DeploymentStatus::Crashed
            | DeploymentStatus::Removed
            | DeploymentStatus::Skipped
            | DeploymentStatus::NeedsApproval
            | DeploymentStatus::Other(_) => {
                Ok(Follow::Failed(self.what_failed(order, &found).await?))
            }
        }
    }

    /// Returns the newest deployment of the service that was made since the intent was written.
    async fn newest_since(
        &self,
        order: &Order<'_>,
        intent: &Intent,
    ) -> Result<Option<Deployment>, Failure> {
        let scope = self.scope(order).await?;
        let newest = self.deployments(scope.service_id(), 1).await?.into_iter().next();
        let before = intent.before.get(NEWEST).cloned().flatten();
        Ok(newest.filter(|newest| Some(&newest.id) != before.as_ref()))
    }

    pub(super) async fn what_failed(
        &self,
        order: &Order<'_>,
        found: &Deployment,
    ) -> Result<String, Failure> {
        let scope = self.scope(order).await?;
        let service = &scope.instance.service_name;
        let reason =
            self.reason(&found.id).await?.unwrap_or_else(|| "Railway gives no reason".to_owned());
        let mut text =
            format!("deployment {} of service `{service}` is {}: {reason}", found.id, found.status);
        let runs = scope
            .instance
            .active_deployments
            .iter()
            .any(|one| one.status == "SUCCESS" && deployment::runs(one));
        if !runs && scope.estate.volume_of(scope.service_id()).is_some() {
            text.push_str("; the service has a volume, so the one before was stopped first, and nothing of it runs now");
        } else if !runs {
            text.push_str("; nothing of the service runs now");
        }
        Ok(text)
    }
}

pub(super) fn running(scope: &Scope) -> Result<&Deployment, Failure> {
    super::super::estate::running(&scope.instance).ok_or_else(|| {
        let service = &scope.instance.service_name;
        Failure::permanent("railway:not-running", format!("service `{service}` has no deployment"))
    })
}
