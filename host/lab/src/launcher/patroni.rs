//! A node of Railway's PostgreSQL cluster: a real server under the real Patroni, which a stand-in for Railway's own
//! runner starts and watches.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use super::{
    Launch, LaunchError,
    identity::Identity,
    leftover,
    patroni_settings::{self, Node, Places},
    postgres,
    process::{Prepared, create_folder, note, prepare as on, write_private},
    stand_in,
};
use crate::{
    programs::{PostgresServer, Program},
    stand_in::{
        Kind,
        patroni_runner::{CONFIGURATION_VARIABLE, DATA_VARIABLE, PROGRAM_VARIABLE},
    },
};

/// Where the image wants its volume.
const MOUNT: &str = "/var/lib/postgresql/data";
/// Says that the data in the volume is a cluster's, not what an attempt to make one has left.
const MARKER: &str = ".patroni_bootstrap_complete";
/// What Patroni calls.
const TOOLS: [&str; 7] =
    ["pg_ctl", "initdb", "pg_controldata", "pg_isready", "pg_basebackup", "pg_rewind", "psql"];
/// Of these PostgreSQL's own tools would take what was meant for the applications.
const HIDDEN: [&str; 5] = ["PGPASSWORD", "PGUSER", "PGHOST", "PGPORT", "PGDATABASE"];

/// What starts for the image: PostgreSQL alone, as in the image without clusters, unless Patroni is enabled.
pub(crate) async fn prepare(
    launch: &Launch,
    server: &PostgresServer,
) -> Result<Prepared, LaunchError> {
    if !says_true(launch, "PATRONI_ENABLED") {
        return postgres::prepare(launch, server).await;
    }
    if let Some(refusal) = refusal(launch) {
        return Ok(Prepared::refusal(&refusal, 1));
    }
    leftover::settle(&launch.place(data(launch)), &launch.log).await?;
    node(launch, server)
}

/// Why the image's entry point would end, where it would.
fn refusal(launch: &Launch) -> Option<String> {
    let mount = launch.volume.as_ref().map_or("", |volume| volume.mount.as_str());
    if launch.variable("RAILWAY_ENVIRONMENT").is_some() && mount != MOUNT {
        return Some(format!(
            "Railway volume not mounted to the correct path, expected {MOUNT} but got {mount}"
        ));
    }
    let data = data(launch);
    if !Path::new(data).starts_with(MOUNT) {
        return Some(format!("PGDATA does not start with the expected volume mount path {MOUNT}"));
    }
    let mut required = vec!["PATRONI_NAME", "RAILWAY_PRIVATE_DOMAIN", "PATRONI_ETCD3_HOSTS"];
    if !launch.place(MOUNT).join("PG_VERSION").exists() {
        required.extend(["POSTGRES_PASSWORD", "PATRONI_REPLICATION_PASSWORD"]);
    }
    let unset = required.into_iter().find(|name| launch.variable(name).is_none())?;
    Some(format!("ERROR: {unset} must be set"))
}

