//! What is written beside a run, to count what it costs.

use std::collections::BTreeMap;

use lockstep_drivers::ConnectionKind;
use lockstep_engine::model::Canary;
use serde::{Deserialize, Serialize};

use super::document::EnvironmentDocument;
use super::resolve::{connections, endpoints};
use crate::error::CliError;
use crate::exit::Exit;

/// Paths of the nine services that do something each time.
const COSTS: [(&str, &str); 2] = [("litellm", "/health"), ("backup-service", "/backup")];

/// Where canaries are kept; none where nothing is said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct CanariesDocument {
    /// Connections to PostgreSQL that are given a row a second.
    #[serde(default)]
    pub(crate) rows: Vec<String>,
    /// Connections to Redis that are given a bit a second.
    #[serde(default)]
    pub(crate) bits: Vec<String>,
    /// The path that is asked for every five seconds, by endpoint.
    #[serde(default)]
    pub(crate) answers: BTreeMap<String, String>,
}

/// Returns the canaries of an environment.
///
/// # Errors
/// One of them is kept nowhere that the environment knows.
pub(crate) fn canaries(environment: &EnvironmentDocument) -> Result<Vec<Canary>, CliError> {
    let CanariesDocument { rows, bits, answers } = &environment.canaries;
    let connections = connections(environment)?;
    let is = |name: &String, redis: bool| {
        connections.get(name).is_some_and(|it| redis != (it.kind == ConnectionKind::Postgres))
    };
    if let Some(name) = rows.iter().find(|name| !is(name, false)) {
        return Err(unknown("rows", name, "connection to PostgreSQL"));
    }
    if let Some(name) = bits.iter().find(|name| !is(name, true)) {
        return Err(unknown("bits", name, "connection to Redis"));
    }
    let endpoints = endpoints(environment);
    for (name, path) in answers {
        if !endpoints.contains_key(name) {
            return Err(unknown("answers", name, "endpoint"));
        }
        if COSTS.contains(&(name.as_str(), path.split('?').next().unwrap_or(path))) {
            let words = format!(
                "`canaries.answers` asks `{name}` for `{path}`, which is no look: each time it does something"
            );
            return Err(CliError::words(Exit::Usage, words)
                .hint("LiteLLM's `/health` calls every model and `/backup` begins a backup; `/health/liveliness` and `/health` of the others only answer"));
        }
        if !path.starts_with('/') {
            let words = format!("`canaries.answers` asks `{name}` for `{path}`, which is no path");
            return Err(CliError::words(Exit::Usage, words)
                .hint("a path begins with `/`, such as `/health/liveliness`; it is asked for again and again, so it must change nothing"));
        }
    }
    let rows = rows.iter().cloned().map(Canary::Rows);
    let bits = bits.iter().cloned().map(Canary::Bits);
    let answers = answers
        .iter()
        .map(|(endpoint, path)| Canary::Answers { endpoint: endpoint.clone(), path: path.clone() });
    let mut all: Vec<Canary> = rows.chain(bits).chain(answers).collect();
    all.sort();
    all.dedup();
    Ok(all)
}

fn unknown(key: &str, name: &str, what: &str) -> CliError {
    CliError::words(Exit::Usage, format!("`canaries.{key}` names `{name}`, which is no {what}"))
        .hint("the nine services have `postgres`, `redis` and an endpoint each; others are written down in [environments.ENV.connections] and [environments.ENV.endpoints]")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Vec<Canary>, CliError> {
        let canaries = toml::from_str(text).unwrap();
        canaries_of(canaries)
    }

    fn canaries_of(canaries: CanariesDocument) -> Result<Vec<Canary>, CliError> {
        super::canaries(&EnvironmentDocument { canaries, ..EnvironmentDocument::default() })
    }

    #[test]
    fn canaries_are_kept_where_the_environment_knows_of() {
        let found = of(
            "rows = ['postgres', 'postgres']\nbits = ['redis']\nanswers = { litellm = '/ready' }",
        );
        let path = "/ready".to_owned();
        assert_eq!(
            found.unwrap(),
            [
                Canary::Rows("postgres".to_owned()),
                Canary::Bits("redis".to_owned()),
                Canary::Answers { endpoint: "litellm".to_owned(), path }
            ]
        );
        assert_eq!(of("").unwrap(), []);
    }

    #[test]
    fn what_is_nowhere_is_named() {
        for (text, name) in [
            ("rows = ['redis']", "`redis`, which is no connection to PostgreSQL"),
            ("bits = ['postgres']", "`postgres`, which is no connection to Redis"),
            ("bits = ['other']", "`other`, which is no connection to Redis"),
            ("answers = { web = '/' }", "`web`, which is no endpoint"),
            ("answers = { litellm = '/health?model=x' }", "`/health?model=x`, which is no look"),
            ("answers = { litellm = 'health' }", "`health`, which is no path"),
        ] {
            let error = of(text).unwrap_err();
            assert!(error.error.to_string().contains(name), "{}", error.error);
        }
    }
}
