//! What is refused, and that nothing is declared then.

use lockstep_sdk::testing::{Declared, Tested, deployment, digest};
use lockstep_sdk::{DeploymentStatus, Failure};

use super::stack::{Stack, target};
use crate::path::plan;

#[track_caller]
fn refused(stack: &Stack, desired: Option<&str>, id: &str) {
    refused_with(stack, desired, &[], id);
}

#[track_caller]
fn refused_with(stack: &Stack, desired: Option<&str>, options: &[(&str, &str)], id: &str) {
    let (draft, declared) = stack.drafted(&target(desired, options));
    let refusals: Vec<_> = draft
        .findings
        .iter()
        .filter(|finding| finding.refuses())
        .map(|finding| finding.id.as_str())
        .collect();
    assert!(refusals.contains(&id), "{id} is not among {refusals:?}");
    assert!(draft.steps.is_empty() && draft.undo.is_empty() && declared.labels().is_empty());
}

#[test]
fn targets_that_can_not_be_gone_to() {
    let stack = Stack::official("7.0.15");
    for target in ["6.2.14", "7.0.3"] {
        let mut stack = stack.clone();
        stack.registry.publish(format!("redis:{target}"), digest('9'));
        refused(&stack, Some(target), "path");
    }
    for target in ["7.2.99", "7", "latest", "8.0-rc1", "newest", "9.9.9", "7.2.5-debian-12-r0"] {
        refused(&stack, Some(target), "target");
    }
}

#[test]
fn no_step_leads_to_a_minor_version_that_is_not_known() {
    let mut stack = Stack::official("8.0.4");
    stack.registry.publish("redis:8.2.2".to_owned(), digest('9'));
    refused(&stack, Some("8.2.2"), "target");
    let mut stack = Stack::official("8.2.2");
    stack.registry.publish("redis:8.2.1".to_owned(), digest('9'));
    refused(&stack, Some("8.2.1"), "path");
}

#[test]
fn bitnami_does_not_jump() {
    let mut stack = Stack::bitnami();
    stack.registry.publish("redis:7.4.6".to_owned(), digest('9'));
    refused(&stack, Some("7.4.6"), "path");
}

#[test]
fn a_volume_that_is_missing_full_or_elsewhere() {
    let mut stack = Stack::official("6.2.14");
    stack.redis().volume.as_mut().unwrap().used_mb = 2_600;
    refused(&stack, Some("7.0.15"), "backup");
    stack.redis().volume.as_mut().unwrap().used_mb = 1;
    stack.redis().volume.as_mut().unwrap().mount = "/bitnami/redis/data".to_owned();
    refused(&stack, Some("7.0.15"), "mount");
    stack.redis().volume = None;
    refused(&stack, Some("7.0.15"), "volume");
}

#[test]
fn a_server_that_is_not_reachable_not_a_primary_or_loading() {
    let mut stack = Stack::official("6.2.14");
    stack.info.insert("role".to_owned(), "slave".to_owned());
    refused(&stack, Some("7.0.15"), "role");
    stack.info.insert("role".to_owned(), "master".to_owned());
    stack.info.insert("loading".to_owned(), "1".to_owned());
    refused(&stack, Some("7.0.15"), "loading");
    stack.info.insert("cluster_enabled".to_owned(), "1".to_owned());
    refused(&stack, Some("7.0.15"), "mode");
    stack.down = Some(Failure::transiently("redis:unreachable", "could not reach the server"));
    refused(&stack, Some("7.0.15"), "server");
}

#[test]
fn a_primary_that_others_follow() {
    let mut stack = Stack::official("6.2.14");
    stack.info.insert("connected_slaves".to_owned(), "1".to_owned());
    refused(&stack, Some("7.0.15"), "followers");
    stack.info.insert("connected_slaves".to_owned(), "0".to_owned());
    stack.sessions.push_str("id=3 addr=10.0.0.3:7 name=sentinel-0a1b2c3d-cmd user=default\n");
    refused(&stack, Some("7.0.15"), "followers");
}

#[test]
fn data_in_a_folder_that_the_next_start_does_not_read() {
    for (live, flag, id) in
        [("/data/other", "", "dir"), ("/tmp", "", "dir"), ("/data2", " --dir /data2", "mount")]
    {
        let mut stack = Stack::official("6.2.14");
        stack.config.insert("dir".to_owned(), live.to_owned());
        for (_, command) in &mut stack.redis().settings {
            *command = command.replace(" --appendonly", &format!("{flag} --appendonly"));
        }
        refused(&stack, Some("7.0.15"), id);
    }
    let mut bitnami = Stack::bitnami();
    bitnami.redis().volume.as_mut().unwrap().mount = "/bitnami/redis/dat".to_owned();
    refused(&bitnami, Some("7.2.4"), "mount");
}

