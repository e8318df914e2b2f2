//! What this machine has: the servers that the lab runs, and the plugins of this binary.

use lockstep_lab::programs::Programs;

use super::Finding;
use crate::args::Surroundings;
use crate::programs;

/// What to do about a server that only the lab needs.
const SETUP: &str = "only the lab needs it: `cargo xtask setup` installs it, or prints the command";

/// Looks for the servers that the lab runs, and for the plugins.
pub(super) fn look(surroundings: &Surroundings) -> Vec<Finding> {
    let programs = Programs::find(&programs::fetched(surroundings));
    let mut findings = Vec::new();
    for version in ["6.2", "7.0", "7.2"] {
        let hint = match version {
            "7.2" => "only the lab needs it; Valkey 8 reports 7.2.4 and stands in",
            _ => SETUP,
        };
        let what = format!("Redis {version}");
        findings.push(match programs.redis(version) {
            Some(path) => Finding::fine(what, path.display().to_string()),
            None => Finding::absent(what, "not found", hint),
        });
    }
    findings.push(match programs.postgres(None) {
        Some(server) => Finding::fine(
            "PostgreSQL",
            server.major().map_or_else(|| "found".to_owned(), |major| format!("version {major}")),
        ),
        None => Finding::absent("PostgreSQL", "not found", SETUP),
    });
    let dumps =
        programs::of_postgres(surroundings).into_iter().map(|folder| folder.join("pg_dump"));
    findings.push(match dumps.into_iter().find(|program| program.is_file()) {
        Some(path) => Finding::fine("pg_dump", path.display().to_string()),
        None => Finding::absent(
            "pg_dump",
            "not found, and moving a database to another server needs it",
            "install the package postgresql-client, of the server's version or newer",
        ),
    });
    findings.push(match lockstep_bundle::bundled() {
        [] => Finding::absent(
            "plugins",
            "this binary was built without them",
            "install the target wasm32-wasip2 (`cargo xtask setup`) and build again",
        ),
        bundled => {
            let names: Vec<&str> = bundled.iter().map(|plugin| plugin.name).collect();
            Finding::fine("plugins", names.join(", "))
        }
    });
    findings
}

/// Looks for the program that opens tunnels, which the environment needs.
pub(super) fn tunnels(program: &std::path::Path, surroundings: &Surroundings) -> Finding {
    let paths = surroundings.get("PATH").unwrap_or_default();
    let found = match program.components().count() {
        1 => std::env::split_paths(paths)
            .map(|folder| folder.join(program))
            .find(|path| path.is_file()),
        _ => Some(program.to_owned()).filter(|path| path.is_file()),
    };
    match found {
        Some(path) => Finding::fine("ssh", path.display().to_string()),
        None => Finding {
            needed: true,
            ..Finding::absent(
                "ssh",
                format!("`{}` is not found, and tunnels need it", program.display()),
                "install the package openssh-client, or name the program: ssh = { program = … }",
            )
        },
    }
}
