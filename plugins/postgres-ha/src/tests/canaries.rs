//! Rows of the host's own in the old database, which move along with it.

use lockstep_sdk::testing::{Declared, Tested, ids, step};
use lockstep_sdk::{Draft, Undo};

use super::given::JOB;
use super::stack::{Stack, target};
/// The table, as statements name it.
const TABLE: &str = "\"lockstep\".\"canary\"";

/// Plans where rows are kept behind these connections.
fn told(stack: &Stack, options: &[(&str, &str)], connections: &[&str]) -> (Draft, Declared) {
    let mut target = target(options);
    let own = |of: &&str| ("canaries".to_owned(), (*of).to_owned());
    target.extra = connections.iter().map(own).collect();
    stack.drafted(&target)
}

/// Returns what a draft says of them.
fn said(draft: &Draft) -> Vec<(&str, &str)> {
    let own = draft.extra.iter().filter(|(key, _)| key.starts_with("canaries-"));
    own.map(|(key, value)| (key.as_str(), value.as_str())).collect()
}

#[test]
fn they_are_carried_both_ways_and_led_where_the_services_are() {
    let (draft, declared) = told(&Stack::healthy(), &[], &["postgres"]);
    let moved = [
        ("canaries-from", "postgres"),
        ("canaries-to", "cluster"),
        ("canaries-room", "copy"),
        ("canaries-forth", "references"),
        ("canaries-back", "unseal-old"),
    ];
    assert_eq!(said(&draft), moved);
    for label in ["copy-pub", "back-pub", "rearm-empty", "rearm-back-pub"] {
        assert!(declared.line(label).contains(TABLE), "{}", declared.line(label));
    }
    // The database is there by then, and nothing follows yet.
    let order = ids(&draft.steps);
    let at = |id: &str| order.iter().position(|known| *known == id).unwrap();
    assert!(at("database") < at("copy") && at("release") < at("references"));
    let Undo::Steps(back) = &step(&draft.steps, "references").undo else { panic!("no way back") };
    let home = |id: &str| back.iter().position(|known| known == id).unwrap();
    assert!(home("seal-new") < home("drain-back") && home("drain-back") < home("unseal-old"));
}

#[test]
fn a_front_that_is_switched_leads_them_too() {
    let mut stack = Stack::healthy();
    stack.set("pgpool", "PGPOOL_POSTGRES_PASSWORD", "${{postgres.POSTGRES_PASSWORD}}");
    let (draft, _) = told(&stack, &[("front-first", "true")], &["postgres"]);
    assert!(said(&draft).contains(&("canaries-forth", "switch")));
}

#[test]
fn a_job_restores_their_table_with_everything_else() {
    let (draft, declared) = told(&Stack::healthy(), JOB, &["postgres"]);
    assert!(said(&draft).iter().all(|(key, _)| *key != "canaries-room"), "{:?}", draft.extra);
    assert!(said(&draft).contains(&("canaries-forth", "references")));
    assert!(!declared.labels().contains(&"tidy".to_owned()), "what was restored stays");
    assert!(declared.line("back-pub").contains(TABLE), "what is written later comes home");
}

#[test]
fn where_none_are_kept_nothing_is_said_or_carried() {
    for connections in [[].as_slice(), &["elsewhere"]] {
        for options in [[].as_slice(), JOB] {
            let (draft, declared) = told(&Stack::healthy(), options, connections);
            assert!(said(&draft).is_empty());
            let lines = declared.lines();
            assert!(lines.iter().all(|line| !line.contains(TABLE)));
        }
    }
}

#[test]
fn the_seal_counts_for_them_and_they_are_no_clients() {
    let (_, declared) = told(&Stack::healthy(), &[], &["postgres"]);
    for label in ["end-writers", "end-new", "unseal-end", "unseal-old-end"] {
        assert!(declared.line(label).contains("'lockstep:canary'"), "{}", declared.line(label));
    }
    let standing = crate::seal::statement();
    let counts = |text: &str| standing.matches(text).count();
    assert_eq!((counts("LIKE 'lockstep%'"), counts("'lockstep:canary'")), (3, 2), "{standing}");
}
