//! The folder of a node's data: whose it was last, made new, or cloned from a primary.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use super::{
    cluster::{Cluster, Login, Place},
    configuration::{self, ACCESS, FILE},
    error::NodeError,
    server::complete,
};

/// What says that a server is to follow.
const STANDBY: &str = "standby.signal";
/// The first role, whose database has its name.
const SUPERUSER: &str = "postgres";

/// What a data folder holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Held {
    /// No database yet.
    Nothing,
    /// The data of a primary, which may have more than its successor.
    Primary,
    /// The data of a standby.
    Standby,
}

/// A node's data.
#[derive(Debug)]
pub(super) struct Data {
    /// Where it is when it is whole.
    folder: PathBuf,
    /// Where it is while it is being made.
    making: PathBuf,
    /// Where it is while another takes its place.
    former: PathBuf,
}

impl Data {
    /// The data in `folder`, with what an interrupted node left beside it put right.
    pub(super) fn open(folder: &Path) -> Result<Self, NodeError> {
        let beside = |name: &str| folder.with_file_name(name);
        let data = Self {
            folder: folder.to_owned(),
            making: beside(".making"),
            former: beside(".former"),
        };
        // Between the two renames of `take_place` the former data is the only one there is.
        if !data.folder.exists() && data.former.exists() {
            fs::rename(&data.former, &data.folder).map_err(on(&data.former))?;
        }
        remove(&data.former)?;
        remove(&data.making)?;
        Ok(data)
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn held(&self) -> Held {
        if !self.folder.join("PG_VERSION").exists() {
            Held::Nothing
        } else if self.folder.join(STANDBY).exists() {
            Held::Standby
        } else {
            Held::Primary
        }
    }

    /// Writes what the server reads at its start.
    pub(super) fn configure(
        &self,
        cluster: &Cluster,
        address: &str,
        upstream: Option<&Place>,
    ) -> Result<(), NodeError> {
        self.write("pg_hba.conf", ACCESS)?;
        self.write(FILE, &configuration::settings(cluster, address, upstream))
    }

    /// Makes a new cluster of one node.
    pub(super) async fn initialise(&self, cluster: &Cluster) -> Result<(), NodeError> {
        let account = &cluster.account;
        let superuser = if account.user.name == SUPERUSER {
            Some(&account.user.password)
        } else {
            account.postgres_password.as_ref()
        };
        let secret = self.folder.with_file_name(".password");
        let mut arguments = vec![format!("--pgdata={}", self.making.display())];
        arguments.extend(
            ["--username=postgres", "--encoding=UTF8", "--auth=scram-sha-256"].map(str::to_owned),
        );
        arguments.extend(["--no-sync", "--no-instructions"].map(str::to_owned));
        // Without a password nobody can log in as `postgres`, as in the image, but initdb wants one.
        write_private(&secret, superuser.unwrap_or(&cluster.repmgr.password))?;
        arguments.push(format!("--pwfile={}", secret.display()));
        let made = complete(&cluster.programs.bin.join("initdb"), &arguments, None, "").await;
        fs::remove_file(&secret).map_err(on(&secret))?;
        made?;
        let file = self.making.join("postgresql.conf");
        let mut settings = fs::OpenOptions::new().append(true).open(&file).map_err(on(&file))?;
        writeln!(settings, "include_if_exists = '{FILE}'").map_err(on(&file))?;
        let making = self.making.display().to_string();
        let single = ["--single", "-D", &making, "-c", "exit_on_error=on", "postgres"];
        let statements = first_statements(cluster, superuser.is_none());
        let postgres = cluster.programs.bin.join("postgres");
        complete(&postgres, &single.map(str::to_owned), None, &statements).await?;
        self.take_place()
    }

    /// Replaces the data by a copy of the primary's, which keeps what comes next in this node's slot.
    pub(super) async fn clone_from(
        &self,
        cluster: &Cluster,
        primary: &Place,
    ) -> Result<(), NodeError> {
        remove(&self.making)?;
        let arguments = [
            format!("--pgdata={}", self.making.display()),
            format!("--host={}", primary.host),
            format!("--port={}", primary.port),
            format!("--username={}", cluster.repmgr.name),
            format!("--slot={}", cluster.slot()),
            "--wal-method=stream".to_owned(),
            "--checkpoint=fast".to_owned(),
            "--no-sync".to_owned(),
            "--no-password".to_owned(),
        ];
        let password = Some(cluster.repmgr.password.as_str());
        complete(&cluster.programs.base_backup, &arguments, password, "").await?;
        let signal = self.making.join(STANDBY);
        fs::write(&signal, "").map_err(on(&signal))?;
        self.take_place()
    }

    /// Gives what was made the data's place; the former data goes only after that.
    fn take_place(&self) -> Result<(), NodeError> {
        fs::set_permissions(&self.making, fs::Permissions::from_mode(0o700))
            .map_err(on(&self.making))?;
        if self.folder.exists() {
            fs::rename(&self.folder, &self.former).map_err(on(&self.folder))?;
        }
        fs::rename(&self.making, &self.folder).map_err(on(&self.making))?;
        remove(&self.former)
    }

    fn write(&self, name: &str, text: &str) -> Result<(), NodeError> {
        write_private(&self.folder.join(name), text)
    }
}

/// Makes the folder that the data is in.
pub(super) fn make_home(folder: &Path) -> Result<(), NodeError> {
    let Some(home) = folder.parent() else { return Ok(()) };
    fs::DirBuilder::new().recursive(true).mode(0o755).create(home).map_err(on(home))
}

/// The roles and databases of a new cluster, one statement a line, as the single-user server reads them.
///
/// `shut` keeps everybody from logging in as the superuser.
fn first_statements(cluster: &Cluster, shut: bool) -> String {
    let account = &cluster.account;
    let role = |login: &Login, rights: &str| {
        format!(
            "CREATE ROLE {} {rights} LOGIN PASSWORD {}\n",
            name(&login.name),
            literal(&login.password)
        )
    };
    let database = |database: &str, owner: &str| {
        format!("CREATE DATABASE {} OWNER {}\n", name(database), name(owner))
    };
    let mut statements = role(&cluster.repmgr, "SUPERUSER REPLICATION");
    statements += &database(&cluster.repmgr_database, &cluster.repmgr.name);
    if account.user.name != SUPERUSER {
        statements += &role(&account.user, "CREATEDB");
    }
    if let Some(first) = account.database.as_deref().filter(|first| *first != SUPERUSER) {
        statements += &database(first, &account.user.name);
    }
    if shut {
        statements += "ALTER ROLE postgres PASSWORD NULL\n";
    }
    statements
}

fn name(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn remove(folder: &Path) -> Result<(), NodeError> {
    match fs::remove_dir_all(folder) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(NodeError::File { path: folder.to_owned(), source }),
    }
}

/// Writes a file that only its owner reads, for it holds a password.
fn write_private(file: &Path, text: &str) -> Result<(), NodeError> {
    let mut options = fs::OpenOptions::new();
    let mut open =
        options.create(true).write(true).truncate(true).mode(0o600).open(file).map_err(on(file))?;
    open.write_all(text.as_bytes()).map_err(on(file))
}

fn on(path: &Path) -> impl FnOnce(std::io::Error) -> NodeError + use<> {
    let path = path.to_owned();
    move |source| NodeError::File { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_that_was_moved_aside_by_an_interrupted_clone_is_put_back() {
        let home = tempfile::TempDir::new().unwrap();
        let folder = home.path().join("data");
        fs::create_dir_all(home.path().join(".former")).unwrap();
        fs::write(home.path().join(".former/PG_VERSION"), "16\n").unwrap();
        fs::create_dir_all(home.path().join(".making/base")).unwrap();
        let data = Data::open(&folder).unwrap();
        assert_eq!(data.held(), Held::Primary);
        assert!(!home.path().join(".making").exists());
    }

    #[test]
    fn whose_data_it_was_is_told_by_the_file_that_makes_a_standby() {
        let home = tempfile::TempDir::new().unwrap();
        let data = Data::open(&home.path().join("data")).unwrap();
        assert_eq!(data.held(), Held::Nothing);
        fs::create_dir(data.folder()).unwrap();
        fs::write(data.folder().join("PG_VERSION"), "16\n").unwrap();
        fs::write(data.folder().join(STANDBY), "").unwrap();
        assert_eq!(data.held(), Held::Standby);
    }
}
