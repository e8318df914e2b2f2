//! A stack that answers from memory.

use std::ops::{Deref, DerefMut};

use lockstep_sdk::outside::Http;
use lockstep_sdk::testing::{
    self, Declared, Environment, Scripted, Tapped, Tested, digest, location, volume,
};
use lockstep_sdk::{
    Deployment, DeploymentStatus, Draft, Fact, Failure, Location, Observation, Progress, Response,
    Sample, StepCall, Tally, Target, Value,
};

use super::sql::Databases;
use crate::message::{ANSWER, MODELS, REQUEST, TEXT, VERSION};
use crate::names::{self, Asked};
use crate::{check, observe, path, probe};

/// What the proxy answers.
#[derive(Clone, Debug)]
pub(crate) struct Proxy {
    pub(crate) status: u16,
    pub(crate) db: &'static str,
    /// What the readiness path tells of the version.
    pub(crate) version: Option<&'static str>,
    /// What the details tell, to whoever has a key.
    pub(crate) details: Option<&'static str>,
    /// The header that carries it.
    pub(crate) header: Option<&'static str>,
    pub(crate) callbacks: Vec<&'static str>,
    pub(crate) down: Option<Failure>,
}

/// Everything that a plan can read.
#[derive(Clone, Debug)]
pub(crate) struct Stack {
    environment: Environment,
    pub(crate) proxy: Proxy,
    pub(crate) langfuse: &'static str,
    /// What the list of releases answers.
    pub(crate) releases: (u16, String),
    pub(crate) databases: Databases,
}

const IMAGE: &str = "ghcr.io/berriai/litellm-database";

impl Stack {
    /// Returns the stack of `stack.json` as it runs: LiteLLM 1.80.0 by a tag that moves, beside Langfuse in one schema.
    pub(crate) fn healthy() -> Self {
        let mut stack = Self {
            environment: Environment::default(),
            proxy: Proxy {
                status: 200,
                db: "connected",
                version: Some("1.80.0"),
                details: None,
                header: None,
                callbacks: vec!["langfuse"],
                down: None,
            },
            langfuse: "3.225.4",
            releases: (
                200,
                releases(&[
                    "1.107.0-rc.1",
                    "1.106.2",
                    "1.92.0",
                    "1.84.0",
                    "v1.83.3-stable.patch.2",
                    "v1.80.0-stable",
                ]),
            ),
            databases: Databases::default(),
        };
        stack.run("litellm", &format!("{IMAGE}:main-stable"));
        stack.run("postgres", "ghcr.io/railwayapp-templates/postgres-ssl:16");
        stack.service("postgres").volume = Some(volume("postgres", "/var/lib/postgresql/data"));
        stack.run("langfuse-web", "langfuse/langfuse:3");
        for (tag, digit) in [
            ("main-stable", 'a'),
            ("main-v1.80.0-stable", 'a'),
            ("v1.83.3-stable.patch.2", 'b'),
            ("1.84.0", 'c'),
            ("1.106.2", 'd'),
            ("v1.78.0-stable", 'e'),
            ("main-v1.70.0-stable", 'f'),
            ("1.92.0", '9'),
        ] {
            stack.publish(tag, digit);
        }
        stack.database_is_at("postgres.railway.internal");
        stack.wrote(&[]);
        for (name, value) in [
            ("DATABASE_URL", "${{postgres.DATABASE_URL}}"),
            ("LITELLM_MASTER_KEY", "***m"),
            ("LITELLM_SALT_KEY", "***s"),
        ] {
            stack.set("litellm", name, value);
        }
        for setting in
            [("healthcheck-path", "/health"), ("healthcheck-timeout", "300"), ("replicas", "1")]
        {
            stack.setting("litellm", setting.0, setting.1);
        }
        stack
    }

    fn run(&mut self, name: &str, image: &str) {
        self.add(name, image, "");
        self.deployments.insert(name.to_owned(), vec![deployment("d1", 'a')]);
    }

    /// Publishes the proxy's image under a tag.
    pub(crate) fn publish(&mut self, tag: &str, digit: char) {
        self.registry.publish(format!("{IMAGE}:{tag}"), digest(digit));
    }

    /// Takes a tag of the proxy's image away.
    pub(crate) fn withdraw(&mut self, tag: &str) {
        self.registry.images.remove(&format!("{IMAGE}:{tag}"));
    }

    /// Says where the proxy's database is.
    pub(crate) fn database_is_at(&mut self, host: &str) {
        let at = location("postgresql", host, "/litellm_langfuse");
        let user = Some("postgres".to_owned());
        self.leads("litellm", "DATABASE_URL", Location { port: Some(5432), user, ..at });
    }

