//! Findings about variables: those without which a version 3 does not start, and keys that must never change.

use lockstep_sdk::Finding;
use lockstep_sdk::blocks::encryption_key::NAME as ENCRYPTION_KEY;
use lockstep_sdk::running::Running;
use lockstep_sdk::text::tame;

use crate::survey::Survey;
use crate::web::Told;

/// The variable with which keys of projects are hashed.
pub(crate) const SALT: &str = "SALT";

/// Variables of the web service that no run may find changed.
pub(crate) const KEYS: [&str; 3] = [ENCRYPTION_KEY, SALT, "NEXTAUTH_SECRET"];

/// Those of version 2, which may have no key for what it encrypts.
pub(crate) const KEYS_OF_2: [&str; 2] = [SALT, "NEXTAUTH_SECRET"];

/// The variable that says whether ClickHouse is a cluster, which it is taken for unless told otherwise.
pub(crate) const CLUSTER: &str = "CLICKHOUSE_CLUSTER_ENABLED";

/// What both services need, the latter of each any of several.
const NEEDED: [&[&str]; 7] = [
    &["DATABASE_URL", "DATABASE_HOST"],
    &[SALT],
    &["CLICKHOUSE_URL"],
    &["CLICKHOUSE_USER"],
    &["CLICKHOUSE_PASSWORD"],
    &["REDIS_CONNECTION_STRING", "REDIS_HOST", "REDIS_CLUSTER_NODES", "REDIS_SENTINEL_NODES"],
    &["LANGFUSE_S3_EVENT_UPLOAD_BUCKET"],
];

/// What the web service alone needs.
const NEEDED_OF_WEB: [&[&str]; 3] =
    [&["NEXTAUTH_SECRET"], &["NEXTAUTH_URL"], &["CLICKHOUSE_MIGRATION_URL"]];

/// What must be the same at both, as far as it can be seen.
const ALIKE: [&str; 9] = [
    "CLICKHOUSE_URL",
    "CLICKHOUSE_DB",
    CLUSTER,
    "REDIS_CONNECTION_STRING",
    "REDIS_HOST",
    "REDIS_CLUSTER_ENABLED",
    "REDIS_SENTINEL_ENABLED",
    "LANGFUSE_S3_EVENT_UPLOAD_BUCKET",
    "LANGFUSE_S3_EVENT_UPLOAD_ENDPOINT",
];

/// How much of a line of somebody else's log is shown.
const SHOWN: usize = 200;

pub(super) fn key(survey: &Survey) -> Option<Finding> {
    let complaint = survey.complaints.first()?;
    Some(
        Finding::refusal("encryption-key", "the web service does not start with the key that it has")
            .evidence(tame(complaint, SHOWN))
            .evidence("it takes exactly 64 hexadecimal digits; with anything else it has never started, so nothing is encrypted with it")
            .remedy("set ENCRYPTION_KEY of the web service to the output of `openssl rand -hex 32`, let the worker refer to it, and deploy both")
            .source("domain.md 0, item 9; langfuse: web/src/env.mjs"),
    )
}

pub(super) fn going(survey: &Survey) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(missing(&survey.web, &NEEDED_OF_WEB));
    if let Some(worker) = &survey.worker {
        findings.extend(missing(worker, &[]));
        findings.extend(unlike(&survey.web, worker));
        findings.push(same_keys(&survey.web, worker));
    }
    findings.push(cluster(survey));
    findings
}

fn missing(service: &Running, more: &[&[&str]]) -> Option<Finding> {
    let lacks = |names: &&[&str]| !names.iter().any(|name| service.has(name));
    let lacking: Vec<&str> = NEEDED
        .iter()
        .chain(more)
        .copied()
        .filter(|names| lacks(names))
        .filter_map(|names| names.first().copied())
        .collect();
    if lacking.is_empty() {
        return None;
    }
    let name = service.name();
    Some(
        Finding::refusal(
            &format!("variables-{name}"),
            format!("`{name}` lacks what it does not start without"),
        )
        .evidence(lacking.join(", "))
        .remedy("set them, deploy the service, and plan again")
        .source("domain.md C.3"),
    )
}

fn unlike(web: &Running, worker: &Running) -> Option<Finding> {
    // A reference of a service to itself is written otherwise than the same reference elsewhere.
    let leads = |service: &Running, name: &str| {
        service.variable(name).map(|text| text.replace(&format!("${{{{{}.", web.name()), "${{"))
    };
    let differ = |name: &&str| match (leads(web, name), leads(worker, name)) {
        (Some(one), Some(other)) => one != other && other != format!("${{{{{name}}}}}"),
        // What can't be seen can't be compared, and what is said to one alone is not said to the other.
        (one, other) => one.is_some() != other.is_some() && (!web.has(name) || !worker.has(name)),
    };
    let names: Vec<&str> = ALIKE.into_iter().filter(|name| differ(name)).collect();
    if names.is_empty() {
        return None;
    }
    Some(
        Finding::warning("unlike", "web service and worker are not told the same")
            .evidence(names.join(", "))
            .remedy("let the worker's variables refer to those of the web service")
            .source("domain.md C.3"),
    )
}

/// Values of two services can't be compared, so the worker's must refer to the web service's.
fn same_keys(web: &Running, worker: &Running) -> Finding {
    let reference = |name: &str| format!("${{{{{}.{name}}}}}", web.name());
    let refers = |name: &&str| worker.variable(name) == Some(reference(name).as_str());
    let others: Vec<&str> = [ENCRYPTION_KEY, SALT]
        .into_iter()
        .filter(|name| web.has(name) || worker.has(name))
        .filter(|name| !refers(name))
        .collect();
    if others.is_empty() {
        return Finding::note("keys", "web service and worker have the same keys, and no plan changes them")
            .evidence("their fingerprints are taken when the run begins and compared before and after the switch");
    }
    Finding::warning("keys", "whether web service and worker have the same keys can't be seen")
        .evidence(format!("{}: not a reference to the web service's", others.join(", ")))
        .remedy("let the worker's refer to the web service's, once you have seen that they are the same")
        .source("domain.md C.3")
}

fn cluster(survey: &Survey) -> Finding {
    if survey.web.variable(CLUSTER) == Some("false") {
        return Finding::note("cluster", "ClickHouse is one server, and Langfuse is told so");
    }
    let set = survey.web.variable(CLUSTER).unwrap_or("not set, which means true");
    let works = survey.columns.as_ref().is_ok_and(|it| it.migrated.is_some_and(|it| !it.dirty));
    let title = "Langfuse takes ClickHouse for a cluster";
    let finding = if works && survey.told.as_ref().is_ok_and(Told::is_ready) {
        Finding::warning("cluster", title)
            .evidence("its migrations have ended well with that so far")
    } else {
        Finding::refusal("cluster", title)
            .evidence("on one server without Keeper its migrations fail")
            .remedy(format!(
                "set {CLUSTER}=false on the web service and the worker, deploy them, and plan again"
            ))
    };
    finding.evidence(format!("{CLUSTER}: {set}")).source("domain.md 0, item 9")
}
