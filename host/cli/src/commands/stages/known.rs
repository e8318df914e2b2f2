//! A composite plan with the runs of its stages: which are done, and which comes next.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use lockstep_engine::journal::{End, Phase, RunState};
use lockstep_engine::model::{Composite, Digest, RunId, Stage};
use lockstep_store::RunSummary;

use crate::error::{CliError, OrExit as _};
use crate::exit::Exit;
use crate::render::standing;
use crate::session::{Opened, Session};

/// The role of a composite plan among the attachments of a run.
pub(crate) const COMPOSITE: &str = "composite";

/// A composite plan and the newest run of each of its stages.
pub(crate) struct Known {
    composite: Composite,
    runs: Vec<Option<StageRun>>,
    /// Which of the runs was begun last.
    newest: Option<usize>,
}

/// The run of a stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StageRun {
    /// The run.
    pub(crate) run: RunId,
    /// Whether it goes on.
    pub(crate) phase: Phase,
    /// Where it stands, in words.
    pub(crate) standing: String,
}

impl StageRun {
    /// Returns whether the wanted version runs.
    pub(crate) fn is_done(&self) -> bool {
        self.phase == Phase::Finished(End::Done)
    }
}

impl Known {
    /// Finds the runs that were made for a composite plan.
    pub(crate) async fn of(session: &Session, composite: Composite) -> Result<Self, CliError> {
        let digest = Digest::of(composite.to_json().or_exit(Exit::Failed)?.as_bytes());
        let environment = &composite.environment.environment_id;
        let fits = |run: &RunSummary| {
            let named = |stage: &Stage| stage.component == run.component;
            run.environment == *environment && composite.stages.iter().any(named)
        };
        let made = made_for_some(session, fits).await?;
        let made = made.into_iter().filter(|(_, of)| *of == digest).map(|(run, _)| run);
        Self::with(session, composite, made.collect()).await
    }

    /// Returns which stage each run is, for all runs that are one.
    pub(crate) async fn all(
        session: &Session,
    ) -> Result<BTreeMap<RunId, (Rc<Self>, usize)>, CliError> {
        let mut of: BTreeMap<Digest, Vec<RunSummary>> = BTreeMap::new();
        for (run, digest) in made_for_some(session, |_| true).await? {
            of.entry(digest).or_default().push(run);
        }
        let mut all = BTreeMap::new();
        for (digest, runs) in of {
            let found = match read(session, &digest).await {
                Ok(composite) => Self::with(session, composite, runs.clone()).await,
                Err(error) => Err(error),
            };
            let known = match found {
                Ok(known) => Rc::new(known),
                // One that can't be read keeps nobody from seeing all the others.
                Err(error) => {
                    tracing::warn!(%digest, error = %error.error, "a composite plan can't be read");
                    continue;
                }
            };
            for run in runs {
                let index = known.stage_of(&run.component, &run.id)?;
                all.insert(run.id, (Rc::clone(&known), index));
            }
        }
        Ok(all)
    }

    /// Returns the composite plan that a run was made for, and which stage of it the run is; none for a run of its own.
    pub(crate) async fn of_run(
        session: &Session,
        run: &RunId,
    ) -> Result<Option<(Self, usize)>, CliError> {
        let attachments = session.store.attachments(run).await.or_exit(Exit::Failed)?;
        let Some(digest) = attachments.get(COMPOSITE) else { return Ok(None) };
        let known = Self::of(session, read(session, digest).await?).await?;
        let summaries = session.store.runs().await.or_exit(Exit::Failed)?;
        let component = summaries.into_iter().find(|it| it.id == *run).map(|it| it.component);
        let index = known.stage_of(&component.unwrap_or_default(), run)?;
        Ok(Some((known, index)))
    }

    /// Reads where these runs stand, newest first: a stage that was taken back may have been begun again.
    async fn with(
        session: &Session,
        composite: Composite,
        runs: Vec<RunSummary>,
    ) -> Result<Self, CliError> {
        let mut known = Self { runs: vec![None; composite.stages.len()], composite, newest: None };
        for summary in runs {
            let index = known.stage_of(&summary.component, &summary.id)?;
            let Some(place @ None) = known.runs.get_mut(index) else { continue };
            let records = session.store.records(&summary.id).await.or_exit(Exit::Failed)?;
            let state = RunState::fold(&records).or_exit(Exit::Failed)?;
            let standing = standing(&state);
            *place = Some(StageRun { run: summary.id, phase: state.phase, standing });
            known.newest.get_or_insert(index);
        }
        Ok(known)
    }

    /// Returns the same where the run itself counts more than what can't be read beside it.
    pub(crate) async fn of_ended(session: &Session, run: &RunId) -> Option<(Self, usize)> {
        let found = Self::of_run(session, run).await;
        found.unwrap_or_else(|error| {
            tracing::warn!(%run, error = %error.error, "which stage a run is can't be read");
            None
        })
    }

