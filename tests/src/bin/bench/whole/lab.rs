//! A lab in a folder of its own, with data in it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use lockstep_lab::daemon::{self, Daemon};
use lockstep_lab::{Control, LabStatus, ServiceStatus};
use lockstep_tests::api::graphql;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::Fallible;
use crate::place;

/// How long the lab may take to start, and its services to settle.
const PATIENCE: Duration = Duration::from_secs(320);

/// How often it is looked at meanwhile.
const EVERY: Duration = Duration::from_millis(50);

/// Statuses of a deployment that is under way.
const UNDER_WAY: [&str; 5] = ["QUEUED", "INITIALIZING", "BUILDING", "DEPLOYING", "WAITING"];

/// A lab that runs as long as this lives.
///
/// It is served in the foreground of a child, so that Ctrl-C ends it with this program.
#[derive(Debug)]
pub(crate) struct Lab {
    folder: TempDir,
    lockstep: PathBuf,
    process: Child,
}

impl Lab {
    /// Starts a lab with the stack that has Redis 6.2, waits until every service has settled, and writes data.
    pub(crate) fn redis_6_with_data() -> Fallible<Self> {
        let lab = Self::up(&["--stack", "redis-6"])?;
        let filled = lab.command(&["lab", "fill"]).output()?;
        if !filled.status.success() {
            return Err(String::from_utf8_lossy(&filled.stderr).into_owned().into());
        }
        Ok(lab)
    }

    /// Starts a lab and waits until every service has settled.
    pub(crate) fn up(arguments: &[&str]) -> Fallible<Self> {
        let (folder, lockstep) = (tempfile::tempdir()?, place::lockstep()?);
        let mut serve = Command::new(&lockstep);
        serve.current_dir(folder.path()).args(["lab", "serve"]).args(arguments);
        serve.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let process = serve.spawn()?;
        let mut lab = Self { folder, lockstep, process };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(lab.settled())?;
        Ok(lab)
    }

    /// Returns a call of `lockstep` in the lab's folder that has not begun.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.lockstep);
        command.current_dir(self.folder.path()).args(arguments).env_remove("RAILWAY_TOKEN");
        command
    }

    /// Returns how many requests the lab's API has left in this hour; asking is one of them.
    pub(crate) fn requests_left(&self) -> Fallible<u64> {
        let url = self.env("RAILWAY_API_URL")?;
        let url = url.strip_prefix("http://").and_then(|url| url.split_once('/'));
        let (host, path) = url.ok_or("the lab's API is not where it should be")?;
        let mut stream = TcpStream::connect(host)?;
        write!(
            stream,
            "POST /{path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}"
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let left = answer.lines().find_map(|line| line.strip_prefix("x-ratelimit-remaining: "));
        Ok(left.ok_or("the lab does not count requests")?.trim().parse()?)
    }

    /// Returns a `KEY=value` of `lab env`.
    pub(crate) fn env(&self, name: &str) -> Fallible<String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let daemon = runtime.block_on(self.daemon())?.ok_or("the lab is gone")?;
        let found = daemon.env.into_iter().find(|(known, _)| known == name);
        Ok(found.ok_or_else(|| format!("the lab tells no {name}"))?.1)
    }

    /// Returns a service's address.
    pub(crate) fn address(&self, service: &str) -> Fallible<String> {
        Ok(self.service(service)?.address)
    }

    /// Writes `lockstep.toml`.
    pub(crate) fn configure(&self, toml: &str) -> std::io::Result<()> {
        std::fs::write(self.folder.path().join("lockstep.toml"), toml)
    }

    /// Sets a variable of a service; nothing is deployed.
    pub(crate) fn set(&self, service: &str, name: &str, value: &str) -> Fallible<()> {
        let input = json!({
            "projectId": self.env("RAILWAY_PROJECT_ID")?, "environmentId": self.env("RAILWAY_ENVIRONMENT_ID")?,
            "serviceId": self.service(service)?.id, "name": name, "value": value, "skipDeploys": true,
        });
        let document = "mutation($i:VariableUpsertInput!){variableUpsert(input:$i)}";
        let done = self.ask(document, &json!({ "i": input }))?;
        let is_set = done.pointer("/data/variableUpsert") == Some(&json!(true));
        if is_set { Ok(()) } else { Err(format!("`{name}` is not set: {done}").into()) }
    }

    /// Returns a variable of a service, as it is rendered.
    pub(crate) fn variable(&self, service: &str, name: &str) -> Fallible<String> {
        let document = "query($p:String!,$e:String!,$s:String){variables(projectId:$p,environmentId:$e,serviceId:$s)}";
        let (project, environment) =
            (self.env("RAILWAY_PROJECT_ID")?, self.env("RAILWAY_ENVIRONMENT_ID")?);
        let service = self.service(service)?.id;
        let found = self.ask(document, &json!({ "p": project, "e": environment, "s": service }))?;
        let value = found.pointer("/data/variables").and_then(|all| all.get(name)?.as_str());
        Ok(value.ok_or_else(|| format!("there is no `{name}`"))?.to_owned())
    }

    fn ask(&self, document: &str, variables: &Value) -> Fallible<Value> {
        let (url, token) = (self.env("RAILWAY_API_URL")?, self.env("RAILWAY_TOKEN")?);
        Ok(graphql(&url, &token, document, variables))
    }

    fn service(&self, name: &str) -> Fallible<ServiceStatus> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let status = runtime.block_on(async {
            let daemon = self.daemon().await?.ok_or("the lab is gone")?;
            Fallible::Ok(serde_json::from_value::<LabStatus>(
                daemon.control(&Control::Status).await?,
            )?)
        })?;
        Ok(status.service(name).ok_or("the lab has no such service")?.clone())
    }

    async fn daemon(&self) -> Fallible<Option<Daemon>> {
        let folder = self.folder.path().join(".lockstep/lab");
        if !folder.exists() {
            return Ok(None);
        }
        Ok(daemon::find(&folder).await?)
    }

    async fn settled(&mut self) -> Fallible<()> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(ended) = self.process.try_wait()? {
                return Err(format!("the lab ended with {ended}").into());
            }
            if let Some(daemon) = self.daemon().await? {
                let status: LabStatus =
                    serde_json::from_value(daemon.control(&Control::Status).await?)?;
                let open = |status: &str| UNDER_WAY.contains(&status);
                if !status.services.iter().any(|service| open(&service.status)) {
                    return Ok(());
                }
            }
            tokio::time::sleep(EVERY).await;
        }
        Err(format!("the lab did not settle within {} s", PATIENCE.as_secs()).into())
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let down = self.command(&["lab", "down"]).output();
        let stopped = down.is_ok_and(|down| down.status.success());
        // The lab's guards end its servers even if it is killed.
        let ended = if stopped { Ok(()) } else { self.process.kill() };
        if let Err(error) = ended.and_then(|()| self.process.wait()) {
            eprintln!(
                "bench: could not stop the lab in `{}`: {error}",
                self.folder.path().display()
            );
        }
    }
}
