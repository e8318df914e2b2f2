//! What the user typed, and the only place that reads the process's environment.

mod author;
mod consent;
mod how;
mod plugin;
mod report;
mod surroundings;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use lockstep_engine::model::{Digest, Millis};

pub(crate) use author::{BuildArguments, InspectArguments, Language, NewArguments, TestArguments};
pub(crate) use consent::{
    AddArguments, Consent, PinArguments, PromoteArguments, PublishArguments, UpdateArguments,
};
pub(crate) use how::{How, RunnerArguments};
pub(crate) use plugin::PluginCommand;
pub(crate) use report::ReportArguments;
pub(crate) use surroundings::Surroundings;

/// Upgrades the components of a LiteLLM + Langfuse stack on Railway: planned, approved, resumable, reversible.
#[derive(Debug, Parser)]
#[command(name = "lockstep", version, about, max_term_width = 110, after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,

    /// What holds for every command.
    #[command(flatten)]
    pub(crate) global: Global,
}

/// What holds for every command.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// The environment of lockstep.toml; `lab` is always there.
    #[arg(short, long, global = true, value_name = "ENV")]
    pub(crate) environment: Option<String>,

    /// The folder with lockstep.toml and .lockstep/.
    #[arg(short = 'C', long, global = true, value_name = "FOLDER", default_value = ".")]
    pub(crate) directory: PathBuf,

    /// Prints one JSON document to standard output, and nothing else there.
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// Writes a log to standard error: error, warn, info, debug, trace, or a filter such as `lockstep_drivers=debug`.
    #[arg(long, global = true, value_name = "FILTER")]
    pub(crate) log: Option<String>,

    /// Refuses whatever lockstep.lock would have to be changed or completed for.
    #[arg(long, global = true)]
    pub(crate) locked: bool,

    /// Takes plugins from the cache alone and asks no registry for any.
    #[arg(long, global = true)]
    pub(crate) offline: bool,

    /// For tests of Lockstep itself: the clock is ahead by so many seconds.
    #[arg(long, global = true, hide = true, value_name = "SECONDS", default_value_t = 0)]
    pub(crate) clock_ahead: u64,

    /// How the log is written.
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) log_format: LogFormat,
}

/// How a log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Shows what an upgrade would do, and changes nothing.
    #[command(
        after_help = "Examples:\n  lockstep plan redis@7.0.15 -e lab --out redis.plan.json\n  lockstep plan redis@7.0.15 mine@2 -e lab --out both.plan.json\n  lockstep plan --all -e lab\n\nWithout a version a plugin reads which releases there are from the endpoint `releases`. The lab has one; elsewhere it is a public\norigin in lockstep.toml: [environments.NAME.endpoints.releases] with origin = \"https://…\""
    )]
    Plan(PlanArguments),
    /// Plans, asks for approval, and upgrades.
    #[command(
        after_help = "Examples:\n  lockstep apply redis@7.0.15 -e lab\n  lockstep apply redis.plan.json --yes\n  lockstep apply redis@7.0.15 mine@2 -e lab\n  lockstep apply --all -e lab\n  lockstep apply redis -e lab --queue\n  lockstep apply redis -e lab --write-config railway.toml"
    )]
    Apply(ApplyArguments),
    /// Goes on with a run that was interrupted, waits or is stuck; after a stage that is done, with the next one.
    #[command(
        after_help = "Examples:\n  lockstep resume\n  lockstep resume r-3f9a --assume happened:save"
    )]
    Resume(ResumeArguments),
    /// Takes a run back to the version before.
    #[command(after_help = "Example:\n  lockstep rollback r-3f9a --why \"queues grow\"")]
    Rollback(RollbackArguments),
    /// Opens the gate that a run waits at.
    #[command(after_help = "Example:\n  lockstep approve r-3f9a && lockstep resume r-3f9a")]
    Approve(RunArguments),
    /// Takes detached runs from the store and works on them until it is asked to end; any number of runners may share a store.
    #[command(
        after_help = "Examples:\n  lockstep runner --parallel 8\n  lockstep runner --until-idle"
    )]
    Runner(RunnerArguments),
    /// Lists the runs of this store.
    Runs,
    /// Shows one run: its plan, every record, and where it stands.
    #[command(after_help = "Examples:\n  lockstep show r-3f9a\n  lockstep show r-3f9a --verify")]
    Show(ShowArguments),
    /// Tells what a run did, as Markdown.
    #[command(after_help = "Example:\n  lockstep report r-3f9a --out r-3f9a.md")]
    Report(ReportArguments),
    /// Writes one run as lines of JSON, which prove themselves without the store.
    #[command(
        after_help = "Examples:\n  lockstep export r-3f9a --out r-3f9a.jsonl\n  lockstep export --verify r-3f9a.jsonl"
    )]
    Export(ExportArguments),
    /// Removes runs that ended long ago, with what only they rested on. A run that has not ended is never removed.
    #[command(
        after_help = "Examples:\n  lockstep prune --older-than 90d --dry-run\n  lockstep prune --older-than 90d"
    )]
    Prune(PruneArguments),
    /// Shows what runs in the environment, and runs in progress.
    #[command(after_help = "Example:\n  lockstep status -e lab")]
    Status,
    /// Shows which versions run, whether they fit together, and whether others would.
    #[command(
        after_help = "Examples:\n  lockstep matrix -e lab\n  lockstep matrix langfuse@4.16.0 clickhouse@26.4.1.1 -e lab"
    )]
    Matrix(MatrixArguments),
    /// Plugins: which bytes run in which environment, and what their authors need.
    #[command(subcommand)]
    Plugin(PluginCommand),
    /// The local twin of Railway and of the stack.
    #[command(subcommand)]
    Lab(LabCommand),
    /// Tells what is missing on this machine and in lockstep.toml, and how to get it.
    #[command(after_help = "Example:\n  lockstep doctor -e production --notify")]
    Doctor(DoctorArguments),
}

