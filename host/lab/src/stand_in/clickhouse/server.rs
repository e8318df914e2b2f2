//! ClickHouse's HTTP interface, and a port for its native one.

use std::{collections::HashMap, path::Path, sync::Arc};

use axum::{
    Router,
    extract::{Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::get,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use tokio::{
    io::AsyncReadExt,
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use super::{
    super::{
        Kind, StandInError,
        server::{self, Stop},
        settings::Settings,
    },
    engine::Engine,
    statement::{Refusal, Statement, statement},
};

/// The variable that tells the stand-in where its tables are to be kept.
pub(crate) const FOLDER_VARIABLE: &str = "LOCKSTEP_LAB_FOLDER";

const NATIVE_PORT: u16 = 9000;

struct Server {
    settings: Settings,
    engine: Engine,
    database: String,
}

/// Runs it until SIGTERM.
pub(crate) async fn run(settings: Settings, stop: Stop) -> Result<(), StandInError> {
    let database = settings.get("CLICKHOUSE_DB").unwrap_or("default").to_owned();
    let folder = settings.get(FOLDER_VARIABLE).map(Path::new);
    let engine = Engine::open(folder, &settings.version, &database);
    let engine =
        engine.map_err(|error| StandInError::refused(Kind::ClickHouse, &error.to_string()))?;
    let shared = Arc::new(Server { settings, engine, database });
    let routes = Router::new()
        .route("/", get(read).post(carry_out))
        .route("/ping", get(async || "Ok.\n"))
        .route("/replicas_status", get(async || "Ok.\n"))
        .with_state(Arc::clone(&shared));
    let native = format!("{}:{NATIVE_PORT}", shared.settings.address);
    let refused = |source| StandInError::Listen { address: native.clone(), source };
    let listener = TcpListener::bind(&native).await.map_err(refused)?;
    let (served, ()) =
        tokio::join!(server::serve(&shared.settings, routes, &stop), accept(listener, &stop));
    served
}

/// Accepts connections of the native protocol and answers nothing: what speaks it waits, and finds no data lost.
async fn accept(listener: TcpListener, stop: &Stop) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.wait() => return,
            Some(_ended) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(swallow(stream));
                }
                Err(error) => tracing::debug!(%error, "a native connection was not accepted"),
            },
        }
    }
}

async fn swallow(mut stream: TcpStream) {
    let mut bytes = [0; 1024];
    while let Ok(read) = stream.read(&mut bytes).await {
        if read == 0 {
            return;
        }
    }
}

async fn read(
    state: State<Arc<Server>>,
    parameters: Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    answer(&state, &parameters, &headers, "", Access::Read)
}

async fn carry_out(
    state: State<Arc<Server>>,
    parameters: Query<HashMap<String, String>>,
    headers: HeaderMap,
    body: String,
) -> Response {
    answer(&state, &parameters, &headers, &body, Access::Write)
}

/// What a request may do: one by GET changes nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    Read,
    Write,
}

fn answer(
    server: &Server,
    parameters: &HashMap<String, String>,
    headers: &HeaderMap,
    body: &str,
    access: Access,
) -> Response {
    let text = parameters.get("query").map(String::as_str).unwrap_or_default();
    let text = format!("{text}\n{body}");
    if text.trim().is_empty() {
        return "Ok.\n".into_response();
    }
    if !admitted(&server.settings, parameters, headers) {
        let reason =
            "Authentication failed: password is incorrect, or there is no user with such name.";
        return refusal(&Refusal::new(StatusCode::FORBIDDEN, 516, "AUTHENTICATION_FAILED", reason));
    }
    let given = |parameter: &str, header: &str| {
        let header = headers.get(header).and_then(|value| value.to_str().ok());
        parameters.get(parameter).map(String::as_str).or(header).map(str::to_owned)
    };
    let database = given("database", "x-clickhouse-database");
    let format = given("default_format", "x-clickhouse-format");
    server
        .answer(&text, database.as_deref(), format.as_deref(), access)
        .map_or_else(|refused| refusal(&refused), IntoResponse::into_response)
}

impl Server {
    fn answer(
        &self,
        text: &str,
        database: Option<&str>,
        format: Option<&str>,
        access: Access,
    ) -> Result<String, Refusal> {
        if let Some(other) = database.filter(|name| *name != self.database) {
            let reason = format!("Database {other} does not exist");
            return Err(Refusal::new(StatusCode::NOT_FOUND, 81, "UNKNOWN_DATABASE", &reason));
        }
        let statement = statement(text, &self.database)?;
        let Statement::Read { format: asked, .. } = &statement else {
            if access == Access::Read {
                let reason = "Cannot execute query in readonly mode. For queries over HTTP, method GET implies readonly.";
                return Err(Refusal::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    164,
                    "READONLY",
                    reason,
                ));
            }
            self.engine.carry_out(statement)?;
            return Ok(String::new());
        };
        let format = asked.clone().or(format.map(str::to_owned));
        let answer = self.engine.carry_out(statement)?;
        answer.written(format.as_deref().unwrap_or("TabSeparated"), self.engine.version())
    }
}

fn refusal(refused: &Refusal) -> Response {
    let Refusal { status, code, name, reason } = refused;
    let body = format!("Code: {code}. DB::Exception: {reason} ({name})\n");
    (*status, [("x-clickhouse-exception-code", code.to_string())], body).into_response()
}

/// Whether user and password, given in one of the three places, are those of the variables.
fn admitted(
    settings: &Settings,
    parameters: &HashMap<String, String>,
    headers: &HeaderMap,
) -> bool {
    let header =
        |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let basic = header("authorization").and_then(|value| {
        let decoded = STANDARD.decode(value.strip_prefix("Basic ")?).ok()?;
        let (user, password) = String::from_utf8(decoded)
            .ok()?
            .split_once(':')
            .map(|(a, b)| (a.to_owned(), b.to_owned()))?;
        Some((user, password))
    });
    let named = |user: Option<String>, password: Option<String>| {
        Some((user?, password.unwrap_or_default()))
    };
    let given = basic
        .or_else(|| named(header("x-clickhouse-user"), header("x-clickhouse-key")))
        .or_else(|| named(parameters.get("user").cloned(), parameters.get("password").cloned()))
        .unwrap_or_else(|| ("default".to_owned(), String::new()));
    let user = settings.get("CLICKHOUSE_USER").unwrap_or("default");
    let password = settings.get("CLICKHOUSE_PASSWORD").unwrap_or_default();
    given.0 == user && given.1 == password
}
