//! What the path in place does beside the conversion: addresses instead of references, and limits that Patroni keeps lower.

use lockstep_sdk::testing::{failed, ids, moved, pending, step, waits};
use lockstep_sdk::{Observation, Progress, Undo};

use super::given::{IN_PLACE, kept_with, planned_with};
use super::in_place::{EDGE, converted};
use super::refusals::refused_with;
use super::stack::Stack;
use crate::in_place::moved_text;

const HOST: &str = "postgres.railway.internal";

/// A stack with every kind of address, each at another service.
fn addressed() -> Stack {
    let mut stack = Stack::healthy();
    stack.set("litellm", "DATABASE_URL", "***u");
    let mixed =
        format!("postgres://u:${{{{postgres.POSTGRES_PASSWORD}}}}@{HOST}:5432/litellm_langfuse");
    stack.template.as_mut().unwrap().services[6]
        .variables
        .push(("POSTGRES_PASSWORD".to_owned(), String::new()));
    stack.set("langfuse-web", "DIRECT_URL", &mixed);
    stack.leads("langfuse-web", "DIRECT_URL", HOST);
    stack.set("backup-service", "PGHOST", HOST);
    stack.unseen("backup-service.PGHOST");
    stack
}

#[test]
fn addresses_are_led_to_the_front_and_back_each_in_its_own_way() {
    let (draft, declared) = planned_with(&addressed(), IN_PLACE);
    let all = ids(&draft.steps);
    let at = |id: &str| all.iter().position(|known| *known == id).unwrap_or_else(|| panic!("{id}"));
    assert!(at("front") < at("addresses") && at("hidden-addresses") < at("deploy-litellm"));
    assert_eq!(step(&draft.steps, "addresses").effects.len(), 2);
    let line = declared.line("addresses-langfuse-web");
    let wanted = format!(
        "postgres://u:${{{{{EDGE}.POSTGRES_PASSWORD}}}}@${{{{{EDGE}.RAILWAY_PRIVATE_DOMAIN}}}}:5432/litellm_langfuse"
    );
    assert!(line.contains(&wanted), "{line}");
    assert!(
        declared.line("convert").contains("langfuse-web DIRECT_URL="),
        "Railway leads its reference"
    );
    let host = declared.line("addresses-backup-service");
    assert!(host.contains("PGHOST") && host.contains("RAILWAY_PRIVATE_DOMAIN"), "{host}");
    let hidden = declared.line("hidden-addresses-litellm");
    assert!(hidden.contains(&format!("${{{{{EDGE}.DATABASE_URL}}}}")), "{hidden}");

    // What may be seen is put back by the plan, right when the client is deployed without the front; the rest by the host.
    assert_eq!(step(&draft.steps, "hidden-addresses").undo, Undo::Restore);
    let back = Undo::Steps(vec!["addresses-back".to_owned()]);
    assert_eq!(step(&draft.steps, "addresses").undo, back);
    assert!(declared.line("refer-back-langfuse-web").contains(HOST));
    assert!(declared.line("addresses-back-langfuse-web").contains(HOST));
    let alone = Undo::Steps(vec!["lead-litellm".to_owned()]);
    assert_eq!(step(&draft.steps, "deploy-litellm").undo, alone);
    assert!(!declared.labels().contains(&"return-litellm".to_owned()));
}

#[test]
fn addresses_are_read_back_where_they_are_urls() {
    let given = kept_with(&addressed(), IN_PLACE);
    let mut stack = converted();
    stack.leads("langfuse-web", "DIRECT_URL", HOST);
    failed(&given.check(&stack, "addresses"), "`DIRECT_URL` of `langfuse-web` leads to");
    stack.leads("langfuse-web", "DIRECT_URL", "front");
    assert!(matches!(given.check(&stack, "addresses"), Progress::Done(_)));
    assert!(matches!(given.check(&stack, "hidden-addresses"), Progress::Done(_)));
    stack.leads("litellm", "DATABASE_URL", HOST);
    failed(&given.check(&stack, "hidden-addresses"), "should lead to `front`");
}

#[test]
fn another_service_behind_the_same_public_host_is_not_the_server() {
    let mut stack = Stack::healthy();
    stack.set("postgres", "DATABASE_PUBLIC_URL", "***p");
    stack.leads("postgres", "DATABASE_PUBLIC_URL", "proxy.rlwy.net");
    stack.set("litellm", "REDIS_PUBLIC_URL", "redis://default@proxy.rlwy.net:9998");
    let (draft, _) = planned_with(&stack, IN_PLACE);
    assert!(draft.steps.len() > 1, "{:?}", draft.findings);
    stack.set("litellm", "REDIS_PUBLIC_URL", "redis://default@proxy.rlwy.net:5432");
    refused_with(&stack, IN_PLACE, "references-stuck");
}

