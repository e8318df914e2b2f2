//! Leases in the file, whose write transaction is the lock.

use lockstep_engine::journal::Epoch;
use lockstep_engine::model::{Moment, RunId};
use rusqlite::{Connection, OptionalExtension};

use super::file::File;
use crate::error::StoreError;
use crate::holder::{Holder, Presence};
use crate::lease::{Change, Free, Holding, Lease, LeaseError, Row, Wanted, holder, written};
use crate::run::parsed;

impl File {
    pub(crate) async fn acquire(
        &self,
        wanted: Wanted,
    ) -> Result<Result<Lease, LeaseError>, StoreError> {
        self.change(move |connection| {
            let Some(number) = number_in(connection, &wanted.run, &wanted.environment)? else {
                return Ok(Err(wanted.no_run()));
            };
            take(connection, &wanted, number)
        })
        .await
    }

    pub(crate) fn holding(
        &self,
        environment: &str,
        here: &Holder,
    ) -> Result<Option<Row>, StoreError> {
        self.look(|connection| row(connection, environment, here))
    }

    /// Returns whether the lease was still held.
    pub(crate) async fn update(&self, lease: &Lease, change: Change) -> Result<bool, StoreError> {
        let (set, now) = match change {
            Change::Renew(now) => ("", Some(now.0.cast_signed())),
            Change::Leave => (", holder = NULL", None),
            Change::Release => (", holder = NULL, run = NULL", None),
        };
        let (environment, epoch, run) =
            (lease.environment.clone(), lease.epoch.0.cast_signed(), lease.run.clone());
        let updated = self.change(move |connection| {
            let statement = format!(
                "UPDATE leases SET renewed = ifnull(?4, renewed){set} WHERE environment = ?1 AND epoch = ?2 AND holder IS NOT NULL
                 AND run = (SELECT number FROM runs WHERE id = ?3)"
            );
            let held =
                connection.prepare_cached(&statement)?.execute((&environment, epoch, run.as_str(), now))?;
            Ok(if held == 1 { Ok(()) } else { Err(()) })
        });
        Ok(updated.await?.is_ok())
    }
}

/// Takes the environment for the run with this number, if it may be taken.
pub(super) fn take(
    connection: &Connection,
    wanted: &Wanted,
    number: i64,
) -> Result<Result<Lease, LeaseError>, StoreError> {
    match free(connection, wanted)? {
        Ok(free) => give(connection, wanted, free, number).map(Ok),
        Err(held) => Ok(Err(held)),
    }
}

/// Looks whether the environment may be taken.
pub(super) fn free(
    connection: &Connection,
    wanted: &Wanted,
) -> Result<Result<Free, LeaseError>, StoreError> {
    wanted.free(row(connection, &wanted.environment, &wanted.here)?)
}

/// Gives a free environment to the run with this number.
pub(super) fn give(
    connection: &Connection,
    wanted: &Wanted,
    free: Free,
    number: i64,
) -> Result<Lease, StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO leases VALUES (?1, ?2, ?3, ?4, ?5, ?5) ON CONFLICT (environment) DO UPDATE
             SET epoch = excluded.epoch, run = excluded.run, holder = excluded.holder,
                 since = excluded.since, renewed = excluded.renewed",
        )?
        .execute((
            &wanted.environment,
            free.epoch,
            number,
            written(&wanted.here)?,
            wanted.now.0.cast_signed(),
        ))?;
    Ok(wanted.given(free))
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
    let text: Option<String> = row.get(2)?;
    let last: Option<String> = row.get(5)?;
    let moment = |index| row.get::<_, i64>(index).map(|moment| Moment(moment.cast_unsigned()));
    let holding = match run {
        None => None,
        Some(run) => {
            let holder = text.map(|text| holder(environment, &text)).transpose()?;
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
