//! Everything that a plan of this path reads before it decides.

use lockstep_sdk::blocks::pin::{self, Pin};
use lockstep_sdk::blocks::smoke::{self as block, Answered, Look};
use lockstep_sdk::failure::allowed;
use lockstep_sdk::image::Image;
use lockstep_sdk::outside::{Http, Railway, Sql};
use lockstep_sdk::{Failure, Finding, Location, Service, Variable};

use super::literals::Sides;
use super::patroni::{self, Leads};
use super::references::Found;
use super::server::{self, Aside};
use super::template::{CODE, Cluster, Templates};
use crate::account::Password;
use crate::names::OLD;
use crate::options::Options;
use crate::server::Server;
use crate::service::Running;
use crate::smoke;
use crate::survey::hosts;

/// The variable of the server's service that leads to it from outside.
const PUBLIC: &str = "DATABASE_PUBLIC_URL";

/// What is inside the server.
#[derive(Clone, Debug)]
pub(super) struct Inside {
    /// What it says about itself.
    pub(super) server: Server,
    /// Settings that Patroni overrides.
    pub(super) settings: Vec<(String, String)>,
    /// What it is used for beside the database.
    pub(super) aside: Aside,
}

/// Images that are set, each for a service.
pub(super) type Pins = Vec<(String, Image)>;

/// The stack as a plan finds it.
#[derive(Clone, Debug)]
pub(super) struct Survey {
    /// The service that runs the server.
    pub(super) root: Running,
    /// Services with a volume.
    pub(super) volumes: usize,
    /// Names of all services.
    pub(super) names: Vec<String>,
    /// The services with variables that lead to the server, in the order in which they are deployed.
    pub(super) clients: Vec<Running>,
    /// Those variables.
    pub(super) found: Found,
    /// How the server's password may stand in a URL: the front's is put together from it.
    pub(super) password: Password,
    /// What is staged.
    pub(super) staged: Vec<String>,
    /// Why the volume's backups can't be listed, if they can't.
    pub(super) backups: Result<usize, String>,
    /// The server, or why it can't be read.
    pub(super) inside: Result<Inside, String>,
    /// What Railway makes of it, or why that is not known.
    pub(super) cluster: Result<Cluster, String>,
    /// What answers where Patroni will.
    pub(super) patroni: Leads,
    /// What answers now.
    pub(super) answers: Vec<(Look, Answered)>,
}

