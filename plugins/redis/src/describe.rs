//! What is constant about the plugin: what it asks for, and which rules hold across components.

use lockstep_sdk::{Bound, Description, Request, Rule, Severity, Version};

use crate::options::{CONNECTION, SERVICE, WORKER};
use crate::smoke;
use crate::version::Exact;

/// Returns the description.
pub(crate) fn description() -> Description {
    Description {
        name: "redis".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        components: vec!["redis".to_owned()],
        requests: requests(),
        rules: rules(),
        after: vec!["repair".to_owned()],
        extra: Vec::new(),
    }
}

fn requests() -> Vec<Request> {
    let mut requests = vec![
        request(
            "railway",
            "*",
            "read",
            "finds every client of Redis, and what is staged or under way",
        ),
        request("redis", CONNECTION, "read", "looks at version, settings, queues and keys"),
        request(
            "redis",
            CONNECTION,
            "command",
            "saves the data set, writes the canary key, sets the eviction policy",
        ),
    ];
    let service = [
        ("set-image", "pins the image and sets the new one"),
        ("set-settings", "gives the server time to end, and the official image its start command"),
        (
            "set-variables",
            "lets the image start as root, so that each image can read the other's files",
        ),
        ("delete-variables", "takes that back where the server was never replaced"),
        ("set-mount", "mounts the volume where the official image keeps its data"),
        ("deploy", "starts the new version, and the former one on the way back"),
        ("stop", "stops the server before its volume is restored"),
        ("backup-volume", "makes the way back"),
        ("lock-backup", "keeps the way back"),
        ("restore-volume", "goes back to the data as it was before a version step"),
        ("commit-staged", "puts the restored volume in place"),
    ];
    let worker = [
        ("set-image", "pins the image, because the worker is deployed again"),
        ("set-settings", "gives the worker time to hand back its jobs"),
        ("stop", "keeps jobs from being worked off while the server changes"),
        ("deploy", "starts the worker again"),
    ];
    requests.extend(service.map(|(access, why)| request("railway", SERVICE, access, why)));
    requests.extend(worker.map(|(access, why)| request("railway", WORKER, access, why)));
    for endpoint in smoke::endpoints() {
        let paths = smoke::LOOKS
            .iter()
            .filter(|look| look.endpoint == endpoint)
            .map(|look| look.path.to_owned())
            .collect();
        let why = "looks whether the services that use Redis still answer";
        requests.push(Request { paths, ..request("http", endpoint, "read", why) });
    }
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
    let redis =
        |major, minor| Bound::at_least("redis", Exact { major, minor, patch: 0 }.version(None));
    let rule = |id: &str, when, require, severity, reason: &str, source: &str| Rule {
        id: id.to_owned(),
        when,
        settings: Vec::new(),
        require,
        severity,
        reason: reason.to_owned(),
        source: source.to_owned(),
    };
    let evicts = Rule {
        settings: vec![(
            SERVICE.to_owned(),
            "REDIS_MAXMEMORY_POLICY".to_owned(),
            "allkeys-lru".to_owned(),
        )],
        ..rule(
            "langfuse-needs-noeviction",
            vec![Bound::any("langfuse")],
            // No Langfuse is older than this, so the rule is broken wherever the setting meets Langfuse.
            vec![Bound::below("langfuse", Version::exact("0.0.0", &[0, 0, 0]))],
            Severity::Warning,
            "Langfuse's queues lose jobs on a Redis that evicts keys: the policy must be `noeviction`",
            "BullMQ: going to production",
        )
    };
    vec![
        evicts,
        rule(
            "langfuse-needs-redis-7",
            vec![Bound::any("langfuse")],
            vec![redis(7, 0)],
            Severity::Warning,
            "Langfuse 3 is tested with Redis 7 and later",
            "Langfuse: self-hosting, cache",
        ),
        rule(
            "bullmq-needs-redis-6.2",
            vec![Bound::any("langfuse")],
            vec![redis(6, 2)],
            Severity::Refusal,
            "BullMQ, on which Langfuse queues its work, does not run on a Redis before 6.2",
            "BullMQ: going to production",
        ),
    ]
}
