//! Deploying and restarting: asynchronous at Railway, so each is followed to its end.

use lockstep_engine::journal::{Fate, Intent, Standing};
use lockstep_engine::model::{DeploySource, DeploymentStatus, Fact, Failure, Value};
use lockstep_engine::run::Follow;
use serde_json::json;

use super::super::client::{CallError, Deadline};
use super::super::gateway::{Railway, Scope};
use super::super::wire::{Deployment, Made};
use super::super::{deployment, documents};
use crate::order::{Order, text_of};

/// The fact that holds Railway's id of a deployment.
const DEPLOYMENT: &str = "deployment";

/// What stands for the newest deployment.
const NEWEST: &str = "newest";

/// What stands for the image that is configured.
const IMAGE: &str = "image";

/// How many deployments are looked through for one that an unanswered request may have made.
const LOOK_BACK: u32 = 20;

impl Railway {
    pub(super) async fn deploy_standing(&self, order: &Order<'_>) -> Result<Standing, Failure> {
        let scope = self.scope(order).await?;
        let newest = self.deployments(scope.service_id(), 1).await?.into_iter().next();
        let running = super::super::estate::running(&scope.instance).and_then(deployment::digest);
        Ok(Standing::from([
            (NEWEST.to_owned(), newest.map(|newest| newest.id)),
            ("running".to_owned(), running),
            (IMAGE.to_owned(), scope.instance.image().map(str::to_owned)),
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
        if *source == DeploySource::Configured {
            must_be_configured(&scope, &intent.before)?;
        }
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
            [one] => match foreign_image(wanted(&scope, &intent.before), source, one) {
                None => Fate::Happened(vec![Fact::text(DEPLOYMENT, one.id.clone())]),
                Some(found) => Fate::CannotTell(format!(
                    "service `{service}` has a new deployment {} of image `{found}`, which is not the planned one: \
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
                let wanted = wanted(&scope, &intent.before);
                if let Some(other) = foreign_image(wanted, source, &found) {
                    let wanted = wanted.unwrap_or("the configured one");
                    return Ok(Follow::Failed(format!(
                        "deployment {id} runs image `{other}` instead of `{wanted}`"
                    )));
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

    async fn what_failed(&self, order: &Order<'_>, found: &Deployment) -> Result<String, Failure> {
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

    pub(super) async fn restart_standing(&self, order: &Order<'_>) -> Result<Standing, Failure> {
        let scope = self.scope(order).await?;
        let running = super::super::estate::running(&scope.instance);
        Ok(Standing::from([
            (DEPLOYMENT.to_owned(), running.map(|one| one.id.clone())),
            ("containers".to_owned(), running.map(containers)),
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
            Fact::text("containers", containers(&running)),
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
        if of(&now, "containers") != of(&intent.before, "containers") {
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
        let running = found.instances.iter().any(|instance| instance.status == "RUNNING");
        Ok(match deployment::seen(&found, None).status {
            DeploymentStatus::Success if running || found.instances.is_empty() => {
                Follow::Finished(Vec::new())
            }
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

fn running(scope: &Scope) -> Result<&Deployment, Failure> {
    super::super::estate::running(&scope.instance).ok_or_else(|| {
        let service = &scope.instance.service_name;
        Failure::permanent("railway:not-running", format!("service `{service}` has no deployment"))
    })
}

/// Returns what changes when a container is started anew: its id, and when the deployment's state last changed.
fn containers(deployment: &Deployment) -> String {
    let changed = deployment.status_updated_at.as_deref().unwrap_or_default();
    format!("{}@{changed}", deployment::instances(deployment))
}

/// Returns the image that was configured when the intent was written; an older intent does not tell.
fn wanted<'a>(scope: &'a Scope, before: &'a Standing) -> Option<&'a str> {
    before.get(IMAGE).map_or_else(|| scope.instance.image(), Option::as_deref)
}

/// Refuses to deploy another image than the one that stood there when the engine looked whether it is the planned one.
fn must_be_configured(scope: &Scope, before: &Standing) -> Result<(), Failure> {
    let found = scope.instance.image();
    if wanted(scope, before) == found {
        return Ok(());
    }
    let text = format!(
        "service `{}` is configured with {} by now, which is not what was to be deployed",
        scope.instance.service_name,
        found.map_or_else(|| "no image".to_owned(), |image| format!("image `{image}`"))
    );
    Err(Failure::permanent("railway:moved", text))
}

/// Returns the image that a deployment runs, if it is not the one that was to be deployed.
fn foreign_image(
    configured: Option<&str>,
    source: &DeploySource,
    deployment: &Deployment,
) -> Option<String> {
    let wanted = match source {
        DeploySource::Configured => configured?,
        // What ran before is what runs again; nothing else is configured anywhere.
        DeploySource::SameImage | DeploySource::Commit(_) => return None,
    };
    let image = deployment::image(deployment)?;
    let digest = deployment::digest(deployment);
    let same = match deployment::pinned_digest(wanted) {
        Some(pinned) => digest.as_deref() == Some(pinned),
        None => image.split('@').next() == Some(wanted),
    };
    (!same).then(|| {
        digest.map_or_else(
            || image.clone(),
            |digest| format!("{} at {digest}", image.split('@').next().unwrap_or_default()),
        )
    })
}
