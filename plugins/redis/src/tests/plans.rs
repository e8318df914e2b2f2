//! What plans hold.

use lockstep_sdk::testing::{Tested, assert_requested, assert_whole, digest, ids, step};
use lockstep_sdk::{Draft, Gate, Undo};

use super::stack::{Stack, print, target};
use crate::describe::description;

/// Plans, demands that nothing forbids the plan and that it is whole, and returns what it declares, line by line.
fn planned(stack: &Stack, desired: Option<&str>) -> (Draft, Vec<String>) {
    let (draft, declared) = stack.planned(&target(desired, &[]));
    assert_whole(&draft, &declared, &[&draft.current.text, &draft.desired.text]);
    assert_requested(&description(), &declared);
    (draft, declared.lines())
}

#[test]
fn a_version_step_has_two_proofs_a_gate_and_a_way_back_by_the_volume() {
    let (draft, declared) = planned(&Stack::official("6.2.14"), Some("7.0.15"));
    assert_eq!(
        ids(&draft.steps),
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
    let upgrade = step(&draft.steps, "upgrade");
    assert_eq!(
        upgrade.undo,
        Undo::Steps(vec![
            "back-stop".to_owned(),
            "back-restore".to_owned(),
            "back-start".to_owned()
        ])
    );
    // Whoever answers does so before anything is stopped, and nothing waits for a person or a window from there on.
    let gated: Vec<_> = draft
        .steps
        .iter()
        .filter(|step| !step.gates.is_empty())
        .map(|step| step.id.as_str())
        .collect();
    assert_eq!(gated, ["keep", "worker-stop"]);
    let section = step(&draft.steps, "worker-stop");
    assert!(matches!(section.gates.first(), Some(Gate::Approval(text)) if text.contains("loses")));
    assert_eq!(section.gates.last(), Some(&Gate::Window));
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
    assert_eq!(step(&draft.steps, "smoke").soak, Some(24 * 3_600_000));
}

#[test]
fn a_patch_is_short_and_goes_back_by_the_former_image() {
    let (draft, declared) = planned(&Stack::official("7.2.3"), Some("7.2.4"));
    assert_eq!(
        ids(&draft.steps),
        ["keep", "pin", "grace", "canary", "save", "backup", "mark", "upgrade", "smoke", "close"]
    );
    assert!(declared.contains(&format!("image-undo: set-image redis redis:7.2@{}", digest('a'))));
    assert!(!declared.iter().any(|line| line.contains("langfuse-worker")), "{declared:?}");
    assert_eq!(step(&draft.steps, "smoke").soak, Some(3_600_000));
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
    let at = |id: &str| ids(&draft.steps).iter().position(|step| *step == id);
    assert!(at("mark") < at("last-save"), "{:?}", ids(&draft.steps));
}

#[test]
fn bitnami_moves_in_place_and_first_to_where_its_bytes_still_are() {
    let (draft, declared) = planned(&Stack::bitnami(), None);
    assert_eq!(
        ids(&draft.steps),
        [
            "keep",
            "pin",
            "grace",
            "canary",
            "save",
            "backup",
            "user",
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
    assert!(
        declared.contains(&"user: set-variables redis [(\"RAILWAY_RUN_UID\", \"0\")]".to_owned())
    );
    let undo = declared.iter().find(|line| line.starts_with("start-undo:")).unwrap();
    assert!(undo.contains("(\"start-command\", \"\")"), "{undo}");
}

#[test]
fn what_follows_the_mount_follows_it_in_the_official_image_too() {
    for (mount, dir) in [("/bitnami/redis", "/data/data"), ("/bitnami/", "/data/redis/data")] {
        let mut stack = Stack::bitnami();
        stack.redis().volume.as_mut().unwrap().mount = mount.to_owned();
        let (_, declared) = planned(&stack, Some("7.2.4"));
        let start = declared.iter().find(|line| line.starts_with("start:")).unwrap();
        assert!(start.contains(&format!("--dir {dir} ")), "{start}");
    }
}

#[test]
fn a_server_outside_a_container_has_the_machines_folders() {
    let mut stack = Stack::bitnami();
    stack.info.insert("process_id".to_owned(), "4711".to_owned());
    stack.config.insert("dir".to_owned(), "/tmp/lab/volumes/v1".to_owned());
    let (draft, declared) = planned(&stack, Some("7.2.4"));
    assert!(draft.findings.iter().any(|finding| finding.id == "mount"));
    assert!(declared.iter().any(|line| line.contains("--dir /data --requirepass")));
}

#[test]
fn a_wrong_policy_is_mended_and_mended_back() {
    let mut stack = Stack::bitnami();
    stack.config.insert("maxmemory-policy".to_owned(), "allkeys-lru".to_owned());
    let (draft, declared) = planned(&stack, None);
    let at = |id: &str| ids(&draft.steps).iter().position(|step| *step == id).unwrap();
    assert!(at("policy") < at("canary"), "a key that may be evicted proves nothing");
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
    let (draft, declared) = planned(&stack, None);
    let at = |id: &str| ids(&draft.steps).iter().position(|step| *step == id).unwrap();
    assert!(at("aof") < at("backup") && at("backup") < at("upgrade"));
    assert!(!declared.iter().any(|line| line.starts_with("back-save:")), "its variables say yes");
}

#[test]
fn a_former_image_without_an_append_only_file_is_gone_back_to_with_a_save() {
    // Switched on since the start: on the way back the image's variable counts, and not what the server does now.
    let mut stack = Stack::bitnami();
    let variables = stack.variables.get_mut("redis").unwrap();
    variables.push(("REDIS_AOF_ENABLED".to_owned(), "no".to_owned()));
    let (draft, declared) = planned(&stack, None);
    let upgrade = step(&draft.steps, "upgrade");
    assert_eq!(upgrade.undo, Undo::Steps(vec!["back-save".to_owned(), "upgrade-undo".to_owned()]));
    assert!(declared.contains(&"back-save: redis redis BGSAVE SCHEDULE".to_owned()));
}

#[test]
fn what_bitnami_was_told_is_handed_on() {
    let mut stack = Stack::bitnami();
    stack.variables.get_mut("redis").unwrap().extend([
        ("RAILWAY_RUN_UID".to_owned(), "0".to_owned()),
        ("REDIS_TLS_ENABLED".to_owned(), "no".to_owned()),
        ("REDIS_EXTRA_FLAGS".to_owned(), "--maxclients 300 --hz 20".to_owned()),
    ]);
    for (name, value) in [
        ("maxclients", "300"),
        ("hz", "20"),
        ("port", "6380"),
        ("save", "900 1 300 10"),
        ("maxmemory-policy", "noeviction"),
    ] {
        stack.config.insert(name.to_owned(), value.to_owned());
    }
    let (draft, declared) = planned(&stack, None);
    assert!(!ids(&draft.steps).contains(&"user"), "it is root already");
    let start = declared.iter().find(|line| line.starts_with("start:")).unwrap();
    for flag in ["--maxclients 300", "--hz 20", "--port 6380", "--save 900 1 --save 300 10"] {
        assert!(start.contains(flag), "{flag}: {start}");
    }
}

#[test]
fn without_an_append_only_file_a_save_is_the_last_thing_before_the_new_server() {
    for (from, to, gated) in [("6.2.14", "7.0.15", "worker-stop"), ("7.2.3", "7.2.4", "mark")] {
        let mut stack = Stack::official(from);
        stack.info.insert("aof_enabled".to_owned(), "0".to_owned());
        stack.config.insert("appendonly".to_owned(), "no".to_owned());
        stack.redis().settings[0].1 = "redis-server --dir /data".to_owned();
        let (draft, declared) = planned(&stack, Some(to));
        let upgrade = ids(&draft.steps).iter().position(|id| *id == "upgrade").unwrap();
        assert_eq!(ids(&draft.steps)[upgrade - 1], "last-save");
        assert!(declared.contains(&"last-save: redis redis BGSAVE SCHEDULE".to_owned()));
        let waits = draft.steps.iter().find(|step| step.gates.contains(&Gate::Window)).unwrap();
        assert_eq!(waits.id, gated);
    }
}

#[test]
fn a_server_whose_saves_take_long_is_given_longer_to_end() {
    let mut stack = Stack::official("6.2.14");
    stack.info.insert("rdb_last_bgsave_time_sec".to_owned(), "45".to_owned());
    let (draft, declared) = planned(&stack, Some("7.0.15"));
    let grace =
        |declared: &[String]| declared.iter().find(|line| line.starts_with("grace-redis")).cloned();
    assert!(grace(&declared).unwrap().contains("(\"draining-seconds\", \"120\")"));
    assert!(draft.parameters.contains(&("draining".to_owned(), "120".to_owned())));
    stack.redis().settings.push(("draining-seconds".to_owned(), "300".to_owned()));
    assert_eq!(grace(&planned(&stack, Some("7.0.15")).1), None);
}

#[test]
fn a_way_back_waits_at_least_as_long_as_the_way_there() {
    let stack = Stack::official("6.2.14");
    let target = target(Some("7.0.15"), &[("boot-limit", "40m")]);
    let (draft, _) = stack.drafted(&target);
    let back = step(&draft.undo, "back-start");
    assert_eq!(back.limit, 40 * 60_000);
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
    stack.registry.publish("redis:7.0.15", digest('a'));
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
fn from_bitnami_the_same_minor_version_is_recommended() {
    let mut stack = Stack::bitnami();
    stack.info.insert("redis_version".to_owned(), "7.0.12".to_owned());
    assert_eq!(planned(&stack, None).0.desired.text, "7.0.15");
}

#[test]
fn a_newer_minor_version_than_is_known_may_be_patched() {
    let mut stack = Stack::official("8.2.1");
    for patch in ["8.2.1", "8.2.2"] {
        stack.registry.publish(format!("redis:{patch}"), digest('9'));
    }
    assert_eq!(planned(&stack, Some("8.2.2")).0.desired.text, "8.2.2");
    assert_eq!(planned(&stack, None).0.desired.text, "8.2.2");
}

#[test]
fn a_tag_that_moves_is_taken_as_the_exact_version_that_it_is_today() {
    let (draft, declared) = planned(&Stack::official("6.2.14"), Some("7.0"));
    assert_eq!(draft.desired.text, "7.0.15");
    assert!(declared.iter().any(|line| line.contains("redis:7.0.15@")));
}

#[test]
fn a_soak_may_be_set() {
    let target = target(Some("7.0.15"), &[("soak", "90")]);
    let (draft, _) = Stack::official("6.2.14").drafted(&target);
    assert_eq!(step(&draft.steps, "smoke").soak, Some(90_000));
}
