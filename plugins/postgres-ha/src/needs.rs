//! What must be changed before the links of a path are possible, decided from what was found. The same stack always needs the
//! same.

use crate::cluster::Cluster;
use crate::options::{Options, Path};
use crate::server::Server;
use crate::service::Running;
use crate::survey::{Inside, Survey};
use crate::tables::Anonymous;

/// Slots and walsenders that a link takes while it copies: its own, those of copies, and one that only shows that it works.
const LINK: u64 = 4;

/// What is set where there are too few of them.
const ENOUGH: &str = "20";

/// The variable that says how many clients PgPool takes, and how many it takes unless told otherwise.
pub(crate) const CHILDREN: &str = "PGPOOL_NUM_INIT_CHILDREN";
pub(crate) const USUAL_CHILDREN: u64 = 32;

/// The variable of a node that makes its log one that a link can read.
pub(crate) const LOG: (&str, &str) = ("POSTGRESQL_WAL_LEVEL", "logical");

/// Variables of PgPool: reads don't go to nodes that are behind, and the primary is not dropped because a session ended there.
pub(crate) const OF_FRONT: [(&str, &str); 2] =
    [("PGPOOL_ENABLE_LOAD_BALANCING", "no"), ("PGPOOL_FAILOVER_ON_BACKEND_SHUTDOWN", "off")];

/// How often a server writes out what nobody waits for, while links are there.
const SOON: &str = "10ms";

/// How many tables are copied at once where the servers let them.
const COPIERS: u64 = 5;

/// The workers that take that: one follows.
const WORKERS: u64 = COPIERS + 1;

/// Slots, walsenders and processes that are left to others.
const SPARE: u64 = 2;

/// What must be changed first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Needs {
    /// Tables that an index must identify.
    pub(crate) identities: Vec<Anonymous>,
    /// How much WAL a link may hold back, in MB.
    pub(crate) budget: u64,
    /// What the old server must be told about links while it runs.
    pub(crate) old: Vec<Setting>,
    /// Settings of the old server that take a restart.
    pub(crate) restart: Vec<(&'static str, &'static str)>,
    /// What the cluster must be told about links before its nodes are deployed.
    pub(crate) cluster: Vec<Setting>,
    /// Variables that each node needs.
    pub(crate) nodes: Vec<(&'static str, String)>,
    /// Variables that PgPool needs.
    pub(crate) front: Vec<(&'static str, String)>,
}

/// A setting of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    /// What the labels are called after it.
    pub(crate) label: &'static str,
    /// Its name.
    pub(crate) name: &'static str,
    /// Its value.
    pub(crate) value: String,
    /// Whether it is of use when the links are gone.
    pub(crate) lasts: bool,
}

impl Setting {
    fn for_links(label: &'static str, name: &'static str, value: impl Into<String>) -> Self {
        Self { label, name, value: value.into(), lasts: false }
    }
}

impl Needs {
    /// Decides.
    pub(crate) fn of(
        survey: &Survey,
        inside: &Inside,
        cluster: &Cluster,
        options: &Options,
    ) -> Self {
        let volume = survey.old.service.volume.as_ref().map_or(0, |volume| volume.size_mb);
        let fifth = if volume == 0 { 2_048 } else { (volume / 5).max(256) };
        let budget = options.wal_budget.unwrap_or(fifth);
        let nodes = nodes(&survey.nodes, &cluster.server);
        let mut to_cluster = links(&cluster.server, budget, options.path == Path::Online);
        if options.path == Path::Online {
            to_cluster.extend(copiers(&inside.server, &cluster.server, !nodes.is_empty()));
        }
        let mut to_old = links(&inside.server, budget, true);
        // A server that nobody follows keeps no log for anybody.
        to_old.retain(|setting| options.path == Path::Online || !setting.lasts);
        Self {
            identities: inside.contents.anonymous.clone(),
            budget,
            old: to_old,
            restart: match options.path {
                Path::Online => restart(&inside.server),
                Path::Job => follows(&inside.server),
            },
            cluster: to_cluster,
            nodes,
            front: front(&survey.front, inside),
        }
    }
}

/// What keeps links from filling a volume, and, at a server that `follows` one, has them confirm soon.
fn links(server: &Server, budget: u64, follows: bool) -> Vec<Setting> {
    let mut settings = Vec::new();
    if server.has_no_budget() {
        let value = format!("{budget}MB");
        let name = "max_slot_wal_keep_size";
        settings.push(Setting { label: "wal-budget", name, value, lasts: true });
    }
    if follows && server.confirms_late() {
        settings.push(Setting::for_links("wal-writer", "wal_writer_delay", SOON));
    }
    settings
}

