//! What PostgreSQL, ClickHouse, Redis and the services answer, from memory.

use lockstep_sdk::blocks::prisma;
use lockstep_sdk::outside::{Http, Redis, Sql};
use lockstep_sdk::{Failure, KeySummary, Node, Response, Rows, Value};

use super::stack::Stack;
use crate::background::{self, Migration};
use crate::clickhouse::{self, path};
use crate::{database, web};

/// What the services answer.
#[derive(Clone, Debug)]
pub(crate) struct Answers {
    pub(crate) version: &'static str,
    pub(crate) health: u16,
    pub(crate) ready: u16,
    pub(crate) worker: u16,
    pub(crate) storage: u16,
    /// What is answered to who asks whose the keys are.
    pub(crate) keys: u16,
    /// Traces that can be read.
    pub(crate) traces: Vec<String>,
    pub(crate) releases: (u16, String),
    /// Why the web service does not answer.
    pub(crate) down: Option<Failure>,
}

impl Answers {
    pub(crate) fn of(version: &'static str) -> Self {
        let tags =
            ["v4.16.0", "v3.225.4", "v3.226.0-rc.1", "v3.170.0", "v3.50.0", "v3.29.0", "v2.95.11"];
        Self {
            version,
            health: 200,
            ready: 200,
            worker: 200,
            storage: 200,
            keys: 200,
            traces: Vec::new(),
            releases: (200, releases(&tags)),
            down: None,
        }
    }
}

/// Returns a page of releases.
pub(crate) fn releases(tags: &[&str]) -> String {
    let one = |tag: &&str| {
        let early = tag.contains("rc");
        format!(
            r###"{{"tag_name":"{tag}","published_at":"2026-01-02T00:00:00Z","prerelease":{early},"body":"## {tag}\nBREAKING: keys of {tag}"}}"###
        )
    };
    format!("[{}]", tags.iter().map(one).collect::<Vec<_>>().join(","))
}

/// What the databases hold.
#[derive(Clone, Debug)]
pub(crate) struct Databases {
    pub(crate) homes: Vec<&'static str>,
    pub(crate) server: u64,
    /// Tables and their columns.
    pub(crate) tables: Vec<(&'static str, &'static str)>,
    pub(crate) unended: Vec<(&'static str, &'static str)>,
    pub(crate) background: Vec<Migration>,
    /// Rows of every table of version 2.
    pub(crate) legacy: u64,
    pub(crate) clickhouse: &'static str,
    pub(crate) timezone: &'static str,
    /// Where ClickHouse's history stands.
    pub(crate) history: Option<(u64, u64)>,
    /// Tables of ClickHouse and their columns, a line each.
    pub(crate) columns: Vec<(&'static str, &'static str)>,
    /// Rows of every table of ClickHouse.
    pub(crate) rows: u64,
    pub(crate) redis: &'static str,
    pub(crate) policy: &'static str,
    /// Why PostgreSQL does not answer.
    pub(crate) down: Option<Failure>,
    /// What ClickHouse answers instead of everything.
    pub(crate) error: Option<(u16, &'static str)>,
}

impl Default for Databases {
    fn default() -> Self {
        Self {
            homes: vec!["public"],
            server: 160_004,
            tables: vec![
                ("LiteLLM_VerificationToken", "token!"),
                ("_prisma_migrations", "id!,migration_name!"),
                ("background_migrations", "id!,name!"),
                ("observations", "id!"),
                ("projects", "id!,name!"),
                ("prompts", "id!,is_active,name!"),
                ("scores", "id!"),
                ("traces", "id!"),
            ],
            unended: Vec::new(),
            background: vec![
                finished("20241024_1730_migrate_traces_from_pg_to_ch"),
                finished("20241024_1737_migrate_observations_from_pg_to_ch"),
                finished("20241024_1738_migrate_scores_from_pg_to_ch"),
            ],
            legacy: 900,
            clickhouse: "24.8.4.13",
            timezone: "UTC",
            history: Some((34, 0)),
            columns: vec![
                ("observations", "id"),
                ("scores", "id"),
                ("traces", "id"),
                ("traces", "name"),
            ],
            rows: 1_000,
            redis: "7.2.4",
            policy: "noeviction",
            down: None,
            error: None,
        }
    }
}

/// Returns a migration in the background that ended well.
pub(crate) fn finished(name: &str) -> Migration {
    Migration { finished: true, ..background::tests::migration(name) }
}

impl Databases {
    /// Lets a web service have migrated both, and something be left for the background.
    pub(crate) fn migrated(&mut self) {
        self.tables.push(("sessions", "id!"));
        self.columns.push(("traces", "session_id"));
        self.history = Some((37, 0));
    }

