//! A stack that answers from memory.

use std::ops::{Deref, DerefMut};

use lockstep_sdk::outside::Http;
use lockstep_sdk::testing::{
    self, Access, Declared, Environment, Scripted, Tapped, Tested, deployment, digest, location,
    volume,
};
use lockstep_sdk::{
    Draft, Fact, Failure, Location, Observation, Progress, Response, Sample, Service, StepCall,
    Target, Template,
};

use super::in_place::Patroni;
use super::sql::Databases;
use crate::in_place::Templates;
use crate::{check, job, observe, path, probe};

pub(super) const URL: &str = "${{postgres.DATABASE_URL}}";

/// The URL of PgPool's service, as its template writes it.
const POOL: &str = "postgresql://${{PGPOOL_POSTGRES_USERNAME}}:${{PGPOOL_POSTGRES_PASSWORD}}@${{RAILWAY_PRIVATE_DOMAIN}}:5432/railway";

/// Everything that a plan can read.
#[derive(Clone, Debug)]
pub(super) struct Stack {
    environment: Environment,
    pub(super) http: u16,
    /// What Railway makes of the server, and what its node says.
    pub(super) template: Option<Template>,
    /// The template of a cluster beside it.
    pub(super) beside: Option<Template>,
    pub(super) patroni: Patroni,
    pub(super) databases: Databases,
}

impl Stack {
    /// Returns the stack of `stack.json` with a cluster beside it that nobody uses yet.
    pub(super) fn healthy() -> Self {
        let mut stack = Self {
            environment: Environment::default(),
            http: 200,
            template: Some(super::in_place::template()),
            beside: Some(super::beside::template()),
            patroni: Patroni::default(),
            databases: Databases::default(),
        };
        stack.registry.others = Some(digest('c'));
        stack.wrote(&[]);
        stack.run("postgres", Some("ghcr.io/railwayapp-templates/postgres-ssl:16"), true, &[]);
        stack.run("litellm", Some("ghcr.io/berriai/litellm-database:main-stable"), false, &[]);
        stack.run("langfuse-web", Some("langfuse/langfuse:3"), false, &[]);
        stack.run("langfuse-worker", Some("langfuse/langfuse-worker:3"), false, &[]);
        stack.run("backup-service", None, false, &[]);
        stack.run("health-monitor", None, false, &[]);
        stack.run("redis", Some("redis:7.2"), true, &[("REDIS_PASSWORD", "***r")]);
        for node in ["pg-0", "pg-1", "pg-2"] {
            stack.run(node, Some("bitnamilegacy/postgresql-repmgr:16"), true, &[]);
        }
        let own = [
            ("PGPOOL_POSTGRES_PASSWORD", "***p"),
            ("PGPOOL_POSTGRES_USERNAME", "postgres"),
            ("DATABASE_URL", POOL),
        ];
        stack.run("pgpool", Some("bitnamilegacy/pgpool:4"), false, &own);
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

    fn run(&mut self, name: &str, image: Option<&str>, has_volume: bool, own: &[(&str, &str)]) {
        self.place(Service {
            name: name.to_owned(),
            image: image.map(str::to_owned),
            repository: image.is_none().then(|| format!("example/{name}")),
            volume: has_volume.then(|| volume(name, "/var/lib/postgresql/data")),
            settings: Vec::new(),
            extra: Vec::new(),
        });
        self.deployments.insert(name.to_owned(), vec![deployment("d1", digest('a'))]);
        for (variable, value) in own {
            self.set(name, variable, value);
        }
    }

    /// Takes every image away whose name begins like this.
    pub(super) fn withdraw(&mut self, image: &str) {
        self.registry.gone.push(image.to_owned());
    }

    /// Says what the job and coordinators wrote.
    pub(super) fn wrote(&mut self, lines: &[&str]) {
        for service in [job::SERVICE, "etcd-1", "etcd-2", "etcd-3"] {
            let lines = lines.iter().map(|line| (*line).to_owned()).collect();
            self.logs.insert(service.to_owned(), lines);
        }
    }

    /// Says how the password of a URL is written.
    pub(super) fn written(&mut self, place: &str, form: &str) {
        self.led(place).extra = vec![("password".to_owned(), form.to_owned())];
    }

    /// Gives PgPool's service a URL of its own with its password escaped.
    pub(super) fn escapes(&mut self) {
        self.set("pgpool", "DATABASE_URL", "***e");
        self.written("pgpool.DATABASE_URL", "escaped");
    }

    /// Says where a variable leads.
    pub(super) fn leads(&mut self, service: &str, name: &str, host: &str) {
        let at = location("postgresql", host, "/litellm_langfuse");
        let user = Some("postgres".to_owned());
        let extra = vec![("password".to_owned(), "plain".to_owned())];
        let to = Location { port: Some(5432), user, extra, ..at };
        self.environment.leads(service, name, to);
    }

    /// Returns where a variable leads, to be changed.
    #[track_caller]
    pub(super) fn led(&mut self, place: &str) -> &mut Location {
        self.destinations.get_mut(place).unwrap().as_mut().unwrap()
    }

    /// Lets nobody tell where a variable leads.
    pub(super) fn unseen(&mut self, place: &str) {
        let failure = Failure::permanently("railway:no-url", "it is no URL");
        self.destinations.insert(place.to_owned(), Err(failure));
    }

    /// Says that an effect began and ended well.
    pub(super) fn began(mut self, label: &str) -> Self {
        self.environment.began(label);
        self
    }

    /// Says that an effect made a deployment that is up.
    pub(super) fn deployed(&mut self, label: &str) {
        self.environment.deployed(label, deployment(label, digest('a')));
    }
}

pub(super) fn target(options: &[(&str, &str)]) -> Target {
    testing::target("postgres-ha", None, options)
}

impl Deref for Stack {
    type Target = Environment;

    fn deref(&self) -> &Environment {
        &self.environment
    }
}

impl DerefMut for Stack {
    fn deref_mut(&mut self) -> &mut Environment {
        &mut self.environment
    }
}

impl Scripted for Stack {
    fn environment(&self) -> &Environment {
        self
    }
}

impl Tested for Stack {
    fn plan(
        outside: &Tapped<'_, Self>,
        declared: &Declared,
        target: &Target,
    ) -> Result<Draft, Failure> {
        path::plan(outside, declared, target)
    }

    fn observe(
        outside: &Tapped<'_, Self>,
        call: &StepCall,
        memo: &[Fact],
    ) -> Result<Observation, Failure> {
        observe::observe(outside, call, memo)
    }

    fn check(
        outside: &Tapped<'_, Self>,
        call: &StepCall,
        memo: &[Fact],
    ) -> Result<Progress, Failure> {
        check::check(outside, call, memo)
    }

    fn probe(outside: &Tapped<'_, Self>, watch: &str, call: &StepCall) -> Result<Sample, Failure> {
        probe::probe(outside, watch, call)
    }
}

impl Templates for Stack {
    fn published_template(&self, code: &str) -> Result<Option<Template>, Failure> {
        let mut all = [&self.template, &self.beside].into_iter().flatten();
        Ok(all.find(|template| template.code == code).cloned())
    }
}

impl Templates for Tapped<'_, Stack> {
    fn published_template(&self, code: &str) -> Result<Option<Template>, Failure> {
        self.read(Access::railway("read", "*"), format!("the template `{code}`"))?;
        self.stack.published_template(code)
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
