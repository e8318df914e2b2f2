//! Secrets where a plugin may read: what a careless service would write there.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use super::forms::{hex, sentences};
use crate::far_side::{Postgres, ask, variable};
use crate::stage::Stage;

/// A secret with every character that some encoding changes.
const NASTY: &str = "p4ss/w'rd\"&+x=\\z;";

/// What was planted.
pub(super) struct Planted {
    /// The secrets.
    pub(super) secrets: Vec<String>,
    /// The lines of `lockstep.toml` that name the HTTP endpoint.
    pub(super) endpoint: String,
    /// Words that begin what the hoarder read, one for each place.
    pub(super) places: [&'static str; 6],
}

/// Plants secrets in Redis, in a table, in a log, in an HTTP answer and in variables whose names say nothing.
pub(super) fn plant(stage: &Stage) -> Planted {
    let url = stage.env("DATABASE_URL");
    let (_, rest) = url.split_once("://").unwrap();
    let (_, password) = rest.split_once('@').unwrap().0.split_once(':').unwrap();
    let secrets = vec![stage.env("REDIS_PASSWORD"), password.to_owned(), NASTY.to_owned()];
    variable(stage, "langfuse-web", "NASTY_PASSWORD", NASTY);
    let written: Vec<String> = secrets.iter().flat_map(|secret| sentences(secret)).collect();
    for (number, sentence) in written.iter().enumerate() {
        ask(stage, &["SET", &format!("leak:{number}"), sentence]);
    }
    let mut postgres = Postgres::of(stage);
    postgres.run("CREATE TABLE leak (text_form text, raw bytea)");
    for sentence in &written {
        let quoted = sentence.replace('\'', "''");
        let hex = hex(sentence);
        postgres.run(&format!("INSERT INTO leak VALUES ('{quoted}', '\\x{hex}')"));
    }
    for entry in std::fs::read_dir(stage.folder().join(".lockstep/lab/logs")).unwrap() {
        let mut log = std::fs::OpenOptions::new().append(true).open(entry.unwrap().path()).unwrap();
        for sentence in &written {
            writeln!(log, "leak {sentence}").unwrap();
        }
    }
    variable(stage, "litellm", "MOTTO", &format!("we say {} aloud", secrets[0]));
    variable(stage, "litellm", "CACHE_AT", &format!("redis://:{}@here:6379/0", secrets[0]));
    let port = serve(&stage.env("REDIS_ADDRESS"), written.join("\n"));
    Planted {
        secrets,
        endpoint: format!(
            "[environments.lab.endpoints.leak]\nservice = \"redis\"\nport = {port}\n"
        ),
        places: ["leak:1 ", "sql [\\\"text_form", "http [", "http the", "redis logs", "MOTTO"],
    }
}

/// Answers every request with `body`, and with its first line in a header, for as long as the test runs.
fn serve(address: &str, body: String) -> u16 {
    let listener = TcpListener::bind((address, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let first = body.lines().next().unwrap().to_owned();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 4096];
            let asked = stream.read(&mut request).unwrap_or(0);
            let head = format!(
                "HTTP/1.1 200 OK\r\nx-motto: {first}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            if asked > 0 {
                // Whoever asked may be gone already, which is its own affair.
                let _answered = stream
                    .write_all(head.as_bytes())
                    .and_then(|()| stream.write_all(body.as_bytes()));
            }
        }
    });
    port
}
