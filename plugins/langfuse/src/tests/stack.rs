//! A stack that answers from memory.

use std::ops::{Deref, DerefMut};

use lockstep_sdk::testing::{
    self, Declared, Environment, Scripted, Tapped, Tested, digest, location, volume,
};
use lockstep_sdk::{
    Deployment, DeploymentStatus, Draft, Fact, Failure, Observation, Progress, Sample, StepCall,
    Target,
};

use super::servers::{Answers, Databases};
use crate::{check, observe, path, probe};

/// Everything that a plan can read.
#[derive(Clone, Debug)]
pub(crate) struct Stack {
    environment: Environment,
    pub(crate) answers: Answers,
    pub(crate) databases: Databases,
}

const WEB: &str = "langfuse/langfuse";
const WORKER: &str = "langfuse/langfuse-worker";

/// Variables of the web service; those of the worker refer to it or say the same.
const VARIABLES: [(&str, &str); 13] = [
    ("DATABASE_URL", "${{postgres.DATABASE_URL}}"),
    ("NEXTAUTH_URL", "https://${{langfuse-web.RAILWAY_PUBLIC_DOMAIN}}"),
    ("NEXTAUTH_SECRET", "***n"),
    ("SALT", "***s"),
    ("ENCRYPTION_KEY", "***e"),
    ("CLICKHOUSE_URL", "${{clickhouse.CLICKHOUSE_HTTP_URL}}"),
    ("CLICKHOUSE_MIGRATION_URL", "${{clickhouse.CLICKHOUSE_NATIVE_URL}}"),
    ("CLICKHOUSE_USER", "${{clickhouse.CLICKHOUSE_USER}}"),
    ("CLICKHOUSE_PASSWORD", "${{clickhouse.CLICKHOUSE_PASSWORD}}"),
    ("CLICKHOUSE_CLUSTER_ENABLED", "false"),
    ("REDIS_HOST", "${{redis.REDIS_HOST}}"),
    ("LANGFUSE_S3_EVENT_UPLOAD_BUCKET", "langfuse"),
    ("LANGFUSE_S3_EVENT_UPLOAD_ENDPOINT", "${{minio.MINIO_ENDPOINT}}"),
];

/// Versions and the digits that their digests are made of: the web service's and the worker's.
const PUBLISHED: [(&str, char, char); 8] = [
    ("2.95.11", '2', '1'),
    ("3.29.0", '3', '4'),
    ("3.50.0", '5', '6'),
    ("3.170.0", '7', '8'),
    ("3.225.4", 'a', 'b'),
    ("4.16.0", 'c', 'd'),
    ("3", 'a', 'b'),
    ("4", 'c', 'd'),
];

impl Stack {
    /// Returns the stack of `stack.json`, mended by hand, as it runs Langfuse 3.170.0.
    pub(crate) fn healthy() -> Self {
        Self::running("3.170.0")
    }

    /// Returns it as it runs another version.
    #[track_caller]
    pub(crate) fn running(version: &'static str) -> Self {
        let (_, web, worker) = PUBLISHED.into_iter().find(|it| it.0 == version).unwrap();
        let mut stack = Self {
            environment: Environment::default(),
            answers: Answers::of(version),
            databases: Databases::default(),
        };
        stack.run("langfuse-web", &format!("{WEB}:{version}"), web);
        stack.run("langfuse-worker", &format!("{WORKER}:{version}"), worker);
        stack.run("postgres", "ghcr.io/railwayapp-templates/postgres-ssl:16", '0');
        stack.run("clickhouse", "clickhouse/clickhouse-server:24.8.4.13", '0');
        stack.run("minio", "minio/minio:RELEASE.2025-04-22T22-12-26Z", '0');
        stack.run("redis", "redis:7.2.4", '0');
        for (service, mount) in [
            ("postgres", "/var/lib/postgresql/data"),
            ("clickhouse", "/var/lib/clickhouse"),
            ("minio", "/data"),
        ] {
            stack.service(service).volume = Some(volume(service, mount));
        }
        for (tag, web, worker) in PUBLISHED {
            stack.registry.publish(format!("{WEB}:{tag}"), digest(web));
            stack.registry.publish(format!("{WORKER}:{tag}"), digest(worker));
        }
        for (name, value) in VARIABLES {
            stack.set("langfuse-web", name, value);
            stack.set("langfuse-worker", name, value);
        }
        for name in ["SALT", "ENCRYPTION_KEY"] {
            stack.set("langfuse-worker", name, &format!("${{{{langfuse-web.{name}}}}}"));
        }
        stack.setting("langfuse-web", "healthcheck-path", "/api/public/health");
        stack.setting("langfuse-web", "healthcheck-timeout", "300");
        let at = location("postgresql", "postgres.railway.internal", "/litellm_langfuse");
        stack.leads("langfuse-web", "DATABASE_URL", at);
        stack.logs.insert("langfuse-web".to_owned(), Vec::new());
        stack
    }

    /// Returns the stack as it runs Langfuse 2.95.11: PostgreSQL and one service, and what version 3 needs to be pulled.
    pub(crate) fn two() -> Self {
        let mut stack = Self::running("2.95.11");
        stack.services.retain(|it| ["langfuse-web", "postgres"].contains(&it.name.as_str()));
        stack.deployments.retain(|name, _| ["langfuse-web", "postgres"].contains(&name.as_str()));
        stack.variables.remove("langfuse-worker");
        let kept = ["DATABASE_URL", "NEXTAUTH_URL", "NEXTAUTH_SECRET", "SALT"];
        stack
            .variables
            .get_mut("langfuse-web")
            .unwrap()
            .retain(|(name, _)| kept.contains(&name.as_str()));
        for image in [
            "clickhouse/clickhouse-server:24.8",
            "redis:7.2",
            "minio/minio:RELEASE.2025-09-07T16-13-09Z",
        ] {
            stack.registry.publish(image, digest('0'));
        }
        stack.databases.history = None;
        stack.databases.columns.clear();
        stack
    }

    fn run(&mut self, name: &str, image: &str, digit: char) {
        self.add(name, image, digest(digit));
        self.deployments.insert(name.to_owned(), vec![deployment("d1", digit)]);
    }

    /// Says that an effect made a deployment that stands so.
    pub(crate) fn deployed(&mut self, label: &str, digit: char, status: DeploymentStatus) {
        let made = Deployment { status, ..deployment(label, digit) };
        self.environment.deployed(label, made);
    }

    /// Lets both services be the version that most plans here lead to, and everything be migrated.
    pub(crate) fn switched(mut self) -> Self {
        self.answers.version = "3.225.4";
        self.deployed("web-deploy", 'a', DeploymentStatus::Success);
        self.deployed("worker-deploy", 'b', DeploymentStatus::Success);
        self.databases.migrated();
        self
    }
}

pub(crate) fn deployment(id: &str, digit: char) -> Deployment {
    Deployment { created: 100_000, changed: 113_000, ..testing::deployment(id, digest(digit)) }
}

pub(crate) fn target(desired: Option<&str>, options: &[(&str, &str)]) -> Target {
    testing::target("langfuse", desired, options)
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
        _: &[Fact],
    ) -> Result<Observation, Failure> {
        observe::observe(outside, call)
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
