//! The developer's commands. `cargo xtask help` lists them.
//!
//! It depends on no other crate, so that it builds in a second on a machine where nothing else builds yet.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a developer's command prints, reads its environment and times itself"
)]

mod bench;
mod ci;
mod command;
mod demo;
mod place;
mod setup;
mod sim;
mod test;

use std::process::ExitCode;

use crate::{command::Failed, place::Place};

const HELP: &str = "\
cargo xtask COMMAND

  setup [--check]          install what builds and tests need, or only tell what is missing
  setup --litellm          install LiteLLM itself, in two versions, for the lab's stack `litellm-real`
  demo                     bring up the lab and upgrade its Redis
  test [ARGUMENTS]         every test of both workspaces; ARGUMENTS go to `cargo test` of the first
  ci                       format, lints, tests and a clean tree: what has to pass before a push
  bench [ARGUMENTS]        the measured budgets, beside their peers
  sim --seeds N | --seed S the engine's simulation
  help                     this text
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            eprintln!("xtask: {failed}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &[String]) -> Result<(), Failed> {
    let place = Place::find()?;
    let Some((name, rest)) = arguments.split_first() else {
        print!("{HELP}");
        return Ok(());
    };
    match name.as_str() {
        "setup" => match rest {
            [] => setup::install(&place),
            [flag] if flag == "--check" => setup::check(&place),
            [flag] if flag == "--litellm" => setup::litellm(&place),
            _ => Err(unknown("setup", rest)),
        },
        "demo" if rest.is_empty() => demo::run(&place),
        "test" => test::run(&place, rest),
        "ci" if rest.is_empty() => ci::run(&place),
        "bench" => bench::run(&place, rest),
        "sim" => sim::run(&place, rest),
        "help" | "--help" | "-h" => {
            print!("{HELP}");
            Ok(())
        }
        "demo" | "ci" => Err(unknown(name, rest)),
        _ => {
            Err(Failed::new(format!("there is no command `{name}`; `cargo xtask help` lists them")))
        }
    }
}

fn unknown(command: &str, rest: &[String]) -> Failed {
    Failed::new(format!("`{command}` does not take `{}`; see `cargo xtask help`", rest.join(" ")))
}
