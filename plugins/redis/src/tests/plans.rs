//! What plans hold.

use std::collections::BTreeSet;

use lockstep_sdk::{Draft, Gate, Undo};

use super::stack::{Declared, Stack, digest, print, target};
use crate::path::plan;

fn planned(stack: &Stack, desired: Option<&str>) -> (Draft, Vec<String>) {
    let declared = Declared::default();
    let draft = plan(stack, &declared, &target(desired, &[])).unwrap();
    let refusals: Vec<_> = draft.findings.iter().filter(|finding| finding.refuses()).collect();
    assert!(refusals.is_empty(), "{refusals:#?}");
    whole(&draft, &declared.0.borrow());
    (draft, declared.0.into_inner())
}

/// Every plan: labels are declared once and used once, names fit, and what a step needs or is undone by exists before it.
fn whole(draft: &Draft, declared: &[String]) {
    let labels: Vec<_> = declared.iter().map(|line| line.split_once(':').unwrap().0).collect();
    let mut used: Vec<_> = draft
        .steps
        .iter()
        .chain(&draft.undo)
        .flat_map(|step| &step.effects)
        .map(String::as_str)
        .collect();
    assert_eq!(
        labels.iter().collect::<BTreeSet<_>>().len(),
        labels.len(),
        "a label is declared twice: {labels:?}"
    );
    used.sort_unstable();
    let mut sorted = labels.clone();
    sorted.sort_unstable();
    assert_eq!(used, sorted, "what is declared is what is used");
    let mut before: Vec<&str> = Vec::new();
    for step in &draft.steps {
        assert!(
            step.needs.iter().all(|need| before.contains(&need.as_str())),
            "{}: {:?}",
            step.id,
            step.needs
        );
        before.push(&step.id);
    }
    for step in draft.steps.iter().chain(&draft.undo) {
        let plain = |text: &str| {
            text.bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        };
        assert!(plain(&step.id) && step.id.len() <= 64, "{}", step.id);
        assert!(step.effects.iter().all(|label| plain(label) && label.len() <= 64));
        if let Undo::Steps(undo) = &step.undo {
            assert!(undo.iter().all(|id| draft.undo.iter().any(|step| step.id == *id)), "{undo:?}");
        }
    }
    for step in &draft.undo {
        assert_eq!(
            step.reverses.len(),
            step.effects.len(),
            "each effect of `{}` reverses one",
            step.id
        );
    }
}

fn ids(draft: &Draft) -> Vec<&str> {
    draft.steps.iter().map(|step| step.id.as_str()).collect()
}

#[test]
fn a_version_step_has_two_proofs_a_gate_and_a_way_back_by_the_volume() {
    let (draft, declared) = planned(&Stack::official("6.2.14"), Some("7.0.15"));
    assert_eq!(
        ids(&draft),
        [
            "keep",
            "pin",
            "grace",
            "canary",
            "save",
            "backup",
            "worker-stop",
            "mark",
            "final-save",
            "final-backup",
            "upgrade",
            "worker-start",
            "smoke",
            "close"
        ]
    );
    let upgrade = draft.steps.iter().find(|step| step.id == "upgrade").unwrap();
    assert_eq!(
        upgrade.undo,
        Undo::Steps(vec![
            "back-stop".to_owned(),
            "back-restore".to_owned(),
            "back-start".to_owned()
        ])
    );
    assert!(matches!(upgrade.gates.first(), Some(Gate::Approval(text)) if text.contains("loses")));
    assert!(declared.contains(&format!("image: set-image redis redis:7.0.15@{}", digest('7'))));
    assert!(declared.contains(&"back-volume: restore-volume redis final-backup".to_owned()));
    let needs = |id: &str| {
        let mut all = draft.steps.iter().chain(&draft.undo);
        all.find(|step| step.id == id).unwrap().needs.clone()
    };
    for step in ["upgrade", "back-start"] {
        assert!(needs(step).contains(&"final-save".to_owned()), "{step} compares with its look");
    }
    assert!(needs("final-save").contains(&"canary".to_owned()), "it has the first look");
    assert!(declared.contains(
        &"canary-end: redis redis DEL lockstep:canary:redis lockstep:mark:redis".to_owned()
    ));
    assert!(declared.contains(&format!(
        "pin-langfuse-worker: set-image langfuse-worker langfuse/langfuse-worker:3@{}",
        digest('b')
    )));
    assert_eq!(
        draft.steps.iter().find(|step| step.id == "smoke").unwrap().soak,
        Some(24 * 3_600_000)
    );
}

#[test]
fn a_patch_is_short_and_goes_back_by_the_former_image() {
    let (draft, declared) = planned(&Stack::official("7.2.3"), Some("7.2.4"));
    assert_eq!(
        ids(&draft),
        ["keep", "pin", "grace", "canary", "save", "backup", "mark", "upgrade", "smoke", "close"]
    );
    assert!(declared.contains(&format!("image-undo: set-image redis redis:7.2@{}", digest('a'))));
    assert!(!declared.iter().any(|line| line.contains("langfuse-worker")), "{declared:?}");
    assert_eq!(draft.steps.iter().find(|step| step.id == "smoke").unwrap().soak, Some(3_600_000));
}

