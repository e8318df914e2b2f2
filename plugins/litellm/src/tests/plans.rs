//! What plans consist of.

use lockstep_sdk::testing::{Tested, digest, finding, ids, step};
use lockstep_sdk::{Drive, Gate, Undo};

use super::given::{TO, planned, planned_with};
use super::stack::{Stack, target};
const MASTER: &str = "[x-litellm-api-key: Bearer <LITELLM_MASTER_KEY of litellm>] \
    [api-key: <LITELLM_MASTER_KEY of litellm>]";
const COMPLETION: &str = "{\"model\":\"claude\",\"messages\":[{\"role\":\"user\",\"content\":\"lockstep\"}],\"mock_response\":\"lockstep: ok\",\"cache\":{\"no-cache\":true,\"no-store\":true}}";

const STEPS: [&str; 18] = [
    "keep", "pin", "grace", "dry", "before", "review", "scratch", "schema", "stage", "rehearse",
    "backup", "job", "migrate", "migrated", "switch", "smoke", "soak", "close",
];

#[test]
fn the_migration_is_rehearsed_then_run_and_only_then_the_version_is_switched() {
    let (draft, declared) = planned(&Stack::healthy(), TO);
    assert_eq!(ids(&draft.steps), STEPS);
    assert_eq!(
        ids(&draft.undo),
        ["back-smoke", "scratch-undo", "rehearse-undo", "migrate-undo", "switch-undo"]
    );
    assert_eq!((draft.current.text.as_str(), draft.desired.text.as_str()), ("1.80.0", TO));
    assert_eq!(draft.current.digest, Some(digest('a')));
    assert_eq!(draft.desired.digest, Some(digest('c')));
    assert_eq!(
        declared.line("pin-litellm"),
        format!("set-image litellm ghcr.io/berriai/litellm-database:main-stable@{}", digest('a'))
    );
    assert_eq!(
        declared.line("grace-litellm"),
        "set-settings litellm [(\"draining-seconds\", \"60\"), (\"overlap-seconds\", \"30\")]"
    );
    assert_eq!(
        declared.line("health"),
        "set-settings litellm [(\"healthcheck-path\", \"/health/liveliness\"), (\"healthcheck-timeout\", \"900\")]"
    );
    assert_eq!(step(&draft.steps, "dry").effects, ["freeze", "dry-deploy"]);
    assert_eq!(
        declared.line("freeze"),
        "set-variables litellm [(\"DISABLE_SCHEMA_UPDATE\", \"true\")]"
    );
    let before = ["models-before", "key-before", "answer-before", "key-end-before"];
    assert_eq!(step(&draft.steps, "before").effects, before);
    assert_eq!(
        declared.line("models-before"),
        format!("litellm GET /v1/models {MASTER}  (models from /data)")
    );
}

#[test]
fn gates_stand_where_a_person_must_have_looked() {
    let (draft, _) = planned(&Stack::healthy(), TO);
    let gated: Vec<_> = draft.steps.iter().filter(|step| !step.gates.is_empty()).collect();
    assert_eq!(gated.iter().map(|step| step.id.as_str()).collect::<Vec<_>>(), ["keep", "review"]);
    let [Gate::Approval(question)] = step(&draft.steps, "review").gates.as_slice() else {
        panic!()
    };
    assert!(question.contains("after 1.80.0, up to 1.84.0"), "{question}");
    assert!(
        draft.steps.iter().all(|step| step.loss.is_none()),
        "an additive migration loses nothing"
    );
    assert!(draft.steps.iter().all(|step| step.outage.is_empty()), "the proxy answers throughout");
}

