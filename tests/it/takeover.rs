//! A run that another process or another machine goes on with, while the one that had it is stopped or gone.

use std::process::{Child, Command};

use lockstep_lab::{Control, Rights};
use serde_json::json;

use crate::far_side::{Postgres, graphql, mutations, poll};
use crate::stage::{STORE_URL, Stage};

const UPGRADE: &[&str] = &["apply", "redis@7.0.15", "-e", "lab", "--yes"];

fn signal(process: &Child, name: &str) {
    let pid = process.id().to_string();
    assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
}

/// Waits until every thread of a process has stopped.
fn stop(process: &Child) {
    signal(process, "-STOP");
    let stat = format!("/proc/{}/stat", process.id());
    poll(|| std::fs::read_to_string(&stat).unwrap().contains(") T ").then_some(()));
}

#[test]
fn a_second_process_says_who_holds_the_environment_and_a_holder_that_was_stopped_does_nothing_more()
{
    let undisturbed = Stage::redis_6_with_data();
    undisturbed.lockstep(UPGRADE).expect(0);
    let expected = mutations(&undisturbed);
    drop(undisturbed);
    let stage = Stage::redis_6_with_data();
    let before = stage.census();
    let (mut holder, said) = stage.begin(UPGRADE);
    poll(|| said().contains("✓ backup").then_some(()));
    let held = poll(|| {
        stop(&holder);
        let held = stage.lockstep(UPGRADE);
        // Stopped within a write it keeps SQLite's lock, and nobody writes at all.
        let locked = held.err.contains("keeps the store locked");
        if locked {
            signal(&holder, "-CONT");
        }
        (!locked).then_some(held)
    });
    let run = stage.run();
    let held = held.expect(14).says(&run).says("since").says("running");
    assert!(held.err.contains(&format!("process {}", holder.id())), "{}", held.err);
    stage.lockstep(&["resume", "--yes"]).expect(14).says("--take-over");
    stage.lockstep(&["resume", "--yes", "--take-over"]).expect(0).says("is done");
    let (after, done) = (stage.census(), mutations(&stage));
    assert_eq!(before.samples, after.samples);
    assert_eq!(done, expected);
    signal(&holder, "-CONT");
    assert_eq!(holder.wait().unwrap().code(), Some(14), "{}", said());
    assert_eq!(mutations(&stage), expected);
    assert_eq!(stage.census().version, after.version);
    assert!(
        stage.lockstep(&["show", &run, "--verify"]).expect(0).err.contains("as it was written")
    );
}

#[test]
fn a_run_whose_laptop_is_lost_is_taken_back_by_another_machine_with_its_own_secrets_alone() {
    let stage = Stage::redis_6_with_data();
    let before = stage.census();
    let (host, rest) = stage
        .env("DATABASE_URL")
        .split_once('@')
        .map(|(_, rest)| rest.to_owned())
        .unwrap()
        .split_once(':')
        .map(|(host, rest)| (host.to_owned(), rest.to_owned()))
        .unwrap();
    let mut postgres = Postgres::of(&stage);
    postgres.run("CREATE ROLE team NOLOGIN; CREATE SCHEMA lockstep AUTHORIZATION team");
    let url_of =
        |name: &str| format!("postgres://{name}:of-{name}@{host}:{rest}?options=-c%20role%3Dteam");
    for name in ["first", "second"] {
        postgres
            .run(&format!("CREATE ROLE {name} LOGIN NOINHERIT IN ROLE team PASSWORD 'of-{name}'"));
    }
    let settings =
        format!("[store]\npostgres = {{ url-env = \"{STORE_URL}\", schema = \"lockstep\" }}");
    let machine = |name: &str| {
        let made = stage.control(&Control::Token { rights: Rights::Full });
        let token = made["token"].as_str().unwrap().to_owned();
        (Stage::beside(&stage, &settings), [("RAILWAY_TOKEN", token), (STORE_URL, url_of(name))])
    };
    let (first, its) = machine("first");
    let its: Vec<(&str, &str)> = its.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let (mut laptop, said) =
        first.begin_with(&["apply", "redis@7.0.15", "-e", "same", "--yes"], &its);
    poll(|| said().contains("✓ upgrade").then_some(()));
    laptop.kill().unwrap();
    laptop.wait().unwrap();
    drop(first);
    // Nothing that the lost machine knew opens anything any more.
    postgres.run("ALTER ROLE first NOLOGIN");
    let tokens =
        "query($p: String!) { projectTokens(projectId: $p) { edges { node { id name } } } }";
    let all = graphql(&stage, tokens, &json!({ "p": stage.env("RAILWAY_PROJECT_ID") }));
    let newest = all["data"]["projectTokens"]["edges"].as_array().unwrap().last().unwrap();
    let delete = "mutation($id: String!) { projectTokenDelete(id: $id) }";
    let deleted = graphql(&stage, delete, &json!({ "id": newest["node"]["id"] }));
    assert_eq!(deleted["data"]["projectTokenDelete"], true, "{deleted}");
    // The journal tells of another machine, as it would to one.
    postgres.run(
        "UPDATE lockstep.leases SET holder = jsonb_set(holder::jsonb, '{host}', '\"laptop\"')::text",
    );
    let (second, its) = machine("second");
    let its: Vec<(&str, &str)> = its.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let lockstep = |arguments: &[&str]| second.lockstep_with(arguments, &its);
    lockstep(&["rollback", "--yes"]).expect(14).says("on laptop").says("since");
    lockstep(&["rollback", "--yes", "--take-over", "--why", "the laptop is lost"])
        .expect(11)
        .says("the laptop is lost");
    let after = stage.census();
    assert!(after.version.starts_with("6.2"), "{after:?}");
    assert_eq!(before.samples, after.samples);
}
