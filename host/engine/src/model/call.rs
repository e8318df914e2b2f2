//! What a plugin asks of the host while one of its functions runs, and what it is answered.

use serde::{Deserialize, Serialize};

use super::effect::{Argument, Effect, ServiceRef};
use super::fact::{Fact, Value};
use super::failure::{Failure, Problem};
use super::name::Label;
use super::railway::{
    Backup, Deployment, Location, LogLine, Published, Service, Tally, Template, Variable,
};
use super::redis::{Keyspace, Node};
use super::time::Moment;

/// A request that reads over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// A granted endpoint's name.
    pub endpoint: String,
    /// Path and query, percent-encoded, starting with `/`.
    pub path: String,
    /// Headers.
    pub headers: Vec<(String, String)>,
}

/// The two methods that may read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpMethod {
    /// With a body.
    Get,
    /// Without one.
    Head,
}

/// An HTTP answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    #[serde(with = "super::wire::bytes")]
    pub body: Vec<u8>,
}

/// Rows of a database's answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rows {
    /// Names of the columns.
    pub columns: Vec<String>,
    /// The rows.
    pub rows: Vec<Vec<Value>>,
}

/// How far a job is.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Whether it is over.
    pub finished: bool,
    /// How much is done.
    pub done: u64,
    /// Of how much.
    pub total: u64,
    /// In words.
    pub note: String,
    /// What it gave so far.
    pub facts: Vec<Fact>,
}

/// One read of the outside.
#[derive(Clone, Debug, PartialEq)]
pub enum Read {
    /// The environment's services.
    Services,
    /// One service's variables.
    Variables(ServiceRef),
    /// Where a rendered variable leads.
    Destination(ServiceRef, String),
    /// A service's deployments, newest first, at most so many.
    Deployments(ServiceRef, u32),
    /// One deployment by Railway's id. Plugins name an effect instead; the engine puts in the id.
    Deployment(String),
    /// A service's log lines since a moment that hold a text, at most so many.
    Logs(ServiceRef, Moment, String, u32),
    /// A service's answered HTTP requests between two moments.
    Traffic(ServiceRef, Moment, Moment),
    /// Backups of a service's volume, newest first.
    Backups(ServiceRef),
    /// What is staged and not committed.
    Staged,
    /// What an image resolves to in its registry.
    Published(String),
    /// The template of this code.
    Template(String),
    /// One Redis command.
    Redis(String, Vec<Vec<u8>>),
    /// All keys of a Redis server: connection, sample size, whether to hash every value.
    Keyspace(String, u32, bool),
    /// One SQL query: connection, statement, parameters.
    Sql(String, String, Vec<Value>),
    /// One HTTP request.
    Http(HttpMethod, Request),
}

/// The answer to a [`Read`], in the same order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reading {
    /// To `Services`.
    Services(Vec<Service>),
    /// To `Variables`.
    Variables(Vec<Variable>),
    /// To `Destination`; none when it renders to nothing.
    Destination(Option<Location>),
    /// To `Deployments`.
    Deployments(Vec<Deployment>),
    /// To `Deployment`.
    Deployment(Option<Deployment>),
    /// To `Logs`.
    Logs(Vec<LogLine>),
    /// To `Traffic`.
    Traffic(Tally),
    /// To `Backups`.
    Backups(Vec<Backup>),
    /// To `Staged`, one line of words each.
    Staged(Vec<String>),
    /// To `Published`; none when it can't be pulled.
    Published(Option<Published>),
    /// To `Template`; none when there is none.
    Template(Option<Template>),
    /// To `Redis`.
    Redis(Vec<Node>),
    /// To `Keyspace`.
    Keyspace(Keyspace),
    /// To `Sql`.
    Sql(Rows),
    /// To `Http`.
    Http(Response),
}

/// How loud a plugin's line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// For its author.
    Debug,
    /// For whoever looks closely.
    Info,
    /// For everybody.
    Warn,
}

/// What a plugin asks of the host.
#[derive(Clone, Debug, PartialEq)]
pub enum Call {
    /// Read something.
    Read(Read),
    /// Read the deployment that an effect of this run made.
    DeploymentOf(Label),
    /// Declare an effect; sends nothing.
    Declare(Effect),
    /// Perform a declared effect.
    Perform(Label, Vec<Argument>),
    /// Ask how far a performed effect is.
    Progress(Label),
    /// Say something to people.
    Log(Level, String),
}

/// What the host answers, in the same order.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// To `Read` and `DeploymentOf`.
    Read(Result<Reading, Failure>),
    /// To `Declare`.
    Declared(Result<(), Failure>),
    /// To `Perform`.
    Performed(Result<Vec<Fact>, Failure>),
    /// To `Progress`.
    Progressed(Result<Option<Job>, Failure>),
    /// To `Log`.
    Logged,
}

impl Call {
    /// Returns what is called, and the label that it names. Nothing else of a plugin's text is in it.
    pub fn words(&self) -> String {
        match self {
            Self::Read(_) => "read".to_owned(),
            Self::DeploymentOf(label) => format!("read the deployment of `{label}`"),
            Self::Declare(effect) => format!("declare `{}`", effect.label),
            Self::Perform(label, _) => format!("perform `{label}`"),
            Self::Progress(label) => format!("ask for the progress of `{label}`"),
            Self::Log(..) => "log".to_owned(),
        }
    }
}

impl Answer {
    /// Returns what the host did not allow, if that is the answer.
    pub fn denied(&self) -> Option<&Problem> {
        let failure = match self {
            Self::Read(answer) => answer.as_ref().err(),
            Self::Declared(answer) => answer.as_ref().err(),
            Self::Performed(answer) => answer.as_ref().err(),
            Self::Progressed(answer) => answer.as_ref().err(),
            Self::Logged => None,
        };
        match failure? {
            Failure::Denied(problem) => Some(problem),
            Failure::Transient(_) | Failure::Permanent(_) => None,
        }
    }
}
