//! Runs: made with their first records and the bytes they rest on, listed, and found by the beginning of their id.

use std::collections::BTreeMap;

use lockstep_engine::journal::{BrokenChain, Epoch, Event, Head, Record};
use lockstep_engine::model::{Digest, Moment, RunId};

use crate::append::{Line, lines};
use crate::error::StoreError;
use crate::holder::Holder;
use crate::lease::{Lease, LeaseError, Takeover, Wanted};
use crate::store::{Backend, Store};

/// A run that is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRun {
    /// Its id, which must be new.
    pub id: RunId,
    /// The id of the environment that it changes, by which leases are held.
    pub environment: String,
    /// What it upgrades.
    pub component: String,
    /// The digest of its plan's authority.
    pub plan: Digest,
    /// When it was made.
    pub created: Moment,
    /// The blobs that it rests on, by role, such as `plan`, `plugin` and `configuration`.
    pub attachments: BTreeMap<String, Digest>,
}

/// What the store knows of a run without reading its records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunSummary {
    /// Its id.
    pub id: RunId,
    /// The id of the environment that it changes.
    pub environment: String,
    /// What it upgrades.
    pub component: String,
    /// The digest of its plan's authority.
    pub plan: Digest,
    /// When it was made.
    pub created: Moment,
    /// How many records it has.
    pub records: u64,
    /// The kind of its last event, as in the record's JSON; none before its first.
    pub last: Option<String>,
    /// From when on a runner may go on with it; none if it is not detached.
    pub due: Option<Moment>,
}

/// Why a run was not made. Nothing was written, unless the store failed.
#[derive(Debug, thiserror::Error)]
pub enum CreateRunError {
    /// The id is taken.
    #[error("there is a run {0} already")]
    Exists(RunId),
    /// A blob that it rests on was not put into the store.
    #[error("could not make run {run}: its {role} {digest} is not in the store")]
    NoBlob {
        /// The run.
        run: RunId,
        /// The blob's role.
        role: String,
        /// The blob.
        digest: Digest,
    },
    /// Its first records make no chain, which would be a fault of ours.
    #[error(transparent)]
    Chain(#[from] BrokenChain),
    /// The store failed; the run may exist.
    #[error("could not make run {run}")]
    Store {
        /// The run.
        run: RunId,
        /// Why.
        source: StoreError,
    },
}

/// Why a run was not begun. Nothing was written, unless the store failed.
#[derive(Debug, thiserror::Error)]
pub enum BeginRunError {
    /// The run could not be made.
    #[error(transparent)]
    Create(#[from] CreateRunError),
    /// Somebody holds its environment.
    #[error(transparent)]
    Lease(#[from] LeaseError),
}

/// Why no run, or not one run, was found.
#[derive(Debug, thiserror::Error)]
pub enum FindRunError {
    /// None begins so.
    #[error("no run begins with `{0}`")]
    None(String),
    /// Several begin so.
    #[error("{} runs begin with `{text}`: {}", candidates.len(), list(candidates))]
    Several {
        /// What was given.
        text: String,
        /// Which begin so, newest first.
        candidates: Vec<RunId>,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    /// Makes a run with its first events, which no lease covers, and returns its records and where they end.
    pub async fn create_run(
        &self,
        new: NewRun,
        events: Vec<Event>,
    ) -> Result<(Vec<Record>, Head), CreateRunError> {
        let (first, records, head) = First::of(new, events)?;
        let run = first.new.id.clone();
        let made = match &self.backend {
            Backend::Sqlite(file) => file.create_run(first).await,
            Backend::Postgres(server) => server.create_run(first).await,
        };
        made.map_err(|source| CreateRunError::Store { run, source })??;
        Ok((records, head))
    }

    /// Makes a run that holds its environment: both, or neither if somebody holds the environment already.
    pub async fn begin_run(
        &self,
        new: NewRun,
        events: Vec<Event>,
        holder: &Holder,
    ) -> Result<Lease, BeginRunError> {
        let (first, _, _) = First::of(new, events)?;
        let run = first.new.id.clone();
        let wanted = Wanted {
            environment: first.new.environment.clone(),
            run: run.clone(),
            here: holder.clone(),
            now: first.new.created,
            takeover: Takeover::IfGone,
        };
        let begun = match &self.backend {
            Backend::Sqlite(file) => file.begin_run(first, wanted).await,
            Backend::Postgres(server) => server.begin_run(first, wanted).await,
        };
        begun.map_err(|source| CreateRunError::Store { run, source })?
    }

    /// Returns all runs, newest first.
    pub async fn runs(&self) -> Result<Vec<RunSummary>, StoreError> {
        match &self.backend {
            Backend::Sqlite(file) => file.runs(),
            Backend::Postgres(server) => server.runs().await,
        }
    }

    /// Returns the run whose id is `text`, or else the only one whose id begins so.
    pub async fn find_run(&self, text: &str) -> Result<RunId, FindRunError> {
        let candidates = match &self.backend {
            Backend::Sqlite(file) => file.run_ids(text),
            Backend::Postgres(server) => server.run_ids(text).await,
        }?;
        if let Some(exact) = candidates.iter().find(|id| id.as_str() == text) {
            return Ok(exact.clone());
        }
        match candidates.as_slice() {
            [] => Err(FindRunError::None(text.to_owned())),
            [only] => Ok(only.clone()),
            [_, ..] => Err(FindRunError::Several { text: text.to_owned(), candidates }),
        }
    }

    /// Returns the digests of the blobs that a run rests on, by role; none at all for a run that does not exist.
    pub async fn attachments(&self, run: &RunId) -> Result<BTreeMap<String, Digest>, StoreError> {
        match &self.backend {
            Backend::Sqlite(file) => file.attachments(run),
            Backend::Postgres(server) => server.attachments(run).await,
        }
    }
}

/// A new run with its first records, as they are kept.
pub(crate) struct First {
    pub(crate) new: NewRun,
    pub(crate) lines: Vec<Line>,
}

impl First {
    fn of(new: NewRun, events: Vec<Event>) -> Result<(Self, Vec<Record>, Head), CreateRunError> {
        let start = Head::start(&new.id);
        let (linked, head) = start.link(&new.id, Epoch::default(), new.created, events)?;
        let lines = lines(&new.id, Epoch::default(), &start, &linked).map_err(|error| {
            let source = StoreError::Failed(error.to_string());
            CreateRunError::Store { run: new.id.clone(), source }
        })?;
        Ok((Self { new, lines }, linked.into_iter().map(Record::from).collect(), head))
    }
}

/// Reads a name or digest that this crate has written.
pub(crate) fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(
    text: &str,
) -> Result<T, StoreError> {
    text.parse().map_err(|error: T::Err| StoreError::Damaged(error.to_string()))
}

fn list(candidates: &[RunId]) -> String {
    candidates.iter().map(RunId::as_str).collect::<Vec<_>>().join(", ")
}
