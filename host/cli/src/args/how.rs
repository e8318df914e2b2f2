//! How a run is run: by a command, and by a runner.

use clap::Args;

/// How to run.
#[derive(Debug, Clone, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct How {
    /// Approves the plan and every gate in it without asking; of several stages, each as it is shown at its turn.
    #[arg(long)]
    pub(crate) yes: bool,

    /// Stops after this step, leaving the run resumable. Of several stages, it is a step of the one at hand.
    #[arg(long, value_name = "STEP")]
    pub(crate) until: Option<String>,

    /// Ends the command as soon as the run only waits for time, such as in a soak; `lockstep resume` goes on later.
    #[arg(long)]
    pub(crate) detach: bool,

    /// Leaves the run to the runners of the store; with --yes, every gate of the plan is open for them. Of several stages,
    /// only the one at hand is left to them: the next needs a person.
    #[arg(long, conflicts_with_all = ["detach", "until", "outside_windows"])]
    pub(crate) queue: bool,

    /// Goes on although that run of another store claims the environment: only if it is surely gone.
    #[arg(long, value_name = "RUN")]
    pub(crate) over_claim: Option<String>,

    /// Begins steps outside of the maintenance windows of lockstep.toml too; the journal says who wanted it.
    #[arg(long)]
    pub(crate) outside_windows: bool,

    /// Once the upgrade is done, sets its images in this file too: the guide's railway.toml, its formatting kept. Railway itself
    /// does not read that file, so nothing else follows from it.
    #[arg(long, value_name = "FILE", conflicts_with = "queue")]
    pub(crate) write_config: Option<std::path::PathBuf>,

    /// For tests of Lockstep itself: ends the process with SIGKILL when that many records are durable.
    #[arg(long, hide = true, value_name = "N")]
    pub(crate) die_after_record: Option<u64>,

    /// For tests of Lockstep itself: ends the process with SIGKILL right before that record is written.
    #[arg(long, hide = true, value_name = "N")]
    pub(crate) die_before_record: Option<u64>,
}

impl How {
    /// Returns how a runner runs: what needs a person is left to one, and nobody waits for time.
    pub(crate) const fn of_runner() -> Self {
        Self {
            yes: false,
            until: None,
            detach: true,
            queue: false,
            over_claim: None,
            outside_windows: false,
            write_config: None,
            die_after_record: None,
            die_before_record: None,
        }
    }
}

/// How a runner works.
#[derive(Debug, Args)]
pub(crate) struct RunnerArguments {
    /// How many runs are worked on at once.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = at_least_one)]
    pub(crate) parallel: usize,

    /// Serves figures for Prometheus at /metrics there, such as 127.0.0.1:9464. They tell who upgrades what.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) metrics: Option<std::net::SocketAddr>,

    /// Ends when no detached run is due, instead of waiting for the next one.
    #[arg(long)]
    pub(crate) until_idle: bool,
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("a runner works on at least one run".to_owned()),
        Ok(number) => Ok(number),
        Err(error) => Err(format!("{error}")),
    }
}
