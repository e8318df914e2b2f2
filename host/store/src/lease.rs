//! Leases: one run holds an environment, one process holds the run, and a number that only grows tells which.

use lockstep_engine::journal::Epoch;
use lockstep_engine::model::{Moment, RunId};
use rusqlite::{Connection, OptionalExtension};

use crate::error::StoreError;
use crate::holder::{Holder, Presence};
use crate::run::parsed;
use crate::store::Store;

/// What to do about an environment that is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takeover {
    /// Take it only from this run's own process that surely is no more, or that left.
    IfGone,
    /// Take it from this run's own process even if that may be there still, because a person said so.
    Asked,
}

/// A lease that this process was given. It lasts until it is given back or taken; no clock ends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The environment's id.
    pub environment: String,
    /// The run that holds it.
    pub run: RunId,
    /// Its number, never given again.
    pub epoch: Epoch,
    /// Whom it was taken from, whose open intents must be waited out and settled; none if it was free.
    pub from: Option<Holding>,
}

/// Who holds an environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    /// The run.
    pub run: RunId,
    /// The lease's number.
    pub epoch: Epoch,
    /// The process; none if it left and the run waits without one.
    pub holder: Option<Holder>,
    /// When it was given.
    pub since: Moment,
    /// When it was last renewed.
    pub renewed: Moment,
    /// Whether the process is still there; [`Presence::Gone`] also if it left.
    pub presence: Presence,
}

/// Why a lease was not given. Nothing was changed, unless the store failed.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// Another process or run holds the environment.
    #[error("could not take environment `{environment}`: run {} holds it ({})", by.run, describe(by))]
    Held {
        /// The environment's id.
        environment: String,
        /// Who holds it.
        by: Box<Holding>,
    },
    /// There is no such run for this environment.
    #[error("could not take environment `{environment}`: the store has no run {run} for it")]
    NoRun {
        /// The environment's id.
        environment: String,
        /// The run.
        run: RunId,
    },
    /// The store failed.
    #[error("could not take environment `{environment}`")]
    Store {
        /// The environment's id.
        environment: String,
        /// Why.
        source: StoreError,
    },
}

/// Why a lease was not renewed or given back.
#[derive(Debug, thiserror::Error)]
pub enum LostLease {
    /// Somebody else has taken it, or it was given back.
    #[error("lease {} on environment `{environment}` is no longer held", epoch.0)]
    Superseded {
        /// The environment's id.
        environment: String,
        /// The lease that was lost.
        epoch: Epoch,
    },
    /// The store failed.
    #[error("could not write the lease on environment `{environment}`")]
    Store {
        /// The environment's id.
        environment: String,
        /// Why.
        source: StoreError,
    },
}

/// An environment's row: the last epoch, and who holds it if anybody does.
struct Row {
    epoch: i64,
    holding: Option<Holding>,
    /// Whether the run that holds it has come to its end.
    finished: bool,
}

impl Store {
    /// Gives `run` the environment, with a number greater than every one before it.
    ///
    /// An environment is free if nobody had it, if it was released, or if the run that has it is finished. A process of
    /// the same run that left or surely is gone is followed at once. Another run's is not, even if its process is gone:
    /// what that run left undone is still there.
    pub async fn acquire(
        &self,
        environment: &str,
        run: &RunId,
        holder: &Holder,
        now: Moment,
        takeover: Takeover,
    ) -> Result<Lease, LeaseError> {
        let (name, id, here) = (environment.to_owned(), run.clone(), holder.clone());
        let taken = self.change(move |connection| {
            let Some(number) = number_in(connection, &id, &name)? else {
                return Ok(Err(LeaseError::NoRun { environment: name.clone(), run: id.clone() }));
            };
            let free = match free(connection, &name, &id, &here, takeover)? {
                Ok(free) => free,
                Err(held) => return Ok(Err(held)),
            };
            free.give(connection, (&name, &id, number), &here, now).map(Ok)
        });
        let taken = taken.await;
        taken.map_err(|source| LeaseError::Store { environment: environment.to_owned(), source })?
    }

    /// Notes that the holder is still there, for people to see; nothing is decided by it.
    pub async fn renew(&self, lease: &Lease, now: Moment) -> Result<(), LostLease> {
        self.update(lease, "", Some(now)).await
    }

    /// Gives the process's hold back while the run keeps the environment: any process may go on with the run at once.
    pub async fn leave(&self, lease: &Lease) -> Result<(), LostLease> {
        self.update(lease, ", holder = NULL", None).await
    }

    /// Gives the environment back: any run may take it.
    pub async fn release(&self, lease: &Lease) -> Result<(), LostLease> {
        self.update(lease, ", holder = NULL, run = NULL", None).await
    }

    /// Returns who holds an environment, as seen from `here`; none if it is free.
    pub fn holding(&self, environment: &str, here: &Holder) -> Result<Option<Holding>, StoreError> {
        let row = self.look(|connection| row(connection, environment, here))?;
        Ok(row.and_then(|row| row.holding.filter(|_| !row.finished)))
    }