    /// Says what the proxy and the jobs wrote.
    pub(crate) fn wrote(&mut self, lines: &[&str]) {
        for service in [names::JOB_SERVICE, names::REHEARSAL_SERVICE, "litellm"] {
            let lines = lines.iter().map(|line| (*line).to_owned()).collect();
            self.logs.insert(service.to_owned(), lines);
        }
    }

    /// Says how many requests the proxy answered.
    pub(crate) fn counted(&mut self, requests: u64) {
        let tally = Tally { requests, failed: 0, extra: Vec::new() };
        self.traffic.insert("litellm".to_owned(), tally);
    }

    /// Lets the service run another version, by an exact tag or one that moves.
    pub(crate) fn running(mut self, version: &'static str, tag: &str, digit: char) -> Self {
        self.service("litellm").image = Some(format!("{IMAGE}:{tag}"));
        self.deployments.insert("litellm".to_owned(), vec![deployment("d1", digit)]);
        self.proxy.version = Some(version);
        self
    }

    /// Says that an effect made a deployment that stands so.
    pub(crate) fn deployed(&mut self, label: &str, digit: char, status: DeploymentStatus) {
        let made = Deployment { status, ..deployment(label, digit) };
        self.environment.deployed(label, made);
    }

    /// Says what the proxy answered under these labels.
    pub(crate) fn answered(&mut self, asked: Asked, offered: &[&str], told: Option<&str>) {
        self.listed(asked.models, offered);
        if let Some(told) = told {
            self.gave(asked.version, vec![Fact::one(VERSION, told)]);
        }
        let request = format!("chatcmpl-{}", asked.answer);
        let answer = vec![Fact::one(TEXT, ANSWER), Fact::one(REQUEST, request)];
        self.gave(asked.answer, answer);
    }

    /// Says which models it listed under a label.
    pub(crate) fn listed(&mut self, label: &str, offered: &[&str]) {
        let one = |id: &&str| format!("{{\"id\":\"{id}\",\"object\":\"model\"}}");
        let ids: Vec<_> = offered.iter().map(one).collect();
        let list = Value::Other(("json".to_owned(), format!("[{}]", ids.join(","))));
        self.gave(label, vec![Fact::one(MODELS, list)]);
    }

    /// Says what it answered before anything changed.
    pub(crate) fn answered_before(&mut self) {
        self.answered(names::ASKED_BEFORE, &["claude", "gpt-4o"], None);
        self.databases.spent.push("chatcmpl-answer-before");
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

pub(crate) fn deployment(id: &str, digit: char) -> Deployment {
    Deployment { created: 100_000, changed: 113_000, ..testing::deployment(id, digest(digit)) }
}

pub(crate) fn target(desired: Option<&str>, options: &[(&str, &str)]) -> Target {
    testing::target("litellm", desired, options)
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

impl Http for Stack {
    fn get(&self, endpoint: &str, path: &str) -> Result<Response, Failure> {
        let answer = |status, body: String| Response {
            status,
            headers: Vec::new(),
            body: body.into_bytes(),
        };
        let told = |version: Option<&str>| {
            version.map(|it| format!(",\"litellm_version\":\"{it}\"")).unwrap_or_default()
        };
        Ok(match (endpoint, path) {
            ("litellm", _) if self.proxy.down.is_some() => {
                return Err(self.proxy.down.clone().unwrap());
            }
            ("litellm", "/health/readiness") => {
                let Proxy { status, db, version, callbacks, header, .. } = &self.proxy;
                let body = format!(
                    "{{\"status\":\"healthy\",\"db\":\"{db}\"{},\"success_callbacks\":{callbacks:?}}}",
                    told(*version)
                );
                let headers = header.map(|it| ("X-LiteLLM-Version".to_owned(), it.to_owned()));
                Response { headers: headers.into_iter().collect(), ..answer(*status, body) }
            }
            ("litellm", "/health/readiness/details") => match self.proxy.details {
                None => answer(401, String::new()),
                details => answer(200, format!("{{\"status\":\"healthy\"{}}}", told(details))),
            },
            ("langfuse-web", "/api/public/health") => {
                answer(200, format!("{{\"version\":\"{}\"}}", self.langfuse))
            }
            ("releases", "/repos/BerriAI/litellm/releases?per_page=30&page=1") => {
                answer(self.releases.0, self.releases.1.clone())
            }
            other => panic!("{other:?} is not scripted"),
        })
    }
}
