//! Putting a stack's services into an empty state.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Stack, changes};
use crate::identity;
use crate::registry::Image;
use crate::state::{Service, Source, State, Variable, Volume, VolumeState};
use crate::template;
use changes::Change;

/// `production/railway.toml` of amiable-dev/litellm-langfuse-railway at 5a45454, as data.
const FILE: &str = include_str!("stack.json");
/// Only these two are reachable from outside.
const PUBLIC: &[(&str, u16)] = &[("litellm", 4000), ("langfuse-web", 3000)];
const REPOSITORY: &str = "amiable-dev/litellm-langfuse-railway";
const VOLUME_MB: u32 = 5_000;
/// The order in which services get their addresses.
const ORDER: &[&str] = &[
    "postgres",
    "redis",
    "clickhouse",
    "minio",
    "litellm",
    "langfuse-web",
    "langfuse-worker",
    "backup-service",
    "health-monitor",
];

/// Why a stack could not be built.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// The crate's own file is broken.
    #[error("could not read the stack's file")]
    File(#[source] serde_json::Error),
    /// An option names a service that the stack has not.
    #[error("the stack has no service `{0}`")]
    NoService(String),
    /// The template of its cluster can't be deployed.
    #[error("could not add the cluster: {0}")]
    Template(String),
    /// More services than addresses.
    #[error("no address is left for service `{0}`")]
    NoAddress(String),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    image: Option<String>,
    deploy: Map<String, Value>,
    volume: Option<String>,
    variables: BTreeMap<String, Given>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Given {
    Text(String),
    Made(Made),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "lowercase")]
