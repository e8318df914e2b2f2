//! The path that makes a cluster beside the server.

use lockstep_sdk::testing::{Given, Tested, digest, failed, ids, moved, pending, step, waits};
use lockstep_sdk::{Failure, Observation, Progress, Template, TemplateService, Undo};

use super::given::{CLUSTER, kept_with, planned_with};
use super::refusals::refused_with;
use super::sql::{RECEIVERS, SYSTEM, WAL_LEVEL};
use super::stack::{Stack, target};
use crate::beside::Wanted;

fn service(name: &str, image: &str, variables: &[(&str, &str)]) -> TemplateService {
    let own = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
    TemplateService {
        name: name.to_owned(),
        role: None,
        image: Some(image.to_owned()),
        mount: image.contains("repmgr").then(|| "/bitnami/postgresql".to_owned()),
        replicas: 1,
        variables: variables.iter().map(own).collect(),
        extra: Vec::new(),
    }
}

/// The guide's template as far as this path reads it.
pub(super) fn template() -> Template {
    let node = |name: &str, password: &str, more: &[(&str, &str)]| {
        let usual = [
            ("POSTGRESQL_PASSWORD", password),
            ("REPMGR_PRIMARY_HOST", "${{pg-0.RAILWAY_PRIVATE_DOMAIN}}"),
            (
                "REPMGR_PARTNER_NODES",
                "${{pg-0.RAILWAY_PRIVATE_DOMAIN}},${{pg-1.RAILWAY_PRIVATE_DOMAIN}}",
            ),
            ("REPMGR_NODE_NAME", name),
            (
                "DATABASE_URL",
                "postgresql://${{POSTGRESQL_USERNAME}}:${{POSTGRESQL_PASSWORD}}@x:5432/railway",
            ),
        ];
        let all: Vec<_> = usual.into_iter().chain(more.iter().copied()).collect();
        service(name, "bitnami/postgresql-repmgr:16", &all)
    };
    let follower = |name: &str| node(name, "${{pg-0.POSTGRESQL_PASSWORD}}", &[]);
    let repmgr = [("REPMGR_PASSWORD", "${{secret(32)}}")];
    let front = [
        ("PGPOOL_BACKEND_NODES", "0:${{pg-0.RAILWAY_PRIVATE_DOMAIN}}:5432"),
        ("PGPOOL_POSTGRES_PASSWORD", "${{pg-0.POSTGRESQL_PASSWORD}}"),
        ("PGPOOL_SR_CHECK_PASSWORD", "${{pg-0.REPMGR_PASSWORD}}"),
        ("PGPOOL_ADMIN_PASSWORD", "${{secret(24)}}"),
        ("DATABASE_PUBLIC_URL", "postgresql://${{RAILWAY_TCP_PROXY_DOMAIN}}/railway"),
    ];
    Template {
        code: "ha-postgres".to_owned(),
        digest: digest('e'),
        services: vec![
            service("pgpool", "bitnami/pgpool:4", &front),
            follower("pg-1"),
            node("pg-0", "${{secret(32)}}", &repmgr),
            follower("pg-2"),
        ],
        extra: Vec::new(),
    }
}

/// A stack beside whose server there is nothing.
pub(super) fn alone() -> Stack {
    let mut stack = Stack::healthy();
    stack.services.retain(|service| !service.name.starts_with("pg"));
    let text = "the environment has no service `pg-2`";
    stack.databases.new.down = Some(Failure::permanently("railway:no-service", text));
    stack
}

/// The same, with the cluster made and up.
pub(super) fn made() -> Stack {
    let mut stack = Stack::healthy();
    for service in ["pg-0", "pg-1", "pg-2", "pgpool"] {
        stack.deployed(&format!("start-{service}"));
        stack.leads(service, "DATABASE_URL", "somewhere");
        // What is of the cluster may refer to it.
        stack.set(service, "POSTGRESQL_PASSWORD", "${{pg-0.POSTGRESQL_PASSWORD}}");
    }
    stack.databases.fronted();
    stack
}

fn given() -> Given {
    kept_with(&alone(), CLUSTER)
}

/// What the way back is given: also what the first node held.
fn began() -> Given {
    let mut given = given();
    let Progress::Done(facts) = given.check(&made(), "first-node") else { panic!("not done") };
    given.facts.extend(facts);
    given
}

