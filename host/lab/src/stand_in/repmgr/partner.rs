//! Looking at the nodes of a cluster, one's own among them.

use std::sync::Arc;

use tokio::task::JoinSet;
use tokio_postgres::Config;

use super::{
    super::database::{Database, DatabaseError},
    cluster::{Cluster, Place},
    decision::{Node, Seen},
};

/// Whether it follows, its timeline while it does not, what it has received, whether it receives now.
const LOOK: &str = "SELECT pg_is_in_recovery(), \
    CASE WHEN pg_is_in_recovery() THEN 0 \
         ELSE ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint END, \
    (CASE WHEN pg_is_in_recovery() \
          THEN coalesce(greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()), '0/0') \
          ELSE pg_current_wal_lsn() END - '0/0'::pg_lsn)::bigint, \
    coalesce((SELECT status = 'streaming' FROM pg_stat_wal_receiver), false)";

/// One node, reached as repmgr's user over a connection that is kept.
#[derive(Debug)]
pub(super) struct Partner {
    pub(super) place: Place,
    rank: usize,
    database: Database,
}

/// All nodes of a cluster as one of them reaches them.
#[derive(Debug)]
pub(super) struct Partners {
    own: Arc<Partner>,
    others: Vec<Arc<Partner>>,
}

/// What was seen at one moment.
#[derive(Debug)]
pub(super) struct View {
    pub(super) own: Seen,
    /// Whether this node receives from a primary now.
    pub(super) receives: bool,
    pub(super) others: Vec<Node>,
}

impl Partner {
    fn new(cluster: &Cluster, place: &Place, rank: usize) -> Self {
        let mut config = Config::new();
        config
            .host(&place.host)
            .port(place.port)
            .user(&cluster.repmgr.name)
            .password(&cluster.repmgr.password)
            .dbname(&cluster.repmgr_database)
            .application_name("repmgrd (stand-in)");
        Self { place: place.clone(), rank, database: Database::with(config) }
    }

    async fn look(&self) -> (Seen, bool) {
        let looked = async {
            let row = self.database.row(LOOK).await?;
            let read = |row: &tokio_postgres::Row| {
                Ok::<_, tokio_postgres::Error>((
                    row.try_get::<_, bool>(0)?,
                    row.try_get::<_, i64>(1)?,
                    row.try_get::<_, i64>(2)?,
                    row.try_get::<_, bool>(3)?,
                ))
            };
            read(&row).map_err(DatabaseError::from)
        };
        match looked.await {
            Ok((true, _, received, streams)) => (Seen::Standby { received }, streams),
            Ok((false, timeline, ..)) => (Seen::Primary { timeline }, false),
            // The database told that it was lost; for the cluster it does not matter why.
            Err(error) => {
                tracing::debug!(%error, host = self.place.host, "a node does not answer");
                (Seen::Nothing, false)
            }
        }
    }

    /// Makes sure that this primary keeps what the standby with this slot has not received yet.
    pub(super) async fn keep_for(&self, slot: &str) -> Result<(), DatabaseError> {
        let sql = format!(
            "SELECT pg_create_physical_replication_slot('{slot}') \
             WHERE NOT EXISTS (SELECT 1 FROM pg_replication_slots WHERE slot_name = '{slot}')"
        );
        self.database.batch(&sql).await
    }
}

impl Partners {
    pub(super) fn of(cluster: &Cluster) -> Self {
        let all = cluster.nodes.iter().enumerate();
        let others = all.filter(|(_, place)| **place != cluster.place);
        let others = others.map(|(rank, place)| Arc::new(Partner::new(cluster, place, rank)));
        Self {
            own: Arc::new(Partner::new(cluster, &cluster.place, cluster.rank())),
            others: others.collect(),
        }
    }

    /// The partner at this position of the list.
    pub(super) fn ranked(&self, rank: usize) -> Option<&Arc<Partner>> {
        self.others.iter().find(|partner| partner.rank == rank)
    }

    /// Looks at all nodes at once.
    pub(super) async fn look(&self) -> View {
        let mut looks = JoinSet::new();
        for partner in self.others.iter().cloned() {
            looks.spawn(async move { Node { rank: partner.rank, seen: partner.look().await.0 } });
        }
        let (own, receives) = self.own.look().await;
        let mut others = Vec::new();
        while let Some(looked) = looks.join_next().await {
            match looked {
                Ok(node) => others.push(node),
                Err(error) => tracing::warn!(%error, "a look at a partner was lost"),
            }
        }
        View { own, receives, others }
    }

    /// Lets this node take writes.
    pub(super) async fn promote(&self) -> Result<(), DatabaseError> {
        self.own.database.batch("SELECT pg_promote(false)").await
    }
}