enum Made {
    /// A value that Railway generates.
    Generate(#[expect(dead_code, reason = "the file names the only kind there is")] String),
    /// A value that the operator has to give, and has not.
    Operator(#[expect(dead_code, reason = "always true in the file")] bool),
}

/// Adds `stack`'s services to `state`, with `images` in place of their own.
pub(crate) fn build(
    state: &mut State,
    stack: Stack,
    images: &BTreeMap<String, String>,
    now: Timestamp,
) -> Result<(), StackError> {
    let mut entries: BTreeMap<String, Entry> =
        serde_json::from_str(FILE).map_err(StackError::File)?;
    for name in ORDER {
        let entry =
            entries.remove(*name).ok_or_else(|| StackError::NoService((*name).to_owned()))?;
        add(state, name, entry, now)?;
    }
    for change in changes::of(stack) {
        apply(state, change);
    }
    if stack == Stack::BesideCluster {
        template::add(state, "ha-postgres", now).map_err(StackError::Template)?;
    }
    for (service, image) in images {
        override_image(state, service, image)?;
    }
    Ok(())
}

fn add(state: &mut State, name: &str, entry: Entry, now: Timestamp) -> Result<(), StackError> {
    let address = state.free_address().ok_or_else(|| StackError::NoAddress(name.to_owned()))?;
    let seed = state.seed;
    let value = |variable: &str, given: Given| match given {
        Given::Text(text) => text,
        Given::Made(Made::Generate(_)) => identity::secret(seed, &format!("{name}.{variable}")),
        Given::Made(Made::Operator(_)) => String::new(),
    };
    let variables = entry.variables.into_iter().map(|(variable, given)| {
        let value = value(&variable, given);
        (variable, Variable::plain(value))
    });
    let repo = entry.image.is_none().then(|| REPOSITORY.to_owned());
    let service = Service {
        id: state.id(),
        instance_id: state.id(),
        name: name.to_owned(),
        address,
        source: Source { image: entry.image, repo },
        settings: entry.deploy,
        variables: variables.collect(),
        public_port: PUBLIC.iter().find(|(public, _)| *public == name).map(|(_, port)| *port),
        proxies: Vec::new(),
        cluster: None,
        created_at: now,
        updated_at: now,
    };
    if let Some(mount) = entry.volume {
        let volume = Volume {
            id: state.id(),
            instance_id: state.id(),
            name: format!("{name}-volume"),
            service_id: Some(service.id.clone()),
            mount,
            size_mb: VOLUME_MB,
            state: VolumeState::Ready,
            created_at: now,
            deleted_at: None,
        };
        state.volumes.push(volume);
    }
    state.services.push(service);
    Ok(())
}

fn apply(state: &mut State, change: Change) {
    let seed = state.seed;
    let name = match change {
        Change::Variable(service, ..)
        | Change::Hex(service, _)
        | Change::Key(service, ..)
        | Change::Health(service, _)
        | Change::Image(service, _)
        | Change::Mount(service, _)
        | Change::StartCommand(service, _)
        | Change::Unset(service, _)
        | Change::Without(service) => service,
    };
    let id = state.named(name).map(|service| service.id.clone());
    if let Change::Without(_) = change {
        state.services.retain(|service| service.name != name);
        state.volumes.retain(|volume| volume.service_id != id);
    }
    if let Change::Mount(_, mount) = change {
        for volume in state.volumes.iter_mut().filter(|volume| volume.service_id == id) {
            mount.clone_into(&mut volume.mount);
        }
    }
    let Some(service) = state.services.iter_mut().find(|service| service.name == name) else {
        return;
    };
    match change {
        Change::Variable(_, variable, value) => {
            service.variables.insert(variable.to_owned(), Variable::plain(value));
        }
        Change::Hex(_, variable) => {
            let value = identity::hex(&["variable", &seed.to_string(), name, variable]);
            service.variables.insert(variable.to_owned(), Variable::plain(value));
        }
        Change::Key(_, variable, before) => {
            let value =
                format!("{before}{}", identity::secret(seed, &format!("{name}.{variable}")));
            service.variables.insert(variable.to_owned(), Variable::plain(value));
        }
        Change::Health(_, path) => {
            service.settings.insert("healthcheckPath".to_owned(), json!(path));
        }
        Change::Image(_, image) => service.source.image = Some(image.to_owned()),
        Change::StartCommand(_, command) => {
            service.settings.insert("startCommand".to_owned(), json!(command));
        }
        Change::Unset(_, begins) => {
            service.variables.retain(|variable, _| !variable.starts_with(begins));
        }
        Change::Mount(..) | Change::Without(_) => {}
    }
}

/// Puts another image in a service's place.
///
/// The official Redis takes its settings from flags and its data from `/data`, so replacing Bitnami's
/// with it needs these too; otherwise it would start without a password.
fn override_image(state: &mut State, service: &str, image: &str) -> Result<(), StackError> {
    let found = state.services.iter_mut().find(|found| found.name == service);
    let found = found.ok_or_else(|| StackError::NoService(service.to_owned()))?;
    let before =
        found.source.image.replace(image.to_owned()).map(|image| Image::parse(&image).repository);
    found.source.repo = None;
    let official = |repository: &str| repository == "redis" || repository == "valkey/valkey";
    if before.is_some_and(|before| before.ends_with("/redis"))
        && official(&Image::parse(image).repository)
    {
        for change in changes::of(Stack::Redis6) {
            if matches!(change, Change::Mount("redis", _) | Change::StartCommand("redis", _)) {
                apply(state, change);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(stack: Stack, images: &[(&str, &str)]) -> State {
        let now = "2026-08-21T12:00:00Z".parse().unwrap();
        let mut state = State::new(stack.name(), 1, 9, now);
        let images = images
            .iter()
            .map(|(service, image)| ((*service).to_owned(), (*image).to_owned()))
            .collect();
        build(&mut state, stack, &images, now).unwrap();
        state
    }

    #[test]
    fn as_written_keeps_the_guides_mistakes_and_as_run_repairs_them() {
        let written = built(Stack::AsWritten, &[]);
        let run = built(Stack::AsRun, &[]);
        assert_eq!(written.services.len(), 9);
        assert_eq!(written.named("litellm").unwrap().settings["healthcheckPath"], "/health");
        assert_eq!(run.named("litellm").unwrap().settings["healthcheckPath"], "/health/liveliness");
        assert_eq!(
            written.named("langfuse-web").unwrap().variables["ENCRYPTION_KEY"].value.len(),
            32
        );
        assert_eq!(run.named("langfuse-web").unwrap().variables["ENCRYPTION_KEY"].value.len(), 64);
    }

    #[test]
    fn langfuse_2_has_nothing_of_what_langfuse_3_needs() {
        let state = built(Stack::Langfuse295, &[]);
        let names: Vec<&str> = state.services.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, ["postgres", "litellm", "langfuse-web"]);
        assert_eq!(state.volumes.len(), 1);
        let set = |name: &str| state.named(name).unwrap().variables.keys();
        let all = set("langfuse-web").chain(set("litellm"));
        let needed = ["CLICKHOUSE_", "REDIS_", "LANGFUSE_S3_", "ENCRYPTION_KEY"];
        let there: Vec<&String> =
            all.filter(|name| needed.iter().any(|needed| name.starts_with(needed))).collect();
        assert!(there.is_empty(), "{there:?}");
    }

    #[test]
    fn the_official_redis_comes_with_its_own_data_path() {
        let state = built(Stack::AsRun, &[("redis", "redis:7.0.15")]);
        let redis = state.named("redis").unwrap();
        assert_eq!(state.volume_of(&redis.id).unwrap().mount, "/data");
        assert!(redis.settings["startCommand"].as_str().unwrap().contains("--requirepass"));
    }

    #[test]
    fn an_override_for_an_unknown_service_is_refused_by_name() {
        let now = "2026-08-21T12:00:00Z".parse().unwrap();
        let mut state = State::new("as-run", 1, 9, now);
        let images = BTreeMap::from([("radis".to_owned(), "redis:7".to_owned())]);
        let error = build(&mut state, Stack::AsRun, &images, now).unwrap_err();
        assert_eq!(error.to_string(), "the stack has no service `radis`");
    }
}
