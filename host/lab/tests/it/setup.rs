//! A lab for one test, and a client of its API.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lockstep_lab::programs::Programs;
use lockstep_lab::stand_in::{ADDRESS_VARIABLE, Kind};
use lockstep_lab::{Lab, Options};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::Instant;

pub(crate) const PATIENCE: Duration = Duration::from_mins(1);
pub(crate) const REDIS: &str = "redis:7.0.15";

/// A lab that is gone when the test is over.
pub(crate) struct Fixture {
    pub(crate) lab: Lab,
    pub(crate) folder: TempDir,
}

/// An HTTP answer.
#[derive(Debug)]
pub(crate) struct Http {
    pub(crate) status: u16,
    pub(crate) headers: String,
    pub(crate) body: String,
}

/// What runs as `lockstep lab stand-in <kind>`: this test program itself. Alone it does nothing.
#[tokio::test]
async fn runs_a_stand_in() {
    let variables: std::collections::BTreeMap<String, String> = std::env::vars().collect();
    let Some(kind) = variables.get("LOCKSTEP_TEST_KIND") else { return };
    let address = variables.get(ADDRESS_VARIABLE).unwrap().parse().unwrap();
    lockstep_lab::stand_in::run(Kind::named(kind).unwrap(), variables, address).await.unwrap();
}

