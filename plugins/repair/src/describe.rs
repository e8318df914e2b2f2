//! What is constant about the plugin: what it asks for.

use lockstep_sdk::{Description, Request};

use crate::names::{
    APPS, BACKUP_SERVICE, CLICKHOUSE, COMPONENT, LITELLM, MINIO, MONITOR, PINNED, POSTGRES, REDIS,
    STORES, WEB, WORKER, health_of,
};
use crate::survey::BUCKET;

/// Returns the description.
pub(crate) fn description() -> Description {
    Description {
        name: COMPONENT.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        components: vec![COMPONENT.to_owned()],
        requests: requests(),
        rules: Vec::new(),
        after: Vec::new(),
        extra: Vec::new(),
    }
}

fn requests() -> Vec<Request> {
    let why = "looks at every service, what is set of it, what runs of it, and what is staged";
    let mut requests = vec![request("railway", "*", "read", why)];
    let mut add = |name: &str, access: &str, why: &str| {
        requests.push(request("railway", name, access, why));
    };
    for name in PINNED {
        add(name, "set-image", "pins the image to what runs");
    }
    for name in [LITELLM, WEB, WORKER, POSTGRES, REDIS, CLICKHOUSE] {
        add(name, "set-settings", "gives the service time to end, and Railway a path that answers");
    }
    add(MONITOR, "set-settings", "gives Railway a path that answers");
    for name in APPS {
        add(name, "deploy", "starts the service as it is mended");
    }
    add(MONITOR, "deploy", "starts the same image again, so that its path counts");
    for name in [WEB, WORKER, REDIS] {
        add(name, "set-variables", "lets migrations run for one server, and queues lose nothing");
    }
    for name in [WEB, WORKER, REDIS] {
        add(
            name,
            "delete-variables",
            "takes that back; of Langfuse's web service, removes a key that it refuses",
        );
    }
    add(WEB, "generate-variable", "makes a key that nobody sees, where none was ever used");
    for name in STORES {
        add(name, "backup-volume", "makes a backup before anything is deployed");
        add(name, "lock-backup", "keeps it");
    }
    requests.push(request(
        "sql",
        POSTGRES,
        "read",
        "looks whether anything was ever made in Langfuse",
    ));
    requests.push(request("redis", REDIS, "read", "looks what it throws away when it is full"));
    for name in APPS.into_iter().chain([MONITOR]) {
        let paths = health_of(name).into_iter().map(str::to_owned).collect();
        requests.push(Request { paths, ..request("http", name, "read", "looks whether it is up") });
    }
    let paths = vec!["/health".to_owned()];
    let why = "reads what it says of its backups; the path changes nothing";
    requests.push(Request { paths, ..request("http", BACKUP_SERVICE, "read", why) });
    let paths = vec![BUCKET.to_owned()];
    let why = "looks without a key whether anybody may read the bucket; the path changes nothing";
    requests.push(Request { paths, ..request("http", MINIO, "read", why) });
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
