//! The contract's names: what a plugin may import and must export.

use crate::error::LoadError;
use crate::inspect::Inspection;

/// The contract's version here.
pub(crate) const VERSION: &str = "0.1.0";

const PACKAGE: &str = "lockstep:plugin";
const SERIES: &str = "0.1.";

/// The interfaces and their functions, as `wit/` has them.
const INTERFACES: &[(&str, &[&str])] = &[
    ("types", &[]),
    ("log", &["write"]),
    (
        "railway",
        &[
            "services",
            "variables",
            "destination",
            "deployments",
            "deployment-of",
            "logs",
            "traffic",
            "backups",
            "staged",
            "published",
            "published-template",
        ],
    ),
    (
        "railway-effects",
        &[
            "set-variables",
            "generate-variable",
            "delete-variables",
            "set-image",
            "set-settings",
            "deploy",
            "restart",
            "stop",
            "create-service",
            "create-built-service",
            "delete-service",
            "create-volume",
            "set-mount",
            "delete-volume",
            "backup-volume",
            "lock-backup",
            "delete-backup",
            "restore-volume",
            "stage-conversion",
            "stage-revert",
            "commit-staged",
            "discard-staged",
        ],
    ),
    ("sql", &["query"]),
    (
        "sql-effects",
        &[
            "execute",
            "hold-writes",
            "release-writes",
            "copy-schema",
            "build-indexes",
            "copy-sequences",
            "hold-snapshots",
            "compare",
        ],
    ),
    ("redis", &["command", "keyspace"]),
    ("redis-effects", &["command"]),
    ("http", &["get", "head"]),
    ("http-effects", &["send"]),
    ("effects", &["perform", "progress"]),
];

/// The interface that a plugin exports.
const UPGRADE: (&str, &[&str]) =
    ("upgrade", &["describe", "plan", "observe", "apply", "check", "probe"]);

/// What every component may import of WASI 0.2: all of it is linked, and none of it can reach anything.
const WASI: &[&str] = &["cli", "io", "clocks", "random", "filesystem", "sockets"];

/// Checks every import and export by name, so that a refusal says which one and what to do.
pub(crate) fn admit(found: &Inspection) -> Result<(), LoadError> {
    for import in &found.imports {
        match Name::parse(&import.name) {
            Some(name) if name.package == PACKAGE => {
                let known = name.of_this_contract(&import.name)?;
                let listed = INTERFACES
                    .iter()
                    .find(|(interface, _)| *interface == known)
                    .map(|(_, functions)| *functions);
                let unknown = import
                    .functions
                    .iter()
                    .find(|function| !listed.unwrap_or_default().contains(&function.as_str()));
                if listed.is_none() || unknown.is_some() {
                    return Err(LoadError::Function {
                        interface: import.name.clone(),
                        function: unknown.cloned().unwrap_or_else(|| known.to_owned()),
                        offered: VERSION,
                    });
                }
            }
            Some(name) if name.is_granted_wasi() => {}
            name => {
                return Err(LoadError::Import {
                    import: import.name.clone(),
                    advice: advice(name.as_ref()),
                });
            }
        }
    }
    let (upgrade, functions) = UPGRADE;
    for export in &found.exports {
        let Some(name) = Name::parse(&export.name) else { continue };
        if name.package != PACKAGE || name.interface != upgrade {
            continue;
        }
        name.of_this_contract(&export.name)?;
        return match functions
            .iter()
            .find(|function| !export.functions.iter().any(|found| found == *function))
        {
            Some(missing) => {
                Err(LoadError::Export { missing: format!("`{missing}` in `{}`", export.name) })
            }
            None => Ok(()),
        };
    }
    Err(LoadError::Export { missing: format!("`{PACKAGE}/{upgrade}@{VERSION}`") })
}

