//! Running a stand-in from its start to SIGTERM.

use std::{collections::BTreeMap, net::Ipv4Addr};

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

use super::{
    Kind, MigrationFailed, NodeError, RunnerError, backup_service, clickhouse, health_monitor,
    langfuse, litellm, migration_job, minio, patroni_runner, repmgr, server::Stop,
    settings::Settings,
};

/// Why a stand-in ended otherwise than by SIGTERM.
#[derive(Debug, thiserror::Error)]
pub enum StandInError {
    /// It was not told what it needs to know.
    #[error("the variable `{name}` is not set")]
    Unset {
        /// The variable.
        name: &'static str,
    },
    /// The real program would not start with these variables.
    #[error("{product} refuses to start: {reason}")]
    Refused {
        /// What it stands for.
        product: &'static str,
        /// What is wrong, without any value that could be secret.
        reason: String,
    },
    /// Its port is not to be had.
    #[error("could not listen on {address}")]
    Listen {
        /// Address and port.
        address: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// Serving ended.
    #[error("could not go on serving")]
    Serve(#[source] std::io::Error),
    /// A node of a cluster does not go on.
    #[error("the node does not go on")]
    Node(#[from] NodeError),
    /// A node under Patroni does not go on.
    #[error("the node under Patroni does not go on")]
    Runner(#[from] RunnerError),
    /// A migration ended badly.
    #[error(transparent)]
    Migration(#[from] MigrationFailed),
    /// SIGTERM can't be heard.
    #[error("could not listen for SIGTERM")]
    Signal(#[source] std::io::Error),
}

impl StandInError {
    pub(crate) fn refused(kind: Kind, reason: &str) -> Self {
        Self::Refused { product: kind.product(), reason: reason.to_owned() }
    }
}

/// Runs the stand-in of `kind` on `address` with the variables of its deployment until SIGTERM.
///
/// The port is the program's own or what `PORT` says; the version is that of the image named by [`IMAGE_VARIABLE`].
/// It logs by `tracing`.
///
/// [`IMAGE_VARIABLE`]: super::IMAGE_VARIABLE
pub async fn run(
    kind: Kind,
    variables: BTreeMap<String, String>,
    address: Ipv4Addr,
) -> Result<(), StandInError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(StandInError::Signal)?;
    let settings = Settings::read(kind, variables, address)?;
    tracing::info!("{}", settings.introduction().trim_end());
    let (stopping, stop) = watch::channel(false);
    let stop = Stop::new(stop);
    let heard = async {
        terminate.recv().await;
        tracing::info!("SIGTERM: finishing");
        stopping.send_replace(true);
    };
    let service = async {
        tokio::select! {
            () = tokio::time::sleep(settings.boot) => {}
            () = stop.wait() => return Ok(()),
        }
        match kind {
            Kind::LiteLlm => litellm::run(settings, stop).await,
            Kind::LangfuseWeb => langfuse::run_web(settings, stop).await,
            Kind::LangfuseWorker => langfuse::run_worker(settings, stop).await,
            Kind::ClickHouse => clickhouse::run(settings, stop).await,
            Kind::MinIo => minio::run(settings, stop).await,
            Kind::BackupService => backup_service::run(settings, stop).await,
            Kind::HealthMonitor => health_monitor::run(settings, stop).await,
            Kind::PostgresNode => repmgr::run(settings, stop).await,
            Kind::PatroniRunner => patroni_runner::run(settings, stop).await,
            Kind::LiteLlmMigration => litellm::migrate(settings, stop).await,
            Kind::MigrationJob => migration_job::run(settings, stop).await,
        }
    };
    tokio::pin!(service);
    tokio::select! {
        ended = &mut service => ended,
        () = heard => service.await,
    }
}
