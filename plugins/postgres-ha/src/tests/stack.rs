//! A stack that answers from memory.

use std::collections::BTreeMap;

use lockstep_sdk::outside::{Effects, Http, Railway};
use lockstep_sdk::{
    Backup, Deployment, DeploymentStatus, Fact, Failure, Job, Location, LogLine, Publication,
    Response, Service, Tally, Target, Template, Variable, VariableValue, Volume,
};

use super::in_place::Patroni;
use super::sql::Databases;
use crate::in_place::Templates;

pub(super) const URL: &str = "${{postgres.DATABASE_URL}}";

/// The URL of PgPool's service, as its template writes it.
const POOL: &str = "postgresql://${{PGPOOL_POSTGRES_USERNAME}}:${{PGPOOL_POSTGRES_PASSWORD}}@${{RAILWAY_PRIVATE_DOMAIN}}:5432/railway";

/// Returns a digest of one repeated digit.
pub(super) fn digest(digit: char) -> String {
    format!("sha256:{}", digit.to_string().repeat(64))
}

/// Everything that a plan can read.
#[derive(Clone, Debug)]
pub(super) struct Stack {
    pub(super) services: Vec<Service>,
    pub(super) variables: BTreeMap<String, Vec<(String, String)>>,
    pub(super) deployments: BTreeMap<String, Vec<Deployment>>,
    /// Deployments that effects of the run made.
    pub(super) made: BTreeMap<String, Deployment>,
    pub(super) staged: Vec<String>,
    /// Images that are gone from their registry.
    pub(super) unpublished: Vec<String>,
    pub(super) backups: Vec<Backup>,
    /// Where variables lead: `service.name` to host and path.
    pub(super) destinations: BTreeMap<String, (String, String)>,
    pub(super) http: u16,
    /// How the passwords of URLs are written, by `service.name`; `plain` where nothing is said.
    pub(super) passwords: BTreeMap<&'static str, &'static str>,
    /// What the job and coordinators write.
    pub(super) logs: Vec<&'static str>,
    /// What Railway makes of the server, and what its node says.
    pub(super) template: Option<Template>,
    /// The template of a cluster beside it.
    pub(super) beside: Option<Template>,
    pub(super) patroni: Patroni,
    /// Effects that began, and how they ended if not well.
    pub(super) began: BTreeMap<String, Option<Failure>>,
    /// What effects gave.
    pub(super) gave: Vec<(&'static str, Fact)>,
    /// Variables whose destination can't be told.
    pub(super) unseen: Vec<&'static str>,
    pub(super) databases: Databases,
}

impl Stack {
    /// Returns the stack of `stack.json` with a cluster beside it that nobody uses yet.
    pub(super) fn healthy() -> Self {
        let mut stack = Self {
            services: Vec::new(),
            variables: BTreeMap::new(),
            deployments: BTreeMap::new(),
            made: BTreeMap::new(),
            staged: Vec::new(),
            unpublished: Vec::new(),
            backups: Vec::new(),
            destinations: BTreeMap::new(),
            http: 200,
            passwords: BTreeMap::new(),
            logs: Vec::new(),
            template: Some(super::in_place::template()),
            beside: Some(super::beside::template()),
            patroni: Patroni::default(),
            began: BTreeMap::new(),
            gave: Vec::new(),
            unseen: Vec::new(),
            databases: Databases::default(),
        };
        stack.add("postgres", Some("ghcr.io/railwayapp-templates/postgres-ssl:16"), true, &[]);
        stack.add("litellm", Some("ghcr.io/berriai/litellm-database:main-stable"), false, &[]);
        stack.add("langfuse-web", Some("langfuse/langfuse:3"), false, &[]);
        stack.add("langfuse-worker", Some("langfuse/langfuse-worker:3"), false, &[]);
        stack.add("backup-service", None, false, &[]);
        stack.add("health-monitor", None, false, &[]);
        stack.add("redis", Some("redis:7.2"), true, &[("REDIS_PASSWORD", "***r")]);
        for node in ["pg-0", "pg-1", "pg-2"] {
            stack.add(node, Some("bitnamilegacy/postgresql-repmgr:16"), true, &[]);
        }
        let own = [
            ("PGPOOL_POSTGRES_PASSWORD", "***p"),
            ("PGPOOL_POSTGRES_USERNAME", "postgres"),
            ("DATABASE_URL", POOL),
        ];
        stack.add("pgpool", Some("bitnamilegacy/pgpool:4"), false, &own);
        stack.leads("pgpool", "DATABASE_URL", "pgpool.railway.internal");
        stack.set("postgres", "DATABASE_URL", "***u");
        stack.leads("postgres", "DATABASE_URL", "postgres.railway.internal");
        for client in
            ["litellm", "langfuse-web", "langfuse-worker", "backup-service", "health-monitor"]
        {
            stack.set(client, "DATABASE_URL", URL);
            stack.leads(client, "DATABASE_URL", "postgres.railway.internal");
        }
        stack
    }

