//! What is reported.

use std::path::PathBuf;

use clap::Args;

use super::RunArguments;

/// What to report.
#[derive(Debug, Args)]
pub(crate) struct ReportArguments {
    /// The run.
    #[command(flatten)]
    pub(crate) run: RunArguments,

    /// Writes to this file instead of standard output.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}
