//! L2 against a plugin that lies while planning: what is no read is denied, and the far side has seen nothing of it.

use lockstep_lab::Control;
use serde_json::Value;

use crate::far_side::{Postgres, ask, asked_of_redis, forget_asked, http, poll};
use crate::guests::{ASKED, option, toml, write};
use crate::stage::Stage;

/// Lets the liar tell one lie in `plan`, with everything granted that it asks for, and returns what the host answered.
#[track_caller]
fn lie(stage: &Stage, mode: &str) -> String {
    write(stage, &(toml("liar", &ASKED) + &option("liar", "mode", mode)));
    let done = stage.lockstep(&["plan", "liar", "-e", "lab", "--json"]).expect(0);
    let findings = done.json()["plan"]["plan"]["evidence"]["findings"].clone();
    assert_eq!(findings[0]["id"], "host-said", "{findings}");
    assert!(stage.mutations().is_empty(), "{mode}: {:?}", stage.mutations());
    let said = findings[0]["title"].as_str().unwrap().to_owned();
    // People hear of it from the host too, which does not depend on a liar's word.
    if let Some(words) = said.strip_prefix("denied: ") {
        done.says(&format!("! the plugin was denied, and nothing was sent: {words}"));
    }
    said
}

/// Fails the test unless the host denied, with this code and these words.
#[track_caller]
fn denied(said: &str, code: &str, words: &str) {
    assert!(said.starts_with("denied: ") && said.ends_with(&format!("({code})")), "{said}");
    assert!(said.contains(words), "`{words}` is not in: {said}");
}

/// A lab with PostgreSQL in which there are rows to lose, and a view that is a trap.
fn postgres() -> (Stage, Postgres) {
    let stage = Stage::up(&["--only", "postgres"]);
    let mut postgres = Postgres::of(&stage);
    postgres.run(
        "CREATE TABLE IF NOT EXISTS \"LiteLLM_SpendLogs\" (request_id text); CREATE TABLE IF NOT EXISTS traces (id text); \
         INSERT INTO \"LiteLLM_SpendLogs\" SELECT n::text FROM generate_series(1, 7) n; \
         INSERT INTO traces SELECT n::text FROM generate_series(1, 5) n; \
         CREATE VIEW housekeeping AS \
         SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'victim'",
    );
    postgres.log_statements();
    (stage, postgres)
}

#[test]
fn a_delete_in_a_query_is_denied_and_no_row_is_gone() {
    let (stage, mut postgres) = postgres();
    denied(&lie(&stage, "sql-delete"), "sql:statement", "`DELETE` is not allowed in it");
    let said = lie(&stage, "sql-hidden-delete");
    denied(&said, "sql:statement", "a part that writes is not allowed in it");
    denied(&lie(&stage, "sql-two"), "sql:statement", "more or less than one statement");
    assert_eq!(postgres.number("SELECT count(*) FROM \"LiteLLM_SpendLogs\""), 7);
    assert_eq!(postgres.number("SELECT count(*) FROM traces"), 5);
    postgres.never_heard(&stage, &["DELETE FROM", "DROP TABLE"]);
}

#[test]
fn a_view_that_terminates_sessions_is_denied_and_the_session_lives() {
    let (stage, mut postgres) = postgres();
    let mut victim = Postgres::named(&stage, "victim");
    let backend = victim.number("SELECT pg_backend_pid()::int8");
    denied(&lie(&stage, "sql-view"), "sql:relation", "`public.housekeeping`: it is a view");
    let said = lie(&stage, "sql-terminate");
    denied(&said, "sql:statement", "function `pg_terminate_backend` is not allowed");
    assert_eq!(victim.number("SELECT pg_backend_pid()::int8"), backend);
    postgres.never_heard(&stage, &["FROM housekeeping", "pg_terminate_backend"]);
    // The view is as dangerous as it looks: it was the host that kept the session alive.
    postgres.run("SELECT * FROM housekeeping");
    assert!(victim.is_gone());
}

#[test]
fn a_credential_of_the_database_is_not_a_read() {
    let (stage, mut postgres) = postgres();
    denied(&lie(&stage, "sql-credential"), "sql:relation", "`pg_catalog.pg_authid`: it holds");
    postgres.never_heard(&stage, &["rolpassword"]);
}

/// A lab with a Redis that knows every command that the liar sends, and with data in it.
fn redis() -> Stage {
    let stage = Stage::up(&["--image", "redis=redis:7.0.15", "--only", "redis"]);
    stage.lockstep(&["lab", "fill", "--strings", "200"]).expect(0);
    stage
}

