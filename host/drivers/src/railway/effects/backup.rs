//! Backups of a service's volume, known by their names: run and label.

use lockstep_engine::journal::{Fate, Intent, Standing};
use lockstep_engine::model::{Fact, Failure};
use lockstep_engine::run::Follow;
use serde_json::json;

use super::super::client::{CallError, Deadline};
use super::super::documents;
use super::super::gateway::Railway;
use super::super::wire::{BackupEntry, Workflow, WorkflowId};
use super::configure::volume_of;
use super::volume;
use crate::order::{Order, text_of};

/// The fact that holds Railway's id of a backup.
pub(super) const BACKUP: &str = "backup";

/// The fact that holds Railway's id of the work that it does in the background.
pub(super) const WORKFLOW: &str = "workflow";

impl Railway {
    pub(super) async fn backup_standing(&self, order: &Order<'_>) -> Result<Standing, Failure> {
        let scope = self.scope(order).await?;
        let found = self.backup_named(&volume_of(&scope)?.id, order.marker).await?;
        Ok(Standing::from([(BACKUP.to_owned(), found.map(|backup| backup.id))]))
    }

    pub(super) async fn backup_volume(
        &self,
        order: &Order<'_>,
        deadline: Deadline<'_>,
    ) -> Result<Vec<Fact>, CallError> {
        let scope = self.scope(order).await?;
        let volume = volume_of(&scope)?;
        let variables = json!({ "volume": volume.id, "name": order.marker });
        let work: WorkflowId = self.mutate(&documents::CREATE_BACKUP, variables, deadline).await?;
        let mut facts = volume::facts(volume);
        facts.extend(work.workflow_id.map(|id| Fact::text(WORKFLOW, id)));
        Ok(facts)
    }

    pub(super) async fn settle_backup(
        &self,
        order: &Order<'_>,
        intent: &Intent,
    ) -> Result<Fate, Failure> {
        let scope = self.scope(order).await?;
        let volume = volume_of(&scope)?;
        Ok(match self.backup_named(&volume.id, order.marker).await? {
            Some(backup) => {
                let mut facts = volume::facts(volume);
                facts.push(Fact::text(BACKUP, backup.id));
                Fate::Happened(facts)
            }
            None if self.may_be_in_the_making(intent) => Fate::StillGoing,
            None => Fate::DidNot,
        })
    }

    pub(super) async fn follow_backup(
        &self,
        order: &Order<'_>,
        outcome: &[Fact],
    ) -> Result<Follow, Failure> {
        if let Some(unfinished) = self.follow_work(outcome, "the backup").await? {
            return Ok(unfinished);
        }
        let scope = self.scope(order).await?;
        let volume = text_of(outcome, "volume-instance")
            .map_or_else(|| volume_of(&scope).map(|one| one.id.clone()), |id| Ok(id.to_owned()))?;
        Ok(match self.backup_named(&volume, order.marker).await? {
            None => {
                Follow::Going { after: self.poll, note: "the backup is not listed yet".to_owned() }
            }
            Some(backup) => {
                let size = super::super::estate::megabytes(backup.used_mb.unwrap_or_default());
                Follow::Finished(vec![
                    Fact::text(BACKUP, backup.id),
                    Fact::one(
                        "size-mb",
                        lockstep_engine::model::Value::Integer(
                            i64::try_from(size).unwrap_or(i64::MAX),
                        ),
                    ),
                ])
            }
        })
    }

    /// Returns how far background work is; none when it is over, or when Railway does not know it any more.
    pub(super) async fn follow_work(
        &self,
        outcome: &[Fact],
        what: &str,
    ) -> Result<Option<Follow>, Failure> {
        let Some(id) = text_of(outcome, WORKFLOW) else { return Ok(None) };
        let work: Workflow = match self.read(&documents::WORKFLOW, json!({ "id": id })).await {
            Ok(work) => work,
            // Railway answers so for some kinds of work while it goes on: what it makes is looked for instead.
            Err(Failure::Permanent(problem)) if problem.code == "railway:not-authorized" => {
                return Ok(None);
            }
            Err(failure) => return Err(failure),
        };
        Ok(match work.status.as_str() {
            "Complete" | "NotFound" => None,
            "Running" => {
                Some(Follow::Going { after: self.poll, note: format!("{what} is being made") })
            }
            other => {
                let why = work.error.unwrap_or_else(|| "Railway gives no reason".to_owned());
                Some(Follow::Failed(format!("{what} ended as {other}: {why}")))
            }
        })
    }

