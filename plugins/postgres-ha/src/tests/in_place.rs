//! The path on which the server becomes the first node of a cluster.

use lockstep_sdk::testing::{Given, digest, failed, ids, moved, pending, step, waits};
use lockstep_sdk::{
    Failure, Gate, Observation, Progress, Response, Template, TemplateService, Undo, Verdict,
};

use super::given::{IN_PLACE, kept_with, planned_with};
use super::refusals::refused_with;
use super::sql::{PREPARED, RECOVERING, SYNCHRONOUS, SYSTEM};
use super::stack::Stack;
use crate::probe::probe;

pub(super) const EDGE: &str = "Postgres HA";

/// What the server's own node answers.
#[derive(Clone, Debug, Default)]
pub(super) struct Patroni {
    pub(super) leads: Option<bool>,
    pub(super) caught_up: bool,
    /// What stands in its answers.
    pub(super) says: &'static str,
}

impl Patroni {
    pub(super) fn answer(&self, path: &str) -> Result<Response, Failure> {
        let Some(leads) = self.leads else {
            return Err(Failure::transiently("http:connection", "refused"));
        };
        let body = self.says.as_bytes().to_vec();
        if path == "/config" {
            return Ok(Response { status: 200, headers: Vec::new(), body });
        }
        let good = if path == "/leader" { leads } else { self.caught_up };
        let status = if good { 200 } else { 503 };
        Ok(Response { status, headers: Vec::new(), body })
    }
}

fn service(name: &str, role: &str, image: &str, variables: &[(&str, &str)]) -> TemplateService {
    let own = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
    TemplateService {
        name: name.to_owned(),
        role: Some(role.to_owned()),
        image: Some(format!("ghcr.io/railwayapp-templates/postgres-ha/{image}")),
        mount: (role != "edge").then(|| "/data".to_owned()),
        replicas: 1,
        variables: variables.iter().map(own).collect(),
        extra: Vec::new(),
    }
}

/// Railway's template as far as this path reads it.
pub(super) fn template() -> Template {
    let node = |name: &str, role: &str, node: &str| {
        let adopts = ("PATRONI_ADOPT_EXISTING_DATA", "true");
        service(name, role, "postgres-patroni:18", &[("PATRONI_NAME", node), adopts])
    };
    let etcd = |name: &str| service(name, "internal", "etcd:3", &[]);
    let front = [("PGDATABASE", "railway"), ("DATABASE_URL", "postgresql://…/${{PGDATABASE}}")];
    Template {
        code: "postgres-ha".to_owned(),
        digest: digest('d'),
        services: vec![
            node("Postgres-1", "root", "postgres-1"),
            node("Postgres-2", "replica", "postgres-2"),
            node("Postgres-3", "replica", "postgres-3"),
            etcd("etcd-1"),
            etcd("etcd-2"),
            etcd("etcd-3"),
            service(EDGE, "edge", "haproxy:3", &front),
        ],
        extra: Vec::new(),
    }
}

/// A stack that Railway converts.
fn ready() -> Stack {
    Stack::healthy()
}

/// The same, converted and used by everybody.
pub(super) fn converted() -> Stack {
    let mut stack = ready();
    stack.patroni = Patroni { leads: Some(true), caught_up: false, says: "" };
    for name in ["Postgres-2", "Postgres-3", "etcd-1", "etcd-2", "etcd-3", EDGE] {
        let mut service = stack.services[0].clone();
        name.clone_into(&mut service.name);
        stack.services.push(service);
    }
    stack.leads(EDGE, "DATABASE_URL", "front");
    for label in ["etcd-1", "etcd-2", "etcd-3", "postgres-2", "postgres-3", "postgres-ha"] {
        stack.deployed(&format!("start-{label}"));
    }
    for client in ["litellm", "langfuse-web", "langfuse-worker", "backup-service", "health-monitor"]
    {
        stack.leads(client, "DATABASE_URL", "front");
        stack.deployed(&format!("deploy-{client}"));
        stack.deployed(&format!("rehearse-{client}"));
    }
    for label in ["convert", "convert-commit"] {
        stack = stack.began(label);
    }
    stack.deployed("adopt");
    stack.wrote(&["ready to serve client requests"]);
    stack
}

fn given() -> Given {
    kept_with(&ready(), IN_PLACE)
}