#[test]
fn a_script_called_a_read_is_denied_and_never_reaches_the_server() {
    let stage = redis();
    assert_eq!(ask(&stage, &["EVAL_RO", "return 7", "0"]), "7", "the server must know it");
    let before = stage.census();
    forget_asked(&stage);
    let said = lie(&stage, "redis-script");
    denied(&said, "redis:command", "`EVAL_RO` is no read that lockstep allows");
    assert!(!asked_of_redis(&stage).contains("eval_ro"));
    assert_eq!(stage.census(), before);
    // Had it been sent, it would have been seen.
    ask(&stage, &["EVAL_RO", "return 7", "0"]);
    assert!(asked_of_redis(&stage).contains("eval_ro"));
}

#[test]
fn the_password_of_redis_is_not_a_setting_to_read() {
    let stage = redis();
    forget_asked(&stage);
    let said = lie(&stage, "redis-credential");
    denied(
        &said,
        "redis:command",
        "`CONFIG GET` is no read that lockstep allows for `requirepass`",
    );
    denied(&lie(&stage, "redis-everything"), "redis:command", "lockstep allows for `*`");
    assert!(!asked_of_redis(&stage).contains("config|get"));
    // Had it been sent, it would have been seen, and so would the password.
    let password = stage.redis().password.unwrap();
    assert!(ask(&stage, &["CONFIG", "GET", "requirepass"]).contains(&password));
    assert!(asked_of_redis(&stage).contains("config|get"));
}

#[test]
fn a_command_that_writes_is_no_read_of_redis() {
    let stage = redis();
    let before = stage.census();
    forget_asked(&stage);
    denied(&lie(&stage, "redis-flush"), "redis:command", "`FLUSHALL` is no read");
    denied(&lie(&stage, "redis-write"), "redis:command", "`SET` is no read");
    let asked = asked_of_redis(&stage);
    assert!(!asked.contains("flushall") && !asked.contains("_set:"), "{asked}");
    assert_eq!(stage.census(), before);
}

#[test]
fn a_get_that_starts_a_backup_is_denied_and_no_backup_is_counted() {
    let stage = Stage::up(&["--only", "backup-service", "--only", "postgres", "--only", "minio"]);
    let address = stage.env("BACKUP_SERVICE_ADDRESS");
    let counted = || {
        let body = http(&address, "/health");
        serde_json::from_str::<Value>(&body).unwrap()["backup_state"].clone()
    };
    // It makes one by itself when it starts.
    let first = poll(|| Some(counted()).filter(|state| state["last_status"] == "success"));
    assert_eq!(lie(&stage, "http-fine"), "allowed");
    let said = lie(&stage, "http-effect");
    denied(&said, "grant:path", "`/backup` is not granted as a read of endpoint `backup-service`");
    assert_eq!(counted(), first);
    // The same request, sent by somebody else, is counted: the count above was worth looking at.
    assert!(http(&address, "/backup").contains("backup_started"));
    let count = |state: &Value| state["postgres_backups"].as_u64().unwrap();
    poll(|| Some(()).filter(|()| count(&counted()) == count(&first) + 1));
}

#[test]
fn planning_performs_nothing() {
    let stage = redis();
    let before = stage.census();
    denied(&lie(&stage, "perform"), "call:not-here", "can only be performed in `apply`");
    assert_eq!(stage.census(), before);
}

#[test]
fn what_was_not_granted_is_neither_read_nor_declared() {
    let stage = redis();
    for (mode, words) in [
        ("redis-ungranted", "`read` of redis `another`"),
        ("http-ungranted", "`read` of http `litellm`"),
        ("railway-ungranted", "`read` of railway `postgres`"),
        ("declare-ungranted", "`deploy` of railway `redis`"),
        ("declare-elsewhere", "`command` of redis `another`"),
    ] {
        denied(&lie(&stage, mode), "grant:missing", words);
    }
}

/// Returns the lines of `lockstep.toml` that follow the first hint to add some.
fn lines_to_add(said: &str) -> String {
    let (_, rest) = said.split_once("to allow it, add to lockstep.toml:\n").expect(said);
    let lines = rest.lines().take_while(|line| line.starts_with("[[") || line.contains(" = "));
    lines.flat_map(|line| [line, "\n"]).collect()
}

