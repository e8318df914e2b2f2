//! `lockstep plugin`: one file for each of its commands.

mod build;
mod component;
mod inspect;
mod lock;
mod new;
mod test;

use crate::args::{Global, PluginCommand, Surroundings};
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::Output;
use crate::session::Session;

/// Runs the command.
pub(crate) async fn plugin(
    global: &Global,
    surroundings: &Surroundings,
    command: PluginCommand,
    output: &Output,
) -> Result<Exit, CliError> {
    let open = async || Session::open(global.clone(), surroundings.clone()).await;
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
        PluginCommand::Add(arguments) => {
            Box::pin(lock::add(&open().await?, &arguments, output)).await
        }
        PluginCommand::Pin(arguments) => {
            Box::pin(lock::pin(&open().await?, &arguments, output)).await
        }
        PluginCommand::Update(arguments) => {
            Box::pin(lock::update(&open().await?, &arguments, output)).await
        }
        PluginCommand::Promote(arguments) => {
            Box::pin(lock::promote(&open().await?, &arguments, output)).await
        }
        PluginCommand::Verify => Box::pin(lock::verify(&open().await?, output)).await,
        PluginCommand::Publish(arguments) => {
            Box::pin(lock::publish(global, surroundings, &arguments, output)).await
        }
        PluginCommand::List => lock::list(&open().await?, output).await,
    }
}
