//! What a link can't carry or follow, made in the real database: each is found by the plan, with its evidence, and gone again
//! from the next one.

use lockstep_tests::{block_on, dial};
use serde_json::Value;

use super::Move;

/// A trap: how it is made in the old database, how it is taken away, which finding tells of it, and what must stand in that.
struct Trap {
    make: &'static str,
    mend: &'static str,
    finding: &'static str,
    says: &'static str,
}

/// What forbids a plan.
const REFUSED: [Trap; 5] = [
    Trap {
        make: "CREATE TABLE \"No Key\"(\"A\" int)",
        mend: "DROP TABLE \"No Key\"",
        finding: "no-identity",
        says: "No Key",
    },
    Trap {
        make: "CREATE UNLOGGED TABLE scratch(id int PRIMARY KEY)",
        mend: "DROP TABLE scratch",
        finding: "unlogged",
        says: "scratch",
    },
    Trap {
        make: "SELECT lo_create(4711)",
        mend: "SELECT lo_unlink(4711)",
        finding: "large-objects",
        says: "1",
    },
    Trap {
        make: "CREATE MATERIALIZED VIEW sums AS SELECT sum(number) FROM ledger",
        mend: "DROP MATERIALIZED VIEW sums",
        finding: "materialized-views",
        says: "sums",
    },
    Trap {
        make: "ALTER ROLE CURRENT_USER SET default_transaction_read_only = off",
        mend: "ALTER ROLE CURRENT_USER RESET default_transaction_read_only",
        finding: "read-only-default",
        says: "off",
    },
];

/// What a person should know.
const WARNED: [Trap; 2] = [
    Trap {
        make: "ALTER TABLE ledger ENABLE ROW LEVEL SECURITY",
        mend: "ALTER TABLE ledger DISABLE ROW LEVEL SECURITY",
        finding: "row-security",
        says: "ledger",
    },
    Trap {
        make: "SELECT pg_create_physical_replication_slot('debezium', true)",
        mend: "SELECT pg_drop_replication_slot('debezium')",
        finding: "abandoned-slots",
        says: "debezium",
    },
];

impl Move {
    /// Plans, and returns the findings.
    #[track_caller]
    pub(super) fn findings(&self, code: i32) -> Vec<Value> {
        let planned = self.stage.lockstep(&["plan", "postgres-ha", "-e", "lab", "--json"]);
        let plan = planned.expect(code).json();
        let found = plan.pointer("/plan/plan/evidence/findings");
        found.and_then(Value::as_array).unwrap_or_else(|| panic!("{plan:#}")).clone()
    }
}

/// Returns the finding of this name, if there is one.
pub(super) fn found<'a>(findings: &'a [Value], id: &str) -> Option<&'a Value> {
    findings.iter().find(|finding| finding["id"] == id)
}

#[track_caller]
pub(super) fn run(url: &str, text: &str) {
    block_on(async { dial(url).await.unwrap().batch_execute(text).await.unwrap() });
}

#[test]
fn what_a_link_does_not_carry_is_found_in_the_real_database_and_gone_when_it_is_mended() {
    let it = Move::begin();
    for (traps, code) in [(&REFUSED[..], 3), (&WARNED[..], 0)] {
        for trap in traps {
            run(&it.old, trap.make);
        }
        let findings = it.findings(code);
        for trap in traps {
            let finding = found(&findings, trap.finding)
                .unwrap_or_else(|| panic!("no {}: {findings:#?}", trap.finding));
            assert!(finding.to_string().contains(trap.says), "{finding:#}");
            run(&it.old, trap.mend);
        }
    }
    let findings = it.findings(0);
    for trap in REFUSED.iter().chain(&WARNED) {
        assert!(found(&findings, trap.finding).is_none(), "{} stays", trap.finding);
    }
}