#[test]
fn everything_is_staged_committed_and_pinned_before_anything_of_the_cluster_is_deployed() {
    let (draft, declared) = planned_with(&ready(), IN_PLACE);
    assert_eq!(
        ids(&draft.steps),
        [
            "keep",
            "pin",
            "grace",
            "rehearse",
            "backup",
            "convert",
            "coordinators",
            "adopt",
            "replicas",
            "synchronous",
            "front",
            "deploy-litellm",
            "deploy-langfuse-web",
            "deploy-langfuse-worker",
            "deploy-backup-service",
            "deploy-health-monitor",
            "prove",
            "soak",
            "close",
        ]
    );
    let convert = step(&draft.steps, "convert");
    assert_eq!(&convert.effects[..3], ["convert", "convert-commit", "front-database"]);
    assert_eq!(convert.effects.len(), 10, "one image for each of seven services");
    let line = declared.line("convert");
    assert!(line.contains("postgres-patroni:16") && !line.contains(":18"), "{line}");
    assert!(line.contains("litellm DATABASE_URL=${{Postgres HA.DATABASE_URL}}"), "{line}");
    let image = declared.line("image-postgres");
    assert!(image.ends_with(&format!("postgres-patroni:16@{}", digest('c'))), "{image}");
    assert!(declared.line("front-database").ends_with("PGDATABASE=litellm_langfuse"));
    let adopt = step(&draft.steps, "adopt");
    assert!(
        matches!(adopt.gates.as_slice(), [Gate::Approval(_), Gate::Window]),
        "{:?}",
        adopt.gates
    );
    assert_eq!(adopt.outage.len(), 6, "the server and everybody who uses it");
}

#[test]
fn on_the_way_back_the_server_leads_before_a_client_returns_and_before_the_cluster_goes() {
    let (draft, declared) = planned_with(&ready(), IN_PLACE);
    let undo = |id: &str| match &step(&draft.steps, id).undo {
        Undo::Steps(steps) => steps.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(undo("deploy-litellm"), ["lead-litellm", "return-litellm"]);
    assert_eq!(undo("convert"), ["lead-last", "settings-back", "revert", "slots-back"]);
    assert_eq!(undo("synchronous"), ["asynchronous"]);
    assert!(declared.line("lead-litellm").contains("Lead(\"postgres-1\")"));
    assert!(declared.line("refer-back-litellm").contains("${{postgres.DATABASE_URL}}"));
    let back = declared.line("image-back");
    assert!(back.ends_with(&format!("postgres-ssl:16@{}", digest('a'))), "{back}");
    let setting = declared.line("setting-synchronous-standby-names");
    assert!(setting.ends_with("ALTER SYSTEM SET synchronous_standby_names = ''"), "{setting}");
    assert!(declared.line("slots-back").contains("'postgres_2', 'postgres_3'"));
}

#[test]
fn what_railway_does_not_convert_is_refused() {
    #[track_caller]
    fn refused(change: impl FnOnce(&mut Stack), id: &str) {
        let mut stack = ready();
        change(&mut stack);
        refused_with(&stack, IN_PLACE, id);
    }
    let image = |text: &'static str| {
        move |stack: &mut Stack| stack.service("postgres").image = Some(text.to_owned())
    };
    refused(image("postgres:16"), "image");
    refused(image("ghcr.io/railwayapp-templates/postgres-ssl:16.4"), "image");
    refused(image("ghcr.io/railwayapp-templates/postgres-ssl:latest"), "image");
    refused(image("ghcr.io/railwayapp-templates/postgres-ssl:13"), "image");
    refused(
        |stack| {
            let pinned = format!("ghcr.io/railwayapp-templates/postgres-ssl:16@{}", digest('a'));
            stack.service("postgres").image = Some(pinned);
        },
        "image",
    );
    refused(
        |stack| {
            let command = ("start-command".to_owned(), "postgres -c a=b".to_owned());
            stack.service("postgres").settings.push(command);
        },
        "start-command",
    );
    refused(
        |stack| stack.service("postgres").volume.as_mut().unwrap().mount = "/d".to_owned(),
        "volume",
    );
    refused(|stack| stack.service("postgres").volume = None, "volume");
    refused(|stack| stack.set("postgres", "PGDATA", "/elsewhere"), "volume");
    refused(|stack| stack.set("postgres", "PATRONI_ENABLED", "true"), "cluster-already");
    refused(|stack| stack.staged.push("redis: …".to_owned()), "staged");
    refused(|stack| stack.patroni.leads = Some(false), "patroni");
    refused(|stack| stack.template = None, "template");
    refused(|stack| drop(stack.template.as_mut().unwrap().services.pop()), "template");
    refused(|stack| drop(stack.template.as_mut().unwrap().services.remove(3)), "template");
    refused(|stack| stack.template.as_mut().unwrap().services[0].variables.clear(), "template");
    refused(
        |stack| {
            let mut other = stack.services[0].clone();
            EDGE.clone_into(&mut other.name);
            stack.services.push(other);
        },
        "names",
    );
    refused(
        |stack| stack.withdraw("ghcr.io/railwayapp-templates/postgres-ha/etcd"),
        "cluster-image",
    );
    refused(|stack| stack.withdraw("ghcr.io/railwayapp-templates/postgres-ssl"), "pin-postgres");
    refused(|stack| stack.databases.old.set(RECOVERING, true), "role");
    refused(|stack| stack.databases.old.set(PREPARED, 1_u64), "prepared");
    refused(|stack| stack.databases.aside.0 = "on", "archive");
    refused(|stack| stack.databases.aside.1 = false, "superuser");
    refused(|stack| stack.databases.aside.2 = 1, "slots");
    refused(
        |stack| {
            stack.set("litellm", "DATABASE_URL", "***u");
            stack.led("litellm.DATABASE_URL").path = "/other".to_owned();
        },
        "references-stuck",
    );
    refused(
        |stack| stack.set("litellm", "DATABASE_URL", "${{postgres.PGOTHER}}"),
        "references-stuck",
    );
    refused(
        |stack| stack.set("litellm", "PGHOST", "POSTGRES.railway.internal"),
        "references-stuck",
    );
    refused(|stack| stack.variables.clear(), "references");
    for form in ["escaped", "raw"] {
        let says = |stack: &mut Stack| stack.written("postgres.DATABASE_URL", form);
        refused(says, "front-password");
    }
    refused(|stack| stack.unseen("postgres.DATABASE_URL"), "front-password");
    let down = Some(Failure::transiently("sql:connection", "refused"));
    refused(|stack| stack.databases.old.down = down, "server");
}

