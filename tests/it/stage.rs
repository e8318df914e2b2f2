//! A folder with a running lab in it, and `lockstep` to call there.

use std::fs::File;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;

use lockstep_lab::daemon::{self, Daemon};
use lockstep_lab::sample::{self, Census, Server};
use lockstep_lab::{Control, LabStatus, Mutation};
pub(crate) use lockstep_tests::block_on;
use serde_json::Value;
use tempfile::TempDir;

/// A folder with a lab that runs as long as this lives.
pub(crate) struct Stage {
    folder: TempDir,
    /// Variables of every call.
    variables: Vec<(String, String)>,
}

/// The variable that the tests keep a store's URL in.
pub(crate) const STORE_URL: &str = "LOCKSTEP_TEST_STORE_URL";

/// What one call of `lockstep` came to.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Stage {
    /// Starts a lab with `arguments` to `lab up`; without `--only`, Redis and those that use it.
    #[track_caller]
    pub(crate) fn up(arguments: &[&str]) -> Self {
        let stage = Self::empty();
        let mut words = vec!["lab", "up"];
        words.extend(arguments);
        if !arguments.contains(&"--only") {
            words.extend([
                "--only",
                "redis",
                "--only",
                "langfuse-worker",
                "--only",
                "litellm",
                "--only",
                "langfuse-web",
            ]);
            words.extend(["--only", "postgres", "--only", "clickhouse", "--only", "minio"]);
        }
        stage.lockstep(&words).expect(0);
        stage
    }

    /// A lab with Redis 6.2 and data of every type in it.
    #[track_caller]
    pub(crate) fn redis_6_with_data() -> Self {
        let stage = Self::up(&["--stack", "redis-6"]);
        stage.lockstep(&["lab", "fill", "--strings", "200"]).expect(0);
        stage
    }

    /// A folder without a lab. All of them share compiled plugins: compiling takes seconds.
    pub(crate) fn empty() -> Self {
        let folder = TempDir::new().unwrap();
        let compiled = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled");
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&compiled).unwrap();
        // As `lockstep` makes it: closed later, it would shut out a PostgreSQL that runs by then.
        let own = folder.path().join(".lockstep");
        std::fs::DirBuilder::new().mode(0o700).create(own).unwrap();
        std::os::unix::fs::symlink(&compiled, folder.path().join(".lockstep/cache")).unwrap();
        Self { folder, variables: Vec::new() }
    }

    /// Another machine's folder, from which the lab of `stage` is environment `same`, reached like any project at Railway.
    pub(crate) fn beside(stage: &Self, settings: &str) -> Self {
        let beside = Self::empty();
        let lab =
            ["RAILWAY_API_URL", "RAILWAY_PROJECT_ID", "RAILWAY_ENVIRONMENT_ID", "LAB_REGISTRY_URL"];
        let [api, project, environment, registry] = lab.map(|name| stage.env(name));
        let text = format!(
            "version = 1\n{settings}\n[environments.same]\nproject = \"{project}\"\nenvironment = \"{environment}\"\n\
             api = \"{api}\"\nregistry = \"{registry}\"\nvia = \"private\"\noptions.redis = {{ soak = \"1\" }}\n"
        );
        std::fs::write(beside.folder().join("lockstep.toml"), text).unwrap();
        beside
    }

    /// Keeps the journal in the lab's PostgreSQL. An upgrade of Redis leaves that alone; a real store is in one of its own.
    pub(crate) fn keep_in_postgresql(&mut self) {
        let text = format!("version = 1\n[store]\npostgres = {{ url-env = \"{STORE_URL}\" }}\n");
        std::fs::write(self.folder().join("lockstep.toml"), text).unwrap();
        self.variables.push((STORE_URL.to_owned(), self.env("DATABASE_URL")));
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Calls `lockstep` in the folder.
    pub(crate) fn lockstep(&self, arguments: &[&str]) -> Done {
        self.lockstep_with(arguments, &[])
    }

    /// Calls `lockstep` in the folder with more variables.
    pub(crate) fn lockstep_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Done {
        let mut command = self.command(arguments);
        command.envs(variables.iter().copied());
        Done::of(&command.output().unwrap())
    }

    /// Begins a call of `lockstep`, and returns it with what it has said so far.
    pub(crate) fn begin(&self, arguments: &[&str]) -> (Child, impl Fn() -> String + use<>) {
        self.begin_with(arguments, &[])
    }

    /// Begins a call of `lockstep` with more variables.
    pub(crate) fn begin_with(
        &self,
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> (Child, impl Fn() -> String + use<>) {
        let path = self.folder.path().join("said");
        let mut command = self.command(arguments);
        command.envs(variables.iter().copied());
        command.stdout(Stdio::null()).stderr(File::create(&path).unwrap());
        (command.spawn().unwrap(), move || std::fs::read_to_string(&path).unwrap())
    }

    /// Returns a call of `lockstep` that has not begun.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.current_dir(self.folder.path()).args(arguments).stdin(Stdio::null());
        command.env_remove("RAILWAY_TOKEN").env_remove("OTEL_EXPORTER_OTLP_ENDPOINT");
        command.envs(self.variables.iter().cloned());
        command
    }

    pub(crate) fn daemon(&self) -> Daemon {
        let folder = self.folder.path().join(".lockstep/lab");
        block_on(daemon::find(&folder)).unwrap().unwrap()
    }

    pub(crate) fn control(&self, control: &Control) -> Value {
        block_on(self.daemon().control(control)).unwrap()
    }

    pub(crate) fn status(&self) -> LabStatus {
        serde_json::from_value(self.control(&Control::Status)).unwrap()
    }

    /// Returns what was changed at Railway, but for the claim on the environment: every process of a run writes that.
    pub(crate) fn mutations(&self) -> Vec<Mutation> {
        let all = self.control(&Control::Mutations);
        let mut all: Vec<Mutation> = serde_json::from_value(all).unwrap();
        all.retain(|it| it.name != "variableUpsert" || it.service.is_some());
        all
    }

    /// Returns a `KEY=value` of `lab env`.
    pub(crate) fn env(&self, name: &str) -> String {
        let env = self.daemon().env;
        env.into_iter().find(|(known, _)| known == name).unwrap_or_else(|| panic!("no {name}")).1
    }

    pub(crate) fn redis(&self) -> Server {
        Server {
            address: self.env("REDIS_ADDRESS"),
            port: 6379,
            password: Some(self.env("REDIS_PASSWORD")),
        }
    }

    /// Counts and hashes everything in Redis that the test wrote: what the stack writes meanwhile changes by itself.
    pub(crate) fn census(&self) -> Census {
        block_on(sample::census(&self.redis())).unwrap()
    }

    /// Returns a counter in Redis.
    pub(crate) fn count(&self, key: &str) -> u64 {
        self.ask(redis::cmd("GET").arg(key)).unwrap()
    }

    /// Adds one to a counter in Redis.
    pub(crate) fn increment(&self, key: &str) -> u64 {
        self.ask(redis::cmd("INCR").arg(key)).unwrap()
    }

    /// Sends one command to Redis.
    pub(crate) fn ask<T: redis::FromRedisValue>(
        &self,
        command: &redis::Cmd,
    ) -> redis::RedisResult<T> {
        let url =
            format!("redis://:{}@{}:6379/", self.env("REDIS_PASSWORD"), self.env("REDIS_ADDRESS"));
        block_on(async {
            let mut connection =
                redis::Client::open(url)?.get_multiplexed_async_connection().await?;
            command.query_async(&mut connection).await
        })
    }

    /// Returns the image that the service's newest deployment really runs.
    pub(crate) fn image(&self, service: &str) -> String {
        self.status().service(service).unwrap().image.clone().unwrap()
    }

    /// Returns the only run's name.
    pub(crate) fn run(&self) -> String {
        let runs = self.lockstep(&["runs", "--json"]).expect(0).json();
        runs["runs"]["runs"][0]["run"].as_str().unwrap().to_owned()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // The lab's guards end its processes even if this call fails.
        let _done = self.lockstep(&["lab", "down"]);
    }
}

impl Done {
    pub(crate) fn of(output: &Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Fails the test unless the exit code is this one.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }

    /// Fails the test unless standard error says this.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(self.err.contains(text), "`{text}` is not in:\n{}", self.err);
        self
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.out))
    }
}

/// Returns the repository's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Returns the `lockstep` of this build, building it if need be.
pub(crate) fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        // The whole workspace, as the tests themselves were built: another selection has other features, so other builds.
        let all = ["build", "--quiet", "--workspace", "--bins", "--tests"];
        let mut cargo = Command::new(env!("CARGO"));
        // Cargo tells a test about its package, and build scripts of dependencies read that too: all would be built once more.
        for (name, _) in std::env::vars_os() {
            let told = ["CARGO_MANIFEST_", "CARGO_PKG_", "CARGO_BIN_", "CARGO_CRATE_"];
            if name.to_str().is_some_and(|name| told.iter().any(|told| name.starts_with(told))) {
                cargo.env_remove(name);
            }
        }
        let built = cargo.args(all).current_dir(root()).status();
        assert!(built.unwrap().success(), "lockstep does not build");
        let own = std::env::current_exe().unwrap();
        own.parent().unwrap().parent().unwrap().join("lockstep")
    })
}
