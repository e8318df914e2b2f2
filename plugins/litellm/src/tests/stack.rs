//! A stack that answers from memory.

use std::collections::BTreeMap;

use lockstep_sdk::outside::{Effects, Http, Railway};
use lockstep_sdk::{
    Backup, Deployment, DeploymentStatus, Fact, Failure, Job, Location, LogLine, Publication,
    Response, Service, Tally, Target, Value, Variable, VariableValue, Volume,
};

use super::sql::Databases;
use crate::message::{ANSWER, MODELS, REQUEST, TEXT, VERSION};
use crate::names::{self, Asked};

/// Returns a digest of one repeated digit.
pub(crate) fn digest(digit: char) -> String {
    format!("sha256:{}", digit.to_string().repeat(64))
}

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
    pub(crate) services: Vec<Service>,
    pub(crate) variables: BTreeMap<String, Vec<(String, String)>>,
    pub(crate) deployments: BTreeMap<String, Vec<Deployment>>,
    /// Deployments that effects of the run made.
    pub(crate) made: BTreeMap<String, Deployment>,
    pub(crate) staged: Vec<String>,
    /// Tags by their digests.
    pub(crate) published: BTreeMap<&'static str, char>,
    pub(crate) backups: Vec<Backup>,
    /// Where the proxy's database is.
    pub(crate) host: Option<&'static str>,
    pub(crate) logs: Vec<&'static str>,
    pub(crate) requests: u64,
    pub(crate) proxy: Proxy,
    pub(crate) langfuse: &'static str,
    /// What the list of releases answers.
    pub(crate) releases: (u16, String),
    /// Effects that began, and how they ended if not well.
    pub(crate) began: BTreeMap<String, Option<Failure>>,
    /// What effects gave.
    pub(crate) gave: BTreeMap<String, Vec<Fact>>,
    pub(crate) databases: Databases,
}

const IMAGE: &str = "ghcr.io/berriai/litellm-database";

