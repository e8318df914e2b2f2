//! What a plugin can tell of the world without asking.

use lockstep_engine::model::{Fact, Observation, Value};
use lockstep_engine::run::Guest as _;
use lockstep_runtime::Plugin;

use crate::desk::{Desk, Script, call};

async fn world(plugin: &mut Plugin, round: u32) -> Vec<Fact> {
    let seen = plugin.observe(&call("world", round), &[], &mut Script::silent()).await;
    match seen.unwrap().unwrap() {
        Observation::Ready(facts) => facts,
        other => panic!("{other:?}"),
    }
}

fn value<'a>(facts: &'a [Fact], name: &str) -> &'a Value {
    facts.iter().find(|fact| fact.name == name).and_then(|fact| fact.rows.first()?.first()).unwrap()
}

#[tokio::test]
async fn the_same_call_sees_the_same_world_in_another_process_or_not() {
    let desk = Desk::new();
    let first = world(&mut desk.plugin(), 1).await;
    assert_eq!(world(&mut desk.plugin(), 1).await, first);
    let next = world(&mut desk.plugin(), 2).await;
    assert_ne!(value(&next, "order"), value(&first, "order"));
}

#[tokio::test]
async fn there_is_no_time_no_file_and_no_network() {
    let facts = world(&mut Desk::new().plugin(), 1).await;
    assert_eq!(value(&facts, "now"), &Value::Integer(1_700_000_000_123));
    // The guest slept for an hour before this.
    assert_eq!(value(&facts, "passed"), &Value::Integer(0));
    assert_eq!(value(&facts, "variables"), &Value::Integer(0));
    assert_eq!(value(&facts, "arguments"), &Value::Integer(0));
    for refused in ["file", "dial", "listen", "udp", "name"] {
        assert!(
            value(&facts, refused).as_text().is_some_and(|error| !error.is_empty()),
            "{refused}"
        );
    }
}
