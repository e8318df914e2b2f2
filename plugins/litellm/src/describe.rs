//! What is constant about the plugin: what it asks for, and which rules hold across components.

use lockstep_sdk::{Bound, Description, Request, Rule, Severity, Version};

use crate::findings::REFUSING;
use crate::names::{
    COMPONENT, DATABASE, JOB_SERVICE, LANGFUSE, PROXY, REHEARSAL_SERVICE, RELEASES,
    SCRATCH_DATABASE,
};
use crate::options::{DATABASE_SERVICE, SERVICE};
use crate::path::PATH;
use crate::proxy::{DETAILS, LIVELINESS, READINESS};
use crate::survey::LANGFUSE_HEALTH;
use crate::version::{FIRST, Release};

/// Returns the description.
pub(crate) fn description() -> Description {
    Description {
        name: COMPONENT.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        components: vec![COMPONENT.to_owned()],
        requests: requests(),
        rules: rules(),
        // What it keeps its counts and sends its traces to is upgraded before it.
        after: ["repair", "redis", "langfuse"].map(str::to_owned).to_vec(),
        extra: Vec::new(),
    }
}

fn requests() -> Vec<Request> {
    let proxy = [
        ("set-image", "pins the image, sets the new one, and the former one on the way back"),
        ("set-settings", "gives the proxy time to end, and Railway a path that needs no key"),
        (
            "set-variables",
            "keeps the proxy from migrating when it starts, and from serving a schema that is not its own",
        ),
        ("delete-variables", "takes the latter away on the way back"),
        ("deploy", "starts the new version, and the former one on the way back"),
    ];
    let database = [("backup-volume", "makes the way back"), ("lock-backup", "keeps it")];
    let jobs = [
        (
            "create-service",
            "makes the services that migrate a copy and the database, from the new version's image",
        ),
        ("set-settings", "lets each run once, and migrate instead of serving"),
        ("deploy", "migrates"),
        ("stop", "ends it on the way back"),
        ("delete-service", "deletes it when it is not needed any more"),
    ];
    let main = [
        ("read", "looks at the schema, the history of migrations, models and spend"),
        (
            "execute",
            "makes and drops the database of the rehearsal, and keeps notes about the history",
        ),
        ("copy-schema", "copies the definitions into it"),
    ];
    let scratch = [
        ("read", "compares what a migration makes of the copy"),
        ("execute", "carries the history into it"),
        ("copy-schema", "takes the definitions"),
    ];
    let mut requests = vec![request(
        "railway",
        "*",
        "read",
        "looks at the proxy, its database and Langfuse, and what is staged or under way",
    )];
    let mut add = |capability: &str, name: &str, wanted: &[(&str, &str)]| {
        requests.extend(wanted.iter().map(|(access, why)| request(capability, name, access, why)));
    };
    add("railway", SERVICE, &proxy);
    add("railway", DATABASE_SERVICE, &database);
    add("railway", REHEARSAL_SERVICE, &jobs);
    add("railway", JOB_SERVICE, &jobs);
    add("sql", DATABASE, &main);
    add("sql", SCRATCH_DATABASE, &scratch);
    add(
        "http",
        PROXY,
        &[("send", "asks for models and mock answers, and makes, uses and deletes a key")],
    );
    let reads = [
        (
            PROXY,
            &[READINESS, DETAILS, LIVELINESS][..],
            "looks whether the proxy is ready, and in which version",
        ),
        (
            LANGFUSE,
            &[LANGFUSE_HEALTH][..],
            "asks for Langfuse's version, which decides where traces may go",
        ),
    ];
    for (endpoint, paths, why) in reads {
        let paths = paths.iter().map(|path| (*path).to_owned()).collect();
        requests.push(Request { paths, ..request("http", endpoint, "read", why) });
    }
    let paths = vec![format!("{PATH}?*")];
    let why = "lists the releases that an upgrade passes, with their notes";
    requests.push(Request { paths, ..request("http", RELEASES, "read", why) });
    requests
}

fn request(capability: &str, name: &str, access: &str, why: &str) -> Request {
    Request {
        capability: capability.to_owned(),
        name: name.to_owned(),
        access: access.to_owned(),
        paths: Vec::new(),
        why: why.to_owned(),
    }
}

fn rules() -> Vec<Rule> {
    let rule = |id: &str, when, require, severity, reason: &str, source: &str| Rule {
        id: id.to_owned(),
        when,
        settings: Vec::new(),
        require,
        severity,
        reason: reason.to_owned(),
        source: source.to_owned(),
    };
    let langfuse = Version::exact(format!("{REFUSING}.0.0"), &[REFUSING, 0, 0]);
    let redis = Version::exact("7.0.0", &[7, 0, 0]);
    let of = |release: Release| {
        let Release { major, minor, patch, .. } = release;
        Version::exact(release.to_string(), &[major, minor, patch])
    };
    vec![
        rule(
            "litellm-callback-before-langfuse-4",
            vec![Bound::any(COMPONENT)],
            vec![Bound::below("langfuse", langfuse)],
            Severity::Warning,
            "LiteLLM's callback `langfuse` sends to a path that Langfuse 4 refuses in its usual mode: traces are gone while both look \
             healthy; use `langfuse_otel`, or LANGFUSE_MIGRATION_V4_WRITE_MODE=dual",
            "domain.md B.8; litellm#33383",
        ),
        rule(
            "litellm-wants-redis-7",
            vec![Bound::any(COMPONENT), Bound::any("redis")],
            vec![Bound::at_least("redis", redis)],
            Severity::Warning,
            "LiteLLM recommends Redis 7.0 or later",
            "LiteLLM: proxy/prod",
        ),
        rule(
            "litellm-keeps-a-history",
            vec![Bound::any(COMPONENT)],
            vec![Bound::at_least(COMPONENT, of(FIRST))],
            Severity::Warning,
            "before 1.65 LiteLLM kept no history of its migrations, and changed its schema by comparison, others' tables included",
            "domain.md B.4, F.6",
        ),
    ]
}