#[test]
fn the_rehearsal_is_the_targets_own_job_on_a_copy() {
    let (draft, declared) = planned(&Stack::healthy(), TO);
    assert_eq!(
        declared.line("scratch"),
        "alone postgres CREATE DATABASE \"lockstep_rehearsal\" TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' \
         (SELECT count(*) > 0 FROM pg_database d WHERE d.datname = 'lockstep_rehearsal')"
    );
    assert!(
        declared.line("scratch-undo").starts_with(
            "alone postgres DROP DATABASE IF EXISTS \"lockstep_rehearsal\" WITH (FORCE)"
        )
    );
    assert_eq!(
        declared.line("schema-before"),
        "copy-schema postgres litellm-scratch Part::BeforeRows"
    );
    assert_eq!(
        declared.line("schema-after"),
        "copy-schema postgres litellm-scratch Part::AfterRows"
    );
    let carry = declared.line("carry");
    assert!(carry.starts_with("transaction litellm-scratch CREATE EXTENSION IF NOT EXISTS dblink; INSERT INTO \"public\".\"_prisma_migrations\""), "{carry}");
    assert!(
        carry.contains("FROM dblink(<postgres seen by postgres>, 'SELECT id,")
            && carry.ends_with("; DROP EXTENSION dblink"),
        "{carry}"
    );
    assert_eq!(
        declared.line("stage"),
        format!(
            "create litellm-rehearsal ghcr.io/berriai/litellm-database:1.84.0@{} DATABASE_URL=<litellm-scratch seen by the made litellm-rehearsal> \
             DISABLE_SCHEMA_UPDATE=false ENFORCE_PRISMA_MIGRATION_CHECK=true LITELLM_LOCAL_MODEL_COST_MAP=True \
             USE_PRISMA_MIGRATE=True USE_V2_MIGRATION_RESOLVER=true",
            digest('c')
        )
    );
    assert_eq!(
        declared.line("stage-settings"),
        "set-made litellm-rehearsal [(\"restart-policy\", \"NEVER\"), (\"start-command\", \"python litellm/proxy/prisma_migration.py\")]"
    );
    assert_eq!(declared.line("rehearse"), "deploy-made litellm-rehearsal");
    assert_eq!(step(&draft.steps, "stage").undo, Undo::Restore);
    assert_eq!(step(&draft.steps, "scratch").undo, Undo::Steps(vec!["scratch-undo".to_owned()]));
    assert_eq!(step(&draft.steps, "rehearse").undo, Undo::Steps(vec!["rehearse-undo".to_owned()]));
}

#[test]
fn the_database_is_backed_up_and_migrated_by_the_same_job() {
    let (draft, declared) = planned(&Stack::healthy(), TO);
    assert_eq!(step(&draft.steps, "backup").effects, ["backup", "backup-lock"]);
    assert_eq!(declared.line("backup"), "backup-volume postgres");
    let migrate = step(&draft.steps, "migrate");
    assert_eq!(migrate.effects, ["migrate-rows", "migrate"]);
    assert!(migrate.needs.contains(&"rehearse".to_owned()));
    let job = declared.line("job");
    assert!(
        job.starts_with("create litellm-migration ghcr.io/berriai/litellm-database:1.84.0@"),
        "{job}"
    );
    assert!(job.contains(" DATABASE_URL=<DATABASE_URL of litellm> "), "{job}");
    assert_eq!(
        declared.line("job-settings"),
        declared.line("stage-settings").replace("rehearsal", "migration")
    );
    assert_eq!(step(&draft.steps, "job").undo, Undo::Restore);
    assert!(declared.line("migrate-rows").contains(
        "CREATE TABLE lockstep_litellm.history AS SELECT m.id::text AS id, false AS made"
    ));
    assert_eq!(step(&draft.steps, "migrated").effects, ["note-made", "scratch-end"]);
}