#[test]
fn coordinators_must_agree_before_the_server_stops() {
    let given = given();
    let mut stack = converted();
    assert!(matches!(given.check(&stack, "coordinators"), Progress::Done(_)));
    stack.wrote(&[]);
    pending(&given.check(&stack, "coordinators"), "does not say yet");
}

#[test]
fn the_server_must_lead_be_the_same_and_have_all_that_it_had() {
    let stack = converted();
    let mut given = given();
    let Observation::Ready(facts) = given.observe(&ready(), "adopt") else { panic!() };
    given.facts.extend(facts);
    assert!(matches!(given.check(&stack, "adopt"), Progress::Done(_)));
    let with = |change: fn(&mut Stack)| {
        let mut stack = converted();
        change(&mut stack);
        given.check(&stack, "adopt")
    };
    pending(&with(|stack| stack.patroni.leads = Some(false)), "does not lead yet");
    pending(&with(|stack| stack.patroni.leads = None), "refused");
    failed(&with(|stack| stack.databases.old.set(SYSTEM, "999")), "another server");
    failed(&with(|stack| stack.databases.history.0 = 999), "less than it had");
    failed(&with(|stack| stack.databases.history.1 = 3), "3 tables of 4");
    failed(
        &with(|stack| stack.databases.overridden = vec![("max_connections", "60")]),
        "max_connections is 60 and was 100",
    );
}

#[test]
fn replicas_follow_confirm_and_the_front_leads_to_the_server_and_its_database() {
    let given = given();
    for step in ["convert", "replicas", "synchronous", "front", "prove", "soak"] {
        let found = given.check(&converted(), step);
        assert!(matches!(found, Progress::Done(_)), "{step}: {found:?}");
    }
    let mut stack = converted();
    stack.databases.following = (1, 0);
    pending(&given.check(&stack, "replicas"), "1 of 2");
    pending(&given.check(&stack, "synchronous"), "no replica");
    pending(&given.check(&stack, "prove"), "0 confirm");
    stack.databases.old.set(RECOVERING, true);
    pending(&given.check(&stack, "front"), "takes no writes");
    let mut stack = converted();
    stack.led("Postgres HA.DATABASE_URL").path = "/railway".to_owned();
    failed(&given.check(&stack, "convert"), "another database");
    stack = converted();
    stack.leads("litellm", "DATABASE_URL", "postgres.railway.internal");
    failed(&given.check(&stack, "convert"), "should lead to `front`");
}

