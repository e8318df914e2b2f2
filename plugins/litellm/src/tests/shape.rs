//! What the host demands of every draft, whatever it is about, and what is constant about the plugin.

use lockstep_sdk::Draft;
use lockstep_sdk::testing::{Declared, assert_requested, assert_same_plan, assert_whole};

use super::given::{TO, planned, planned_with};
use super::stack::{Stack, deployment};
use crate::describe::description;

/// Plans that differ most.
fn plans() -> Vec<(Draft, Declared)> {
    let mut bare = Stack::healthy();
    bare.databases.models.clear();
    let mut new = Stack::healthy().running("1.84.0", "1.84.0", 'c');
    new.proxy.version = None;
    new.set("litellm", "DISABLE_SCHEMA_UPDATE", "true");
    vec![
        planned(&Stack::healthy(), TO),
        planned(&Stack::healthy(), "v1.83.3-stable.patch.2"),
        planned(&bare, "1.106.2"),
        planned(&new, "1.106.2"),
        planned_with(&Stack::healthy(), TO, &[("destructive", "accepted"), ("soak", "0")]),
    ]
}

#[test]
fn every_draft_is_whole() {
    for (draft, declared) in plans() {
        assert_whole(&draft, &declared, &[&draft.current.text, &draft.desired.text]);
    }
}

#[test]
fn whatever_a_plan_does_was_asked_for() {
    for (_, declared) in plans() {
        assert_requested(&description(), &declared);
        for line in declared.lines() {
            assert!(!line.contains(" expecting "), "{line}: the proxy answers 200");
            assert!(!line.contains("Times::"), "{line}: nothing is sent twice");
        }
    }
}

#[test]
fn the_same_stack_has_the_same_plan_while_its_figures_move() {
    let one = planned(&Stack::healthy(), TO);
    let mut moved = Stack::healthy();
    moved.service("postgres").volume.as_mut().unwrap().used_mb += 90;
    moved.databases.spend = Some((9 << 30, 12_000_000));
    moved.databases.ended.push("20260301_more");
    moved.databases.foreign.push("traces");
    moved.counted(900);
    moved.proxy.header = Some("1.80.0");
    moved.releases = (403, String::new());
    let other = planned(&moved, TO);
    assert_same_plan(&one, &other);
    assert_eq!(one.0.steps, other.0.steps);
    // How long a boot took is a figure that is not hashed.
    moved.deployments.insert("litellm".to_owned(), vec![deployment("d7", 'a')]);
    moved.deployments.get_mut("litellm").unwrap()[0].changed += 5_000;
    let slower = planned(&moved, TO);
    assert_same_plan(&one, &slower);
    assert_ne!(one.0.steps, slower.0.steps);
}

#[test]
fn the_description_says_why_and_what_comes_first() {
    let description = description();
    assert_eq!(description.after, ["redis", "langfuse"]);
    assert!(description.requests.iter().all(|request| !request.why.is_empty()));
    let reads =
        description.requests.iter().filter(|it| it.capability == "http" && it.access == "read");
    assert!(reads.into_iter().all(|request| !request.paths.is_empty()));
    let paths: Vec<&String> = description.requests.iter().flat_map(|it| &it.paths).collect();
    assert!(!paths.iter().any(|path| *path == "/health"), "it bills every model");
    assert!(
        description.rules.iter().all(|rule| !rule.reason.is_empty() && !rule.source.is_empty())
    );
    let callback = &description.rules[0];
    assert_eq!(callback.require[0].component, "langfuse");
    assert_eq!(callback.require[0].below.as_ref().map(|it| it.text.as_str()), Some("4.0.0"));
}