/// Each table is copied over a link of its own, which takes a while to begin however small the table is, so many are copied
/// at once. How many workers there may be counts from a start on, which the cluster's nodes have if they are `deployed`.
fn copiers(old: &Server, new: &Server, deployed: bool) -> Vec<Setting> {
    let may_grow = deployed && new.workers < WORKERS && new.processes >= WORKERS + SPARE;
    let workers = if may_grow { WORKERS } else { new.workers };
    let places = old.free_slots.min(old.free_senders).min(new.free_slots);
    let at_once = COPIERS.min(workers.saturating_sub(1)).min(places.saturating_sub(SPARE));
    let mut settings = Vec::new();
    if at_once > new.copiers {
        if at_once >= new.workers {
            let (name, value) = ("max_logical_replication_workers", WORKERS.to_string());
            settings.push(Setting::for_links("workers", name, value));
        }
        let (name, value) = ("max_sync_workers_per_subscription", at_once.to_string());
        settings.push(Setting::for_links("copiers", name, value));
    }
    settings
}

fn restart(server: &Server) -> Vec<(&'static str, &'static str)> {
    let mut settings = Vec::new();
    if !server.is_logical() {
        settings.push(("wal_level", "logical"));
    }
    if server.free_slots < LINK {
        settings.push(("max_replication_slots", ENOUGH));
    }
    if server.free_senders < LINK {
        settings.push(("max_wal_senders", ENOUGH));
    }
    if server.workers == 0 {
        settings.push(("max_logical_replication_workers", "4"));
    }
    settings
}

/// The log that a link needs, and no commit that only one node knows: it would be gone with that node.
fn nodes(nodes: &[Running], server: &Server) -> Vec<(&'static str, String)> {
    let mut variables = Vec::new();
    if !server.is_logical() {
        variables.push((LOG.0, LOG.1.to_owned()));
    }
    if server.synchronous.is_empty() && nodes.len() > 1 {
        let names: Vec<String> = nodes
            .iter()
            .map(|node| node.variable("REPMGR_NODE_NAME").unwrap_or(node.name()).to_owned())
            .collect();
        variables.extend(confirmed_by(&names));
    }
    variables
}

/// Returns the variables of a node by which a commit waits for one other of these nodes.
pub(crate) fn confirmed_by(names: &[String]) -> [(&'static str, String); 3] {
    [
        ("POSTGRESQL_NUM_SYNCHRONOUS_REPLICAS", "1".to_owned()),
        ("POSTGRESQL_SYNCHRONOUS_REPLICAS_MODE", "ANY".to_owned()),
        ("POSTGRESQL_CLUSTER_APP_NAME", names.join(",")),
    ]
}

/// What a server needs that follows another one and is followed by nobody.
fn follows(server: &Server) -> Vec<(&'static str, &'static str)> {
    let mut settings = Vec::new();
    // Where it is in the other one's log is kept in as many places as there may be slots.
    if server.free_slots == 0 {
        settings.push(("max_replication_slots", ENOUGH));
    }
    if server.workers == 0 {
        settings.push(("max_logical_replication_workers", "4"));
    }
    settings
}

fn front(front: &Running, inside: &Inside) -> Vec<(&'static str, String)> {
    let mut variables = Vec::new();
    for (name, wanted) in OF_FRONT {
        if front.variable(name) != Some(wanted) {
            variables.push((name, wanted.to_owned()));
        }
    }
    let wanted = wanted_children(inside.sessions.count());
    if children(front) < wanted {
        variables.push((CHILDREN, wanted.to_string()));
    }
    variables
}

/// Returns how many clients PgPool takes.
pub(crate) fn children(front: &Running) -> u64 {
    front.variable(CHILDREN).and_then(|text| text.parse().ok()).unwrap_or(USUAL_CHILDREN)
}

/// Returns how many it must take: twice as many as there are, because old and new deployments overlap. A power of two, so
/// that one connection more or less changes no plan.
pub(crate) fn wanted_children(sessions: u64) -> u64 {
    sessions.saturating_mul(2).max(1).checked_next_power_of_two().unwrap_or(u64::MAX)
}
