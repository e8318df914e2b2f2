//! A stack that answers from memory.

use std::collections::BTreeMap;

use lockstep_sdk::outside::{Effects, Http, Railway, Redis};
use lockstep_sdk::{
    Backup, Deployment, DeploymentStatus, Failure, Job, KeySummary, Location, LogLine, Node, Print,
    Publication, Response, Service, Tally, Target, Variable, VariableValue, Volume,
};

pub(super) use super::declared::Declared;

/// Returns a digest of one repeated digit.
pub(super) fn digest(digit: char) -> String {
    format!("sha256:{}", digit.to_string().repeat(64))
}

/// Everything that a plugin can read.
#[derive(Clone, Debug)]
pub(super) struct Stack {
    pub(super) services: Vec<Service>,
    pub(super) variables: BTreeMap<String, Vec<(String, String)>>,
    pub(super) deployments: BTreeMap<String, Vec<Deployment>>,
    pub(super) staged: Vec<String>,
    pub(super) published: BTreeMap<String, String>,
    pub(super) backups: Vec<Backup>,
    pub(super) info: BTreeMap<String, String>,
    pub(super) config: BTreeMap<String, String>,
    pub(super) lists: BTreeMap<String, u64>,
    /// Whether a `SCAN` never gets to its end.
    pub(super) cut_off: bool,
    pub(super) texts: BTreeMap<String, String>,
    pub(super) keys: Vec<Print>,
    pub(super) destinations: BTreeMap<String, String>,
    pub(super) config_refused: bool,
    pub(super) sessions: String,
    pub(super) down: Option<Failure>,
    pub(super) http: u16,
    pub(super) began: Vec<String>,
}

