//! A node from its start to its end: joining, following, taking over, stepping back.

use std::{process::ExitStatus, time::Duration};

use tokio::time::Instant;

use super::{
    super::{StandInError, server::Stop, settings::Settings},
    cluster::Cluster,
    data::{Data, Held, make_home},
    decision::{self, Seen},
    error::NodeError,
    partner::{Partners, View},
    server::Server,
};

/// How often nodes look at each other.
const LOOK_EVERY: Duration = Duration::from_millis(300);
/// How long a standby that receives nothing waits before it is cloned anew: what it has may fit nobody's any more.
const DEAF: Duration = Duration::from_secs(15);
/// How long standbys that never saw a primary wait for one to start before they choose one among themselves.
const NEVER_SEEN: Duration = Duration::from_mins(1);
/// How long taking over may take before it is asked for again.
const TAKING_OVER: Duration = Duration::from_secs(10);

/// Runs the node until it is asked to end, or its server ends by itself.
pub(crate) async fn run(settings: Settings, stop: Stop) -> Result<(), StandInError> {
    let cluster = Cluster::read(&settings)?;
    tracing::info!(
        "this process stands in for repmgr's daemon; the server is real. Cluster: {} nodes, this is {}",
        cluster.nodes.len(),
        cluster.node
    );
    make_home(&cluster.programs.data)?;
    let data = Data::open(&cluster.programs.data)?;
    let partners = Partners::of(&cluster);
    let node = Node { cluster, address: settings.address.to_string(), data, partners };
    node.run(&stop).await?;
    Ok(())
}

struct Node {
    cluster: Cluster,
    address: String,
    data: Data,
    partners: Partners,
}

/// What a node starts as.
enum Start {
    /// As the first node of a new cluster.
    New,
    /// As what its data says it was.
    AsBefore,
    /// Behind the partner at this position.
    Behind(usize),
}

/// How a server's time as primary or standby ended.
enum Ended {
    /// The node was asked to end.
    Asked,
    /// The server ended by itself.
    ByItself(ExitStatus),
    /// Its data fits nobody's any more: another primary is the right one, or what it has can't be continued.
    Outdated,
}

/// What a standby remembers between two looks.
#[derive(Default)]
struct Memory {
    /// The position of whom it follows.
    upstream: Option<usize>,
    seen_primary: bool,
    alone_since: Option<Instant>,
    deaf_since: Option<Instant>,
    promoted_at: Option<Instant>,
}

impl Node {
    async fn run(&self, stop: &Stop) -> Result<(), NodeError> {
        let mut outdated = false;
        loop {
            let start = tokio::select! {
                biased;
                () = stop.wait() => return Ok(()),
                start = self.find_start(outdated) => start,
            };
            let upstream = tokio::select! {
                biased;
                () = stop.wait() => return Ok(()),
                prepared = self.prepare(&start, outdated) => match prepared {
                    Ok(upstream) => upstream,
                    // The primary may have gone meanwhile, so everybody is asked again.
                    Err(NodeError::Tool { tool, status }) if matches!(start, Start::Behind(_)) => {
                        tracing::warn!("{tool} ended with {status}; trying again");
                        tokio::time::sleep(LOOK_EVERY).await;
                        continue;
                    }
                    Err(error) => return Err(error),
                },
            };
            let server = Server::start(&self.cluster.programs.bin, self.data.folder())?;
            match self.watch(server, upstream, stop).await? {
                Ended::Asked => return Ok(()),
                Ended::ByItself(status) => return Err(NodeError::Ended(status)),
                Ended::Outdated => outdated = true,
            }
        }
    }

