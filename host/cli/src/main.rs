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
mod lockfile;
mod matrix;
mod metrics;
mod output;
mod plugins;
mod programs;
mod render;
mod session;
mod signals;
mod telemetry;
mod way_back;

use std::process::ExitCode;

use clap::Parser as _;

use lockstep_engine::model::Millis;

use crate::args::{Arguments, Command, Surroundings};
use crate::error::{CliError, OrExit as _};
use crate::exit::Exit;
use crate::output::Output;
use crate::session::Session;
use crate::telemetry::Telemetry;

/// A run is thousands of small texts and trees of JSON; the system's allocator took a good part of its time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    clock::set_ahead(Millis::seconds(arguments.global.clock_ahead));
    let output = Output::new(arguments.global.json);
    let surroundings = Surroundings::read();
    let done = Telemetry::start(&arguments.global, &surroundings).and_then(|telemetry| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let done = runtime
            .or_exit(Exit::Failed)
            .and_then(|runtime| runtime.block_on(run(arguments, surroundings, &output)));
        telemetry.end();
        done
    });
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
        Command::Apply(arguments) => {
            Box::pin(commands::apply(&open().await?, &arguments, output)).await
        }
        Command::Resume(arguments) => {
            Box::pin(commands::resume(&open().await?, &arguments, output)).await
        }
        Command::Rollback(arguments) => {
            commands::rollback(&open().await?, &arguments, output).await
        }
        Command::Approve(arguments) => commands::approve(&open().await?, &arguments, output).await,
        Command::Runner(arguments) => commands::runner(&open().await?, &arguments, output).await,
        Command::Runs => commands::runs(&open().await?, output).await,
        Command::Show(arguments) => commands::show(&open().await?, &arguments, output).await,
        Command::Report(arguments) => commands::report(&open().await?, &arguments, output).await,
        Command::Export(arguments) => match &arguments.verify {
            Some(file) => commands::verify_file(file, output),
            None => commands::export(&open().await?, &arguments, output).await,
        },
        Command::Prune(arguments) => commands::prune(&open().await?, &arguments, output).await,
        Command::Status => commands::status(&open().await?, output).await,
        Command::Matrix(arguments) => commands::matrix(&open().await?, &arguments, output).await,
        Command::Plugin(command) => commands::plugin(&global, &surroundings, command, output).await,
        Command::Lab(command) => commands::lab(&global, &surroundings, command, output).await,
        Command::Doctor(arguments) => {
            commands::doctor(&global, &surroundings, &arguments, output).await
        }
    }
}