    async fn update(
        &self,
        lease: &Lease,
        set: &'static str,
        now: Option<Moment>,
    ) -> Result<(), LostLease> {
        let (environment, epoch, run) = (lease.environment.clone(), lease.epoch, lease.run.clone());
        let failed = |source| LostLease::Store { environment: environment.clone(), source };
        let name = environment.clone();
        let updated = self.change(move |connection| {
            let statement = format!(
                "UPDATE leases SET renewed = ifnull(?4, renewed){set} WHERE environment = ?1 AND epoch = ?2 AND holder IS NOT NULL
                 AND run = (SELECT number FROM runs WHERE id = ?3)"
            );
            let moment = now.map(|now| now.0.cast_signed());
            let held = connection.prepare_cached(&statement)?.execute((
                &name,
                epoch.0.cast_signed(),
                run.as_str(),
                moment,
            ))?;
            Ok(if held == 1 { Ok(()) } else { Err(()) })
        });
        let held = updated.await.map_err(failed)?;
        held.map_err(|()| LostLease::Superseded { environment: environment.clone(), epoch })
    }
}

/// An environment that may be taken.
pub(crate) struct Free {
    /// The number of the lease before.
    last: i64,
    /// Who held it until now.
    from: Option<Holding>,
}

/// Looks whether `run` may take the environment.
pub(crate) fn free(
    connection: &Connection,
    environment: &str,
    run: &RunId,
    here: &Holder,
    takeover: Takeover,
) -> Result<Result<Free, LeaseError>, StoreError> {
    let (last, from) = match row(connection, environment, here)? {
        None => (0, None),
        Some(row) => (row.epoch, row.holding.filter(|_| !row.finished)),
    };
    let asked = takeover == Takeover::Asked;
    let may =
        from.as_ref().is_none_or(|by| by.run == *run && (asked || by.presence == Presence::Gone));
    Ok(match from {
        Some(by) if !may => {
            Err(LeaseError::Held { environment: environment.to_owned(), by: Box::new(by) })
        }
        from => Ok(Free { last, from }),
    })
}

impl Free {
    /// Gives it to the run with this name and number.
    pub(crate) fn give(
        self,
        connection: &Connection,
        (environment, run, number): (&str, &RunId, i64),
        here: &Holder,
        now: Moment,
    ) -> Result<Lease, StoreError> {
        let epoch = self
            .last
            .checked_add(1)
            .ok_or_else(|| StoreError::Damaged("its epochs are used up".to_owned()))?;
        put(connection, environment, epoch, number, here, now)?;
        Ok(Lease {
            environment: environment.to_owned(),
            run: run.clone(),
            epoch: Epoch(epoch.cast_unsigned()),
            from: self.from,
        })
    }
}

fn number_in(
    connection: &Connection,
    run: &RunId,
    environment: &str,
) -> Result<Option<i64>, StoreError> {
    let mut select =
        connection.prepare_cached("SELECT number FROM runs WHERE id = ?1 AND environment = ?2")?;
    Ok(select.query_row([run.as_str(), environment], |row| row.get(0)).optional()?)
}

fn put(
    connection: &Connection,
    environment: &str,
    epoch: i64,
    run: i64,
    holder: &Holder,
    now: Moment,
) -> Result<(), StoreError> {
    let holder =
        serde_json::to_string(holder).map_err(|error| StoreError::Failed(error.to_string()))?;
    connection
        .prepare_cached(
            "INSERT INTO leases VALUES (?1, ?2, ?3, ?4, ?5, ?5) ON CONFLICT (environment) DO UPDATE
             SET epoch = excluded.epoch, run = excluded.run, holder = excluded.holder,
                 since = excluded.since, renewed = excluded.renewed",
        )?
        .execute((environment, epoch, run, holder, now.0.cast_signed()))?;
    Ok(())
}

fn row(
    connection: &Connection,
    environment: &str,
    here: &Holder,
) -> Result<Option<Row>, StoreError> {
    let mut select = connection.prepare_cached(
        "SELECT epoch, runs.id, holder, since, renewed,
                (SELECT kind FROM records WHERE records.run = runs.number ORDER BY sequence DESC LIMIT 1)
         FROM leases LEFT JOIN runs ON runs.number = leases.run WHERE leases.environment = ?1",
    )?;
    let mut rows = select.query([environment])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let epoch: i64 = row.get(0)?;
    let run: Option<String> = row.get(1)?;
    let holder: Option<String> = row.get(2)?;
    let last: Option<String> = row.get(5)?;
    let moment = |index| row.get::<_, i64>(index).map(|moment| Moment(moment.cast_unsigned()));
    let holding = match run {
        None => None,
        Some(run) => {
            let holder: Option<Holder> =
                holder.map(|text| serde_json::from_str(&text)).transpose().map_err(|error| {
                    StoreError::Damaged(format!("the holder of `{environment}`: {error}"))
                })?;
            let presence = holder.as_ref().map_or(Presence::Gone, |holder| holder.presence(here));
            Some(Holding {
                run: parsed(&run)?,
                epoch: Epoch(epoch.cast_unsigned()),
                holder,
                since: moment(3)?,
                renewed: moment(4)?,
                presence,
            })
        }
    };
    Ok(Some(Row { epoch, holding, finished: last.as_deref() == Some("finished") }))
}

fn describe(by: &Holding) -> String {
    let Some(holder) = &by.holder else { return "waiting, no process works on it".to_owned() };
    let Holder { host, pid, name, .. } = holder;
    let state = match by.presence {
        Presence::Alive => "running",
        Presence::Gone => "gone",
        Presence::Unknown => "not to be seen from here",
    };
    format!("{name} on {host}, process {pid}, {state}")
}
