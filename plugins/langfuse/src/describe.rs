//! What is constant about the plugin: what it asks for.

use lockstep_sdk::{Description, Request};

use crate::clickhouse::reads;
use crate::names::{
    API, CLICKHOUSE, COMPONENT, DATABASE, REDIS, RELEASES, STORAGE, WEB_ENDPOINT, WORKER_ENDPOINT,
};
use crate::options::{
    CLICKHOUSE_SERVICE, DATABASE_SERVICE, STORAGE_SERVICE, WEB_SERVICE, WORKER_SERVICE,
};
use crate::path::PATH;
use crate::web::{HEALTH, PROJECTS, READY, STORAGE_READY, TRACES, WORKER_HEALTH};

/// Returns the description.
pub(crate) fn description() -> Description {
    Description {
        name: COMPONENT.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        components: vec![COMPONENT.to_owned()],
        requests: requests(),
        // Which versions fit together is judged for the whole stack at once, by the matrix.
        rules: Vec::new(),
        // What it keeps its queues in is upgraded before it.
        after: vec!["repair".to_owned(), "redis".to_owned()],
        extra: Vec::new(),
    }
}

fn requests() -> Vec<Request> {
    let web = [
        ("set-image", "pins the image, sets the new one, and the former one on the way back"),
        (
            "set-settings",
            "gives the web service time to end, and lets Railway wait for one that migrates",
        ),
        (
            "set-variables",
            "lets the new version migrate, and keeps the former one from it on the way back; before version 4, says how that writes",
        ),
        ("delete-variables", "takes the latter away on the way back"),
        ("deploy", "starts the new version, and the former one on the way back"),
    ];
    let worker = [
        ("set-image", "pins the image, sets the new one, and the former one on the way back"),
        ("set-settings", "gives the worker time to write what it has acknowledged"),
        ("set-variables", "before version 4, says how that writes"),
        ("delete-variables", "takes that away on the way back"),
        ("deploy", "starts the new version, and the former one on the way back"),
    ];
    let data = [("backup-volume", "makes the way back"), ("lock-backup", "keeps it")];
    let mut requests = vec![request(
        "railway",
        "*",
        "read",
        "looks at both services and at what they rest on, and what is staged or under way",
    )];
    let mut add = |capability: &str, name: &str, wanted: &[(&str, &str)]| {
        requests.extend(wanted.iter().map(|(access, why)| request(capability, name, access, why)));
    };
    add("railway", WEB_SERVICE, &web);
    add("railway", WORKER_SERVICE, &worker);
    for service in [DATABASE_SERVICE, CLICKHOUSE_SERVICE, STORAGE_SERVICE] {
        add("railway", service, &data);
    }
    let made = [
        ("create-service", "makes what version 3 needs, on the way from version 2"),
        ("set-settings", "says how it is started"),
        ("generate-variable", "makes its password, which nobody sees"),
        ("deploy", "starts it"),
        ("stop", "stops it on the way back"),
        ("delete-service", "deletes it on the way back"),
        ("create-volume", "gives it a volume"),
        ("delete-volume", "deletes that on the way back"),
    ];
    for service in [CLICKHOUSE_SERVICE, REDIS, STORAGE_SERVICE] {
        add("railway", service, &made);
    }
    let [create, .., stop, delete, _, _] = made;
    add("railway", WORKER_SERVICE, &[create, stop, delete]);
    let key = "makes the key for what is encrypted, where version 2 had none";
    add("railway", WEB_SERVICE, &[("generate-variable", key)]);
    let looks =
        "looks at the schema, the history of migrations, and what is migrated in the background";
    add("sql", DATABASE, &[("read", looks)]);
    add("redis", REDIS, &[("read", "asks for its version, and what it does when it is full")]);
    add("http", API, &[("send", "writes a trace called `lockstep`")]);
    let traces = format!("{TRACES}lockstep-*");
    let releases = format!("{PATH}?*");
    let queries = reads();
    let queries: Vec<&str> = queries.iter().map(String::as_str).collect();
    let reads: [(&str, &[&str], &str); 6] = [
        (
            WEB_ENDPOINT,
            &[HEALTH, READY],
            "looks whether the web service is ready, and in which version",
        ),
        (
            WORKER_ENDPOINT,
            &[WORKER_HEALTH],
            "looks whether the worker has its database and its queues",
        ),
        (STORAGE, &[STORAGE_READY], "looks whether objects are taken"),
        (
            CLICKHOUSE,
            &queries,
            "asks for its version, the history of its migrations, tables, columns and counts, each with one text and no other",
        ),
        (
            API,
            &[PROJECTS, &traces],
            "looks whether the host has a project's keys, and reads the traces back that the run wrote",
        ),
        (RELEASES, &[&releases], "lists the releases that an upgrade passes, with their notes"),
    ];
    for (endpoint, paths, why) in reads {
        let paths = paths.iter().map(|path| (*path).to_owned()).collect();
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
