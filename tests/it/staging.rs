//! Staging first: an upgrade that was not done in the environment named for it is told, or refused.

use std::fmt::Write as _;

use crate::guests::{guest, write};
use crate::stage::Stage;

/// The token of the other lab.
const TOKEN: &str = "PRODUCTION_TOKEN";

/// Writes a `lockstep.toml` in which `production` is the lab of another folder.
fn configure(staging: &Stage, production: &Stage, required: bool) {
    let lab =
        ["RAILWAY_API_URL", "RAILWAY_PROJECT_ID", "RAILWAY_ENVIRONMENT_ID", "LAB_REGISTRY_URL"];
    let [api, project, environment, registry] = lab.map(|name| production.env(name));
    let mut text = format!(
        "version = 1\n[environments.production]\nproject = \"{project}\"\nenvironment = \"{environment}\"\napi = \"{api}\"\n\
         registry = \"{registry}\"\nvia = \"private\"\ntoken = {{ variable = \"{TOKEN}\" }}\n\
         staging = {{ environment = \"lab\", required = {required} }}\n\
         [plugins.steady]\npath = \"{}\"\n",
        guest("steady").display()
    );
    for environment in ["lab", "production"] {
        write!(
            text,
            "[[environments.{environment}.grants.steady]]\ncapability = \"railway\"\nname = \"health-monitor\"\naccess = \"set-variables\"\n"
        )
        .unwrap();
    }
    write(staging, &text);
}

#[test]
fn what_was_not_done_in_staging_is_warned_of_or_refused_and_what_was_is_not() {
    let [staging, production] = [(); 2].map(|()| Stage::up(&["--only", "health-monitor"]));
    let token = production.env("RAILWAY_TOKEN");
    let lockstep = |words: &[&str]| staging.lockstep_with(words, &[(TOKEN, &token)]);
    let plan = ["plan", "steady@1", "-e", "production"];
    configure(&staging, &production, false);
    let source = format!("file:{}", guest("steady").display());
    // Bytes from elsewhere run outside the lab only if somebody agreed to them.
    lockstep(&plan).expect(2).says("`lockstep plugin add steady");
    lockstep(&["plugin", "add", "steady", &source, "-e", "production", "--yes"]).expect(0);
    let warned = lockstep(&plan).expect(0);
    warned.says("! 1 was not done in `lab` first (no run of `steady` in this store is done there)");
    configure(&staging, &production, true);
    lockstep(&plan).expect(3).says("✗ 1 was not done in `lab` first");
    lockstep(&["apply", "steady@1", "-e", "production", "--yes"]).expect(3);
    assert!(production.mutations().is_empty(), "{:?}", production.mutations());

    // One that was taken back was not done.
    let lab = ["apply", "steady@1", "-e", "lab", "--yes"];
    lockstep(&[&lab[..], &["--until", "set-1"]].concat()).expect(10);
    lockstep(&plan).expect(3);
    lockstep(&["rollback", "--yes"]).expect(11);
    lockstep(&plan).expect(3);
    lockstep(&lab).expect(0);
    let planned = lockstep(&plan).expect(0);
    assert!(!planned.err.contains("was not done"), "{}", planned.err);
    lockstep(&["plan", "steady@2", "-e", "production"]).expect(3).says("ended with 1");
    lockstep(&["apply", "steady@1", "-e", "production", "--yes"]).expect(0);
}
