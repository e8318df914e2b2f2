//! What the far side has seen, asked of it directly: sessions, statements, commands, requests.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, NoTls};

use crate::stage::{Stage, block_on};

/// A session of the lab's PostgreSQL, as its administrator.
pub(crate) struct Postgres {
    client: Client,
    connection: JoinHandle<Result<(), tokio_postgres::Error>>,
    runtime: Runtime,
}

impl Postgres {
    pub(crate) fn of(stage: &Stage) -> Self {
        Self::named(stage, "test")
    }

    pub(crate) fn named(stage: &Stage, name: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let mut config: tokio_postgres::Config = stage.env("DATABASE_URL").parse().unwrap();
        config.application_name(name);
        let starting = |error: &tokio_postgres::Error| {
            error.as_db_error().is_none_or(|told| *told.code() == SqlState::CANNOT_CONNECT_NOW)
        };
        // A lab is up when its processes run; this one may still be at its recovery.
        let (client, connection) = poll(|| match runtime.block_on(config.connect(NoTls)) {
            Err(error) if starting(&error) => None,
            opened => Some(opened.unwrap()),
        });
        let connection = runtime.spawn(connection);
        Self { client, connection, runtime }
    }

    #[track_caller]
    pub(crate) fn run(&mut self, statements: &str) {
        self.runtime.block_on(self.client.batch_execute(statements)).unwrap();
    }

    #[track_caller]
    pub(crate) fn number(&mut self, query: &str) -> i64 {
        self.runtime.block_on(self.client.query_one(query, &[])).unwrap().get(0)
    }

    /// Returns whether the server has ended this session.
    pub(crate) fn is_gone(&mut self) -> bool {
        self.runtime.block_on(self.client.batch_execute("SELECT 1")).is_err()
            && self.runtime.block_on(&mut self.connection).is_ok()
    }

    /// Has the server write down every statement that reaches it.
    pub(crate) fn log_statements(&mut self) {
        self.run("ALTER SYSTEM SET log_statement = 'all'");
        self.run("SELECT pg_reload_conf()");
        let set =
            "SELECT count(*) FROM pg_settings WHERE name = 'log_statement' AND setting = 'all'";
        poll(|| (self.number(set) == 1).then_some(()));
    }

    /// Fails the test if one of these reached the server since it writes statements down.
    #[track_caller]
    pub(crate) fn never_heard(&mut self, stage: &Stage, statements: &[&str]) {
        self.run("SELECT 'heard so far'");
        let logs = logs(&stage.folder().join(".lockstep/lab"));
        let heard: Vec<&str> = logs
            .lines()
            .filter(|line| line.contains("statement: ") || line.contains("execute "))
            .collect();
        assert!(
            heard.iter().any(|line| line.contains("'heard so far'")),
            "statements are not written down: {logs}"
        );
        for statement in statements {
            let found = heard.iter().find(|line| line.contains(statement));
            assert!(found.is_none(), "it reached the server: {found:?}");
        }
    }
}

/// Returns everything that the lab's processes wrote.
pub(crate) fn logs(folder: &Path) -> String {
    let mut text = String::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            text.push_str(&logs(&path));
        } else if path.extension().is_some_and(|extension| extension == "log") {
            text.push_str(&String::from_utf8_lossy(&std::fs::read(path).unwrap()));
        }
    }
    text
}

/// Sends a command to the lab's Redis and returns its answer as text.
#[track_caller]
pub(crate) fn ask(stage: &Stage, words: &[&str]) -> String {
    let server = stage.redis();
    let url = format!("redis://:{}@{}:{}", server.password.unwrap(), server.address, server.port);
    block_on(async {
        let client = redis::Client::open(url).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        let mut command = redis::Cmd::new();
        for word in words {
            command.arg(word);
        }
        let answer: redis::Value = command.query_async(&mut connection).await.unwrap();
        redis::from_redis_value(answer.clone()).unwrap_or_else(|_| format!("{answer:?}"))
    })
}

/// Has Redis forget which commands it was sent.
pub(crate) fn forget_asked(stage: &Stage) {
    ask(stage, &["CONFIG", "RESETSTAT"]);
}

/// Returns the commands that Redis was sent since, refused ones included, as `cmdstat_NAME:…` lines.
#[track_caller]
pub(crate) fn asked_of_redis(stage: &Stage) -> String {
    // The second answer counts the first question, so something is always there to be seen.
    ask(stage, &["INFO", "commandstats"]);
    let asked = ask(stage, &["INFO", "commandstats"]);
    assert!(asked.contains("cmdstat_info:"), "{asked}");
    asked
}

/// Gets a path of the service at `address` and returns the body.
#[track_caller]
pub(crate) fn http(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect((address, 8080)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    // The body may come in chunks; what is asked for here is one JSON object.
    body.get(body.find('{').unwrap()..=body.rfind('}').unwrap()).unwrap().to_owned()
}

/// Sends a document to the lab's API, as somebody else would, and returns the answer.
#[track_caller]
pub(crate) fn graphql(
    stage: &Stage,
    document: &str,
    variables: &serde_json::Value,
) -> serde_json::Value {
    let (url, token) = (stage.env("RAILWAY_API_URL"), stage.env("RAILWAY_TOKEN"));
    lockstep_tests::api::graphql(&url, &token, document, variables)
}

/// Sets a variable of a service, as somebody else would; nothing is deployed.
#[track_caller]
pub(crate) fn variable(stage: &Stage, service: &str, name: &str, value: &str) {
    let id = stage.status().service(service).unwrap().id.clone();
    let input = serde_json::json!({
        "projectId": stage.env("RAILWAY_PROJECT_ID"), "environmentId": stage.env("RAILWAY_ENVIRONMENT_ID"),
        "serviceId": id, "name": name, "value": value, "skipDeploys": true,
    });
    let done = graphql(
        stage,
        "mutation($i:VariableUpsertInput!){variableUpsert(input:$i)}",
        &serde_json::json!({ "i": input }),
    );
    assert_eq!(done["data"]["variableUpsert"], true, "{done}");
}

/// Deploys a service as it is configured, as somebody does who has changed its variables.
#[track_caller]
pub(crate) fn deploy(stage: &Stage, service: &str) {
    let id = stage.status().service(service).unwrap().id.clone();
    let variables = serde_json::json!({ "s": id, "e": stage.env("RAILWAY_ENVIRONMENT_ID") });
    let document =
        "mutation($s:String!,$e:String!){serviceInstanceDeployV2(serviceId:$s,environmentId:$e)}";
    let done = graphql(stage, document, &variables);
    assert_eq!(done.get("errors"), None, "{done}");
}

/// What was changed at Railway, by what and at which service, and how often.
pub(crate) type Mutations = BTreeMap<(String, Option<String>), usize>;

/// Counts what was changed at Railway.
pub(crate) fn mutations(stage: &Stage) -> Mutations {
    let mut counts = BTreeMap::new();
    for mutation in stage.mutations() {
        *counts.entry((mutation.name, mutation.service)).or_insert(0) += 1;
    }
    counts
}

/// Waits until something is there.
#[track_caller]
pub(crate) fn poll<T>(look: impl FnMut() -> Option<T>) -> T {
    poll_for(90, look)
}

/// Waits so many seconds until something is there.
#[track_caller]
pub(crate) fn poll_for<T>(seconds: u32, mut look: impl FnMut() -> Option<T>) -> T {
    for _ in 0..seconds * 50 {
        if let Some(found) = look() {
            return found;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("it did not come within {seconds} s");
}
