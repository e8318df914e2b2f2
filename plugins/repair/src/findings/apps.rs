//! What keeps LiteLLM and Langfuse from being up.

use lockstep_sdk::blocks::encryption_key::{Key, NAME as ENCRYPTION_KEY};
use lockstep_sdk::{Finding, VariableValue};

use crate::found::Found;
use crate::names::{APPS, CLUSTER, KEY, LITELLM, MONITOR, SETTINGS, STORES, VARIABLES, WEB};
use crate::needs::{Change, Needs};
use crate::survey::Survey;

/// The keys with which LiteLLM sends its traces.
const TRACE_KEYS: [&str; 2] = ["LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY"];

pub(super) fn findings(survey: &Survey, needs: &Needs) -> Vec<Finding> {
    let mut found = Vec::new();
    found.extend(stores(survey));
    found.extend(staged(survey));
    found.extend(down(survey));
    found.extend(health_paths(survey, needs));
    found.extend(cluster(needs));
    found.extend(cluster_unset(survey));
    found.extend(key(survey, needs));
    found.extend(trace_keys(survey));
    found
}

/// No step here deploys what keeps data.
fn stores(survey: &Survey) -> Option<Finding> {
    let down: Vec<_> = STORES
        .into_iter()
        .filter_map(|name| survey.of(name))
        .filter(|found| found.up().is_none())
        .map(Found::standing)
        .collect();
    let finding = Finding::refusal("stores-down", "what keeps the stack's data is not up")
        .remedy("bring it up first: no step of this plan deploys a service with a volume")
        .source("plans.md 2 R3");
    let finding = down.iter().fold(finding, |finding, line| finding.evidence(line.as_str()));
    (!down.is_empty()).then_some(finding)
}

fn staged(survey: &Survey) -> Option<Finding> {
    let finding = Finding::refusal("staged", "changes that nobody has committed are staged")
        .remedy("commit or discard them at Railway")
        .source("plans.md 2 R5");
    let finding = survey.staged.iter().fold(finding, |it, line| it.evidence(line.as_str()));
    (!survey.staged.is_empty()).then_some(finding)
}

fn down(survey: &Survey) -> Option<Finding> {
    let down: Vec<_> = APPS
        .into_iter()
        .chain([MONITOR])
        .filter_map(|name| survey.of(name))
        .filter(|found| found.up().is_none())
        .collect();
    let title = "the stack is not healthy, and nothing is upgraded before it is";
    let finding = Finding::warning("unhealthy", title)
        .remedy("this plan comes first; an upgrade begins once the stack was healthy for as long as the last step watches it")
        .source("the guide, prerequisites: the current stack is deployed and healthy");
    let mut finding = down.iter().fold(finding, |it, found| it.evidence(found.standing()));
    for found in down.iter().filter(|found| APPS.contains(&found.name())) {
        finding = finding.mended_by(&crate::plan::deploy_step(found.name()));
    }
    (!down.is_empty()).then_some(finding)
}

fn health_paths(survey: &Survey, needs: &Needs) -> Vec<Finding> {
    let mut found = Vec::new();
    for Change { service, name, value, before } in &needs.settings {
        let before = before.as_deref().unwrap_or_default();
        let finding = match *service {
            LITELLM => Finding::warning(
                "litellm-health-path",
                "Railway asks LiteLLM at a path that wants a key: no deployment of it can become healthy",
            )
            .evidence("without a key the path answers 401, and only 200 counts; with one it would call every model, at a price")
            .source("domain.md 0, item 4"),
            _ => Finding::warning(
                "monitor-health-path",
                "Railway asks the health monitor at a path that answers 503 while everything is well",
            )
            .evidence("it asks LiteLLM's `/health` without a key, takes 401 for trouble, and says so")
            .source("domain.md 0, item 5"),
        };
        let finding =
            finding.evidence(format!("{name} of {service} is {before}, and becomes {value}"));
        let by_hand = *service == MONITOR && !survey.is_up(MONITOR);
        let finding = if by_hand {
            finding.remedy(
                "the step sets the path; nothing of the monitor runs, and it is built from a repository: deploy it by hand afterwards",
            )
        } else {
            finding
        };
        found.push(finding.mended_by(SETTINGS));
    }
    found
}