    /// Returns the composite plans that are left after one of their stages: those whose newest run is done and is the newest of
    /// its environment. What has been begun since, or was taken back, is for a person to name.
    pub(crate) async fn left(session: &Session) -> Result<Vec<(Self, usize)>, CliError> {
        let mut environments = BTreeSet::new();
        let mut left = Vec::new();
        for summary in session.store.runs().await.or_exit(Exit::Failed)? {
            if !environments.insert(summary.environment.clone()) {
                continue;
            }
            let Some((known, index)) = Self::of_ended(session, &summary.id).await else { continue };
            let done = known.run(index).is_some_and(|it| it.run == summary.id && it.is_done());
            if done && known.next().is_some() {
                left.push((known, index));
            }
        }
        Ok(left)
    }

    /// Opens the composite plan's environment, as it is configured today.
    pub(crate) async fn open(&self, session: &Session) -> Result<Opened, CliError> {
        let planned = &self.composite.environment;
        let typed = session.global.environment.as_ref().filter(|typed| **typed != planned.name);
        if let Some(typed) = typed {
            let words = format!(
                "composite plan {} is for environment `{}`, not for `{typed}`",
                self.composite.id, planned.name
            );
            return Err(CliError::words(Exit::Usage, words).hint("leave out -e, or plan again"));
        }
        let opened = session.environment_named(Some(&planned.name)).await?;
        if opened.document.environment == planned.environment_id {
            return Ok(opened);
        }
        let words = format!(
            "environment `{}` is another one at Railway than composite plan {} is for",
            planned.name, self.composite.id
        );
        Err(CliError::words(Exit::Moved, words).hint("plan again"))
    }

    /// Returns the composite plan.
    pub(crate) const fn composite(&self) -> &Composite {
        &self.composite
    }

    /// Returns the composite plan alone.
    pub(crate) fn into_composite(self) -> Composite {
        self.composite
    }

    /// Returns a stage.
    pub(crate) fn stage(&self, index: usize) -> Option<&Stage> {
        self.composite.stages.get(index)
    }

    /// Returns the newest run of a stage.
    pub(crate) fn run(&self, index: usize) -> Option<&StageRun> {
        self.runs.get(index)?.as_ref()
    }

    /// Returns the run that was begun last.
    pub(super) fn newest(&self) -> Option<&StageRun> {
        self.newest.and_then(|index| self.run(index))
    }

    /// Returns whether a stage is done.
    pub(super) fn is_done(&self, index: usize) -> bool {
        self.run(index).is_some_and(StageRun::is_done)
    }

    /// Returns whether any stage is done.
    pub(super) fn any_done(&self) -> bool {
        self.indices().any(|index| self.is_done(index))
    }

    /// Returns the first stage that is neither done nor `passed` over.
    pub(super) fn at_hand(&self, passed: &BTreeSet<usize>) -> Option<usize> {
        self.indices().find(|index| !self.is_done(*index) && !passed.contains(index))
    }

    /// Returns the stage that comes next, as far as is known before it is planned again.
    pub(crate) fn next(&self) -> Option<usize> {
        let nothing =
            |index: usize| self.stage(index).is_some_and(|stage| stage.preview.is_nothing());
        self.indices().find(|index| !self.is_done(*index) && !nothing(*index))
    }

    /// Returns the position of every stage.
    pub(crate) fn indices(&self) -> std::ops::Range<usize> {
        0..self.composite.stages.len()
    }

    fn stage_of(&self, component: &str, run: &RunId) -> Result<usize, CliError> {
        let found = self.composite.stages.iter().position(|stage| stage.component == component);
        found.ok_or_else(|| {
            let words = format!("run {run} upgrades what no stage of its composite plan does");
            CliError::words(Exit::Failed, words).hint("`lockstep show --verify` reads all of it")
        })
    }
}

/// Returns the runs that were made for some composite plan, newest first, with the digest of that; of those that are `wanted`.
async fn made_for_some(
    session: &Session,
    wanted: impl Fn(&RunSummary) -> bool,
) -> Result<Vec<(RunSummary, Digest)>, CliError> {
    let mut made = Vec::new();
    for run in session.store.runs().await.or_exit(Exit::Failed)?.into_iter().filter(wanted) {
        let attachments = session.store.attachments(&run.id).await.or_exit(Exit::Failed)?;
        if let Some(digest) = attachments.get(COMPOSITE) {
            made.push((run, *digest));
        }
    }
    Ok(made)
}

async fn read(session: &Session, digest: &Digest) -> Result<Composite, CliError> {
    let bytes = session.store.get(digest).await.or_exit(Exit::Failed)?;
    let text = String::from_utf8(bytes).or_exit(Exit::Failed)?;
    Composite::from_json(&text).or_exit(Exit::Failed)
}
