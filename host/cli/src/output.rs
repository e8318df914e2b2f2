//! Standard output is for machines, standard error for people; this is the only file that writes to either, beside
//! live progress.

use std::io::{ErrorKind, Write as _};

use lockstep_drivers::Redactor;
use serde::Serialize;

use crate::error::{CliError, OrExit as _};
use crate::exit::Exit;
use crate::render::visible;

/// The version of every JSON document.
const VERSION: u32 = 1;

/// Where answers go.
#[derive(Debug)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    /// Returns an output; with `json`, standard output gets one JSON document.
    pub(crate) const fn new(json: bool) -> Self {
        Self { json }
    }

    /// Says something to people.
    #[expect(
        clippy::unused_self,
        reason = "every answer goes through an output, so that it stays in one place"
    )]
    pub(crate) fn say(&self, text: &str) {
        // Nobody is left to tell when standard error is gone.
        let _written = writeln!(std::io::stderr(), "{}", visible(text.trim_end_matches('\n')));
    }

    /// Prints lines for other programs, such as `KEY=value`.
    ///
    /// # Errors
    /// Standard output can't be written. A closed pipe is not an error.
    #[expect(
        clippy::unused_self,
        reason = "every answer goes through an output, so that it stays in one place"
    )]
    pub(crate) fn lines(&self, text: &str) -> Result<(), CliError> {
        match writeln!(std::io::stdout(), "{text}") {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            written => written.or_exit(Exit::Failed),
        }
    }

    /// Prints the command's answer, if JSON was asked for.
    ///
    /// # Errors
    /// Standard output can't be written. A closed pipe is not an error.
    pub(crate) fn json(&self, kind: &str, body: &impl Serialize) -> Result<(), CliError> {
        if !self.json {
            return Ok(());
        }
        let document = serde_json::json!({ "lockstep": VERSION, "kind": kind, kind: body });
        self.lines(&serde_json::to_string_pretty(&document).or_exit(Exit::Failed)?)
    }

    /// Says what went wrong, its causes, and what to do next.
    ///
    /// # Errors
    /// Standard output can't be written.
    pub(crate) fn error(
        &self,
        error: &CliError,
        redactor: Option<&Redactor>,
    ) -> Result<(), CliError> {
        let tidy =
            |text: String| redactor.map_or_else(|| text.clone(), |redactor| redactor.text(&text));
        let mut causes: Vec<String> =
            error.error.chain().map(|cause| tidy(cause.to_string())).collect();
        // Some libraries say the same again one level down.
        causes.dedup();
        for (index, cause) in causes.iter().enumerate() {
            self.say(&format!("{}: {cause}", if index == 0 { "Error" } else { "Caused by" }));
        }
        for hint in &error.hints {
            self.say(&format!("Hint: {hint}"));
        }
        self.json("error", &serde_json::json!({ "exit": error.exit.code(), "causes": causes, "hints": error.hints }))
    }
}
