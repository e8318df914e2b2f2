//! Runs: made with their first records and the bytes they rest on, listed, and found by the beginning of their id.

use std::collections::BTreeMap;

use lockstep_engine::journal::{BrokenChain, Epoch, Event, Head, Record};
use lockstep_engine::model::{Digest, Moment, RunId};
use rusqlite::{Connection, OptionalExtension};

use crate::append::{Line, lines, write};
use crate::error::StoreError;
use crate::holder::Holder;
use crate::lease::{Lease, LeaseError, Takeover, free};
use crate::store::Store;

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
        let made = self.change(move |connection| Ok(first.make(connection)?.map(drop))).await;
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
        let (run, here) = (first.new.id.clone(), holder.clone());
        let begun = self.change(move |connection| {
            let NewRun { id, environment, created, .. } = &first.new;
            let free = match free(connection, environment, id, &here, Takeover::IfGone)? {
                Ok(free) => free,
                Err(held) => return Ok(Err(BeginRunError::from(held))),
            };
            let number = match first.make(connection)? {
                Ok(number) => number,
                Err(refused) => return Ok(Err(refused.into())),
            };
            free.give(connection, (environment, id, number), &here, *created).map(Ok)
        });
        begun.await.map_err(|source| CreateRunError::Store { run, source })?
    }

    /// Returns all runs, newest first.
    pub fn runs(&self) -> Result<Vec<RunSummary>, StoreError> {
        self.look(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT id, environment, component, plan, created,
                        (SELECT ifnull(max(sequence) + 1, 0) FROM records WHERE run = runs.number),
                        (SELECT kind FROM records WHERE run = runs.number ORDER BY sequence DESC LIMIT 1)
                 FROM runs ORDER BY number DESC",
            )?;
            let mut rows = select.query([])?;
            let mut runs = Vec::new();
            while let Some(row) = rows.next()? {
                runs.push(RunSummary {
                    id: parsed(&row.get::<_, String>(0)?)?,
                    environment: row.get(1)?,
                    component: row.get(2)?,
                    plan: parsed(&row.get::<_, String>(3)?)?,
                    created: Moment(row.get::<_, i64>(4)?.cast_unsigned()),
                    records: row.get::<_, i64>(5)?.cast_unsigned(),
                    last: row.get(6)?,
                });
            }
            Ok(runs)
        })
    }

    /// Returns the run whose id is `text`, or else the only one whose id begins so.
    pub fn find_run(&self, text: &str) -> Result<RunId, FindRunError> {
        let candidates: Vec<RunId> = self.look(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT id FROM runs WHERE ?1 <> '' AND substr(id, 1, length(?1)) = ?1 ORDER BY number DESC",
            )?;
            let rows = select.query_map([text], |row| row.get::<_, String>(0))?;
            rows.map(|id| parsed(&id?)).collect::<Result<_, StoreError>>()
        })?;
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
    pub fn attachments(&self, run: &RunId) -> Result<BTreeMap<String, Digest>, StoreError> {
        self.look(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT role, digest FROM attachments JOIN runs ON runs.number = run WHERE runs.id = ?1",
            )?;
            let rows = select.query_map([run.as_str()], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))?;
            rows.map(|row| row.map_err(StoreError::from).and_then(|(role, digest)| Ok((role, parsed(&digest)?)))).collect()
        })
    }
}

/// A new run with its first records, as they are kept.
struct First {
    new: NewRun,
    lines: Vec<Line>,
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

    /// Writes it and returns its number in the tables.
    fn make(&self, connection: &Connection) -> Result<Result<i64, CreateRunError>, StoreError> {
        let Self { new, lines } = self;
        if number(connection, &new.id)?.is_some() {
            return Ok(Err(CreateRunError::Exists(new.id.clone())));
        }
        if let Some((role, digest)) = missing_blob(connection, &new.attachments)? {
            return Ok(Err(CreateRunError::NoBlob { run: new.id.clone(), role, digest }));
        }
        let number = insert(connection, new)?;
        write(connection, number, lines)?;
        Ok(Ok(number))
    }
}

/// Returns a run's number in this store's tables.
pub(crate) fn number(connection: &Connection, run: &RunId) -> Result<Option<i64>, StoreError> {
    let mut select = connection.prepare_cached("SELECT number FROM runs WHERE id = ?1")?;
    Ok(select.query_row([run.as_str()], |row| row.get(0)).optional()?)
}

/// Reads a name or digest that this crate has written.
pub(crate) fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(
    text: &str,
) -> Result<T, StoreError> {
    text.parse().map_err(|error: T::Err| StoreError::Damaged(error.to_string()))
}

fn missing_blob(
    connection: &Connection,
    attachments: &BTreeMap<String, Digest>,
) -> Result<Option<(String, Digest)>, StoreError> {
    let mut select = connection.prepare_cached("SELECT 1 FROM blobs WHERE digest = ?1")?;
    for (role, digest) in attachments {
        if !select.exists([digest.to_string()])? {
            return Ok(Some((role.clone(), *digest)));
        }
    }
    Ok(None)
}

fn insert(connection: &Connection, new: &NewRun) -> Result<i64, StoreError> {
    connection
        .prepare_cached("INSERT INTO runs (id, environment, component, plan, created) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute((
            new.id.as_str(),
            &new.environment,
            &new.component,
            new.plan.to_string(),
            new.created.0.cast_signed(),
        ))?;
    let number = connection.last_insert_rowid();
    let mut attach = connection.prepare_cached("INSERT INTO attachments VALUES (?1, ?2, ?3)")?;
    for (role, digest) in &new.attachments {
        attach.execute((number, role, digest.to_string()))?;
    }
    Ok(number)
}

fn list(candidates: &[RunId]) -> String {
    candidates.iter().map(RunId::as_str).collect::<Vec<_>>().join(", ")
}