fn cluster(needs: &Needs) -> Option<Finding> {
    let changes: Vec<_> = needs.variables.iter().filter(|change| change.name == CLUSTER).collect();
    let title =
        "Langfuse takes its ClickHouse for a cluster, and its migrations fail on one server";
    let mut finding = Finding::warning("clickhouse-cluster", title)
        .mended_by(VARIABLES)
        .source("domain.md 0, item 9: the variable is `true` where it is not set");
    for change in &changes {
        let before = change.before.as_deref().unwrap_or("not set");
        finding = finding.evidence(format!("{CLUSTER} of {} is {before}", change.service));
    }
    (!changes.is_empty()).then_some(finding)
}

/// A Langfuse that runs has migrated, for one server or for a cluster; which of the two must not be changed behind it.
fn cluster_unset(survey: &Survey) -> Option<Finding> {
    let found = survey.of(WEB).filter(|found| found.up().is_some())?;
    let set = found.shown(CLUSTER).filter(|value| *value != "true");
    let title = "Langfuse runs, and its next deployment takes its ClickHouse for a cluster";
    let finding = Finding::warning("clickhouse-cluster", title)
        .evidence(format!("{CLUSTER} of {WEB} is {}", found.shown(CLUSTER).unwrap_or("not set")))
        .remedy("no step changes it: set it to `false` by hand if its ClickHouse is one server")
        .source("domain.md 0, item 9: the variable is `true` where it is not set");
    set.is_none().then_some(finding)
}

fn key(survey: &Survey, needs: &Needs) -> Option<Finding> {
    let found = survey.of(WEB).filter(|found| found.up().is_none())?;
    let value = found.value(ENCRYPTION_KEY);
    let refused = survey.refused_key.as_deref();
    let made = |title: &str| {
        let finding = Finding::warning("encryption-key", title).mended_by(KEY);
        refused
            .iter()
            .fold(finding, |finding, line| finding.evidence(*line))
            .evidence("nothing was ever made in Langfuse, so nothing is encrypted with it; nobody sees the new one")
            .source("domain.md 0, item 9")
    };
    match needs.key {
        Key::Made => {
            return Some(made("Langfuse has no key for what it encrypts, and is given one"));
        }
        Key::Replaced => {
            return Some(made(
                "Langfuse refuses its key, which must be 64 hexadecimal digits, and is given another one",
            ));
        }
        Key::Stays if value.is_some() && refused.is_none() => return None,
        Key::Stays => {}
    }
    let finding = Finding::refusal(
        "encryption-key",
        "Langfuse has no key that it takes, and none can be made for it",
    );
    let finding = match (&survey.used, value) {
        (Ok(true), _) => finding
            .evidence("something was made in Langfuse already, and may be encrypted with a key that works")
            .remedy("find the key with which it was, and set it: another one would make what is encrypted unreadable"),
        (Err(why), _) => finding
            .evidence(format!("whether anything was made in Langfuse can't be told: {why}"))
            .remedy("see that the connection `postgres` leads to its database: `lockstep doctor`"),
        (Ok(false), Some(VariableValue::Shown(_))) => finding
            .evidence("the variable refers to another one, which others may use")
            .remedy("set that to 64 hexadecimal digits by hand: `openssl rand -hex 32`"),
        (Ok(false), _) => finding
            .evidence("the variable is sealed, so that it could not be put back")
            .remedy("set it to 64 hexadecimal digits by hand: `openssl rand -hex 32`"),
    };
    Some(refused.iter().fold(finding, |finding, line| finding.evidence(*line)))
}

/// They are made in Langfuse's own pages, so no step can.
fn trace_keys(survey: &Survey) -> Option<Finding> {
    let found = survey.of(LITELLM)?;
    let empty = |name: &&str| {
        let is_empty = found.shown(name).is_some_and(|value| value.trim().is_empty());
        found.value(name).is_none() || is_empty
    };
    let empty: Vec<&str> = TRACE_KEYS.into_iter().filter(empty).collect();
    let finding = Finding::warning("trace-keys", "LiteLLM has no keys for Langfuse, so its traces go nowhere")
        .evidence(format!("not set: {}", empty.join(", ")))
        .remedy("no step makes them: create them in a project of Langfuse, once that is up, and set them at LiteLLM");
    (!empty.is_empty()).then_some(finding)
}
