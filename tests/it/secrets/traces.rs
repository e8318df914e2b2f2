//! A trace names what a run did, and holds no secret.

use super::Search;
use super::hook::Hook;
use crate::guests;
use crate::stage::Stage;

#[test]
fn a_collector_gets_spans_named_after_steps_and_effects_and_no_secret() {
    let (stage, collector) = (Stage::up(&["--only", "redis", "--only", "postgres"]), Hook::up());
    let mut search = Search::new(&stage);
    let telemetry = format!("[telemetry]\notlp = \"{}\"\n", collector.origin);
    guests::write(
        &stage,
        &(guests::toml("minimal", &[("redis", "redis", "command", "")]) + &telemetry),
    );
    search.call(&["apply", "minimal", "-e", "lab", "--yes"]).expect(0);
    let run = stage.run();
    let mut traced = String::new();
    for (head, body) in collector.requests() {
        assert!(head.starts_with("POST /v1/traces HTTP/1.1\r\n"), "{head}");
        traced.push_str(&String::from_utf8_lossy(&body));
    }
    // OTLP keeps text as it is, between lengths and tags.
    for told in
        ["lockstep", "run", "set", run.as_str(), "attempt", "outcome", "done", "LockstepEstate"]
    {
        assert!(traced.contains(told), "`{told}` is not in the trace:\n{traced}");
    }
    for value in ["lockstep:minimal", "SELECT pg_"] {
        assert!(!traced.contains(value), "`{value}` is in the trace:\n{traced}");
    }
    search.said.push_str(&traced);
    search.finds_nothing();
}

#[test]
fn a_collector_that_is_not_there_changes_nothing_of_a_run() {
    let stage = Stage::up(&["--only", "redis", "--only", "postgres"]);
    let gone = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    guests::write(&stage, &guests::toml("minimal", &[("redis", "redis", "command", "")]));
    let gone = format!("http://{gone}");
    let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", gone.as_str())];
    let apply = ["apply", "minimal", "-e", "lab", "--yes"];
    stage.lockstep_with(&apply, &variables).expect(0).says("is done");
    let wrong = [("OTEL_EXPORTER_OTLP_ENDPOINT", "here")];
    stage.lockstep_with(&["runs"], &wrong).expect(2).says("`here` is not a URL of HTTP");
}