#[test]
fn the_switch_sets_what_keeps_a_wrong_schema_from_being_served() {
    let (draft, declared) = planned(&Stack::healthy(), TO);
    assert_eq!(
        step(&draft.steps, "switch").effects,
        ["switch-variables", "switch-health", "switch-image", "switch-deploy"]
    );
    assert_eq!(
        declared.line("switch-variables"),
        "set-variables litellm [(\"ENFORCE_PRISMA_MIGRATION_CHECK\", \"true\")]"
    );
    assert!(declared.line("switch-health").contains("/health/readiness"));
    assert_eq!(
        declared.line("switch-image"),
        format!("set-image litellm ghcr.io/berriai/litellm-database:1.84.0@{}", digest('c'))
    );
    let smoke = ["models-after", "version-after", "key-after", "answer-after", "key-end-after"];
    assert_eq!(step(&draft.steps, "smoke").effects, smoke);
    assert!(declared.line("version-after").contains("GET /health/readiness/details"));
    let soak = step(&draft.steps, "soak");
    assert_eq!(soak.soak, Some(24 * 60 * 60 * 1_000));
    assert_eq!(step(&draft.steps, "close").effects, ["notes-end", "stage-delete", "job-delete"]);
    assert_eq!(
        draft.watches.iter().map(|it| (it.id.as_str(), it.trigger.as_str())).collect::<Vec<_>>(),
        [("serving", "unhealthy"), ("schema", "unhealthy"), ("spend", "told")]
    );
}

#[test]
fn a_key_goes_from_one_request_to_the_next_without_being_seen() {
    let (draft, declared) = planned(&Stack::healthy(), TO);
    let smoke = step(&draft.steps, "smoke");
    assert_eq!((&smoke.drive, smoke.rounds), (&Drive::Guided, 3));
    let made = declared.line("key-after");
    assert!(made.contains(MASTER) && made.ends_with("(key from /key secretly)"), "{made}");
    // Newer versions would call a provider for a key that does not say so.
    assert!(made.contains("\"allow_client_mock_response\":true"), "{made}");
    assert_eq!(
        declared.line("answer-after"),
        format!(
            "litellm POST /v1/chat/completions [content-type: application/json] [x-litellm-api-key: Bearer <argument key>] \
             [api-key: <argument key>] {COMPLETION} (answer from /choices/0/message/content) (request from /id) {{key given as key by key-after}}"
        )
    );
    let ended = declared.line("key-end-after");
    assert!(
        ended.contains("/key/delete")
            && ended.contains("{\"keys\":[\"<argument key>\"]}")
            && ended.contains(MASTER),
        "{ended}"
    );
    let guided = draft.steps.iter().chain(&draft.undo).filter(|step| step.drive == Drive::Guided);
    assert_eq!(guided.map(|step| step.id.as_str()).collect::<Vec<_>>(), ["before", "smoke"]);
}

#[test]
fn what_stands_already_is_not_set_again() {
    let mut stack =
        Stack::healthy().running("1.80.0", &format!("main-v1.80.0-stable@{}", digest('a')), 'a');
    for (name, value) in [
        ("healthcheck-path", "/health/readiness"),
        ("healthcheck-timeout", "900"),
        ("draining-seconds", "90"),
        ("overlap-seconds", "30"),
    ] {
        stack.setting("litellm", name, value);
    }
    stack.set("litellm", "DISABLE_SCHEMA_UPDATE", "True");
    stack.set("litellm", "ENFORCE_PRISMA_MIGRATION_CHECK", "true");
    let (draft, _) = planned(&stack, TO);
    let left: Vec<&str> = STEPS.into_iter().filter(|id| !["pin", "grace"].contains(id)).collect();
    assert_eq!(ids(&draft.steps), left);
    assert_eq!(step(&draft.steps, "dry").effects, ["dry-deploy"]);
    assert_eq!(step(&draft.steps, "switch").effects, ["switch-image", "switch-deploy"]);
}

#[test]
fn a_new_version_is_asked_for_its_version_with_a_key_already_before() {
    let mut stack = Stack::healthy().running("1.84.0", "1.84.0", 'c');
    stack.proxy.version = None;
    let (draft, declared) = planned(&stack, "1.106.2");
    assert_eq!(step(&draft.steps, "before").effects[..2], ["models-before", "version-before"]);
    assert_eq!(step(&draft.undo, "back-smoke").effects, ["back-models", "back-version"]);
    assert!(declared.line("health").contains("/health/readiness"));
    assert_eq!(finding(&draft, "version").severity, lockstep_sdk::Severity::Warning);
}

