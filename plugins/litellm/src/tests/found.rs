//! What plans say about what they found, where it forbids nothing.

use lockstep_sdk::Severity;
use lockstep_sdk::testing::finding;

use super::given::{TO, drafted, planned};
use super::stack::{Stack, releases};
#[track_caller]
fn says(change: impl FnOnce(&mut Stack), id: &str, severity: &Severity, part: &str) {
    let mut stack = Stack::healthy();
    change(&mut stack);
    let (draft, _) = planned(&stack, TO);
    let found = finding(&draft, id);
    assert_eq!(found.severity, *severity, "{found:#?}");
    let shown = format!("{} {} {:?}", found.title, found.evidence.join(" "), found.remedy);
    assert!(shown.contains(part), "{shown}");
}

const NOTE: Severity = Severity::Note;
const WARNING: Severity = Severity::Warning;

#[test]
fn three_sources_tell_the_version() {
    says(
        |it| it.proxy.header = Some("1.80.0"),
        "version",
        &NOTE,
        "x-litellm-version: 1.80.0 readiness: 1.80.0 image main-v1.80.0-stable",
    );
    // No exact tag leads to what runs.
    says(|it| it.withdraw("main-v1.80.0-stable"), "version", &WARNING, "as the proxy tells");
    let by_tag = |it: &mut Stack| {
        *it = it.clone().running("1.80.0", "main-v1.80.0-stable", 'a');
        it.proxy.version = None;
    };
    says(by_tag, "version", &WARNING, "without a key");
    let with_key = |it: &mut Stack| {
        by_tag(it);
        it.proxy.details = Some("1.80.0");
    };
    says(with_key, "version", &NOTE, "readiness details: 1.80.0");
}

#[test]
fn every_release_in_between_is_told_and_no_other() {
    let (draft, _) = planned(&Stack::healthy(), TO);
    let found = finding(&draft, "releases");
    assert_eq!(found.severity, WARNING);
    assert_eq!(
        found.evidence,
        [
            "1.84.0 (2026-01-02)",
            "1.84.0: BREAKING: keys of 1.84.0",
            "v1.83.3-stable.patch.2 (2026-01-02)",
            "v1.83.3-stable.patch.2: BREAKING: keys of v1.83.3-stable.patch.2",
        ]
    );
    assert_eq!(found.mended_by, ["review"]);
    says(|it| it.releases = (200, releases(&["1.79.0"])), "releases", &NOTE, "0 releases");
    says(|it| it.releases = (403, String::new()), "releases", &WARNING, "403");
    says(|it| it.releases = (200, "<html>".to_owned()), "releases", &WARNING, "list of releases");
}

#[test]
fn a_schema_that_is_shared_is_found_by_its_tables() {
    says(|_| {}, "shared", &WARNING, "LiteLLM and Langfuse share this schema");
    says(|_| {}, "shared", &WARNING, "nobody may ever run those");
    says(|it| it.databases.foreign = vec!["media"], "shared", &WARNING, "1 tables: media");
    says(|it| it.databases.foreign.clear(), "shared", &NOTE, "alone");
}

#[test]
fn how_the_proxy_migrates_when_it_starts_is_told() {
    says(|_| {}, "resolver", &NOTE, "whatever a comparison of schemas finds");
    says(|_| {}, "resolver", &NOTE, "is not set: a proxy whose migration failed may serve");
    says(
        |it| it.set("litellm", "USE_V2_MIGRATION_RESOLVER", "True"),
        "resolver",
        &NOTE,
        "by applying what is missing",
    );
    says(
        |it| it.set("litellm", "DISABLE_SCHEMA_UPDATE", "true"),
        "resolver",
        &NOTE,
        "changes no schema",
    );
    says(
        |it| it.set("litellm", "ENFORCE_PRISMA_MIGRATION_CHECK", "true"),
        "resolver",
        &NOTE,
        "does not start",
    );
}

#[test]
fn a_health_path_that_needs_a_key_is_mended() {
    let (draft, _) = planned(&Stack::healthy(), TO);
    let found = finding(&draft, "health-path");
    assert_eq!(
        (found.severity.clone(), found.mended_by.as_slice()),
        (WARNING, &["grace".to_owned()][..])
    );
    says(|it| it.service("litellm").settings.clear(), "health-path", &WARNING, "asks for nothing");
    says(
        |it| it.setting("litellm", "healthcheck-path", "/up"),
        "health-path",
        &WARNING,
        "not known",
    );
    says(
        |it| it.setting("litellm", "healthcheck-path", "/health/liveness"),
        "health-path",
        &NOTE,
        "can tell",
    );
}

