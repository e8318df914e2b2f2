//! Live progress: a moving line on a terminal, plain lines elsewhere.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use lockstep_drivers::Redactor;
use lockstep_engine::model::{Level, Millis, Moment, Problem, RunId, Verdict};
use lockstep_engine::run::{News, Reporter};

use super::text::{brief, length, tame, visible};
use crate::clock::now;

/// How often the same wait is mentioned where lines do not move.
const REMINDER: Millis = Millis::seconds(15);

/// Returns the lines of `lockstep.toml` that would grant what the host denied.
pub(crate) fn lines_to_add(denied: &Problem) -> impl Iterator<Item = &str> {
    let lines = denied.extra.iter().filter(|(name, _)| name == "add");
    lines.map(|(_, lines)| lines.trim_end_matches('\n'))
}

/// How many different denials are told.
const MOST_DENIED: usize = 20;

/// Tells people what a run does, on standard error.
pub(crate) struct Announcer {
    redactor: Option<Redactor>,
    spinner: Option<ProgressBar>,
    /// The run that is spoken of, where there are several.
    name: RefCell<Option<RunId>>,
    waiting: RefCell<Option<(String, Moment)>>,
    denied: RefCell<BTreeSet<String>>,
}

impl Announcer {
    /// Returns an announcer that takes known secrets out of every line.
    pub(crate) fn new(redactor: Option<Redactor>) -> Self {
        let spinner = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("  {spinner} {msg} {elapsed:.dim}");
            let spinner = ProgressBar::new_spinner();
            spinner.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            spinner
        });
        Self {
            redactor,
            spinner,
            name: RefCell::default(),
            waiting: RefCell::default(),
            denied: RefCell::default(),
        }
    }

    /// Begins every line with the run that it is about.
    pub(crate) fn name(&self, run: &RunId) {
        self.name.replace(Some(run.clone()));
    }

    fn named(&self, line: &str) -> String {
        match &*self.name.borrow() {
            Some(run) => format!("{run} {line}"),
            None => line.to_owned(),
        }
    }

    /// Says one line.
    pub(crate) fn say(&self, line: &str) {
        let line = &self.named(line);
        let line = visible(
            &self.redactor.as_ref().map_or_else(|| line.to_owned(), |redactor| redactor.text(line)),
        );
        let print = || {
            // Nobody is left to tell when standard error is gone.
            let _written = writeln!(std::io::stderr(), "{line}");
        };
        match &self.spinner {
            Some(spinner) => spinner.suspend(print),
            None => print(),
        }
        self.waiting.replace(None);
    }

    fn wait(&self, step: &str, note: &str) {
        let note = tame(
            &self.redactor.as_ref().map_or_else(|| note.to_owned(), |redactor| redactor.text(note)),
        );
        if let Some(spinner) = &self.spinner {
            spinner.set_message(format!("{step}: {note}"));
            spinner.enable_steady_tick(Duration::from_millis(120));
            return;
        }
        let mut waiting = self.waiting.borrow_mut();
        let said =
            waiting.as_ref().is_some_and(|(said, at)| *said == note && now().since(*at) < REMINDER);
        if !said {
            let _written =
                writeln!(std::io::stderr(), "{}", self.named(&format!("  {step}: {note}")));
            *waiting = Some((note, now()));
        }
    }

    /// Says once what a plugin was denied, however often it asks.
    fn denied(&self, problem: &Problem) {
        let words = brief(&problem.to_string());
        let mut denied = self.denied.borrow_mut();
        if denied.len() > MOST_DENIED || !denied.insert(words.clone()) {
            return;
        }
        if denied.len() > MOST_DENIED {
            self.say("! the plugin was denied more than that");
            return;
        }
        self.say(&format!("! the plugin was denied, and nothing was sent: {words}"));
        for lines in lines_to_add(problem) {
            self.say(&format!("  to allow it, add to lockstep.toml:\n{lines}"));
        }
    }

    /// Stops moving.
    pub(crate) fn finish(&self) {
        if let Some(spinner) = &self.spinner {
            spinner.finish_and_clear();
        }
    }
}

impl Reporter for Announcer {
    fn report(&self, news: News) {
        match news {
            News::StepStarted(step) => self.say(&format!("▸ {step}")),
            News::Sending(step, label) => self.wait(step.as_str(), &format!("performing {label}")),
            News::Sent(_, label) => self.say(&format!("  ✓ {label}")),
            News::Settling(_, label) => {
                self.say(&format!("  ? finding out what became of {label}"));
            }
            News::Waiting(step, note, done, total) => {
                let how_far = match (done, total) {
                    (Some(done), Some(total)) => format!(" ({done} of {total})"),
                    (None, Some(left)) => format!(" ({} left)", length(Millis(left))),
                    (Some(done), None) => format!(" ({done})"),
                    (None, None) => String::new(),
                };
                self.wait(step.as_str(), &format!("{}{how_far}", tame(&note)));
            }
            News::Retrying(_, failure, after) => {
                self.say(&format!(
                    "  … {}; trying again in {}",
                    brief(&failure.to_string()),
                    length(after)
                ));
            }
            News::StepDone(step, None) => self.say(&format!("✓ {step}")),
            News::StepDone(step, Some(why)) => {
                self.say(&format!("✓ {step}: nothing to do: {}", tame(&why)));
            }
            News::StepFailed(step, failure) => {
                self.say(&format!("✗ {step}: {}", brief(&failure.to_string())));
            }
            News::TurnedBack(why) => self.say(&format!("⟲ rolling back: {}", brief(&why))),
            News::Denied(problem) => self.denied(&problem),
            News::PluginSays(Level::Debug, _) => {}
            News::PluginSays(Level::Info | Level::Warn, text) => {
                self.say(&format!("  \u{201c}{text}\u{201d}"));
            }
            News::Watched(watch, verdict, evidence) => {
                let mark = match verdict {
                    Verdict::Pass => "✓",
                    Verdict::Fail => "✗",
                    Verdict::Unknown => "?",
                };
                self.say(&format!("  {mark} watch {watch}: {}", brief(&evidence)));
            }
            News::Note(note) => self.say(&format!("  {}", tame(&note))),
        }
    }
}
