//! A front that comes first.

use lockstep_sdk::testing::{Tested, failed, ids, pending, step};
use lockstep_sdk::{Observation, Progress, Undo};

use super::checks::copied;
use super::given::{kept_with, planned, planned_with};
use super::refusals::refused_with;
use super::stack::{Stack, target};

const FIRST: &[(&str, &str)] = &[("front-first", "true")];
const THROUGH: &str = "postgresql://postgres:${{pgpool.PGPOOL_POSTGRES_PASSWORD}}@${{postgres-front.RAILWAY_PRIVATE_DOMAIN}}:5432/litellm_langfuse";
const CLIENTS: [&str; 5] =
    ["litellm", "langfuse-web", "langfuse-worker", "backup-service", "health-monitor"];

/// A stack whose cluster has the old server's account.
fn alike() -> Stack {
    let mut stack = Stack::healthy();
    stack.set("pgpool", "PGPOOL_POSTGRES_PASSWORD", "${{postgres.POSTGRES_PASSWORD}}");
    stack
}

#[test]
fn everybody_is_led_through_it_before_the_copy_and_only_it_is_switched() {
    let (draft, declared) = planned_with(&alike(), FIRST);
    let order = ids(&draft.steps);
    let at = |id: &str| order.iter().position(|known| *known == id).unwrap();
    assert!(at("link-end") < at("front") && at("front") < at("through"));
    assert!(at("through") < at("schema") && at("release") + 1 == at("switch"));
    assert!(at("switch") + 1 == at("prove"), "nobody is deployed in between");
    assert!(declared.line("front").contains("create postgres-front ghcr.io/"));
    assert!(
        declared
            .line("front")
            .contains("(\"POSTGRES_NODES\", \"${{postgres.RAILWAY_PRIVATE_DOMAIN}}:5432:8008\")")
    );
    let through = step(&draft.steps, "through");
    for client in CLIENTS {
        assert!(declared.line(&format!("refer-{client}")).contains(THROUGH));
        assert!(through.effects.contains(&format!("through-{client}")));
    }
    assert_eq!((&through.undo, through.outage.len()), (&Undo::Restore, 0));
    let switch = step(&draft.steps, "switch");
    assert_eq!(switch.effects, ["switch", "switch-start"]);
    assert!(declared.line("switch").contains("${{pgpool.RAILWAY_PRIVATE_DOMAIN}}:5432"));
    let Undo::Steps(back) = &switch.undo else { panic!("{:?}", switch.undo) };
    assert_eq!(
        back,
        &[
            "rearm",
            "seal-new",
            "drain-back",
            "sequences-back",
            "snapshots-back",
            "unseal-old",
            "switch-back",
            "compare-back"
        ]
    );
    assert!(declared.line("switch-back").contains("${{postgres.RAILWAY_PRIVATE_DOMAIN}}:5432"));
}

#[test]
fn without_the_option_there_is_none() {
    let (draft, declared) = planned(&alike());
    assert!(!ids(&draft.steps).contains(&"front"));
    assert!(declared.labels().iter().all(|label| !label.starts_with("switch")));
}

#[test]
fn it_takes_one_account_at_both_sides_a_name_that_is_free_and_an_image() {
    refused_with(&Stack::healthy(), FIRST, "front-account");
    let mut taken = alike();
    let other = taken.services[0].clone();
    taken.services.push(lockstep_sdk::Service { name: "postgres-front".to_owned(), ..other });
    refused_with(&taken, FIRST, "front-taken");
    let mut gone = alike();
    gone.withdraw(crate::passage::IMAGE);
    refused_with(&gone, FIRST, "front-image");
    for path in ["job", "in-place"] {
        refused_with(&alike(), &[("front-first", "true"), ("path", path)], "front-first");
    }
}

#[test]
fn one_password_is_known_by_its_reference_or_its_print() {
    let mut stack = Stack::healthy();
    let mut one = |own: &str, theirs: &str| {
        stack.set("postgres", "POSTGRES_PASSWORD", own);
        stack.set("pgpool", "PGPOOL_POSTGRES_PASSWORD", theirs);
        let draft = stack.drafted(&target(FIRST)).0;
        !draft.findings.iter().any(|finding| finding.id == "front-account")
    };
    assert!(one("***p", "***p"));
    assert!(!one("***p", "***q"));
    assert!(one("${{pgpool.PGPOOL_POSTGRES_PASSWORD}}", "***q"));
    assert!(!one("${{other.POSTGRES_PASSWORD}}", "***q"));
}

#[test]
fn everybody_goes_through_it_when_urls_deployments_and_answers_say_so() {
    let given = kept_with(&alike(), FIRST);
    let mut stack = copied();
    pending(&given.check(&stack, "front"), "not listed");
    stack.deployed("front-start");
    assert!(matches!(given.check(&stack, "front"), Progress::Done(_)));
    failed(&given.check(&stack, "through"), "renders to nothing");
    stack.leads("postgres-front", "DATABASE_URL", "postgres-front.railway.internal");
    failed(&given.check(&stack, "through"), "should lead to `postgres-front.railway.internal`");
    for client in CLIENTS {
        stack.leads(client, "DATABASE_URL", "postgres-front.railway.internal");
    }
    pending(&given.check(&stack, "through"), "not listed");
    for client in CLIENTS {
        stack.deployed(&format!("through-{client}"));
    }
    assert!(matches!(given.check(&stack, "through"), Progress::Done(_)));
    // What this run deployed is no reason to stop before the cut.
    let own = stack.made["through-litellm"].clone();
    stack.deployments.get_mut("litellm").unwrap().insert(0, own);
    assert!(matches!(given.observe(&stack, "hold"), Observation::Ready(_)));
    stack.deployed("switch-start");
    assert!(matches!(given.check(&stack, "switch"), Progress::Done(_)));
}