fn advice(name: Option<&Name<'_>>) -> &'static str {
    match name {
        Some(name) if name.package == "wasi:http" => {
            "read with `lockstep:plugin/http` instead; componentize-js leaves it out with `--disable http`"
        }
        Some(name) if name.package.starts_with("wasi:") && !name.version.starts_with("0.2.") => {
            "build for WASI 0.2 (`wasm32-wasip2`)"
        }
        Some(_) | None => {
            "use the interfaces of `lockstep:plugin`, or link the dependency into the component"
        }
    }
}

/// The parts of `package/interface@version`.
struct Name<'a> {
    package: &'a str,
    interface: &'a str,
    version: &'a str,
}

impl<'a> Name<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let (package, rest) = text.split_once('/')?;
        let (interface, version) = rest.split_once('@')?;
        Some(Self { package, interface, version })
    }

    fn is_granted_wasi(&self) -> bool {
        let package = self.package.strip_prefix("wasi:").unwrap_or_default();
        WASI.contains(&package) && self.version.starts_with("0.2.") && !self.version.contains('-')
    }

    fn of_this_contract(&self, interface: &str) -> Result<&'a str, LoadError> {
        let patch = self.version.strip_prefix(SERIES).and_then(|patch| patch.parse::<u64>().ok());
        if patch.is_some() {
            return Ok(self.interface);
        }
        let older = self.version.starts_with("0.0.");
        Err(LoadError::Contract {
            interface: interface.to_owned(),
            wanted: self.version.to_owned(),
            offered: VERSION,
            advice: if older {
                "a newer build of the plugin"
            } else {
                "a newer Lockstep, or a build of the plugin for contract 0.1"
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::Interface;

    #[test]
    fn the_names_are_those_of_the_wit_files() {
        let mut resolve = wit_parser::Resolve::default();
        let (package, _) =
            resolve.push_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit")).unwrap();
        let package = &resolve.packages[package];
        assert_eq!(package.name.to_string(), format!("{PACKAGE}@{VERSION}"));
        let found = |name: &str| {
            resolve.interfaces[package.interfaces[name]]
                .functions
                .keys()
                .cloned()
                .collect::<Vec<_>>()
        };
        for (name, functions) in INTERFACES.iter().chain([&UPGRADE]) {
            assert_eq!(&found(name), functions, "{name}");
        }
        assert_eq!(package.interfaces.len(), INTERFACES.len() + 1);
    }

    #[track_caller]
    fn check(import: &str, function: &str, message: &str) {
        let interface = |name: &str, functions: &[&str]| Interface {
            name: name.to_owned(),
            functions: functions.iter().map(|function| (*function).to_owned()).collect(),
        };
        let found = Inspection {
            imports: vec![interface(import, &[function])],
            exports: vec![interface("lockstep:plugin/upgrade@0.1.0", UPGRADE.1)],
            digest: lockstep_engine::model::Digest::of(b""),
            size: 0,
        };
        let said = admit(&found).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(said.contains(message) && said.is_empty() == message.is_empty(), "{said}");
    }

    #[test]
    fn an_import_that_no_plugin_gets_is_refused_by_name() {
        check("wasi:http/outgoing-handler@0.2.4", "handle", "`wasi:http/outgoing-handler@0.2.4`");
        check("wasi:http/outgoing-handler@0.2.4", "handle", "`--disable http`");
        check("wasi:clocks/monotonic-clock@0.3.0", "now", "WASI 0.2");
        check("wasi:nn/graph@0.2.0", "load", "`wasi:nn/graph@0.2.0`");
        check("acme", "run", "`acme`");
        check("wasi:io/poll@0.2.9", "poll", "");
    }

    #[test]
    fn another_contract_is_refused_by_its_version() {
        check("lockstep:plugin/sql@0.2.0", "query", "contract 0.2.0");
        check("lockstep:plugin/sql@0.1.0-rc.1", "query", "contract 0.1.0-rc.1");
        check("lockstep:plugin/sql@0.1.7", "stream", "`stream`");
        check("lockstep:plugin/mail@0.1.7", "send", "`send`");
        check("lockstep:plugin/sql@0.1.7", "query", "");
    }
}
