//! `lockstep lab`: the local twin of Railway and of the stack.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use lockstep_lab::daemon::{self, Daemon};
use lockstep_lab::programs::Programs;
use lockstep_lab::stand_in::{ADDRESS_VARIABLE, Kind};
use lockstep_lab::{Control, Fault, LabStatus, MigrationFault, Options, ServiceStatus, Stack};

use crate::args::{Global, LabCommand, LabUp, Surroundings};
use crate::error::{CliError, OrExit as _};
use crate::exit::Exit;
use crate::lab::{daemon as running, folder};
use crate::output::Output;
use crate::programs;

/// How long a lab may take to start, and its services to settle: a health check has 300 s by Railway's default.
const PATIENCE: Duration = Duration::from_secs(320);

/// Runs the command.
pub(crate) async fn lab(
    global: &Global,
    surroundings: &Surroundings,
    command: LabCommand,
    output: &Output,
) -> Result<Exit, CliError> {
    match command {
        LabCommand::Up(arguments) => up(global, &arguments, output).await,
        LabCommand::Down { remove } => down(global, remove, output).await,
        LabCommand::Status => {
            let daemon = found(global).await?;
            let status = status(&daemon).await?;
            tell(&status, output)?;
            Ok(Exit::Done)
        }
        LabCommand::Env => {
            for (name, value) in found(global).await?.env {
                output.lines(&format!("{name}={value}"))?;
            }
            Ok(Exit::Done)
        }
        LabCommand::Break { fault } => breaks(global, &fault, output).await,
        LabCommand::Fill { strings } => {
            let server = redis(&found(global).await?)?;
            lockstep_lab::sample::fill(&server, strings).await.or_exit(Exit::Failed)?;
            output.say("Written. `lockstep lab census` counts and hashes what is there.");
            Ok(Exit::Done)
        }
        LabCommand::Census => {
            let server = redis(&found(global).await?)?;
            let census = lockstep_lab::sample::census(&server).await.or_exit(Exit::Failed)?;
            let kinds: Vec<String> =
                census.kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
            output.say(&format!(
                "Redis {}: {} keys ({}), {} expire",
                census.version,
                census.keys(),
                kinds.join(", "),
                census.expiring
            ));
            output.say(&format!("  sha256 over every key, value and expiry: {}", census.digest));
            output.say(&format!("  the same over what `lab fill` wrote:     {}", census.samples));
            output.json("census", &census)?;
            Ok(Exit::Done)
        }
        LabCommand::Serve(arguments) => {
            close_folder(global)?;
            daemon::serve(options(global, surroundings, &arguments)?)
                .await
                .or_exit(Exit::Failed)?;
            Ok(Exit::Done)
        }
        LabCommand::StandIn { kind } => stand_in(surroundings, &kind).await,
    }
}

/// Closes Lockstep's folder before a PostgreSQL of another user runs in it: one that is shut out later can't open its files
/// any more.
fn close_folder(global: &Global) -> Result<(), CliError> {
    lockstep_store::prepare_folder(&crate::session::folder(&global.directory)).or_exit(Exit::Failed)
}

async fn up(global: &Global, arguments: &LabUp, output: &Output) -> Result<Exit, CliError> {
    if let Some(daemon) = running(&global.directory).await? {
        output.say("The lab is running already.");
        tell(&status(&daemon).await?, output)?;
        return Ok(Exit::Done);
    }
    arguments.stack.parse::<Stack>().or_exit(Exit::Usage)?;
    images(&arguments.image)?;
    close_folder(global)?;
    let folder = folder(&global.directory)?;
    output.say(&format!("Starting stack {} in {}", arguments.stack, folder.display()));
    let mut command = Command::new(std::env::current_exe().or_exit(Exit::Failed)?);
    command.arg("--directory").arg(&global.directory).args([
        "lab",
        "serve",
        "--stack",
        &arguments.stack,
    ]);
    command.args(["--seed", &arguments.seed.to_string()]);
    for image in &arguments.image {
        command.args(["--image", image]);
    }
    for service in &arguments.only {
        command.args(["--only", service]);
    }
    let daemon = daemon::start(command, &folder, PATIENCE).await.or_exit(Exit::Failed)?;
    let status = settled(&daemon, output).await?;
    tell(&status, output)?;
    output.say("Look around: `lockstep status -e lab`, `lockstep plan redis -e lab`. Stop it: `lockstep lab down`.");
    Ok(Exit::Done)
}

