//! A stack that answers from memory.

use std::collections::BTreeMap;

use lockstep_sdk::outside::{Http, Railway, Redis, Sql};
use lockstep_sdk::{
    Backup, Deployment, DeploymentStatus, Failure, KeySummary, Location, LogLine, Node,
    Publication, Response, Rows, Service, Tally, Target, Value, Variable, VariableValue, Volume,
};

/// Returns a digest of one repeated digit.
pub(super) fn digest(digit: char) -> String {
    format!("sha256:{}", digit.to_string().repeat(64))
}

/// Everything that a plan can read.
#[derive(Clone, Debug)]
pub(super) struct Stack {
    pub(super) services: Vec<Service>,
    pub(super) variables: BTreeMap<String, Vec<Variable>>,
    pub(super) deployments: BTreeMap<String, Vec<Deployment>>,
    /// Images that are not there to pull.
    pub(super) gone: Vec<&'static str>,
    pub(super) staged: Vec<String>,
    pub(super) logs: Vec<&'static str>,
    /// Whether Langfuse's table is there, and its rows; or why it can't be read.
    pub(super) projects: Result<Option<i64>, Option<Failure>>,
    pub(super) policy: &'static str,
    pub(super) statuses: BTreeMap<&'static str, u16>,
    pub(super) backups: Vec<Backup>,
}

const IMAGES: [(&str, &str); 7] = [
    ("litellm", "ghcr.io/berriai/litellm-database:main-stable"),
    ("langfuse-web", "langfuse/langfuse:3"),
    ("langfuse-worker", "langfuse/langfuse-worker:3"),
    ("postgres", "ghcr.io/railwayapp-templates/postgres-ssl:16"),
    ("clickhouse", "clickhouse/clickhouse-server:24"),
    ("redis", "bitnami/redis:7.2"),
    ("minio", "minio/minio"),
];

impl Stack {
    /// The guide's file as it is written: LiteLLM and Langfuse never came up.
    pub(super) fn as_written() -> Self {
        let mut stack = Self::as_run();
        for (service, path) in [("litellm", "/health"), ("health-monitor", "/health?full=1")] {
            stack.setting(service, "healthcheck-path", path);
        }
        for service in ["litellm", "langfuse-web", "langfuse-worker", "health-monitor"] {
            stack.down(service);
        }
        for service in ["langfuse-web", "langfuse-worker"] {
            stack.unset(service, "CLICKHOUSE_CLUSTER_ENABLED");
        }
        stack.logs = vec!["ENCRYPTION_KEY must be 256 bits, 64 string characters in hex format"];
        stack
    }

    /// The same, mended by hand.
    pub(super) fn as_run() -> Self {
        let mut stack = Self {
            services: Vec::new(),
            variables: BTreeMap::new(),
            deployments: BTreeMap::new(),
            gone: Vec::new(),
            staged: Vec::new(),
            logs: Vec::new(),
            projects: Ok(None),
            policy: "noeviction",
            statuses: BTreeMap::new(),
            backups: Vec::new(),
        };
        for (name, image) in IMAGES {
            let keeps = !name.starts_with('l');
            stack.add(name, Some(image), keeps);
        }
        stack.add("backup-service", None, false);
        stack.add("health-monitor", None, false);
        stack.setting("litellm", "healthcheck-path", "/health/liveliness");
        stack.setting("health-monitor", "healthcheck-path", "/metrics");
        for service in ["langfuse-web", "langfuse-worker"] {
            stack.set(service, "CLICKHOUSE_CLUSTER_ENABLED", shown("false"));
            stack.set(service, "CLICKHOUSE_URL", shown("${{clickhouse.CLICKHOUSE_HTTP_URL}}"));
        }
        stack.set("langfuse-web", "ENCRYPTION_KEY", VariableValue::Masked("f".to_owned()));
        stack.set("redis", "REDIS_MAXMEMORY_POLICY", shown("allkeys-lru"));
        stack.statuses = [
            ("litellm", 200),
            ("langfuse-web", 200),
            ("langfuse-worker", 200),
            ("health-monitor", 200),
            ("backup-service", 200),
            ("minio", 403),
        ]
        .into();
        stack
    }

    /// The stack after the plan.
    pub(super) fn safe() -> Self {
        let mut stack = Self::as_run();
        for (name, image) in IMAGES {
            let image = image.replace("bitnami/", "bitnamilegacy/");
            stack.service(name).image = Some(format!("{image}@{}", digest('a')));
            let (draining, overlap) = match name {
                "litellm" => ("60", "30"),
                "langfuse-web" => ("120", "10"),
                _ => ("90", "0"),
            };
            stack.setting(name, "draining-seconds", draining);
            stack.setting(name, "overlap-seconds", overlap);
        }
        stack.set("redis", "REDIS_MAXMEMORY_POLICY", shown("noeviction"));
        stack
    }

    fn add(&mut self, name: &str, image: Option<&str>, keeps: bool) {
        self.services.push(Service {
            name: name.to_owned(),
            image: image.map(str::to_owned),
            repository: image.is_none().then(|| "somebody/stack".to_owned()),
            volume: keeps.then(|| Volume {
                name: format!("{name}-volume"),
                mount: "/data".to_owned(),
                size_mb: 5_000,
                used_mb: 400,
                extra: Vec::new(),
            }),
            settings: Vec::new(),
            extra: Vec::new(),
        });
        self.deployments.insert(name.to_owned(), vec![deployment(DeploymentStatus::Success)]);
    }

    pub(super) fn service(&mut self, name: &str) -> &mut Service {
        self.services.iter_mut().find(|service| service.name == name).unwrap()
    }