    fn add(&mut self, name: &str, image: Option<&str>, volume: bool, variables: &[(&str, &str)]) {
        self.services.push(Service {
            name: name.to_owned(),
            image: image.map(str::to_owned),
            repository: image.is_none().then(|| format!("example/{name}")),
            volume: volume.then(|| Volume {
                name: format!("{name}-volume"),
                mount: "/var/lib/postgresql/data".to_owned(),
                size_mb: 5_000,
                used_mb: 400,
                extra: Vec::new(),
            }),
            settings: Vec::new(),
            extra: Vec::new(),
        });
        self.deployments.insert(name.to_owned(), vec![deployment("d1", digest('a'))]);
        for (variable, value) in variables {
            self.set(name, variable, value);
        }
    }

    /// Sets a variable; a value that begins with `***` is one that can't be seen.
    pub(super) fn set(&mut self, service: &str, name: &str, value: &str) {
        let variables = self.variables.entry(service.to_owned()).or_default();
        variables.retain(|(known, _)| known != name);
        variables.push((name.to_owned(), value.to_owned()));
    }

    /// Says how the password of a URL is written.
    pub(super) fn written(&mut self, place: &'static str, form: &'static str) {
        self.passwords.insert(place, form);
    }

    /// Gives PgPool's service a URL of its own with its password escaped.
    pub(super) fn escapes(&mut self) {
        self.set("pgpool", "DATABASE_URL", "***e");
        self.passwords.insert("pgpool.DATABASE_URL", "escaped");
    }

    /// Says where a variable leads.
    pub(super) fn leads(&mut self, service: &str, name: &str, host: &str) {
        let path = "/litellm_langfuse".to_owned();
        self.destinations.insert(format!("{service}.{name}"), (host.to_owned(), path));
    }

    pub(super) fn service(&mut self, name: &str) -> &mut Service {
        self.services.iter_mut().find(|service| service.name == name).expect("a service")
    }

    /// Says that an effect began and ended well.
    pub(super) fn began(mut self, label: &str) -> Self {
        self.began.insert(label.to_owned(), None);
        self
    }

    /// Says that an effect made a deployment that is up.
    pub(super) fn deployed(&mut self, label: &str) {
        self.made.insert(label.to_owned(), deployment(label, digest('a')));
        self.began.insert(label.to_owned(), None);
    }
}

pub(super) fn deployment(id: &str, digest: String) -> Deployment {
    Deployment {
        id: id.to_owned(),
        status: DeploymentStatus::Success,
        created: 1_000,
        changed: 13_000,
        image: None,
        digest: Some(digest),
        can_roll_back: true,
        extra: Vec::new(),
    }
}

pub(super) fn target(options: &[(&str, &str)]) -> Target {
    let own = |text: &str| text.to_owned();
    Target {
        component: "postgres-ha".to_owned(),
        environment: "lab".to_owned(),
        desired: None,
        options: options.iter().map(|(name, value)| (own(name), own(value))).collect(),
        now: 1_700_000_000_000,
        extra: Vec::new(),
    }
}

impl Railway for Stack {
    fn services(&self) -> Result<Vec<Service>, Failure> {
        Ok(self.services.clone())
    }

