//! Plugins in other languages. Building them needs node, Python and minutes, so `tests/guests/build-foreign.sh` does it, and
//! runs these tests on what it built; they pass over what is not there.

use std::path::Path;

use lockstep_engine::model::{Answer, Call, Kind, Observation, Progress};
use lockstep_engine::run::Guest as _;

use crate::desk::{Desk, Script, call, target};

/// Takes the plugin `name` through planning and one round of a step.
async fn lives(name: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../plugins/target/foreign")
        .join(format!("{name}.wasm"));
    if !file.is_file() {
        return;
    }
    let mut plugin = Desk::new().runtime().load(&std::fs::read(file).unwrap()).unwrap();
    let described = plugin.describe().await.unwrap();
    assert_eq!((described.name.as_str(), described.components.len()), (name, 1));

    let mut host = Script::new(|_| Answer::Declared(Ok(())));
    let draft = plugin.plan(&target(name), &mut host).await.unwrap().unwrap();
    let declared: Vec<&str> = host
        .asked
        .iter()
        .map(|call| match call {
            Call::Declare(effect) if matches!(effect.kind, Kind::RedisCommand { .. }) => {
                effect.label.as_str()
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(declared, ["set", "del"]);
    assert_eq!((draft.steps.len(), draft.undo.len(), draft.desired.text.as_str()), (1, 1, "2"));

    let step = call("set", 1);
    let seen = plugin.observe(&step, &[], &mut Script::silent()).await.unwrap().unwrap();
    assert_eq!(seen, Observation::Ready(Vec::new()));
    let verdict = plugin.check(&step, &[], &mut Script::silent()).await.unwrap().unwrap();
    assert_eq!(verdict, Progress::Done(Vec::new()));
}

#[tokio::test]
async fn a_plugin_in_javascript() {
    lives("js").await;
}

#[tokio::test]
async fn a_plugin_in_python() {
    lives("py").await;
}
