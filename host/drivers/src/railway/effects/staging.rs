//! Staged patches of our own: what has no mutation that spares the deploy is staged and committed at once.

use lockstep_engine::journal::{Fate, Intent, Standing};
use lockstep_engine::model::{Fact, Failure};
use lockstep_engine::run::Follow;
use serde_json::{Value, json};

use super::super::client::{CallError, Deadline};
use super::super::documents;
use super::super::estate::Estate;
use super::super::gateway::Railway;
use super::super::staged::Staged;
use super::super::wire::{CommittedPatch, Page};
use super::revert::is_nothing;
use crate::order::{Order, text_of};

/// The fact that holds the digest of what an effect staged.
pub(super) const STAGED: &str = "staged";

impl Railway {
    /// Refuses if something else is staged than changes of `paths`.
    pub(super) async fn refuse_foreign_stage(
        &self,
        paths: &[Vec<String>],
    ) -> Result<Staged, Failure> {
        let staged = self.staged().await?;
        if staged.is_empty() || staged.within(paths) {
            return Ok(staged);
        }
        let words = self.staged_words().await?.join("; ");
        Err(Failure::permanent(
            "railway:staged",
            format!("somebody has staged changes that a commit would carry out as well: {words}"),
        ))
    }

    /// Stages `patch` and commits it without a deploy. Only changes of `paths` may be staged meanwhile.
    pub(super) async fn commit_patch(
        &self,
        order: &Order<'_>,
        patch: Value,
        paths: &[Vec<String>],
        deadline: Deadline<'_>,
    ) -> Result<(), CallError> {
        // An earlier attempt may have staged it and died before the commit, or the effect that this one takes back: what
        // is staged now takes its place.
        self.refuse_foreign_stage(paths).await?;
        let variables = json!({ "environment": self.environment_id, "input": patch });
        self.mutate::<Value>(&documents::STAGE, variables, deadline).await?;
        self.refuse_foreign_stage(paths)
            .await
            .map_err(|failure| CallError::from(failure).halfway())?;
        self.commit(order, deadline).await.map_err(CallError::halfway)?;
        Ok(())
    }

    /// Returns the fate of an effect that stages: what it staged and did not commit is a part of it.
    pub(super) async fn unless_staged(
        &self,
        paths: &[Vec<String>],
        fate: Fate,
    ) -> Result<Fate, Failure> {
        if fate != Fate::DidNot {
            return Ok(fate);
        }
        let staged = self.staged().await?;
        let ours = !staged.is_empty() && staged.within(paths);
        Ok(if ours { Fate::Partly } else { fate })
    }

    async fn commit(&self, order: &Order<'_>, deadline: Deadline<'_>) -> Result<String, CallError> {
        let variables = json!({ "environment": self.environment_id, "message": order.marker });
        self.mutate(&documents::COMMIT, variables, deadline).await
    }

    pub(super) async fn staged_standing(&self) -> Result<Standing, Failure> {
        let estate = self.fresh_estate().await?;
        let staged = self.staged().await?.digest()?;
        Ok(Standing::from([
            (STAGED.to_owned(), staged),
            ("volumes".to_owned(), Some(mounted(&estate))),
        ]))
    }

    /// Commits exactly what the other effect staged.
    pub(super) async fn commit_staged(
        &self,
        order: &Order<'_>,
        deadline: Deadline<'_>,
    ) -> Result<Vec<Fact>, CallError> {
        if is_nothing(order.given) {
            return Ok(Vec::new());
        }
        self.require_given(order).await?;
        let id = self.commit(order, deadline).await?;
        Ok(vec![Fact::text("patch", id)])
    }

    /// Discards exactly what the other effect staged, by staging an empty patch in its place.
    pub(super) async fn discard_staged(
        &self,
        order: &Order<'_>,
        deadline: Deadline<'_>,
    ) -> Result<Vec<Fact>, CallError> {
        if self.staged().await?.is_empty() {
            return Ok(Vec::new());
        }
        // A conversion that was not staged as planned gave no digest, and is known by what it creates.
        if !self.is_given_conversion(order).await? {
            self.require_given(order).await?;
        }
        let variables = json!({ "environment": self.environment_id, "input": {} });
        self.mutate::<Value>(&documents::STAGE, variables, deadline).await?;
        Ok(Vec::new())
    }