    pub(super) async fn given_backup_standing(
        &self,
        order: &Order<'_>,
    ) -> Result<Standing, Failure> {
        let found = self.given_backup(order).await?;
        let locked = found
            .as_ref()
            .map(|backup| if backup.expires_at.is_none() { "yes" } else { "no" }.to_owned());
        Ok(Standing::from([
            (BACKUP.to_owned(), found.map(|backup| backup.id)),
            ("locked".to_owned(), locked),
        ]))
    }

    pub(super) async fn lock_backup(
        &self,
        order: &Order<'_>,
        deadline: Deadline<'_>,
    ) -> Result<Vec<Fact>, CallError> {
        let (volume, backup) = given(order)?;
        self.mutate_bool(
            &documents::LOCK_BACKUP,
            json!({ "volume": volume, "backup": backup }),
            deadline,
        )
        .await?;
        Ok(Vec::new())
    }

    /// Locking twice gives the same end, so a backup that still expires is locked again.
    pub(super) async fn settle_lock(
        &self,
        order: &Order<'_>,
        intent: &Intent,
    ) -> Result<Fate, Failure> {
        Ok(match self.given_backup(order).await? {
            None => {
                Fate::CannotTell("the backup that was to be locked is gone: was it?".to_owned())
            }
            Some(backup) if backup.expires_at.is_none() => Fate::Happened(Vec::new()),
            Some(_) if self.may_be_under_way(intent) => Fate::StillGoing,
            Some(_) => Fate::DidNot,
        })
    }

    pub(super) async fn delete_backup(
        &self,
        order: &Order<'_>,
        deadline: Deadline<'_>,
    ) -> Result<Vec<Fact>, CallError> {
        let (volume, backup) = given(order)?;
        let variables = json!({ "volume": volume, "backup": backup });
        let work: WorkflowId = self.mutate(&documents::DELETE_BACKUP, variables, deadline).await?;
        Ok(work.workflow_id.map(|id| Fact::text(WORKFLOW, id)).into_iter().collect())
    }

    pub(super) async fn settle_delete_backup(
        &self,
        order: &Order<'_>,
        intent: &Intent,
    ) -> Result<Fate, Failure> {
        Ok(match self.given_backup(order).await? {
            None => Fate::Happened(Vec::new()),
            Some(_) if self.may_be_under_way(intent) => Fate::StillGoing,
            Some(_) => Fate::DidNot,
        })
    }

    pub(super) async fn follow_delete_backup(
        &self,
        order: &Order<'_>,
        outcome: &[Fact],
    ) -> Result<Follow, Failure> {
        if let Some(unfinished) = self.follow_work(outcome, "deleting the backup").await? {
            return Ok(unfinished);
        }
        Ok(match self.given_backup(order).await? {
            None => Follow::Finished(Vec::new()),
            Some(_) => {
                Follow::Going { after: self.poll, note: "the backup is still listed".to_owned() }
            }
        })
    }

    /// Finds a backup of the run. Railway lists one only when it is whole, so a slow one may have been taken for undone and
    /// made again: the older is as good, and stays the one that is meant.
    async fn backup_named(
        &self,
        volume_instance: &str,
        name: &str,
    ) -> Result<Option<BackupEntry>, Failure> {
        let listed = self.backups(volume_instance).await?.into_iter();
        let named = listed.filter(|one| one.name.as_deref() == Some(name));
        Ok(named.min_by(|one, other| one.created_at.cmp(&other.created_at)))
    }

    async fn given_backup(&self, order: &Order<'_>) -> Result<Option<BackupEntry>, Failure> {
        let (volume, backup) = given(order)?;
        Ok(self.backups(volume).await?.into_iter().find(|one| one.id == backup))
    }
}

/// Returns the volume instance and the backup that an earlier effect made.
pub(super) fn given<'a>(order: &Order<'a>) -> Result<(&'a str, &'a str), Failure> {
    match (order.given_text("volume-instance"), order.given_text(BACKUP)) {
        (Some(volume), Some(backup)) => Ok((volume, backup)),
        (Some(_) | None, None) | (None, Some(_)) => Err(Failure::permanent(
            "railway:no-backup",
            "the effect that was to make the backup gave none",
        )),
    }
}
