//! `--all`: the whole stack in stages, from the guide's file as it is written and from a stack that runs.

use serde_json::Value;

use crate::guests::write;
use crate::stage::{Done, Stage};

/// The components in the order of their stages.
const ORDER: [&str; 5] = ["repair", "redis", "langfuse", "litellm", "postgres-ha"];

/// The guide's file in a few lines of its form.
const RAILWAY_TOML: &str = "# The stack\n[[services]]\nname = \"redis\"\n\n[services.redis.source]\nimage = \"bitnami/redis:7.2\"   # gone\n\n\
     [[services]]\nname = \"litellm\"\n\n[services.litellm.source]\nimage = 'ghcr.io/berriai/litellm-database:main-stable'\n";

/// Returns the stages of a plan over everything, which come in the order of what each rests on. A component without a plugin is
/// none, and is told.
#[track_caller]
fn stages(done: &Done) -> Vec<Value> {
    let document = &done.json()["composite"];
    let stages = document["stages"].as_array().unwrap().clone();
    let component = |stage: &Value| stage["component"].as_str().unwrap().to_owned();
    let names: Vec<String> = stages.iter().map(component).collect();
    let absent = document["absent"].as_object().unwrap();
    for (component, why) in absent {
        assert!(
            why.as_str().unwrap().contains("no plugin is installed for it"),
            "{component}: {why}"
        );
    }
    let there = ORDER.into_iter().filter(|name| !absent.contains_key(*name));
    assert_eq!(names, there.collect::<Vec<_>>());
    stages
}

/// Returns what was found of the order of all stages.
fn of_order(done: &Done) -> Vec<String> {
    let document = &done.json()["composite"];
    let found = document["order"].as_array().unwrap();
    found.iter().map(|finding| finding["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_guides_stack_is_repaired_first_and_its_file_follows() {
    // LiteLLM would be waited for until its health check gave up: that nothing of it runs is the same for the plan.
    let mut words = vec!["--stack", "as-written"];
    for service in [
        "postgres",
        "redis",
        "clickhouse",
        "minio",
        "langfuse-web",
        "langfuse-worker",
        "backup-service",
    ] {
        words.extend(["--only", service]);
    }
    let stage = Stage::up(&words);
    let plan = ["plan", "--all", "-e", "lab", "--json"];
    let done = stage.lockstep(&plan).expect(0);
    let planned = stages(&done);
    assert_eq!(planned[0]["refuses"], false);
    assert!(planned[1..].iter().all(|stage| stage["refuses"] == true), "{planned:?}");
    assert_eq!(of_order(&done), ["healthy-first"]);
    done.says("refused until stage 1 (`repair`) is done")
        .says("Railway asks LiteLLM at a path that wants a key")
        .says("Langfuse takes its ClickHouse for a cluster")
        .says("Langfuse refuses its key, which must be 64 hexadecimal digits")
        .says("when Redis is full it is to throw keys away")
        .says("the image of Redis was withdrawn")
        .says("the backup service calls an empty dump a success")
        .says("LiteLLM and Langfuse share one database");

    let file = stage.folder().join("railway.toml");
    std::fs::write(&file, RAILWAY_TOML).unwrap();
    let apply = ["apply", "repair", "-e", "lab", "--yes", "--write-config", "railway.toml"];
    let waits = stage.lockstep(&[&apply[..], &["--until", "key"]].concat()).expect(10);
    waits
        .says("Railway itself does not read this file")
        .says("minio: not in the file, so nothing of it is written")
        .says("railway.toml is not written yet");
    // What can still go back must not be built upon.
    let refused = stage.lockstep(&plan).expect(3);
    assert_eq!(of_order(&refused), ["healthy-first", "way-back-open"]);
    stage.lockstep(&["rollback", "--yes"]).expect(11);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), RAILWAY_TOML);

    stage.lockstep(&apply).expect(0).says("Written to railway.toml");
    let status = stage.status();
    for service in ["litellm", "langfuse-web", "langfuse-worker"] {
        let service = status.service(service).unwrap();
        assert!(service.serving && service.status == "SUCCESS", "{service:?}");
        assert!(service.image.as_ref().unwrap().contains("@sha256:"), "{service:?}");
    }
    let written = std::fs::read_to_string(&file).unwrap();
    let image = status.service("litellm").unwrap().image.clone().unwrap();
    let wanted = RAILWAY_TOML
        .replace("'ghcr.io/berriai/litellm-database:main-stable'", &format!("\"{image}\""));
    assert_eq!(written, wanted);
    stage.lockstep(&["plan", "repair", "-e", "lab"]).expect(0).says("Nothing to do");
    let done = stage.lockstep(&plan).expect(0);
    assert_eq!((stages(&done)[0]["nothing_to_do"].clone(), of_order(&done)), (true.into(), vec![]));
}

#[test]
fn a_stack_that_runs_is_upgraded_stage_by_stage_as_one_plan_and_judged_as_it_ends() {
    // As `as-run`, with LiteLLM's own tables in the database.
    let stage = Stage::up(&["--stack", "litellm-1.80"]);
    write(&stage, "version = 1\n[environments.lab.options.postgres-ha]\npath = \"in-place\"\n");
    let plan = ["plan", "--all", "redis@7.2.4", "-e", "lab", "--out", "all.plan.json", "--json"];
    let done = stage.lockstep(&plan).expect(0);
    let planned = stages(&done);
    assert!(planned.iter().all(|stage| stage["refuses"] == false), "{planned:?}");
    // Its Langfuse is the newest that there is.
    let idle = planned.iter().filter(|stage| stage["nothing_to_do"] == true);
    assert!(idle.map(|stage| &stage["component"]).eq(["langfuse"]), "{planned:?}");
    assert_eq!(planned[1]["desired"], "7.2.4");
    let document = &done.json()["composite"];
    let end = document["end"].as_array().unwrap();
    let told: Vec<&str> = end.iter().map(|finding| finding["id"].as_str().unwrap()).collect();
    assert!(
        !told.iter().any(|id| id.ends_with("-floating")),
        "every image is pinned by then: {told:?}"
    );
    assert!(told.contains(&"postgresql-recommended"), "{told:?}");
    // In a file it is as any other composite plan, and goes on stage by stage.
    let until = ["apply", "all.plan.json", "--yes", "--until", "pin"];
    stage.lockstep(&until).expect(10).says("is stage 1 of").says("(`repair`)");
    stage.lockstep(&["rollback", "--yes"]).expect(11);
}