    /// Waits until it is clear what to start as: whoever finds a primary goes behind it, with whatever data.
    async fn find_start(&self, outdated: bool) -> Start {
        let mut told = false;
        loop {
            let view = self.partners.look().await;
            if let Some(rank) = decision::primary(&view.others) {
                return Start::Behind(rank);
            }
            let somebody = view.others.iter().any(|node| node.seen != Seen::Nothing);
            match self.data.held() {
                Held::Standby => return Start::AsBefore,
                Held::Primary if !outdated => return Start::AsBefore,
                Held::Nothing if self.cluster.begins_here() && !somebody => return Start::New,
                Held::Nothing | Held::Primary => {}
            }
            if !told {
                tracing::info!("no partner is a primary yet; waiting for one");
                told = true;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Makes the data ready and returns whom the server is to follow.
    async fn prepare(&self, start: &Start, outdated: bool) -> Result<Option<usize>, NodeError> {
        let upstream = match start {
            Start::New => {
                tracing::info!("no data and no partner: making a new cluster");
                self.data.initialise(&self.cluster).await?;
                None
            }
            Start::AsBefore => {
                tracing::info!(
                    "no partner is a primary: starting as before ({:?})",
                    self.data.held()
                );
                None
            }
            Start::Behind(rank) => {
                let Some(primary) = self.partners.ranked(*rank) else { return Ok(None) };
                if let Err(error) = primary.keep_for(&self.cluster.slot()).await {
                    tracing::warn!(%error, "no slot yet on {}", primary.place.host);
                }
                if outdated || self.data.held() != Held::Standby {
                    tracing::info!(
                        "{} is primary: cloning it in place of what is here ({:?})",
                        primary.place.host,
                        self.data.held()
                    );
                    self.data.clone_from(&self.cluster, &primary.place).await?;
                }
                Some(*rank)
            }
        };
        self.configure(upstream)?;
        Ok(upstream)
    }

    fn configure(&self, upstream: Option<usize>) -> Result<(), NodeError> {
        let place = upstream.and_then(|rank| self.partners.ranked(rank)).map(|it| &it.place);
        self.data.configure(&self.cluster, &self.address, place)
    }

    /// Stays with the server.
    async fn watch(
        &self,
        mut server: Server,
        upstream: Option<usize>,
        stop: &Stop,
    ) -> Result<Ended, NodeError> {
        let mut memory = Memory { upstream, seen_primary: upstream.is_some(), ..Memory::default() };
        loop {
            let looked = tokio::select! {
                biased;
                () = stop.wait() => None,
                status = server.ended() => return Ok(Ended::ByItself(status)),
                view = async {
                    tokio::time::sleep(LOOK_EVERY).await;
                    self.partners.look().await
                } => Some(view),
            };
            let Some(view) = looked else {
                server.stop().await;
                return Ok(Ended::Asked);
            };
            match view.own {
                // It is still starting, or frozen, or full.
                Seen::Nothing => {}
                Seen::Primary { timeline } => {
                    if decision::is_outdated(self.cluster.rank(), timeline, &view.others) {
                        tracing::warn!("another node was promoted after this one: stepping back");
                        server.stop_at_once().await;
                        return Ok(Ended::Outdated);
                    }
                    memory = Memory { seen_primary: true, ..Memory::default() };
                }
                Seen::Standby { received } => {
                    if self.follow(&server, &view, received, &mut memory).await? {
                        server.stop().await;
                        return Ok(Ended::Outdated);
                    }
                }
            }
        }
    }

    /// Does what a standby does after a look; returns whether its data is outdated.
    async fn follow(
        &self,
        server: &Server,
        view: &View,
        received: i64,
        memory: &mut Memory,
    ) -> Result<bool, NodeError> {
        let now = Instant::now();
        let Some(rank) = decision::primary(&view.others) else {
            let since = *memory.alone_since.get_or_insert(now);
            let patience = if memory.seen_primary { self.cluster.patience } else { NEVER_SEEN };
            let asked = memory.promoted_at.is_some_and(|at| now - at < TAKING_OVER);
            if now - since >= patience
                && !asked
                && decision::is_chosen(self.cluster.rank(), received, &view.others)
            {
                tracing::warn!(
                    "the primary is lost and this standby has received most: promoting it"
                );
                memory.promoted_at = Some(now);
                if let Err(error) = self.partners.promote().await {
                    tracing::warn!(%error, "could not promote");
                }
            }
            return Ok(false);
        };
        (memory.alone_since, memory.seen_primary) = (None, true);
        if memory.upstream != Some(rank) {
            let Some(primary) = self.partners.ranked(rank) else { return Ok(false) };
            if let Err(error) = primary.keep_for(&self.cluster.slot()).await {
                tracing::warn!(%error, "no slot yet on {}", primary.place.host);
                return Ok(false);
            }
            tracing::info!("following {}", primary.place.host);
            self.configure(Some(rank))?;
            server.reload();
            (memory.upstream, memory.deaf_since) = (Some(rank), None);
        }
        if view.receives {
            memory.deaf_since = None;
            return Ok(false);
        }
        let deaf = now - *memory.deaf_since.get_or_insert(now) >= DEAF;
        if deaf {
            tracing::warn!("nothing was received for {} s: cloning anew", DEAF.as_secs());
        }
        Ok(deaf)
    }
}
