//! `lockstep matrix`: which versions run, and whether they fit together.

use std::collections::BTreeMap;

use lockstep_engine::model::{Severity, Version};
use lockstep_engine::policy::State;
use serde_json::{Value, json};

use super::plan::Wish;
use crate::args::MatrixArguments;
use crate::error::{CliError, OrExit as _};
use crate::exit::Exit;
use crate::matrix::{Matrix, Runs, Verdict, exact, running, together, variables};
use crate::output::Output;
use crate::render::{hang, put, tame};
use crate::session::Session;

/// Runs the command.
pub(crate) async fn matrix(
    session: &Session,
    arguments: &MatrixArguments,
    output: &Output,
) -> Result<Exit, CliError> {
    let known = Matrix::known().or_exit(Exit::Failed)?;
    let wanted = wanted(&known, &arguments.targets)?;
    let opened = session.environment().await?;
    let rules = known.rules(&session.rules(opened.place()).await?);
    let running = running(&opened, &known, |_| true).await?;
    let variables = variables(&opened, &running, &rules).await?;
    let mut state = State { versions: together(&running), variables };
    state.versions.extend(wanted.iter().map(|(name, it)| (name.clone(), vec![it.clone()])));
    let verdicts = known.judge(&state, &rules);
    output.say(&shown(&opened.name, &known, &running, &wanted, &verdicts));
    output.json(
        "matrix",
        &json!({
            "environment": opened.name, "running": running,
            "wanted": wanted, "verdicts": verdicts.iter().map(Verdict::json).collect::<Vec<_>>(),
        }),
    )?;
    let refuses = verdicts.iter().any(|verdict| verdict.severity == Severity::Refusal);
    Ok(if refuses { Exit::Refused } else { Exit::Done })
}

/// Reads what would run instead.
fn wanted(known: &Matrix, targets: &[String]) -> Result<BTreeMap<String, Version>, CliError> {
    let mut wanted = BTreeMap::new();
    for target in targets {
        let Wish { component, desired } = Wish::of(target);
        let name = known.upgraded_as(&component).to_owned();
        let components: Vec<&str> = known.component.iter().map(|it| it.name.as_str()).collect();
        if !components.contains(&name.as_str()) {
            let words = format!("the matrix has no component `{component}`");
            return Err(CliError::words(Exit::Usage, words)
                .hint(format!("it has {}", components.join(", "))));
        }
        let Some(version) = desired.filter(|text| !text.is_empty()) else {
            let words = format!("`{component}` is named without a version");
            return Err(CliError::words(Exit::Usage, words)
                .hint(format!("such as `lockstep matrix {component}@1.2.3`")));
        };
        if wanted.insert(name, exact(&version)).is_some() {
            let words = format!("component `{component}` is named twice");
            return Err(CliError::words(Exit::Usage, words));
        }
    }
    Ok(wanted)
}

fn shown(
    environment: &str,
    known: &Matrix,
    running: &[Runs],
    wanted: &BTreeMap<String, Version>,
    verdicts: &[Verdict],
) -> String {
    let mut out = String::new();
    put(&mut out, &format!("Environment {}", tame(environment)));
    let row = |cells: [&str; 5]| {
        let [component, service, version, minimum, recommended] = cells;
        format!("  {component:<16} {service:<16} {version:<14} {minimum:<28} {recommended}")
    };
    put(&mut out, &row(["component", "service", "version", "at least", "recommended"]));
    for component in &known.component {
        let (name, none) = (component.name.as_str(), "-".to_owned());
        let [minimum, recommended] =
            [&component.minimum, &component.recommended].map(|it| it.as_ref().unwrap_or(&none));
        if let Some(version) = wanted.get(name) {
            let version = format!("→ {}", tame(&version.text));
            put(&mut out, &row([name, "(wanted)", &version, minimum, recommended]));
            continue;
        }
        let of_it: Vec<&Runs> = running.iter().filter(|runs| runs.component == name).collect();
        if of_it.is_empty() {
            put(&mut out, &row([name, "-", "-", minimum, recommended]));
        }
        for Runs { service, version, .. } in of_it {
            put(&mut out, &row([name, &tame(service), &tame(&version.text), minimum, recommended]));
        }
    }
    if verdicts.is_empty() {
        put(&mut out, "All of it fits together.");
    }
    for verdict in verdicts {
        let sign = match verdict.severity {
            Severity::Refusal => "✗",
            Severity::Warning => "!",
            Severity::Note => "·",
        };
        let evidence = verdict.evidence.join("; ");
        let unsure = if verdict.is_certain { "" } else { "can't be told: " };
        let line = format!("{}: {unsure}{} ({})", verdict.id, tame(&verdict.why), tame(&evidence));
        put(&mut out, hang(&line, &format!("  {sign} "), "      ").trim_end());
        put(&mut out, &format!("      source: {}", tame(&verdict.source)));
    }
    out
}

impl Verdict {
    fn json(&self) -> Value {
        json!({
            "rule": self.id, "severity": self.severity, "certain": self.is_certain, "why": self.why,
            "evidence": self.evidence, "source": self.source,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_is_one_version_for_each_component() {
        let known = Matrix::known().unwrap();
        let read = |targets: &[&str]| {
            wanted(&known, &targets.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(read(&["postgres-ha@16.4"]).unwrap()["postgresql"].text, "16.4");
        for wrong in [&["redis"][..], &["redis@"], &["mysql@8"], &["redis@7.2", "redis@7.4"]] {
            assert_eq!(read(wrong).unwrap_err().exit, Exit::Usage);
        }
    }
}
