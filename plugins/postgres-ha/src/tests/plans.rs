//! What plans hold.

use lockstep_sdk::testing::{ids, step};
use lockstep_sdk::{Gate, Undo};

use super::given::{planned, planned_with};
use super::sql::{BUDGET, SYNCHRONOUS, VERSION, WAL_LEVEL};
use super::stack::{Stack, URL};

const NEW_URL: &str = "postgresql://postgres:${{pgpool.PGPOOL_POSTGRES_PASSWORD}}@${{pgpool.RAILWAY_PRIVATE_DOMAIN}}:5432/litellm_langfuse";

#[test]
fn a_stack_that_is_ready_needs_no_restart() {
    let (draft, declared) = planned(&Stack::healthy());
    assert_eq!(
        ids(&draft.steps),
        [
            "keep",
            "pin",
            "grace",
            "freeze",
            "backup",
            "database",
            "pool",
            "link",
            "link-end",
            "schema",
            "copy",
            "indexes",
            "analyze",
            "verify",
            "hold",
            "drain",
            "arm",
            "seal",
            "end-writers",
            "release",
            "references",
            "deploy-litellm",
            "deploy-langfuse-web",
            "deploy-langfuse-worker",
            "deploy-backup-service",
            "deploy-health-monitor",
            "prove",
            "soak",
            "finalize",
            "close",
            "retire",
        ]
    );
    assert_eq!((draft.current.text.as_str(), draft.desired.text.as_str()), ("16.4", "16.4"));
    assert!(declared.line("deploy-litellm").ends_with("deploy litellm"));
    assert!(declared.line("deploy-health-monitor").contains("deploy-same"));
    assert_eq!(step(&draft.steps, "soak").soak, Some(24 * 60 * 60 * 1_000));
    assert!(
        declared
            .line("pool-settings")
            .contains("(\"PGPOOL_FAILOVER_ON_BACKEND_SHUTDOWN\", \"off\")")
    );
    assert!(declared.line("database").contains("LC_COLLATE 'C' LC_CTYPE 'C'"));
}

#[test]
fn nodes_stand_in_for_each_other_and_the_front_for_nobody() {
    let (draft, _) = planned(&Stack::healthy());
    let several =
        ["pg-0", "pg-1", "pg-2"].map(|node| ("one-of-several".to_owned(), node.to_owned()));
    assert_eq!(draft.extra, several);
}

#[test]
fn a_log_that_no_link_can_read_takes_a_restart_with_a_gate_and_a_window() {
    let mut stack = Stack::healthy();
    stack.databases.old.set(WAL_LEVEL, "replica");
    stack.databases.old.set(BUDGET, "-1");
    let (draft, declared) = planned(&stack);
    let restart = step(&draft.steps, "logical-wal");
    assert_eq!(restart.effects, ["set-wal-level", "restart"]);
    assert!(matches!(restart.gates.as_slice(), [Gate::Approval(_), Gate::Window]));
    let down: Vec<_> = restart.outage.iter().map(|one| one.service.as_str()).collect();
    assert_eq!(
        down,
        [
            "postgres",
            "litellm",
            "langfuse-web",
            "langfuse-worker",
            "backup-service",
            "health-monitor"
        ]
    );
    assert!(
        declared
            .line("wal-budget-old")
            .ends_with("ALTER SYSTEM SET max_slot_wal_keep_size = '1000MB'")
    );
    let order = ids(&draft.steps);
    let at = |id: &str| order.iter().position(|known| *known == id).unwrap();
    assert!(at("wal-budget") < at("logical-wal") && at("logical-wal") < at("link"));
    let mended = |id: &str| draft.findings.iter().find(|it| it.id == id).unwrap().mended_by.clone();
    assert_eq!(mended("wal"), ["logical-wal"]);
    assert_eq!(mended("wal-budget"), ["wal-budget"]);
}

