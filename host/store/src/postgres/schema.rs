//! The tables, by version. A released entry is never changed: a new one is added after it.

use lockstep_engine::model::Digest;
use tokio_postgres::types::Type;

use super::connect::{Access, ConnectError};
use super::session::Session;
use crate::error::StoreError;

/// What brings a schema from each version to the next.
const STEPS: &[&str] = &[FIRST, DETACHED];

// Names of runs, digests and kinds are compared byte by byte, so that no change of the system's collations ruins an index.
// A record does not refer to its run by a foreign key, because that would write into the run's row with every record.
// The triggers refuse what no code of ours does, so that a slip, here or in somebody's shell, can't rewrite history.
const FIRST: &str = "
CREATE TABLE {schema}.settings (
    name  text COLLATE \"C\" PRIMARY KEY,
    value bytea NOT NULL
);

CREATE TABLE {schema}.blobs (
    digest text COLLATE \"C\" PRIMARY KEY,
    bytes  bytea NOT NULL
);

CREATE TABLE {schema}.runs (
    number      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id          text COLLATE \"C\" NOT NULL UNIQUE,
    environment text COLLATE \"C\" NOT NULL,
    component   text NOT NULL,
    plan        text NOT NULL,
    created     bigint NOT NULL
);

CREATE TABLE {schema}.attachments (
    run    bigint NOT NULL REFERENCES {schema}.runs (number),
    role   text COLLATE \"C\" NOT NULL,
    digest text COLLATE \"C\" NOT NULL REFERENCES {schema}.blobs (digest),
    PRIMARY KEY (run, role)
);

CREATE TABLE {schema}.records (
    run      bigint NOT NULL,
    sequence bigint NOT NULL CHECK (sequence >= 0),
    epoch    bigint NOT NULL CHECK (epoch >= 0),
    kind     text COLLATE \"C\" NOT NULL,
    digest   text COLLATE \"C\" NOT NULL,
    body     text NOT NULL,
    PRIMARY KEY (run, sequence)
);

CREATE TABLE {schema}.leases (
    environment text COLLATE \"C\" PRIMARY KEY,
    epoch       bigint NOT NULL CHECK (epoch >= 0),
    run         bigint REFERENCES {schema}.runs (number),
    holder      text,
    since       bigint NOT NULL,
    renewed     bigint NOT NULL,
    alive       timestamptz NOT NULL
);

CREATE TABLE {schema}.memos (
    run  bigint NOT NULL REFERENCES {schema}.runs (number),
    step text COLLATE \"C\" NOT NULL,
    memo text NOT NULL,
    PRIMARY KEY (run, step)
);

CREATE FUNCTION {schema}.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '%', TG_ARGV[0]; END $$;

CREATE TRIGGER records_are_not_changed BEFORE UPDATE ON {schema}.records
    FOR EACH ROW EXECUTE FUNCTION {schema}.refuse('a record is never changed');
CREATE TRIGGER records_are_not_removed BEFORE DELETE ON {schema}.records
    FOR EACH ROW EXECUTE FUNCTION {schema}.refuse('a record is never removed');
CREATE TRIGGER records_are_not_emptied BEFORE TRUNCATE ON {schema}.records
    FOR EACH STATEMENT EXECUTE FUNCTION {schema}.refuse('a record is never removed');
CREATE TRIGGER epochs_only_grow BEFORE UPDATE ON {schema}.leases
    FOR EACH ROW WHEN (NEW.epoch < OLD.epoch) EXECUTE FUNCTION {schema}.refuse('an epoch only grows');
CREATE TRIGGER leases_are_not_removed BEFORE DELETE ON {schema}.leases
    FOR EACH ROW EXECUTE FUNCTION {schema}.refuse('a lease is never removed, because its epoch must not come again');
CREATE TRIGGER leases_are_not_emptied BEFORE TRUNCATE ON {schema}.leases
    FOR EACH STATEMENT EXECUTE FUNCTION {schema}.refuse('a lease is never removed, because its epoch must not come again');
";

// The lease's row stays locked until the transaction ends, so whoever takes the lease over waits for an append that is on
// its way, and of two appends to one run the second sees the first. Each statement of the function sees what was committed
// before it, because the first may have waited for the lock.
const DETACHED: &str = "
ALTER TABLE {schema}.runs ADD COLUMN due bigint;
CREATE INDEX runs_by_due ON {schema}.runs (due) WHERE due IS NOT NULL;

