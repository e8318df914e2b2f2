//! The cluster that the database moves to.

use lockstep_sdk::outside::Sql;
use lockstep_sdk::{Failure, Value};

use crate::answer;
use crate::front::{self, Node};
use crate::names::{ADMIN, NEW};
use crate::server::Server;
use crate::service::Running;
use crate::sessions::{LEFTOVERS, roles};
use crate::tables::pairs;

/// Whether a database of this name is there.
pub(crate) const PRESENT: &str = "SELECT count(*) FROM pg_database d WHERE d.datname = $1";

/// Extensions that could be made, and in which version.
pub(crate) const AVAILABLE: &str =
    "SELECT e.name::text, e.default_version::text FROM pg_available_extensions e ORDER BY 1";

/// How the servers call themselves that receive this one's log, and where this one is dialled.
pub(crate) const RECEIVERS: &str = "\
    SELECT coalesce(r.application_name, ''), coalesce(inet_server_addr()::text, '') FROM pg_stat_replication r ORDER BY 1";

/// Locales that the operating system has.
pub(crate) const LOCALES: &str = "\
    SELECT count(*) FROM pg_collation c WHERE c.collcollate::text = $1 OR c.collname::text = $1";

/// The cluster as a plan finds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cluster {
    /// What the primary says about itself.
    pub(crate) server: Server,
    /// What stands between it and whoever reads, if anything does.
    pub(crate) pooler: Option<String>,
    /// Whether the database is there already.
    pub(crate) present: bool,
    /// Whether its system has the locale of the old database.
    pub(crate) has_locale: bool,
    /// Extensions that could be made.
    pub(crate) available: Vec<(String, String)>,
    /// Roles that may log in, and whether each is a superuser.
    pub(crate) roles: Vec<(String, bool)>,
    /// What an earlier run left.
    pub(crate) leftovers: Vec<String>,
    /// The node that leads, and how that was told.
    pub(crate) primary: Option<String>,
    /// PgPool's nodes, or why it does not tell: through it only a database can be reached that is there.
    pub(crate) front: Result<Vec<Node>, String>,
}

impl Cluster {
    /// Reads the cluster.
    pub(crate) fn read<O: Sql>(
        outside: &O,
        (database, locale): (&str, &str),
        nodes: &[Running],
    ) -> Result<Self, Failure> {
        let server = Server::read(outside, ADMIN)?;
        let receivers = pairs(outside, ADMIN, RECEIVERS)?;
        let front = match front::nodes(outside) {
            Ok(nodes) => Ok(nodes),
            Err(failure) if failure.is_denied() => return Err(failure),
            Err(failure) => Err(failure.line()),
        };
        let primary = leads(nodes, front.as_deref().unwrap_or(&[]), &receivers);
        Ok(Self {
            server,
            pooler: front::pooler(outside, ADMIN)?,
            present: present(outside, database)? || is_reached(outside)?,
            has_locale: has_locale(outside, locale)?,
            available: pairs(outside, ADMIN, AVAILABLE)?,
            roles: roles(outside, ADMIN)?,
            leftovers: answer::texts(outside, ADMIN, LEFTOVERS, &[])?,
            primary: primary.map(str::to_owned),
            front,
        })
    }
}

/// Looks whether a database is there.
pub(crate) fn present<O: Sql>(outside: &O, database: &str) -> Result<bool, Failure> {
    Ok(answer::row(outside, ADMIN, PRESENT, &[Value::from(database)])?.count(0)? > 0)
}

/// Looks whether the connection to the database leads to one, wherever that is.
fn is_reached<O: Sql>(outside: &O) -> Result<bool, Failure> {
    match outside.query(NEW, "SELECT 1", &[]) {
        Ok(_) => Ok(true),
        Err(failure) if failure.is_denied() => Err(failure),
        Err(_) => Ok(false),
    }
}

/// Looks whether the primary's system has a locale. The two that every system has need no look.
fn has_locale<O: Sql>(outside: &O, name: &str) -> Result<bool, Failure> {
    if ["C", "POSIX"].contains(&name) {
        return Ok(true);
    }
    Ok(answer::row(outside, ADMIN, LOCALES, &[Value::from(name)])?.count(0)? > 0)
}

/// Returns the node that leads: the one that PgPool calls so, or the only one that receives nobody's log.
fn leads<'a>(
    nodes: &'a [Running],
    front: &[Node],
    receivers: &[(String, String)],
) -> Option<&'a str> {
    let told = front.iter().find(|node| node.primary && node.up);
    let by_front = told.and_then(|told| nodes.iter().find(|node| is_at(node, &told.host)));
    let leading = |node: &&Running| !receivers.iter().any(|(name, _)| name == node.name());
    let mut others = nodes.iter().filter(leading);
    let by_receivers = match (others.next(), others.next()) {
        (Some(only), None) => Some(only),
        (None | Some(_), None | Some(_)) => None,
    };
    let address =
        receivers.first().map(|(_, address)| address.split('/').next().unwrap_or(address));
    let by_address =
        || nodes.iter().find(|node| address.is_some_and(|address| is_at(node, address)));
    by_front.or(by_receivers).or_else(by_address).map(Running::name)
}

/// Returns whether a node is dialled at this address.
pub(crate) fn is_at(node: &Running, address: &str) -> bool {
    let name = node.name();
    address == name
        || address == format!("{name}.railway.internal")
        || node.variable("RAILWAY_PRIVATE_DOMAIN") == Some(address)
}
