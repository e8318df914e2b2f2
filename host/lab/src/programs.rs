//! Which real servers this machine has, and their versions.

use std::{
    cmp::Reverse,
    path::{Path, PathBuf},
};

pub use crate::litellm::LiteLlm;
pub use crate::program::Program;
use crate::program::{first_version, said};

/// The servers that the lab can start, each with the version that it told when asked once.
#[derive(Clone, Debug, Default)]
pub struct Programs {
    redis: Vec<RedisServer>,
    postgres: Vec<PostgresServer>,
    pgpool: Option<Program>,
    patroni: Option<Program>,
    etcd: Option<Program>,
    haproxy: Option<Program>,
    litellm: Vec<LiteLlm>,
}

/// A server that speaks Redis's protocol and reads its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedisServer {
    /// The executable.
    pub path: PathBuf,
    /// `Redis` or `Valkey`.
    pub product: String,
    /// The product's own version, such as `7.0.15`.
    pub version: String,
    /// The version of Redis that it reports to clients; Valkey says `7.2.4`.
    pub speaks: String,
}

/// A PostgreSQL server with the tools that came with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostgresServer {
    /// The folder of `postgres` and `initdb`.
    pub bin: PathBuf,
    /// The version, such as `15.18`.
    pub version: String,
}

impl Programs {
    /// Looks for servers in `folder`, where `cargo xtask setup` puts them, then in the system's usual places.
    ///
    /// Each server is started once to be asked for its version, so keep the answer.
    pub fn find(folder: &Path) -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "where programs are is a fact of the machine that the lab runs on"
        )]
        let path = std::env::var_os("PATH").unwrap_or_default();
        let fetched: Vec<PathBuf> =
            folders(folder).into_iter().map(|name| name.join("bin")).collect();
        let usual = ["/usr/local/sbin", "/usr/sbin", "/opt/homebrew/bin"].map(PathBuf::from);
        let system: Vec<PathBuf> = std::env::split_paths(&path).chain(usual).collect();
        let packaged =
            folders(Path::new("/usr/lib/postgresql")).into_iter().map(|name| name.join("bin"));
        let mut found = Self::default();
        for bin in fetched.iter().chain(&system) {
            for name in ["redis-server", "valkey-server"] {
                found.add_redis(&bin.join(name));
            }
        }
        for bin in packaged.chain(system.iter().cloned()).chain(fetched.iter().cloned()) {
            found.add_postgres(&bin);
        }
        // Stable, so of one major version the system's own server comes first, which has the extensions that a fetched one lacks.
        found.postgres.sort_by_key(|server| Reverse(server.major()));
        let one = |name, flag| Program::find(fetched.iter().chain(&system), name, flag);
        found.pgpool = one("pgpool", "--version");
        found.patroni = one("patroni", "--version");
        found.etcd = one("etcd", "--version");
        found.haproxy = one("haproxy", "-v");
        found.litellm = fetched.iter().filter_map(|bin| LiteLlm::within(bin.parent()?)).collect();
        found
    }

    /// The executable of the newest server that is, or to its clients is, a Redis of this version or series.
    pub fn redis(&self, version_prefix: &str) -> Option<&Path> {
        self.redis_server(version_prefix).map(|server| server.path.as_path())
    }

    /// The newest server that is, or to its clients is, a Redis of this version or series; the empty prefix is any.
    ///
    /// A real Redis comes before another product that reports the same version.
    pub fn redis_server(&self, version_prefix: &str) -> Option<&RedisServer> {
        let fitting = self.redis.iter().filter(|server| within(&server.speaks, version_prefix));
        fitting.min_by_key(|server| (Reverse(numbers(&server.speaks)), server.product != "Redis"))
    }

    /// The newest Valkey of this version or series.
    pub fn valkey_server(&self, version_prefix: &str) -> Option<&RedisServer> {
        let fitting = self.redis.iter().filter(|server| server.product == "Valkey");
        let fitting = fitting.filter(|server| within(&server.version, version_prefix));
        fitting.min_by_key(|server| Reverse(numbers(&server.version)))
    }

    /// The newest PostgreSQL server of this major version, else the newest there is.
    pub fn postgres(&self, major: Option<u64>) -> Option<&PostgresServer> {
        let exact = self.postgres.iter().find(|server| major.is_some() && server.major() == major);
        exact.or_else(|| self.postgres.first())
    }

    /// The client tool `name`, such as `pg_basebackup`, for `server`: its own, else the newest of at least its major version.
    ///
    /// Older tools refuse a newer server. What reads a server's files, such as `pg_rewind`, must be the server's own.
    pub fn client_tool(&self, server: &PostgresServer, name: &str) -> Option<PathBuf> {
        server.tool(name).or_else(|| {
            // The newest comes first.
            let fitting = self.postgres.iter().filter(|other| other.major() >= server.major());
            fitting.into_iter().find_map(|other| other.tool(name))
        })
    }

    /// The executable of `PgPool`.
    pub fn pgpool(&self) -> Option<&Path> {
        self.pgpool.as_ref().map(Program::path)
    }

    /// The version of `PgPool`.
    pub fn pgpool_version(&self) -> Option<&str> {
        self.pgpool.as_ref().and_then(Program::version)
    }

    /// Patroni.
    pub fn patroni(&self) -> Option<&Program> {
        self.patroni.as_ref()
    }

    /// etcd's server.
    pub fn etcd(&self) -> Option<&Program> {
        self.etcd.as_ref()
    }

    /// `HAProxy`.
    pub fn haproxy(&self) -> Option<&Program> {
        self.haproxy.as_ref()
    }

    /// `LiteLLM` itself, of exactly this version.
    pub fn litellm(&self, version: &str) -> Option<&LiteLlm> {
        self.litellm.iter().find(|litellm| litellm.version() == version)
    }

    /// These programs without `LiteLLM`, for which a stand-in then stands.
    #[must_use]
    pub(crate) fn without_litellm(mut self) -> Self {
        self.litellm.clear();
        self
    }

    /// All Redis-like servers, in words, for a message that says which versions are here.
    pub(crate) fn redis_versions(&self) -> String {
        let versions: Vec<String> = self.redis.iter().map(RedisServer::to_string).collect();
        if versions.is_empty() { "none".to_owned() } else { versions.join(", ") }
    }

    fn add_redis(&mut self, path: &Path) {
        let Some(said) = said(path, "--version") else { return };
        let product = if said.starts_with("Valkey") { "Valkey" } else { "Redis" };
        let Some(version) = said.split_whitespace().find_map(|word| word.strip_prefix("v=")) else {
            return;
        };
        // Valkey froze what it reports as Redis's version at the point where it left.
        let speaks = if product == "Valkey" { "7.2.4" } else { version };
        if self.redis.iter().all(|known| known.product != product || known.version != version) {
            self.redis.push(RedisServer {
                path: path.to_owned(),
                product: product.to_owned(),
                version: version.to_owned(),
                speaks: speaks.to_owned(),
            });
        }
    }

    fn add_postgres(&mut self, bin: &Path) {
        if !bin.join("initdb").is_file() || self.postgres.iter().any(|known| known.bin == bin) {
            return;
        }
        let Some(said) = said(&bin.join("postgres"), "--version") else { return };
        if let Some(version) = first_version(&said) {
            self.postgres.push(PostgresServer { bin: bin.to_owned(), version });
        }
    }
}