#[test]
fn a_denial_prints_the_lines_that_allow_it_and_they_do() {
    let stage = redis();
    let mut text = toml("minimal", &[]);
    write(&stage, &text);
    let done = stage.lockstep(&["plan", "minimal", "-e", "lab"]).expect(1);
    let lines = lines_to_add(&done.err);
    assert_eq!(
        lines,
        "[[environments.lab.grants.minimal]]\ncapability = \"redis\"\nname = \"redis\"\naccess = \"command\"\n"
    );
    done.says("Error: plugin `minimal` 0.1.0").says("not granted `command` of redis `redis`");
    text.push_str(&lines);
    write(&stage, &text);
    stage.lockstep(&["plan", "minimal", "-e", "lab"]).expect(0).says("SET lockstep:minimal 1");
    stage.lockstep(&["apply", "minimal", "-e", "lab", "--yes"]).expect(0).says("is done");
    assert_eq!(ask(&stage, &["GET", "lockstep:minimal"]), "1");
}

#[test]
fn a_plugin_that_hides_a_denial_can_not_keep_the_lines_from_being_printed() {
    let stage = Stage::up(&["--only", "backup-service", "--only", "postgres"]);
    let mut text = toml("liar", &[]) + &option("liar", "mode", "http-fine");
    // First the endpoint, then the path: each denial says what is missing next.
    for _ in 0..2 {
        write(&stage, &text);
        let done = stage.lockstep(&["plan", "liar", "-e", "lab"]).expect(0);
        text.push_str(&lines_to_add(&done.err));
        done.says("! the plugin was denied, and nothing was sent: ").says("http");
    }
    write(&stage, &text);
    let done = stage.lockstep(&["plan", "liar", "-e", "lab"]).expect(0).says("allowed");
    assert!(!done.err.contains("to allow it"), "{}", done.err);
}

#[test]
fn a_plugin_gets_what_is_granted_under_the_operators_name_for_it_and_not_under_its_own() {
    let stage = Stage::up(&["--only", "redis"]);
    // The liar calls itself `redis`, and that plugin may do much here.
    let granted = toml("liar", &ASKED).replace("grants.liar", "grants.redis");
    write(&stage, &(granted.clone() + &option("liar", "mode", "redis-write")));
    let done = stage.lockstep(&["plan", "liar", "-e", "lab"]).expect(0);
    done.says("not granted `read` of redis `redis`").says("[[environments.lab.grants.liar]]");
    write(&stage, &granted.replace("plugins.liar", "plugins.redis"));
    stage
        .lockstep(&["plan", "redis", "-e", "lab"])
        .expect(2)
        .says("does not upgrade `redis`")
        .says("it upgrades `liar`");
}

#[test]
fn a_plugin_can_neither_draw_on_the_terminal_nor_speak_as_lockstep() {
    let stage = Stage::up(&["--only", "redis"]);
    write(&stage, &(toml("liar", &[]) + &option("liar", "mode", "shout")));
    let done = stage.lockstep(&["plan", "liar", "-e", "lab"]).expect(1).says("nothing to see");
    let strange = |character: char| character.is_control() && character != '\n';
    assert!(!done.err.contains(strange) && !done.err.contains('\u{202e}'), "{:?}", done.err);
    assert!(!done.err.lines().any(|line| line.starts_with("Hint: run")), "{}", done.err);
    write(&stage, &(toml("liar", &[]) + &option("liar", "mode", "made-up")));
    let done = stage.lockstep(&["plan", "liar", "-e", "lab"]).expect(1).says("not granted");
    assert!(!done.err.contains("to allow it"), "lines that a plugin made up: {}", done.err);
}

#[test]
fn the_lab_needs_no_more_in_lockstep_toml_than_what_is_granted() {
    let stage = Stage::up(&["--only", "redis"]);
    write(&stage, &(toml("liar", &ASKED) + "[environments.lab]\nvia = \"tcp-proxy\"\n"));
    stage.lockstep(&["plan", "liar", "-e", "lab"]).expect(2).says("environment `lab` has `via`");
    write(&stage, &toml("liar", &ASKED).replace("environments.lab", "environments.other"));
    stage.lockstep(&["plan", "liar", "-e", "other"]).expect(2).says("names no `project`");
}

#[test]
fn a_deploy_of_an_image_that_may_have_moved_is_refused_and_nothing_is_sent() {
    let stage = Stage::up(&["--stack", "redis-6", "--only", "redis"]);
    let image = "redis:6.2".to_owned();
    stage.control(&Control::MoveTag { image, version: Some("7.0.15".to_owned()) });
    let grants = [("railway", "redis", "deploy", "")];
    write(&stage, &(toml("liar", &grants) + &option("liar", "step", "unpinned")));
    for command in [&["plan", "liar", "-e", "lab"][..], &["apply", "liar", "-e", "lab", "--yes"]] {
        stage.lockstep(command).expect(1).says("L13").says("redis");
    }
    assert!(stage.mutations().is_empty(), "{:?}", stage.mutations());
    assert!(stage.census().version.starts_with("6.2"));
}
