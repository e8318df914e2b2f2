//! What Bitnami's variables say about a node and its cluster.

use std::{path::PathBuf, time::Duration};

use super::super::{Kind, StandInError, settings::Settings};

/// The variable that tells a node where its server's programs are.
pub(crate) const BIN_VARIABLE: &str = "LOCKSTEP_LAB_POSTGRES_BIN";
/// The variable that tells a node where its data is.
pub(crate) const DATA_VARIABLE: &str = "LOCKSTEP_LAB_POSTGRES_DATA";
/// The variable that tells a node what it is cloned with.
pub(crate) const BASE_BACKUP_VARIABLE: &str = "LOCKSTEP_LAB_BASE_BACKUP";

const PORT: u16 = 5432;
/// repmgr's usual limits: so many looks, so far apart, until a primary counts as lost.
const ATTEMPTS: u32 = 3;
const INTERVAL_SECONDS: u64 = 5;
/// Where the image begins to count nodes.
const FIRST_ID: u32 = 1000;

/// A node and its cluster.
#[derive(Clone, Debug)]
pub(super) struct Cluster {
    pub(super) node: String,
    pub(super) id: u32,
    pub(super) place: Place,
    /// All nodes in the order of `REPMGR_PARTNER_NODES`, which decides where nothing else does.
    pub(super) nodes: Vec<Place>,
    pub(super) primary_host: String,
    pub(super) repmgr: Login,
    pub(super) repmgr_database: String,
    pub(super) account: Account,
    pub(super) wal_level: String,
    pub(super) max_connections: u32,
    /// Which nodes must confirm a commit; none where it is empty.
    pub(super) synchronous: String,
    /// How long a primary must be away to count as lost.
    pub(super) patience: Duration,
    pub(super) programs: Tools,
}

/// Where a node listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) host: String,
    pub(super) port: u16,
}

/// A name with its password.
#[derive(Clone, Debug)]
pub(super) struct Login {
    pub(super) name: String,
    pub(super) password: String,
}

/// What a new cluster's first database is made of.
#[derive(Clone, Debug)]
pub(super) struct Account {
    pub(super) user: Login,
    /// Of the superuser `postgres` where `user` is another; without one it can't log in.
    pub(super) postgres_password: Option<String>,
    pub(super) database: Option<String>,
}

/// The programs that a node needs, and the folder of its data.
#[derive(Clone, Debug)]
pub(super) struct Tools {
    pub(super) bin: PathBuf,
    pub(super) base_backup: PathBuf,
    pub(super) data: PathBuf,
}

impl Cluster {
    /// Reads the variables, or says as the image does what is missing.
    pub(super) fn read(settings: &Settings) -> Result<Self, StandInError> {
        let refused = |reason: String| StandInError::refused(Kind::PostgresNode, &reason);
        let number = |name: &str, usual: u64| match settings.get(name) {
            Some(text) => text.parse::<u64>().map_err(|error| refused(format!("{name}: {error}"))),
            None => Ok(usual),
        };
        let port = |name: &str| match settings.get(name) {
            Some(text) => text.parse::<u16>().map_err(|error| refused(format!("{name}: {error}"))),
            None => Ok(PORT),
        };
        let host = settings.required("REPMGR_NODE_NETWORK_NAME")?.to_owned();
        let node = settings.required("REPMGR_NODE_NAME")?.to_owned();
        let partner_port = port("REPMGR_PORT_NUMBER")?;
        let nodes = places(settings.required("REPMGR_PARTNER_NODES")?, partner_port)
            .map_err(|part| refused(format!("REPMGR_PARTNER_NODES: `{part}` has no valid port")))?;
        let name = settings.get("POSTGRESQL_USERNAME").unwrap_or("postgres").to_owned();
        let password = settings.required("POSTGRESQL_PASSWORD")?.to_owned();
        let repmgr = Login {
            name: settings.get("REPMGR_USERNAME").unwrap_or("repmgr").to_owned(),
            password: settings.required("REPMGR_PASSWORD")?.to_owned(),
        };
        let attempts = number("REPMGR_RECONNECT_ATTEMPTS", u64::from(ATTEMPTS))?;
        let interval = number("REPMGR_RECONNECT_INTERVAL", INTERVAL_SECONDS)?;
        let id = match settings.get("REPMGR_NODE_ID") {
            Some(text) => {
                text.parse().map_err(|error| refused(format!("REPMGR_NODE_ID: {error}")))?
            }
            None => FIRST_ID + trailing_number(&node),
        };
        let path = |name: &'static str| {
            settings.get(name).map(PathBuf::from).ok_or(StandInError::Unset { name })
        };
        let primary_host = settings.required("REPMGR_PRIMARY_HOST")?;
        Ok(Self {
            node,
            id,
            place: Place { host, port: port("POSTGRESQL_PORT_NUMBER")? },
            nodes,
            primary_host: primary_host.split(':').next().unwrap_or(primary_host).to_owned(),
            repmgr,
            repmgr_database: settings.get("REPMGR_DATABASE").unwrap_or("repmgr").to_owned(),
            account: Account {
                user: Login { name, password },
                postgres_password: settings.get("POSTGRESQL_POSTGRES_PASSWORD").map(str::to_owned),
                database: settings.get("POSTGRESQL_DATABASE").map(str::to_owned),
            },
            wal_level: settings.get("POSTGRESQL_WAL_LEVEL").unwrap_or("replica").to_owned(),
            synchronous: synchronous(settings, number("POSTGRESQL_NUM_SYNCHRONOUS_REPLICAS", 0)?),
            max_connections: u32::try_from(number("POSTGRESQL_MAX_CONNECTIONS", 100)?)
                .map_err(|error| refused(format!("POSTGRESQL_MAX_CONNECTIONS: {error}")))?,
            patience: Duration::from_secs(attempts.saturating_mul(interval)),
            programs: Tools {
                bin: path(BIN_VARIABLE)?,
                base_backup: path(BASE_BACKUP_VARIABLE)?,
                data: path(DATA_VARIABLE)?,
            },
        })
    }

    /// This node's position among all; one that no list names comes last.
    pub(super) fn rank(&self) -> usize {
        self.nodes.iter().position(|place| *place == self.place).unwrap_or(self.nodes.len())
    }

    /// Whether a cluster that does not exist yet begins with this node.
    pub(super) fn begins_here(&self) -> bool {
        self.primary_host == self.place.host
    }

    /// The name of this node's slot on its primary.
    pub(super) fn slot(&self) -> String {
        format!("repmgr_slot_{}", self.id)
    }
}

