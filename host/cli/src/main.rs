//! The `lockstep` command: the only crate that prints, reads the environment and decides exit codes.

mod args;
mod break_glass;
mod clock;
mod commands;
mod config;
mod error;
mod exit;
mod failure;
mod hints;
mod lab;
mod live;
mod output;
mod render;
mod session;
mod signals;
mod way_back;

use std::process::ExitCode;

use clap::Parser as _;

use lockstep_engine::model::Millis;

use crate::args::{Arguments, Command, Surroundings};
use crate::error::{CliError, OrExit as _};
use crate::exit::Exit;
use crate::output::Output;
use crate::session::Session;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    clock::set_ahead(Millis::seconds(arguments.global.clock_ahead));
    let output = Output::new(arguments.global.json);
    let surroundings = Surroundings::read();
    let done = log(arguments.global.log.as_deref())
        .and_then(|()| {
            tokio::runtime::Builder::new_current_thread().enable_all().build().or_exit(Exit::Failed)
        })
        .and_then(|runtime| runtime.block_on(run(arguments, surroundings, &output)));
    match done {
        Ok(exit) => exit.into(),
        Err(error) => match output.error(&error, None) {
            Ok(()) => error.exit.into(),
            Err(_) => Exit::Failed.into(),
        },
    }
}

async fn run(
    arguments: Arguments,
    surroundings: Surroundings,
    output: &Output,
) -> Result<Exit, CliError> {
    let global = arguments.global;
    let open = async || Session::open(global.clone(), surroundings.clone()).await;
    match arguments.command {
        Command::Plan(arguments) => commands::plan(&open().await?, &arguments, output).await,
        Command::Apply(arguments) => commands::apply(&open().await?, &arguments, output).await,
        Command::Resume(arguments) => commands::resume(&open().await?, &arguments, output).await,
        Command::Rollback(arguments) => {
            commands::rollback(&open().await?, &arguments, output).await
        }
        Command::Approve(arguments) => commands::approve(&open().await?, &arguments, output).await,
        Command::Runner(arguments) => commands::runner(&open().await?, &arguments, output).await,
        Command::Runs => commands::runs(&open().await?, output).await,
        Command::Show(arguments) => commands::show(&open().await?, &arguments, output).await,
        Command::Export(arguments) => match &arguments.verify {
            Some(file) => commands::verify_file(file, output),
            None => commands::export(&open().await?, &arguments, output).await,
        },
        Command::Prune(arguments) => commands::prune(&open().await?, &arguments, output).await,
        Command::Status => commands::status(&open().await?, output).await,
        Command::Lab(command) => commands::lab(&global, &surroundings, command, output).await,
        Command::Doctor(arguments) => {
            commands::doctor(&global, &surroundings, &arguments, output).await
        }
    }
}

/// Starts the log, if one was asked for. It goes to standard error and never holds a secret.
fn log(filter: Option<&str>) -> Result<(), CliError> {
    let Some(filter) = filter else { return Ok(()) };
    let filter = tracing_subscriber::EnvFilter::try_new(filter)
        .map_err(|error| {
            anyhow::Error::new(error).context(format!("`{filter}` is not a log filter"))
        })
        .or_exit(Exit::Usage)?;
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    Ok(())
}
