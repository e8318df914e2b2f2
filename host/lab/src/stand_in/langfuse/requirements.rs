//! Variables without which Langfuse does not start.

use super::super::{StandInError, settings::Settings};

/// What the web image's entry point looks at before it migrates.
pub(super) fn entry(settings: &Settings) -> Result<(), StandInError> {
    settings.required("DATABASE_URL")?;
    if settings.is_at_least(&[3]) && settings.get("CLICKHOUSE_URL").is_none() {
        let reason = "CLICKHOUSE_URL is not configured. Migrating from V2? There is a guide for the upgrade from v2 to v3";
        return Err(StandInError::refused(settings.kind, reason));
    }
    Ok(())
}

/// What the script that migrates ClickHouse looks at.
pub(super) fn clickhouse_migration(settings: &Settings) -> Result<(), StandInError> {
    for name in ["CLICKHOUSE_MIGRATION_URL", "CLICKHOUSE_USER", "CLICKHOUSE_PASSWORD"] {
        settings.required(name)?;
    }
    one_node(settings)
}

/// Refuses the default of a cluster: on a single node its migrations need Keeper, which is not there.
pub(super) fn one_node(settings: &Settings) -> Result<(), StandInError> {
    if settings.get("CLICKHOUSE_CLUSTER_ENABLED") == Some("false") {
        return Ok(());
    }
    let reason = "applying ClickHouse migrations failed: there is no Zookeeper configuration in server config; \
                  CLICKHOUSE_CLUSTER_ENABLED must be \"false\" for a single node";
    Err(StandInError::refused(settings.kind, reason))
}

/// What the web service looks at when it starts, after the migrations.
pub(super) fn web(settings: &Settings) -> Result<(), StandInError> {
    encryption_key(settings)?;
    for name in ["NEXTAUTH_SECRET", "NEXTAUTH_URL", "SALT"] {
        settings.required(name)?;
    }
    Ok(())
}

/// What both services of 3.x look at when they start.
pub(super) fn both(settings: &Settings) -> Result<(), StandInError> {
    let names = [
        "DATABASE_URL",
        "CLICKHOUSE_URL",
        "CLICKHOUSE_USER",
        "CLICKHOUSE_PASSWORD",
        "LANGFUSE_S3_EVENT_UPLOAD_BUCKET",
    ];
    for name in names {
        settings.required(name)?;
    }
    Ok(())
}

/// Refuses a key that the real service refuses: it must be 256 bits in hexadecimal digits.
pub(super) fn encryption_key(settings: &Settings) -> Result<(), StandInError> {
    let Some(key) = settings.get("ENCRYPTION_KEY") else { return Ok(()) };
    if key.len() == 64 && key.chars().all(|character| character.is_ascii_hexdigit()) {
        return Ok(());
    }
    let reason = "ENCRYPTION_KEY must be 256 bits, 64 string characters in hex format; make one with `openssl rand -hex 32`";
    Err(StandInError::refused(settings.kind, reason))
}
