//! What forbids a plan, and that nothing is declared then.

use lockstep_sdk::testing::{Declared, Tested, digest, finding};
use lockstep_sdk::{DeploymentStatus, Failure};

use super::given::{TO, drafted};
use super::sql::{CARRIES, HISTORY, NOTES, REHEARSAL, SUPERUSER};
use super::stack::{Stack, target};
use crate::path::plan;

/// Demands that the plan is refused by this finding, and that it says what to do.
#[track_caller]
fn refused(change: impl FnOnce(&mut Stack), to: &str, id: &str, part: &str) {
    let mut stack = Stack::healthy();
    change(&mut stack);
    let (draft, declared) = drafted(&stack, to, &[]);
    let refusal = draft.findings.iter().find(|it| it.refuses() && it.id == id);
    let refusal = refusal.unwrap_or_else(|| panic!("not refused by `{id}`: {:#?}", draft.findings));
    let shown = format!("{} {} {:?}", refusal.title, refusal.evidence.join(" "), refusal.remedy);
    assert!(shown.contains(part), "{shown}");
    assert!(draft.steps.is_empty() && draft.undo.is_empty() && draft.watches.is_empty());
    assert!(declared.labels().is_empty(), "nothing is declared");
}

#[test]
fn versions_that_nobody_may_run_are_refused_with_their_reason() {
    refused(|_| {}, "1.82.7", "denied", "malicious");
    refused(|_| {}, "v1.82.8-stable", "denied", "malicious");
    refused(|_| {}, "v1.78.0-stable", "denied", "memory");
}

#[test]
fn what_is_no_target_is_refused() {
    refused(|_| {}, "main-stable", "target", "may become any version");
    refused(|_| {}, "1.84", "target", "may become any version");
    refused(|_| {}, "1.107.0-rc.1", "target", "not released");
    refused(|_| {}, "1.64.0", "target", "no history");
    refused(|_| {}, "newest", "target", "understands");
    refused(|_| {}, "1.95.0", "target", "main-v1.95.0-stable");
    let digest = digest('5');
    refused(|_| {}, &format!("1.84.0@{digest}"), "target", "555555555555");
}

#[test]
fn an_older_version_is_a_way_back_and_says_how_that_is_gone() {
    refused(|_| {}, "1.70.0", "downgrade", "lockstep rollback");
    refused(|_| {}, "1.70.0", "downgrade", "_prisma_migrations");
}

#[test]
fn sources_of_the_version_that_do_not_agree_are_refused() {
    refused(
        |it| *it = it.clone().running("1.81.0", "main-v1.80.0-stable", 'a'),
        TO,
        "version",
        "do not agree",
    );
    refused(|it| it.proxy.header = Some("1.79.0"), TO, "version", "x-litellm-version: 1.79.0");
    let unknown = |it: &mut Stack| it.proxy.version = None;
    refused(unknown, TO, "version", "not known");
}

#[test]
fn a_proxy_that_does_not_work_is_not_upgraded() {
    refused(|it| it.proxy.db = "Not connected", TO, "proxy", "Not connected");
    refused(|it| it.proxy.status = 503, TO, "proxy", "503");
    refused(
        |it| it.proxy.down = Some(Failure::transiently("http:connection", "refused")),
        TO,
        "proxy",
        "refused",
    );
    refused(
        |it| it.databases.down = Some(Failure::transiently("sql:connection", "refused")),
        TO,
        "database",
        "refused",
    );
}

#[test]
fn a_call_that_is_not_granted_is_no_finding() {
    let denied = Failure::Denied(Failure::permanently("grant", "not granted").problem().clone());
    for change in [
        |it: &mut Stack, why| it.proxy.down = Some(why),
        |it: &mut Stack, why| it.databases.down = Some(why),
    ] {
        let mut stack = Stack::healthy();
        change(&mut stack, denied.clone());
        let answer = plan(&stack, &Declared::default(), &target(Some(TO), &[]));
        assert!(answer.is_err_and(|failure| failure.is_denied()));
    }
}

#[test]
fn a_database_that_can_not_be_migrated_or_rehearsed_is_refused() {
    refused(|it| it.databases.homes.clear(), TO, "tables", "connection `postgres`");
    refused(|it| it.databases.homes.push("other"), TO, "tables", "2");
    refused(|it| it.databases.truths[CARRIES] = false, TO, "rehearsal", "dblink");
    refused(|it| it.databases.truths[SUPERUSER] = false, TO, "rehearsal-role", "no superuser");
    refused(|it| it.databases.truths[HISTORY] = false, TO, "history", "db push");
    refused(|it| it.databases.truths[REHEARSAL] = true, TO, "rehearsal-left", "DROP DATABASE");
    refused(|it| it.databases.truths[NOTES] = true, TO, "notes-left", "DROP SCHEMA");
    let half =
        |it: &mut Stack| it.databases.unended.push(("20260101_half", "timed\u{1b}[2J out\nafter"));
    refused(half, TO, "unfinished", "20260101_half: timed [2J out after");
}