#[test]
fn a_cluster_is_made_without_a_deployment_and_started_in_an_order_in_which_each_finds_the_others() {
    let (draft, declared) = planned_with(&alone(), CLUSTER);
    assert_eq!(
        ids(&draft.steps),
        ["keep", "make", "secrets", "first-node", "standbys", "confirm", "front", "prove", "close"]
    );
    assert_eq!(ids(&draft.undo), ["stop-first-node", "stop-standbys", "stop-front"]);
    assert!(
        matches!(step(&draft.steps, "make").undo, Undo::Restore),
        "the host deletes what it made"
    );
    assert_eq!(step(&draft.steps, "first-node").effects, ["start-pg-0"]);
    assert_eq!(step(&draft.steps, "standbys").effects, ["start-pg-1", "start-pg-2"]);
    assert_eq!(step(&draft.steps, "front").effects, ["start-pgpool"]);
    assert!(draft.steps.iter().all(|step| step.outage.is_empty()), "nobody is without anything");
    let line = declared.line("make-pg-0");
    assert!(line.contains("bitnami/postgresql-repmgr:16@sha256:"), "{line}");
    assert_eq!(declared.line("volume-pg-1"), "create-volume pg-1 /bitnami/postgresql");
}

#[test]
fn a_secret_is_generated_once_and_everybody_else_refers_to_it() {
    let (_, declared) = planned_with(&alone(), CLUSTER);
    let secrets: Vec<_> =
        declared.labels().into_iter().filter(|it| it.starts_with("secret-")).collect();
    let wanted = [
        "secret-pg-0-postgresql-password",
        "secret-pg-0-repmgr-password",
        "secret-pgpool-pgpool-admin-password",
    ];
    assert_eq!(secrets, wanted);
    assert!(declared.line("secret-pg-0-repmgr-password").ends_with("Alphanumeric(32)"));
    let line = declared.line("make-pg-0");
    assert!(!line.contains("secret(") && !line.contains("(\"POSTGRESQL_PASSWORD\","), "{line}");
    let line = declared.line("make-pg-1");
    assert!(
        line.contains("(\"POSTGRESQL_PASSWORD\", \"${{pg-0.POSTGRESQL_PASSWORD}}\")"),
        "{line}"
    );
    assert!(
        !declared.line("make-pgpool").contains("PUBLIC_URL"),
        "nothing is open to the internet"
    );
}

#[test]
fn what_a_move_needs_is_set_and_the_first_node_waits_for_nobody_while_it_is_alone() {
    let (_, declared) = planned_with(&alone(), CLUSTER);
    let (first, other) = (declared.line("make-pg-0"), declared.line("make-pg-1"));
    for line in [&first, &other] {
        assert!(line.contains("(\"POSTGRESQL_WAL_LEVEL\", \"logical\")"), "{line}");
    }
    let names = "(\"POSTGRESQL_CLUSTER_APP_NAME\", \"pg-0,pg-1,pg-2\")";
    assert!(other.contains(names) && !first.contains(names), "{first}");
    assert!(declared.line("confirm-variables").contains(names));
    let line = declared.line("confirm-set");
    assert!(
        line.ends_with("synchronous_standby_names = 'ANY 1 (\"pg-0\",\"pg-1\",\"pg-2\")'"),
        "{line}"
    );
    let line = declared.line("make-pgpool");
    for name in ["PGPOOL_ENABLE_LOAD_BALANCING", "PGPOOL_FAILOVER_ON_BACKEND_SHUTDOWN"] {
        assert!(line.contains(name), "{line}");
    }
    assert!(!line.contains("PGPOOL_NUM_INIT_CHILDREN"), "twelve clients need no more");
    let mut many = alone();
    many.databases.clients = 60;
    let (_, declared) = planned_with(&many, CLUSTER);
    assert!(declared.line("make-pgpool").contains("(\"PGPOOL_NUM_INIT_CHILDREN\", \"128\")"));
    assert!(declared.line("make-pg-2").contains("(\"POSTGRESQL_MAX_CONNECTIONS\", \"256\")"));
}

#[test]
fn what_stands_in_the_way_is_refused_with_the_reason() {
    let refused = |change: fn(&mut Stack), id: &str| {
        let mut stack = alone();
        change(&mut stack);
        refused_with(&stack, CLUSTER, id);
    };
    refused(|stack| stack.services[0].name = "pg-1".to_owned(), "names");
    refused(|stack| stack.databases.new.down = None, "cluster-there");
    refused(|stack| stack.staged.push("redis: …".to_owned()), "staged");
    refused(|stack| stack.beside = None, "template");
    refused(|stack| drop(stack.beside.as_mut().unwrap().services.pop()), "connections");
    refused(
        |stack| {
            stack
                .registry
                .gone
                .extend(["bitnami/pgpool", "bitnamilegacy/pgpool"].map(str::to_owned))
        },
        "image",
    );
    refused(|stack| stack.databases.old.set(super::sql::VERSION, 170_001_u64), "versions");
    refused(
        |stack| stack.databases.old.down = Some(Failure::transiently("sql:connection", "no")),
        "server",
    );
    refused(
        |stack| {
            let text = "the environment has no service `other`";
            stack.databases.new.down = Some(Failure::permanently("railway:no-service", text));
        },
        "connections",
    );
    let options = [("path", "cluster"), ("front-first", "true")];
    refused_with(&alone(), &options, "front-first");
    refused_with(&alone(), &[("path", "cluster"), ("template", "other")], "template");
}

