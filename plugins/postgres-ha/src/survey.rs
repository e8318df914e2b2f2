//! Everything that a plan reads before it decides.

use lockstep_sdk::blocks::smoke::{self as block, Answered, Look};
use lockstep_sdk::failure::allowed;
use lockstep_sdk::outside::{Http, Railway, Sql};
use lockstep_sdk::{Failure, Finding, Service, Variable};

use crate::account::{Entry, Password};
use crate::beside;
use crate::cluster::Cluster;
use crate::front;
use crate::job::JobSeen;
use crate::left::Left;
use crate::names::OLD;
use crate::options::{Options, Path};
use crate::passage;
use crate::references::{Found, Sides};
use crate::server::Server;
use crate::service::Running;
use crate::sessions::Sessions;
use crate::smoke;
use crate::tables::Contents;

/// What is inside the old server.
#[derive(Clone, Debug)]
pub(crate) struct Inside {
    /// What it says about itself.
    pub(crate) server: Server,
    /// What stands between it and whoever reads, if anything does.
    pub(crate) pooler: Option<String>,
    /// What is in the database.
    pub(crate) contents: Contents,
    /// Who is connected, roles, settings of the database, leftovers.
    pub(crate) sessions: Sessions,
}

/// The stack as a plan finds it.
#[derive(Clone, Debug)]
pub(crate) struct Survey {
    /// The service that runs the old server.
    pub(crate) old: Running,
    /// The service that runs PgPool.
    pub(crate) front: Running,
    /// The services that run the cluster's nodes, as the operator names them.
    pub(crate) nodes: Vec<Running>,
    /// The services with variables that lead to the old server, in the order in which they are deployed.
    pub(crate) clients: Vec<Running>,
    /// Those variables.
    pub(crate) found: Found,
    /// The user with which clients come to the new side.
    pub(crate) user: String,
    /// How clients come in at PgPool.
    pub(crate) entry: Entry,
    /// What is staged.
    pub(crate) staged: Vec<String>,
    /// Why the old volume's backups can't be listed, if they can't.
    pub(crate) backups: Result<usize, String>,
    /// The old server, or why it can't be read.
    pub(crate) inside: Result<Inside, String>,
    /// The cluster, or why it can't be read.
    pub(crate) cluster: Result<Cluster, String>,
    /// What leads to the old server, whatever is led elsewhere, where its service is to be deleted.
    pub(crate) left: Option<Left>,
    /// What only the path with the job reads.
    pub(crate) job: Option<JobSeen>,
    /// The image of the front that comes first, with its digest, where one does and it can be had.
    pub(crate) passage: Option<String>,
    /// Whether a service has its name already.
    pub(crate) passage_taken: bool,
    /// What answers now.
    pub(crate) answers: Vec<(Look, Answered)>,
}

/// Reads the stack. A service that is not there is a refusal; a call that the host does not allow is a failure.
pub(crate) fn survey<O: Railway + Sql + Http>(
    outside: &O,
    options: &Options,
    environment: &str,
) -> Result<Result<Survey, Vec<Finding>>, Failure> {
    let services = outside.services()?;
    let is_absent = |name: &&String| !services.iter().any(|service| service.name == **name);
    let cluster = || [&options.front].into_iter().chain(&options.nodes);
    let none = cluster().all(|name| is_absent(&name));
    let named = [&options.service].into_iter().chain(cluster().filter(|_| !none));
    let missing = named.filter(is_absent);
    let missing = missing.map(|name| absent(name, (options, environment), &services));
    let missing: Vec<Finding> =
        none.then(|| no_cluster(options, environment)).into_iter().chain(missing).collect();
    if !missing.is_empty() {
        return Ok(Err(missing));
    }
    let running = |service: &Service| -> Result<Running, Failure> {
        Ok(Running {
            service: service.clone(),
            deployments: outside.deployments(&service.name, 10)?,
            variables: outside.variables(&service.name)?,
        })
    };
    let all: Vec<Running> = services.iter().map(running).collect::<Result<_, _>>()?;
    let find = |name: &String| all.iter().find(|running| running.name() == name).cloned();
    let nodes: Vec<Running> = options.nodes.iter().filter_map(find).collect();
    let (Some(old), Some(front)) = (find(&options.service), find(&options.front)) else {
        return Err(Failure::permanently(
            "plugin:services",
            "the list of services contradicts itself",
        ));
    };
    let inside = allowed(inside(outside))?;
    let user = behind(&all, &front, "PGPOOL_POSTGRES_USERNAME");
    let user = user.unwrap_or_else(|| "postgres".to_owned());
    let database = inside.as_ref().map_or("", |inside| inside.server.database.as_str());
    let entry = Entry::read(outside, &front, (&user, database))?;
    let hosts = hosts(outside, old.name(), &old.variables)?;
    let dialled = if options.front_first { passage::SERVICE } else { front.name() };
    let (old_name, front_name) = (old.name(), front.name());
    let sides = Sides {
        old: old_name,
        hosts: &hosts,
        front: front_name,
        dialled,
        user: &user,
        database,
        escaped: entry.password == Password::Escaped,
    };
    let own = |name: &str| {
        [old.name(), front.name()].contains(&name) || nodes.iter().any(|node| node.name() == name)
    };
    let mut found = Found::default();
    let mut others: Vec<&Running> = all.iter().filter(|running| !own(running.name())).collect();
    others.sort_by_key(|running| (running.uses(), running.name().to_owned()));
    found.look_for_unsealed(old.name(), &old.variables);
    for running in &others {
        found.look_for_unsealed(running.name(), &running.variables);
        found.look(outside, running.name(), &running.variables, sides)?;
    }
    let led = found.services();
    let clients =
        others.into_iter().filter(|running| led.contains(&running.name())).cloned().collect();
    let cluster = match &inside {
        Ok(inside) => allowed(Cluster::read(
            outside,
            (&inside.server.database, &inside.contents.collate),
            &nodes,
        ))?,
        Err(_) => Err("what it is to hold is not known".to_owned()),
    };
    let mut left = options.remove_old.map(|_| Left::default());
    for running in all.iter().filter(|running| running.name() != old.name()) {
        if let Some(left) = &mut left {
            left.look(outside, (running.name(), &running.variables), (old.name(), &hosts))?;
        }
    }
    let job = match options.path {
        Path::Online => None,
        Path::Job => Some(JobSeen::read(outside, &all, (&old, (&front, &entry.password)))?),
    };
    let present: Vec<Look> = smoke::LOOKS
        .into_iter()
        .filter(|look| services.iter().any(|service| service.name == look.endpoint))
        .collect();
    Ok(Ok(Survey {
        staged: outside.staged()?,
        backups: allowed(outside.backups(old.name()))?.map(|backups| backups.len()),
        answers: block::look(outside, &present),
        passage: if options.front_first { passage::image(outside)? } else { None },
        passage_taken: services.iter().any(|service| service.name == passage::SERVICE),
        left,
        job,
        old,
        front,
        nodes,
        clients,
        found,
        user,
        entry,
        inside,
        cluster,
    }))
}