#[test]
fn a_version_that_migrates_by_comparison_is_refused_beside_others_tables() {
    let old = |it: &mut Stack| {
        *it = it.clone().running("1.65.0", "main-v1.65.0-stable", '8');
        it.publish("main-v1.65.0-stable", '8');
    };
    refused(old, "1.70.0", "resolver", "db push --accept-data-loss");
    let mut alone = Stack::healthy();
    old(&mut alone);
    alone.databases.foreign.clear();
    let (draft, _) = drafted(&alone, "1.70.0", &[]);
    assert!(!finding(&draft, "resolver").refuses() && !draft.steps.is_empty());
}

#[test]
fn what_others_are_doing_is_refused() {
    refused(|it| it.staged.push("a variable".to_owned()), TO, "staged", "a variable");
    let under_way = |name: &'static str| {
        move |it: &mut Stack| {
            it.deployments.get_mut(name).unwrap()[0].status =
                DeploymentStatus::InProgress("BUILDING".to_owned());
        }
    };
    refused(under_way("postgres"), TO, "under-way", "building");
    refused(|it| it.setting("litellm", "auto-updates", "patch"), TO, "auto-updates", "patch");
    refused(|it| it.setting("litellm", "replicas", "2"), TO, "replicas", "one replica");
    let job = |it: &mut Stack| {
        let mut job = it.services[0].clone();
        job.name = "litellm-migration".to_owned();
        it.services.push(job);
    };
    refused(job, TO, "job-service", "delete it");
}

#[test]
fn what_could_not_be_gone_back_to_is_refused() {
    refused(|it| it.service("postgres").volume = None, TO, "volume", "database-service");
    refused(
        |it| it.service("postgres").volume.as_mut().unwrap().used_mb = 3_000,
        TO,
        "backup",
        "half",
    );
    let elsewhere = |it: &mut Stack| {
        it.database_is_at("other.railway.internal");
        it.set("litellm", "DATABASE_URL", "***u");
    };
    refused(elsewhere, TO, "leads", "other.railway.internal");
    refused(|it| it.destinations.clear(), TO, "leads", "renders to nothing");
    let unpublished = |it: &mut Stack| {
        it.publish("main-stable", '7');
        it.publish("main-v1.80.0-stable", '7');
    };
    refused(unpublished, TO, "pin-litellm", "not there to pull");
    refused(
        |it| it.service("litellm").image = Some("example/proxy:1.80.0".to_owned()),
        TO,
        "image",
        "example/proxy",
    );
}

#[test]
fn a_master_key_that_is_missing_or_weak_for_the_target_is_refused() {
    refused(|it| it.unset("litellm", "LITELLM_MASTER_KEY"), TO, "master-key", "whoever reaches it");
    let weak = |it: &mut Stack| it.set("litellm", "LITELLM_MASTER_KEY", "sk-1234");
    refused(weak, "1.106.2", "master-key", "does not start");
    let mut stack = Stack::healthy();
    weak(&mut stack);
    stack.set("litellm", "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY", "true");
    let (draft, _) = drafted(&stack, "1.106.2", &[]);
    assert!(!finding(&draft, "master-key").refuses(), "an operator said so");
    let mut stack = Stack::healthy();
    weak(&mut stack);
    let (draft, _) = drafted(&stack, TO, &[]);
    assert!(!finding(&draft, "master-key").refuses() && !draft.steps.is_empty());
    assert!(!format!("{:?}", draft.findings).contains("sk-1234"), "a key is never shown");
}

#[test]
fn other_components_options_and_services_are_named() {
    let mut other = target(Some(TO), &[]);
    other.component = "redis".to_owned();
    let draft = Stack::healthy().drafted(&other).0;
    assert!(finding(&draft, "component").refuses());
    for (options, id) in [
        (&[("no", "1")][..], "option"),
        (&[("service", "proxy")], "service"),
        (&[("database-service", "db")], "service"),
    ] {
        let (draft, declared) = drafted(&Stack::healthy(), TO, options);
        assert!(finding(&draft, id).refuses() && declared.labels().is_empty());
    }
}