#[test]
fn an_image_that_its_maker_has_moved_is_taken_from_there() {
    let mut stack = alone();
    stack.registry.gone = vec!["bitnami/".to_owned()];
    let (_, declared) = planned_with(&stack, CLUSTER);
    assert!(declared.line("make-pgpool").contains(" bitnamilegacy/pgpool:4@sha256:"));
}

#[test]
fn a_template_that_is_no_cluster_behind_pgpool_is_refused_in_words() {
    let refused = |change: fn(&mut Template), why: &str| {
        let mut template = template();
        change(&mut template);
        let refusal = Wanted::of(&template).unwrap_err();
        assert!(refusal.contains(why), "{refusal}");
    };
    let set = |template: &mut Template, index: usize, name: &str, text: &str| {
        let variables = &mut template.services[index].variables;
        variables.retain(|(known, _)| known != name);
        variables.push((name.to_owned(), text.to_owned()));
    };
    refused(|it| it.services[0].image = None, "`pgpool` has no image");
    refused(|it| it.services[0].image = Some("haproxy:3".to_owned()), "neither a node");
    refused(|it| drop(it.services.remove(0)), "exactly one PgPool");
    refused(|it| it.services[1].mount = None, "no volume");
    refused(|it| it.services[1].replicas = 2, "2 instances");
    refused(|it| it.services[2].variables.clear(), "no variable `REPMGR_PRIMARY_HOST`");
    let mut other = template();
    set(&mut other, 2, "REPMGR_PARTNER_NODES", "${{RAILWAY_PRIVATE_DOMAIN}}");
    other.services.retain(|it| ["pgpool", "pg-0"].contains(&it.name.as_str()));
    assert!(Wanted::of(&other).unwrap_err().contains("1 nodes"));
    let mut other = template();
    set(&mut other, 1, "REPMGR_PRIMARY_HOST", "${{RAILWAY_PRIVATE_DOMAIN}}");
    assert!(Wanted::of(&other).unwrap_err().contains("one and the same node"));
    let mut other = template();
    set(&mut other, 0, "X", "${{redis.REDIS_PASSWORD}}");
    assert!(Wanted::of(&other).unwrap_err().contains("`redis`"));
    let mut other = template();
    set(&mut other, 0, "X", "${{randomInt(1,2)}}");
    assert!(Wanted::of(&other).unwrap_err().contains("`X` of `pgpool`"));
}

#[test]
fn another_template_comes_with_the_lines_by_which_its_cluster_is_found() {
    let mut stack = alone();
    let mut other = template();
    other.services[0].name = "pooler".to_owned();
    stack.beside = Some(other);
    let draft = stack.drafted(&target(CLUSTER)).0;
    let found = draft.findings.iter().find(|it| it.id == "connections").unwrap();
    let lines = found.evidence.join("\n");
    for part in [
        "front = \"pooler\"",
        "[environments.lab.connections.cluster-admin]\nkind = \"postgres\"\nservice = \"pg-0\"",
        "nodes = [\"pg-1\", \"pg-2\"]",
        "[environments.lab.connections.front]\nkind = \"postgres\"\nservice = \"pooler\"",
        "database = \"litellm_langfuse\"",
    ] {
        assert!(lines.contains(part), "{part} is not in:\n{lines}");
    }
    let options = [("path", "cluster"), ("front", "pooler")];
    planned_with(&stack, &options);
}

#[test]
fn a_move_without_a_cluster_says_how_one_is_made() {
    let draft = alone().drafted(&target(&[])).0;
    let [found] = draft.findings.as_slice() else { panic!("{:#?}", draft.findings) };
    assert!(found.refuses() && found.title == "there is no cluster to move to");
    let remedy = found.remedy.as_deref().unwrap();
    for part in [
        "path = \"cluster\"",
        "[environments.lab.options.postgres-ha]",
        "`lockstep apply postgres-ha -e lab`",
    ] {
        assert!(remedy.contains(part), "{remedy}");
    }
}