fn inside<O: Sql>(outside: &O) -> Result<Inside, Failure> {
    Ok(Inside {
        server: Server::read(outside, OLD)?,
        pooler: front::pooler(outside, OLD)?,
        contents: Contents::read(outside)?,
        sessions: Sessions::read(outside)?,
    })
}

/// Returns the hosts by which the old server is dialled, as its own variable renders it and as Railway calls it.
pub(crate) fn hosts<O: Railway>(
    outside: &O,
    old: &str,
    variables: &[Variable],
) -> Result<Vec<String>, Failure> {
    let mut hosts = vec![format!("{old}.railway.internal")];
    for name in ["DATABASE_URL", "DATABASE_PRIVATE_URL", "DATABASE_PUBLIC_URL"] {
        if !variables.iter().any(|variable| variable.name == name) {
            continue;
        }
        match outside.destination(old, name) {
            Ok(Some(location)) if !hosts.contains(&location.host) => hosts.push(location.host),
            Err(failure) if failure.is_denied() => return Err(failure),
            Ok(_) | Err(_) => {}
        }
    }
    Ok(hosts)
}

fn absent(name: &str, (options, environment): (&Options, &str), services: &[Service]) -> Finding {
    let mut names: Vec<_> = services.iter().map(|service| service.name.as_str()).collect();
    names.sort_unstable();
    let option = if *name == options.service {
        "service"
    } else if *name == options.front {
        "front"
    } else {
        "nodes"
    };
    let finding = Finding::refusal("service", format!("there is no service `{name}`"))
        .evidence(format!("the services are {}", names.join(", ")));
    finding.remedy(if option == "service" {
        "name the one that runs PostgreSQL in the option `service`".to_owned()
    } else {
        format!(
            "name the services of the cluster in the options `nodes` and `front`; where there is none, let one be made first: {}",
            beside::how(environment)
        )
    })
}

fn no_cluster(options: &Options, environment: &str) -> Finding {
    let nodes = options.nodes.join(", ");
    Finding::refusal("cluster", "there is no cluster to move to")
        .evidence(format!("no service is called {nodes} or {}", options.front))
        .remedy(format!(
            "let one be made first: {}; where one runs under other names, write these into the options `nodes` and `front`",
            beside::how(environment)
        ))
        .source("plans.md 3.2 step 8")
}

/// Returns what a variable says, or what the variable says that it refers to, as far as that can be seen.
fn behind(all: &[Running], running: &Running, name: &str) -> Option<String> {
    let (mut running, mut name) = (running, name.to_owned());
    for _ in 0..=all.len() {
        let text = running.variable(&name)?;
        let inner = text.strip_prefix("${{").and_then(|text| text.strip_suffix("}}"));
        let Some(inner) = inner.filter(|inner| !inner.contains("${{")) else {
            return Some(text.to_owned());
        };
        match inner.trim().rsplit_once('.') {
            Some((service, variable)) => {
                running = all.iter().find(|running| running.name() == service)?;
                variable.clone_into(&mut name);
            }
            None => inner.trim().clone_into(&mut name),
        }
    }
    None
}
