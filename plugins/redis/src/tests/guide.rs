//! The errors of the old guide that concern Redis, one test each, and what a plan does instead.

use lockstep_sdk::testing::{Tested, digest, failed, finding, ids, step};
use lockstep_sdk::{Gate, Undo};

use super::given::prepared;
use super::stack::{Stack, target};
use crate::describe::description;

#[test]
fn error_15_bitnami_is_left_first_and_a_minor_version_is_no_routine() {
    // What runs is no longer published under its name, so it is pinned where it still is.
    let (draft, declared) = Stack::bitnami().planned(&target(None, &[]));
    let pinned = format!("set-image redis bitnamilegacy/redis:7.2@{}", digest('a'));
    assert_eq!(declared.line("pin-redis"), pinned);
    // The path, the user, the password and the append-only file are the official image's own affair.
    assert_eq!(declared.line("mount"), "set-mount redis /data");
    assert!(declared.line("start").contains("--requirepass"));
    assert!(declared.line("user").contains("RAILWAY_RUN_UID"));
    assert_eq!(draft.desired.text, "7.2.4", "the same version: its data can be gone back with");
    let mut stack = Stack::bitnami();
    stack.registry.publish("redis:7.4.6".to_owned(), digest('9'));
    let (draft, _) = stack.drafted(&target(Some("7.4.6"), &[]));
    assert!(finding(&draft, "path").refuses(), "and not two steps in one");
}

#[test]
fn error_16_a_save_is_waited_for_and_the_way_back_is_the_volume() {
    let stack = Stack::official("6.2.14");
    let (draft, declared) = stack.planned(&target(Some("7.0.15"), &[]));
    let order = ids(&draft.steps);
    let at = |id: &str| order.iter().position(|step| *step == id).unwrap();
    assert!(at("final-save") < at("final-backup") && at("final-backup") < at("upgrade"));
    let back = ["back-stop", "back-restore", "back-start"].map(str::to_owned);
    assert_eq!(step(&draft.steps, "upgrade").undo, Undo::Steps(back.to_vec()));
    assert_eq!(declared.line("back-volume"), "restore-volume redis final-backup");
    // What an older server makes of a newer volume: it comes up, and is empty.
    let given = prepared(&stack, "7.0.15").ready(&stack, "back-start");
    let mut empty = stack.clone();
    empty.keys.clear();
    failed(&given.check(&empty, "back-start"), "empty");
}

#[test]
fn error_17_a_server_that_may_forget_jobs_is_told_not_to() {
    let mut stack = Stack::bitnami();
    stack.config.insert("maxmemory-policy".to_owned(), "allkeys-lru".to_owned());
    let (_, declared) = stack.planned(&target(None, &[]));
    let live = "redis redis CONFIG SET maxmemory-policy noeviction";
    assert_eq!(declared.line("policy-live"), live);
    let given = prepared(&Stack::official("6.2.14"), "7.0.15");
    let stack = Stack::official("6.2.14");
    let mut evicting = stack.replaced_by("7.0.15");
    evicting.config.insert("maxmemory-policy".to_owned(), "allkeys-lru".to_owned());
    failed(&given.ready(&stack, "upgrade").check(&evicting, "upgrade"), "maxmemory-policy");
}

#[test]
fn error_18_cluster_and_sentinel_are_two_things_and_neither_is_a_change_of_variables() {
    for (wish, says) in [("cluster", "REDIS_CLUSTER_NODES"), ("sentinel", "REDIS_SENTINEL_ENABLED")]
    {
        let (draft, declared) = Stack::official("7.2.4").drafted(&target(Some(wish), &[]));
        let found = finding(&draft, "topology");
        assert!(found.refuses() && found.source.is_some() && found.remedy.is_some(), "{wish}");
        assert!(found.evidence.iter().any(|line| line.contains(says)), "{found:?}");
        assert!(declared.labels().is_empty());
    }
}

#[test]
fn error_19_an_answer_is_no_proof_and_the_password_is_nobodys_argument() {
    let stack = Stack::official("6.2.14");
    let (draft, declared) = stack.planned(&target(Some("7.0.15"), &[]));
    let given = prepared(&stack, "7.0.15").ready(&stack, "upgrade");
    // Each of these answers PING.
    failed(&given.check(&stack.replaced_by("7.2.4"), "upgrade"), "should be 7.0.15");
    let mut forgetful = stack.replaced_by("7.0.15");
    forgetful.texts.clear();
    failed(&given.check(&forgetful, "upgrade"), "canary");
    let mut unsafe_now = stack.replaced_by("7.0.15");
    unsafe_now.info.insert("aof_enabled".to_owned(), "0".to_owned());
    failed(&given.check(&unsafe_now, "upgrade"), "append-only");
    // The host alone knows the password: no effect holds it, and nothing that a plugin may do names `AUTH`.
    assert!(declared.lines().iter().all(|line| !line.contains("AUTH") && !line.contains(" -a ")));
    assert!(!format!("{:?}", description().requests).contains("AUTH"));
    assert!(
        draft
            .steps
            .iter()
            .flat_map(|step| &step.gates)
            .any(|gate| matches!(gate, Gate::Approval(_)))
    );
}
