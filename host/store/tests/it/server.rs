//! A real PostgreSQL server for these tests, in a folder of its own, which ends when this process does.

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use lockstep_lab::programs::Programs;
use lockstep_store::{Access, Store};
use secrecy::SecretString;
use tokio_postgres::{Client, NoTls};

/// The role that the tests come as, and its password.
pub(crate) const PASSWORD: &str = "s3cret-of-ada";

/// Makes the database, starts it, says so, and ends it when nobody holds the other end of its input any more. Every way
/// in which the tests can end closes that end.
const KEEPER: &str = r#"
set -eu
folder=$1 bin=$2
printf %s "$3" > "$folder/password"
"$bin/initdb" -D "$folder/data" -U ada --pwfile="$folder/password" --auth=scram-sha-256 -E UTF8 --no-locale \
    --no-sync --no-instructions > "$folder/log" 2>&1
cat >> "$folder/data/postgresql.conf" <<END
listen_addresses = ''
unix_socket_directories = '$folder'
max_connections = 400
shared_buffers = 32MB
synchronous_commit = off
log_min_messages = fatal
END
start() { "$bin/pg_ctl" -D "$folder/data" -l "$folder/log" -w -t 120 start > /dev/null 2>&1; }
start || { cat "$folder/log" >&2; exit 1; }
echo ready
while read -r word; do
    kill -s "$word" "$(head -n 1 "$folder/data/postmaster.pid")"
    until start; do :; done
    echo ready
done
"$bin/pg_ctl" -D "$folder/data" -m immediate stop > /dev/null 2>&1 || :
rm -rf "$folder"
"#;

/// A server, kept by a process that outlives whatever happens to the tests.
pub(crate) struct Server {
    keeper: Child,
    input: Option<ChildStdin>,
    lines: BufReader<std::process::ChildStdout>,
    folder: PathBuf,
}

impl Server {
    /// Starts a server of its own.
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap().keep();
        let programs = Programs::find(&programs());
        let bin = &programs.postgres(None).expect("PostgreSQL is installed").bin;
        let mut command = Command::new("sh");
        command.args(["-c", KEEPER, "sh"]).arg(&folder).arg(bin).arg(PASSWORD);
        if rustix::process::geteuid().is_root() {
            // PostgreSQL refuses root.
            let (user, group) = user();
            chown(&folder, Some(user), Some(group)).unwrap();
            command.uid(user).gid(group);
        }
        fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
        command.current_dir("/").stdin(Stdio::piped()).stdout(Stdio::piped());
        // A signal for the tests, such as that of Ctrl-C, is not for the keeper.
        let mut keeper = command.process_group(0).spawn().unwrap();
        let (input, lines) = (keeper.stdin.take(), BufReader::new(keeper.stdout.take().unwrap()));
        let mut server = Self { keeper, input, lines, folder };
        server.wait();
        server
    }

    /// Kills the server as a power cut would, and starts it again.
    pub(crate) fn kill_and_start(&mut self) {
        use std::io::Write;
        self.input.as_mut().unwrap().write_all(b"KILL\n").unwrap();
        self.wait();
    }

    pub(crate) fn url(&self) -> String {
        url(&self.folder, "ada", PASSWORD, "postgres")
    }

    fn wait(&mut self) {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.input.take());
        drop(self.keeper.wait());
    }
}

/// Returns the folder of the server that all tests of this process share.
pub(crate) fn shared() -> &'static Path {
    // A value of this kind is never dropped, and need not be: the end of the process is what the keeper waits for.
    static SERVER: OnceLock<Server> = OnceLock::new();
    &SERVER.get_or_init(Server::start).folder
}

/// Returns a name for a schema that no other test has.
pub(crate) fn fresh() -> String {
    static LAST: AtomicU32 = AtomicU32::new(0);
    format!("test_{}", LAST.fetch_add(1, Ordering::Relaxed))
}

pub(crate) fn url(folder: &Path, user: &str, password: &str, database: &str) -> String {
    let host = folder.display().to_string().replace('/', "%2F");
    format!("postgres://{user}:{password}@{host}/{database}")
}

pub(crate) fn shared_url() -> String {
    url(shared(), "ada", PASSWORD, "postgres")
}

/// Opens a store as the command line does.
pub(crate) async fn connect(url: &str, schema: &str) -> Store {
    let access = Access::new(&SecretString::from(url), schema).unwrap();
    Store::connect(access).await.unwrap()
}

/// Opens a session beside the store's, to do what no code of ours does.
pub(crate) async fn raw(url: &str, schema: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute(&format!("SET search_path = {schema}")).await.unwrap();
    client
}

#[expect(
    clippy::disallowed_methods,
    reason = "where programs are is told by whoever runs the tests"
)]
fn programs() -> PathBuf {
    std::env::var_os("LOCKSTEP_PROGRAMS").map(PathBuf::from).unwrap_or_default()
}

/// The user `postgres` where there is one, else `nobody`.
fn user() -> (u32, u32) {
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let named = |name: &str| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    named("postgres").or_else(|| named("nobody")).unwrap()
}