#[test]
fn the_mark_is_saved_where_nothing_else_keeps_it() {
    let mut stack = Stack::official("7.2.3");
    stack.info.insert("aof_enabled".to_owned(), "0".to_owned());
    stack.config.insert("appendonly".to_owned(), "no".to_owned());
    for (_, value) in &mut stack.redis().settings {
        *value = value.replace("--appendonly yes ", "");
    }
    let (draft, _) = planned(&stack, Some("7.2.4"));
    let at = |id: &str| ids(&draft).iter().position(|step| *step == id);
    assert!(at("mark") < at("save"), "{:?}", ids(&draft));
}

#[test]
fn bitnami_moves_in_place_and_first_to_where_its_bytes_still_are() {
    let (draft, declared) = planned(&Stack::bitnami(), None);
    assert_eq!(
        ids(&draft),
        [
            "keep",
            "pin",
            "grace",
            "canary",
            "save",
            "backup",
            "worker-stop",
            "mark",
            "upgrade",
            "worker-start",
            "smoke",
            "close"
        ]
    );
    assert!(
        declared.contains(&format!(
            "pin-redis: set-image redis bitnamilegacy/redis:7.2@{}",
            digest('a')
        ))
    );
    assert!(declared.contains(&"mount: set-mount redis /data".to_owned()));
    assert!(declared.contains(&"mount-undo: set-mount redis /bitnami/redis/data".to_owned()));
    let start = declared.iter().find(|line| line.starts_with("start:")).unwrap();
    assert!(
        start.contains("exec docker-entrypoint.sh redis-server --dir /data --requirepass"),
        "{start}"
    );
    let undo = declared.iter().find(|line| line.starts_with("start-undo:")).unwrap();
    assert!(undo.contains("(\"start-command\", \"\")"), "{undo}");
}

#[test]
fn a_wrong_policy_is_mended_and_mended_back() {
    let mut stack = Stack::bitnami();
    stack.config.insert("maxmemory-policy".to_owned(), "allkeys-lru".to_owned());
    let (draft, declared) = planned(&stack, None);
    assert!(ids(&draft).contains(&"policy"));
    assert!(
        declared.contains(
            &"policy-live: redis redis CONFIG SET maxmemory-policy noeviction".to_owned()
        )
    );
    assert!(declared.contains(
        &"policy-live-undo: redis redis CONFIG SET maxmemory-policy allkeys-lru".to_owned()
    ));
}

#[test]
fn the_append_only_file_is_written_before_a_start_that_demands_it() {
    let mut stack = Stack::bitnami();
    stack.info.insert("aof_enabled".to_owned(), "0".to_owned());
    stack.config.insert("appendonly".to_owned(), "no".to_owned());
    let (draft, _) = planned(&stack, None);
    let at = |id: &str| ids(&draft).iter().position(|step| *step == id).unwrap();
    assert!(at("aof") < at("backup") && at("backup") < at("upgrade"));
}

#[test]
fn two_plans_of_a_busy_stack_declare_the_same() {
    let mut stack = Stack::official("6.2.14");
    let (first, declared) = planned(&stack, Some("7.0.15"));
    stack.keys.extend((20..90).map(|id| print(id, "hash")));
    stack.lists.insert("bull:trace-upsert:wait".to_owned(), 900);
    stack.info.insert("used_memory".to_owned(), "99999999".to_owned());
    let (second, again) = planned(&stack, Some("7.0.15"));
    assert_eq!(declared, again);
    assert_eq!(
        (first.steps, first.undo, first.watches),
        (second.steps, second.undo, second.watches)
    );
    assert_ne!(first.findings, second.findings);
}

#[test]
fn what_runs_already_needs_no_steps() {
    let mut stack = Stack::official("7.0.15");
    stack.published.insert("redis:7.0.15".to_owned(), digest('a'));
    stack.staged.push("somebody's variable".to_owned());
    let (draft, declared) = planned(&stack, Some("7.0.15"));
    assert!(draft.steps.is_empty() && declared.is_empty());
    assert!(draft.findings.iter().any(|finding| finding.title.starts_with("nothing to do")));
}

#[test]
fn without_a_wish_the_next_step_toward_7_2_is_taken() {
    assert_eq!(planned(&Stack::official("6.2.14"), None).0.desired.text, "7.0.15");
    assert_eq!(planned(&Stack::official("7.0.15"), None).0.desired.text, "7.2.4");
    assert_eq!(planned(&Stack::bitnami(), None).0.desired.text, "7.2.4");
}

#[test]
fn a_tag_that_moves_is_taken_as_the_exact_version_that_it_is_today() {
    let (draft, declared) = planned(&Stack::official("6.2.14"), Some("7.0"));
    assert_eq!(draft.desired.text, "7.0.15");
    assert!(declared.iter().any(|line| line.contains("redis:7.0.15@")));
}

#[test]
fn a_soak_may_be_set() {
    let draft = plan(
        &Stack::official("6.2.14"),
        &Declared::default(),
        &target(Some("7.0.15"), &[("soak", "90")]),
    )
    .unwrap();
    assert_eq!(draft.steps.iter().find(|step| step.id == "smoke").unwrap().soak, Some(90_000));
}