fn node(launch: &Launch, server: &PostgresServer) -> Result<Prepared, LaunchError> {
    let patroni = launch
        .programs
        .patroni()
        .ok_or_else(|| missing(launch, "Patroni", "unpacks the package `patroni`"))?;
    if let Some(tool) = TOOLS.into_iter().find(|tool| server.tool(tool).is_none()) {
        let tool = format!("{tool} of PostgreSQL {}", server.version);
        return Err(missing(launch, &tool, "fetches PostgreSQL 16 with all its tools"));
    }
    note(&launch.log, &introduction(server, patroni))?;
    let data = launch.place(data(launch));
    let home = launch.place(MOUNT);
    create_folder(&data)?;
    fs::set_permissions(&data, fs::Permissions::from_mode(0o700)).map_err(on(&data))?;
    let scratch = launch.scratch.join("patroni");
    create_folder(&scratch)?;
    let identity = Identity::for_postgres(&[&data, &scratch, &launch.stand_in, patroni.path()])?;
    let node = Node::of(launch);
    take_in(launch, &data, &home, &node)?;
    let files = Files::in_folder(&scratch);
    let places = Places {
        bin: &server.bin,
        data: &data,
        passwords: &scratch.join("pgpass"),
        after_bootstrap: &files.script,
    };
    write_private(&files.configuration, &patroni_settings::configuration(&node, &places))?;
    write_private(&files.statements, &patroni_settings::statements(&node))?;
    let marker = home.join(MARKER);
    write_private(
        &files.script,
        &patroni_settings::after_bootstrap(&server.bin, &files.statements, &marker, &node),
    )?;
    fs::set_permissions(&files.script, fs::Permissions::from_mode(0o700))
        .map_err(on(&files.script))?;
    identity.own(&scratch)?;
    identity.own(&home)?;
    let mut prepared = stand_in::prepare(launch, Kind::PatroniRunner)?;
    for name in HIDDEN {
        prepared.variables.remove(name);
    }
    for (name, path) in [
        (PROGRAM_VARIABLE, patroni.path()),
        (CONFIGURATION_VARIABLE, &files.configuration),
        (DATA_VARIABLE, &data),
    ] {
        prepared.variables.insert(name.to_owned(), path.to_string_lossy().into_owned());
    }
    Ok(Prepared { identity, ..prepared })
}

/// Does to data that is there already what the image's runner does before Patroni starts.
///
/// Data that no cluster has made is adopted where the variables say so. Elsewhere the image calls it stale and starts
/// Patroni on it all the same, which takes it as it is, without the access that replicas need; nothing is deleted.
fn take_in(launch: &Launch, data: &Path, home: &Path, node: &Node) -> Result<(), LaunchError> {
    let adopts = says_true(launch, "PATRONI_ADOPT_EXISTING_DATA");
    let held = data.join("global/pg_control").exists();
    let marker = home.join(MARKER);
    if adopts {
        allow_replication(&data.join("pg_hba.conf"), &node.replication.0)?;
    }
    let found = match (held, marker.exists(), adopts) {
        (false, _, _) => "no data yet",
        (true, true, _) => "the data of a cluster",
        (true, false, true) => {
            fs::write(&marker, "").map_err(on(&marker))?;
            "the data of a single server, which is adopted"
        }
        (true, false, false) => {
            "stale data: no cluster has made it, and PATRONI_ADOPT_EXISTING_DATA is not true"
        }
    };
    note(&launch.log, &format!("in the volume: {found}"))
}

/// Puts what replicas need before the rules of a server that had none.
fn allow_replication(file: &Path, user: &str) -> Result<(), LaunchError> {
    if !file.exists() {
        return Ok(());
    }
    let rules = fs::read_to_string(file).map_err(on(file))?;
    let known = format!("replication {user} ");
    if !rules.contains(&known) {
        let rules = format!("host {known}0.0.0.0/0 scram-sha-256\n{rules}");
        fs::write(file, rules).map_err(on(file))?;
    }
    Ok(())
}

/// What is written for each start.
struct Files {
    configuration: PathBuf,
    script: PathBuf,
    statements: PathBuf,
}

impl Files {
    fn in_folder(folder: &Path) -> Self {
        Self {
            configuration: folder.join("patroni.yml"),
            script: folder.join("post-bootstrap"),
            statements: folder.join("post-bootstrap.sql"),
        }
    }
}

fn data(launch: &Launch) -> &str {
    launch.variable("PGDATA").unwrap_or(MOUNT)
}

fn says_true(launch: &Launch, name: &str) -> bool {
    launch.variable(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

fn introduction(server: &PostgresServer, patroni: &Program) -> String {
    format!(
        "PostgreSQL {} and Patroni {} are real; the lab stands in for Railway's runner around them, without TLS",
        server.version,
        patroni.version().unwrap_or_default()
    )
}

fn missing(launch: &Launch, what: &str, remedy: &str) -> LaunchError {
    LaunchError::NoProgram {
        image: launch.image.clone(),
        missing: what.to_owned(),
        here: "none".to_owned(),
        remedy: format!("`cargo xtask setup` {remedy}"),
    }
}
