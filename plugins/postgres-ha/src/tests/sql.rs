//! What both servers and PgPool answer, from memory.

use std::collections::BTreeMap;

use lockstep_sdk::outside::Sql;
use lockstep_sdk::{Failure, Rows, Value};

use super::stack::Stack;
use super::told::Told;
use crate::check::copy;
use crate::{beside, cluster, front, in_place, job, links, seal, server, sessions, tables};

type Table = Vec<Vec<Value>>;

pub(super) const VERSION: usize = 0;
pub(super) const RECOVERING: usize = 1;
pub(super) const SYSTEM: usize = 2;
pub(super) const WAL_LEVEL: usize = 5;
pub(super) const SLOTS: usize = 6;
pub(super) const BUDGET: usize = 10;
pub(super) const CONNECTIONS: usize = 11;
pub(super) const SYNCHRONOUS: usize = 12;
pub(super) const WORKERS: usize = 13;
pub(super) const SEES: usize = 14;
pub(super) const STARTED: usize = 15;
pub(super) const PREPARED: usize = 16;
pub(super) const RECEIVERS: usize = 9;
pub(super) const WRITER_DELAY: usize = 17;
pub(super) const COPIERS: usize = 18;

/// How a link stands: slot (active, behind), subscription (there, running).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Linked {
    pub(super) slot: Option<(bool, u64)>,
    pub(super) status: Option<&'static str>,
    pub(super) subscribed: u64,
    pub(super) running: u64,
    pub(super) held_back: u64,
    pub(super) confirmed: bool,
}

impl Linked {
    pub(super) fn runs() -> Self {
        let slot = Some((true, 0));
        Self { slot, subscribed: 1, running: 1, confirmed: true, ..Self::default() }
    }
}