    fn variables(&self, service: &str) -> Result<Vec<Variable>, Failure> {
        let variables = self.variables.get(service).cloned().unwrap_or_default();
        let value = |value: String| match value.strip_prefix("***") {
            Some(print) => VariableValue::Masked(print.to_owned()),
            None => VariableValue::Shown(value),
        };
        Ok(variables
            .into_iter()
            .map(|(name, text)| Variable { name, value: value(text) })
            .collect())
    }

    fn destination(&self, service: &str, name: &str) -> Result<Option<Location>, Failure> {
        let place = format!("{service}.{name}");
        if self.unseen.contains(&place.as_str()) {
            return Err(Failure::permanently("railway:no-url", "it is no URL"));
        }
        let found = self.destinations.get(&place);
        let password = *self.passwords.get(place.as_str()).unwrap_or(&"plain");
        Ok(found.map(|(host, path)| Location {
            scheme: "postgresql".to_owned(),
            host: host.clone(),
            port: Some(5432),
            user: Some("postgres".to_owned()),
            path: path.clone(),
            extra: vec![("password".to_owned(), password.to_owned())],
        }))
    }

    fn deployments(&self, service: &str, _: u32) -> Result<Vec<Deployment>, Failure> {
        Ok(self.deployments.get(service).cloned().unwrap_or_default())
    }

    fn deployment_of(&self, label: &str) -> Result<Option<Deployment>, Failure> {
        Ok(self.made.get(label).cloned())
    }

    fn logs(&self, service: &str, _: u64, part: &str, _: u32) -> Result<Vec<LogLine>, Failure> {
        assert!(
            service == crate::job::SERVICE || service.starts_with("etcd-"),
            "nothing is read of {service}"
        );
        let lines = self.logs.iter().filter(|line| line.contains(part));
        let line = |line: &&str| LogLine { at: 0, severity: None, message: (*line).to_owned() };
        Ok(lines.map(line).collect())
    }

    fn traffic(&self, _: &str, _: u64, _: u64) -> Result<Tally, Failure> {
        Ok(Tally { requests: 0, failed: 0, extra: Vec::new() })
    }

    fn backups(&self, _: &str) -> Result<Vec<Backup>, Failure> {
        Ok(self.backups.clone())
    }

    fn staged(&self) -> Result<Vec<String>, Failure> {
        Ok(self.staged.clone())
    }

    fn published(&self, image: &str) -> Result<Option<Publication>, Failure> {
        let gone = self.unpublished.iter().any(|gone| image.starts_with(gone.as_str()));
        let digest = image.split_once('@').map_or_else(|| digest('c'), |(_, it)| it.to_owned());
        Ok((!gone).then_some(Publication { digest, extra: Vec::new() }))
    }
}

impl Templates for Stack {
    fn published_template(&self, code: &str) -> Result<Option<Template>, Failure> {
        let mut all = [&self.template, &self.beside].into_iter().flatten();
        Ok(all.find(|template| template.code == code).cloned())
    }
}

impl Http for Stack {
    fn get(&self, endpoint: &str, path: &str) -> Result<Response, Failure> {
        if endpoint == "patroni" {
            return self.patroni.answer(path);
        }
        Ok(Response { status: self.http, headers: Vec::new(), body: Vec::new() })
    }
}

impl Effects for Stack {
    fn progress(&self, label: &str) -> Result<Option<Job>, Failure> {
        let gave = self.gave.iter().filter(|(by, _)| *by == label).map(|(_, fact)| fact.clone());
        let facts = gave.collect();
        let job = Job { finished: true, done: 1, total: 1, note: String::new(), facts };
        match self.began.get(label) {
            None => Ok(None),
            Some(None) => Ok(Some(job)),
            Some(Some(failure)) => Err(failure.clone()),
        }
    }
}
