//! `lockstep doctor`: what is missing here, what can't be reached, and how to mend it.

mod machine;
mod notices;
mod outside;

use crate::args::{DoctorArguments, Global, Surroundings};
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::Output;
use crate::session::Session;

/// One thing that was looked at.
struct Finding {
    what: String,
    /// What is there, or what is wrong.
    found: Result<String, String>,
    /// Whether the environment can't do without it.
    needed: bool,
    /// What to do about it.
    hints: Vec<String>,
}

impl Finding {
    fn fine(what: impl Into<String>, found: impl Into<String>) -> Self {
        Self { what: what.into(), found: Ok(found.into()), needed: false, hints: Vec::new() }
    }

    /// Returns something that is wrong and that the environment needs.
    fn wrong(what: impl Into<String>, error: &CliError) -> Self {
        Self {
            what: what.into(),
            found: Err(format!("{:#}", error.error)),
            needed: true,
            hints: error.hints.clone(),
        }
    }

    /// Returns something that is not here and that only some need.
    fn absent(what: impl Into<String>, missing: impl Into<String>, hint: &str) -> Self {
        let hints = vec![hint.to_owned()];
        Self { what: what.into(), found: Err(missing.into()), needed: false, hints }
    }

    fn fails(&self) -> bool {
        self.needed && self.found.is_err()
    }
}

/// Runs the command.
pub(crate) async fn doctor(
    global: &Global,
    surroundings: &Surroundings,
    arguments: &DoctorArguments,
    output: &Output,
) -> Result<Exit, CliError> {
    let mut findings = machine::look(surroundings);
    match Session::open(global.clone(), surroundings.clone()).await {
        Ok(session) => {
            findings.push(Finding::fine("store", session.store.place()));
            findings.extend(outside::look(&session).await);
            findings.extend(notices::look(&session, arguments.notify).await);
        }
        Err(error) => findings.push(Finding::wrong("this folder", &error)),
    }
    let mut rows = Vec::new();
    for finding in &findings {
        tell(finding, output);
        rows.push(serde_json::json!({
            "what": finding.what, "ok": finding.found.is_ok(), "needed": finding.needed,
            "found": finding.found.as_ref().map_or_else(Clone::clone, Clone::clone),
            "hints": finding.hints,
        }));
    }
    let failing = findings.iter().filter(|finding| finding.fails()).count();
    let exit = if failing == 0 { Exit::Done } else { Exit::Failed };
    if failing != 0 {
        let verb = if failing == 1 { "is" } else { "are" };
        output.say(&format!("{failing} {verb} wrong; nothing was changed."));
    }
    output.json("doctor", &serde_json::json!({ "ok": failing == 0, "findings": rows }))?;
    Ok(exit)
}

fn tell(finding: &Finding, output: &Output) {
    let (mark, text) = match &finding.found {
        Ok(found) => ("✓", found),
        Err(wrong) if finding.needed => ("✗", wrong),
        Err(missing) => ("·", missing),
    };
    output.say(&format!("{mark} {:<24} {text}", finding.what));
    for hint in finding.hints.iter().filter(|_| finding.found.is_err()) {
        output.say(&format!("  {:<24} → {hint}", ""));
    }
}
