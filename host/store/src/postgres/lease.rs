//! Leases in the schema. Whether one has expired is told by the database's own clock, because the clocks of the machines
//! that use it need not agree.

use lockstep_engine::journal::Epoch;
use lockstep_engine::model::Moment;
use tokio_postgres::Row as Found;
use tokio_postgres::types::Type;

use super::server::{Change as Transaction, Server};
use super::session::Parameter;
use crate::error::StoreError;
use crate::holder::{Holder, Presence};
use crate::lease::{
    Change, Free, Holding, LEASE_LIFE, Lease, LeaseError, Row, Wanted, holder, written,
};
use crate::run::parsed;

/// How an environment stands.
const ROW: &str = "
SELECT l.epoch, r.id, l.holder, l.since, l.renewed,
       (SELECT kind FROM records WHERE records.run = r.number ORDER BY sequence DESC LIMIT 1),
       l.alive < clock_timestamp() - make_interval(secs => $2)
FROM leases l LEFT JOIN runs r ON r.number = l.run WHERE l.environment = $1";

impl Server {
    pub(crate) async fn acquire(
        &self,
        wanted: Wanted,
    ) -> Result<Result<Lease, LeaseError>, StoreError> {
        self.apart(async move |server| server.acquire_now(wanted).await).await
    }

    async fn acquire_now(&self, wanted: Wanted) -> Result<Result<Lease, LeaseError>, StoreError> {
        let change = self.begin().await?;
        let select = "SELECT number FROM runs WHERE id = $1 AND environment = $2";
        let names =
            [(&wanted.run.as_str() as _, Type::TEXT), (&wanted.environment as _, Type::TEXT)];
        let Some(run) = change.row(select, &names).await? else {
            change.roll_back().await?;
            return Ok(Err(wanted.no_run()));
        };
        let number = run.try_get(0)?;
        match free(&change, &wanted).await? {
            Ok(free) => {
                let lease = give(&change, &wanted, free, number).await?;
                change.commit().await?;
                Ok(Ok(lease))
            }
            Err(held) => {
                change.roll_back().await?;
                Ok(Err(held))
            }
        }
    }

    pub(crate) async fn holding(
        &self,
        environment: &str,
        here: &Holder,
    ) -> Result<Option<Row>, StoreError> {
        let rows = self.look(ROW, &parameters(&environment)).await?;
        rows.first().map(|found| row(environment, here, found)).transpose()
    }

    /// Returns whether the lease was still held.
    pub(crate) async fn update(&self, lease: Lease, update: Change) -> Result<bool, StoreError> {
        self.apart(async move |server| server.update_now(&lease, update).await).await
    }

    async fn update_now(&self, lease: &Lease, update: Change) -> Result<bool, StoreError> {
        let (set, now) = match update {
            Change::Renew(now) => ("alive = clock_timestamp()", Some(now.0.cast_signed())),
            Change::Leave => ("holder = NULL", None),
            Change::Release => ("holder = NULL, run = NULL", None),
        };
        let statement = format!(
            "UPDATE leases SET renewed = coalesce($4, renewed), {set}
             WHERE environment = $1 AND epoch = $2 AND holder IS NOT NULL
               AND run = (SELECT number FROM runs WHERE id = $3)"
        );
        let change = self.begin().await?;
        let held = change
            .execute(
                &statement,
                &[
                    (&lease.environment, Type::TEXT),
                    (&lease.epoch.0.cast_signed(), Type::INT8),
                    (&lease.run.as_str(), Type::TEXT),
                    (&now, Type::INT8),
                ],
            )
            .await?;
        change.commit().await?;
        Ok(held == 1)
    }
}

/// Looks whether the environment may be taken, and keeps everybody else from it until the transaction ends.
pub(super) async fn free(
    change: &Transaction<'_>,
    wanted: &Wanted,
) -> Result<Result<Free, LeaseError>, StoreError> {
    // How it stands is read after the lock was waited for, in a statement of its own that sees what changed meanwhile.
    change
        .rows(
            "SELECT FROM leases WHERE environment = $1 FOR UPDATE",
            &[(&wanted.environment, Type::TEXT)],
        )
        .await?;
    let found = change.row(ROW, &parameters(&wanted.environment.as_str())).await?;
    let row = found.map(|found| row(&wanted.environment, &wanted.here, &found)).transpose()?;
    wanted.free(row)
}

/// Gives a free environment, whose row is locked, to the run with this number.
pub(super) async fn give(
    change: &Transaction<'_>,
    wanted: &Wanted,
    free: Free,
    number: i64,
) -> Result<Lease, StoreError> {
    change
        .execute(
            "UPDATE leases SET epoch = $2, run = $3, holder = $4, since = $5, renewed = $5,
                    alive = clock_timestamp()
             WHERE environment = $1",
            &[
                (&wanted.environment, Type::TEXT),
                (&free.epoch, Type::INT8),
                (&number, Type::INT8),
                (&written(&wanted.here)?, Type::TEXT),
                (&wanted.now.0.cast_signed(), Type::INT8),
            ],
        )
        .await?;
    Ok(wanted.given(free))
}

fn parameters<'a>(environment: &'a &'a str) -> [Parameter<'a>; 2] {
    const LIFE: &f64 = &LEASE_LIFE.as_secs_f64();
    [(environment, Type::TEXT), (LIFE, Type::FLOAT8)]
}

fn row(environment: &str, here: &Holder, found: &Found) -> Result<Row, StoreError> {
    let epoch: i64 = found.try_get(0)?;
    let run: Option<&str> = found.try_get(1)?;
    let text: Option<&str> = found.try_get(2)?;
    let last: Option<&str> = found.try_get(5)?;
    let expired: bool = found.try_get(6)?;
    let moment = |index| found.try_get::<_, i64>(index).map(|at| Moment(at.cast_unsigned()));
    let holding = match run {
        None => None,
        Some(run) => {
            let holder = text.map(|text| holder(environment, text)).transpose()?;
            let seen = holder.as_ref().map_or(Presence::Gone, |holder| holder.presence(here));
            // Two machines that were made from one image may look like one that was started anew; a lease that is being
            // renewed is not that of a process from before.
            let elsewhere = holder.as_ref().is_some_and(|holder| holder.is_of_another_boot(here));
            let presence = match seen {
                Presence::Gone if elsewhere && !expired => Presence::Unknown,
                Presence::Gone => Presence::Gone,
                Presence::Alive | Presence::Expired | Presence::Unknown if expired => {
                    Presence::Expired
                }
                Presence::Alive | Presence::Expired | Presence::Unknown => seen,
            };
            Some(Holding {
                run: parsed(run)?,
                epoch: Epoch(epoch.cast_unsigned()),
                holder,
                since: moment(3)?,
                renewed: moment(4)?,
                presence,
            })
        }
    };
    Ok(Row { epoch, holding, finished: last == Some("finished") })
}
