//! A running lab.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;

use crate::clock::Clock;
use crate::control::{self, Control, ControlError};
use crate::faults::Fault;
use crate::options::Options;
use crate::stack::StackError;
use crate::state::{Header, Mutation, Rights, State, Trigger};
use crate::status::LabStatus;
use crate::store::{self, StoreError};
use crate::twin::{Parts, Twin};
use crate::{api, deploy, identity, registry, releases, stack, strike};

/// The port of the API on 127.77.N.1, which nothing else of a lab has.
const PORT: u16 = 8077;
const LOCK_TRIES: u32 = 10;

/// A running lab; dropping it kills everything that it started.
#[derive(Debug)]
pub struct Lab {
    twin: Arc<Twin>,
    address: SocketAddr,
    /// Held for as long as the lab lives, so that a folder has one lab.
    _lock: File,
}

/// Why a lab did not start, or did not get where it should.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// Another lab runs in the folder.
    #[error("another lab runs in `{0}`")]
    Taken(PathBuf),
    /// The folder can't be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No block of addresses is free, or the one asked for is not.
    #[error("could not listen on 127.77.{block}.1:{PORT}")]
    Address {
        /// N of 127.77.N.x.
        block: u8,
        /// What the system said.
        source: std::io::Error,
    },
    /// The stack can't be built as asked.
    #[error(transparent)]
    Stack(#[from] StackError),
    /// The folder holds another stack than was asked for.
    #[error("`{folder}` holds the stack `{held}`; delete the folder to start with `{asked}`")]
    OtherStack {
        /// The folder.
        folder: PathBuf,
        /// Its stack.
        held: String,
        /// The stack asked for.
        asked: String,
    },
    /// The crate's own schema is broken.
    #[error("could not read Railway's schema: {0}")]
    Schema(String),
    /// Deployments were still under way when the time was over.
    #[error("still under way after {seconds} s: {services}")]
    NotSettled {
        /// How long was waited.
        seconds: u64,
        /// The services, comma-separated.
        services: String,
    },
}

impl Lab {
    /// Starts a lab and sets its first deployments going.
    ///
    /// When this returns, the API answers; [`Lab::settle`] waits for the deployments. The registry starts
    /// with its usual tags each time, also over a folder of an earlier lab.
    pub async fn up(options: Options) -> Result<Self, LabError> {
        store::prepare(&options.folder)?;
        let lock = lock(&options.folder).await?;
        let clock = Clock::new(options.start);
        let earlier = store::load(&options.folder)?;
        let wanted = options.block.or(earlier.as_ref().map(|state| state.block));
        let (block, listener) = listen(wanted, options.block.is_some()).await?;
        let mut state = match earlier {
            Some(state) if state.stack != options.stack.name() => {
                let (held, asked) = (state.stack, options.stack.name().to_owned());
                return Err(LabError::OtherStack { folder: options.folder, held, asked });
            }
            Some(mut state) => {
                store::take_up(&mut state, block);
                state
            }
            None => fresh(&options, block, &clock)?,
        };
        let schema = api::schema().map_err(LabError::Schema)?;
        let first = first_services(&state, options.services.as_deref())?;
        deploy::deploy_all(&mut state, &first, Trigger::Again, clock.stamp());
        let work = std::mem::take(&mut state.work);
        let began = jiff::Timestamp::now().as_nanosecond().to_string();
        let control_token = identity::hex(&["control", &began, &std::process::id().to_string()]);
        let parts = Parts {
            clock,
            folder: options.folder,
            programs: if stack::has_real_litellm(&state.stack) {
                options.programs
            } else {
                options.programs.without_litellm()
            },
            stand_in: options.stand_in,
            time_scale: options.time_scale,
            pace: options.pace,
            control_token,
        };
        let twin = Twin::new(state, parts);
        let address = SocketAddr::from((Ipv4Addr::new(127, 77, block, 1), PORT));
        let routes = registry::routes().merge(releases::routes()).merge(control::routes());
        let routes = routes.with_state(Arc::clone(&twin));
        let routes = routes.merge(api::routes(Arc::clone(&twin), schema));
        let service = routes.into_make_service_with_connect_info::<api::Cut>();
        twin.spawn(async move {
            if let Err(error) = axum::serve(api::Connections(listener), service).await {
                tracing::error!(%error, "the lab's API ended");
            }
        });
        twin.spawn(store::keep_saved(Arc::clone(&twin)));
        twin.write(|state| state.work = work);
        Ok(Self { twin, address, _lock: lock })
    }

