//! What the servers are told about links.

use lockstep_sdk::testing::step;

use super::given::planned;
use super::sql::{COPIERS, SLOTS, WAL_LEVEL, WRITER_DELAY};
use super::stack::Stack;

#[test]
fn what_comes_over_a_link_is_confirmed_soon_until_the_way_back_is_given_up() {
    let mut stack = Stack::healthy();
    stack.databases.old.set(WRITER_DELAY, "200ms");
    stack.databases.new.set(WRITER_DELAY, "200ms");
    let (draft, declared) = planned(&stack);
    assert_eq!(
        step(&draft.steps, "wal-budget").effects,
        ["wal-writer-old", "wal-settings-old-load", "wal-writer-new", "wal-settings-new-load"]
    );
    assert!(declared.line("wal-writer-new").ends_with("SET wal_writer_delay = '10ms'"));
    let undone = step(&draft.undo, "wal-budget-undo");
    let pair = ("wal-writer-old-reset".to_owned(), "wal-writer-old".to_owned());
    assert!(undone.reverses.contains(&pair));
    for label in ["finalize-wal-writer", "finalize-load"] {
        assert!(declared.line(label).contains("cluster-admin"));
    }
}

#[test]
fn as_many_tables_are_copied_at_once_as_the_servers_let_and_no_more() {
    let settings = |stack: &Stack| {
        let (_, declared) = planned(stack);
        let is_set = |label: &str| declared.labels().iter().any(|it| it == label);
        let value = |label: &str| declared.line(label).rsplit(' ').next().unwrap().to_owned();
        let of = |label: &str| is_set(label).then(|| value(label));
        (of("copiers-new"), of("workers-new"))
    };
    let mut stack = Stack::healthy();
    stack.databases.new.set(COPIERS, 2_u64);
    let number = |text: &str| Some(format!("'{text}'"));
    assert_eq!(settings(&stack), (number("3"), None), "its four workers are what it has");
    stack.databases.new.set(WAL_LEVEL, "replica");
    assert_eq!(settings(&stack), (number("5"), number("6")), "its nodes are deployed anyway");
    stack.databases.old.set(SLOTS, 5_u64);
    assert_eq!(settings(&stack), (number("3"), None), "the old server has five places");
    stack.databases.new.set(COPIERS, 3_u64);
    assert_eq!(settings(&stack), (None, None));
}

#[test]
fn the_largest_tables_are_copied_first() {
    let mut stack = Stack::healthy();
    let (draft, _) = planned(&stack);
    assert_eq!(step(&draft.steps, "copy").effects, ["copy-pub", "copy-sub", "keys"]);
    for name in ["one", "two"] {
        stack.databases.tables.push(("public", name, "r", "p", false));
    }
    let (draft, declared) = planned(&stack);
    assert_eq!(
        step(&draft.steps, "copy").effects,
        ["copy-pub", "copy-sub", "keys", "copy-pub-all", "copy-sub-all"]
    );
    assert!(declared.line("copy-pub").contains("pg_table_size(r.prrelid) DESC"));
    let published = declared.line("copy-pub-all");
    let (_, all) = published.split_once(" SET TABLE ").unwrap();
    assert!(declared.line("copy-pub").contains(&format!(" FOR TABLE {all}; DO ")));
    assert!(declared.line("copy-sub-all").ends_with("lockstep_fwd REFRESH PUBLICATION"));
}
