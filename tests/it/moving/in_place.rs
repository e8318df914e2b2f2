//! PostgreSQL becomes the first node of a cluster in place, and a single server again: no acknowledged row is lost.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use lockstep_tests::writers::{LEISURE, Writers, write};
use lockstep_tests::{block_on, dial, tables};
use serde_json::{Value, json};

use super::traps::run;
use crate::far_side::{deploy, graphql, poll, variable};
use crate::stage::Stage;

/// The stack as it runs, and everybody who uses the database.
const SERVICES: [&str; 9] = [
    "postgres",
    "redis",
    "clickhouse",
    "minio",
    "litellm",
    "langfuse-web",
    "langfuse-worker",
    "backup-service",
    "health-monitor",
];

/// What the conversion makes.
const CLUSTER: [&str; 6] =
    ["Postgres-2", "Postgres-3", "etcd-1", "etcd-2", "etcd-3", "Postgres HA"];

/// Settings that Patroni overrides in the lab as at Railway.
const SETTINGS: &str = "SELECT string_agg(name || '=' || setting, ' ' ORDER BY name) FROM pg_settings WHERE name IN \
    ('max_connections', 'max_wal_senders', 'max_replication_slots', 'cluster_name', 'synchronous_standby_names', 'wal_log_hints')";

/// Limits that count from a start on.
const LIMITS: &str = "SELECT concat_ws(' ', current_setting('max_connections'), current_setting('max_wal_senders'), \
    current_setting('max_replication_slots'))";

/// When the server was started.
const STARTED: &str = "SELECT pg_postmaster_start_time()::text";

pub(super) struct Place {
    pub(super) stage: Stage,
    pub(super) url: String,
    settings: String,
}

impl Place {
    pub(super) fn begin() -> Self {
        let only = SERVICES.iter().flat_map(|service| ["--only", service]);
        let stage = Stage::up(&only.collect::<Vec<_>>());
        let toml = "version = 1\n[environments.lab.options.postgres-ha]\npath = \"in-place\"\nsoak-hours = \"0\"\n";
        std::fs::write(stage.folder().join("lockstep.toml"), toml).unwrap();
        let url = stage.env("DATABASE_URL");
        poll(|| block_on(dial(&url)).ok().map(drop));
        block_on(tables::small(&url));
        let settings = text(&url, SETTINGS);
        Self { stage, url, settings }
    }

    /// Gives the server limits that Patroni takes less of by itself.
    fn with_limits(mut self, connections: u32, senders: u32, slots: u32) -> Self {
        for (name, value) in [
            ("max_connections", connections),
            ("max_wal_senders", senders),
            ("max_replication_slots", slots),
        ] {
            run(&self.url, &format!("ALTER SYSTEM SET {name} = {value}"));
        }
        deploy(&self.stage, "postgres");
        self.shows(&format!("{connections} {senders} {slots}"));
        self.settings = text(&self.url, SETTINGS);
        self
    }

    /// Waits until the server has these limits.
    #[track_caller]
    fn shows(&self, limits: &str) {
        let shows =
            || block_on(async { dial(&self.url).await.ok()?.query_one(LIMITS, &[]).await.ok() });
        poll(|| shows().filter(|row| row.get::<_, &str>(0) == limits).map(drop));
    }

    /// Every node has these limits, and would start with them again.
    #[track_caller]
    fn keeps(&self, limits: [u32; 3]) {
        let (_, config) = self.patroni("GET /config", "");
        let config: Value = serde_json::from_str(&config).unwrap();
        let told = &config["postgresql"]["parameters"];
        let names = ["max_connections", "max_wal_senders", "max_replication_slots"];
        assert_eq!(names.map(|name| told[name].as_u64()), limits.map(|it| Some(it.into())));
        poll(|| {
            let (_, cluster) = self.patroni("GET /cluster", "");
            let waits = cluster.contains("pending_restart");
            (cluster.contains("postgres-3") && !waits).then_some(())
        });
        for node in ["postgres", "Postgres-2", "Postgres-3"] {
            let limits = limits.map(|it| it.to_string()).join(" ");
            assert_eq!(text(&self.node(node), LIMITS), limits, "{node}");
        }
    }

    /// Lets services have the server's address instead of references: one with a password, one with a reference beside it.
    fn with_addresses(self) -> Self {
        variable(&self.stage, "litellm", "DATABASE_URL", &self.url);
        let (account, server) = self.url.rsplit_once('@').unwrap();
        let (user, _) = account.rsplit_once(':').unwrap();
        let mixed = format!("{user}:${{{{postgres.POSTGRES_PASSWORD}}}}@{server}");
        variable(&self.stage, "backup-service", "DATABASE_URL", &mixed);
        self
    }

