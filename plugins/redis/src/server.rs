//! What a Redis server says about itself.

use std::collections::BTreeMap;

use lockstep_sdk::Failure;
use lockstep_sdk::outside::{Redis, info, second, text};

use crate::version::Exact;

/// Settings that every look reads, each with what the official image has without being told.
const SETTINGS: [(&str, &str); 16] = [
    ("aof-use-rdb-preamble", "yes"),
    ("appenddirname", "appendonlydir"),
    ("appendfilename", "appendonly.aof"),
    ("appendfsync", "everysec"),
    ("appendonly", "no"),
    ("auto-aof-rewrite-min-size", "67108864"),
    ("auto-aof-rewrite-percentage", "100"),
    ("databases", "16"),
    ("dbfilename", "dump.rdb"),
    ("dir", "/data"),
    ("maxmemory", "0"),
    ("maxmemory-policy", "noeviction"),
    ("notify-keyspace-events", ""),
    ("save", "3600 1 300 100 60 10000"),
    ("tcp-keepalive", "300"),
    ("timeout", "0"),
];

/// Settings that only a plan reads, because another image must be told them; likewise. Where versions differ it is the value
/// of 7.0 and later: telling a server what it has anyway harms nothing.
///
/// With [`SETTINGS`] these are all that the host lets out and that can be handed on. `bind` and `protected-mode` are the
/// image's own affair, and `cluster-enabled` is judged by the server's mode.
const CARRIED: [(&str, &str); 24] = [
    ("acl-pubsub-default", "resetchannels"),
    ("activedefrag", "no"),
    (
        "client-output-buffer-limit",
        "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
    ),
    ("hz", "10"),
    ("io-threads", "1"),
    ("lazyfree-lazy-eviction", "no"),
    ("lazyfree-lazy-expire", "no"),
    ("lazyfree-lazy-user-del", "no"),
    ("maxclients", "10000"),
    ("maxmemory-samples", "5"),
    ("min-replicas-max-lag", "10"),
    ("min-replicas-to-write", "0"),
    ("no-appendfsync-on-rewrite", "no"),
    ("port", "6379"),
    ("rdbchecksum", "yes"),
    ("rdbcompression", "yes"),
    ("repl-backlog-size", "1048576"),
    ("repl-diskless-sync", "yes"),
    ("repl-timeout", "60"),
    ("replica-announce-ip", ""),
    ("replica-priority", "100"),
    ("replica-read-only", "yes"),
    ("replica-serve-stale-data", "yes"),
    ("stop-writes-on-bgsave-error", "yes"),
];

/// Returns whether a setting is one that a plan reads.
pub(crate) fn is_read(name: &str) -> bool {
    SETTINGS.iter().chain(&CARRIED).any(|(known, _)| *known == name)
}

/// A server at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Server {
    /// The version that it says it is.
    pub(crate) version: Exact,
    /// Fields of `INFO`.
    info: BTreeMap<String, String>,
    /// Settings that could be read.
    settings: BTreeMap<&'static str, String>,
    /// Settings that could not, and why.
    pub(crate) unread: Vec<String>,
    /// Names of loaded modules.
    pub(crate) modules: Vec<String>,
}

impl Server {
    /// Reads everything that is needed.
    ///
    /// A setting that the host does not let out, or that this version does not have, is left out and named; a server that
    /// does not answer, or answers `LOADING` or `NOAUTH`, is a failure.
    pub(crate) fn read<O: Redis>(outside: &O, connection: &str) -> Result<Self, Failure> {
        let mut fields = BTreeMap::new();
        let mut modules = Vec::new();
        let answer =
            text(&outside.command(connection, &["INFO"])?).ok_or_else(|| unreadable("INFO"))?;
        for (name, value) in info(&answer) {
            if name == "module" {
                modules.extend(
                    value.split(',').find_map(|part| part.strip_prefix("name=")).map(str::to_owned),
                );
            } else {
                fields.insert(name.to_owned(), value.to_owned());
            }
        }
        modules.sort();
        let version = fields.get("redis_version").and_then(|version| Exact::parse(version));
        let version = version.ok_or_else(|| unreadable("INFO server"))?;
        let mut server =
            Self { version, info: fields, settings: BTreeMap::new(), unread: Vec::new(), modules };
        server.ask(outside, connection, &SETTINGS)?;
        Ok(server)
    }