CREATE TABLE {schema}.removals (run bigint PRIMARY KEY);

CREATE FUNCTION {schema}.run_may_go() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT kind FROM {schema}.records WHERE run = NEW.run ORDER BY sequence DESC LIMIT 1)
        IS DISTINCT FROM 'finished' THEN
        RAISE EXCEPTION 'a run that has not ended is never removed';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER open_runs_are_not_removed BEFORE INSERT OR UPDATE ON {schema}.removals
    FOR EACH ROW EXECUTE FUNCTION {schema}.run_may_go();

CREATE FUNCTION {schema}.record_may_go() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM {schema}.removals WHERE run = OLD.run) THEN
        RAISE EXCEPTION 'a record is never removed';
    END IF;
    RETURN OLD;
END $$;
DROP TRIGGER records_are_not_removed ON {schema}.records;
CREATE TRIGGER records_are_not_removed BEFORE DELETE ON {schema}.records
    FOR EACH ROW EXECUTE FUNCTION {schema}.record_may_go();

CREATE FUNCTION {schema}.append(
    name text, lease bigint, next bigint, head text, start text,
    sequences bigint[], kinds text[], digests text[], bodies text[]
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    this bigint;
    held bigint;
    last_sequence bigint;
    last_digest text;
BEGIN
    IF current_setting('synchronous_commit') NOT IN ('on', 'remote_apply') THEN
        RAISE EXCEPTION 'synchronous_commit is % in this session', current_setting('synchronous_commit');
    END IF;
    SELECT r.number, CASE WHEN l.run = r.number AND l.holder IS NOT NULL THEN l.epoch END
      INTO this, held
      FROM {schema}.runs r JOIN {schema}.leases l ON l.environment = r.environment
     WHERE r.id = name FOR NO KEY UPDATE OF l;
    IF NOT FOUND THEN RETURN 'no run'; END IF;
    IF held IS DISTINCT FROM lease THEN RETURN 'superseded'; END IF;
    SELECT sequence, digest INTO last_sequence, last_digest
      FROM {schema}.records WHERE run = this ORDER BY sequence DESC LIMIT 1;
    IF coalesce(last_sequence + 1, 0) <> next OR coalesce(last_digest, start) <> head THEN
        RETURN 'diverged';
    END IF;
    INSERT INTO {schema}.records (run, sequence, epoch, kind, digest, body)
    SELECT this, line.sequence, lease, line.kind, line.digest, line.body
      FROM unnest(sequences, kinds, digests, bodies) AS line (sequence, kind, digest, body);
    IF 'finished' = ANY (kinds) THEN
        UPDATE {schema}.runs SET due = NULL WHERE number = this AND due IS NOT NULL;
    END IF;
    RETURN 'appended';
END $$;
";

/// What a server must be like, and what stands in the schema.
const LOOK: &str = "
SELECT pg_is_in_recovery(), current_setting('fsync'), current_setting('server_encoding'),
       current_setting('server_version_num')::bigint,
       EXISTS (SELECT FROM pg_namespace WHERE nspname = $1),
       EXISTS (SELECT FROM pg_class WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1)),
       EXISTS (SELECT FROM pg_class WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1)
               AND relname = 'settings')";

/// What was found.
struct Found {
    unfit: Option<String>,
    schema: bool,
    anything: bool,
    settings: bool,
}

/// Returns the version that this code writes.
fn newest() -> i64 {
    i64::try_from(STEPS.len()).unwrap_or(i64::MAX)
}

/// Makes sure that the schema is a store of the newest version.
pub(super) async fn ensure(session: &Session, access: &Access) -> Result<(), ConnectError> {
    let found = look(session, access).await?;
    if let Some(why) = found.unfit {
        return Err(ConnectError::Unfit { place: access.place().to_owned(), why });
    }
    if found.settings && version(session, access).await? == newest() {
        return Ok(());
    }
    session.batch("BEGIN").await.map_err(|error| failed(access, error))?;
    let made = migrate(session, access).await;
    let ended = if made.is_ok() { "COMMIT" } else { "ROLLBACK" };
    let ended = session.batch(ended).await.map_err(|error| failed(access, error));
    made.and(ended)
}

