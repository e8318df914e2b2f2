//! Restoring a backup: Railway copies it to a fresh volume and stages the exchange, no more.

use lockstep_engine::journal::{Fate, Intent, Standing};
use lockstep_engine::model::{Fact, Failure};
use lockstep_engine::run::Follow;
use serde_json::json;

use super::super::client::{CallError, Deadline};
use super::super::documents;
use super::super::estate::Estate;
use super::super::gateway::Railway;
use super::super::wire::{VolumeInstance, WorkflowId};
use super::backup::{WORKFLOW, given};
use super::configure::volume_of;
use super::staging::STAGED;
use super::volume;
use crate::order::Order;

/// What stands for the volumes of the environment.
const VOLUMES: &str = "volumes";

impl Railway {
    pub(super) async fn restore_volume_standing(
        &self,
        order: &Order<'_>,
    ) -> Result<Standing, Failure> {
        let scope = self.scope(order).await?;
        let volume =
            scope.estate.volume_of(scope.service_id()).map(|volume| volume.volume_id.clone());
        Ok(Standing::from([
            ("volume".to_owned(), volume),
            (STAGED.to_owned(), self.staged().await?.digest()?),
            (VOLUMES.to_owned(), Some(ids(&scope.estate))),
        ]))
    }

    pub(super) async fn restore_volume(
        &self,
        order: &Order<'_>,
        deadline: Deadline<'_>,
    ) -> Result<Vec<Fact>, CallError> {
        let scope = self.scope(order).await?;
        let mounted = volume_of(&scope)?;
        let (volume, backup) = given(order)?;
        // The exchange is committed as a whole with whatever else is staged, so nothing else may be.
        self.refuse_foreign_stage(&[]).await?;
        let variables = json!({ "volume": volume, "backup": backup });
        let work: WorkflowId = self.mutate(&documents::RESTORE_BACKUP, variables, deadline).await?;
        let mut facts = vec![Fact::text("service", scope.service_id())];
        facts.extend(volume::facts(mounted));
        facts.extend(work.workflow_id.map(|id| Fact::text(WORKFLOW, id)));
        Ok(facts)
    }

    /// A restore first makes a volume that nothing mounts, and stages the exchange once that is filled. Nothing proves that
    /// a restore of which neither shows was never begun, and a second one would stage a second exchange.
    pub(super) async fn settle_restore_volume(
        &self,
        order: &Order<'_>,
        intent: &Intent,
    ) -> Result<Fate, Failure> {
        let scope = self.scope(order).await?;
        let staged = self.staged().await?;
        if staged.is_empty() {
            let before = intent.before.get(VOLUMES).and_then(Option::as_deref);
            let known = |id: &str| before.is_none_or(|ids| ids.split(',').any(|one| one == id));
            let loose = |volume: &&VolumeInstance| volume.service_id.is_none();
            let filling =
                scope.estate.volumes.iter().filter(loose).any(|one| !known(&one.volume_id));
            return Ok(if filling || self.may_be_in_the_making(intent) {
                Fate::StillGoing
            } else {
                Fate::CannotTell(format!(
                    "neither a new volume nor a staged exchange shows that the backup of service `{}` is being restored, \
                     and Railway does not tell otherwise: was the restore begun?",
                    scope.instance.service_name
                ))
            });
        }
        let ours =
            staged.only_volumes() && staged.services().iter().all(|id| *id == scope.service_id());
        if !ours {
            let words = self.staged_words().await?.join("; ");
            return Ok(Fate::CannotTell(format!(
                "something else is staged than this restore ({words}): did it happen?"
            )));
        }
        let mut facts = vec![Fact::text("service", scope.service_id())];
        facts.extend(
            scope.estate.volume_of(scope.service_id()).map(volume::facts).into_iter().flatten(),
        );
        Ok(Fate::Happened(facts))
    }

    pub(super) async fn follow_restore_volume(
        &self,
        order: &Order<'_>,
        outcome: &[Fact],
    ) -> Result<Follow, Failure> {
        if let Some(unfinished) = self.follow_work(outcome, "the restored volume").await? {
            return Ok(unfinished);
        }
        let scope = self.scope(order).await?;
        let staged = self.staged().await?;
        let Some(digest) = staged.digest()? else {
            return Ok(Follow::Going {
                after: self.poll,
                note: "the exchange of the volumes is not staged yet".to_owned(),
            });
        };
        let words = self.staged_words().await?;
        if !staged.only_volumes() || staged.services().iter().any(|id| *id != scope.service_id()) {
            let words = words.join("; ");
            return Ok(Follow::Failed(format!(
                "something else is staged beside the exchange of the volumes: {words}"
            )));
        }
        Ok(Follow::Finished(vec![
            Fact::text(STAGED, digest),
            Fact::text("staged-words", words.join("; ")),
        ]))
    }
}

fn ids(estate: &Estate) -> String {
    let mut ids: Vec<&str> = estate.volumes.iter().map(|one| one.volume_id.as_str()).collect();
    ids.sort_unstable();
    ids.join(",")
}
