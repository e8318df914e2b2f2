//! `lockstep plugin`: one file for each of its commands.

mod build;
mod component;
mod inspect;
mod new;
mod test;

use crate::args::{Global, PluginCommand, Surroundings};
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::Output;

/// Runs the command.
pub(crate) async fn plugin(
    global: &Global,
    surroundings: &Surroundings,
    command: PluginCommand,
    output: &Output,
) -> Result<Exit, CliError> {
    match command {
        PluginCommand::New(arguments) => new::new(global, &arguments, output),
        PluginCommand::Build(arguments) => {
            build::build(global, surroundings, &arguments, output).await
        }
        PluginCommand::Test(arguments) => {
            Box::pin(test::test(global, surroundings, &arguments, output)).await
        }
        PluginCommand::Inspect(arguments) => {
            inspect::inspect(global, surroundings, &arguments, output).await
        }
    }
}
