//! What the database and its copy answer, from memory.

use lockstep_sdk::blocks::prisma;
use lockstep_sdk::outside::Sql;
use lockstep_sdk::{Failure, Rows, Value};

use super::stack::Stack;
use crate::names::{DATABASE, SCRATCH_DATABASE};
use crate::{catalogue, check, database, statements};

/// One object of a database, as the query tells it.
pub(crate) type Object = (&'static str, &'static str, &'static str, &'static str, bool);

/// Everything that the connections answer.
#[derive(Clone, Debug)]
pub(crate) struct Databases {
    pub(crate) homes: Vec<&'static str>,
    /// Superuser, dblink, history, rehearsal, notes.
    pub(crate) truths: [bool; 5],
    pub(crate) foreign: Vec<&'static str>,
    pub(crate) spend: Option<(u64, u64)>,
    pub(crate) models: Vec<&'static str>,
    pub(crate) settings: Option<&'static str>,
    pub(crate) objects: Vec<Object>,
    pub(crate) copied: Vec<Object>,
    pub(crate) ended: Vec<&'static str>,
    pub(crate) copied_ended: Vec<&'static str>,
    pub(crate) unended: Vec<(&'static str, &'static str)>,
    pub(crate) copied_unended: Vec<(&'static str, &'static str)>,
    /// Requests whose spend was written.
    pub(crate) spent: Vec<&'static str>,
    /// Rows of spend of the last minutes.
    pub(crate) recent: u64,
    pub(crate) down: Option<Failure>,
}

pub(crate) const SUPERUSER: usize = 0;
pub(crate) const CARRIES: usize = 1;
pub(crate) const HISTORY: usize = 2;
pub(crate) const REHEARSAL: usize = 3;
pub(crate) const NOTES: usize = 4;

/// What is in the database before anything is done to it.
pub(crate) const OBJECTS: [Object; 6] = [
    ("table", "LiteLLM_SpendLogs", "", "r", false),
    ("column", "LiteLLM_SpendLogs", "request_id", "text", true),
    ("index", "LiteLLM_SpendLogs", "spend_by_day", "CREATE UNIQUE INDEX", true),
    ("table", "_prisma_migrations", "", "r", false),
    ("table", "projects", "", "r", false),
    ("column", "projects", "id", "text", true),
];

impl Default for Databases {
    fn default() -> Self {
        Self {
            homes: vec!["public"],
            truths: [true, true, true, false, false],
            foreign: vec!["media", "projects"],
            spend: Some((4 << 20, 900)),
            models: vec!["claude", "gpt-4o"],
            settings: None,
            objects: OBJECTS.to_vec(),
            copied: OBJECTS.to_vec(),
            ended: vec!["20230518_init", "20250326_baseline"],
            copied_ended: vec!["20230518_init", "20250326_baseline"],
            unended: Vec::new(),
            copied_unended: Vec::new(),
            spent: Vec::new(),
            recent: 0,
            down: None,
        }
    }
}

impl Databases {
    /// Lets the migration add a column to the copy.
    pub(crate) fn rehearsed(&mut self) {
        self.copied.push(("column", "LiteLLM_SpendLogs", "agent_id", "text", false));
        self.copied_ended.push("20260101_agents");
    }

    /// Lets the database become what the copy is.
    pub(crate) fn migrated(&mut self) {
        self.objects = self.copied.clone();
        self.ended = self.copied_ended.clone();
    }

    fn answer(&self, connection: &str, statement: &str, parameters: &[Value]) -> Vec<Vec<Value>> {
        let copy = connection == SCRATCH_DATABASE;
        assert!(copy || connection == DATABASE, "{connection}");
        let schema = self.homes.first().copied().unwrap_or("public");
        let texts = |texts: &[&str]| texts.iter().map(|it| vec![Value::from(*it)]).collect();
        let count = |count: u64| vec![vec![Value::from(count)]];
        let pairs = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(one, other)| vec![Value::from(*one), Value::from(*other)]).collect()
        };
        let is = |known: String| statement == known;
        if statement == database::HOME {
            texts(&self.homes)
        } else if statement == database::SERVER {
            let text = ["litellm_langfuse", "UTF8", "C", "C"].map(Value::from);
            let truths = self.truths.map(Value::from);
            vec![text.into_iter().chain(truths).chain([Value::from("postgres")]).collect()]
        } else if statement == database::FOREIGN {
            texts(&self.foreign)
        } else if statement == database::SPEND {
            self.spend.iter().map(|(bytes, rows)| vec![(*bytes).into(), (*rows).into()]).collect()
        } else if is(database::models(schema)) {
            texts(&self.models)
        } else if is(database::settings(schema)) {
            texts(&self.settings.into_iter().collect::<Vec<_>>())
        } else if is(prisma::unended_query(schema)) {
            pairs(if copy { &self.copied_unended } else { &self.unended })
        } else if is(prisma::ended_query(schema)) {
            texts(if copy { &self.copied_ended } else { &self.ended })
        } else if is(database::spent(schema)) {
            let request = parameters.first().and_then(Value::as_text).expect("a request");
            count(self.spent.iter().filter(|it| **it == request).count() as u64)
        } else if is(database::recent(schema, 15)) {
            count(self.recent)
        } else if statement == catalogue::OBJECTS {
            let objects = if copy { &self.copied } else { &self.objects };
            let row = |(kind, owner, name, definition, strict): &Object| {
                let text = [*kind, "public", owner, name, definition].map(Value::from);
                text.into_iter().chain([Value::from(*strict)]).collect()
            };
            objects.iter().map(row).collect()
        } else if is(statements::there(">")) {
            vec![vec![self.truths[REHEARSAL].into()]]
        } else if is(statements::there("=")) {
            vec![vec![(!self.truths[REHEARSAL]).into()]]
        } else if is(check::job::noted()) {
            vec![vec![self.truths[NOTES].into()]]
        } else {
            panic!("{statement} is not scripted")
        }
    }
}

impl Sql for Stack {
    fn query(
        &self,
        connection: &str,
        statement: &str,
        parameters: &[Value],
    ) -> Result<Rows, Failure> {
        if let Some(failure) = &self.databases.down {
            return Err(failure.clone());
        }
        let rows = self.databases.answer(connection, statement, parameters);
        Ok(Rows { columns: Vec::new(), rows })
    }
}