/// Reads the stack. A service that is not there is a refusal; a call that the host does not allow is a failure.
pub(super) fn survey<O: Railway + Sql + Http + Templates>(
    outside: &O,
    options: &Options,
) -> Result<Result<Survey, Box<Finding>>, Failure> {
    let services = outside.services()?;
    let running = |service: &Service| -> Result<Running, Failure> {
        Ok(Running {
            service: service.clone(),
            deployments: outside.deployments(&service.name, 10)?,
            variables: outside.variables(&service.name)?,
        })
    };
    let all: Vec<Running> = services.iter().map(running).collect::<Result<_, _>>()?;
    let names: Vec<String> = services.iter().map(|service| service.name.clone()).collect();
    let Some(root) = all.iter().find(|running| running.name() == options.service).cloned() else {
        let title = format!("there is no service `{}`", options.service);
        let finding = Finding::refusal("service", title)
            .evidence(format!("the services are {}", names.join(", ")))
            .remedy("name the one that runs PostgreSQL in the option `service`");
        return Ok(Err(finding.into()));
    };
    let inside = allowed(inside(outside))?;
    let template = outside.published_template(CODE)?;
    let major = inside.as_ref().map(|inside| inside.server.major());
    let cluster = match (template, major) {
        (None, _) => Err(format!("Railway has no template `{CODE}`")),
        (Some(_), Err(_)) => Err("the server's version is not known".to_owned()),
        (Some(template), Ok(major)) => Cluster::of(template, major),
    };
    let (password, own) = Password::of(outside, &root)?;
    let public = root_has(&root, PUBLIC).then(|| outside.destination(root.name(), PUBLIC));
    let public: Vec<Location> = match public {
        Some(Ok(location)) => location.into_iter().collect(),
        Some(Err(failure)) if failure.is_denied() || failure.may_pass() => return Err(failure),
        Some(Err(_)) | None => Vec::new(),
    };
    let mut hosts = hosts(outside, root.name(), &root.variables)?;
    hosts.retain(|host| !public.iter().any(|location| location.host == *host));
    let mut others: Vec<&Running> =
        all.iter().filter(|running| running.name() != root.name()).collect();
    others.sort_by_key(|running| (running.uses(), running.name().to_owned()));
    let found = match &cluster {
        Ok(cluster) => {
            let (server, own) = (root.name(), own.as_ref());
            let (hosts, public, edge) = (&hosts[..], &public[..], &cluster.edge);
            Found::look(outside, &others, Sides { server, hosts, public, own, edge })?
        }
        Err(_) => Found::default(),
    };
    let led = |running: &&Running| found.leads(running.name());
    let clients = others.into_iter().filter(led).cloned().collect();
    let present: Vec<Look> = smoke::LOOKS
        .into_iter()
        .filter(|look| names.iter().any(|name| name == look.endpoint))
        .collect();
    Ok(Ok(Survey {
        volumes: services.iter().filter(|service| service.volume.is_some()).count(),
        password,
        staged: outside.staged()?,
        backups: allowed(outside.backups(root.name()))?.map(|backups| backups.len()),
        patroni: patroni::leads(outside)?,
        answers: block::look(outside, &present),
        root,
        names,
        clients,
        found,
        inside,
        cluster,
    }))
}

fn root_has(root: &Running, name: &str) -> bool {
    root.variables.iter().any(|variable: &Variable| variable.name == name)
}

fn inside<O: Sql>(outside: &O) -> Result<Inside, Failure> {
    Ok(Inside {
        server: Server::read(outside, OLD)?,
        settings: server::settings(outside)?,
        aside: Aside::read(outside)?,
    })
}

impl Survey {
    /// Returns whether the server's service has a variable.
    pub(super) fn root_has(&self, name: &str) -> bool {
        root_has(&self.root, name)
    }

    /// Finds the images to pin: those of the clients now, those of the cluster once it is made, and the server's own former
    /// one, which the way back deploys. Where one can't be pinned, that is a finding.
    pub(super) fn pins<O: Railway>(
        &self,
        outside: &O,
        cluster: &Cluster,
        found: &mut Vec<Finding>,
    ) -> Result<(Pins, Pins, Option<Image>), Failure> {
        let mut clients = Vec::new();
        let pinned = |running: &&Running| running.up().is_some() && running.service.image.is_some();
        for running in self.clients.iter().filter(pinned) {
            match pin::look(outside, &running.service, running.up(), None)? {
                Pin::Stands(_) => {}
                Pin::Set(image) => clients.push((running.name().to_owned(), image)),
                Pin::Impossible(finding) => found.push(finding),
            }
        }
        let former = match pin::look(outside, &self.root.service, self.root.up(), None)? {
            Pin::Stands(image) | Pin::Set(image) => Some(image),
            Pin::Impossible(finding) => {
                found.push(finding);
                None
            }
        };
        let mut made = Vec::new();
        let root = cluster.root_image().map(|image| (self.root.name(), image));
        let others =
            cluster.others().filter_map(|it| Some((it.name.as_str(), it.image.as_deref()?)));
        for (service, image) in root.into_iter().chain(others) {
            let published = outside.published(image)?;
            match (Image::parse(image), published) {
                (Some(parsed), Some(published)) => {
                    made.push((service.to_owned(), parsed.pinned(&published.digest)));
                }
                (None, _) | (_, None) => found.push(
                    Finding::refusal("cluster-image", format!("an image of the cluster is not there to pull: {image}"))
                        .remedy("without it the server would be stopped and nothing would start in its place"),
                ),
            }
        }
        Ok((clients, made, former))
    }
}
