//! What the ecosystem's own tool publishes is fetched here, and the other way round.

use std::process::Command;

use lockstep_registry::{Annotations, OciSource, Source};

use crate::support::{Server, component, program, registry};

#[tokio::test]
async fn wkg_and_lockstep_fetch_what_the_other_published() {
    let Some(wkg) = program("wkg") else {
        eprintln!("skipped: there is no `wkg` here; `cargo install wkg` gets it");
        return;
    };
    let Some(server) = Server::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let registry = registry(&folder.path().join("cache"));
    let run = |arguments: &[&str]| {
        let output = Command::new(&wkg)
            .args(["oci"])
            .args(arguments)
            .args(["--insecure", server.host()])
            .env("HOME", folder.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let file = folder.path().join("theirs.wasm").display().to_string();
    std::fs::write(&file, component("theirs")).unwrap();
    run(&["push", &format!("{}/acme/theirs:1.0.0", server.host()), &file]);
    let from: OciSource = format!("oci://{}/acme/theirs:1.0.0", server.host()).parse().unwrap();
    let fetched = registry.resolve(&Source::Oci(from)).await.unwrap();
    assert_eq!(fetched.bytes, component("theirs"));
    assert!(fetched.created.is_some() && fetched.manifest.is_some());

    let to: OciSource = format!("oci://{}/acme/ours:1.0.0", server.host()).parse().unwrap();
    let annotations = Annotations::at("2026-11-30T12:00:00Z".parse().unwrap());
    registry.publish(&to, &component("ours"), &annotations, None).await.unwrap();
    let file = folder.path().join("ours.wasm").display().to_string();
    run(&["pull", &format!("{}/acme/ours:1.0.0", server.host()), "-o", &file]);
    assert_eq!(std::fs::read(&file).unwrap(), component("ours"));
}