    /// Stops everything that the lab started and saves its state.
    pub async fn down(self) -> Result<(), LabError> {
        self.twin.abort();
        self.twin.ended().await;
        store::save(&self.twin).await?;
        Ok(())
    }

    /// Waits until no deployment and no backup is under way.
    pub async fn settle(&self, patience: Duration) -> Result<LabStatus, LabError> {
        let open = |state: &State| {
            let open =
                state.deployments.iter().filter(|deployment| deployment.status.in_progress());
            let mut names: Vec<_> = open
                .filter_map(|open| Some(state.service(&open.service_id)?.name.clone()))
                .collect();
            names.dedup();
            names
        };
        match tokio::time::timeout(patience, self.twin.until(|state| open(state).is_empty())).await
        {
            Ok(()) => Ok(self.status()),
            Err(_elapsed) => {
                let services = self.twin.read(open).join(", ");
                Err(LabError::NotSettled { seconds: patience.as_secs(), services })
            }
        }
    }

    /// Waits until somebody asks for the lab's end through its controls.
    pub async fn asked_down(&self) {
        let mut down = self.twin.down.subscribe();
        // The sender lives in the twin, which this lab holds.
        if let Err(error) = down.wait_for(|down| *down).await {
            tracing::debug!(%error, "the lab is gone");
        }
    }

    /// Returns the address of Railway's API, as `RAILWAY_API_URL` takes it.
    pub fn api_url(&self) -> String {
        format!("{}/graphql/v2", self.url())
    }

    /// Returns the address that the registry (`/v2/…`) and the controls (`/lab/control`) are below.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the project token with all rights.
    pub fn token(&self) -> String {
        self.first_token(Header::ProjectAccessToken)
    }

    /// Returns the workspace token, which is sent as Bearer.
    pub fn workspace_token(&self) -> String {
        self.first_token(Header::Bearer)
    }

    /// Makes a project token with these rights.
    pub fn new_token(&self, rights: Rights) -> String {
        self.twin.token(rights, self.twin.clock.stamp())
    }

    /// Returns the token that guards the controls.
    pub fn control_token(&self) -> &str {
        &self.twin.control_token
    }

    /// Returns the id of the lab's project.
    pub fn project_id(&self) -> String {
        self.twin.read(|state| state.project_id.clone())
    }

    /// Returns the id of the lab's environment.
    pub fn environment_id(&self) -> String {
        self.twin.read(|state| state.environment_id.clone())
    }

    /// Returns the id of the service of this name.
    pub fn service_id(&self, name: &str) -> Option<String> {
        self.twin.read(|state| state.named(name).map(|service| service.id.clone()))
    }

    /// Returns the loopback address of the service of this name.
    pub fn address(&self, name: &str) -> Option<Ipv4Addr> {
        self.twin.read(|state| state.named(name).map(|service| service.address))
    }

    /// Returns N of the lab's addresses 127.77.N.x.
    pub fn block(&self) -> u8 {
        self.twin.read(|state| state.block)
    }

    /// Returns the folder that the lab keeps everything in.
    pub fn folder(&self) -> &Path {
        &self.twin.folder
    }

    /// Returns what it takes to reach the lab with other tools, as `lockstep lab env` prints it.
    pub fn env(&self) -> Vec<(String, String)> {
        let mut env = vec![
            ("RAILWAY_API_URL".to_owned(), self.api_url()),
            ("RAILWAY_TOKEN".to_owned(), self.token()),
            ("RAILWAY_PROJECT_ID".to_owned(), self.project_id()),
            ("RAILWAY_ENVIRONMENT_ID".to_owned(), self.environment_id()),
            ("LAB_REGISTRY_URL".to_owned(), self.url()),
        ];
        let services = self.twin.read(|state| {
            let one = |service: &crate::state::Service| (service.name.clone(), service.address);
            state.services.iter().map(one).collect::<Vec<_>>()
        });
        for (name, address) in services {
            env.push((
                format!("{}_ADDRESS", name.to_uppercase().replace(['-', ' '], "_")),
                address.to_string(),
            ));
        }
        for (service, name) in [("redis", "REDIS_PASSWORD"), ("postgres", "DATABASE_URL")] {
            let value = self.variables(service).and_then(|mut variables| variables.remove(name));
            env.extend(value.map(|value| (name.to_owned(), value)));
        }
        // The cluster's own front, where there is one.
        for (front, name) in
            [("pgpool", "PGPOOL_DATABASE_URL"), ("Postgres HA", "POSTGRES_HA_DATABASE_URL")]
        {
            let url = self.variables(front).and_then(|mut all| all.remove("DATABASE_URL"));
            env.extend(url.map(|url| (name.to_owned(), url)));
        }
        env
    }