pub(crate) fn options(folder: &Path) -> Options {
    let programs =
        Programs::find(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/programs"));
    let mut options = Options::new(folder.join("lab"), programs, stand_in(folder));
    options.time_scale = 0.05;
    options.pace = Duration::from_millis(5);
    options.images.insert("redis".to_owned(), REDIS.to_owned());
    options
}

/// Starts a lab with these services of the stack deployed.
pub(crate) async fn up(services: &[&str]) -> Fixture {
    up_with(services, |_| {}).await
}

pub(crate) async fn up_with(services: &[&str], change: impl FnOnce(&mut Options)) -> Fixture {
    let folder = TempDir::new().unwrap();
    // PostgreSQL, which runs as a user of its own, must get through.
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut options = options(folder.path());
    options.services = Some(services.iter().map(|name| (*name).to_owned()).collect());
    change(&mut options);
    let lab = Lab::up(options).await.unwrap();
    lab.settle(PATIENCE).await.unwrap();
    Fixture { lab, folder }
}

fn stand_in(folder: &Path) -> PathBuf {
    let script = folder.join("lockstep");
    let this = std::env::current_exe().unwrap();
    let text = format!(
        "#!/bin/sh\nLOCKSTEP_TEST_KIND=$3 exec '{}' --exact setup::runs_a_stand_in --nocapture\n",
        this.display()
    );
    std::fs::write(&script, text).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    script
}

/// Sends one HTTP request and reads the answer until the end of the connection.
pub(crate) async fn http(
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> std::io::Result<Http> {
    let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut request = format!("{method} /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
    for (name, value) in headers {
        write!(request, "{name}: {value}\r\n").unwrap();
    }
    write!(
        request,
        "Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let address: SocketAddr = host.parse().unwrap();
    tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(request.as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let cut = || std::io::Error::other("the connection was cut without an answer");
        let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(cut)?;
        let status =
            head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(cut)?;
        Ok(Http { status, headers: head.to_lowercase(), body: body.to_owned() })
    })
    .await
    .unwrap()
}

impl Fixture {
    /// Sends a document with the lab's project token and returns the response.
    pub(crate) async fn ask(&self, query: &str, variables: Value) -> Value {
        let answer = self.send(query, variables, &self.lab.token()).await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
        serde_json::from_str(&answer.body).unwrap()
    }

    pub(crate) async fn send(
        &self,
        query: &str,
        variables: Value,
        token: &str,
    ) -> std::io::Result<Http> {
        let body = json!({ "query": query, "variables": variables }).to_string();
        http("POST", &self.lab.api_url(), &[("Project-Access-Token", token)], &body).await
    }

    /// Sends a document that must be answered without errors, and returns its data.
    #[track_caller]
    pub(crate) fn data(&self, query: &str, variables: Value) -> impl Future<Output = Value> {
        let caller = std::panic::Location::caller();
        async move {
            let response = self.ask(query, variables).await;
            assert!(response.get("errors").is_none(), "{caller}: {response}");
            response["data"].clone()
        }
    }

    /// Sends a document that must be refused, and returns the first error's message.
    pub(crate) async fn refused(&self, query: &str, variables: Value) -> String {
        let response = self.ask(query, variables).await;
        response["errors"][0]["message"]
            .as_str()
            .unwrap_or_else(|| panic!("not refused: {response}"))
            .to_owned()
    }

    pub(crate) fn service(&self, name: &str) -> String {
        self.lab.service_id(name).unwrap()
    }

    /// Deploys a service and returns the deployment once it is settled.
    pub(crate) async fn deploy(&self, name: &str) -> Value {
        let variables = json!({ "s": self.service(name), "e": self.lab.environment_id() });
        let data = self
            .data("mutation($s:String!,$e:String!){serviceInstanceDeployV2(serviceId:$s,environmentId:$e)}", variables)
            .await;
        self.settled(data["serviceInstanceDeployV2"].as_str().unwrap()).await
    }

    pub(crate) async fn settled(&self, id: &str) -> Value {
        let progress = ["QUEUED", "WAITING", "INITIALIZING", "BUILDING", "DEPLOYING", "REMOVING"];
        self.deployment_when(id, |deployment| {
            !progress.contains(&deployment["status"].as_str().unwrap())
        })
        .await
    }

    /// Polls a deployment until `reached` holds.
    pub(crate) async fn deployment_when(
        &self,
        id: &str,
        reached: impl Fn(&Value) -> bool,
    ) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let deployment = self.deployment(id).await;
            if reached(&deployment) {
                return deployment;
            }
            assert!(Instant::now() < deadline, "{deployment}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub(crate) async fn deployment(&self, id: &str) -> Value {
        let query = "query($id:String!){deployment(id:$id){id status meta deploymentStopped canRollback instances{status}}}";
        self.data(query, json!({ "id": id })).await["deployment"].clone()
    }

    /// Returns the id of the newest deployment of a service.
    pub(crate) async fn latest(&self, name: &str) -> String {
        let query = "query($s:String!,$e:String!){serviceInstance(serviceId:$s,environmentId:$e){latestDeployment{id}}}";
        let variables = json!({ "s": self.service(name), "e": self.lab.environment_id() });
        let data = self.data(query, variables).await;
        data["serviceInstance"]["latestDeployment"]["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn set_image(&self, name: &str, image: &str) {
        self.update(name, json!({ "source": { "image": image } })).await;
    }

    pub(crate) async fn update(&self, name: &str, input: Value) {
        let query = "mutation($s:String!,$e:String!,$i:ServiceInstanceUpdateInput!)\
                     {serviceInstanceUpdate(serviceId:$s,environmentId:$e,input:$i)}";
        let variables =
            json!({ "s": self.service(name), "e": self.lab.environment_id(), "i": input });
        self.data(query, variables).await;
    }

    /// Returns what the events of a deployment give as reasons and errors.
    pub(crate) async fn reasons(&self, deployment: &str) -> String {
        let query = "query($id:String!){deploymentEvents(id:$id,first:100){edges{node{step payload{error reason}}}}}";
        self.data(query, json!({ "id": deployment })).await["deploymentEvents"].to_string()
    }

    /// Sends commands to the stack's Redis and returns its answers.
    pub(crate) async fn redis(&self, commands: &str) -> std::io::Result<String> {
        let password = self.lab.variables("redis").unwrap()["REDIS_PASSWORD"].clone();
        let address = SocketAddr::from((self.lab.address("redis").unwrap(), 6379));
        let text = format!("AUTH {password}\r\n{commands}\r\nQUIT\r\n");
        tokio::task::spawn_blocking(move || {
            let mut stream = TcpStream::connect(address)?;
            stream.set_read_timeout(Some(Duration::from_secs(5)))?;
            stream.write_all(text.as_bytes())?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer)
        })
        .await
        .unwrap()
    }

    /// Asks Redis until it answers with `expected`.
    pub(crate) async fn redis_says(&self, commands: &str, expected: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = self.redis(commands).await;
            if answer.as_ref().is_ok_and(|answer| answer.contains(expected)) {
                return;
            }
            assert!(Instant::now() < deadline, "{answer:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}