#[test]
fn while_another_node_leads_it_is_switched_back_and_nothing_is_taken_away() {
    let given = given();
    let mut stack = converted();
    for step in ["lead-last", "lead-litellm"] {
        assert!(matches!(given.observe(&stack, step), Observation::NothingToDo(_)), "{step}");
    }
    assert!(matches!(given.observe(&stack, "revert"), Observation::Ready(_)));
    stack.patroni = Patroni { leads: Some(false), caught_up: true, says: "" };
    for step in ["lead-last", "lead-litellm"] {
        assert!(matches!(given.observe(&stack, step), Observation::Ready(_)), "{step}");
    }
    stack.patroni.caught_up = false;
    for step in ["lead-last", "return-litellm", "revert"] {
        waits(&given.observe(&stack, step), "another node leads");
        moved(&given.observed(&stack, step), "/failover {\"candidate\":\"postgres-1\"}");
    }
    stack.patroni.leads = None;
    moved(&given.observed(&stack, "revert"), "can't be told");
    // Before a replica was deployed the server is the only node.
    stack.effects.retain(|label, _| !label.starts_with("start-postgres"));
    assert!(matches!(given.observe(&stack, "revert"), Observation::Ready(_)));
    assert!(matches!(given.observe(&stack, "lead-last"), Observation::NothingToDo(_)));
}

#[test]
fn the_single_server_has_its_former_settings_and_keeps_no_log_for_those_who_are_gone() {
    let given = given();
    let mut stack = converted();
    pending(&given.check(&stack, "revert"), "still listed");
    let own = ready();
    stack.services = own.services.clone();
    stack.deployed("return-server");
    assert!(matches!(given.check(&stack, "revert"), Progress::Done(_)));
    assert!(matches!(given.check(&stack, "slots-back"), Progress::Done(_)));
    stack.databases.left_slots = 2;
    failed(&given.check(&stack, "slots-back"), "2 slots");
    stack.databases.overridden[1].1 = "postgres-2";
    failed(&given.check(&stack, "slots-back"), "synchronous_standby_names should be ");
    stack.databases.old.set(SYNCHRONOUS, "postgres-2");
    pending(&given.check(&stack, "asynchronous"), "second node");
}

#[test]
fn a_server_whose_settings_have_changed_since_is_not_converted() {
    let mut stack = ready();
    let given = Given { facts: Vec::new(), ..given() };
    stack.databases.overridden[0].1 = "300";
    moved(&given.observe(&stack, "keep"), "settings of the server");
    let mut stack = ready();
    stack.databases.old.set(SYSTEM, "999");
    moved(&given.observe(&stack, "keep"), "999");
    let mut stack = ready();
    stack.staged.push("redis: …".to_owned());
    for step in ["keep", "convert", "adopt"] {
        assert!(matches!(given.observe(&stack, step), Observation::Moved(_)), "{step}");
    }
}

#[test]
fn that_another_node_leads_is_told_while_everybody_uses_the_cluster() {
    let given = given();
    let (draft, _) = planned_with(&ready(), IN_PLACE);
    for watch in &draft.watches {
        assert_eq!(watch.trigger, "told");
        let sample = probe(&converted(), &watch.id, &given.call("soak")).unwrap();
        assert_eq!(sample.verdict, Verdict::Pass, "{}", sample.evidence);
    }
    let mut stack = converted();
    stack.patroni.leads = Some(false);
    stack.databases.following.0 = 0;
    for (watch, step, verdict) in [
        ("leads", "soak", Verdict::Fail),
        ("leads", "adopt", Verdict::Pass),
        ("replicas", "prove", Verdict::Fail),
    ] {
        let sample = probe(&stack, watch, &given.call(step)).unwrap();
        assert_eq!(sample.verdict, verdict, "{watch} in {step}: {}", sample.evidence);
    }
    assert!(probe(&stack, "other", &given.call("soak")).is_err());
}
