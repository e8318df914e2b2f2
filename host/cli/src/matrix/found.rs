//! What runs of the matrix's components, as the environment tells.

use std::collections::{BTreeMap, BTreeSet};

use lockstep_engine::model::{
    Read, Reading, Rule, Service, ServiceRef, Variable, VariableValue, Version,
};
use lockstep_engine::run::World as _;
use serde::Serialize;

use super::{Component, Matrix, exact, tagged};
use crate::error::CliError;
use crate::live;
use crate::session::Opened;

/// What variables of services say, by the services' names and theirs.
type Variables = BTreeMap<String, BTreeMap<String, Option<String>>>;

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
    let mut running = Vec::new();
    for service in services {
        let component = service.image.as_deref().and_then(|image| known.of_image(image));
        let Some(Component { name, .. }) = component.filter(|it| wanted(&it.name)) else {
            continue;
        };
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
pub(crate) fn together(running: &[Runs]) -> BTreeMap<String, Version> {
    let mut versions: BTreeMap<String, Version> = BTreeMap::new();
    for runs in running {
        let older = |version: &Version| runs.version.order < version.order;
        if versions.get(&runs.component).is_none_or(older) {
            versions.insert(runs.component.clone(), runs.version.clone());
        }
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
    for (service, names) in asked {
        if running.iter().any(|runs| runs.service == service) {
            all.insert(service.to_owned(), variables_of(opened, service, &names).await?);
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
}
