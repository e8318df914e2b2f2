//! The real PgPool, configured as Bitnami's image configures it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{
    Launch, LaunchError,
    entry::Entry,
    pgpool_settings::{self, Users},
    process::{Prepared, create_folder, prepare as on, write_private},
    start_command::{Paths, quoted},
};

const SCRIPTS: [&str; 1] = ["/opt/bitnami/scripts/pgpool"];

/// The program for `image`.
pub(crate) fn program(launch: &Launch) -> Result<&Path, LaunchError> {
    launch.programs.pgpool().ok_or_else(|| missing(&launch.image))
}

/// Says that this machine has no PgPool.
pub(crate) fn missing(image: &str) -> LaunchError {
    LaunchError::NoProgram {
        image: image.to_owned(),
        missing: "PgPool".to_owned(),
        here: "none".to_owned(),
        remedy: "`cargo xtask setup` unpacks the package `pgpool2`".to_owned(),
    }
}

/// What starts for PgPool, or what is left of a container that refuses its variables.
pub(crate) fn prepare(launch: &Launch, program: &Path) -> Result<Prepared, LaunchError> {
    let folder = launch.scratch.join("pgpool");
    let run = match pgpool_settings::read(launch) {
        Ok((settings, users)) => {
            write(&folder, program, &settings, &users)?;
            let file = |name: &str| quoted(&folder.join(name).to_string_lossy());
            format!(
                "exec {} -n -D -f {} -F {} -a {}",
                quoted(&program.to_string_lossy()),
                file("pgpool.conf"),
                file("pcp.conf"),
                file("pool_hba.conf")
            )
        }
        Err(refusal) => {
            create_folder(&folder)?;
            format!("printf '%s\\n' {} >&2; exit 1", quoted(&format!("pgpool ERROR ==> {refusal}")))
        }
    };
    let entry = Entry::new(launch, Paths::default()).with("run.sh", &run, &SCRIPTS).with(
        "entrypoint.sh",
        "exec \"$@\"",
        &SCRIPTS,
    );
    let usual = "entrypoint.sh run.sh";
    let command = launch.start_command.as_deref().unwrap_or(usual);
    // Its sockets are named relative to its folder, because a whole path can be too long for one; and its shared memory
    // is large and outlives a kill, so it gets a place of its own for that.
    Ok(Prepared { folder, isolated: true, ..entry.started_by(launch, command)? })
}

/// Writes what PgPool reads; a start after a kill finds no socket of the one before.
fn write(folder: &Path, program: &Path, settings: &str, users: &Users) -> Result<(), LaunchError> {
    let sockets = folder.join(pgpool_settings::SOCKETS);
    if sockets.exists() {
        fs::remove_dir_all(&sockets).map_err(on(&sockets))?;
    }
    create_folder(&sockets)?;
    write_private(&folder.join("pgpool.conf"), settings)?;
    write_private(&folder.join("pool_hba.conf"), &pgpool_settings::access(&users.method))?;
    let known = users.passwords.iter().map(|(name, password)| format!("{name}:TEXT{password}"));
    let passwords = known.collect::<Vec<_>>().join("\n") + "\n";
    write_private(&folder.join("pool_passwd"), &passwords)?;
    let (name, password) = &users.admin;
    let hash = hashed(&program.with_file_name("pg_md5"), password)?;
    write_private(&folder.join("pcp.conf"), &format!("{name}:{hash}\n"))
}

/// The form in which PgPool wants its administrator's password.
fn hashed(tool: &PathBuf, password: &str) -> Result<String, LaunchError> {
    let output = Command::new(tool)
        .arg(password)
        .output()
        .map_err(|source| LaunchError::Start { program: tool.clone(), source })?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
