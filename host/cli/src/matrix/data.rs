//! The data, as it is written.

use std::collections::BTreeMap;

use lockstep_engine::model::{Bound, Rule, Severity};
use serde::Deserialize;

use super::version::exact;

const DATA: &str = include_str!("matrix.toml");

/// All that is known.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Matrix {
    /// What is known of each component by itself.
    pub(crate) component: Vec<Component>,
    /// What is known of several together.
    pub(super) rule: Vec<Together>,
}

/// What is known of one component.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Component {
    /// Its name.
    pub(crate) name: String,
    /// What it is called where a plugin upgrades it, if that differs.
    pub(super) upgraded_as: Option<String>,
    /// How many numbers a whole version of it has, if not three.
    pub(super) numbers: Option<usize>,
    /// Parts of image references by which a service is known to be one.
    images: Vec<String>,
    /// The oldest version that works.
    pub(crate) minimum: Option<String>,
    pub(super) minimum_source: Option<String>,
    /// The version to be at.
    pub(crate) recommended: Option<String>,
    pub(super) recommended_source: Option<String>,
    /// Versions that must not run.
    #[serde(default)]
    pub(crate) denied: Vec<Denied>,
}

/// A version that must not run.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Denied {
    /// The version.
    pub(crate) version: String,
    /// Why.
    pub(super) why: String,
    /// Where it is written.
    pub(super) source: String,
}

/// What holds of several components together.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Together {
    id: String,
    when: BTreeMap<String, String>,
    #[serde(default)]
    settings: BTreeMap<String, BTreeMap<String, String>>,
    require: BTreeMap<String, String>,
    severity: Severity,
    why: String,
    source: String,
}

impl Matrix {
    /// Reads the data of this version.
    ///
    /// # Errors
    /// It can't be read, which would be a fault of ours.
    pub(crate) fn known() -> Result<Self, toml::de::Error> {
        toml::from_str(DATA)
    }

    /// Returns the component that a service with this image is.
    pub(crate) fn of_image(&self, image: &str) -> Option<&Component> {
        // A reference without a tag ends where one with a tag goes on.
        let image = format!("{image}:");
        let is_one =
            |component: &&Component| component.images.iter().any(|part| image.contains(part));
        self.component.iter().find(is_one)
    }
}

impl Together {
    pub(super) fn rule(&self) -> Rule {
        let bounds = |bounds: &BTreeMap<String, String>| {
            bounds.iter().map(|(component, words)| bound(component, words)).collect()
        };
        let settings = self.settings.iter().flat_map(|(service, variables)| {
            variables.iter().map(|(name, value)| (service.clone(), name.clone(), value.clone()))
        });
        Rule {
            id: self.id.clone(),
            when: bounds(&self.when),
            settings: settings.collect(),
            require: bounds(&self.require),
            severity: self.severity,
            reason: self.why.clone(),
            source: self.source.clone(),
        }
    }
}

/// Reads `>=4`, `<4` or `*`.
pub(crate) fn bound(component: &str, words: &str) -> Bound {
    Bound {
        component: component.to_owned(),
        at_least: words.strip_prefix(">=").map(exact),
        below: words.strip_prefix('<').map(exact),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_can_be_read_and_every_figure_has_an_order_and_a_source() {
        let known = Matrix::known().unwrap();
        for component in &known.component {
            let name = &component.name;
            let has_order = |text: &String| assert!(!exact(text).floating, "{name} {text}");
            component.minimum.iter().for_each(has_order);
            component.recommended.iter().for_each(has_order);
            component.denied.iter().map(|it| &it.version).for_each(has_order);
            assert_eq!(component.minimum.is_some(), component.minimum_source.is_some(), "{name}");
            assert_eq!(
                component.recommended.is_some(),
                component.recommended_source.is_some(),
                "{name}"
            );
        }
        for rule in &known.rule {
            for (component, words) in rule.when.iter().chain(&rule.require) {
                assert!(known.component.iter().any(|it| it.name == *component), "{}", rule.id);
                let bound = bound(component, words);
                let has_end = bound.at_least.is_some() || bound.below.is_some();
                assert!(has_end || words == "*", "{}: {words}", rule.id);
            }
            assert!(!rule.source.is_empty() && !rule.why.is_empty(), "{}", rule.id);
        }
    }

    #[test]
    fn a_service_is_known_by_its_image() {
        let known = Matrix::known().unwrap();
        for (image, expected) in [
            ("ghcr.io/berriai/litellm-database:main-stable", Some("litellm")),
            ("langfuse/langfuse:3", Some("langfuse")),
            ("langfuse/langfuse-worker:3", Some("langfuse-worker")),
            ("ghcr.io/railwayapp-templates/postgres-ssl:16", Some("postgresql")),
            ("clickhouse/clickhouse-server:24", Some("clickhouse")),
            ("bitnami/redis:7.2", Some("redis")),
            ("redis:7.0.15@sha256:ab", Some("redis")),
            ("redis", Some("redis")),
            ("minio/minio", Some("minio")),
            ("bitnami/pgpool:4", None),
            ("mine/my-exporter:1", None),
        ] {
            assert_eq!(known.of_image(image).map(|it| it.name.as_str()), expected, "{image}");
        }
    }
}
