//! Which bytes run where: `lockstep.lock`, what changes it, and what never runs.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::guests::{guest, write};
use crate::stage::Stage;

/// The component and its file in the stage's folder, which tests may change.
fn copied(stage: &Stage) -> PathBuf {
    let file = stage.folder().join("steady.wasm");
    std::fs::copy(guest("steady"), &file).unwrap();
    file
}

/// Writes a `lockstep.toml` in which `lab` and `twin` are the same lab, and both grant `steady` what it needs.
fn configure(stage: &Stage, lab: &str, twin: &str) {
    let ids =
        ["RAILWAY_API_URL", "RAILWAY_PROJECT_ID", "RAILWAY_ENVIRONMENT_ID", "LAB_REGISTRY_URL"];
    let [api, project, environment, registry] = ids.map(|name| stage.env(name));
    let mut text = format!(
        "version = 1\n[environments.lab]\n{lab}watches = {{ traffic = [] }}\n\
         [environments.twin]\n{twin}project = \"{project}\"\nenvironment = \"{environment}\"\napi = \"{api}\"\n\
         registry = \"{registry}\"\nvia = \"private\"\nwatches = {{ traffic = [] }}\n"
    );
    for environment in ["lab", "twin"] {
        write!(
            text,
            "[[environments.{environment}.grants.steady]]\ncapability = \"railway\"\nname = \"health-monitor\"\naccess = \"set-variables\"\n"
        )
        .unwrap();
    }
    write(stage, &text);
}

/// Changes a component without changing what it does: a custom section at its end.
fn retouch(file: &Path) {
    let mut bytes = std::fs::read(file).unwrap();
    bytes.extend([0, 3, 1, b'x', b'y']);
    std::fs::write(file, bytes).unwrap();
}

#[test]
fn exactly_the_bytes_that_were_agreed_to_run_and_are_promoted_once_they_ran() {
    let stage = Stage::up(&["--only", "health-monitor"]);
    let file = copied(&stage);
    configure(&stage, "", "");
    let token = stage.env("RAILWAY_TOKEN");
    let lockstep = |words: &[&str]| stage.lockstep_with(words, &[("RAILWAY_TOKEN", &token)]);
    let add = ["plugin", "add", "steady", "file:steady.wasm", "-e", "lab"];
    lockstep(&add).expect(2).says("asks for");
    lockstep(&[&add[..], &["--yes", "--locked"]].concat()).expect(2).says("--locked forbids");
    assert!(!stage.folder().join("lockstep.lock").exists());
    lockstep(&[&add[..], &["--yes"]].concat()).expect(0);
    lockstep(&["plugin", "verify"]).expect(0).says("✓ lab  steady 0.1.0");

    // The source has other bytes now: what was agreed to runs from the cache, and `update` shows what differs.
    retouch(&file);
    let promote = ["plugin", "promote", "lab", "twin", "--yes"];
    lockstep(&promote).expect(3).says("no run of `lab` in this store was done by `steady`");
    lockstep(&["apply", "steady@1", "-e", "lab", "--yes", "--locked", "--offline"]).expect(0);
    lockstep(&promote).expect(0).says("promoted from `lab`");
    let lock = std::fs::read_to_string(stage.folder().join("lockstep.lock")).unwrap();
    assert!(
        lock.contains("[environments.twin.plugins.steady.promoted]\nfrom = \"lab\"\nrun = "),
        "{lock}"
    );
    lockstep(&["plugin", "update", "-e", "lab"]).expect(2).says("(before: sha256:");
    lockstep(&["plugin", "update", "-e", "lab", "--yes"]).expect(0);
    // Each environment runs its own from now on.
    let [lab, twin] = ["lab", "twin"].map(|environment| {
        let planned = lockstep(&["plan", "steady@2", "-e", environment, "--json"]).expect(0).json();
        planned["plan"]["plan"]["authority"]["plugin"]["digest"].as_str().unwrap().to_owned()
    });
    assert_ne!(lab, twin);

    // The last copy of the twin's bytes is lost and the source has others: nothing runs.
    std::fs::remove_dir_all(stage.folder().join(".lockstep/plugins")).unwrap();
    lockstep(&["plan", "steady@2", "-e", "twin"]).expect(1).says("no longer has sha256:");
    lockstep(&["plugin", "verify"]).expect(1).says("✗ twin  steady");
    assert!(lockstep(&["plan", "steady@2", "-e", "lab"]).expect(0).err.contains("Set a variable"));
}

#[test]
fn a_lock_that_asks_for_other_things_or_lacks_a_signature_or_an_age_runs_nothing() {
    let stage = Stage::up(&["--only", "health-monitor"]);
    copied(&stage);
    configure(&stage, "", "exclude-newer = \"7d\"\n");
    let token = stage.env("RAILWAY_TOKEN");
    let lockstep = |words: &[&str]| stage.lockstep_with(words, &[("RAILWAY_TOKEN", &token)]);
    let add = ["plugin", "add", "steady", "file:steady.wasm", "--yes", "-e"];
    lockstep(&[&add[..], &["twin"]].concat()).expect(3).says("--accept-undated");
    lockstep(&[&add[..], &["twin", "--accept-undated"]].concat()).expect(0);
    lockstep(&[&add[..], &["lab"]].concat()).expect(0);

    // Somebody makes the lock say that it asked for less: the bytes ask for more than that, so they don't run.
    let path = stage.folder().join("lockstep.lock");
    let whole = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, whole.replace("access = \"set-variables\"", "access = \"read\""))
        .unwrap();
    lockstep(&["plan", "steady@1", "-e", "lab"]).expect(1).says("what it asks for is another");
    lockstep(&[&add[..], &["lab"]].concat()).expect(3).says("--yes does not cover");
    lockstep(&[&add[..], &["lab", "--accept-wider"]].concat()).expect(0);
    lockstep(&["plan", "steady@1", "-e", "lab"]).expect(0).says("lockstep.lock holds `lab`");
    std::fs::write(&path, format!("{whole}what = 1\n")).unwrap();
    lockstep(&["plan", "steady@1", "-e", "lab"]).expect(2).says("lockstep.lock");
    std::fs::write(&path, whole).unwrap();

    let key = "-----BEGIN PUBLIC KEY-----\\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\\n-----END PUBLIC KEY-----\\n";
    configure(&stage, "", &format!("require-signature = true\nsigners = {{ acme = \"{key}\" }}\n"));
    lockstep(&["plan", "steady@1", "-e", "twin"]).expect(1).says("the plugin is not signed");
    lockstep(&["plugin", "promote", "lab", "twin", "--never-ran", "--yes"])
        .expect(1)
        .says("not signed");
    assert!(stage.mutations().is_empty(), "{:?}", stage.mutations());
}
