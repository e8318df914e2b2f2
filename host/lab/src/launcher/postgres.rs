//! PostgreSQL, initialised and started as the official image does it.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use super::{
    Launch, LaunchError,
    entry::Entry,
    identity::Identity,
    image::Image,
    leftover,
    process::{Prepared, create_folder, prepare as on},
    start_command::{Paths, quoted, words},
};
use crate::programs::{PostgresServer, Programs, numbers};

const DATA: &str = "/var/lib/postgresql/data";
/// The last file to appear in a data folder, so its presence says that the folder is whole.
const COMPLETE: &str = "PG_VERSION";

/// The server for `image`: of the same major version where there is one, else the newest.
pub(crate) fn server<'a>(
    image: &str,
    programs: &'a Programs,
) -> Result<&'a PostgresServer, LaunchError> {
    let major = numbers(&Image::parse(image).tag).first().copied();
    programs.postgres(major).ok_or_else(|| LaunchError::NoProgram {
        image: image.to_owned(),
        missing: "a PostgreSQL server".to_owned(),
        here: "none".to_owned(),
        remedy: "`cargo xtask setup` installs one; by hand it is the package `postgresql`"
            .to_owned(),
    })
}

/// Makes the database if the folder holds none, and prepares the server's process.
pub(crate) async fn prepare(
    launch: &Launch,
    server: &PostgresServer,
) -> Result<Prepared, LaunchError> {
    let data = launch.place(launch.variable("PGDATA").unwrap_or(DATA));
    create_folder(&data)?;
    leftover::settle(&data, &launch.log).await?;
    let identity = Identity::for_postgres(&[&data, &launch.scratch.join("bin")])?;
    if !data.join(COMPLETE).exists() {
        let account = match Account::of(launch) {
            Ok(account) => account,
            Err(refusal) => return Ok(Prepared::refusal(&refusal, 1)),
        };
        initialise(launch, server, &identity, &data, &account).await?;
    }
    identity.own(&data)?;
    fs::set_permissions(&data, fs::Permissions::from_mode(0o700)).map_err(on(&data))?;
    let real = quoted(&server.bin.join("postgres").to_string_lossy());
    // The address comes last, so no option of a start command takes the whole machine's port. Sockets of the file
    // system are off: their names would be too long in a deep folder.
    let start = format!(
        "exec {real} -D {} \"$@\" -c listen_addresses={} -c unix_socket_directories=",
        quoted(&data.to_string_lossy()),
        launch.address
    );
    let folders = ["/usr/local/bin", "/usr/bin"];
    let mut paths = Paths::default().with(DATA, launch.place(DATA));
    if let Some(volume) = &launch.volume {
        paths = paths.with(&volume.mount, volume.folder.clone());
    }
    let entry = Entry::new(launch, paths)
        .with("postgres", &start, &folders)
        .with("docker-entrypoint.sh", ENTRY_POINT, &folders)
        .with("wrapper.sh", ENTRY_POINT, &folders);
    let prepared =
        entry.started_by(launch, launch.start_command.as_deref().unwrap_or("postgres"))?;
    Ok(Prepared { identity, ..prepared })
}

const ENTRY_POINT: &str = "case \"${1-}\" in ''|-*) set -- postgres \"$@\" ;; esac\nexec \"$@\"";

/// The first role and database, as the image's variables name them.
struct Account {
    user: String,
    password: String,
    database: String,
    method: String,
    arguments: Vec<String>,
}

impl Account {
    fn of(launch: &Launch) -> Result<Self, String> {
        let user = launch.variable("POSTGRES_USER").unwrap_or("postgres").to_owned();
        let method =
            launch.variable("POSTGRES_HOST_AUTH_METHOD").unwrap_or("scram-sha-256").to_owned();
        let password = launch.variable("POSTGRES_PASSWORD").unwrap_or_default().to_owned();
        if password.is_empty() && method != "trust" {
            return Err("Error: Database is uninitialized and superuser password is not specified.\n       You must \
                        specify POSTGRES_PASSWORD to a non-empty value for the superuser."
                .to_owned());
        }
        let arguments = words(launch.variable("POSTGRES_INITDB_ARGS").unwrap_or_default())?;
        let database = launch.variable("POSTGRES_DB").unwrap_or(&user).to_owned();
        Ok(Self { user, password, database, method, arguments })
    }
}

