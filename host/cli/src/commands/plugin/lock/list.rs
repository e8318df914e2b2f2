//! `lockstep plugin list`: what would run where.

use std::collections::BTreeSet;

use lockstep_engine::model::Digest;
use lockstep_registry::Source;
use serde_json::{Value, json};

use super::agree::line;
use super::place;
use crate::config::LAB;
use crate::error::CliError;
use crate::exit::Exit;
use crate::lockfile;
use crate::output::Output;
use crate::session::Session;

/// Runs the command.
pub(crate) async fn list(session: &Session, output: &Output) -> Result<Exit, CliError> {
    let lock = lockfile::read(&session.global.directory)?;
    let document = session.document.as_ref();
    let environments: BTreeSet<String> = if let Some(wanted) = &session.global.environment {
        [place(session, Some(wanted))?.0].into()
    } else {
        let written = document.into_iter().flat_map(|document| document.environments.keys());
        written.chain(lock.environments.keys()).cloned().chain([LAB.to_owned()]).collect()
    };
    let mut rows: Vec<Value> = Vec::new();
    for environment in &environments {
        for (name, entry) in lock.of(environment) {
            output.say(&line(environment, name, entry));
            rows.push(json!({ "environment": environment, "plugin": name, "locked": true, "entry": entry }));
        }
        let files = document.into_iter().flat_map(|document| &document.plugins);
        let mut own = BTreeSet::new();
        for (name, file) in files.filter(|(name, _)| lock.entry(environment, name).is_none()) {
            own.insert(name.as_str());
            let source = Source::File(file.path.clone());
            let word = if environment == LAB {
                "not locked: whatever the file holds"
            } else {
                "not locked: does not run here"
            };
            output.say(&format!("{environment}  {name}  {source}  ({word})"));
            rows.push(json!({ "environment": environment, "plugin": name, "locked": false, "runs": environment == LAB, "source": source }));
        }
        for bundled in lockstep_bundle::bundled() {
            if lock.entry(environment, bundled.name).is_some() || own.contains(bundled.name) {
                continue;
            }
            let digest = Digest::of(bundled.bytes);
            output.say(&format!(
                "{environment}  {}  bundled  {digest}  (not locked: as this binary has it)",
                bundled.name
            ));
            rows.push(json!({
                "environment": environment, "plugin": bundled.name, "locked": false, "runs": true, "source": Source::Bundled, "digest": digest,
            }));
        }
    }
    output.json("plugins", &rows)?;
    Ok(Exit::Done)
}
