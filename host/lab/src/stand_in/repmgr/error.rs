//! Why a node ended.

use std::{path::PathBuf, process::ExitStatus};

/// Why a node of a cluster does not go on.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// A file or folder of its data can't be used.
    #[error("could not prepare `{path}`")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A program of PostgreSQL did not start.
    #[error("could not start `{program}`")]
    Start {
        /// The program.
        program: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A tool of PostgreSQL failed; what it said is in the log before this.
    #[error("`{tool}` ended with {status}")]
    Tool {
        /// The tool.
        tool: String,
        /// How it ended.
        status: ExitStatus,
    },
    /// The server ended by itself; what it said is in the log before this.
    #[error("the server ended with {0}")]
    Ended(ExitStatus),
}
