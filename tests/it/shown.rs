//! What an operator sees at night: the plan, and where a run stands.

use crate::stage::Stage;

#[test]
fn a_plan_shows_each_value_before_and_after_and_what_it_comes_to() {
    let stage = Stage::redis_6_with_data();
    let plan = stage.lockstep(&["plan", "redis@7.0.15", "-e", "lab"]).expect(0);
    for shown in [
        "     - redis: image redis:6.2\n     + redis: image redis:6.2@sha256:",
        "     - redis: draining-seconds = (not set)\n     + redis: draining-seconds = 30\n",
        "     ▸ redis: deploy as configured, which is redis:7.0.15@sha256:",
        "\nWhat to know before\n",
        "\nWhat the plan mends\n",
        "      → by step `pin`\n",
        "      source: Redis: RDB_VERSION in src/rdb.h, which only grows\n",
        "       down   redis, all: about ",
        "litellm, “cache and shared limits”: about ",
        "       left   if lockstep dies here: “",
        "if lockstep dies here: as in step `worker-stop`\n",
        "  back from `upgrade`: deploymentRemove redis · volumeInstanceBackupRestore final-backup ·",
        "\nNot covered\n",
        "  last lossless undo    until step `upgrade` is done",
        "  point of no return    none",
        "  gates                 before `keep` (approval); before `worker-stop` (approval, window)\n",
        "  down on the way       langfuse-worker, all: about ",
        "  Railway API           about ",
        "  added                 0 services, 0 volumes, 2 backups; going back adds 1 volume",
    ] {
        assert!(plan.err.contains(shown), "`{shown}` is not in:\n{}", plan.err);
    }
    let wide = |line: &&str| line.chars().count() > 100 && !line.contains("@sha256:");
    let wide: Vec<&str> = plan.err.lines().filter(wide).collect();
    assert!(wide.is_empty(), "{wide:#?}");
    assert!(!plan.err.contains('\u{1b}'), "no colour where nobody sees it");
}

#[test]
fn status_says_what_runs_and_whether_a_run_can_still_go_back() {
    let stage = Stage::redis_6_with_data();
    let seen = || stage.lockstep(&["status", "-e", "lab", "--json"]).expect(0);
    let version = |service: &str| {
        let status = seen().json();
        let services = status["status"]["services"].as_array().unwrap().clone();
        let found = services.into_iter().find(|found| found["service"] == service).unwrap();
        found["version"].as_str().unwrap_or_default().to_owned()
    };
    assert!(version("redis").starts_with("6.2"));
    assert!(version("postgres").starts_with("16"));
    assert!(!version("litellm").is_empty() && !version("langfuse-web").is_empty());
    let apply = ["apply", "redis@7.0.15", "-e", "lab", "--yes", "--until", "backup"];
    stage.lockstep(&apply).expect(10);
    seen().says("6.2.14 → 7.0.15, at step `worker-stop`").says("way back armed");
    stage.lockstep(&["resume", "--yes", "--until", "upgrade"]).expect(10);
    let status = seen().says("way back lossy, since ").says("jobs that were queued");
    let run = &status.json()["status"]["runs"][0];
    assert_eq!(
        (&run["step"], &run["way_back"]["state"]),
        (&"worker-start".into(), &"lossy".into())
    );
    assert!(version("redis").starts_with("7.0"));
    stage.lockstep(&["resume", "--yes"]).expect(0);
    assert!(seen().json()["status"]["runs"].as_array().unwrap().is_empty());
}