#[test]
fn a_step_starts_only_on_what_the_plan_was_made_for() {
    let given = given();
    let mut stack = alone();
    stack.services[0].name = "pg-2".to_owned();
    moved(&given.observe(&stack, "keep"), "`pg-2`");
    let mut stack = alone();
    stack.beside.as_mut().unwrap().digest = digest('f');
    moved(&given.observe(&stack, "keep"), "ha-postgres");
    let mut stack = made();
    stack.staged.push("redis: …".to_owned());
    for step in ["keep", "make", "secrets", "first-node", "standbys", "confirm", "front"] {
        assert!(matches!(given.observe(&stack, step), Observation::Moved(_)), "{step}");
    }
    let mut stack = made();
    stack.databases.new.set(RECEIVERS, 1_u64);
    assert!(matches!(given.observe(&stack, "standbys"), Observation::Ready(_)));
    for step in ["confirm", "front"] {
        waits(&given.observe(&stack, step), "1 nodes follow");
    }
    stack.databases.new.set(RECEIVERS, 2_u64);
    assert!(matches!(given.observe(&stack, "front"), Observation::Ready(_)));
    assert!(given.observed(&stack, "prove") == Observation::Ready(Vec::new()));
}

#[test]
fn each_step_is_done_when_the_servers_themselves_say_so() {
    let given = given();
    for step in ["make", "secrets", "first-node", "standbys", "confirm", "front", "prove"] {
        assert!(matches!(given.check(&made(), step), Progress::Done(_)), "{step}");
    }
    pending(&given.check(&alone(), "make"), "is not listed yet");
    let mut stack = made();
    stack.service("pg-1").volume = None;
    pending(&given.check(&stack, "make"), "volume of `pg-1`");
    let mut stack = made();
    stack.destinations.remove("pg-2.DATABASE_URL");
    failed(&given.check(&stack, "secrets"), "renders to nothing");
    let mut stack = made();
    stack.databases.new.set(WAL_LEVEL, "replica");
    failed(&given.check(&stack, "first-node"), "`replica`");
    let mut stack = made();
    stack.databases.following = (1, 0);
    pending(&given.check(&stack, "standbys"), "1 nodes follow closely");
    stack.databases.following = (2, 0);
    assert!(matches!(given.check(&stack, "standbys"), Progress::Done(_)));
    pending(&given.check(&stack, "confirm"), "no node confirms");
    let mut stack = made();
    stack.databases.front.as_mut().unwrap()[2][1] = "down";
    pending(&given.check(&stack, "prove"), "2 nodes up");
    let mut stack = made();
    stack.databases.front_settings[0].1 = "1";
    failed(&given.check(&stack, "front"), "load_balance_mode");
    let mut stack = made();
    stack.databases.through = "999";
    failed(&given.check(&stack, "front"), "PgPool leads to the server 999");
    stack.databases.new.set(SYSTEM, "999");
    assert!(matches!(given.check(&stack, "front"), Progress::Done(_)));
}

#[test]
fn what_nobody_uses_goes_and_what_anybody_uses_stays() {
    let given = began();
    for step in ["stop-front", "stop-standbys", "stop-first-node"] {
        assert!(matches!(given.observe(&made(), step), Observation::Ready(_)), "{step}");
        let mut stack = made();
        stack.set("litellm", "DATABASE_URL", "postgresql://${{pgpool.X}}@y/z");
        moved(&given.observe(&stack, step), "`DATABASE_URL` of `litellm`");
        let mut stack = made();
        stack.set("litellm", "OTHER_DATABASE_URL", "***u");
        stack.leads("litellm", "OTHER_DATABASE_URL", "somewhere");
        moved(&given.observe(&stack, step), "`OTHER_DATABASE_URL` of `litellm`");
        let mut stack = made();
        stack.databases.held.0.push("litellm_langfuse");
        moved(&given.observe(&stack, step), "`litellm_langfuse`");
        let mut stack = made();
        stack.databases.held.1 = 1;
        moved(&given.observe(&stack, step), "something was put into the cluster");
    }
    let mut stack = made();
    stack.effects.clear();
    assert!(matches!(given.observe(&stack, "stop-front"), Observation::NothingToDo(_)));
}

#[test]
fn a_cluster_that_does_not_answer_goes_only_if_it_never_did_or_a_person_says_so() {
    let mut stack = made();
    stack.databases.new.down = Some(Failure::transiently("sql:connection", "refused"));
    let mut given = began();
    waits(&given.observe(&stack, "stop-first-node"), "does not tell");
    moved(&given.observed(&stack, "stop-first-node"), "Going on deletes it");
    let said = lockstep_sdk::Fact::one(
        "accepted",
        "…: refused. Going on deletes it with its volumes, whatever is in it",
    );
    given.facts.push(said);
    assert!(matches!(given.observe(&stack, "stop-first-node"), Observation::Ready(_)));
    stack.set("litellm", "DATABASE_URL", "${{pgpool.DATABASE_URL}}");
    moved(&given.observe(&stack, "stop-first-node"), "`litellm`");
    stack.set("litellm", "DATABASE_URL", "");
    assert!(matches!(self::given().observe(&stack, "stop-first-node"), Observation::Ready(_)));
}