impl PostgresServer {
    /// The major version.
    pub fn major(&self) -> Option<u64> {
        numbers(&self.version).first().copied()
    }

    /// The tool `name` that came with the server, if it did.
    pub fn tool(&self, name: &str) -> Option<PathBuf> {
        Some(self.bin.join(name)).filter(|file| file.is_file())
    }
}

impl std::fmt::Display for RedisServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.product, self.version)?;
        if self.speaks == self.version {
            Ok(())
        } else {
            write!(f, " (reports Redis {})", self.speaks)
        }
    }
}

/// The numbers at the start of a version, for comparing: `7.0.15-alpine` is 7, 0, 15.
pub(crate) fn numbers(version: &str) -> Vec<u64> {
    let plain: String = version.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
    plain.split('.').map_while(|number| number.parse().ok()).collect()
}

/// Whether `version` is `series` or lies in it: 7.0.15 lies in 7.0, and 7.10 does not lie in 7.1.
fn within(version: &str, series: &str) -> bool {
    numbers(version).starts_with(&numbers(series))
}

fn folders(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let mut paths: Vec<PathBuf> =
        entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    paths.sort();
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(product: &str, version: &str, speaks: &str) -> RedisServer {
        let path = PathBuf::from(format!("/{product}-{version}"));
        RedisServer {
            path,
            product: product.to_owned(),
            version: version.to_owned(),
            speaks: speaks.to_owned(),
        }
    }

    #[test]
    fn a_series_is_matched_number_by_number() {
        assert!(within("7.0.15", "7.0"));
        assert!(within("7.0.15", ""));
        assert!(!within("7.10.1", "7.1"));
        assert!(!within("6.2.14", "7"));
    }

    #[test]
    fn a_missing_client_tool_is_another_servers_that_is_not_older() {
        let folder = tempfile::TempDir::new().unwrap();
        let server = |version: &str, tools: &[&str]| {
            let bin = folder.path().join(version);
            std::fs::create_dir(&bin).unwrap();
            for tool in tools {
                std::fs::write(bin.join(tool), "").unwrap();
            }
            PostgresServer { bin, version: version.to_owned() }
        };
        let postgres = vec![
            server("18.4", &[]),
            server("17.2", &["pg_dump"]),
            server("16.14", &[]),
            server("15.18", &["pg_dump", "psql"]),
        ];
        let programs = Programs { postgres, ..Programs::default() };
        let sixteen = programs.postgres(Some(16)).unwrap();
        let found = programs.client_tool(sixteen, "pg_dump");
        assert_eq!(found, Some(folder.path().join("17.2/pg_dump")));
        assert_eq!(programs.client_tool(sixteen, "psql"), None);
    }

    #[test]
    fn the_newest_of_a_series_is_taken_and_a_real_redis_before_a_relative() {
        let redis = vec![
            server("Valkey", "8.0.1", "7.2.4"),
            server("Redis", "7.0.11", "7.0.11"),
            server("Redis", "7.0.15", "7.0.15"),
            server("Redis", "7.2.4", "7.2.4"),
        ];
        let programs = Programs { redis, ..Programs::default() };
        assert_eq!(programs.redis("7.0"), Some(Path::new("/Redis-7.0.15")));
        assert_eq!(programs.redis("7.2"), Some(Path::new("/Redis-7.2.4")));
        assert_eq!(programs.redis("6.2"), None);
        assert_eq!(
            programs.valkey_server("8").map(ToString::to_string).unwrap(),
            "Valkey 8.0.1 (reports Redis 7.2.4)"
        );
    }
}
