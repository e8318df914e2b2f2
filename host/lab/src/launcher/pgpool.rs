//! The real PgPool, configured as Bitnami's image configures it.

use std::{
    ffi::OsStr,
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

/// The file with the key of the passwords that PgPool keeps.
const KEY: &str = "pgpoolkey";

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
    let written = match pgpool_settings::read(launch) {
        Ok((settings, users)) => write(&folder, program, &settings, &users)?,
        Err(refusal) => Err(refusal),
    };
    let run = match written {
        Ok(()) => {
            let file = |name: &str| quoted(&folder.join(name).to_string_lossy());
            format!(
                "exec {} -n -D -f {} -F {} -a {} -k {}",
                quoted(&program.to_string_lossy()),
                file("pgpool.conf"),
                file("pcp.conf"),
                file("pool_hba.conf"),
                file(KEY)
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

/// Writes what PgPool reads, or returns why it can't be started with that; a start after a kill finds no socket of the one before.
fn write(
    folder: &Path,
    program: &Path,
    settings: &str,
    users: &Users,
) -> Result<Result<(), String>, LaunchError> {
    let sockets = folder.join(pgpool_settings::SOCKETS);
    if sockets.exists() {
        fs::remove_dir_all(&sockets).map_err(on(&sockets))?;
    }
    create_folder(&sockets)?;
    write_private(&folder.join("pgpool.conf"), settings)?;
    write_private(&folder.join("pool_hba.conf"), &pgpool_settings::access(&users.method))?;
    let key = folder.join(KEY);
    write_private(&key, "lab\n")?;
    let mut passwords = String::new();
    for (name, password) in &users.passwords {
        let Some(stored) = stored(program, &users.method, &key, password)? else {
            return Ok(Err(format!("The password of {name} can't be encrypted.")));
        };
        passwords.extend([name, ":", stored.as_str(), "\n"]);
    }
    write_private(&folder.join("pool_passwd"), &passwords)?;
    let (name, password) = &users.admin;
    let hash = said(&program.with_file_name("pg_md5"), &[password.as_ref()])?;
    write_private(&folder.join("pcp.conf"), &format!("{name}:{}\n", hash.trim()))?;
    Ok(Ok(()))
}

/// Returns a password in the form in which the image keeps it, if it has one: encrypted where PgPool must know it. As plain text it
/// could have no colon and no backslash.
fn stored(
    program: &Path,
    method: &str,
    key: &Path,
    password: &str,
) -> Result<Option<String>, LaunchError> {
    if !["scram-sha-256", "trust"].contains(&method) {
        return Ok(Some(format!("TEXT{password}")));
    }
    let words = ["--key-file".as_ref(), key.as_os_str(), "--".as_ref(), password.as_ref()];
    let said = said(&program.with_file_name("pg_enc"), &words)?;
    let stored = said.lines().find_map(|line| line.strip_prefix("pool_passwd string: "));
    Ok(stored.filter(|text| text.starts_with("AES")).map(str::to_owned))
}

/// What one of PgPool's tools says.
fn said(tool: &PathBuf, words: &[&OsStr]) -> Result<String, LaunchError> {
    let output = Command::new(tool)
        .args(words)
        .output()
        .map_err(|source| LaunchError::Start { program: tool.clone(), source })?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