#[test]
fn rows_that_nothing_identifies_are_identified_by_an_index_and_put_back() {
    let mut stack = Stack::healthy();
    stack.databases.anonymous =
        vec![("media", "d", Some("media_key")), ("Odd\"One", "n", Some("k"))];
    let (draft, declared) = planned(&stack);
    assert_eq!(
        declared.line("identity"),
        "transaction postgres SET LOCAL lock_timeout = '2s'; \
         ALTER TABLE \"public\".\"media\" REPLICA IDENTITY USING INDEX \"media_key\"; \
         ALTER TABLE \"public\".\"Odd\"\"One\" REPLICA IDENTITY USING INDEX \"k\""
    );
    assert!(declared.line("identity-undo").ends_with(
        "ALTER TABLE \"public\".\"media\" REPLICA IDENTITY DEFAULT; \
         ALTER TABLE \"public\".\"Odd\"\"One\" REPLICA IDENTITY NOTHING"
    ));
    assert_eq!(step(&draft.steps, "identity").undo, Undo::Steps(vec!["identity-undo".to_owned()]));
}

#[test]
fn nodes_are_told_to_write_such_a_log_standbys_first() {
    let mut stack = Stack::healthy();
    stack.databases.new.set(WAL_LEVEL, "replica");
    let (draft, declared) = planned(&stack);
    assert_eq!(
        step(&draft.steps, "cluster").effects,
        [
            "settings-pg-1",
            "start-pg-1",
            "settings-pg-2",
            "start-pg-2",
            "settings-pg-0",
            "start-pg-0",
        ]
    );
    assert!(declared.line("settings-pg-1").contains("POSTGRESQL_WAL_LEVEL"));
    assert!(!declared.line("settings-pg-1").contains("SYNCHRONOUS"));
    let undo = ["cluster-undo", "pool-undo"].map(str::to_owned);
    assert_eq!(step(&draft.steps, "cluster").undo, Undo::Steps(undo.to_vec()));
    let undo = step(&draft.undo, "cluster-undo");
    assert_eq!(
        undo.effects,
        [
            "settings-pg-1-away",
            "settings-pg-2-away",
            "settings-pg-0-away",
            "start-again-pg-1",
            "start-again-pg-2",
            "start-again-pg-0",
        ]
    );
    let pair = ("start-again-pg-1".to_owned(), "start-pg-1".to_owned());
    assert!(undo.reverses.contains(&pair));
    assert!(step(&draft.steps, "cluster").outage.is_empty(), "nobody uses it yet");
}

#[test]
fn a_commit_is_to_be_at_two_nodes_and_no_link_may_fill_the_clusters_volumes() {
    let mut stack = Stack::healthy();
    stack.databases.new.set(SYNCHRONOUS, "");
    stack.databases.new.set(BUDGET, "-1");
    let (draft, declared) = planned(&stack);
    for part in ["NUM_SYNCHRONOUS_REPLICAS", "pg-0,pg-1,pg-2", "ANY"] {
        assert!(declared.line("settings-pg-2").contains(part));
    }
    assert_eq!(
        step(&draft.steps, "wal-budget").effects,
        ["wal-budget-new", "wal-settings-new-load"]
    );
    assert!(declared.line("wal-budget-new").contains("cluster-admin"));
    assert_eq!(
        step(&draft.undo, "wal-budget-undo").effects,
        ["wal-budget-new-reset", "wal-settings-new-reload"]
    );
    // Another node may lead when the way back is armed anew.
    let rearm = &step(&draft.undo, "rearm").effects;
    assert!(
        rearm.contains(&"rearm-wal-budget".to_owned()) && rearm.contains(&"rearm-load".to_owned())
    );
    assert!(declared.line("rearm-wal-budget").contains("cluster-admin ALTER SYSTEM SET max_slot"));
}

#[test]
fn pgpool_takes_twice_as_many_clients_as_there_are() {
    let mut stack = Stack::healthy();
    stack.databases.clients = 40;
    stack.databases.new.set(super::sql::CONNECTIONS, 200_u64);
    let (_, declared) = planned(&stack);
    assert!(declared.line("pool-settings").contains("(\"PGPOOL_NUM_INIT_CHILDREN\", \"128\")"));
}