/// What to look at.
#[derive(Debug, Args)]
pub(crate) struct DoctorArguments {
    /// Sends a test notice to everybody whom the environment's `notify` names.
    #[arg(long)]
    pub(crate) notify: bool,
}

/// What to plan.
#[derive(Debug, Args)]
pub(crate) struct PlanArguments {
    /// What to upgrade, and to which version: `redis` or `redis@7.2.4`. Several become stages, in the order that their plugins
    /// ask for and otherwise as they stand here.
    #[arg(required_unless_present = "all", value_name = "COMPONENT[@VERSION]")]
    pub(crate) components: Vec<String>,

    /// Every component that a plugin is installed for, each a stage, in the order that the plugins ask for. Those that are named
    /// too get the version that is named.
    #[arg(long)]
    pub(crate) all: bool,

    /// Writes the plan to this file, to be applied later or by somebody else.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

/// What to judge.
#[derive(Debug, Args)]
pub(crate) struct MatrixArguments {
    /// What would run instead: `langfuse@3.225.4`. Without any, what runs is judged.
    #[arg(value_name = "COMPONENT@VERSION")]
    pub(crate) targets: Vec<String>,
}

/// What to apply.
#[derive(Debug, Args)]
pub(crate) struct ApplyArguments {
    /// What to upgrade (`redis@7.2.4`), or a plan file. Several components become stages, each approved by itself at its turn.
    #[arg(required_unless_present = "all", value_name = "COMPONENT[@VERSION] | PLANFILE")]
    pub(crate) targets: Vec<String>,

    /// Every component that a plugin is installed for, as `lockstep plan --all` shows it.
    #[arg(long)]
    pub(crate) all: bool,

    /// How to run it.
    #[command(flatten)]
    pub(crate) how: How,
}

/// One run.
#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// The run, or the beginning of its name; none for the only one that is not over.
    #[arg(value_name = "RUN")]
    pub(crate) run: Option<String>,
}

/// A run to go on with.
#[derive(Debug, Args)]
pub(crate) struct ResumeArguments {
    /// The run.
    #[command(flatten)]
    pub(crate) run: RunArguments,

    /// Says what became of the effect that the run asks about: `happened:EFFECT` or `not-happened:EFFECT`.
    #[arg(long, value_name = "FATE:EFFECT")]
    pub(crate) assume: Option<String>,

    /// Takes the run from another process that still holds it.
    #[arg(long)]
    pub(crate) take_over: bool,

    /// How to run it.
    #[command(flatten)]
    pub(crate) how: How,
}

/// A run to take back.
#[derive(Debug, Args)]
pub(crate) struct RollbackArguments {
    /// The run.
    #[command(flatten)]
    pub(crate) run: RunArguments,

    /// Why, for the journal.
    #[arg(long, default_value = "a person asked for it")]
    pub(crate) why: String,

    /// Takes the run from another process that still holds it.
    #[arg(long)]
    pub(crate) take_over: bool,

    /// How to run it.
    #[command(flatten)]
    pub(crate) how: How,
}

/// What to show.
#[derive(Debug, Args)]
pub(crate) struct ShowArguments {
    /// The run.
    #[command(flatten)]
    pub(crate) run: RunArguments,

    /// Shows the plan too.
    #[arg(long)]
    pub(crate) plan: bool,

    /// Reads every record and everything that the run rests on, and says what is not as it was written.
    #[arg(long)]
    pub(crate) verify: bool,

