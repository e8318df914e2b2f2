//! `lockstep doctor`: everything that the environment names is dialled, and what is wrong is told.

use crate::stage::{Done, Stage};

/// Returns what was found about one thing.
#[track_caller]
fn finding(done: &Done, what: &str) -> serde_json::Value {
    let document = done.json();
    let findings = document["doctor"]["findings"].as_array().unwrap();
    let found = findings.iter().find(|finding| finding["what"] == what);
    found.unwrap_or_else(|| panic!("nothing about `{what}`: {}", done.out)).clone()
}

#[test]
fn a_folder_without_an_environment_has_nothing_to_dial() {
    let stage = Stage::empty();
    let done = stage.lockstep(&["doctor", "--json"]).expect(0).says("none was named");
    assert_eq!(done.json()["doctor"]["ok"], true);
    stage
        .lockstep(&["doctor", "-e", "lab"])
        .expect(1)
        .says("the lab is not running")
        .says("lockstep lab up");
}

#[test]
fn every_connection_and_endpoint_is_really_dialled() {
    let stage = Stage::up(&["--stack", "redis-6"]);
    let done = stage.lockstep(&["doctor", "-e", "lab", "--json"]).expect(0);
    for (what, found) in [
        ("connection redis", "Redis answers at its private address"),
        ("connection postgres", "is a primary"),
        ("endpoint litellm", "answers at its private address"),
        ("endpoint langfuse-web", "answers at its private address"),
    ] {
        let finding = finding(&done, what);
        assert!(finding["found"].as_str().unwrap().contains(found), "{finding}");
        assert_eq!(finding["ok"], true);
    }
    // What was never deployed here is told and not missed.
    assert_eq!(finding(&done, "endpoint backup-service")["needed"], false);
    assert!(stage.mutations().is_empty(), "{:?}", stage.mutations());
}

#[test]
fn each_thing_that_is_wrong_is_told_with_its_own_hint() {
    let stage = Stage::up(&["--stack", "redis-6", "--only", "redis", "--only", "postgres"]);
    stage.ask::<()>(redis::cmd("CONFIG").arg("SET").arg("requirepass").arg("another")).unwrap();
    let toml = "version = 1\n[environments.lab.connections.second]\nkind = \"postgres\"\nservice = \"postgres\"\n\
        port = 5999\nvariable = \"DATABASE_URL\"\n\
        [environments.lab.connections.proxied]\nkind = \"redis\"\nservice = \"redis\"\nport = 6379\n\
        variable = \"REDIS_PASSWORD\"\nvia = \"tcp-proxy-in-clear-text\"\n\
        [environments.lab.connections.tunnelled]\nkind = \"redis\"\nservice = \"redis\"\nport = 6379\n\
        variable = \"REDIS_PASSWORD\"\nvia = \"ssh\"\n\
        [environments.lab.endpoints.web]\nservice = \"langfuse-web\"\nport = 3000\n";
    std::fs::write(stage.folder().join("lockstep.toml"), toml).unwrap();
    let refusing = stage.folder().join("ssh");
    std::fs::write(&refusing, "#!/bin/sh\necho 'Permission denied (publickey).' >&2\nexit 255\n")
        .unwrap();
    std::fs::set_permissions(&refusing, std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .unwrap();
    let path = stage.folder().display().to_string() + ":/usr/bin:/bin";
    let done = stage
        .lockstep_with(&["doctor", "-e", "lab", "--json"], &[("PATH", path.as_str())])
        .expect(1);
    assert_eq!(done.json()["doctor"]["ok"], false);
    assert!(!done.err.contains(&stage.env("REDIS_PASSWORD")), "{}", done.err);
    for (what, found, hint) in [
        ("connection redis", "redis:noauth", "the variable that holds the password"),
        ("connection second", "sql:connection", "is the service running?"),
        ("connection proxied", "via:no-proxy", "via = \"ssh\""),
        (
            "connection tunnelled",
            "Permission denied (publickey)",
            "Its key must be known to Railway",
        ),
        ("endpoint web", "http:connection", "is the service running?"),
    ] {
        let finding = finding(&done, what);
        assert_eq!(
            (&finding["ok"], &finding["needed"]),
            (&false.into(), &true.into()),
            "{finding}"
        );
        assert!(finding["found"].as_str().unwrap().contains(found), "{finding}");
        assert!(finding["hints"].to_string().replace("\\\"", "\"").contains(hint), "{finding}");
    }
    assert_eq!(finding(&done, "connection postgres")["ok"], true);
}

#[test]
fn a_wrong_token_is_told_as_one_and_not_answered_with_the_lab() {
    let stage = Stage::up(&["--stack", "redis-6", "--only", "redis"]);
    let toml = format!(
        "version = 1\n[environments.production]\nproject = \"{}\"\nenvironment = \"{}\"\napi = \"{}\"\nvia = \"private\"\n\
         token = {{ variable = \"TWIN_TOKEN\" }}\n",
        stage.env("RAILWAY_PROJECT_ID"),
        stage.env("RAILWAY_ENVIRONMENT_ID"),
        stage.env("RAILWAY_API_URL"),
    );
    std::fs::write(stage.folder().join("lockstep.toml"), toml).unwrap();
    let done = stage
        .lockstep_with(&["doctor"], &[("TWIN_TOKEN", "0000-wrong-token-0000")])
        .expect(1)
        .says("did not authorize")
        .says("the token is wrong");
    assert!(!done.err.contains("lab up") && !done.err.contains("0000-wrong"), "{}", done.err);
    stage
        .lockstep(&["doctor"])
        .expect(1)
        .says("TWIN_TOKEN, which is not set")
        .says("export TWIN_TOKEN=");
    let token = stage.env("RAILWAY_TOKEN");
    stage
        .lockstep_with(&["doctor"], &[("TWIN_TOKEN", token.as_str())])
        .expect(0)
        .says("Redis answers");
}
