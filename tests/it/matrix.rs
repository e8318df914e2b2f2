//! `lockstep matrix`: what runs is found, and judged with what would run instead.

use serde_json::Value;

use crate::stage::{Done, Stage};

/// Returns the rules of a severity that were told.
fn told(done: &Done, severity: &str) -> Vec<String> {
    let document = done.json();
    let verdicts = document["matrix"]["verdicts"].as_array().unwrap();
    let of_it = verdicts.iter().filter(|verdict| verdict["severity"] == severity);
    of_it.map(|verdict| verdict["rule"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_runs_and_what_would_run_instead_is_judged_together() {
    let stage = Stage::up(&["--stack", "redis-6"]);
    let done = stage.lockstep(&["matrix", "-e", "lab", "--json"]).expect(3);
    let document = done.json();
    let running = document["matrix"]["running"].as_array().unwrap();
    let of = |service: &str| -> Value {
        let found = running.iter().find(|runs| runs["service"] == service);
        found.unwrap_or_else(|| panic!("no {service} in {}", done.out)).clone()
    };
    for (service, component) in [
        ("litellm", "litellm"),
        ("langfuse-web", "langfuse"),
        ("langfuse-worker", "langfuse-worker"),
        ("postgres", "postgresql"),
        ("clickhouse", "clickhouse"),
        ("redis", "redis"),
        ("minio", "minio"),
    ] {
        assert_eq!(of(service)["component"], component);
    }
    assert_eq!(of("redis")["version"]["text"], "6.2.14", "the server itself was asked");
    assert_eq!(of("minio")["version"]["floating"], true, "its image has no tag");
    assert_eq!(told(&done, "refusal"), ["redis-minimum", "langfuse-3-dependencies"]);

    let done = stage.lockstep(&["matrix", "redis@7.2.4", "-e", "lab", "--json"]).expect(0);
    assert!(told(&done, "refusal").is_empty(), "{}", done.out);
    let wanted = ["matrix", "redis@7.2.4", "langfuse@4.16.0", "-e", "lab", "--json"];
    let done = stage.lockstep(&wanted).expect(3);
    assert_eq!(told(&done, "refusal"), ["langfuse-4-clickhouse"]);
    let shown = stage.lockstep(&["matrix", "redis@7.2.4", "langfuse@4.16.0", "-e", "lab"]);
    shown
        .expect(3)
        .says("clickhouse is 24, and must be 25.12 or newer")
        .says("source: Langfuse docs");
    assert!(stage.mutations().is_empty(), "{:?}", stage.mutations());
}