    fn answer(&self, statement: &str, parameters: &[Value]) -> Vec<Vec<Value>> {
        let schema = self.homes.first().copied().unwrap_or("public");
        let texts = |texts: &[&str]| texts.iter().map(|it| vec![Value::from(*it)]).collect();
        let pairs = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(one, other)| vec![Value::from(*one), Value::from(*other)]).collect()
        };
        if statement == database::HOME {
            assert_eq!(parameters, [Value::from("projects")]);
            texts(&self.homes)
        } else if statement == database::SERVER {
            vec![vec![self.server.into(), "litellm_langfuse".into()]]
        } else if statement == database::COLUMNS {
            assert_eq!(parameters, [Value::from(schema)]);
            pairs(&self.tables)
        } else if statement == prisma::unended_query(schema) {
            pairs(&self.unended)
        } else if statement == background::listed(schema) {
            let row = |it: &Migration| {
                vec![
                    it.name.as_str().into(),
                    it.state.as_str().into(),
                    it.finished.into(),
                    it.failed.as_deref().map(str::to_owned).into(),
                    it.beat.into(),
                    it.gate.clone().into(),
                ]
            };
            self.background.iter().map(row).collect()
        } else if database::DROPPED.iter().any(|(it, _)| statement == database::counted(schema, it))
        {
            vec![vec![self.legacy.into()]]
        } else {
            panic!("{statement} is not scripted")
        }
    }

    fn asked(&self, asked: &str) -> (u16, String) {
        let is = |query: &str| asked == path(query, "default");
        if let Some((status, text)) = self.error {
            return (status, text.to_owned());
        }
        let body = if is(clickhouse::SERVER) {
            format!("{}\t{}\n", self.clickhouse, self.timezone)
        } else if is(clickhouse::HAS_HISTORY) {
            format!("{}\n", u8::from(self.history.is_some()))
        } else if is(clickhouse::HISTORY) {
            self.history.map(|(version, dirty)| format!("{version}\t{dirty}\n")).unwrap_or_default()
        } else if is(clickhouse::COLUMNS) {
            self.columns.iter().map(|(table, name)| format!("{table}\t{name}\n")).collect()
        } else if database::DROPPED.iter().any(|(_, it)| is(&clickhouse::counted(it))) {
            format!("{}\n", self.rows)
        } else {
            panic!("{asked} is not scripted")
        };
        (200, body)
    }
}

impl Sql for Stack {
    fn query(
        &self,
        connection: &str,
        statement: &str,
        parameters: &[Value],
    ) -> Result<Rows, Failure> {
        assert_eq!(connection, "postgres");
        match &self.databases.down {
            Some(failure) => Err(failure.clone()),
            None => {
                let rows = self.databases.answer(statement, parameters);
                Ok(Rows { columns: Vec::new(), rows })
            }
        }
    }
}

impl Redis for Stack {
    fn command(&self, connection: &str, words: &[&str]) -> Result<Vec<Node>, Failure> {
        assert_eq!(connection, "redis");
        let text = |text: &str| Node::Text(text.as_bytes().to_vec());
        Ok(match words {
            ["INFO", "server"] => {
                vec![text(&format!("# Server\r\nredis_version:{}\r\n", self.databases.redis))]
            }
            ["PING"] => vec![text("PONG")],
            ["CONFIG", "GET", "maxmemory-policy"] => {
                vec![Node::Array(2), text("maxmemory-policy"), text(self.databases.policy)]
            }
            other => panic!("{other:?} is not scripted"),
        })
    }

    fn keyspace(&self, _: &str, _: u32, _: bool) -> Result<KeySummary, Failure> {
        panic!("nothing looks at keys")
    }
}

impl Http for Stack {
    fn get(&self, endpoint: &str, path: &str) -> Result<Response, Failure> {
        let answers = &self.answers;
        if let Some(failure) = answers.down.clone().filter(|_| endpoint.starts_with("langfuse-web"))
        {
            return Err(failure);
        }
        let (status, body) = match (endpoint, path) {
            ("langfuse-web", web::HEALTH) => {
                (answers.health, format!(r#"{{"status":"OK","version":"{}"}}"#, answers.version))
            }
            ("langfuse-web", web::READY) => (answers.ready, String::new()),
            ("langfuse-worker", web::WORKER_HEALTH) => (answers.worker, String::new()),
            ("minio", web::STORAGE_READY) => (answers.storage, String::new()),
            ("langfuse-api", web::PROJECTS) => (answers.keys, String::new()),
            ("langfuse-api", path) => {
                let id = path.strip_prefix(web::TRACES).expect("a trace");
                if answers.traces.iter().any(|it| it == id) {
                    (200, format!(r#"{{"id":"{id}","name":"lockstep"}}"#))
                } else {
                    (404, r#"{"error":"LangfuseNotFoundError"}"#.to_owned())
                }
            }
            ("clickhouse-sql", path) => self.databases.asked(path),
            ("releases", "/repos/langfuse/langfuse/releases?per_page=30&page=1") => {
                answers.releases.clone()
            }
            other => panic!("{other:?} is not scripted"),
        };
        Ok(Response { status, headers: Vec::new(), body: body.into_bytes() })
    }
}