    /// Reads the settings too that another image must be told.
    pub(crate) fn read_whole<O: Redis>(outside: &O, connection: &str) -> Result<Self, Failure> {
        let mut server = Self::read(outside, connection)?;
        server.ask(outside, connection, &CARRIED)?;
        Ok(server)
    }

    fn ask<O: Redis>(
        &mut self,
        outside: &O,
        connection: &str,
        settings: &[(&'static str, &str)],
    ) -> Result<(), Failure> {
        for (name, _) in settings {
            match outside.command(connection, &["CONFIG", "GET", name]) {
                Ok(answer) => {
                    if let Some(value) = second(&answer) {
                        self.settings.insert(name, value);
                    }
                }
                Err(failure) if failure.may_pass() => return Err(failure),
                Err(failure) => self.unread.push(format!("{name}: {}", failure.line())),
            }
        }
        Ok(())
    }

    /// Returns a field of `INFO`.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.info.get(name).map(String::as_str)
    }

    /// Returns a field of `INFO` that is a number.
    pub(crate) fn count(&self, name: &str) -> Option<u64> {
        self.field(name)?.parse().ok()
    }

    /// Returns a setting.
    pub(crate) fn setting(&self, name: &str) -> Option<&str> {
        self.settings.get(name).map(String::as_str)
    }

    /// Returns whether it is still reading its data set.
    pub(crate) fn loads(&self) -> bool {
        ["loading", "async_loading"].iter().any(|name| self.field(name) == Some("1"))
    }

    /// Returns whether clients may write to it.
    pub(crate) fn is_master(&self) -> bool {
        self.field("role") == Some("master")
    }

    /// Returns whether it stands alone: neither a node of a cluster nor a sentinel.
    pub(crate) fn stands_alone(&self) -> bool {
        self.field("cluster_enabled") != Some("1")
            && self.field("redis_mode").is_none_or(|mode| mode == "standalone")
    }

    /// Returns how many replicas follow it.
    pub(crate) fn replicas(&self) -> u64 {
        self.count("connected_slaves").unwrap_or(0)
    }

    /// Returns whether it is the first process of a container, so that what it says of folders is what its image says.
    pub(crate) fn is_contained(&self) -> bool {
        self.count("process_id") == Some(1)
    }

    /// Returns the seconds that it needs to end by itself: twice as long as its last save took, because it saves then.
    ///
    /// In steps, so that two plans of one server are the same though its saves are not equally long.
    pub(crate) fn draining(&self) -> u32 {
        const STEPS: [u32; 7] = [30, 60, 120, 300, 600, 1_200, 3_600];
        const MOST: u32 = 3_600;
        let needed = self.count("rdb_last_bgsave_time_sec").unwrap_or(0).saturating_mul(2);
        STEPS.into_iter().find(|step| u64::from(*step) >= needed).unwrap_or(MOST)
    }

    /// Returns whether a copy of the process, which a save makes, may need so much memory that it matters.
    pub(crate) fn forks_large(&self) -> bool {
        /// Below this no container is so small.
        const SMALL: u64 = 256 * 1_048_576;
        self.count("used_memory_rss").unwrap_or(0) >= SMALL
    }

    /// Returns whether it keeps an append-only file.
    pub(crate) fn appends(&self) -> bool {
        self.field("aof_enabled") == Some("1")
    }

    /// Returns the settings that differ from what the official image has, in order.
    pub(crate) fn unusual(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.differing(&SETTINGS)
    }

    /// Returns the settings that the official image must be told to be as this server is, in order.
    pub(crate) fn carried(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.unusual().chain(self.differing(&CARRIED))
    }

    fn differing(
        &self,
        usual: &'static [(&'static str, &'static str)],
    ) -> impl Iterator<Item = (&'static str, &str)> {
        usual.iter().filter_map(|(name, usual)| {
            self.setting(name).filter(|value| value != usual).map(|value| (*name, value))
        })
    }
}

fn unreadable(command: &str) -> Failure {
    Failure::permanently(
        "redis:unreadable",
        format!("the server's answer to `{command}` is not of the known form"),
    )
}

/// Returns whether a setting in seconds is as long as it must be.
pub(crate) fn is_enough(set: &str, wanted: u32) -> bool {
    set.parse::<u32>().is_ok_and(|seconds| seconds >= wanted)
}