/// Makes a database beside `data` and moves it in file by file, the file that says it is whole last.
///
/// Whatever interrupts this, the next start begins anew and never takes half a database for a whole one.
async fn initialise(
    launch: &Launch,
    server: &PostgresServer,
    identity: &Identity,
    data: &Path,
    account: &Account,
) -> Result<(), LaunchError> {
    let making = data.join(".initdb");
    if making.exists() {
        fs::remove_dir_all(&making).map_err(on(&making))?;
    }
    create_folder(&making)?;
    fs::set_permissions(&making, fs::Permissions::from_mode(0o700)).map_err(on(&making))?;
    let secret = data.join(".initdb-password");
    fs::write(&secret, &account.password).map_err(on(&secret))?;
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).map_err(on(&secret))?;
    identity.own(data)?;
    let folder = making.to_string_lossy();
    let mut initdb = tool(server, "initdb", identity)
        .with([format!("--pgdata={folder}"), format!("--username={}", account.user)])
        .with([
            "--auth-local=trust",
            "--auth-host=scram-sha-256",
            "--no-sync",
            "--no-instructions",
        ]);
    if !account.password.is_empty() {
        initdb = initdb.with([format!("--pwfile={}", secret.to_string_lossy())]);
    }
    let made = initdb.with(account.arguments.clone()).complete(&launch.log, "").await;
    fs::remove_file(&secret).map_err(on(&secret))?;
    succeeded(launch, data, made?, "initdb")?;
    allow_connections(&making, &account.method)?;
    if account.database != "postgres" {
        let statement = format!("CREATE DATABASE \"{}\";\n", account.database.replace('"', "\"\""));
        let single = ["--single", "-D", &folder, "-c", "unix_socket_directories=", "postgres"];
        let created = tool(server, "postgres", identity)
            .with(single)
            .complete(&launch.log, &statement)
            .await?;
        succeeded(launch, data, created, "creating the database")?;
    }
    move_in(&making, data)
}

/// Lets every address in with a password; the image would also trust its own loopback, where all of the lab lives.
fn allow_connections(making: &Path, method: &str) -> Result<(), LaunchError> {
    let file = making.join("pg_hba.conf");
    let rules = format!(
        "local all all trust\nhost all all all {method}\nhost replication all 127.0.0.1/32 scram-sha-256\n"
    );
    fs::write(&file, rules).map_err(on(&file))
}

fn move_in(making: &Path, data: &Path) -> Result<(), LaunchError> {
    let entries = fs::read_dir(making).map_err(on(making))?;
    let mut names: Vec<PathBuf> = Vec::new();
    for entry in entries {
        names.push(PathBuf::from(entry.map_err(on(making))?.file_name()));
    }
    names.sort_by_key(|name| name == Path::new(COMPLETE));
    for name in names {
        let (from, to) = (making.join(&name), data.join(&name));
        // Left by a move that was interrupted; never complete, because the last file is missing.
        if to.is_dir() {
            fs::remove_dir_all(&to).map_err(on(&to))?;
        }
        fs::rename(&from, &to).map_err(on(&to))?;
    }
    fs::remove_dir(making).map_err(on(making))
}

fn tool(server: &PostgresServer, name: &str, identity: &Identity) -> Prepared {
    let prepared = Prepared::new(server.bin.join(name), std::collections::BTreeMap::new());
    Prepared { identity: identity.clone(), ..prepared }
}

fn succeeded(
    launch: &Launch,
    data: &Path,
    status: std::process::ExitStatus,
    what: &str,
) -> Result<(), LaunchError> {
    if status.success() {
        return Ok(());
    }
    let said = format!("{what} ended with {status}; its output is in `{}`", launch.log.display());
    Err(LaunchError::Initialise { folder: data.to_owned(), said })
}
