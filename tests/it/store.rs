//! A store in PostgreSQL instead of a file, through the whole of `lockstep`.

use crate::stage::{STORE_URL, Stage};

#[test]
fn a_run_whose_journal_is_in_postgresql_is_resumed_verified_exported_and_removed() {
    let mut stage = Stage::redis_6_with_data();
    stage.keep_in_postgresql();
    let lockstep = |arguments: &[&str]| stage.lockstep(arguments);
    lockstep(&["apply", "redis@7.0.15", "-e", "lab", "--yes", "--die-after-record", "9"])
        .expect(-1);
    assert!(!stage.folder().join(".lockstep/journal.db").exists());
    lockstep(&["resume", "--yes"]).expect(0).says("is done");
    let runs = lockstep(&["runs", "--json"]).expect(0).json();
    let run = runs["runs"]["runs"][0]["run"].as_str().unwrap().to_owned();
    let shown = lockstep(&["show", &run, "--json"]).expect(0).json();
    let head = shown["run"]["head"]["digest"].as_str().unwrap();
    let verified = lockstep(&["show", &run, "--verify", "--head", head, "--json"]).expect(0).json();
    assert_eq!(verified["verified"]["head"], shown["run"]["head"]);
    let wrong = format!("sha256:{}", "0".repeat(64));
    lockstep(&["show", &run, "--verify", "--head", &wrong]).expect(1).says("has the digest");
    lockstep(&["export", &run, "--out", "run.jsonl"]).expect(0).says("is in run.jsonl");
    // The file proves itself where there is neither a store nor a server.
    let elsewhere = Stage::empty();
    let copy = elsewhere.folder().join("run.jsonl");
    std::fs::copy(stage.folder().join("run.jsonl"), copy).unwrap();
    elsewhere.lockstep(&["export", "--verify", "run.jsonl"]).expect(0).says("is as it was written");
    let text = std::fs::read_to_string(stage.folder().join("run.jsonl")).unwrap();
    assert_eq!(lockstep(&["export", &run]).expect(0).out, text);
    let changed = text.replacen("\"approved\"", "\"resumed\"", 1);
    std::fs::write(stage.folder().join("changed.jsonl"), changed).unwrap();
    lockstep(&["export", "--verify", "changed.jsonl"]).expect(1).says("record 1 of run");
    lockstep(&["prune", "--older-than", "1h"]).expect(0).says("No run ended before");
    lockstep(&["prune", "--older-than", "0s", "--dry-run"]).expect(0).says("would be removed");
    lockstep(&["show", &run, "--verify"]).expect(0);
    let pruned = lockstep(&["prune", "--older-than", "0s", "--json"]).expect(0).json();
    assert_eq!(pruned["prune"]["runs"][0]["run"], run);
    lockstep(&["runs"]).expect(0).says("No runs yet");
}

#[test]
fn a_store_that_can_not_be_opened_says_why_and_never_shows_its_url() {
    let stage = Stage::empty();
    let text = format!("version = 1\n[store]\npostgres = {{ url-env = \"{STORE_URL}\" }}\n");
    std::fs::write(stage.folder().join("lockstep.toml"), text).unwrap();
    stage.lockstep(&["runs"]).expect(2).says(STORE_URL).says("Hint: export");
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nobody = format!("postgres://ada:s3cret@{free}/upgrades");
    for (url, code, says) in [
        ("s3cret", 2, "is not one of a PostgreSQL database"),
        ("http://ada:s3cret@db/upgrades", 2, "postgres://role:password@host"),
        (nobody.as_str(), 1, "could not reach the store's server"),
    ] {
        let told =
            stage.lockstep_with(&["runs", "--json"], &[(STORE_URL, url)]).expect(code).says(says);
        assert!(told.err.contains("Hint: "), "{}", told.err);
        assert!(!format!("{}{}", told.out, told.err).contains("s3cret"), "{}", told.err);
    }
    std::fs::write(
        stage.folder().join("lockstep.toml"),
        "version = 1\n[store]\npostgres = { url = \"postgres://\" }\n",
    )
    .unwrap();
    stage.lockstep(&["runs"]).expect(2).says("url-env");
}
