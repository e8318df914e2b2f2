//! What the database holds, as far as a plan rests on it.

use lockstep_sdk::answer;
use lockstep_sdk::blocks::prisma::{self, Unended};
use lockstep_sdk::json::Json;
use lockstep_sdk::outside::Sql;
use lockstep_sdk::quote::TableName;
use lockstep_sdk::{Failure, Value};

use crate::names::DATABASE;

/// A table that every LiteLLM has: where it is, the others are.
const KEYS: &str = "LiteLLM_VerificationToken";
/// The table that no Langfuse is without.
const PROJECTS: &str = "projects";

/// Schemas in which LiteLLM's tables are.
pub(crate) const HOME: &str = "\
    SELECT n.nspname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.relname = $1 AND c.relkind IN ('r', 'p') ORDER BY 1";

/// The server and the database behind the connection. `$1` is the schema.
pub(crate) const SERVER: &str = "\
    SELECT current_database()::text, pg_encoding_to_char(d.encoding)::text, d.datcollate::text, d.datctype::text, \
      (SELECT r.rolsuper FROM pg_roles r WHERE r.rolname = session_user), \
      EXISTS (SELECT 1 FROM pg_available_extensions e WHERE e.name = 'dblink'), \
      EXISTS (SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = '_prisma_migrations'), \
      EXISTS (SELECT 1 FROM pg_database b WHERE b.datname = 'lockstep_rehearsal'), \
      EXISTS (SELECT 1 FROM pg_namespace n WHERE n.nspname = 'lockstep_litellm'), session_user::text \
    FROM pg_database d WHERE d.datname = current_database()";

/// Tables of the schema that are not LiteLLM's.
pub(crate) const FOREIGN: &str = "\
    SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
    WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') AND NOT starts_with(c.relname, 'LiteLLM_') AND c.relname <> '_prisma_migrations' ORDER BY 1";

/// How large the log of spend is, and how many rows it is thought to have.
pub(crate) const SPEND: &str = "\
    SELECT pg_total_relation_size(c.oid)::int8, greatest(c.reltuples, 0)::int8 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
    WHERE n.nspname = $1 AND c.relname = 'LiteLLM_SpendLogs'";

/// What a rehearsal needs, and what it must not find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Room {
    /// Whether one database can be read from another.
    pub(crate) can_carry: bool,
    /// Whether the database of a rehearsal is there.
    pub(crate) has_rehearsal: bool,
    /// Whether the notes of another run are there.
    pub(crate) has_notes: bool,
}

/// What a plan reads of the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Inside {
    /// The schema in which LiteLLM's tables are; none, or several, where that can't be told.
    pub(crate) homes: Vec<String>,
    /// The database's name.
    pub(crate) name: String,
    /// Its encoding.
    pub(crate) encoding: String,
    /// How it orders text.
    pub(crate) collate: String,
    /// How it classes letters.
    pub(crate) ctype: String,
    /// Whether the connection's role may do everything.
    pub(crate) superuser: bool,
    /// What a rehearsal needs, and what it must not find.
    pub(crate) room: Room,
    /// Whether there is a history of migrations.
    pub(crate) has_history: bool,
    /// The connection's role.
    pub(crate) user: String,
    /// Tables of others in the same schema.
    pub(crate) foreign: Vec<String>,
    /// Migrations that were begun and never ended.
    pub(crate) unfinished: Vec<Unended>,
    /// Bytes and rows of the log of spend, if there is one.
    pub(crate) spend: Option<(u64, u64)>,
    /// Names of the models that are kept in the database.
    pub(crate) models: Vec<String>,
    /// What the configuration in the database sends traces to.
    pub(crate) callbacks: Vec<String>,
}

