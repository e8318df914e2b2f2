//! The end of the old server: it is stopped when nobody uses it, and deleted when nobody needs it.

use lockstep_sdk::step::HOUR;
use lockstep_sdk::testing::{backup, failed, ids, moved, pending, step, waits};
use lockstep_sdk::{Fact, Gate, Observation, Progress, Undo};

use super::cut::switched;
use super::given::{kept, kept_with, planned_with};
use super::refusals::refused_with;
use super::stack::{Stack, URL};
use crate::check::check;

/// The options with which the old service is deleted.
pub(super) const REMOVE: &[(&str, &str)] = &[("remove-old", "true")];

/// The stack after the old server was stopped and backed up for the last time.
fn stopped() -> Stack {
    let mut stack = switched();
    for client in ["litellm", "langfuse-web", "langfuse-worker", "backup-service", "health-monitor"]
    {
        stack.set(client, "DATABASE_URL", "${{pgpool.DATABASE_URL}}");
    }
    stack.deployments.insert("postgres".to_owned(), Vec::new());
    stack.backups.insert("postgres".to_owned(), vec![backup("lockstep-r-last-backup", 0)]);
    stack.began("last-backup")
}

/// Whether the service may be deleted after this change.
fn removal(change: impl FnOnce(&mut Stack)) -> Observation {
    let mut stack = stopped();
    change(&mut stack);
    kept_with(&Stack::healthy(), REMOVE).observe(&stack, "remove")
}

/// A service that was no client when the plan was made.
fn late(stack: &mut Stack, name: &str, value: &str) {
    let mut service = stack.services[1].clone();
    service.name = "late".to_owned();
    stack.services.push(service);
    stack.set("late", name, value);
}

#[test]
fn the_old_service_is_deleted_last_of_all_and_not_without_an_approval_of_its_own() {
    for path in ["online", "job"] {
        let options = [REMOVE, &[("path", path)]].concat();
        let (draft, declared) = planned_with(&Stack::healthy(), &options);
        let order = ids(&draft.steps);
        let end = ["soak", "finalize", "close", "retire", "last-backup", "remove"];
        assert_eq!(order[order.len() - 6..], end);
        assert_eq!(step(&draft.steps, "retire").soak, Some(24 * HOUR));
        let remove = step(&draft.steps, "remove");
        let [Gate::Approval(question)] = remove.gates.as_slice() else { panic!("{remove:?}") };
        assert!(question.contains("passwords") && question.contains("volume"), "{question}");
        assert!(matches!(remove.undo, Undo::Impossible(_)));
        assert_eq!(declared.line("remove"), "delete postgres");
        assert_eq!(declared.line("last-backup"), "backup-volume postgres");
        let stays = draft.findings.iter().find(|finding| finding.id == "stays").unwrap();
        assert!(stays.evidence.iter().any(|line| line.contains("mounted to nothing")));
    }
    let (draft, declared) = planned_with(&Stack::healthy(), &[("remove-old", "false")]);
    assert_eq!(ids(&draft.steps).last(), Some(&"retire"));
    assert_eq!(step(&draft.steps, "retire").soak, None);
    assert!(!declared.labels().iter().any(|label| label == "remove"));
}

#[test]
fn what_would_need_the_service_afterwards_is_refused_before_anything_begins() {
    let mut stack = Stack::healthy();
    stack.set("pgpool", "PGPOOL_POSTGRES_PASSWORD", "${{postgres.POSTGRES_PASSWORD}}");
    refused_with(&stack, REMOVE, "remove-references");
    planned_with(&stack, &[]);
    refused_with(&Stack::healthy(), &[("path", "in-place"), ("remove-old", "true")], "remove-old");
}

#[test]
fn a_server_that_somebody_uses_beside_the_database_is_not_stopped() {
    let given = kept(&Stack::healthy());
    let mut stack = switched();
    assert!(matches!(given.observe(&stack, "retire"), Observation::Ready(_)));
    stack.databases.elsewhere.push(("barman from 10.0.0.7 as postgres", "1"));
    waits(&given.observe(&stack, "retire"), "barman");
    moved(&given.observed(&stack, "retire"), "barman");
}

#[test]
fn a_service_that_nobody_needs_any_more_may_be_deleted() {
    let Observation::Ready(facts) = removal(|_| {}) else { panic!("{:?}", removal(|_| {})) };
    assert_eq!(facts, [Fact::one("kept-backup", "lockstep-r-last-backup")]);
    let found = removal(|stack| stack.services.retain(|service| service.name != "postgres"));
    assert!(matches!(found, Observation::NothingToDo(_)), "{found:?}");
}