impl Stack {
    /// Returns the stack of `stack.json` with the official Redis 6.2 and a password in its start command.
    pub(super) fn official(version: &str) -> Self {
        let service = |name: &str, image: &str| Service {
            name: name.to_owned(),
            image: Some(image.to_owned()),
            repository: None,
            volume: None,
            settings: Vec::new(),
            extra: Vec::new(),
        };
        let mut redis = service("redis", &format!("redis:{}", minor(version)));
        redis.volume = Some(Volume {
            name: "redis-volume".to_owned(),
            mount: "/data".to_owned(),
            size_mb: 5_000,
            used_mb: 40,
            extra: Vec::new(),
        });
        let start =
            "/bin/sh -c 'exec redis-server --appendonly yes --requirepass \"$REDIS_PASSWORD\"'";
        redis.settings.push(("start-command".to_owned(), start.to_owned()));
        let running = |digit| vec![deployment("d1", digest(digit))];
        Self {
            services: vec![
                service("langfuse-web", "langfuse/langfuse:3"),
                service("langfuse-worker", "langfuse/langfuse-worker:3"),
                service("litellm", "ghcr.io/berriai/litellm-database:main-stable"),
                redis,
            ],
            variables: [
                ("redis".to_owned(), vec![("REDIS_PASSWORD".to_owned(), "***p".to_owned())]),
                (
                    "litellm".to_owned(),
                    vec![("REDIS_HOST".to_owned(), "${{redis.REDIS_HOST}}".to_owned())],
                ),
            ]
            .into(),
            deployments: [
                ("redis".to_owned(), running('a')),
                ("langfuse-worker".to_owned(), running('b')),
            ]
            .into(),
            staged: Vec::new(),
            published: [
                (format!("redis:{}@{}", minor(version), digest('a')), digest('a')),
                (format!("langfuse/langfuse-worker:3@{}", digest('b')), digest('b')),
                ("redis:7.0.15".to_owned(), digest('7')),
                ("redis:7.0".to_owned(), digest('7')),
                ("redis:7.2.4".to_owned(), digest('8')),
            ]
            .into(),
            backups: Vec::new(),
            info: [
                ("redis_version", version),
                ("redis_mode", "standalone"),
                ("run_id", "r1"),
                ("process_id", "1"),
                ("connected_slaves", "0"),
                ("role", "master"),
                ("loading", "0"),
                ("aof_enabled", "1"),
                ("aof_rewrite_in_progress", "0"),
                ("aof_rewrite_scheduled", "0"),
                ("aof_last_bgrewrite_status", "ok"),
                ("rdb_bgsave_in_progress", "0"),
                ("rdb_last_bgsave_status", "ok"),
                ("rdb_last_save_time", "100"),
                ("used_memory", "1048576"),
                ("evicted_keys", "0"),
                ("cluster_enabled", "0"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
            config: [
                ("appendonly", "yes"),
                ("maxmemory-policy", "noeviction"),
                ("dir", "/data"),
                ("save", "3600 1 300 100 60 10000"),
                ("maxmemory", "0"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
            lists: [("bull:ingestion-queue:wait".to_owned(), 30)].into(),
            cut_off: false,
            texts: ["lockstep:canary:redis", "lockstep:mark:redis"]
                .map(|key| (key.to_owned(), "here".to_owned()))
                .into(),
            keys: (0..20).map(|id| print(id, "string")).collect(),
            destinations: BTreeMap::new(),
            config_refused: false,
            sessions: "id=1 addr=10.0.0.1:5 name= user=default\nid=2 addr=10.0.0.2:6 name=lockstep:x user=default\n"
                .to_owned(),
            down: None,
            http: 200,
            began: vec!["image".to_owned(), "deploy".to_owned()],
        }
    }

    /// Returns the stack of `stack.json` as it is written: Bitnami's Redis 7.2.
    pub(super) fn bitnami() -> Self {
        let mut stack = Self::official("7.2.4");
        let redis = stack.redis();
        redis.image = Some("bitnami/redis:7.2".to_owned());
        redis.settings.clear();
        if let Some(volume) = &mut redis.volume {
            volume.mount = "/bitnami/redis/data".to_owned();
        }
        stack.config.insert("dir".to_owned(), "/bitnami/redis/data".to_owned());
        stack.published.insert(format!("bitnamilegacy/redis:7.2@{}", digest('a')), digest('a'));
        stack
    }

    pub(super) fn redis(&mut self) -> &mut Service {
        self.services.iter_mut().find(|service| service.name == "redis").expect("redis")
    }

    /// Lets another server come up in place of the one that runs.
    pub(super) fn replaced_by(&self, version: &str) -> Self {
        let mut stack = self.clone();
        stack.info.insert("redis_version".to_owned(), version.to_owned());
        stack.info.insert("run_id".to_owned(), "r2".to_owned());
        stack
    }

    fn refused(&self) -> Result<(), Failure> {
        self.down.clone().map_or(Ok(()), Err)
    }
}

fn minor(version: &str) -> String {
    version.rsplit_once('.').expect("a patch").0.to_owned()
}

pub(super) fn print(id: usize, kind: &str) -> Print {
    Print { id: format!("{id:04}"), kind: kind.to_owned(), ttl: None, content: format!("c{id}") }
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

pub(super) fn target(desired: Option<&str>, options: &[(&str, &str)]) -> Target {
    Target {
        component: "redis".to_owned(),
        environment: "lab".to_owned(),
        desired: desired.map(str::to_owned),
        options: options
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
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
        Ok(variables
            .into_iter()
            .map(|(name, value)| Variable {
                name,
                value: match value.strip_prefix("***") {
                    Some(print) => VariableValue::Masked(print.to_owned()),
                    None => VariableValue::Shown(value),
                },
            })
            .collect())
    }

    fn destination(&self, service: &str, name: &str) -> Result<Option<Location>, Failure> {
        let host = self.destinations.get(&format!("{service}.{name}"));
        Ok(host.map(|host| Location {
            scheme: "redis".to_owned(),
            host: host.clone(),
            port: None,
            user: None,
            path: String::new(),
            extra: Vec::new(),
        }))
    }

    fn deployments(&self, service: &str, _: u32) -> Result<Vec<Deployment>, Failure> {
        Ok(self.deployments.get(service).cloned().unwrap_or_default())
    }

    fn deployment_of(&self, _: &str) -> Result<Option<Deployment>, Failure> {
        Ok(None)
    }

    fn logs(&self, _: &str, _: u64, _: &str, _: u32) -> Result<Vec<LogLine>, Failure> {
        Ok(Vec::new())
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
        let digest = self.published.get(image).cloned();
        Ok(digest.map(|digest| Publication { digest, extra: Vec::new() }))
    }
}

impl Redis for Stack {
    fn command(&self, _: &str, words: &[&str]) -> Result<Vec<Node>, Failure> {
        self.refused()?;
        let text = |text: &str| Node::Text(text.as_bytes().to_vec());
        let count = |key: &str| {
            vec![Node::Integer(i64::try_from(self.lists.get(key).copied().unwrap_or(0)).unwrap())]
        };
        Ok(match words {
            ["INFO", ..] => {
                let lines: Vec<_> =
                    self.info.iter().map(|(name, value)| format!("{name}:{value}\r\n")).collect();
                vec![text(&lines.concat())]
            }
            ["CONFIG", ..] if self.config_refused => {
                return Err(Failure::permanently("redis:error", "ERR unknown command `CONFIG`"));
            }
            ["CONFIG", "GET", name] => match self.config.get(*name) {
                Some(value) => vec![Node::Array(2), text(name), text(value)],
                None => vec![Node::Array(0)],
            },
            ["PING"] => vec![text("PONG")],
            ["TIME"] => vec![Node::Array(2), text("200"), text("0")],
            ["GET", key] => vec![self.texts.get(*key).map_or(Node::Nil, |value| text(value))],
            ["SCAN", ..] => {
                let cursor = if self.cut_off { "7" } else { "0" };
                let length = u32::try_from(self.lists.len()).unwrap();
                let mut nodes = vec![Node::Array(2), text(cursor), Node::Array(length)];
                nodes.extend(self.lists.keys().map(|key| text(key)));
                nodes
            }
            ["LLEN" | "ZCARD", key] => count(key),
            ["CLIENT", "LIST"] => vec![text(&self.sessions)],
            other => panic!("{other:?} is not scripted"),
        })
    }

    fn keyspace(&self, _: &str, sample: u32, _: bool) -> Result<KeySummary, Failure> {
        self.refused()?;
        Ok(KeySummary {
            keys: self.keys.len() as u64,
            expiring: self.keys.iter().filter(|key| key.ttl.is_some()).count() as u64,
            kinds: Vec::new(),
            content: None,
            sample: self.keys.iter().take(sample as usize).cloned().collect(),
            extra: Vec::new(),
        })
    }
}

impl Http for Stack {
    fn get(&self, _: &str, _: &str) -> Result<Response, Failure> {
        Ok(Response { status: self.http, headers: Vec::new(), body: Vec::new() })
    }
}

impl Effects for Stack {
    fn progress(&self, label: &str) -> Result<Option<Job>, Failure> {
        let job = Job { finished: true, done: 1, total: 1, note: String::new(), facts: Vec::new() };
        Ok(self.began.iter().any(|began| began == label).then_some(job))
    }
}
