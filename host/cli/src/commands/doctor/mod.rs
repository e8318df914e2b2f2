//! `lockstep doctor`: what is missing here, and how to get it.

use std::path::PathBuf;

use lockstep_lab::programs::Programs;

use crate::args::{Global, Surroundings};
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::Output;
use crate::session::Session;

/// One thing that was looked at.
struct Finding {
    what: &'static str,
    found: Result<String, String>,
    remedy: &'static str,
}

/// Runs the command.
pub(crate) async fn doctor(
    global: &Global,
    surroundings: &Surroundings,
    output: &Output,
) -> Result<Exit, CliError> {
    let mut findings = machine(surroundings);
    findings.push(Finding {
        what: "plugins",
        found: match lockstep_bundle::bundled() {
            [] => Err("this binary was built without them".to_owned()),
            bundled => Ok(bundled.iter().map(|plugin| plugin.name).collect::<Vec<_>>().join(", ")),
        },
        remedy: "install the target wasm32-wasip2 (`cargo xtask setup`) and build again",
    });
    match Session::open(global.clone(), surroundings.clone()) {
        Ok(session) => {
            findings.push(Finding {
                what: "store",
                found: Ok(session.store.path().display().to_string()),
                remedy: "",
            });
            findings.push(Finding {
                what: "environment",
                found: match session.environment().await {
                    Ok(opened) => Ok(format!("`{}` answers", opened.name)),
                    Err(error) => Err(format!("{:#}", error.error)),
                },
                remedy: "`lockstep lab up` starts one to rehearse with; README.md shows lockstep.toml",
            });
        }
        Err(error) => findings.push(Finding {
            what: "store and lockstep.toml",
            found: Err(format!("{:#}", error.error)),
            remedy: "mend the file that is named, or move it away",
        }),
    }
    let mut rows = Vec::new();
    for finding in &findings {
        match &finding.found {
            Ok(found) => output.say(&format!("✓ {:<12} {found}", finding.what)),
            Err(missing) => {
                output.say(&format!("✗ {:<12} {missing}", finding.what));
                output.say(&format!("               → {}", finding.remedy));
            }
        }
        rows.push(serde_json::json!({
            "what": finding.what, "ok": finding.found.is_ok(),
            "found": finding.found.as_ref().map_or_else(Clone::clone, Clone::clone),
        }));
    }
    output.json("doctor", &serde_json::json!({ "findings": rows }))?;
    Ok(Exit::Done)
}

/// Looks for the servers that the lab runs, and for `ssh`.
fn machine(surroundings: &Surroundings) -> Vec<Finding> {
    let beside = std::env::current_exe()
        .ok()
        .and_then(|path| Some(path.parent()?.parent()?.join("programs")));
    let folder =
        surroundings.get("LOCKSTEP_PROGRAMS").map(PathBuf::from).or(beside).unwrap_or_default();
    let programs = Programs::find(&folder);
    let redis = |version: &str| {
        programs
            .redis(version)
            .map(|path| path.display().to_string())
            .ok_or_else(|| format!("no Redis {version}"))
    };
    let paths = surroundings.get("PATH").unwrap_or_default();
    let ssh =
        std::env::split_paths(paths).map(|folder| folder.join("ssh")).find(|path| path.exists());
    let setup = "`cargo xtask setup` installs it, or prints the command";
    vec![
        Finding { what: "Redis 6.2", found: redis("6.2"), remedy: setup },
        Finding { what: "Redis 7.0", found: redis("7.0"), remedy: setup },
        Finding {
            what: "Redis 7.2",
            found: redis("7.2"),
            remedy: "Valkey 8 reports 7.2.4 and stands in; optional",
        },
        Finding {
            what: "PostgreSQL",
            found: programs
                .postgres(None)
                .map(|server| {
                    server
                        .major()
                        .map_or_else(|| "found".to_owned(), |major| format!("PostgreSQL {major}"))
                })
                .ok_or_else(|| "no server".to_owned()),
            remedy: setup,
        },
        Finding {
            what: "ssh",
            found: ssh.map(|path| path.display().to_string()).ok_or_else(|| "not found".to_owned()),
            remedy: "install the package openssh-client; only `via = \"ssh\"` needs it",
        },
    ]
}