    pub(super) fn setting(&mut self, service: &str, name: &str, value: &str) {
        let settings = &mut self.service(service).settings;
        settings.retain(|(known, _)| known != name);
        settings.push((name.to_owned(), value.to_owned()));
    }

    pub(super) fn set(&mut self, service: &str, name: &str, value: VariableValue) {
        self.unset(service, name);
        let variables = self.variables.entry(service.to_owned()).or_default();
        variables.push(Variable { name: name.to_owned(), value });
    }

    pub(super) fn unset(&mut self, service: &str, name: &str) {
        let variables = self.variables.entry(service.to_owned()).or_default();
        variables.retain(|variable| variable.name != name);
    }

    /// Nothing of it runs.
    pub(super) fn down(&mut self, service: &str) {
        let failed = deployment(DeploymentStatus::Failed("never healthy".to_owned()));
        self.deployments.insert(service.to_owned(), vec![failed]);
    }
}

pub(super) fn shown(text: &str) -> VariableValue {
    VariableValue::Shown(text.to_owned())
}

pub(super) fn denied() -> Failure {
    Failure::Denied(Failure::permanently("grant", "not granted").problem().clone())
}

fn deployment(status: DeploymentStatus) -> Deployment {
    Deployment {
        id: "d".to_owned(),
        status,
        created: 1_000,
        changed: 3_000,
        image: None,
        digest: Some(digest('a')),
        can_roll_back: true,
        extra: Vec::new(),
    }
}

/// What is planned for.
pub(super) fn target(options: &[(&str, &str)]) -> Target {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Target {
        component: "repair".to_owned(),
        environment: "lab".to_owned(),
        desired: None,
        options: options.iter().map(own).collect(),
        now: 1_700_000_000_000,
        extra: Vec::new(),
    }
}

impl Railway for Stack {
    fn services(&self) -> Result<Vec<Service>, Failure> {
        Ok(self.services.clone())
    }

    fn variables(&self, service: &str) -> Result<Vec<Variable>, Failure> {
        Ok(self.variables.get(service).cloned().unwrap_or_default())
    }

    fn destination(&self, _: &str, _: &str) -> Result<Option<Location>, Failure> {
        Ok(Some(Location {
            scheme: "postgresql".to_owned(),
            host: "postgres.railway.internal".to_owned(),
            port: Some(5432),
            user: Some("postgres".to_owned()),
            path: "/litellm_langfuse".to_owned(),
            extra: Vec::new(),
        }))
    }

    fn deployments(&self, service: &str, _: u32) -> Result<Vec<Deployment>, Failure> {
        Ok(self.deployments.get(service).cloned().unwrap_or_default())
    }

    fn deployment_of(&self, _: &str) -> Result<Option<Deployment>, Failure> {
        Ok(None)
    }

    fn logs(&self, service: &str, _: u64, filter: &str, _: u32) -> Result<Vec<LogLine>, Failure> {
        let line =
            |message: &&str| LogLine { at: 1, severity: None, message: (*message).to_owned() };
        let own = self.logs.iter().filter(|it| service == "langfuse-web" && it.contains(filter));
        Ok(own.map(line).collect())
    }

    fn traffic(&self, _: &str, _: u64, _: u64) -> Result<Tally, Failure> {
        Err(denied())
    }

    fn backups(&self, _: &str) -> Result<Vec<Backup>, Failure> {
        Ok(self.backups.clone())
    }

    fn staged(&self) -> Result<Vec<String>, Failure> {
        Ok(self.staged.clone())
    }

    fn published(&self, image: &str) -> Result<Option<Publication>, Failure> {
        let is_there = !self.gone.iter().any(|gone| image.starts_with(gone));
        Ok(is_there.then(|| Publication { digest: digest('a'), extra: Vec::new() }))
    }
}

impl Sql for Stack {
    fn query(&self, _: &str, statement: &str, _: &[Value]) -> Result<Rows, Failure> {
        if statement.contains("current_database") {
            let name = Value::from("litellm_langfuse");
            return Ok(Rows { columns: vec!["name".to_owned()], rows: vec![vec![name]] });
        }
        if statement.contains("<> $2") {
            let none = vec![vec![Value::Integer(0)]];
            return Ok(Rows { columns: vec!["count".to_owned()], rows: none });
        }
        let of_catalogue = statement.contains("pg_tables");
        let count = match &self.projects {
            Ok(rows) if of_catalogue => i64::from(rows.is_some()),
            Ok(rows) => rows.unwrap_or_default(),
            Err(failure) => return Err(failure.clone().unwrap_or_else(denied)),
        };
        Ok(Rows { columns: vec!["count".to_owned()], rows: vec![vec![Value::Integer(count)]] })
    }
}

impl Redis for Stack {
    fn command(&self, _: &str, _: &[&str]) -> Result<Vec<Node>, Failure> {
        let text = |word: &str| Node::Text(word.as_bytes().to_vec());
        Ok(vec![Node::Array(2), text("maxmemory-policy"), text(self.policy)])
    }

    fn keyspace(&self, _: &str, _: u32, _: bool) -> Result<KeySummary, Failure> {
        Err(denied())
    }
}

impl Http for Stack {
    fn get(&self, endpoint: &str, _: &str) -> Result<Response, Failure> {
        let refused = || Failure::transiently("http:connection", "nobody listens");
        let status = *self.statuses.get(endpoint).ok_or_else(refused)?;
        let body = r#"{"backup_state":{"last_status":"success","last_backup":"today"}}"#;
        Ok(Response { status, headers: Vec::new(), body: body.as_bytes().to_vec() })
    }
}