/// So many of the nodes that the image's variables list, in the form of `synchronous_standby_names`.
fn synchronous(settings: &Settings, count: u64) -> String {
    if count == 0 {
        return String::new();
    }
    let mode = settings.get("POSTGRESQL_SYNCHRONOUS_REPLICAS_MODE").unwrap_or_default();
    let names = settings.get("POSTGRESQL_CLUSTER_APP_NAME").unwrap_or("walreceiver");
    let names: Vec<String> = names.split([',', ';']).map(|name| format!("\"{name}\"")).collect();
    format!("{mode} {count} ({})", names.join(",")).trim_start().to_owned()
}

/// The places in a list of `host` and `host:port`, or the part that is none.
fn places(list: &str, usual: u16) -> Result<Vec<Place>, String> {
    let parts = list.split([',', ';']).map(str::trim).filter(|part| !part.is_empty());
    parts
        .map(|part| match part.split_once(':') {
            Some((host, port)) => match port.parse() {
                Ok(port) => Ok(Place { host: host.to_owned(), port }),
                Err(_) => Err(part.to_owned()),
            },
            None => Ok(Place { host: part.to_owned(), port: usual }),
        })
        .collect()
}

/// The number that a name ends with: 2 of `pg-2`, 0 of a name without one.
fn trailing_number(name: &str) -> u32 {
    let digits: Vec<char> = name.chars().rev().take_while(char::is_ascii_digit).collect();
    digits.into_iter().rev().collect::<String>().parse().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(extra: &[(&str, &str)]) -> Settings {
        let usual = [
            (crate::stand_in::IMAGE_VARIABLE, "bitnami/postgresql-repmgr:16"),
            (BIN_VARIABLE, "/bin"),
            (DATA_VARIABLE, "/data"),
            (BASE_BACKUP_VARIABLE, "/bin/pg_basebackup"),
            ("POSTGRESQL_PASSWORD", "p"),
            ("REPMGR_PASSWORD", "r"),
            ("REPMGR_PRIMARY_HOST", "127.77.1.11"),
            ("REPMGR_PARTNER_NODES", "127.77.1.11, 127.77.1.12:5433;127.77.1.13"),
            ("REPMGR_NODE_NAME", "pg-2"),
            ("REPMGR_NODE_NETWORK_NAME", "127.77.1.13"),
        ];
        let variables = usual.iter().chain(extra);
        let variables =
            variables.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let address = "127.77.1.13".parse().unwrap();
        Settings::read(Kind::PostgresNode, variables, address).unwrap()
    }

    #[test]
    fn a_node_knows_its_place_among_its_partners() {
        let cluster = Cluster::read(&settings(&[])).unwrap();
        assert_eq!((cluster.rank(), cluster.id, cluster.nodes[1].port), (2, 1002, 5433));
        assert!(!cluster.begins_here());
        assert_eq!(cluster.patience, Duration::from_secs(15));
        assert_eq!((cluster.wal_level.as_str(), cluster.synchronous.as_str()), ("replica", ""));
    }

    #[test]
    fn nodes_that_confirm_commits_are_named_as_the_image_names_them() {
        let one = ("POSTGRESQL_NUM_SYNCHRONOUS_REPLICAS", "1");
        let named = ("POSTGRESQL_CLUSTER_APP_NAME", "pg-0,pg-1");
        let any = ("POSTGRESQL_SYNCHRONOUS_REPLICAS_MODE", "ANY");
        let of = |extra: &[_]| Cluster::read(&settings(extra)).unwrap().synchronous;
        assert_eq!(of(&[one]), r#"1 ("walreceiver")"#);
        assert_eq!(of(&[one, named, any]), r#"ANY 1 ("pg-0","pg-1")"#);
    }

    #[test]
    fn what_the_image_refuses_is_refused_by_the_variables_name() {
        for name in ["POSTGRESQL_PASSWORD", "REPMGR_PASSWORD", "REPMGR_PARTNER_NODES"] {
            let error = Cluster::read(&settings(&[(name, "")])).unwrap_err();
            assert!(error.to_string().contains(name), "{error}");
        }
        let error = Cluster::read(&settings(&[("REPMGR_PARTNER_NODES", "a:b")])).unwrap_err();
        assert!(error.to_string().contains("`a:b`"), "{error}");
    }
}