#[test]
fn keys_spend_and_size_are_told() {
    says(|_| {}, "salt", &NOTE, "fingerprint");
    says(|it| it.unset("litellm", "LITELLM_SALT_KEY"), "salt", &WARNING, "for good");
    says(|_| {}, "master-key", &NOTE, "can't be seen here");
    says(
        |it| it.set("litellm", "LITELLM_MASTER_KEY", "sk-a-long-enough-key"),
        "master-key",
        &NOTE,
        "not one that is easily guessed",
    );
    says(|_| {}, "spend", &NOTE, "every 10 s");
    says(|_| {}, "spend-logs", &NOTE, "900 rows, 4 MB");
    says(
        |it| it.databases.spend = Some((3 << 30, 9_000_000)),
        "spend-logs",
        &WARNING,
        "blocks its writes",
    );
    says(|it| it.databases.spend = None, "spend-logs", &WARNING, "no table");
    says(|_| {}, "rehearsal", &NOTE, "lockstep_rehearsal");
    says(|_| {}, "superuser", &NOTE, "role `postgres`");
    says(|_| {}, "staging", &NOTE, "elsewhere first");
    says(|_| {}, "stays", &NOTE, "DISABLE_SCHEMA_UPDATE=true");
}

#[test]
fn a_callback_that_this_langfuse_refuses_is_found() {
    says(|_| {}, "callback", &NOTE, "Langfuse 3.225.4");
    says(|it| it.langfuse = "4.16.0", "callback", &WARNING, "no trace arrives");
    let otel = |it: &mut Stack| {
        it.langfuse = "4.16.0";
        it.proxy.callbacks = vec!["langfuse_otel"];
    };
    says(otel, "callback", &NOTE, "langfuse_otel");
    let stored = |it: &mut Stack| {
        otel(it);
        it.databases.settings = Some("{\"success_callback\": [\"langfuse\"]}");
    };
    says(stored, "callback", &WARNING, "no trace arrives");
    let unseen = |it: &mut Stack| {
        it.langfuse = "4.16.0";
        it.proxy.callbacks.clear();
    };
    says(unseen, "callback", &WARNING, "can't be seen");
    let dual = |it: &mut Stack| {
        it.langfuse = "4.16.0";
        it.set("langfuse-web", "LANGFUSE_MIGRATION_V4_WRITE_MODE", "dual");
    };
    says(dual, "callback", &NOTE, "takes");
    let mut alone = Stack::healthy();
    alone.services.retain(|service| service.name != "langfuse-web");
    let (draft, _) = planned(&alone, TO);
    assert!(!draft.findings.iter().any(|found| found.id == "callback"));
}

#[test]
fn a_version_that_went_wrong_for_people_is_told() {
    let (draft, _) = planned(&Stack::healthy(), "1.92.0");
    let found = finding(&draft, "known");
    assert!(!found.refuses() && found.source.as_deref() == Some("litellm#33074"));
}

#[test]
fn the_database_is_known_by_its_domain_or_by_the_reference_to_it() {
    says(|_| {}, "leads", &NOTE, "postgres.railway.internal");
    says(|it| it.database_is_at("db.railway.internal"), "leads", &NOTE, "db.railway.internal");
}

#[test]
fn a_version_that_runs_and_should_not_is_told() {
    let stack = Stack::healthy().running("1.78.0", "v1.78.0-stable", 'e');
    let (draft, _) = planned(&stack, TO);
    assert!(finding(&draft, "denied-running").evidence[0].contains("memory"));
}

#[test]
fn what_others_wrote_is_shown_in_one_bounded_line() {
    let mut stack = Stack::healthy();
    let note = format!("BREAKING \\u001b[2J\\u202e{}", "x".repeat(5_000));
    stack.releases.1 =
        format!(r#"[{{"tag_name":"1.84.0","published_at":"2026-01-02","body":"{note}"}}]"#);
    stack.langfuse = "4.0.0\\u001b[31m";
    let (draft, _) = drafted(&stack, TO, &[]);
    for finding in &draft.findings {
        for line in finding.evidence.iter().chain([&finding.title]) {
            assert!(!line.contains(char::is_control) && !line.contains('\u{202e}'), "{line:?}");
            assert!(line.len() < 600, "{line}");
        }
    }
}
