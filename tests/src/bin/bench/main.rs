//! Measures what Lockstep promises about time and memory, each figure beside its peer's from the same run.
//!
//! Each measure has a file of its own and takes turns with its peer, nine times: what else the machine does changes by
//! the second, so only ratios from the same moment compare. A figure is the median of its nine rounds.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a measurement is printed")]
#![expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]

mod arguments;
mod durable;
mod figure;
mod place;
mod plugin;
mod report;
mod rounds;
mod table;
mod whole;

use std::process::ExitCode;

use crate::arguments::{Arguments, HELP};
use crate::report::Report;

/// The allocator of `lockstep` itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What a measure returns, or why it could not be taken.
type Fallible<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// One measure: its name on the command line, what it is, and how it is taken.
struct Measure {
    name: &'static str,
    about: &'static str,
    take: fn(&mut Report) -> Fallible<()>,
}

const MEASURES: [Measure; 10] = [
    Measure {
        name: "plan",
        about: "`lockstep plan redis` on the lab, whole process; peer: terraform",
        take: whole::plan,
    },
    Measure {
        name: "load",
        about: "loading a plugin, cold and from the cache; peer: wasmtime alone",
        take: plugin::load,
    },
    Measure {
        name: "instance",
        about: "one call of a plugin in a fresh instance; peer: wasmtime alone",
        take: plugin::instance,
    },
    Measure {
        name: "call",
        about: "a host call that does nothing; peer: wasmtime alone",
        take: plugin::call,
    },
    Measure {
        name: "effects",
        about: "durable effects a second, one run and 64; peers: SQLite, PostgreSQL, terraform",
        take: durable::effects,
    },
    Measure {
        name: "crowd",
        about: "memory and time of 1,000 runs at once; peer: 250 runs",
        take: durable::crowd,
    },
    Measure {
        name: "move",
        about: "a database to a cluster and back while 8 writers write; peers: pg_dump and psql, pgcopydb",
        take: whole::moving,
    },
    Measure {
        name: "front",
        about: "the same move with a front that comes first: what writers, LiteLLM and its clients are without",
        take: whole::front,
    },
    Measure {
        name: "killed",
        about: "the same move by processes that are killed at random moments: whether every row is there",
        take: whole::killed,
    },
    Measure {
        name: "appends",
        about: "the store's bare appends a second, one run and 64; peer: SQLite",
        take: durable::appends,
    },
];

fn main() -> ExitCode {
    let typed: Vec<String> = std::env::args().skip(1).collect();
    if let Some(done) = durable::crowd_of(&typed) {
        return done.map_or_else(
            |error| {
                eprintln!("bench: {}", words(&*error));
                ExitCode::FAILURE
            },
            |()| ExitCode::SUCCESS,
        );
    }
    let arguments = match Arguments::parse(typed.into_iter()) {
        Ok(arguments) => arguments,
        Err(wrong) => {
            eprintln!("bench: {wrong}; `--help` tells what there is");
            return ExitCode::from(2);
        }
    };
    if arguments.help {
        print!("{HELP}");
        for Measure { name, about, .. } in &MEASURES {
            println!("  {name:<10} {about}");
        }
        return ExitCode::SUCCESS;
    }
    let mut report = Report::default();
    let mut code = ExitCode::SUCCESS;
    for measure in MEASURES.iter().filter(|measure| arguments.wants(measure.name)) {
        eprintln!("measuring: {}", measure.about);
        if let Err(error) = (measure.take)(&mut report) {
            report.note(format!("{}: could not be measured: {}", measure.name, words(&*error)));
            code = ExitCode::FAILURE;
        }
    }
    if arguments.json {
        println!("{:#}", report.json());
    } else {
        print!("{}", table::table(&report));
    }
    code
}

/// Returns an error with its causes.
fn words(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        words.push_str(": ");
        words.push_str(&inner.to_string());
        cause = inner.source();
    }
    words
}
