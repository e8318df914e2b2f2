//! `lockstep matrix`: which versions run, and whether they fit together.

use std::collections::{BTreeMap, BTreeSet};

use lockstep_engine::model::{
    Read, Reading, Rule, Service, ServiceRef, Severity, Variable, VariableValue, Version,
};
use lockstep_engine::policy::State;
use lockstep_engine::run::World as _;
use serde_json::{Value, json};

use super::plan::Wish;
use crate::args::MatrixArguments;
use crate::error::{CliError, OrExit as _};
use crate::exit::Exit;
use crate::live;
use crate::matrix::{Component, Matrix, Verdict, exact, tagged};
use crate::output::Output;
use crate::render::{hang, put, tame};
use crate::session::{Opened, Session};

/// A service that is one of the matrix's components.
struct Runs {
    component: String,
    service: String,
    version: Version,
}

/// Runs the command.
pub(crate) async fn matrix(
    session: &Session,
    arguments: &MatrixArguments,
    output: &Output,
) -> Result<Exit, CliError> {
    let known = Matrix::known().or_exit(Exit::Failed)?;
    let wanted = wanted(&known, &arguments.targets)?;
    let opened = session.environment().await?;
    let rules = session.rules().await?;
    let running = running(&opened, &known).await?;
    let variables = known.settings(&rules);
    let mut state = State { versions: together(&running), variables: BTreeMap::new() };
    for (service, names) in variables {
        let found = variables_of(&opened, &running, &service, &names).await?;
        state.variables.insert(service, found);
    }
    state.versions.extend(wanted.clone());
    let verdicts = known.judge(&state, &rules);
    output.say(&shown(&opened.name, &known, &running, &wanted, &verdicts));
    output.json(
        "matrix",
        &json!({
            "environment": opened.name, "running": running.iter().map(Runs::json).collect::<Vec<_>>(),
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

/// Finds the services that are components, with the version that each says it is, or else that its image is called.
async fn running(opened: &Opened, known: &Matrix) -> Result<Vec<Runs>, CliError> {
    let read = opened.drivers.read(&Read::Services).await.map_err(CliError::from)?;
    let services = if let Reading::Services(services) = read { services } else { Vec::new() };
    let mut running = Vec::new();
    for service in services {
        let component = service.image.as_deref().and_then(|image| known.of_image(image));
        let Some(Component { name, .. }) = component else { continue };
        let live = live::of_service(opened, &service).await?.and_then(|live| live.version.ok());
        let version = live.map_or_else(|| of_image(&service), |text| exact(&text));
        running.push(Runs { component: name.clone(), service: service.name, version });
    }
    Ok(running)
}

/// Returns the version that a service's image is called.
fn of_image(service: &Service) -> Version {
    let image = service.image.as_deref().unwrap_or_default();
    let (image, digest) = match image.split_once('@') {
        Some((image, digest)) => (image, Some(digest.to_owned())),
        None => (image, None),
    };
    let name = image.rsplit('/').next().unwrap_or_default();
    let tag = name.split_once(':').map_or("latest", |(_, tag)| tag);
    tagged(tag, digest)
}

/// Returns one version for each component: of several the oldest, and one that is not known before all others.
fn together(running: &[Runs]) -> BTreeMap<String, Version> {
    let mut versions: BTreeMap<String, Version> = BTreeMap::new();
    for runs in running {
        let older = |version: &Version| runs.version.order < version.order;
        if versions.get(&runs.component).is_none_or(older) {
            versions.insert(runs.component.clone(), runs.version.clone());
        }
    }
    versions
}

async fn variables_of(
    opened: &Opened,
    running: &[Runs],
    service: &str,
    names: &BTreeSet<String>,
) -> Result<BTreeMap<String, Option<String>>, CliError> {
    if running.iter().all(|runs| runs.service != service) {
        return Ok(BTreeMap::new());
    }
    let read = Read::Variables(ServiceRef::Named(service.to_owned()));
    let read = opened.drivers.read(&read).await.map_err(CliError::from)?;
    let Reading::Variables(variables) = read else { return Ok(BTreeMap::new()) };
    let asked = variables.into_iter().filter(|variable| names.contains(&variable.name));
    Ok(asked.map(|Variable { name, value }| (name, seen(value))).collect())
}

/// Returns a variable's value, if it can be seen. A reference may render to anything.
fn seen(value: VariableValue) -> Option<String> {
    match value {
        VariableValue::Shown(text) if !text.contains("${{") => Some(text),
        VariableValue::Shown(_) | VariableValue::Masked(_) | VariableValue::Unreadable => None,
    }
}

impl Matrix {
    /// Returns the variables that rules ask about, by their services.
    fn settings(&self, of_plugins: &[Rule]) -> BTreeMap<String, BTreeSet<String>> {
        let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (service, name, _) in self.rules().iter().chain(of_plugins).flat_map(|it| &it.settings)
        {
            all.entry(service.clone()).or_default().insert(name.clone());
        }
        all
    }
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

impl Runs {
    fn json(&self) -> Value {
        json!({ "component": self.component, "service": self.service, "version": self.version })
    }
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

    fn runs(component: &str, version: Version) -> Runs {
        Runs { component: component.to_owned(), service: component.to_owned(), version }
    }

    #[test]
    fn an_image_is_called_by_its_tag_and_a_component_is_as_old_as_its_oldest_service() {
        let of = |image: &str| {
            let image = Some(image.to_owned());
            let (name, none) = ("it".to_owned(), Vec::new);
            of_image(&Service {
                name,
                image,
                repository: None,
                volume: None,
                settings: none(),
                extra: none(),
            })
        };
        assert_eq!(of("host:5000/redis:7.0.15@sha256:ab").text, "7.0.15");
        assert_eq!(of("minio/minio").text, "latest");
        assert!(of("clickhouse/clickhouse-server:24").floating);
        let found =
            together(&[runs("postgresql", exact("16.14")), runs("postgresql", exact("15.18"))]);
        assert_eq!(found["postgresql"].text, "15.18");
        let found = together(&[runs("redis", exact("7.2.4")), runs("redis", tagged("7", None))]);
        assert!(found["redis"].floating);
    }

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
