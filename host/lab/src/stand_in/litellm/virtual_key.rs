//! Keys that the proxy makes, which its database knows by their hashes.

use serde_json::{Value, json};

use super::super::database::{Database, DatabaseError};
use crate::identity;

const ADD: &str =
    "INSERT INTO \"LiteLLM_VerificationToken\" (token, metadata) VALUES ($1, $2::text::jsonb)";
const IS_KNOWN: &str = "SELECT count(*) FROM \"LiteLLM_VerificationToken\" WHERE token = $1";
const DELETE: &str = "DELETE FROM \"LiteLLM_VerificationToken\" WHERE token = $1";
const SPENT: &str = "INSERT INTO \"LiteLLM_SpendLogs\" (request_id, call_type, api_key, \"startTime\", \"endTime\") \
    VALUES ($1, 'acompletion', $2, now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC')";

/// Makes a key.
pub(super) async fn make(database: &Database, metadata: &Value) -> Result<String, DatabaseError> {
    let moment = jiff::Timestamp::now().as_nanosecond().to_string();
    let digits = identity::hex(&["key", &moment, &std::process::id().to_string()]);
    let key = format!("sk-{digits}");
    database.execute(ADD, &[&hash(&key), &metadata.to_string()]).await?;
    Ok(key)
}

/// Returns whether the proxy has made this key.
pub(super) async fn is_known(database: &Database, key: &str) -> Result<bool, DatabaseError> {
    Ok(database.number(IS_KNOWN, &[&hash(key)]).await? > 0)
}

/// Deletes keys, and tells which.
pub(super) async fn delete(database: &Database, keys: &[String]) -> Result<Value, DatabaseError> {
    for key in keys {
        database.execute(DELETE, &[&hash(key)]).await?;
    }
    Ok(json!({ "deleted_keys": keys }))
}

/// Writes what a call cost: nothing, here. The real proxy holds it in memory for some seconds first.
pub(super) async fn spend(
    database: &Database,
    request: &str,
    key: &str,
) -> Result<(), DatabaseError> {
    database.execute(SPENT, &[&request, &hash(key)]).await.map(|_rows| ())
}

fn hash(key: &str) -> String {
    identity::hex(&["key", key])
}