    /// Where the database URL of a service leads, and as whom.
    #[track_caller]
    fn url_of(&self, service: &str) -> String {
        let id = self.stage.status().service(service).unwrap().id.clone();
        let document = "query($p:String!,$e:String!,$s:String!){variables(projectId:$p,environmentId:$e,serviceId:$s)}";
        let (project, environment) =
            (self.stage.env("RAILWAY_PROJECT_ID"), self.stage.env("RAILWAY_ENVIRONMENT_ID"));
        let answer =
            graphql(&self.stage, document, &json!({ "p": project, "e": environment, "s": id }));
        let url = answer["data"]["variables"]["DATABASE_URL"].as_str();
        url.unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    /// Returns the URL of a node of the cluster.
    fn node(&self, service: &str) -> String {
        let address = self.stage.status().service(service).unwrap().address.clone();
        let (user, rest) = self.url.rsplit_once('@').unwrap();
        format!("{user}@{address}:5432/{}", rest.rsplit_once('/').unwrap().1)
    }

    /// Applies the plan, until a step if one is named.
    #[track_caller]
    fn apply(&self, until: Option<&str>, code: i32) -> crate::stage::Done {
        let mut words = vec!["apply", "postgres-ha", "-e", "lab", "--yes"];
        words.extend(until.into_iter().flat_map(|step| ["--until", step]));
        self.stage.lockstep(&words).expect(code)
    }

    /// Returns the URL by which clients reach the cluster.
    pub(super) fn front(&self) -> String {
        self.node("Postgres HA")
    }

    fn patroni(&self, request: &str, body: &str) -> (u16, String) {
        let host = self.url.rsplit_once('@').unwrap().1.split(':').next().unwrap();
        let mut stream = TcpStream::connect((host, 8008)).unwrap();
        stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
        let head = format!(
            "{request} HTTP/1.0\r\nhost: {host}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
    }

    /// The server is a single one again, with the settings and services that it had.
    #[track_caller]
    pub(super) fn is_as_before(&self) {
        let status = self.stage.status();
        for service in CLUSTER {
            assert!(status.service(service).is_none(), "{service}");
        }
        for service in SERVICES {
            let found = status.service(service).unwrap();
            assert!(found.serving && found.status == "SUCCESS", "{found:?}");
        }
        assert_eq!(text(&self.url, SETTINGS), self.settings);
        let slots = "SELECT count(*)::text FROM pg_replication_slots";
        assert_eq!(text(&self.url, slots), "0");
    }
}

fn text(url: &str, query: &str) -> String {
    block_on(async { dial(url).await.unwrap().query_one(query, &[]).await.unwrap().get(0) })
}

#[test]
fn a_server_becomes_a_cluster_in_place_and_a_single_server_again_and_loses_no_row() {
    let it = Place::begin().with_limits(300, 20, 10).with_addresses();
    let writers = Writers::start(4, [&it.url, &it.url], LEISURE);
    writers.have_written();
    writers.forget_times();
    it.apply(Some("adopt"), 10);
    let started = text(&it.url, STARTED);
    it.stage.lockstep(&["resume", &it.stage.run(), "--yes", "--until", "prove"]).expect(10);
    assert_eq!(text(&it.url, STARTED), started, "no limit was lower, so it did not restart");
    writers.have_written();
    let told = writers.told();
    println!("without an acknowledgement on the way there, each writer: {:?}", told.longest);
    let front = it.front();
    told.is_all_in(&front);
    for service in ["litellm", "backup-service", "langfuse-web"] {
        assert_eq!(it.url_of(service), front, "{service}");
    }
    it.keeps([300, 20, 10]);
    let after = write(&front, 90, 500);
    assert_ne!(
        text(&it.url, "SHOW synchronous_standby_names"),
        "",
        "a commit waits for a second node"
    );
    for service in CLUSTER.into_iter().chain(SERVICES) {
        assert!(it.stage.status().service(service).unwrap().serving, "{service}");
    }
    assert_eq!(it.patroni("POST /restart", "{}").0, 200);
    it.shows("300 20 10");
    it.keeps([300, 20, 10]);
    writers.have_written();

    writers.forget_times();
    it.stage.lockstep(&["rollback", &it.stage.run(), "--yes"]).expect(11);
    writers.have_written();
    let told = writers.end();
    println!("without an acknowledgement on the way back, each writer: {:?}", told.longest);
    it.is_as_before();
    for service in ["litellm", "backup-service", "langfuse-web"] {
        assert_eq!(it.url_of(service), it.url, "{service}");
    }
    told.is_all_in(&it.url);
    after.is_all_in(&it.url);
}

#[test]
fn what_is_staged_and_not_planned_is_never_committed_and_everything_stays_a_single_server() {
    let it = Place::begin();
    it.apply(Some("backup"), 10);
    let environment = it.stage.env("RAILWAY_ENVIRONMENT_ID");
    let minio = it.stage.status().service("minio").unwrap().id.clone();
    let stage = |patch: Value| {
        let document = "mutation($e:String!,$i:EnvironmentConfig!){environmentStageChanges(environmentId:$e,input:$i){id}}";
        let variables = json!({ "e": environment, "i": patch });
        let answer = graphql(&it.stage, document, &variables);
        assert_eq!(answer.get("errors"), None, "{answer}");
    };
    let theirs = json!({ "variables": { "THEIRS": { "value": "1" } } });
    stage(json!({ "services": { minio.clone(): theirs } }));
    let run = it.stage.run();
    it.stage.lockstep(&["resume", &run, "--yes"]).expect(13).says("somebody else staged changes");
    stage(json!({}));

    // Railway leads every reference to the front, also one that is not in the plan.
    let document =
        "mutation($i:VariableCollectionUpsertInput!){variableCollectionUpsert(input:$i)}";
    let input = json!({
        "projectId": it.stage.env("RAILWAY_PROJECT_ID"), "environmentId": environment, "serviceId": minio,
        "variables": { "THEIRS": "${{postgres.POSTGRES_DB}}" }, "skipDeploys": true,
    });
    let answer = graphql(&it.stage, document, &json!({ "i": input }));
    assert_eq!(answer.get("errors"), None, "{answer}");
    let refused = it.stage.lockstep(&["resume", &run, "--yes"]).expect(11);
    refused.says("what Railway staged is not what was planned: variable `THEIRS`");
    it.is_as_before();
    let done: Vec<String> = it.stage.mutations().into_iter().map(|it| it.name).collect();
    assert!(done.iter().any(|name| name == "templateDeployV2"), "{done:?}");
    assert!(!done.iter().any(|name| name == "environmentPatchCommitStaged"), "{done:?}");
    let document = "query($e:String!){environmentStagedChanges(environmentId:$e){patch}}";
    let staged = graphql(&it.stage, document, &json!({ "e": environment }));
    assert_eq!(staged["data"]["environmentStagedChanges"]["patch"], json!({}));
}

#[test]
fn while_a_replica_leads_going_back_switches_over_first_and_loses_no_row() {
    // Under Patroni there are fewer slots, so that the server restarts.
    let it = Place::begin().with_limits(100, 10, 16);
    let before = write(&it.url, 1, 500);
    it.apply(Some("adopt"), 10);
    let started = text(&it.url, STARTED);
    it.stage.lockstep(&["resume", &it.stage.run(), "--yes", "--until", "prove"]).expect(10);
    assert_ne!(text(&it.url, STARTED), started, "Patroni has restarted it");
    it.keeps([200, 10, 16]);
    // Its answer may have been lost, so it may be ordered again.
    assert_eq!(it.patroni("POST /restart", r#"{"restart_pending":true}"#).0, 503);
    let front = it.front();
    let standby = poll(|| {
        let (_, cluster) = it.patroni("GET /cluster", "");
        let cluster: Value = serde_json::from_str(&cluster).ok()?;
        let members = cluster["members"].as_array()?;
        let standby = members.iter().find(|it| it["role"] == "sync_standby")?;
        Some(standby["name"].clone())
    });
    let order = json!({ "leader": "postgres-1", "candidate": standby }).to_string();
    assert_eq!(it.patroni("POST /switchover", &order).0, 200);
    let leads = |url: &str| {
        let query = "SELECT (NOT pg_is_in_recovery())::text";
        let asked = block_on(async { dial(url).await.ok()?.query_one(query, &[]).await.ok() });
        asked.map(|row| row.get::<_, String>(0) == "true")
    };
    // Whoever led starts anew, and is not there for a moment.
    poll(|| leads(&it.url).filter(|leads| !*leads));
    // The front takes a moment to see who follows now, so a writer tries until it is let write.
    let writers = Writers::start(1, [&front, &front], LEISURE);
    writers.have_written();
    let after = writers.end();

    it.stage.lockstep(&["rollback", &it.stage.run(), "--yes"]).expect(11);
    it.is_as_before();
    before.is_all_in(&it.url);
    after.is_all_in(&it.url);
    write(&it.url, 3, 500).is_all_in(&it.url);
}