/// Everything that the connections answer.
#[derive(Clone, Debug)]
pub(super) struct Databases {
    pub(super) old: Told,
    pub(super) new: Told,
    pub(super) tables: Vec<(&'static str, &'static str, &'static str, &'static str, bool)>,
    pub(super) anonymous: Vec<(&'static str, &'static str, Option<&'static str>)>,
    pub(super) large_objects: u64,
    pub(super) provider: &'static str,
    pub(super) collate: &'static str,
    pub(super) extensions: Vec<(&'static str, &'static str)>,
    pub(super) available: Vec<(&'static str, &'static str)>,
    pub(super) clients: u64,
    pub(super) elsewhere: Vec<(&'static str, &'static str)>,
    pub(super) long: Vec<(&'static str, &'static str)>,
    pub(super) settings: Vec<(&'static str, &'static str)>,
    pub(super) present: bool,
    pub(super) receivers: Vec<&'static str>,
    pub(super) front: Result<Vec<[&'static str; 4]>, Failure>,
    pub(super) front_settings: Vec<(&'static str, &'static str)>,
    /// By name and publisher.
    pub(super) links: BTreeMap<(&'static str, &'static str), Linked>,
    pub(super) positions: Vec<&'static str>,
    /// Sealed, older, stuck, clients.
    pub(super) standing: BTreeMap<&'static str, (bool, u64, u64, u64)>,
    /// Sessions that are just beginning.
    pub(super) beginning: u64,
    pub(super) unpublished: Vec<&'static str>,
    pub(super) published: u64,
    pub(super) copied: (u64, u64),
    pub(super) errors: u64,
    /// The connection that ends at a pooler.
    pub(super) pooled: Option<&'static str>,
    pub(super) abandoned: Vec<(&'static str, &'static str)>,
    /// Databases of the old server.
    pub(super) listed: Vec<&'static str>,
    /// Tables at the cluster.
    pub(super) restored: u64,
    /// Settings of the old server that Patroni overrides.
    pub(super) overridden: Vec<(&'static str, &'static str)>,
    /// Its `archive_mode`, whether we are its superuser, its slots.
    pub(super) aside: (&'static str, bool, u64),
    /// Where its log ends, and its tables.
    pub(super) history: (u64, u64),
    /// Nodes that follow closely, and that confirm commits.
    pub(super) following: (u64, u64),
    /// Slots of nodes that are gone.
    pub(super) left_slots: u64,
    /// The server to which PgPool leads.
    pub(super) through: &'static str,
    /// Databases of the cluster, and what is in those that it began with.
    pub(super) held: (Vec<&'static str>, u64),
}

impl Default for Databases {
    fn default() -> Self {
        let mut new = Told::new(160_004, "222", "postgres");
        new.set(RECEIVERS, 2_u64);
        new.set(SYNCHRONOUS, "ANY 1 (\"pg-0\",\"pg-1\",\"pg-2\")");
        Self {
            old: Told::new(160_004, "111", "litellm_langfuse"),
            new,
            tables: vec![
                ("public", "LiteLLM_SpendLogs", "r", "p", false),
                ("public", "_prisma_migrations", "r", "p", false),
                ("public", "media", "r", "p", false),
                ("public", "projects", "r", "p", false),
            ],
            anonymous: Vec::new(),
            large_objects: 0,
            provider: "c",
            collate: "C",
            extensions: vec![("plpgsql", "1.0")],
            available: vec![("plpgsql", "1.0")],
            clients: 12,
            elsewhere: Vec::new(),
            long: Vec::new(),
            settings: Vec::new(),
            present: false,
            receivers: vec!["pg-1", "pg-2"],
            front: Err(Failure::permanently("sql:3D000", "there is no such database")),
            front_settings: vec![("load_balance_mode", "0"), ("failover_on_backend_shutdown", "0")],
            links: BTreeMap::new(),
            positions: vec!["0/10"],
            standing: BTreeMap::new(),
            beginning: 0,
            unpublished: Vec::new(),
            published: 4,
            copied: (4, 4),
            errors: 0,
            pooled: None,
            abandoned: Vec::new(),
            listed: vec!["litellm_langfuse", "postgres"],
            restored: 0,
            overridden: vec![("max_connections", "100"), ("synchronous_standby_names", "")],
            aside: ("off", true, 0),
            history: (1_000, 4),
            following: (2, 1),
            left_slots: 0,
            through: "222",
            held: (vec!["postgres", "railway", "repmgr"], 0),
        }
    }
}

impl Databases {
    /// Lets PgPool see all nodes.
    pub(super) fn fronted(&mut self) {
        self.front = Ok(vec![
            ["pg-0", "up", "up", "primary"],
            ["pg-1", "up", "up", "standby"],
            ["pg-2", "up", "up", "standby"],
        ]);
    }

    fn told(&self, connection: &str) -> &Told {
        // What is behind a converted server's front is that server.
        if ["postgres", "postgres-ha"].contains(&connection) { &self.old } else { &self.new }
    }

    fn link(&self, name: &Value, publisher: &str) -> Linked {
        let name = name.as_text().expect("a link's name");
        let found = self.links.iter().find(|((known, at), _)| *known == name && *at == publisher);
        found.map(|(_, link)| *link).unwrap_or_default()
    }

    fn other(connection: &str) -> &'static str {
        if connection == "postgres" { "cluster" } else { "postgres" }
    }

    fn tables_of(&self, connection: &str) -> Table {
        let row = |(schema, table, kind, logged, hides): &(&str, &str, &str, &str, bool)| {
            vec![
                (*schema).into(),
                (*table).into(),
                (*kind).into(),
                (*logged).into(),
                (*hides).into(),
            ]
        };
        let there = usize::try_from(self.restored).expect("a few tables");
        let shown = if connection == "cluster" { there } else { self.tables.len() };
        self.tables.iter().take(shown).map(row).collect()
    }

    fn answer(&self, connection: &str, statement: &str, parameters: &[Value]) -> Option<Table> {
        let told = self.told(connection);
        let texts = |texts: &[&str]| texts.iter().map(|text| vec![Value::from(*text)]).collect();
        let pairs = |pairs: &[(&str, &str)]| -> Table {
            pairs.iter().map(|(one, two)| vec![Value::from(*one), Value::from(*two)]).collect()
        };
        let first = parameters.first();
        Some(match statement {
            server::SERVER => vec![told.row.clone()],
            server::PENDING => {
                told.pending.iter().map(|name| vec![Value::from(name.as_str())]).collect()
            }
            "SELECT 1" => vec![vec![1_u64.into()]],
            beside::TABLES => vec![vec![self.held.1.into()]],
            beside::DATABASES if connection != "postgres" => texts(&self.held.0),
            job::DATABASES => texts(&self.listed),
            tables::TABLES => self.tables_of(connection),
            tables::IDENTITIES => {
                let row = |(table, former, index): &(&str, &str, Option<&str>)| {
                    let index = index.map(str::to_owned);
                    vec!["public".into(), (*table).into(), (*former).into(), index.into()]
                };
                self.anonymous.iter().map(row).collect()
            }
            tables::DATABASE => vec![vec![
                "UTF8".into(),
                self.collate.into(),
                self.collate.into(),
                self.provider.into(),
                (200_u64 << 20).into(),
                self.large_objects.into(),
            ]],
            tables::EXTENSIONS => pairs(&self.extensions),
            tables::UNPUBLISHED => texts(&self.unpublished),
            sessions::SESSIONS if self.clients == 0 => Vec::new(),
            sessions::SESSIONS => vec![vec![
                "prisma from 10.0.0.1 as postgres".into(),
                self.clients.to_string().into(),
            ]],
            sessions::ELSEWHERE => pairs(&self.elsewhere),
            sessions::LONG => pairs(&self.long),
            sessions::ROLES => told
                .roles
                .iter()
                .map(|(name, is)| vec![(*name).into(), is.to_string().into()])
                .collect(),
            sessions::SETTINGS => pairs(&self.settings),
            sessions::ABANDONED => pairs(&self.abandoned),
            sessions::LEFTOVERS => texts(&told.leftovers),
            cluster::PRESENT => vec![vec![u64::from(self.present).into()]],
            cluster::AVAILABLE => pairs(&self.available),
            cluster::RECEIVERS => {
                let rows: Vec<_> = self.receivers.iter().map(|name| (*name, "10.0.0.9")).collect();
                pairs(&rows)
            }
            cluster::LOCALES => vec![vec![0_u64.into()]],
            links::SLOT => {
                let link = self.link(first?, connection);
                let row = |(active, behind): (bool, u64)| {
                    let status = link.status.unwrap_or("reserved");
                    vec![
                        active.into(),
                        "0/10".into(),
                        status.into(),
                        link.held_back.into(),
                        behind.into(),
                    ]
                };
                link.slot.map(row).into_iter().collect()
            }
            links::SUBSCRIPTION => {
                let link = self.link(first?, Self::other(connection));
                vec![vec![link.subscribed.into(), link.running.into()]]
            }
            seal::BUSY => vec![vec!["17".into()]],
            links::POSITION => vec![vec![(*self.positions.first()?).into()]],
            links::CONFIRMED => {
                let link = self.link(first?, connection);
                let row = |(active, _): (bool, u64)| vec![active.into(), link.confirmed.into()];
                link.slot.map(row).into_iter().collect()
            }
            in_place::SETTINGS => pairs(&self.overridden),
            in_place::ASIDE => {
                let (archives, superuser, slots) = self.aside;
                vec![vec![archives.into(), superuser.into(), slots.into()]]
            }
            in_place::HISTORY => {
                vec![vec![self.history.0.to_string().into(), self.history.1.into()]]
            }
            other if other.contains("FROM pg_stat_replication r WHERE") => {
                vec![vec![self.following.0.into(), self.following.1.into()]]
            }
            other if other.starts_with("SELECT count(*) FROM pg_replication_slots s") => {
                vec![vec![self.left_slots.into()]]
            }
            copy::PUBLISHED => vec![vec![self.published.into()]],
            copy::COPIED => vec![vec![self.copied.0.into(), self.copied.1.into()]],
            copy::ERRORS => vec![vec![self.errors.into()]],
            other if other == seal::statement() => {
                let (sealed, older, stuck, clients) =
                    self.standing.get(connection).copied().unwrap_or_default();
                let beginning = if *first? == "".into() { 0 } else { self.beginning };
                let told = [sealed.into(), older.into(), stuck.into(), clients.into()];
                vec![told.into_iter().chain([beginning.into()]).collect()]
            }
            other => {
                let known = [links::FORTH, links::BACK, links::PROBE_FORTH, links::PROBE_BACK];
                let asked = known.into_iter().find(|link| {
                    link.subscriber == connection && links::subscribed(*link) == other
                })?;
                let link = self.link(&asked.name.into(), asked.publisher);
                vec![vec![(link.subscribed > 0).into()]]
            }
        })
    }
}

impl Sql for Stack {
    fn query(
        &self,
        connection: &str,
        statement: &str,
        parameters: &[Value],
    ) -> Result<Rows, Failure> {
        let databases = &self.databases;
        let columns = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        if connection == "front" {
            let nodes = databases.front.clone()?;
            let row = |values: &[&str]| values.iter().map(|value| Value::from(*value)).collect();
            if [server::SERVER, server::PENDING].contains(&statement) {
                let mut through = databases.clone();
                through.new.row[SYSTEM] = databases.through.into();
                let rows = through.answer(connection, statement, &[]).unwrap_or_default();
                return Ok(Rows { columns: Vec::new(), rows });
            }
            return Ok(if statement == "SHOW pool_nodes" {
                Rows {
                    columns: columns(&["hostname", "status", "pg_status", "role"]),
                    rows: nodes.iter().map(|node| row(node)).collect(),
                }
            } else {
                let settings = databases.front_settings.iter();
                Rows {
                    columns: columns(&["item", "value", "description"]),
                    rows: settings.map(|(name, value)| row(&[name, value, ""])).collect(),
                }
            });
        }
        if let Some(failure) = &databases.told(connection).down {
            return Err(failure.clone());
        }
        if statement == front::POOLER {
            if databases.pooled != Some(connection) {
                return Err(Failure::permanently("sql:42704", "there is no such setting"));
            }
            let rows = vec![vec!["4.5.6 (hotooriboshi)".into()]];
            return Ok(Rows { columns: columns(&["pool_version"]), rows });
        }
        if connection == "cluster" && !databases.present {
            return Err(Failure::permanently("sql:3D000", "there is no such database"));
        }
        match databases.answer(connection, statement, parameters) {
            Some(rows) => Ok(Rows { columns: Vec::new(), rows }),
            None => panic!("{connection}: {statement} is not scripted"),
        }
    }
}