#[test]
fn pgpool_is_started_when_its_nodes_answer_and_after_them_on_the_way_back() {
    let mut stack = Stack::healthy();
    stack.databases.new.set(SYNCHRONOUS, "");
    for (name, value) in
        [("PGPOOL_ENABLE_LOAD_BALANCING", "no"), ("PGPOOL_FAILOVER_ON_BACKEND_SHUTDOWN", "off")]
    {
        stack.set("pgpool", name, value);
    }
    let (draft, _) = planned(&stack);
    let ids = ids(&draft.steps);
    let at = |id| ids.iter().position(|it| *it == id);
    assert!(at("cluster") < at("pool"));
    let pool = step(&draft.steps, "pool");
    assert_eq!((&pool.effects[..], &pool.undo), (&["start-pgpool".to_owned()][..], &Undo::Nothing));
    assert_eq!(step(&draft.undo, "pool-undo").effects, ["start-again-pgpool"]);

    // Where the nodes stay as they are, it has a way back of its own.
    let (draft, _) = planned(&Stack::healthy());
    let pool = step(&draft.steps, "pool");
    assert_eq!(
        (&pool.effects[..], &pool.undo),
        (&["pool-settings".to_owned(), "start-pgpool".to_owned()][..], &Undo::Restore)
    );
}

#[test]
fn both_links_name_every_table_and_the_other_side_as_it_is_dialled_there() {
    let (_, declared) = planned(&Stack::healthy());
    let tables = "\"public\".\"LiteLLM_SpendLogs\", \"public\".\"_prisma_migrations\", \"public\".\"media\", \"public\".\"projects\"";
    assert_eq!(
        declared.line("copy-pub"),
        format!("transaction postgres CREATE PUBLICATION lockstep_fwd FOR TABLE {tables}")
    );
    assert!(declared.line("copy-sub").starts_with(
        "alone cluster CREATE SUBSCRIPTION lockstep_fwd CONNECTION <postgres seen by pg-0> \
         PUBLICATION lockstep_fwd WITH (copy_data = true) (SELECT EXISTS"
    ));
    assert!(declared.line("back-pub").contains(&format!(
        "transaction cluster CREATE PUBLICATION lockstep_rev FOR TABLE {tables}"
    )));
    assert!(declared.line("arm-back-sub").contains(
        "alone postgres CREATE SUBSCRIPTION lockstep_rev CONNECTION <cluster seen by postgres> \
         PUBLICATION lockstep_rev WITH (copy_data = false, origin = none)"
    ));
    let mut older = Stack::healthy();
    older.databases.old.set(VERSION, 150_018_u64);
    let (_, declared) = planned(&older);
    assert!(declared.line("arm-back-sub").contains("WITH (copy_data = false) ("));
}

#[test]
fn the_cut_blocks_drains_arms_seals_ends_and_releases() {
    let (draft, declared) = planned_with(&Stack::healthy(), &[("max-outage", "45000")]);
    assert_eq!(declared.line("hold"), "hold-writes postgres public 45000 2000");
    assert_eq!(declared.line("sequences"), "copy-sequences postgres cluster 1000");
    assert!(declared.line("snapshots").starts_with("hold-snapshots postgres cluster "));
    assert_eq!(step(&draft.steps, "arm").effects, ["arm-off", "arm-back-sub"]);
    // What takes time is made before writers wait, or taken away afterwards.
    assert_eq!(
        step(&draft.steps, "indexes").effects,
        ["indexes-pause", "indexes-build", "indexes", "back-pub", "indexes-follow"]
    );
    assert_eq!(step(&draft.steps, "prove").effects, ["copy-end-slot", "copy-end-pub", "compare"]);
    assert!(
        declared
            .line("seal")
            .contains("ALTER DATABASE \"litellm_langfuse\" SET default_transaction_read_only = on")
    );
    assert!(declared.line("end-writers").contains("NOT LIKE 'lockstep%'"));
    assert_eq!(declared.line("release"), "release-writes postgres hold");
    assert!(step(&draft.steps, "end-writers").rounds > 1);
    assert_eq!(step(&draft.steps, "arm").limit, 45_000);
}