#[test]
fn whatever_still_leads_to_the_old_server_keeps_it_from_being_deleted() {
    moved(&removal(|stack| late(stack, "DATABASE_URL", URL)), "`DATABASE_URL` of `late`");
    moved(&removal(|stack| late(stack, "ANY", "${{ postgres.PGHOST }}")), "`ANY` of `late`");
    let host = "host=postgres.railway.internal user=x";
    moved(&removal(|stack| late(stack, "ANY", host)), "nothing has been deleted");
    let masked = |stack: &mut Stack, host: &str| {
        late(stack, "ANY", "***x");
        stack.leads("late", "ANY", host);
    };
    moved(&removal(|stack| masked(stack, "postgres.railway.internal")), "`ANY` of `late`");
    let found = removal(|stack| masked(stack, "elsewhere.example.com"));
    assert!(matches!(found, Observation::Ready(_)), "{found:?}");
    let shared = |stack: &mut Stack| {
        late(stack, "ANY", "${{shared.X}}");
        stack.leads("late", "ANY", "postgres.railway.internal");
    };
    moved(&removal(shared), "`ANY` of `late`");
    let password = "${{postgres.POSTGRES_PASSWORD}}";
    moved(
        &removal(|stack| stack.set("pgpool", "PGPOOL_POSTGRES_PASSWORD", password)),
        "`PGPOOL_POSTGRES_PASSWORD` of `pgpool`",
    );
}

#[test]
fn what_can_not_be_seen_is_for_a_person_to_decide() {
    let mut stack = stopped();
    late(&mut stack, "PG_DSN", "***x");
    stack.unseen("late.PG_DSN");
    let mut given = kept_with(&Stack::healthy(), REMOVE);
    let found = given.observe(&stack, "remove");
    moved(&found, "`PG_DSN` of `late`");
    let Observation::Moved(said) = found else { panic!() };
    given.facts.push(Fact::one("accepted", said));
    assert!(matches!(given.observe(&stack, "remove"), Observation::Ready(_)));
    stack.set("late", "OTHER", URL);
    moved(&given.observe(&stack, "remove"), "`OTHER` of `late`");
}

#[test]
fn a_server_that_runs_again_or_is_not_backed_up_is_not_deleted() {
    let running = Stack::healthy().deployments["postgres"].clone();
    let again = |stack: &mut Stack| drop(stack.deployments.insert("postgres".to_owned(), running));
    let mut stack = stopped();
    again(&mut stack);
    let given = kept_with(&Stack::healthy(), REMOVE);
    moved(&given.observe(&stack, "remove"), "started the old server again");
    moved(&given.observe(&stack, "last-backup"), "started the old server again");
    assert!(matches!(given.observe(&stopped(), "last-backup"), Observation::Ready(_)));
    let mut late = given.call("last-backup");
    late.now = 1_000 * HOUR;
    assert!(matches!(check(&stopped(), &late, &[]), Ok(Progress::Done(_))));
    let mut expiring = stopped();
    expiring.backups.get_mut("postgres").unwrap()[0].locked = false;
    pending(&given.check(&expiring, "last-backup"), "not listed and locked yet");
    moved(&removal(|stack| stack.backups.clear()), "`lockstep-r-last-backup`");
    moved(
        &removal(|stack| stack.backups.get_mut("postgres").unwrap()[0].locked = false),
        "may expire",
    );
    moved(&removal(|stack| drop(stack.effects.remove("last-backup"))), "`lockstep-r-last-backup`");
    moved(&removal(|stack| stack.staged.push("theirs".to_owned())), "theirs");
    waits(&removal(|stack| stack.http = 503), "503");
}

#[test]
fn it_is_gone_when_railway_does_not_list_it_and_its_volume_is_seen_to_stay() {
    let given = kept_with(&Stack::healthy(), REMOVE);
    let mut stack = stopped().began("remove");
    pending(&given.check(&stack, "remove"), "still listed");
    stack.services.retain(|service| service.name != "postgres");
    failed(&given.check(&stack, "remove"), "nobody has seen that its volume stays");
    stack.gave("remove", vec![Fact::one("volume", "v1")]);
    let Progress::Done(facts) = given.check(&stack, "remove") else { panic!() };
    assert_eq!(facts, [Fact::one("kept-volume", "v1")]);
}
