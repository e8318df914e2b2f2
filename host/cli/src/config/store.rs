//! Where the store is: a schema of a PostgreSQL database, as `[store]` of `lockstep.toml` says, or else a file.

use lockstep_drivers::SecretString;
use lockstep_store::Access;
use serde::Deserialize;

use super::document::Document;
use crate::args::Surroundings;
use crate::error::CliError;
use crate::exit::Exit;
use crate::failure::unconnected;

/// Where journals, leases, plans and plugin bytes are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct StoreDocument {
    /// A PostgreSQL database; where none is named, the file in `.lockstep/`.
    pub(crate) postgres: Option<PostgresDocument>,
}

/// A schema of a PostgreSQL database.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct PostgresDocument {
    /// The variable of Lockstep's own environment that holds the URL, which is a secret.
    pub(crate) url_env: String,
    /// The schema.
    #[serde(default = "usual_schema")]
    pub(crate) schema: String,
}

fn usual_schema() -> String {
    "lockstep".to_owned()
}

/// Returns how the store in PostgreSQL is reached; none if it is in a file.
///
/// # Errors
/// The variable is not set, or what is in it is no URL of a database.
pub(crate) fn access(
    document: Option<&Document>,
    surroundings: &Surroundings,
) -> Result<Option<Access>, CliError> {
    let named = document.and_then(|document| document.store.postgres.as_ref());
    let Some(PostgresDocument { url_env, schema }) = named else { return Ok(None) };
    let url = surroundings.get(url_env).ok_or_else(|| {
        let words =
            format!("the store is in PostgreSQL, and {url_env}, which holds its URL, is not set");
        CliError::words(Exit::Usage, words)
            .hint(format!("export {url_env}=postgres://role:password@host:5432/database"))
    })?;
    let access = Access::new(&SecretString::from(url.to_owned()), schema);
    access.map(Some).map_err(|error| unconnected(error, Some(url_env)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Document, toml::de::Error> {
        toml::from_str(&format!("version = 1\n{text}"))
    }

    #[test]
    fn a_store_is_a_file_unless_a_database_is_named_and_its_url_is_never_in_the_document() {
        let none = Surroundings::default();
        assert!(access(Some(&read("").unwrap()), &none).unwrap().is_none());
        let named = read("[store]\npostgres = { url-env = \"STORE\" }").unwrap();
        let postgres = named.store.postgres.as_ref().unwrap();
        assert_eq!((postgres.url_env.as_str(), postgres.schema.as_str()), ("STORE", "lockstep"));
        for wrong in
            ["url = \"postgres://\"", "url-env = \"STORE\", role = \"x\"", "schema = \"x\""]
        {
            assert!(read(&format!("[store]\npostgres = {{ {wrong} }}")).is_err(), "{wrong}");
        }
        assert!(read("[store]\nmysql = {}").is_err());
    }

    #[test]
    fn a_variable_that_is_missing_or_no_url_is_named_and_what_is_in_it_is_not() {
        let named = read("[store]\npostgres = { url-env = \"STORE\" }").unwrap();
        let missing = access(Some(&named), &Surroundings::default()).unwrap_err();
        assert!(missing.error.to_string().contains("STORE"));
        assert!(missing.hints[0].starts_with("export STORE=postgres://"));
        let set = Surroundings::of(&[("STORE", "s3cret")]);
        let wrong = access(Some(&named), &set).unwrap_err();
        let told = format!("{:?} {:?}", wrong.error, wrong.hints);
        assert!(told.contains("STORE") && !told.contains("s3cret"), "{told}");
    }
}
