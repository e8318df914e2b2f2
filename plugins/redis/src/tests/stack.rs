//! A stack that answers from memory.

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};

use lockstep_sdk::outside::{Http, Redis};
use lockstep_sdk::testing::{
    self, Declared, Environment, Scripted, Tapped, Tested, digest, volume,
};
use lockstep_sdk::{
    Draft, Fact, Failure, KeySummary, Node, Observation, Print, Progress, Response, Sample,
    Service, StepCall, Target, Volume,
};

use crate::{check, observe, path, probe};

/// Everything that a plugin can read.
#[derive(Clone, Debug)]
pub(super) struct Stack {
    environment: Environment,
    pub(super) info: BTreeMap<String, String>,
    pub(super) config: BTreeMap<String, String>,
    pub(super) lists: BTreeMap<String, u64>,
    /// Whether a `SCAN` never gets to its end.
    pub(super) cut_off: bool,
    pub(super) texts: BTreeMap<String, String>,
    pub(super) keys: Vec<Print>,
    pub(super) config_refused: bool,
    pub(super) sessions: String,
    pub(super) down: Option<Failure>,
    pub(super) http: u16,
}

impl Stack {
    /// Returns the stack of `stack.json` with the official Redis 6.2 and a password in its start command.
    pub(super) fn official(version: &str) -> Self {
        let mut environment = Environment::default();
        let worker = "langfuse/langfuse-worker:3";
        environment.add("langfuse-web", "langfuse/langfuse:3", digest('e'));
        environment.add("langfuse-worker", worker, digest('b'));
        environment.add("litellm", "ghcr.io/berriai/litellm-database:main-stable", digest('f'));
        let image = format!("redis:{}", minor(version));
        let redis = environment.add("redis", &image, digest('a'));
        redis.volume = Some(Volume { used_mb: 40, ..volume("redis", "/data") });
        let start =
            "/bin/sh -c 'exec redis-server --appendonly yes --requirepass \"$REDIS_PASSWORD\"'";
        environment.setting("redis", "start-command", start);
        environment.set("redis", "REDIS_PASSWORD", "***p");
        environment.set("litellm", "REDIS_HOST", "${{redis.REDIS_HOST}}");
        for (image, digit) in [
            (&*format!("{image}@{}", digest('a')), 'a'),
            (&format!("{worker}@{}", digest('b')), 'b'),
            ("redis:7.0.15", '7'),
            ("redis:7.0", '7'),
            ("redis:7.2.4", '8'),
        ] {
            environment.registry.publish(image, digest(digit));
        }
        environment.began("image");
        environment.began("deploy");
        Self {
            environment,
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
            config_refused: false,
            sessions: "id=1 addr=10.0.0.1:5 name= user=default\nid=2 addr=10.0.0.2:6 name=lockstep:x user=default\n"
                .to_owned(),
            down: None,
            http: 200,
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
        let published = format!("bitnamilegacy/redis:7.2@{}", digest('a'));
        stack.registry.publish(published, digest('a'));
        stack
    }

    pub(super) fn redis(&mut self) -> &mut Service {
        self.service("redis")
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

pub(super) fn target(desired: Option<&str>, options: &[(&str, &str)]) -> Target {
    testing::target("redis", desired, options)
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