/// A server with a limit that Patroni takes less of by itself.
fn limited() -> Stack {
    let mut stack = Stack::healthy();
    stack.databases.overridden[0].1 = "300";
    stack
}

#[test]
fn limits_that_patroni_keeps_lower_are_raised_before_there_are_replicas() {
    let (plain, _) = planned_with(&Stack::healthy(), IN_PLACE);
    assert!(
        ids(&plain.steps).iter().all(|id| !id.starts_with("raise")),
        "100 is what it takes anyway"
    );
    let (draft, declared) = planned_with(&limited(), IN_PLACE);
    let all = ids(&draft.steps);
    let from = all.iter().position(|id| *id == "adopt").unwrap();
    let expected = ["adopt", "raise-max-connections", "raise-server", "replicas"];
    assert_eq!(&all[from..from + 4], &expected);
    assert!(declared.line("raise-max-connections").contains("Raise(\"max_connections\", \"300\")"));
    assert_eq!(
        step(&draft.steps, "raise-server").outage.len(),
        6,
        "the server and everybody who uses it"
    );
}

#[test]
fn a_limit_is_raised_only_where_less_is_configured_and_read_back() {
    let mut given = kept_with(&limited(), IN_PLACE);
    let Observation::Ready(facts) = given.observe(&limited(), "adopt") else { panic!() };
    given.facts.extend(facts);
    let mut stack = converted();
    assert!(matches!(given.check(&stack, "adopt"), Progress::Done(_)), "it is raised later");
    let done = |stack: &Stack, step: &str| {
        matches!(given.observe(stack, step), Observation::NothingToDo(_))
    };
    pending(&given.check(&stack, "raise-max-connections"), "does not say yet");
    // What runs says nothing of what it starts with.
    stack.databases.overridden[0].1 = "300";
    for (says, is_done) in [
        (r#"{"parameters": {}}"#, false),
        (r#"{"parameters": {"max_connections": 200}}"#, false),
        (r#"{"parameters": {"max_connections": 3000}}"#, true),
        (r#"{"parameters": {"max_connections": "300"}}"#, true),
        (r#"{"parameters": {"max_connections": 300}}"#, true),
    ] {
        stack.patroni.says = says;
        let found = given.check(&stack, "raise-max-connections");
        assert_eq!(matches!(found, Progress::Done(_)), is_done, "{says}");
        assert_eq!(done(&stack, "raise-max-connections"), is_done, "{says}");
    }
}

/// What the server's own node says while it waits for a restart, and while it does not.
const WAITS: &str = r#"{"pending_restart": true, "patroni": {"version": "3.0.2"}}"#;
const AT_EASE: &str = r#"{"patroni": {"version": "3.0.2"}}"#;

#[test]
fn the_server_restarts_only_while_it_waits_for_that_and_is_judged_by_what_is_seen_afterwards() {
    let given = kept_with(&limited(), IN_PLACE);
    let with = |limit: &'static str, says: &'static str| {
        let mut stack = converted();
        (stack.databases.overridden[0].1, stack.patroni.says) = (limit, says);
        stack
    };
    let step = "raise-server";
    let done = given.observe(&with("300", AT_EASE), step);
    assert!(matches!(done, Observation::NothingToDo(_)), "{done:?}");
    waits(&given.observe(&with("100", WAITS), step), "may not have taken up");
    let ready = given.observed(&with("100", WAITS), step);
    assert!(matches!(ready, Observation::Ready(_)), "{ready:?}");
    waits(&given.observe(&with("100", AT_EASE), step), "waits for no restart");
    moved(&given.observed(&with("100", AT_EASE), step), "max_connections is 100 and was 300");
    waits(&given.observe(&with("300", WAITS), step), "waits for a restart still");
    let ready = given.observed(&with("300", WAITS), step);
    assert!(matches!(ready, Observation::Ready(_)), "{ready:?}");
    waits(&given.observe(&with("300", ""), step), "can't be told");

    assert!(matches!(given.check(&with("300", AT_EASE), step), Progress::Done(_)));
    pending(&given.check(&with("100", AT_EASE), step), "max_connections is 100 and was 300");
    for says in [WAITS, ""] {
        pending(&given.check(&with("300", says), step), "waits for a restart");
    }
    let mut stack = with("300", AT_EASE);
    stack.patroni.leads = Some(false);
    pending(&given.check(&stack, step), "does not lead");
}

#[test]
fn a_reference_that_moves_keeps_everything_around_it() {
    let text = "postgresql://${{postgres.PGUSER}}@x:${{ postgres.PGPORT }}/y?z=${{A}}";
    let expected = "postgresql://${{Postgres HA.PGUSER}}@x:${{Postgres HA.PGPORT}}/y?z=${{A}}";
    assert_eq!(moved_text(text, "postgres", EDGE), expected);
}