#[test]
fn references_are_written_as_references_and_the_way_back_has_their_former_texts() {
    let mut stack = Stack::healthy();
    stack.set("langfuse-web", "DIRECT_URL", URL);
    stack.leads("langfuse-web", "DIRECT_URL", "postgres.railway.internal");
    let (draft, declared) = planned(&stack);
    assert_eq!(
        declared.line("refer-langfuse-web"),
        format!(
            "set-variables langfuse-web [(\"DATABASE_URL\", \"{NEW_URL}\"), (\"DIRECT_URL\", \"{NEW_URL}\")]"
        )
    );
    assert_eq!(
        declared.line("refer-back-langfuse-web"),
        format!(
            "set-variables langfuse-web [(\"DATABASE_URL\", \"{URL}\"), (\"DIRECT_URL\", \"{URL}\")]"
        )
    );
    assert_eq!(step(&draft.steps, "references").effects.len(), 5);
}

#[test]
fn what_is_frozen_thaws_at_the_end_as_it_was() {
    let mut stack = Stack::healthy();
    stack.set("langfuse-web", "LANGFUSE_AUTO_POSTGRES_MIGRATION_DISABLED", "false");
    stack.set("litellm", "DISABLE_SCHEMA_UPDATE", "true");
    let (draft, declared) = planned(&stack);
    assert_eq!(
        step(&draft.steps, "freeze").effects,
        [
            "freeze-langfuse-web",
            "rehearse-litellm",
            "rehearse-langfuse-web",
            "rehearse-langfuse-worker"
        ]
    );
    assert_eq!(step(&draft.steps, "freeze").undo, Undo::Restore);
    assert!(
        declared
            .line("thaw-langfuse-web")
            .contains("(\"LANGFUSE_AUTO_POSTGRES_MIGRATION_DISABLED\", \"false\")")
    );
    assert!(
        declared
            .line("thaw-off-langfuse-web")
            .ends_with("LANGFUSE_AUTO_CLICKHOUSE_MIGRATION_DISABLED")
    );
    assert!(!declared.labels().iter().any(|label| label == "thaw-litellm"));
}

#[test]
fn images_that_move_are_pinned_where_they_can_be_pulled() {
    let mut stack = Stack::healthy();
    stack.service("pgpool").image = Some("bitnami/pgpool:4".to_owned());
    stack.withdraw("bitnami/");
    let (draft, declared) = planned(&stack);
    assert!(
        declared.line("pin-pgpool").contains("set-image pgpool bitnamilegacy/pgpool:4@sha256:")
    );
    assert!(declared.line("pin-litellm").contains("main-stable@sha256:"));
    let pinned = &step(&draft.steps, "pin").effects;
    assert!(
        !pinned
            .iter()
            .any(|label| ["pin-postgres", "pin-pg-0", "pin-redis"].contains(&label.as_str()))
    );
}

#[test]
fn a_client_that_does_not_run_is_led_over_and_not_deployed() {
    let mut stack = Stack::healthy();
    stack.deployments.insert("health-monitor".to_owned(), Vec::new());
    let (draft, declared) = planned(&stack);
    assert!(declared.labels().contains(&"refer-health-monitor".to_owned()));
    assert!(!ids(&draft.steps).contains(&"deploy-health-monitor"));
    assert!(!ids(&draft.undo).contains(&"return-health-monitor"));
}

#[test]
fn each_service_can_not_write_until_it_is_deployed() {
    let (draft, _) = planned(&Stack::healthy());
    let without = |id: &str| -> Vec<(&str, u64)> {
        step(&draft.steps, id).outage.iter().map(|one| (one.service.as_str(), one.length)).collect()
    };
    assert_eq!(without("references").len(), 5);
    assert_eq!(
        without("deploy-langfuse-worker"),
        [("langfuse-worker", 36_000), ("backup-service", 36_000), ("health-monitor", 36_000)]
    );
    assert!(without("prove").is_empty() && without("freeze").is_empty());
}

#[test]
fn past_the_point_of_no_return_a_person_has_said_yes_twice() {
    let (draft, _) = planned(&Stack::healthy());
    for id in ["finalize", "retire"] {
        let step = step(&draft.steps, id);
        assert!(
            matches!(step.undo, Undo::Impossible(_))
                && matches!(step.gates.as_slice(), [Gate::Approval(_)])
        );
    }
    assert!(draft.uncovered.iter().any(|line| line.contains("deleting them is left to you")));
}