    async fn require_given(&self, order: &Order<'_>) -> Result<(), Failure> {
        let wanted = order.given_text(STAGED);
        let found = self.staged().await?.digest()?;
        if wanted.is_some() && found.as_deref() == wanted {
            return Ok(());
        }
        let words = self.staged_words().await?.join("; ");
        let now = if words.is_empty() {
            "nothing is staged now".to_owned()
        } else {
            format!("staged now: {words}")
        };
        Err(Failure::permanent(
            "railway:staged",
            format!("what is staged is not what this run staged ({now})"),
        ))
    }

    pub(super) async fn settle_commit(
        &self,
        order: &Order<'_>,
        intent: &Intent,
    ) -> Result<Fate, Failure> {
        if is_nothing(order.given) {
            return Ok(Fate::Happened(Vec::new()));
        }
        let now = self.staged_standing().await?;
        let staged = now.get(STAGED).cloned().flatten();
        if staged.is_some() {
            let same = Some(&staged) == intent.before.get(STAGED);
            return Ok(match (same, self.may_be_under_way(intent)) {
                (true, true) => Fate::StillGoing,
                (true, false) => Fate::DidNot,
                (false, _) => Fate::CannotTell(
                    "something else is staged than what was to be committed: was it committed?"
                        .to_owned(),
                ),
            });
        }
        if let Some(id) = self.committed(order).await? {
            return Ok(Fate::Happened(vec![Fact::text("patch", id)]));
        }
        Ok(if now.get("volumes") == intent.before.get("volumes") {
            Fate::CannotTell("what this run staged is gone and no volume was exchanged: was it committed, or discarded?".to_owned())
        } else {
            Fate::Happened(Vec::new())
        })
    }

    /// Finds the patch that was committed with this effect's marker. A server that does not list patches finds none.
    async fn committed(&self, order: &Order<'_>) -> Result<Option<String>, Failure> {
        let variables = json!({ "environment": self.environment_id });
        let listed: Result<Page<CommittedPatch>, Failure> =
            self.read(&documents::PATCHES, variables).await;
        let patches = match listed {
            Ok(patches) => patches,
            Err(failure @ Failure::Transient(_)) => return Err(failure),
            Err(Failure::Permanent(_) | Failure::Denied(_)) => return Ok(None),
        };
        let ours = |patch: &CommittedPatch| {
            patch.message.as_deref() == Some(order.marker) && patch.status != "STAGED"
        };
        Ok(patches.nodes().find(ours).map(|patch| patch.id))
    }

    /// A commit is over when the volumes are exchanged, where volumes were staged.
    pub(super) async fn follow_commit(
        &self,
        order: &Order<'_>,
        _outcome: &[Fact],
    ) -> Result<Follow, Failure> {
        if !self.staged().await?.is_empty() {
            return Ok(Follow::Going {
                after: self.poll,
                note: "the staged changes are being applied".to_owned(),
            });
        }
        let Some(service) = text_of(order.given, "service") else {
            return Ok(Follow::Finished(Vec::new()));
        };
        let old = text_of(order.given, "volume-instance");
        let estate = self.fresh_estate().await?;
        Ok(match estate.volume_of(service) {
            Some(volume) if Some(volume.id.as_str()) != old => Follow::Finished(vec![
                Fact::text("volume-instance", volume.id.clone()),
                Fact::text("volume", volume.volume_id.clone()),
            ]),
            Some(_) | None => Follow::Going {
                after: self.poll,
                note: "the volumes are being exchanged".to_owned(),
            },
        })
    }

    pub(super) async fn settle_discard(&self, intent: &Intent) -> Result<Fate, Failure> {
        let now = self.staged().await?.digest()?;
        let same = intent.before.get(STAGED) == Some(&now);
        Ok(match now {
            None => Fate::Happened(Vec::new()),
            Some(_) if same => self.unless_under_way(intent, Fate::DidNot),
            Some(_) => Fate::CannotTell(
                "something else is staged now: was what this run staged discarded?".to_owned(),
            ),
        })
    }
}

/// Returns which volume each service mounts, in one line that compares.
fn mounted(estate: &Estate) -> String {
    let mut lines: Vec<String> = estate
        .volumes
        .iter()
        .map(|volume| {
            format!("{}={}", volume.service_id.as_deref().unwrap_or("-"), volume.volume_id)
        })
        .collect();
    lines.sort();
    lines.join(",")
}
