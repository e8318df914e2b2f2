//! The border to the rest of the lab: what to launch, and what came of it.

use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    path::{Path, PathBuf},
};

use super::{
    etcd, haproxy,
    image::{Image, Role},
    litellm, migration_job, patroni, pgpool, postgres, process, redis, repmgr,
    running::Running,
    stand_in,
};
use crate::{
    programs::{Program, Programs},
    stand_in::Kind,
};

/// One deployment's process, with everything that its container would be given.
#[derive(Clone, Debug)]
pub struct Launch {
    /// The service's name, for messages.
    pub service: String,
    /// `repository:tag`, with or without a digest, or `repo:<name>` for a service built from a repository.
    pub image: String,
    /// The deployment's variables, with every reference rendered.
    pub variables: BTreeMap<String, String>,
    /// What replaces the image's entry point. Stand-ins log it and start as ever.
    ///
    /// As on Railway it is split into words and nothing in it is expanded, unless it calls a shell itself; then that
    /// shell really runs it, as the lab's user, with paths of the image mapped to the lab's folders.
    pub start_command: Option<String>,
    /// The service's volume. Without one, what the process writes stays in `scratch`.
    pub volume: Option<Mounted>,
    /// The loopback address that stands for the service; ports are the image's own.
    pub address: Ipv4Addr,
    /// The file that the process's output is appended to.
    pub log: PathBuf,
    /// A folder for this deployment alone; giving the next deployment a new one loses what a container would lose.
    pub scratch: PathBuf,
    /// The servers that this machine has.
    pub programs: Programs,
    /// The executable that runs stand-ins when called with `lab stand-in <kind>`.
    pub stand_in: PathBuf,
}

/// A volume where the container sees it.
#[derive(Clone, Debug)]
pub struct Mounted {
    /// The folder that holds the volume's files on this machine.
    pub folder: PathBuf,
    /// The path that the container would see them under.
    pub mount: String,
}

/// Which program runs for an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunsAs {
    /// The program with its version, and what it is in place of where that differs.
    pub program: String,
    /// Whether it only stands in for the real program.
    pub stand_in: bool,
}

/// Why nothing was started.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// No launcher fits the image.
    #[error("the lab has no launcher for the image `{image}`")]
    UnknownImage {
        /// The image as named.
        image: String,
    },
    /// The machine lacks the server.
    #[error("`{image}` needs {missing}, which this machine has not (it has: {here}); {remedy}")]
    NoProgram {
        /// The image as named.
        image: String,
        /// The server that is missing.
        missing: String,
        /// The servers of that kind that are here.
        here: String,
        /// How to get it.
        remedy: String,
    },
    /// A folder or file could not be prepared.
    #[error("could not prepare `{path}`")]
    Prepare {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The program did not start.
    #[error("could not start `{program}`")]
    Start {
        /// The program.
        program: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A new database could not be made.
    #[error("could not make a database in `{folder}`: {said}")]
    Initialise {
        /// The folder.
        folder: PathBuf,
        /// How the tool ended and where it says why.
        said: String,
    },
    /// PostgreSQL refuses to run as root, and the user it would run as can't reach the folder.
    #[error(
        "the user `{user}`, whom PostgreSQL runs as, can't enter `{parent}`; keep the lab outside it, or install setpriv"
    )]
    Unreachable {
        /// The user that PostgreSQL would run as.
        user: String,
        /// The folder that closes the way.
        parent: PathBuf,
    },
}

/// Starts the process of one deployment.
///
/// A new PostgreSQL volume is initialised first. The process may still be starting, or may already have exited because
/// its image refuses the variables: its log says why, as a container's would.
pub async fn launch(launch: &Launch) -> Result<Running, LaunchError> {
    process::create_folder(&launch.scratch)?;
    match Role::of(&launch.image)? {
        role @ (Role::OfficialRedis | Role::BitnamiRedis | Role::Valkey) => {
            redis::prepare(launch, role, redis::server(&launch.image, role, &launch.programs)?)?
                .spawn(&launch.log)
        }
        Role::Postgres => {
            let server = postgres::server(&launch.image, &launch.programs)?;
            postgres::prepare(launch, server).await?.spawn(&launch.log)
        }
        Role::PostgresNode => {
            let server = postgres::server(&launch.image, &launch.programs)?;
            repmgr::prepare(launch, server)?.spawn(&launch.log)
        }
        Role::PgPool => pgpool::prepare(launch, pgpool::program(launch)?)?.spawn(&launch.log),
        Role::PatroniNode => {
            let server = postgres::server(&launch.image, &launch.programs)?;
            patroni::prepare(launch, server).await?.spawn(&launch.log)
        }
        Role::Etcd => etcd::prepare(launch)?.spawn(&launch.log),
        Role::HaProxy => haproxy::prepare(launch)?.spawn(&launch.log),
        Role::StandIn(Kind::MigrationJob) => migration_job::prepare(launch)?.spawn(&launch.log),
        Role::StandIn(Kind::LiteLlm) => litellm::prepare(launch)?.spawn(&launch.log),
        Role::StandIn(kind) => stand_in::prepare(launch, kind)?.spawn(&launch.log),
    }
}

