//! `lockstep plugin inspect`: what a component is, and everything that it can ever ask for.

use lockstep_engine::model::Grantable;
use lockstep_runtime::{Inspection, Interface};

use super::component::{self, Component};
use crate::args::{Global, InspectArguments, Surroundings};
use crate::config::LAB;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::Output;
use crate::render::brief;
use crate::session::Session;

/// Where the contract's interfaces are named.
const CONTRACT: &str = "lockstep:plugin/";

/// Runs the command.
pub(super) async fn inspect(
    global: &Global,
    surroundings: &Surroundings,
    arguments: &InspectArguments,
    output: &Output,
) -> Result<Exit, CliError> {
    let bytes = bytes(global, surroundings, &arguments.what).await?;
    let component = component::load(global, &bytes).await?;
    tell(&component, output);
    let Component { inspection, description, .. } = &component;
    let imports: Vec<_> = inspection
        .imports
        .iter()
        .map(|it| serde_json::json!({ "interface": it.name, "functions": it.functions }))
        .collect();
    output.json(
        "plugin",
        &serde_json::json!({
            "sha256": inspection.digest,
            "size": inspection.size,
            "contract": inspection.contract(),
            "description": description,
            "imports": imports,
        }),
    )?;
    Ok(Exit::Done)
}

/// Returns the bytes of a file, or those that this folder has under a plugin's name.
async fn bytes(
    global: &Global,
    surroundings: &Surroundings,
    what: &str,
) -> Result<Vec<u8>, CliError> {
    let file = global.directory.join(what);
    if what.contains(['/', '.']) || file.is_file() {
        return component::read(&file);
    }
    let session = Session::open(global.clone(), surroundings.clone()).await?;
    let (name, document) = super::lock::place(&session, session.global.environment.as_deref())
        .or_else(|_| super::lock::place(&session, Some(LAB)))?;
    session.plugin_for((&name, &document), what).await.map(|loaded| loaded.bytes)
}

fn tell(component: &Component, output: &Output) {
    let Component { inspection, description, .. } = component;
    let contract = inspection.contract().unwrap_or("none");
    let lines = [
        ("plugin", format!("{} {}", brief(&description.name), brief(&description.version))),
        ("upgrades", words(&description.components)),
        ("contract", contract.to_owned()),
        ("size", component::size(inspection.size)),
        ("sha256", inspection.digest.to_string()),
    ];
    for (name, value) in lines {
        output.say(&format!("{name:<10} {value}"));
    }
    if !description.after.is_empty() {
        output.say(&format!("{:<10} {}", "after", words(&description.after)));
    }
    for rule in &description.rules {
        output.say(&format!("{:<10} {}: {}", "rule", brief(&rule.id), brief(&rule.reason)));
    }
    output.say("\nIt asks to be granted:");
    if description.requests.is_empty() {
        output.say("  nothing");
    }
    for request in &description.requests {
        output.say(&format!("  {}", request_line(request)));
    }
    output.say("\nIt can call, and nothing else:");
    for line in imports(inspection) {
        output.say(&format!("  {line}"));
    }
}

fn words(names: &[String]) -> String {
    names.iter().map(|name| brief(name)).collect::<Vec<_>>().join(", ")
}

fn request_line(request: &Grantable) -> String {
    let Grantable { capability, name, access, paths, why } = request;
    let paths = if paths.is_empty() { String::new() } else { format!(" at {}", words(paths)) };
    let (capability, name, access) = (brief(capability), brief(name), brief(access));
    format!("{capability:<8} {access:<18} {name}{paths}: {}", brief(why))
}

/// Returns one line for each interface of the contract, and one for what of WASI is imported.
fn imports(inspection: &Inspection) -> Vec<String> {
    let (own, others): (Vec<&Interface>, Vec<&Interface>) =
        inspection.imports.iter().partition(|import| import.name.starts_with(CONTRACT));
    let mut lines: Vec<String> = own
        .iter()
        .filter(|import| !import.functions.is_empty())
        .map(|import| {
            let name = import.name.trim_start_matches(CONTRACT);
            let name = name.split('@').next().unwrap_or(name);
            format!("{name:<16} {}", words(&import.functions))
        })
        .collect();
    if lines.is_empty() {
        lines.push("nothing of the contract".to_owned());
    }
    if !others.is_empty() {
        lines.push(format!(
            "{:<16} {} interfaces, behind which there is nothing: no file, socket, clock or chance",
            "WASI",
            others.len()
        ));
    }
    lines
}