/// Brings the schema to the newest version, alone: whoever opens the store meanwhile waits.
async fn migrate(session: &Session, access: &Access) -> Result<(), ConnectError> {
    let failed = |error| failed(access, error);
    let name = format!("lockstep {}", access.schema);
    session
        .rows("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", &[(&name, Type::TEXT)])
        .await
        .map_err(failed)?;
    let found = look(session, access).await?;
    let from = if found.settings { version(session, access).await? } else { 0 };
    if !found.settings && found.anything {
        return Err(not_a_store(access, "another program's tables are in it"));
    }
    if !found.schema {
        session.batch(&format!("CREATE SCHEMA {}", access.schema)).await.map_err(failed)?;
    }
    for step in STEPS.iter().skip(usize::try_from(from).unwrap_or(0)) {
        session.batch(&step.replace("{schema}", &access.schema)).await.map_err(failed)?;
    }
    if from == 0 {
        fill(session, access).await?;
    }
    let version = newest().to_string().into_bytes();
    session
        .execute(
            "INSERT INTO settings VALUES ('version', $1) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            &[(&version, Type::BYTEA)],
        )
        .await
        .map(drop)
        .map_err(failed)
}

/// Gives a new store its id and its key.
async fn fill(session: &Session, access: &Access) -> Result<(), ConnectError> {
    let mut random = [0; 48];
    getrandom::fill(&mut random).map_err(ConnectError::Randomness)?;
    let (name, key) = random.split_at(16);
    let id: String = Digest::of(name).digits().chars().take(32).collect();
    for (name, value) in [("id", id.as_bytes()), ("fingerprint-key", key)] {
        session
            .execute(
                "INSERT INTO settings VALUES ($1, $2)",
                &[(&name, Type::TEXT), (&value, Type::BYTEA)],
            )
            .await
            .map_err(|error| failed(access, error))?;
    }
    Ok(())
}

async fn look(session: &Session, access: &Access) -> Result<Found, ConnectError> {
    let failed = |error| failed(access, error);
    let rows = session.rows(LOOK, &[(&access.schema, Type::TEXT)]).await.map_err(failed)?;
    let row = rows.first().ok_or_else(|| failed(StoreError::Closed))?;
    let read = || -> Result<Found, tokio_postgres::Error> {
        let (standby, fsync): (bool, String) = (row.try_get(0)?, row.try_get(1)?);
        let (encoding, version): (String, i64) = (row.try_get(2)?, row.try_get(3)?);
        let faults = [
            (standby, "it is a standby, which can't be written".to_owned()),
            (fsync != "on", format!("its fsync is {fsync}, so what it acknowledges can be lost")),
            (encoding != "UTF8", format!("the database's encoding is {encoding} instead of UTF8")),
            (version < 120_000, "it is older than PostgreSQL 12".to_owned()),
        ];
        let unfit = faults.into_iter().find(|(is, _)| *is).map(|(_, why)| why);
        let (schema, anything) = (row.try_get(4)?, row.try_get(5)?);
        Ok(Found { unfit, schema, anything, settings: row.try_get(6)? })
    };
    read().map_err(|error| failed(error.into()))
}

/// Returns the schema's version, which is one that this code knows.
async fn version(session: &Session, access: &Access) -> Result<i64, ConnectError> {
    let look = "SELECT value FROM settings WHERE name = 'version'";
    let row = match session.row(look, &[]).await {
        Ok(row) => row,
        // Its columns are others than ours.
        Err(StoreError::Failed(why)) => return Err(not_a_store(access, &why)),
        Err(error) => return Err(failed(access, error)),
    };
    let text = row.and_then(|row| row.try_get::<_, Vec<u8>>(0).ok());
    let found = text.and_then(|text| String::from_utf8(text).ok()?.parse().ok());
    let found: i64 = found.ok_or_else(|| not_a_store(access, "it tells no version"))?;
    if found > newest() {
        return Err(ConnectError::Newer { schema: access.schema.clone(), found, known: newest() });
    }
    Ok(found)
}

fn not_a_store(access: &Access, why: &str) -> ConnectError {
    let (place, schema) = (access.place().to_owned(), access.schema.clone());
    ConnectError::NotAStore { place, schema, why: why.to_owned() }
}

fn failed(access: &Access, error: StoreError) -> ConnectError {
    let place = access.place().to_owned();
    if let StoreError::Denied(why) = error {
        return ConnectError::Denied { place, schema: access.schema.clone(), why };
    }
    ConnectError::Store { place, source: error }
}
