//! Why the runner ended.

use std::path::PathBuf;

/// Why a node of Railway's cluster does not go on.
#[derive(Debug, thiserror::Error)]
pub enum RunnerError {
    /// Orphans can't be taken in, so the server would outlive the node.
    #[error("could not take in the processes that Patroni lets go of")]
    Orphans(#[source] std::io::Error),
    /// Patroni did not start.
    #[error("could not start `{program}`")]
    Start {
        /// The program.
        program: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Patroni ended by itself; what it said is in the log before this.
    #[error("Patroni ended by itself")]
    Ended,
    /// Patroni or its server no longer answers.
    #[error("no answer that Patroni is healthy: {0}")]
    Unresponsive(String),
    /// A replica waited for somebody to lead, in vain.
    #[error("nobody leads the cluster `{scope}` after {seconds} s")]
    NoLeader {
        /// The cluster.
        scope: String,
        /// How long was waited.
        seconds: u64,
    },
}
