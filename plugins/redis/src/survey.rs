//! Everything that a plan reads before it decides.

use std::collections::BTreeMap;

use lockstep_sdk::blocks::smoke::{self as block, Answered, Look as Path};
use lockstep_sdk::failure::allowed;
use lockstep_sdk::image::Image;
use lockstep_sdk::outside::{Http, Railway, Redis};
use lockstep_sdk::{Deployment, Failure, Finding, Service, Variable, history};

use crate::clients::{self, Referrers};
use crate::look::Look;
use crate::options::{Options, WORKER};
use crate::outage::Use;
use crate::queues::Queues;
use crate::server::Server;
use crate::smoke;

/// A service and what runs of it.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    /// The service.
    pub(crate) service: Service,
    /// Its deployments, newest first.
    pub(crate) deployments: Vec<Deployment>,
}

impl Running {
    /// Returns the deployment that is up.
    pub(crate) fn up(&self) -> Option<&Deployment> {
        history::running(&self.deployments)
    }

    /// Returns the digest that runs.
    pub(crate) fn digest(&self) -> Option<&str> {
        self.up()?.digest.as_deref()
    }

    /// Returns the configured image in its parts.
    pub(crate) fn image(&self) -> Option<Image> {
        self.service.image.as_deref().and_then(Image::parse)
    }

    /// Returns a setting.
    pub(crate) fn setting(&self, name: &str) -> Option<&str> {
        self.service.settings.iter().find(|(set, _)| set == name).map(|(_, value)| value.as_str())
    }
}

/// What is in the server.
#[derive(Clone, Debug)]
pub(crate) struct Inside {
    /// What it says about itself.
    pub(crate) server: Server,
    /// Its keys.
    pub(crate) look: Look,
    /// Keys by type.
    pub(crate) queues: Queues,
    /// Connected clients by address and user, and how often each.
    pub(crate) clients: BTreeMap<String, u64>,
    /// Connections of sentinels.
    pub(crate) sentinels: u64,
}

/// The stack as a plan finds it.
#[derive(Clone, Debug)]
pub(crate) struct Survey {
    /// The service that runs Redis.
    pub(crate) redis: Running,
    /// The service that works off the queues, if there is one.
    pub(crate) worker: Option<Running>,
    /// The variables of the Redis service.
    pub(crate) variables: Vec<Variable>,
    /// Which services refer to Redis.
    pub(crate) referrers: Referrers,
    /// The services that use Redis, or may, and for what.
    pub(crate) users: Vec<(String, Use)>,
    /// Services that work off queues too, and that no option names.
    pub(crate) others: Vec<Running>,
    /// What is staged.
    pub(crate) staged: Vec<String>,
    /// How many backups there are of the volume, or why they can't be listed.
    pub(crate) backups: Result<usize, String>,
    /// The server, or why it can't be read.
    pub(crate) inside: Result<Inside, String>,
    /// What answers now.
    pub(crate) answers: Vec<(Path, Answered)>,
}

/// Reads the stack. A service that is not there is a refusal; a call that the host does not allow is a failure.
pub(crate) fn survey<O: Railway + Redis + Http>(
    outside: &O,
    options: &Options,
) -> Result<Result<Survey, Finding>, Failure> {
    let services = outside.services()?;
    let find = |name: &str| services.iter().find(|service| service.name == name).cloned();
    let Some(service) = find(&options.service) else {
        return Ok(Err(absent("service", &options.service, &services)));
    };
    let worker = find(options.worker.as_deref().unwrap_or(WORKER));
    if let Some(named) = options.worker.as_deref().filter(|_| worker.is_none()) {
        return Ok(Err(absent("worker", named, &services)));
    }
    let running = |service: Service| -> Result<Running, Failure> {
        let deployments = outside.deployments(&service.name, 10)?;
        Ok(Running { service, deployments })
    };
    let mut referrers = Referrers::default();
    let mut variables = outside.variables(&options.service)?;
    let password = variables.iter().find(|variable| variable.name == "REDIS_PASSWORD").cloned();
    let mut others = Vec::new();
    for other in services.iter().filter(|other| other.name != options.service) {
        let found = outside.variables(&other.name)?;
        referrers.look(outside, &other.name, &found, (&options.service, password.as_ref()))?;
        let chosen = worker.as_ref().is_some_and(|worker| worker.name == other.name);
        if !chosen
            && clients::is_worker(other)
            && !clients::lead_elsewhere(&found, &options.service)
        {
            others.push(running(other.clone())?);
        }
    }
    others.retain(|other: &Running| other.up().is_some());
    let refers = |service: &&Service| {
        referrers.known.contains_key(&service.name) || referrers.unclear.contains_key(&service.name)
    };
    let users = services.iter().filter(refers);
    let users = users.map(|service| (service.name.clone(), Use::of(service))).collect();
    variables.sort_by(|one, other| one.name.cmp(&other.name));
    let present: Vec<Path> = smoke::LOOKS
        .into_iter()
        .filter(|look| services.iter().any(|service| service.name == look.endpoint))
        .collect();
    Ok(Ok(Survey {
        redis: running(service)?,
        worker: worker.map(running).transpose()?,
        variables,
        referrers,
        users,
        others,
        staged: outside.staged()?,
        backups: allowed(outside.backups(&options.service))?.map(|backups| backups.len()),
        inside: allowed(inside(outside, &options.connection))?,
        answers: block::look(outside, &present),
    }))
}

fn inside<O: Redis>(outside: &O, connection: &str) -> Result<Inside, Failure> {
    let server = Server::read_whole(outside, connection)?;
    // A server that still loads answers nothing about its keys.
    let (look, queues) = if server.loads() {
        (Look::default(), Queues::default())
    } else {
        (Look::take(outside, connection)?, Queues::search(outside, connection)?)
    };
    let list = clients::sessions(outside, connection)?;
    let sentinels = clients::sentinels(&list);
    Ok(Inside { server, look, queues, clients: clients::sessions_by_client(&list), sentinels })
}

fn absent(option: &str, name: &str, services: &[Service]) -> Finding {
    let mut names: Vec<_> = services.iter().map(|service| service.name.as_str()).collect();
    names.sort_unstable();
    Finding::refusal("service", format!("there is no service `{name}`"))
        .evidence(format!("the services are {}", names.join(", ")))
        .remedy(format!("name it in the option `{option}`"))
}
