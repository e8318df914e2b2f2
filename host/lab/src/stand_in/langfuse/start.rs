//! How the web service starts: migrations first, then its own requirements.

use std::time::Duration;

use super::{
    super::{StandInError, server::Stop, settings::Settings},
    clickhouse_schema, keys,
    refusal::{Refusal, of_clickhouse, of_database},
    requirements, schema,
    store::{Place, Store},
};

const RETRY: Duration = Duration::from_millis(200);

/// Looks at the variables and migrates, until the databases have let that through or the end is asked for.
///
/// Where Langfuse has tables, it migrates first and looks at the rest of its variables then, as the real image does: what it refuses to start
/// with may find its databases migrated. A database that is away is waited for; the real one exits and is started again.
pub(super) async fn start(
    store: &Store,
    settings: &Settings,
    stop: &Stop,
) -> Result<(), StandInError> {
    let is_v3 = settings.is_at_least(&[3]);
    if store.place == Place::Own {
        requirements::web(settings)?;
        if is_v3 {
            settings.required("CLICKHOUSE_URL")?;
            requirements::one_node(settings)?;
        }
        return until_done(settings, stop, async || own(store, is_v3).await).await;
    }
    let migrates = |what: &str| !settings.says(&format!("LANGFUSE_AUTO_{what}_MIGRATION_DISABLED"));
    requirements::entry(settings)?;
    if migrates("POSTGRES") {
        until_done(settings, stop, async || schema::migrate(store, settings).await).await?;
    }
    if is_v3 && migrates("CLICKHOUSE") {
        requirements::clickhouse_migration(settings)?;
        let attempt = async || clickhouse_schema::migrate(&store.clickhouse, settings).await;
        until_done(settings, stop, attempt).await?;
    }
    requirements::web(settings)?;
    if is_v3 {
        requirements::both(settings)?;
    }
    until_done(settings, stop, async || {
        let made = keys::prepare(&store.database, settings).await;
        made.map_err(|error| of_database("making the project of LANGFUSE_INIT_*", error))
    })
    .await
}

async fn own(store: &Store, is_v3: bool) -> Result<(), Refusal> {
    let away = |refusal: Refusal| match refusal {
        Refusal::Away(reason) | Refusal::Final(reason) => Refusal::Away(reason),
    };
    let made = store.prepare().await;
    made.map_err(|error| away(of_database("applying database migrations", error)))?;
    if is_v3 {
        let answered = store.clickhouse.ask("SELECT 1").await;
        answered.map_err(|error| away(of_clickhouse("applying ClickHouse migrations", &error)))?;
    }
    Ok(())
}

async fn until_done(
    settings: &Settings,
    stop: &Stop,
    attempt: impl AsyncFn() -> Result<(), Refusal>,
) -> Result<(), StandInError> {
    let mut told = false;
    while !stop.requested() {
        match attempt().await {
            Ok(()) => return Ok(()),
            Err(Refusal::Final(reason)) => {
                return Err(StandInError::refused(settings.kind, &reason));
            }
            Err(Refusal::Away(reason)) if !told => {
                tracing::warn!("{reason}; trying again until it works");
                told = true;
            }
            Err(Refusal::Away(_)) => {}
        }
        tokio::select! {
            () = stop.wait() => {}
            () = tokio::time::sleep(RETRY) => {}
        }
    }
    Ok(())
}