    /// With --verify: the digest of a head that was told earlier. The run must still hold that record.
    #[arg(long, value_name = "DIGEST", requires = "verify")]
    pub(crate) head: Option<Digest>,
}

/// What to export.
#[derive(Debug, Args)]
pub(crate) struct ExportArguments {
    /// The run.
    #[command(flatten)]
    pub(crate) run: RunArguments,

    /// Writes to this file instead of standard output.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,

    /// Proves a file that was exported, instead of exporting.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["run", "out"])]
    pub(crate) verify: Option<PathBuf>,
}

/// What to remove.
#[derive(Debug, Args)]
pub(crate) struct PruneArguments {
    /// How long ago a run must have ended: 90d, 12h, 30m or 45s.
    #[arg(long, value_name = "AGE", value_parser = age)]
    pub(crate) older_than: Millis,

    /// Shows what would be removed, and removes nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// Reads an age.
pub(crate) fn age(text: &str) -> Result<Millis, String> {
    let wrong = || "an age is a number and a unit, such as 90d, 12h, 30m or 45s".to_owned();
    let (index, unit) = text.char_indices().next_back().ok_or_else(wrong)?;
    let seconds = match unit {
        'd' => 86_400,
        'h' => 3600,
        'm' => 60,
        's' => 1,
        _ => return Err(wrong()),
    };
    let digits =
        text.get(..index).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    let number: u64 = digits.ok_or_else(wrong)?.parse().map_err(|_error| wrong())?;
    // An age beyond all time is a slip of the finger, which must not come to mean a shorter one.
    number.checked_mul(seconds * 1000).map(Millis).ok_or_else(wrong)
}

/// The lab's commands.
#[derive(Debug, Subcommand)]
pub(crate) enum LabCommand {
    /// Starts the lab in the background.
    #[command(after_help = "Example:\n  lockstep lab up --stack redis-6")]
    Up(LabUp),
    /// Stops the lab and every process in it.
    Down {
        /// Removes its folder too: volumes, logs and ids.
        #[arg(long)]
        remove: bool,
    },
    /// Shows the lab's services and what each really runs as.
    Status,
    /// Prints KEY=value lines to reach the lab with other tools.
    #[command(
        after_help = "Example:\n  eval \"$(lockstep lab env)\" && redis-cli -h $REDIS_ADDRESS ping"
    )]
    Env,
    /// Injects a fault, or lists the faults that there are.
    #[command(
        after_help = "Examples:\n  lockstep lab break\n  lockstep lab break unhealthy redis:7.0.15\n  lockstep lab break mend"
    )]
    Break {
        /// The fault and its arguments; none lists them.
        fault: Vec<String>,
    },
    /// Writes data of every Redis type into the lab's Redis server, some of it expiring.
    Fill {
        /// How many strings, beside the other types.
        #[arg(long, default_value_t = 1000)]
        strings: u32,
    },
    /// Counts and hashes every key, value and expiry in the lab's Redis server, by other code than the upgrade's own checks.
    Census,
    /// Serves the lab in the foreground; `up` starts this in the background.
    #[command(hide = true)]
    Serve(LabUp),
    /// Runs one stand-in; the lab starts these.
    #[command(hide = true)]
    StandIn {
        /// Which.
        kind: String,
    },
}

/// How to start a lab.
#[derive(Debug, Clone, Args)]
pub(crate) struct LabUp {
    /// The stack to start with: as-run, as-written, redis-6, beside-cluster, litellm-1.80, litellm-real, langfuse-2.95 or langfuse-3.50.
    #[arg(long, default_value = "as-run")]
    pub(crate) stack: String,

    /// An image that replaces the stack's: `redis=redis:7.0.15`. May be given several times.
    #[arg(long, value_name = "SERVICE=IMAGE")]
    pub(crate) image: Vec<String>,

    /// Starts only these services. May be given several times.
    #[arg(long, value_name = "SERVICE")]
    pub(crate) only: Vec<String>,

    /// What ids and generated secrets depend on.
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
}

/// What is shown below the list of commands.
const EXIT_CODES: &str = "Exit codes:\n  0 done · 1 failed, nothing changed · 2 usage · 3 the plan refuses, and says why · 10 waiting\n  11 rolled back · 12 stuck · 13 the environment moved since the plan · 14 another run holds it\n\nBegin with:\n  lockstep lab up --stack redis-6\n  lockstep plan redis -e lab";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_has_a_unit_and_never_overflows() {
        assert_eq!(age("90d"), Ok(Millis(90 * 86_400_000)));
        assert_eq!(age("0s"), Ok(Millis(0)));
        for wrong in
            ["", "d", "90", "90w", "-1d", "1.5d", "90 d", "+1d", "1é", "99999999999999999d"]
        {
            assert!(age(wrong).is_err(), "{wrong}");
        }
    }
}