#[test]
fn both_proxies_serve_for_as_long_as_the_old_one_needs_to_write_its_spend() {
    let mut stack = Stack::healthy();
    stack.set("litellm", "PROXY_BATCH_WRITE_AT", "60");
    let (_, declared) = planned(&stack, TO);
    assert!(declared.line("grace-litellm").contains("(\"overlap-seconds\", \"120\")"));
    stack.setting("litellm", "overlap-seconds", "300");
    let (_, declared) = planned(&stack, TO);
    assert!(!declared.line("grace-litellm").contains("overlap-seconds"), "more is not cut");
}

#[test]
fn a_path_that_needs_no_key_is_left_where_the_new_version_has_no_better_one() {
    let mut stack = Stack::healthy();
    stack.setting("litellm", "healthcheck-path", "/health/liveness");
    let (_, declared) = planned(&stack, "v1.83.3-stable.patch.2");
    assert_eq!(
        declared.line("health"),
        "set-settings litellm [(\"healthcheck-timeout\", \"900\")]"
    );
    assert!(!declared.labels().contains(&"switch-health".to_owned()));
    let (_, declared) = planned(&stack, TO);
    assert!(declared.line("switch-health").contains("/health/readiness"));
    assert!(declared.line("back-health").contains("/health/liveness"));
}

#[test]
fn without_a_model_nothing_is_asked_of_one() {
    let mut stack = Stack::healthy();
    stack.databases.models = vec!["openai/*"];
    let (draft, _) = planned(&stack, TO);
    assert!(draft.steps.iter().all(|step| step.drive == Drive::Listed));
    assert_eq!(step(&draft.steps, "smoke").effects, ["models-after", "version-after"]);
    assert!(draft.uncovered.iter().any(|line| line.contains("no model is known")));
    let (_, declared) = planned_with(&stack, TO, &[("model", "a \"b\"")]);
    assert!(declared.line("answer-after").contains("{\"model\":\"a \\\"b\\\"\""));
}

#[test]
fn a_destructive_migration_is_accepted_by_an_option_alone_and_asks_a_person() {
    let (draft, _) = planned_with(&Stack::healthy(), TO, &[("destructive", "accepted")]);
    let migrate = step(&draft.steps, "migrate");
    assert!(migrate.loss.as_deref().is_some_and(|loss| loss.contains("Langfuse included")));
    assert!(matches!(migrate.gates.as_slice(), [Gate::Approval(_)]));
    let others = draft.steps.iter().filter(|step| step.id != "migrate");
    assert!(others.into_iter().all(|step| step.loss.is_none()));
}

#[test]
fn without_a_version_the_newest_release_that_nothing_speaks_against_is_taken() {
    let plan_of = |stack: &Stack| stack.drafted(&target(None, &[])).0;
    assert_eq!(plan_of(&Stack::healthy()).desired.text, "1.106.2");
    let mut stack = Stack::healthy();
    stack.withdraw("1.106.2");
    // 1.92.0 is published too, and went wrong for people.
    assert_eq!(plan_of(&stack).desired.text, "1.84.0");
    stack.releases.0 = 403;
    let draft = plan_of(&stack);
    assert!(draft.steps.is_empty() && finding(&draft, "target").evidence[0].contains("403"));
}

#[test]
fn what_a_plan_leads_to_can_be_asked_for_again() {
    for to in ["1.84.0", "v1.83.3-stable.patch.2", "1.106.2"] {
        let (draft, declared) = planned(&Stack::healthy(), to);
        let (again, same) = planned(&Stack::healthy(), &draft.desired.text);
        assert_eq!((&draft.steps, &draft.parameters), (&again.steps, &again.parameters));
        assert_eq!(declared.lines(), same.lines());
    }
}

#[test]
fn the_wanted_image_that_runs_already_needs_no_plan() {
    let mut stack = Stack::healthy();
    stack.staged.push("somebody's variable".to_owned());
    let (draft, declared) = planned(&stack, "1.80.0");
    assert!(draft.steps.is_empty() && declared.labels().is_empty());
    assert!(finding(&draft, "path").title.starts_with("nothing to do"));
}