#[test]
fn what_the_official_image_could_not_be_told() {
    let stack = Stack::bitnami();
    for (name, value) in [
        ("REDIS_ACLFILE", "/bitnami/redis/users.acl"),
        ("REDIS_TLS_ENABLED", "yes"),
        ("REDIS_EXTRA_FLAGS", "--maxclients 300 --loadmodule /x.so"),
        ("REDIS_DISABLE_COMMANDS", "FLUSHALL"),
    ] {
        let mut stack = stack.clone();
        let variables = stack.variables.get_mut("redis").unwrap();
        variables.push((name.to_owned(), value.to_owned()));
        refused(&stack, Some("7.2.4"), "bitnami-only");
    }
    let mut unread = stack.clone();
    unread.config_refused = true;
    refused(&unread, Some("7.2.4"), "settings-unread");
    let mut users = stack.clone();
    users.sessions.push_str("id=4 addr=10.0.0.4:7 name= user=worker\n");
    refused(&users, Some("7.2.4"), "users");
    let mut other = stack.clone();
    other
        .variables
        .get_mut("redis")
        .unwrap()
        .push(("RAILWAY_RUN_UID".to_owned(), "1001".to_owned()));
    refused(&other, Some("7.2.4"), "user");
}

#[test]
fn a_server_without_room_for_what_the_plan_writes() {
    let mut stack = Stack::bitnami();
    stack.info.insert("aof_enabled".to_owned(), "0".to_owned());
    stack.config.insert("appendonly".to_owned(), "no".to_owned());
    stack.redis().volume.as_mut().unwrap().used_mb = 1_700;
    refused(&stack, Some("7.2.4"), "disk");
}

#[test]
fn a_full_cache_is_not_forbidden_to_evict() {
    let mut stack = Stack::official("6.2.14");
    stack.config.insert("maxmemory-policy".to_owned(), "allkeys-lru".to_owned());
    stack.config.insert("maxmemory".to_owned(), "1200000".to_owned());
    stack.redis().settings[0].1 = "redis-server --appendonly yes --maxmemory 1200000".to_owned();
    refused(&stack, Some("7.0.15"), "memory-full");
}

#[test]
fn a_read_that_is_not_granted_is_not_disguised() {
    let mut stack = Stack::official("6.2.14");
    let Failure::Permanent(problem) = Failure::permanently("grant:missing", "not granted") else {
        unreachable!()
    };
    stack.down = Some(Failure::Denied(problem));
    let failure = plan(&stack, &Declared::default(), &target(Some("7.0.15"), &[])).unwrap_err();
    assert!(failure.is_denied());
}

#[test]
fn another_owner() {
    let mut stack = Stack::official("6.2.14");
    stack.staged.push("litellm: LOG=1".to_owned());
    refused(&stack, Some("7.0.15"), "staged");
    stack.staged.clear();
    stack.redis().settings.push(("auto-updates".to_owned(), "minor".to_owned()));
    refused(&stack, Some("7.0.15"), "auto-updates");
    stack.redis().settings.pop();
    let mut newest = deployment("d2", digest('c'));
    newest.status = DeploymentStatus::InProgress("BUILDING".to_owned());
    stack.deployments.get_mut("redis").unwrap().insert(0, newest);
    refused(&stack, Some("7.0.15"), "under-way");
}

#[test]
fn data_that_the_next_start_would_not_find() {
    let mut stack = Stack::official("6.2.14");
    stack.redis().settings.clear();
    refused(&stack, Some("7.0.15"), "persistence-drift");
    stack.info.insert("aof_enabled".to_owned(), "0".to_owned());
    stack.config.insert("save".to_owned(), String::new());
    refused(&stack, Some("7.0.15"), "persistence-off");
    stack.info.insert("rdb_last_bgsave_status".to_owned(), "err".to_owned());
    refused(&stack, Some("7.0.15"), "persistence-broken");
}

#[test]
fn an_image_that_is_not_known_or_could_not_be_brought_back() {
    let mut stack = Stack::official("6.2.14");
    stack.registry.images.remove(&format!("redis:6.2@{}", digest('a')));
    refused(&stack, Some("7.0.15"), "pin-redis");
    stack.redis().image = Some("valkey/valkey:8".to_owned());
    refused(&stack, Some("7.0.15"), "image");
}

#[test]
fn options_and_names_that_are_not_known() {
    let stack = Stack::official("6.2.14");
    refused_with(&stack, Some("7.0.15"), &[("sevice", "x")], "option");
    refused_with(&stack, Some("7.0.15"), &[("service", "cache")], "service");
    refused_with(&stack, Some("7.0.15"), &[("worker", "none")], "service");
}