impl Inside {
    /// Reads it.
    pub(crate) fn read<O: Sql>(outside: &O) -> Result<Self, Failure> {
        let homes = answer::texts(outside, DATABASE, HOME, &[KEYS.into()])?;
        let schema = homes.first().map_or("public", String::as_str);
        let of_schema = [Value::from(schema)];
        let row = answer::row(outside, DATABASE, SERVER, &of_schema)?;
        let own = |index| row.text(index).map(str::to_owned);
        let mut inside = Self {
            name: own(0)?,
            encoding: own(1)?,
            collate: own(2)?,
            ctype: own(3)?,
            superuser: row.truth(4)?,
            has_history: row.truth(6)?,
            room: Room {
                can_carry: row.truth(5)?,
                has_rehearsal: row.truth(7)?,
                has_notes: row.truth(8)?,
            },
            user: own(9)?,
            foreign: Vec::new(),
            unfinished: Vec::new(),
            spend: None,
            models: Vec::new(),
            callbacks: Vec::new(),
            homes: homes.clone(),
        };
        if let [schema] = homes.as_slice() {
            inside.foreign = answer::texts(outside, DATABASE, FOREIGN, &of_schema)?;
            if inside.has_history {
                inside.unfinished = unfinished(outside, schema)?;
            }
            let spend = answer::maybe_row(outside, DATABASE, SPEND, &of_schema)?;
            inside.spend =
                spend.map(|row| Ok::<_, Failure>((row.count(0)?, row.count(1)?))).transpose()?;
            inside.models = answer::texts(outside, DATABASE, &models(schema), &[])?;
            inside.callbacks = callbacks(outside, schema)?;
        }
        Ok(inside)
    }

    /// Returns the schema, where it is one.
    pub(crate) fn schema(&self) -> Option<&str> {
        if let [schema] = self.homes.as_slice() { Some(schema) } else { None }
    }

    /// Returns whether Langfuse has its tables there too.
    pub(crate) fn is_shared(&self) -> bool {
        self.foreign.iter().any(|table| table == PROJECTS)
    }

    /// Returns the model that is asked for a mock answer: a name that is one model, and the same one each time.
    pub(crate) fn model(&self) -> Option<&str> {
        self.models.iter().find(|name| !name.contains('*')).map(String::as_str)
    }
}

fn table(schema: &str, table: &str) -> TableName {
    TableName { schema: schema.to_owned(), table: table.to_owned() }
}

/// Asks for the migrations that were begun and never ended.
pub(crate) fn unfinished<O: Sql>(outside: &O, schema: &str) -> Result<Vec<Unended>, Failure> {
    prisma::unended(outside, DATABASE, schema)
}

/// Returns the query for the names of the models in the database.
pub(crate) fn models(schema: &str) -> String {
    format!(
        "SELECT DISTINCT m.model_name::text FROM {} m ORDER BY 1",
        table(schema, "LiteLLM_ProxyModelTable")
    )
}

/// Returns the query for the settings that are kept in the database.
pub(crate) fn settings(schema: &str) -> String {
    format!(
        "SELECT c.param_value::text FROM {} c WHERE c.param_name = 'litellm_settings'",
        table(schema, "LiteLLM_Config")
    )
}

fn callbacks<O: Sql>(outside: &O, schema: &str) -> Result<Vec<String>, Failure> {
    let row = answer::maybe_row(outside, DATABASE, &settings(schema), &[])?;
    let Some(row) = row else { return Ok(Vec::new()) };
    let parsed = row.maybe_text(0)?.and_then(|text| Json::parse(text.as_bytes()));
    let mut found = Vec::new();
    for name in ["success_callback", "callbacks"] {
        let items = parsed.as_ref().and_then(|it| it.get(name)).and_then(Json::items);
        found.extend(items.unwrap_or_default().iter().filter_map(Json::text).map(str::to_owned));
    }
    Ok(found)
}

/// Returns the query that counts the rows of spend of one request.
pub(crate) fn spent(schema: &str) -> String {
    format!("SELECT count(*) FROM {} s WHERE s.request_id = $1", table(schema, "LiteLLM_SpendLogs"))
}

/// Asks whether the spend of a request was written.
pub(crate) fn has_spend<O: Sql>(outside: &O, schema: &str, request: &str) -> Result<bool, Failure> {
    Ok(answer::row(outside, DATABASE, &spent(schema), &[request.into()])?.count(0)? > 0)
}

/// Returns the query that counts the rows of spend of the last so many minutes.
pub(crate) fn recent(schema: &str, minutes: u64) -> String {
    format!(
        "SELECT count(*) FROM {} s WHERE s.\"startTime\" > (now() AT TIME ZONE 'UTC') - interval '{minutes} minutes'",
        table(schema, "LiteLLM_SpendLogs")
    )
}