    /// Returns a service's variables as its process gets them.
    pub fn variables(&self, service: &str) -> Option<std::collections::BTreeMap<String, String>> {
        use crate::reference::{Reader, rendered};
        self.twin.read(|state| {
            state.named(service).map(|service| rendered(state, service, Reader::Process))
        })
    }

    /// Returns the status of every service.
    pub fn status(&self) -> LabStatus {
        control::status(&self.twin)
    }

    /// Returns the mutations that were carried out, oldest first.
    pub fn mutations(&self) -> Vec<Mutation> {
        control::mutations(&self.twin)
    }

    /// Lets something go wrong from now on.
    pub fn inject(&self, fault: Fault) {
        self.twin.faults(|faults| faults.add(fault));
        strike::strike(&self.twin);
    }

    /// Ends all faults.
    pub fn mend(&self) {
        strike::mend(&self.twin);
    }

    /// Does what `POST /lab/control` does.
    pub fn control(&self, control: Control) -> Result<serde_json::Value, ControlError> {
        control::carry_out(&self.twin, control)
    }

    fn first_token(&self, header: Header) -> String {
        let first = |state: &State| {
            state
                .tokens
                .iter()
                .find(|token| token.header == header)
                .map(|token| token.value.clone())
        };
        self.twin.read(first).unwrap_or_default()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.twin.abort();
    }
}

/// Takes the folder's lock.
///
/// Whoever looks for a lab takes the lock for an instant too, so one refusal proves nothing.
async fn lock(folder: &Path) -> Result<File, LabError> {
    for _ in 0..LOCK_TRIES {
        if let Some(lock) = store::lock(folder)? {
            return Ok(lock);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Err(LabError::Taken(folder.to_owned()))
}

/// Takes the wanted block of addresses, or the first free one.
async fn listen(wanted: Option<u8>, only_that: bool) -> Result<(u8, TcpListener), LabError> {
    let mut refused = None;
    for block in wanted.into_iter().chain(1..=254) {
        match TcpListener::bind((Ipv4Addr::new(127, 77, block, 1), PORT)).await {
            Ok(listener) => return Ok((block, listener)),
            Err(source) => {
                let error = LabError::Address { block, source };
                if only_that {
                    return Err(error);
                }
                refused = Some(error);
            }
        }
    }
    let none =
        || LabError::Address { block: 0, source: std::io::Error::other("no block was tried") };
    Err(refused.unwrap_or_else(none))
}

fn fresh(options: &Options, block: u8, clock: &Clock) -> Result<State, LabError> {
    let now = clock.stamp();
    let mut state = State::new(options.stack.name(), options.seed, block, now);
    stack::build(&mut state, options.stack, &options.images, now)?;
    for (name, header) in [("lab", Header::ProjectAccessToken), ("lab-workspace", Header::Bearer)] {
        let token = crate::state::Token {
            id: state.id(),
            name: name.to_owned(),
            value: identity::uuid(options.seed, &format!("token {name}")),
            header,
            rights: Rights::Full,
            created_at: now,
        };
        state.tokens.push(token);
    }
    Ok(state)
}

fn first_services(state: &State, names: Option<&[String]>) -> Result<Vec<String>, LabError> {
    let Some(names) = names else {
        return Ok(state.services.iter().map(|service| service.id.clone()).collect());
    };
    let found = names.iter().map(|name| {
        let service = state.named(name).map(|service| service.id.clone());
        service.ok_or_else(|| LabError::Stack(StackError::NoService(name.clone())))
    });
    found.collect()
}
