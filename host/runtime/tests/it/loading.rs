//! What is loaded, and what is refused by name.

use lockstep_runtime::{LoadError, inspect};

use crate::desk::{Desk, guest};

#[test]
fn the_imports_name_exactly_the_functions_used() {
    let found = inspect(&guest()).unwrap();
    let functions = |interface: &str| {
        let name = format!("lockstep:plugin/{interface}@0.1.0");
        found
            .imports
            .iter()
            .find(|import| import.name == name)
            .map(|import| import.functions.clone())
    };
    assert_eq!(functions("railway").unwrap(), ["services"]);
    assert_eq!(functions("redis").unwrap(), ["command", "keyspace"]);
    assert_eq!(functions("redis-effects"), None);
    assert_eq!(
        found.exports.iter().map(|export| export.name.as_str()).collect::<Vec<_>>(),
        ["lockstep:plugin/upgrade@0.1.0"]
    );
    assert_eq!(found.exports[0].functions.len(), 6);
    assert_eq!(found.digest, lockstep_engine::model::Digest::of(&guest()));
}

/// Returns the guest with every `from` in it replaced by `to`, which is as long: names keep their lengths.
fn renamed(from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let (from, to) = (from.as_bytes(), to.as_bytes());
    let mut wasm = guest();
    let places: Vec<usize> =
        (0..=wasm.len() - from.len()).filter(|at| wasm[*at..].starts_with(from)).collect();
    assert!(!places.is_empty());
    for place in places {
        wasm[place..place + to.len()].copy_from_slice(to);
    }
    wasm
}

#[track_caller]
fn refused(wasm: &[u8]) -> LoadError {
    Desk::new().runtime().load(wasm).err().unwrap()
}

#[test]
fn a_capability_that_nobody_gives_is_refused_by_name() {
    let error = refused(&renamed("lockstep:plugin/railway@0.1.0", "wasi:http/outgoing-more@0.2.4"))
        .to_string();
    assert!(
        error.contains("`wasi:http/outgoing-more@0.2.4`") && error.contains("--disable http"),
        "{error}"
    );
    let error = refused(&renamed("lockstep:plugin/railway@0.1.0", "acme:secrets/keys-all@0.1.0-a"))
        .to_string();
    assert!(error.contains("`acme:secrets/keys-all@0.1.0-a`"), "{error}");
}

#[test]
fn a_function_of_a_newer_contract_is_refused_by_name() {
    let error = refused(&renamed("services", "projects")).to_string();
    assert!(error.contains("`projects` of `lockstep:plugin/railway@0.1.0`"), "{error}");
}

#[test]
fn another_contract_is_refused_by_its_version() {
    let error = refused(&renamed("lockstep:plugin/upgrade@0.1.0", "lockstep:plugin/upgrade@0.2.0"));
    assert!(matches!(error, LoadError::Contract { .. }), "{error}");
    assert!(error.to_string().contains("contract 0.2.0"), "{error}");
}

#[test]
fn a_component_that_is_no_plugin_is_refused() {
    let error = refused(&renamed("lockstep:plugin/upgrade@0.1.0", "lockstep:plugin/degrade@0.1.0"));
    assert!(matches!(error, LoadError::Export { .. }), "{error}");
}
