//! What a plugin may read of an environment.

use lockstep_engine::model::{Backup, Deployment, DeploymentStatus, Failure, Read, Reading};
use serde_json::{Value, json};

use super::gateway::{Railway, Scope};
use super::wire::{self, BackupEntry, moment};
use super::{deployment, documents, estate, variables};
use crate::secrets::without_references;

/// The most deployments that one read returns.
const MOST_DEPLOYMENTS: u32 = 50;

impl Railway {
    /// Answers a read of the environment; none for a read that is not Railway's.
    pub(crate) async fn answer(&self, read: &Read) -> Option<Result<Reading, Failure>> {
        Some(match read {
            Read::Services => self.services().await,
            Read::Variables(service) => match self.named(service).await {
                Ok(scope) => self
                    .configured(&scope.instance)
                    .await
                    .map(|all| Reading::Variables(all.seen(&self.key))),
                Err(failure) => Err(failure),
            },
            Read::Destination(service, name) => match self.named(service).await {
                Ok(scope) => self.destination(&scope, name).await,
                Err(failure) => Err(failure),
            },
            Read::Deployments(service, limit) => match self.named(service).await {
                Ok(scope) => self.seen_deployments(&scope, *limit).await,
                Err(failure) => Err(failure),
            },
            Read::Deployment(id) => self.seen_deployment(id).await,
            Read::Logs(service, since, text, limit) => match self.named(service).await {
                Ok(scope) => {
                    self.logs(scope.service_id(), *since, text, *limit).await.map(Reading::Logs)
                }
                Err(failure) => Err(failure),
            },
            Read::Traffic(service, since, until) => match self.named(service).await {
                Ok(scope) => {
                    self.traffic(scope.service_id(), *since, *until).await.map(Reading::Traffic)
                }
                Err(failure) => Err(failure),
            },
            Read::Backups(service) => match self.named(service).await {
                Ok(scope) => self.seen_backups(&scope).await,
                Err(failure) => Err(failure),
            },
            Read::Staged => self.staged_words().await.map(Reading::Staged),
            Read::Template(code) => self.template(code).await.map(Reading::Template),
            Read::Published(_)
            | Read::Redis(..)
            | Read::Keyspace(..)
            | Read::Sql(..)
            | Read::Http(..) => return None,
        })
    }

    async fn services(&self) -> Result<Reading, Failure> {
        let estate = self.estate().await?;
        let config = self.config().await?;
        let auto_updates = |id: &str| auto_updates(&config, id);
        Ok(Reading::Services(estate.services(auto_updates)))
    }

    async fn destination(&self, scope: &Scope, name: &str) -> Result<Reading, Failure> {
        let rendered = self.rendered(&scope.instance).await?;
        let Some(value) = rendered.get(name) else {
            let service = &scope.instance.service_name;
            return Err(Failure::permanent(
                "railway:no-variable",
                format!("service `{service}` has no readable variable `{name}`"),
            ));
        };
        let mut location = variables::location(name, value)?;
        // Whether it would follow when references are led elsewhere is all that a plugin may know of a text with a password.
        if let Some(location) = location.as_mut().filter(|it| variables::has_password(it)) {
            let configured = self.configured(&scope.instance).await?;
            let text = configured.values.get(name).map_or("", String::as_str);
            if without_references(text) != text {
                location.extra.push(variables::references());
            }
        }
        Ok(Reading::Destination(location))
    }

    async fn seen_deployments(&self, scope: &Scope, limit: u32) -> Result<Reading, Failure> {
        let found = self.deployments(scope.service_id(), limit.min(MOST_DEPLOYMENTS)).await?;
        let mut seen = Vec::new();
        for one in found {
            seen.push(self.with_reason(&one).await?);
        }
        Ok(Reading::Deployments(seen))
    }

    async fn seen_deployment(&self, id: &str) -> Result<Reading, Failure> {
        Ok(Reading::Deployment(match self.deployment(id).await? {
            None => None,
            Some(found) => {
                // An id is no right to look into another environment.
                let estate = self.estate().await?;
                let ours = found
                    .service_id
                    .as_deref()
                    .is_some_and(|service| estate.by_id(service).is_some());
                if ours { Some(self.with_reason(&found).await?) } else { None }
            }
        }))
    }

    async fn with_reason(&self, found: &wire::Deployment) -> Result<Deployment, Failure> {
        let seen = deployment::seen(found, None);
        match seen.status {
            DeploymentStatus::Failed(_) => {
                Ok(deployment::seen(found, self.reason(&found.id).await?))
            }
            DeploymentStatus::InProgress(_)
            | DeploymentStatus::Success
            | DeploymentStatus::Stopped
            | DeploymentStatus::Crashed
            | DeploymentStatus::Removed
            | DeploymentStatus::Skipped
            | DeploymentStatus::NeedsApproval
            | DeploymentStatus::Other(_) => Ok(seen),
        }
    }

    /// Returns the backups of a volume instance.
    pub(super) async fn backups(&self, volume_instance: &str) -> Result<Vec<BackupEntry>, Failure> {
        self.read(&documents::BACKUPS, json!({ "volume": volume_instance })).await
    }

    async fn seen_backups(&self, scope: &Scope) -> Result<Reading, Failure> {
        let Some(volume) = scope.estate.volume_of(scope.service_id()) else {
            return Ok(Reading::Backups(Vec::new()));
        };
        let mut backups: Vec<Backup> = self.backups(&volume.id).await?.iter().map(backup).collect();
        backups.sort_by_key(|backup| std::cmp::Reverse(backup.created));
        Ok(Reading::Backups(backups))
    }

    /// Returns what is staged, one line of words each.
    pub(super) async fn staged_words(&self) -> Result<Vec<String>, Failure> {
        let staged = self.staged().await?;
        if staged.is_empty() {
            return Ok(Vec::new());
        }
        let estate = self.estate().await?;
        Ok(staged.words(|id| {
            estate.by_id(id).map_or_else(|| id.to_owned(), |found| found.service_name.clone())
        }))
    }
}

/// Returns how a service's image follows its tag by itself, if it does.
pub(super) fn auto_updates(config: &Value, service_id: &str) -> Option<String> {
    let word = config.get("services")?.get(service_id)?.pointer("/source/autoUpdates/type")?;
    word.as_str().map(str::to_owned)
}

/// A backup that never expires is one that is locked.
fn backup(entry: &BackupEntry) -> Backup {
    Backup {
        name: entry.name.clone().unwrap_or_default(),
        created: moment(&entry.created_at),
        size_mb: estate::megabytes(entry.used_mb.unwrap_or_default()),
        locked: entry.expires_at.is_none(),
        extra: Vec::new(),
    }
}
