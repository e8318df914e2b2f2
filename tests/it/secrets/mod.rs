//! L3: no secret of the stack is in anything that Lockstep gives to anybody.

mod forms;
pub(crate) mod hook;
mod notices;
mod planted;
mod traces;

use std::path::{Path, PathBuf};

use crate::guests::{self, ASKED};
use crate::secrets::forms::forms;
use crate::secrets::planted::plant;
use crate::stage::{Done, Stage};

/// Everything that was said and kept, to be searched.
struct Search<'a> {
    stage: &'a Stage,
    secrets: Vec<String>,
    said: String,
}

impl<'a> Search<'a> {
    /// Begins with every secret that the lab's variables hold.
    fn new(stage: &'a Stage) -> Self {
        let file = stage.folder().join(".lockstep/lab/state.json");
        let lab: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        let mut secrets = vec![stage.env("RAILWAY_TOKEN")];
        collect(&lab, "", &mut secrets);
        secrets.sort();
        secrets.dedup();
        assert!(secrets.len() > 8, "only {} secrets were found in the lab", secrets.len());
        Self { stage, secrets, said: String::new() }
    }

    /// Calls `lockstep` with all that it can say.
    fn call(&mut self, arguments: &[&str]) -> Done {
        let done = self.stage.lockstep(&[arguments, &["--json", "--log", "trace"]].concat());
        self.said.push_str(&done.out);
        self.said.push_str(&done.err);
        done
    }

    /// Has the newest run shown with every record and its plan.
    fn show(&mut self) {
        let run = self.stage.run();
        self.call(&["show", &run, "--plan"]).expect(0);
        self.call(&["report", &run, "--out", "report.md"]).expect(0);
    }

    /// Returns how often something that could have held a secret had it taken out.
    fn taken_out(&self) -> usize {
        self.said.matches("[secret]").count()
    }

    /// Fails the test if a secret was said, or is kept in a file outside the lab.
    #[track_caller]
    fn finds_nothing(&self) {
        let mut texts = vec![("what was said".to_owned(), self.said.clone())];
        for path in kept(self.stage.folder()) {
            let bytes = std::fs::read(&path).unwrap();
            texts.push((path.display().to_string(), String::from_utf8_lossy(&bytes).into_owned()));
        }
        assert!(texts.len() > 2, "no file was searched");
        for (place, text) in &texts {
            for secret in &self.secrets {
                for (form, encoded) in forms(secret) {
                    let Some(at) = text.find(&encoded) else { continue };
                    let before = text.get(..at).unwrap_or_default();
                    let from = before.char_indices().rev().nth(60).map_or(0, |(index, _)| index);
                    panic!(
                        "a secret of {} characters is in {place}, {form}, after: {}",
                        secret.len(),
                        before.get(from..).unwrap_or_default()
                    );
                }
            }
        }
    }
}

#[test]
fn no_secret_is_in_a_plan_the_journal_a_log_or_any_output() {
    let stage = Stage::redis_6_with_data();
    let mut search = Search::new(&stage);
    search.call(&["plan", "redis@7.0.15", "-e", "lab", "--out", "p.plan.json"]).expect(0);
    search.call(&["apply", "redis@7.0.15", "-e", "lab", "--yes"]).expect(0);
    search.show();
    search.call(&["status", "-e", "lab"]).expect(0);
    search.call(&["doctor", "-e", "lab"]);
    search.finds_nothing();
}

#[test]
fn no_secret_is_in_what_a_run_leaves_that_was_killed_resumed_and_rolled_back() {
    let stage = Stage::redis_6_with_data();
    let mut search = Search::new(&stage);
    let target = ["apply", "redis@7.0.15", "-e", "lab", "--yes"];
    let died = search.call(&[&target[..], &["--die-after-record", "20"]].concat());
    assert_eq!(died.code, -1, "{died:?}");
    search.call(&["resume", "--yes", "--until", "upgrade"]).expect(10);
    search.show();
    search.call(&["rollback", "--yes"]).expect(11);
    search.show();
    search.finds_nothing();
}

#[test]
fn no_secret_is_in_what_a_run_leaves_that_failed() {
    let stage = Stage::redis_6_with_data();
    let mut search = Search::new(&stage);
    stage.lockstep(&["lab", "break", "unhealthy", "redis:7.0.15"]).expect(0);
    search.call(&["apply", "redis@7.0.15", "-e", "lab", "--yes"]).expect(11);
    search.show();
    search.finds_nothing();
}

#[test]
fn a_plugin_that_reads_all_that_it_may_gets_no_secret_in_any_form() {
    let stage = Stage::up(&["--only", "redis", "--only", "postgres"]);
    let planted = plant(&stage);
    let mut search = Search::new(&stage);
    search.secrets.extend(planted.secrets.iter().cloned());
    let mut asked: Vec<_> = ASKED.to_vec();
    asked.retain(|(capability, ..)| *capability != "railway");
    asked.extend([("railway", "*", "read", ""), ("http", "leak", "read", "paths = [\"/leak\"]\n")]);
    let toml = guests::toml("liar", &asked) + &planted.endpoint;
    guests::write(&stage, &(toml.clone() + &guests::option("liar", "mode", "hoard")));
    search.call(&["plan", "liar", "-e", "lab", "--out", "p.plan.json"]).expect(0);
    // Every place that something was planted in was read, and something was taken out there.
    let plan = std::fs::read_to_string(stage.folder().join("p.plan.json")).unwrap();
    for place in planted.places {
        let read = plan.lines().find(|line| line.contains(place));
        let read = read.unwrap_or_else(|| panic!("`{place}` was not read: {plan}"));
        assert!(read.contains("[secret]"), "nothing was taken out of `{place}`: {read}");
    }
    guests::write(&stage, &(toml + &guests::option("liar", "step", "hoard")));
    search.call(&["apply", "liar", "-e", "lab", "--yes"]).expect(0);
    search.show();
    assert!(search.taken_out() > 100, "only {} were taken out", search.taken_out());
    search.finds_nothing();
}

/// Collects the values of variables that hold generated secrets.
fn collect(value: &serde_json::Value, name: &str, secrets: &mut Vec<String>) {
    match value {
        serde_json::Value::String(text) => {
            let secret =
                ["PASSWORD", "SECRET", "SALT", "KEY"].iter().any(|word| name.contains(word));
            if secret && text.len() >= 8 && !text.contains("${{") {
                secrets.push(text.clone());
            }
        }
        serde_json::Value::Object(fields) => {
            for (key, value) in fields {
                let name = if key == "value" { name } else { key };
                collect(value, name, secrets);
            }
        }
        serde_json::Value::Array(items) => {
            for item in items {
                collect(item, name, secrets);
            }
        }
        serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::Number(_) => {}
    }
}

/// Returns every file that Lockstep wrote, the lab's own left out.
fn kept(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![folder.join("p.plan.json")];
    found.retain(|path| path.exists());
    found.extend(walk(&folder.join(".lockstep")));
    found
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true if path.ends_with("lab") || path.ends_with("cache") => {}
            true => found.extend(walk(&path)),
            false => found.push(path),
        }
    }
    found
}