/// Tells which program [`launch`] would start for `image`.
pub fn runs_as(image: &str, programs: &Programs) -> Result<RunsAs, LaunchError> {
    let tag = Image::parse(image).tag;
    let program = match Role::of(image)? {
        role @ (Role::OfficialRedis | Role::BitnamiRedis | Role::Valkey) => {
            let server = redis::server(image, role, programs)?;
            let own = if role == Role::Valkey { &server.version } else { &server.speaks };
            in_place_of(&server.to_string(), own, &tag)
        }
        Role::Postgres => {
            let server = postgres::server(image, programs)?;
            in_place_of(&format!("PostgreSQL {}", server.version), &server.version, &tag)
        }
        Role::PostgresNode => {
            let server = postgres::server(image, programs)?;
            let program =
                in_place_of(&format!("PostgreSQL {}", server.version), &server.version, &tag);
            format!("{program} with a stand-in for repmgr")
        }
        Role::PgPool => {
            let version = programs.pgpool_version().ok_or_else(|| pgpool::missing(image))?;
            in_place_of(&format!("PgPool {version}"), version, &tag)
        }
        Role::PatroniNode => {
            let server = postgres::server(image, programs)?;
            let program =
                in_place_of(&format!("PostgreSQL {}", server.version), &server.version, &tag);
            format!("{program}, under Patroni{} where it is enabled", version(programs.patroni()))
        }
        Role::Etcd => {
            let program = etcd::program(image, programs)?;
            in_place_of(&format!("etcd{}", version(Some(program))), told(program), &tag)
        }
        Role::HaProxy => {
            let program = haproxy::program(image, programs)?;
            in_place_of(&format!("HAProxy{}", version(Some(program))), told(program), &tag)
        }
        Role::StandIn(Kind::LiteLlm) if let Some(litellm) = litellm::program(image, programs) => {
            format!("LiteLLM {}, with a stand-in for Prisma's schema engine", litellm.version())
        }
        Role::StandIn(kind) => {
            return Ok(RunsAs {
                program: format!("stand-in for {}", kind.product()),
                stand_in: true,
            });
        }
    };
    Ok(RunsAs { program, stand_in: false })
}

fn told(program: &Program) -> &str {
    program.version().unwrap_or_default()
}

/// A program's version after a space, or nothing.
fn version(program: Option<&Program>) -> String {
    program.and_then(Program::version).map(|version| format!(" {version}")).unwrap_or_default()
}

/// Adds what was asked for where `version` is not of that series.
fn in_place_of(program: &str, version: &str, tag: &str) -> String {
    let wanted = crate::programs::numbers(tag);
    if !wanted.is_empty() && crate::programs::numbers(version).starts_with(&wanted) {
        return program.to_owned();
    }
    let asked = tag.split('-').next().unwrap_or(tag);
    format!("{program} in place of {asked}")
}

impl Launch {
    /// The lab's folder for `path` of the image: inside the volume if the volume is mounted there, else in scratch.
    pub(crate) fn place(&self, path: &str) -> PathBuf {
        if let Some(volume) = &self.volume
            && let Ok(inside) = Path::new(path).strip_prefix(volume.mount.trim_end_matches('/'))
        {
            // Joining an empty path would leave a slash at the end.
            return if inside.as_os_str().is_empty() {
                volume.folder.clone()
            } else {
                volume.folder.join(inside)
            };
        }
        self.scratch.join("files").join(path.trim_start_matches('/'))
    }

    /// A variable that is set and not empty.
    pub(crate) fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Whether a variable says yes, in the spellings that Bitnami's images accept.
    pub(crate) fn says_yes(&self, name: &str, otherwise: bool) -> bool {
        self.variable(name).map_or(otherwise, |value| {
            ["yes", "true", "1"].iter().any(|yes| value.eq_ignore_ascii_case(yes))
        })
    }
}
