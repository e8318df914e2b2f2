//! Projects and their keys.

use axum::http::HeaderMap;
use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    super::{
        database::{Database, DatabaseError},
        settings::Settings,
    },
    store::{Place, Store},
};
use crate::identity;

/// The project of whom nobody asks for a key.
pub(super) const NOBODYS: &str = "lab";

const ORGANIZATION: &str =
    "INSERT INTO organizations (id, name) VALUES ($1, $1) ON CONFLICT (id) DO NOTHING";
const PROJECT: &str =
    "INSERT INTO projects (id, name, org_id) VALUES ($1, $1, $2) ON CONFLICT (id) DO NOTHING";
const KEY: &str = "INSERT INTO api_keys (id, public_key, fast_hashed_secret_key, project_id) \
    VALUES (gen_random_uuid()::text, $1, $2, $3) ON CONFLICT DO NOTHING";
const OWNER: &str =
    "SELECT max(project_id) FROM api_keys WHERE public_key = $1 AND fast_hashed_secret_key = $2";

/// Makes the project and the key that the variables name, unless they are there.
pub(super) async fn prepare(database: &Database, settings: &Settings) -> Result<(), DatabaseError> {
    let value = |name: &str| settings.get(&format!("LANGFUSE_INIT_{name}"));
    let Some(organization) = value("ORG_ID") else { return Ok(()) };
    database.execute(ORGANIZATION, &[&organization]).await?;
    let Some(project) = value("PROJECT_ID") else { return Ok(()) };
    database.execute(PROJECT, &[&project, &organization]).await?;
    if let (Some(public), Some(secret)) = (value("PROJECT_PUBLIC_KEY"), value("PROJECT_SECRET_KEY"))
    {
        let hash = hash(settings, secret);
        database.execute(KEY, &[&public, &hash, &project]).await?;
    }
    Ok(())
}

/// The project whose key a request has; `None` if it has none that is known.
pub(super) async fn project(
    store: &Store,
    settings: &Settings,
    headers: &HeaderMap,
) -> Result<Option<String>, DatabaseError> {
    if store.place == Place::Own {
        return Ok(Some(NOBODYS.to_owned()));
    }
    let Some((public, secret)) = given(headers) else { return Ok(None) };
    let hash = hash(settings, &secret);
    store.database.text(OWNER, &[&public, &hash]).await
}

fn given(headers: &HeaderMap) -> Option<(String, String)> {
    let basic = headers.get("authorization")?.to_str().ok()?.strip_prefix("Basic ")?;
    let text = String::from_utf8(STANDARD.decode(basic).ok()?).ok()?;
    let (public, secret) = text.split_once(':')?;
    Some((public.to_owned(), secret.to_owned()))
}

/// A secret key as the database has it. It depends on `SALT`, so keys end with it.
fn hash(settings: &Settings, secret: &str) -> String {
    identity::hex(&[secret, settings.get("SALT").unwrap_or_default()])
}
