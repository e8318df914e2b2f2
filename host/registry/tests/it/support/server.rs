//! A real registry on loopback.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;

use tempfile::TempDir;

/// The user `ann` with the password `secret`, as `htpasswd` writes her.
const USERS: &str = "ann:$2b$04$vif/xbBgaPNKDZz02vIwku1z9If32MTIxHzSTkpsAsKXS/ilcnN0G\n";

/// Finds a program where `cargo xtask setup` puts it, or in the system.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/programs");
    let fetched = std::fs::read_dir(programs).into_iter().flatten().filter_map(Result::ok);
    #[expect(clippy::disallowed_methods, reason = "where programs are is a fact of the machine")]
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = fetched.map(|entry| entry.path().join("bin"));
    folders
        .chain(std::env::split_paths(&path))
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

/// The registry, which is stopped when it is dropped.
pub(crate) struct Server {
    process: Child,
    drain: Option<JoinHandle<()>>,
    host: String,
    _folder: TempDir,
}

impl Server {
    /// Starts a registry that everybody may use; says so and returns nothing where there is none.
    pub(crate) fn start() -> Option<Self> {
        Self::with("")
    }

    /// Starts a registry that only Ann may use.
    pub(crate) fn closed() -> Option<Self> {
        Self::with("auth:\n  htpasswd:\n    realm: test\n    path: FOLDER/users\n")
    }

    fn with(more: &str) -> Option<Self> {
        let Some(program) = program("docker-registry") else {
            eprintln!("skipped: there is no docker-registry here; `cargo xtask setup` gets it");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().display().to_string();
        std::fs::write(folder.path().join("users"), USERS).unwrap();
        let config = format!(
            "version: 0.1\nlog:\n  accesslog:\n    disabled: true\nstorage:\n  filesystem:\n    rootdirectory: FOLDER/data\n\
             http:\n  addr: 127.0.0.1:0\n{more}"
        );
        let file = folder.path().join("config.yml");
        std::fs::write(&file, config.replace("FOLDER", &place)).unwrap();
        let mut process = Command::new(program)
            .arg("serve")
            .arg(&file)
            .env_clear()
            .env("OTEL_TRACES_EXPORTER", "none")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let mut said = Vec::new();
        let host = loop {
            let Some(Ok(line)) = lines.next() else { panic!("it ended: {}", said.join("\n")) };
            let address = line.split_once("listening on ").map(|(_, rest)| rest.to_owned());
            said.push(line);
            if let Some(address) = address {
                break address.split(['"', ',', ' ']).next().unwrap().to_owned();
            }
        };
        let drain = std::thread::spawn(move || lines.for_each(drop));
        Some(Self { process, drain: Some(drain), host, _folder: folder })
    }

    /// The host with its port.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
        if let Some(drain) = self.drain.take() {
            drop(drain.join());
        }
    }
}
