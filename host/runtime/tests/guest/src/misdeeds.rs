//! What a plugin should not do, and what it may.

use std::collections::HashMap;
use std::hint::black_box;
use std::time::{Duration, Instant, SystemTime};

use crate::bindings::exports::lockstep::plugin::upgrade::{Fact, Failure, Observation, StepCall};
use crate::bindings::lockstep::plugin::types::{Problem, Value};
use crate::bindings::lockstep::plugin::{effects, http, log, railway, redis, sql};
use crate::words::{integer, text};

const MIB: usize = 1 << 20;

pub fn observe(call: &StepCall, memo: Vec<Fact>) -> Result<Observation, Failure> {
    Ok(Observation::Ready(match call.step.as_str() {
        "spin" => loop {
            black_box(());
        },
        "greedy" => {
            let mut held = Vec::new();
            loop {
                held.push(black_box(vec![1_u8; MIB]));
            }
        }
        "recurse" => vec![integer_fact("depth", depth(1))],
        "panic" => panic!("no such service"),
        "noisy-panic" => {
            for _ in 0..2048 {
                eprintln!("{}", "x".repeat(1024));
            }
            panic!("after much noise")
        }
        "exit" => {
            eprintln!("had enough");
            std::process::exit(3)
        }
        "calls" => {
            for _ in 0..call.round {
                effects::progress("job")?;
            }
            Vec::new()
        }
        "huge" => vec![text("huge", "x".repeat(8 * MIB))],
        "huge-argument" => {
            let answer = redis::command("redis", &[vec![b'x'; 8 * MIB]])?;
            vec![integer_fact("nodes", answer.len() as u64)]
        }
        "many-parts" => (0..6).map(|_| text("part", "x".repeat(MIB))).collect(),
        "logs" => {
            for _ in 0..100 {
                log::write(log::Level::Info, &"y".repeat(1024));
            }
            Vec::new()
        }
        "nan" => vec![Fact { name: "nan".into(), rows: vec![vec![Value::Real(f64::NAN)]] }],
        "later" => return Ok(Observation::Other("later".into())),
        "extra" => {
            let extra = vec![("hint".into(), "x".into())];
            return Err(Failure::Denied(Problem {
                code: "guest:x".into(),
                message: "x".into(),
                extra,
            }));
        }
        "reserved" => {
            return Err(Failure::Other(Problem {
                code: "guest:x".into(),
                message: "x".into(),
                extra: Vec::new(),
            }));
        }
        "bad-label" => {
            effects::progress("No Label")?;
            Vec::new()
        }
        "world" => world(),
        "reads" => reads()?,
        _ => memo.into_iter().chain(call.facts.clone()).collect(),
    }))
}

fn integer_fact(name: &str, number: u64) -> Fact {
    Fact { name: name.into(), rows: vec![vec![integer(number as i64)]] }
}

#[expect(unconditional_recursion, reason = "to run over the stack is the point")]
fn depth(level: u64) -> u64 {
    let kept = black_box([level; 64]);
    depth(level + 1) + kept[(level % 64) as usize]
}

/// What the plugin can tell of the world without asking Lockstep.
fn world() -> Vec<Fact> {
    let before = Instant::now();
    std::thread::sleep(Duration::from_secs(3600));
    let map: HashMap<u32, u32> = (0..64).map(|number| (number, number)).collect();
    let order: Vec<String> = map.keys().map(u32::to_string).collect();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    vec![
        text("order", order.join(" ")),
        integer_fact("now", now.as_millis() as u64),
        integer_fact("passed", before.elapsed().as_millis() as u64),
        integer_fact("variables", std::env::vars().count() as u64),
        integer_fact("arguments", std::env::args().count() as u64),
        text("file", refusal(std::fs::read("/etc/passwd"))),
        text("dial", refusal(std::net::TcpStream::connect("127.0.0.1:1"))),
        text("listen", refusal(std::net::TcpListener::bind("127.0.0.1:0"))),
        text("udp", refusal(std::net::UdpSocket::bind("127.0.0.1:0"))),
        text("name", refusal(std::net::ToSocketAddrs::to_socket_addrs("localhost:1"))),
    ]
}

fn refusal<T>(result: std::io::Result<T>) -> String {
    result.err().map(|error| error.to_string()).unwrap_or_default()
}

fn reads() -> Result<Vec<Fact>, Failure> {
    let services = railway::services()?;
    let answered = http::get(&http::Request {
        endpoint: "litellm".into(),
        path: "/health".into(),
        headers: Vec::new(),
    })?;
    let rows = sql::query("main", "select $1", &[Value::Integer(7)])?;
    let summary = redis::keyspace("redis", 5, true)?;
    Ok(vec![
        text(
            "service",
            services.into_iter().map(|service| service.name).collect::<Vec<_>>().join(" "),
        ),
        integer_fact("status", answered.status.into()),
        Fact { name: "rows".into(), rows: rows.rows },
        integer_fact("keys", summary.keys),
    ])
}
