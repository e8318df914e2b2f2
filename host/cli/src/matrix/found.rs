//! What runs of the matrix's components, as the environment tells.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::join_all;
use lockstep_engine::model::{
    Read, Reading, Rule, Service, ServiceRef, Variable, VariableValue, Version,
};
use lockstep_engine::run::World as _;
use serde::Serialize;
use tokio::time::timeout;

use super::{Component, Matrix, exact, tagged};
use crate::error::CliError;
use crate::live;
use crate::session::Opened;

/// How long one service may take to say its version, before its image says it.
const PATIENCE: Duration = Duration::from_secs(3);

/// What variables of services say, by the services' names and theirs.
pub(crate) type Variables = BTreeMap<String, BTreeMap<String, Option<String>>>;

/// A service that is one of the matrix's components.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Runs {
    /// The component.
    pub(crate) component: String,
    /// The service.
    pub(crate) service: String,
    /// Its version.
    pub(crate) version: Version,
}

/// Finds the services that are components which are wanted, with the version that each says it is, or else that its image is called.
pub(crate) async fn running(
    opened: &Opened,
    known: &Matrix,
    wanted: impl Fn(&str) -> bool,
) -> Result<Vec<Runs>, CliError> {
    let read = opened.drivers.read(&Read::Services).await.map_err(CliError::from)?;
    let services = if let Reading::Services(services) = read { services } else { Vec::new() };
    let of_interest = services.iter().filter_map(|service| {
        let component = known.of_image(service.image.as_deref()?)?;
        wanted(&component.name).then_some((service, component))
    });
    let asked = of_interest.map(async |(service, component)| {
        let live = timeout(PATIENCE, live::of_service(opened, service)).await;
        let live = live.unwrap_or(Ok(None))?.and_then(|live| live.version.ok());
        let version = live.map_or_else(|| of_image(service, component), |text| exact(&text));
        Ok(Runs { component: component.name.clone(), service: service.name.clone(), version })
    });
    join_all(asked).await.into_iter().collect()
}

/// Returns the version that a service's image is called.
fn of_image(service: &Service, component: &Component) -> Version {
    let image = service.image.as_deref().unwrap_or_default();
    let (image, digest) = match image.split_once('@') {
        Some((image, digest)) => (image, Some(digest.to_owned())),
        None => (image, None),
    };
    let name = image.rsplit('/').next().unwrap_or_default();
    let tag = name.split_once(':').map_or("latest", |(_, tag)| tag);
    tagged(tag, digest, component.numbers.unwrap_or(3))
}

/// Returns the versions of each component.
pub(crate) fn together(running: &[Runs]) -> BTreeMap<String, Vec<Version>> {
    let mut versions: BTreeMap<String, Vec<Version>> = BTreeMap::new();
    for runs in running {
        versions.entry(runs.component.clone()).or_default().push(runs.version.clone());
    }
    versions
}

/// Returns what these rules ask about the variables of services.
pub(crate) async fn variables(
    opened: &Opened,
    running: &[Runs],
    rules: &[Rule],
) -> Result<Variables, CliError> {
    let mut asked: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (service, name, _) in rules.iter().flat_map(|rule| &rule.settings) {
        asked.entry(service).or_default().insert(name);
    }
    let mut all = Variables::new();
    for (asked_of, names) in asked {
        // A rule names a component, or a service by its name.
        let is_it = |runs: &&Runs| runs.component == asked_of || runs.service == asked_of;
        for runs in running.iter().filter(is_it) {
            let found = variables_of(opened, &runs.service, &names).await?;
            let known = all.entry(asked_of.to_owned()).or_insert_with(|| found.clone());
            known.retain(|name, value| found.get(name) == Some(value));
        }
    }
    Ok(all)
}

async fn variables_of(
    opened: &Opened,
    service: &str,
    names: &BTreeSet<&str>,
) -> Result<BTreeMap<String, Option<String>>, CliError> {
    let read = Read::Variables(ServiceRef::Named(service.to_owned()));
    let read = opened.drivers.read(&read).await.map_err(CliError::from)?;
    let Reading::Variables(variables) = read else { return Ok(BTreeMap::new()) };
    let asked = variables.into_iter().filter(|variable| names.contains(variable.name.as_str()));
    Ok(asked.map(|Variable { name, value }| (name, seen(value))).collect())
}

/// Returns a variable's value, if it can be seen. A reference may render to anything.
fn seen(value: VariableValue) -> Option<String> {
    match value {
        VariableValue::Shown(text) if !text.contains("${{") => Some(text),
        VariableValue::Shown(_) | VariableValue::Masked(_) | VariableValue::Unreadable => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_called_by_its_tag() {
        let of = |image: &str| {
            let image = Some(image.to_owned());
            let (name, none) = ("it".to_owned(), Vec::new);
            let service = Service {
                name,
                image,
                repository: None,
                volume: None,
                settings: none(),
                extra: none(),
            };
            let known = Matrix::known().unwrap();
            of_image(&service, known.of_image(service.image.as_deref().unwrap()).unwrap())
        };
        assert_eq!(of("host:5000/redis:7.0.15@sha256:ab").text, "7.0.15");
        assert_eq!(of("minio/minio").text, "latest");
        assert!(of("clickhouse/clickhouse-server:24").floating);
        assert!(!of("ghcr.io/railwayapp-templates/postgres-ssl:16.4").floating);
    }
}