impl Stack {
    /// Returns the stack of `stack.json` as it runs: LiteLLM 1.80.0 by a tag that moves, beside Langfuse in one schema.
    pub(crate) fn healthy() -> Self {
        let mut stack = Self {
            services: Vec::new(),
            variables: BTreeMap::new(),
            deployments: BTreeMap::new(),
            made: BTreeMap::new(),
            staged: Vec::new(),
            published: [
                ("main-stable", 'a'),
                ("main-v1.80.0-stable", 'a'),
                ("v1.83.3-stable.patch.2", 'b'),
                ("1.84.0", 'c'),
                ("1.106.2", 'd'),
                ("v1.78.0-stable", 'e'),
                ("main-v1.70.0-stable", 'f'),
                ("1.92.0", '9'),
            ]
            .into(),
            backups: Vec::new(),
            host: Some("postgres.railway.internal"),
            logs: Vec::new(),
            requests: 0,
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
            began: BTreeMap::new(),
            gave: BTreeMap::new(),
            databases: Databases::default(),
        };
        stack.add("litellm", &format!("{IMAGE}:main-stable"), false);
        stack.add("postgres", "ghcr.io/railwayapp-templates/postgres-ssl:16", true);
        stack.add("langfuse-web", "langfuse/langfuse:3", false);
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

    fn add(&mut self, name: &str, image: &str, volume: bool) {
        self.services.push(Service {
            name: name.to_owned(),
            image: Some(image.to_owned()),
            repository: None,
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
        self.deployments.insert(name.to_owned(), vec![deployment("d1", 'a')]);
    }

    /// Lets the service run another version, by an exact tag or one that moves.
    pub(crate) fn running(mut self, version: &'static str, tag: &str, digit: char) -> Self {
        self.service("litellm").image = Some(format!("{IMAGE}:{tag}"));
        self.deployments.insert("litellm".to_owned(), vec![deployment("d1", digit)]);
        self.proxy.version = Some(version);
        self
    }

    /// Sets a variable; a value that begins with `***` is one that can't be seen.
    pub(crate) fn set(&mut self, service: &str, name: &str, value: &str) {
        self.unset(service, name);
        let variables = self.variables.entry(service.to_owned()).or_default();
        variables.push((name.to_owned(), value.to_owned()));
    }

    pub(crate) fn unset(&mut self, service: &str, name: &str) {
        self.variables.entry(service.to_owned()).or_default().retain(|(known, _)| known != name);
    }

    pub(crate) fn setting(&mut self, service: &str, name: &str, value: &str) {
        let settings = &mut self.service(service).settings;
        settings.retain(|(known, _)| known != name);
        settings.push((name.to_owned(), value.to_owned()));
    }

    pub(crate) fn service(&mut self, name: &str) -> &mut Service {
        self.services.iter_mut().find(|service| service.name == name).expect("a service")
    }

    /// Says that an effect began and ended well.
    pub(crate) fn began(&mut self, label: &str) {
        self.began.insert(label.to_owned(), None);
    }

    /// Says that an effect made a deployment that stands so.
    pub(crate) fn deployed(&mut self, label: &str, digit: char, status: DeploymentStatus) {
        let made = Deployment { status, ..deployment(label, digit) };
        self.made.insert(label.to_owned(), made);
        self.began(label);
    }

    /// Says what the proxy answered under these labels.
    pub(crate) fn answered(&mut self, asked: Asked, offered: &[&str], told: Option<&str>) {
        self.listed(asked.models, offered);
        if let Some(told) = told {
            self.gave.insert(asked.version.to_owned(), vec![Fact::one(VERSION, told)]);
            self.began(asked.version);
        }
        let request = format!("chatcmpl-{}", asked.answer);
        let answer = vec![Fact::one(TEXT, ANSWER), Fact::one(REQUEST, request)];
        self.gave.insert(asked.answer.to_owned(), answer);
        self.began(asked.answer);
    }

    /// Says which models it listed under a label.
    pub(crate) fn listed(&mut self, label: &str, offered: &[&str]) {
        let one = |id: &&str| format!("{{\"id\":\"{id}\",\"object\":\"model\"}}");
        let ids: Vec<_> = offered.iter().map(one).collect();
        let list = Value::Other(("json".to_owned(), format!("[{}]", ids.join(","))));
        self.gave.insert(label.to_owned(), vec![Fact::one(MODELS, list)]);
        self.began(label);
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
    Deployment {
        id: id.to_owned(),
        status: DeploymentStatus::Success,
        created: 100_000,
        changed: 113_000,
        image: None,
        digest: Some(digest(digit)),
        can_roll_back: true,
        extra: Vec::new(),
    }
}

pub(crate) fn target(desired: Option<&str>, options: &[(&str, &str)]) -> Target {
    let own = |text: &str| text.to_owned();
    Target {
        component: "litellm".to_owned(),
        environment: "lab".to_owned(),
        desired: desired.map(str::to_owned),
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
        assert_eq!((service, name), ("litellm", "DATABASE_URL"));
        Ok(self.host.map(|host| Location {
            scheme: "postgresql".to_owned(),
            host: host.to_owned(),
            port: Some(5432),
            user: Some("postgres".to_owned()),
            path: "/litellm_langfuse".to_owned(),
            extra: Vec::new(),
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
            [names::JOB_SERVICE, names::REHEARSAL_SERVICE, "litellm"].contains(&service),
            "nothing is read of {service}"
        );
        let lines = self.logs.iter().filter(|line| line.contains(part));
        let line = |line: &&str| LogLine { at: 0, severity: None, message: (*line).to_owned() };
        Ok(lines.map(line).collect())
    }

    fn traffic(&self, _: &str, _: u64, _: u64) -> Result<Tally, Failure> {
        Ok(Tally { requests: self.requests, failed: 0, extra: Vec::new() })
    }

    fn backups(&self, service: &str) -> Result<Vec<Backup>, Failure> {
        assert_eq!(service, "postgres");
        Ok(self.backups.clone())
    }

    fn staged(&self) -> Result<Vec<String>, Failure> {
        Ok(self.staged.clone())
    }

    fn published(&self, image: &str) -> Result<Option<Publication>, Failure> {
        let (tagged, wanted) =
            image.split_once('@').map_or((image, None), |(tagged, it)| (tagged, Some(it)));
        let tag = tagged.rsplit_once(':').expect("a tag").1;
        let digest = self.published.get(tag).map(|digit| digest(*digit));
        let digest = digest.filter(|digest| wanted.is_none_or(|wanted| wanted == digest));
        Ok(digest.map(|digest| Publication { digest, extra: Vec::new() }))
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

impl Effects for Stack {
    fn progress(&self, label: &str) -> Result<Option<Job>, Failure> {
        let facts = self.gave.get(label).cloned().unwrap_or_default();
        let job = Job { finished: true, done: 1, total: 1, note: String::new(), facts };
        match self.began.get(label) {
            None => Ok(None),
            Some(None) => Ok(Some(job)),
            Some(Some(failure)) => Err(failure.clone()),
        }
    }
}