/// Waits until no deployment is under way, telling which ones are.
async fn settled(daemon: &Daemon, output: &Output) -> Result<LabStatus, CliError> {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    let mut said = String::new();
    loop {
        let status = status(daemon).await?;
        let open: Vec<&str> = status
            .services
            .iter()
            .filter(|service| under_way(service))
            .map(|service| service.name.as_str())
            .collect();
        if open.is_empty() || tokio::time::Instant::now() > deadline {
            return Ok(status);
        }
        let note = format!("  waiting for {}", open.join(", "));
        if note != said {
            output.say(&note);
            said = note;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

fn under_way(service: &ServiceStatus) -> bool {
    ["QUEUED", "INITIALIZING", "BUILDING", "DEPLOYING", "WAITING"]
        .contains(&service.status.as_str())
}

async fn down(global: &Global, remove: bool, output: &Output) -> Result<Exit, CliError> {
    let folder = folder(&global.directory)?;
    let stopped = folder.exists()
        && daemon::stop(&folder, Duration::from_secs(30)).await.or_exit(Exit::Failed)?;
    output.say(if stopped { "The lab is down." } else { "No lab was running." });
    if remove && folder.exists() {
        std::fs::remove_dir_all(&folder)
            .map_err(|error| {
                anyhow::Error::new(error)
                    .context(format!("could not remove `{}`", folder.display()))
            })
            .or_exit(Exit::Failed)?;
        output.say(&format!("Removed {}.", folder.display()));
    }
    Ok(Exit::Done)
}

async fn found(global: &Global) -> Result<Daemon, CliError> {
    running(&global.directory).await?.ok_or_else(|| {
        CliError::words(Exit::Failed, "the lab is not running")
            .hint("start it with `lockstep lab up`")
    })
}

/// Returns where the lab's Redis server is.
fn redis(daemon: &Daemon) -> Result<lockstep_lab::sample::Server, CliError> {
    let get = |name: &str| {
        daemon.env.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    };
    let address = get("REDIS_ADDRESS")
        .ok_or_else(|| CliError::words(Exit::Failed, "the lab has no service `redis`"))?;
    Ok(lockstep_lab::sample::Server { address, port: 6379, password: get("REDIS_PASSWORD") })
}

async fn status(daemon: &Daemon) -> Result<LabStatus, CliError> {
    let told = daemon.control(&Control::Status).await.or_exit(Exit::Failed)?;
    serde_json::from_value(told).or_exit(Exit::Failed)
}

fn tell(status: &LabStatus, output: &Output) -> Result<(), CliError> {
    output.say(&format!("Stack {}", status.stack));
    for service in &status.services {
        let runs_as = service.runs_as.as_deref().unwrap_or("-");
        let image = service.image.as_deref().unwrap_or("built from a repository");
        output.say(&format!(
            "  {:<16} {:<12} {:<14} {image}  ({runs_as})",
            service.name, service.status, service.address
        ));
        if let Some(reason) = &service.reason {
            output.say(&format!("    {reason}"));
        }
    }
    for fault in &status.faults {
        output.say(&format!("  ! fault: {}", serde_json::to_string(fault).or_exit(Exit::Failed)?));
    }
    output.json("lab", status)
}

fn options(
    global: &Global,
    surroundings: &Surroundings,
    arguments: &LabUp,
) -> Result<Options, CliError> {
    let executable = std::env::current_exe().or_exit(Exit::Failed)?;
    let programs = programs::fetched(surroundings);
    let mut options =
        Options::new(folder(&global.directory)?, Programs::find(&programs), executable);
    options.stack = arguments.stack.parse().or_exit(Exit::Usage)?;
    options.images = images(&arguments.image)?;
    options.services = Some(arguments.only.clone()).filter(|only| !only.is_empty());
    options.seed = arguments.seed;
    // A rehearsal need not take Railway's whole five minutes to see that something never gets healthy.
    // LiteLLM itself takes the time that it takes, and so do overlap and draining with it.
    options.time_scale = if options.stack == Stack::LiteLlmReal { 1.0 } else { 0.1 };
    Ok(options)
}

fn images(given: &[String]) -> Result<BTreeMap<String, String>, CliError> {
    let pair = |text: &String| {
        let (service, image) = text.split_once('=').ok_or_else(|| {
            CliError::words(Exit::Usage, format!("`{text}` is not SERVICE=IMAGE"))
                .hint("for example `--image redis=redis:7.0.15`")
        })?;
        Ok((service.to_owned(), image.to_owned()))
    };
    given.iter().map(pair).collect()
}

async fn stand_in(surroundings: &Surroundings, kind: &str) -> Result<Exit, CliError> {
    let known = Kind::named(kind)
        .ok_or_else(|| CliError::words(Exit::Usage, format!("there is no stand-in `{kind}`")))?;
    let address = surroundings.get(ADDRESS_VARIABLE).unwrap_or("127.0.0.1");
    let address = address.parse().or_exit(Exit::Usage)?;
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).init();
    lockstep_lab::stand_in::run(known, surroundings.all().clone(), address)
        .await
        .or_exit(Exit::Failed)?;
    Ok(Exit::Done)
}

/// What `lab break` knows, one line each.
pub(super) const FAULTS: &str = "\
Faults that can be injected:
  unhealthy IMAGE             new deployments of the image never get healthy
  unauthorized [N]            the API answers N requests (or all) with 401
  too-many-requests [N] SECS  the API answers N requests (or all) with 429 and Retry-After
  gateway-timeout [N]         the API answers N requests (or all) with 504, and does nothing
  drop-reply [MUTATION] N     the Nth mutation is carried out and its reply lost
  slow MILLISECONDS           the API answers late
  down                        the API cuts every connection
  freeze SERVICE              the service's process answers nothing
  kill SERVICE                the service's process is killed, once
  unreachable SERVICE FROM    processes of FROM that start from now on don't find SERVICE
  drops-foreign               migrations of LiteLLM drop Langfuse's table
  langfuse-migration HOW      a migration of Langfuse goes wrong: postgres-killed, clickhouse-killed, background-stalls, background-fails
  after MUTATION N FAULT…     another of these faults, once the Nth mutation was carried out and answered
  move-tag IMAGE              the tag stands for another build from now on
  vanish IMAGE                the tag or digest is gone from the registry
  stage-change                somebody else stages a change
  deploy SERVICE              somebody else deploys a service
  mend                        ends all faults of the API and sets frozen processes going";

async fn breaks(global: &Global, words: &[String], output: &Output) -> Result<Exit, CliError> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    if words.is_empty() {
        output.say(FAULTS);
        output.json("faults", &FAULTS.lines().skip(1).map(str::trim).collect::<Vec<_>>())?;
        return Ok(Exit::Done);
    }
    let daemon = found(global).await?;
    let control = control(&words)?;
    let told = daemon.control(&control).await.or_exit(Exit::Failed)?;
    output.say("Done. `lockstep lab break mend` ends faults of the API.");
    output.json("fault", &told)?;
    Ok(Exit::Done)
}

pub(super) fn control(words: &[&str]) -> Result<Control, CliError> {
    let count = |text: &&str| {
        text.parse::<u32>()
            .map_err(|error| anyhow::Error::new(error).context(format!("`{text}` is not a number")))
            .or_exit(Exit::Usage)
    };
    let optional = |text: Option<&&str>| text.map(count).transpose();
    let fault = match words {
        ["mend"] => return Ok(Control::Mend),
        ["move-tag", image] => {
            return Ok(Control::MoveTag { image: (*image).to_owned(), version: None });
        }
        ["vanish", image] => return Ok(Control::Vanish { image: (*image).to_owned() }),
        ["deploy", service] => {
            return Ok(Control::DeployService { service: (*service).to_owned() });
        }
        ["stage-change"] => {
            let patch = serde_json::json!({ "sharedVariables": { "SOMEBODY_ELSES": { "value": "change" } } });
            return Ok(Control::StageChange { patch });
        }
        ["unhealthy", image] => Fault::Unhealthy { image: (*image).to_owned() },
        ["down"] => Fault::Down,
        ["drops-foreign"] => Fault::DropsForeign,
        ["langfuse-migration", how] => {
            let words = || format!("a migration of Langfuse can't be `{how}`");
            let how = MigrationFault::named(how)
                .ok_or_else(|| CliError::words(Exit::Usage, words()).hint(FAULTS))?;
            Fault::LangfuseMigration { how }
        }
        ["slow", milliseconds] => Fault::Slow { milliseconds: u64::from(count(milliseconds)?) },
        ["unauthorized", rest @ ..] => Fault::Unauthorized { times: optional(rest.first())? },
        ["gateway-timeout", rest @ ..] => Fault::GatewayTimeout { times: optional(rest.first())? },
        ["too-many-requests", seconds] => {
            Fault::TooManyRequests { times: None, retry_after: count(seconds)? }
        }
        ["freeze", service] => Fault::Frozen { service: (*service).to_owned() },
        ["kill", service] => Fault::Killed { service: (*service).to_owned() },
        ["unreachable", service, from] => {
            Fault::Unreachable { service: (*service).to_owned(), from: (*from).to_owned() }
        }
        ["after", mutation, nth, fault @ ..] => match control(fault)? {
            Control::Break { fault } => {
                let then = Box::new(fault);
                Fault::After { mutation: (*mutation).to_owned(), nth: count(nth)?, then }
            }
            Control::Status
            | Control::Mutations
            | Control::Mend
            | Control::MoveTag { .. }
            | Control::Vanish { .. }
            | Control::StageChange { .. }
            | Control::DeployService { .. }
            | Control::Token { .. }
            | Control::Down => {
                let words = format!("`{}` can't wait for a mutation", fault.join(" "));
                return Err(CliError::words(Exit::Usage, words).hint(FAULTS));
            }
        },
        ["too-many-requests", times, seconds] => {
            Fault::TooManyRequests { times: Some(count(times)?), retry_after: count(seconds)? }
        }
        ["drop-reply", nth] => Fault::DropReply { mutation: None, nth: count(nth)? },
        ["drop-reply", mutation, nth] => {
            Fault::DropReply { mutation: Some((*mutation).to_owned()), nth: count(nth)? }
        }
        _ => {
            return Err(CliError::words(
                Exit::Usage,
                format!("there is no fault `{}`", words.join(" ")),
            )
            .hint(FAULTS));
        }
    };
    Ok(Control::Break { fault })
}
