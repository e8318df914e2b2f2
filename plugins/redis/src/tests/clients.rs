//! Who uses the server, and which ways to run it are no versions.

use lockstep_sdk::testing::{Tested, deployment, digest, location};
use lockstep_sdk::{DeploymentStatus, Finding};

use super::stack::{Stack, target};

fn finding(stack: &Stack, desired: &str, id: &str) -> Option<Finding> {
    let (draft, _) = stack.drafted(&target(Some(desired), &[]));
    draft.findings.into_iter().find(|finding| finding.id == id)
}

fn give(stack: &mut Stack, service: &str, name: &str, value: &str) {
    let variables = stack.variables.entry(service.to_owned()).or_default();
    variables.push((name.to_owned(), value.to_owned()));
}

#[test]
fn a_client_is_found_by_what_its_variable_renders_to_or_holds() {
    let mut stack = Stack::official("6.2.14");
    give(&mut stack, "langfuse-web", "REDIS_CONNECTION_STRING", "***u");
    let server = location("redis", "redis.railway.internal", "");
    stack.leads("langfuse-web", "REDIS_CONNECTION_STRING", server);
    give(&mut stack, "langfuse-worker", "REDIS_AUTH", "***p");
    let found = finding(&stack, "7.0.15", "clients").unwrap().evidence.join("\n");
    for line in [
        "litellm: REDIS_HOST",
        "langfuse-web: REDIS_CONNECTION_STRING (as rendered)",
        "langfuse-worker: REDIS_AUTH (the same password)",
    ] {
        assert!(found.contains(line), "{line}: {found}");
    }
    assert_eq!(finding(&stack, "7.0.15", "clients-unclear"), None);

    let mut unclear = Stack::official("6.2.14");
    let reference = "${{0a1b2c3d-0000-4000-8000-0a1b2c3d4e5f.REDIS_HOST}}";
    give(&mut unclear, "langfuse-web", "REDIS_HOST", reference);
    let found = finding(&unclear, "7.0.15", "clients-unclear").unwrap();
    assert_eq!(found.evidence, ["langfuse-web: REDIS_HOST"]);
}

#[test]
fn a_second_worker_would_work_off_what_the_check_looks_for() {
    let mut stack = Stack::official("6.2.14");
    let mut second = stack.services.iter().find(|it| it.name == "langfuse-worker").unwrap().clone();
    second.name = "ingestion".to_owned();
    second.image = Some("ghcr.io/langfuse/langfuse-worker:3".to_owned());
    stack.services.push(second);
    stack.deployments.insert("ingestion".to_owned(), vec![deployment("d7", digest('c'))]);
    let found = finding(&stack, "7.0.15", "workers").unwrap();
    assert!(found.refuses() && found.evidence[0].starts_with("ingestion"), "{found:?}");

    let mut down = stack.clone();
    down.deployments.get_mut("ingestion").unwrap()[0].status = DeploymentStatus::Removed;
    assert_eq!(finding(&down, "7.0.15", "workers"), None);
    let mut elsewhere = stack.clone();
    give(&mut elsewhere, "ingestion", "REDIS_HOST", "cache-2.railway.internal");
    assert_eq!(finding(&elsewhere, "7.0.15", "workers"), None);
    // A patch stops no worker.
    let mut patched = stack.clone();
    patched.info.insert("redis_version".to_owned(), "7.0.14".to_owned());
    assert_eq!(finding(&patched, "7.0.15", "workers"), None);

    stack.services.retain(|service| service.name != "langfuse-worker");
    let found = finding(&stack, "7.0.15", "workers").unwrap();
    assert!(found.remedy.unwrap().contains("option `worker`"));
}

#[test]
fn what_is_no_version_is_refused_with_what_can_be_done_instead() {
    for (typed, part) in
        [("cluster", "empty"), ("Sentinel", "redis-ha"), ("replication", "redis-ha")]
    {
        let found = finding(&Stack::official("6.2.14"), typed, "topology").unwrap();
        assert!(found.refuses() && found.remedy.as_ref().unwrap().contains(part), "{found:?}");
    }
}
