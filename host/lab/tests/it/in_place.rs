//! The template `postgres-ha` over the stack's own PostgreSQL: staged, committed, deployed, lost its leader, and taken back.

use lockstep_lab::Fault;
use serde_json::{Value, json};

use crate::cluster::{DEPLOY, TEMPLATE, followed, rows, until};
use crate::setup::{Fixture, PATIENCE, http, up};

const REVERT: &str =
    "mutation($i:TemplateRevertInput!){templateRevert(input:$i){projectId workflowId}}";
const STAGED: &str =
    "query($e:String!){environmentStagedChanges(environmentId:$e){patch(decryptVariables:true)}}";
const STAGE: &str = "mutation($e:String!,$i:EnvironmentConfig!){environmentStageChanges(environmentId:$e,input:$i){id}}";
const COMMIT: &str = "mutation($e:String!,$s:Boolean){environmentPatchCommitStaged(environmentId:$e,skipDeploys:$s)}";
const NAMES: &str = "query($p:String!,$e:String!){project(id:$p){services{edges{node{id name}}}} \
                     environment(id:$e){serviceInstances{edges{node{serviceName}}} config(decryptVariables:true)}}";
const MEMBERS: [&str; 6] =
    ["Postgres-2", "Postgres-3", "etcd-1", "etcd-2", "etcd-3", "Postgres HA"];
const LEADS: &str = "SELECT (NOT pg_is_in_recovery())::text";
/// A replica that is still being made receives too, under another name.
const FOLLOWED: &str = "SELECT count(*)::text FROM pg_stat_replication \
                        WHERE state = 'streaming' AND application_name LIKE 'postgres-%'";
const IDENTITY: &str = "SELECT system_identifier::text FROM pg_control_system()";
const COUNT: &str = "SELECT count(*)::text FROM kept";
const SERVER: &str = "SELECT host(inet_server_addr())";

/// The template with a short time until a lost leader is replaced, and the database that the stack has.
async fn template(fixture: &Fixture) -> Value {
    let mut template =
        fixture.data(TEMPLATE, json!({ "c": "postgres-ha" })).await["template"].clone();
    let services = template["serializedConfig"]["services"].as_object_mut().unwrap();
    for service in services.values_mut() {
        let given: &[(&str, &str)] = match service["clusterRole"].as_str().unwrap() {
            "root" => {
                &[("PATRONI_TTL", "8"), ("PATRONI_LOOP_WAIT", "1"), ("PATRONI_RETRY_TIMEOUT", "3")]
            }
            "edge" => &[("PGDATABASE", "litellm_langfuse"), ("HAPROXY_CHECK_INTERVAL", "500ms")],
            _ => &[],
        };
        for (name, value) in given {
            service["variables"][name] = json!({ "value": value });
        }
    }
    template
}

/// Stages the conversion and returns what the workflow said last.
async fn stage(fixture: &Fixture) -> Value {
    let template = template(fixture).await;
    let input = json!({
        "templateId": template["id"],
        "serializedConfig": template["serializedConfig"],
        "projectId": fixture.lab.project_id(),
        "environmentId": fixture.lab.environment_id(),
        "existingRootServiceId": fixture.service("postgres"),
        "stageOnly": true,
    });
    let payload = fixture.data(DEPLOY, json!({ "i": input })).await["templateDeployV2"].clone();
    followed(fixture, &payload).await.pop().unwrap()
}

async fn staged(fixture: &Fixture) -> Value {
    let data = fixture.data(STAGED, json!({ "e": fixture.lab.environment_id() })).await;
    data["environmentStagedChanges"]["patch"].clone()
}

async fn commit(fixture: &Fixture, skip_deploys: bool) {
    let variables = json!({ "e": fixture.lab.environment_id(), "s": skip_deploys });
    fixture.data(COMMIT, variables).await;
}

/// The project's services, the environment's, and the environment's config.
async fn names(fixture: &Fixture) -> (Vec<String>, Vec<String>, Value) {
    let variables = json!({ "p": fixture.lab.project_id(), "e": fixture.lab.environment_id() });
    let data = fixture.data(NAMES, variables).await;
    let all = |edges: &Value, name: &str| {
        let edges = edges["edges"].as_array().unwrap().iter();
        edges.map(|edge| edge["node"][name].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    (
        all(&data["project"]["services"], "name"),
        all(&data["environment"]["serviceInstances"], "serviceName"),
        data["environment"]["config"].clone(),
    )
}

async fn says(fixture: &Fixture, service: &str, sql: &str, expected: &str) {
    until(async || match rows(fixture, service, sql).await {
        Ok(rows) if rows == [expected] => Ok(()),
        other => Err(format!("{service}: {sql}: {other:?}")),
    })
    .await;
}

/// A lab whose PostgreSQL holds a hundred rows, with its identity.
async fn with_rows() -> (Fixture, String) {
    let fixture = up(&["postgres"]).await;
    says(&fixture, "postgres", LEADS, "true").await;
    for sql in ["CREATE TABLE kept (n int)", "INSERT INTO kept SELECT generate_series(1, 100)"] {
        rows(&fixture, "postgres", sql).await.unwrap();
    }
    let identity = rows(&fixture, "postgres", IDENTITY).await.unwrap().remove(0);
    (fixture, identity)
}

/// Converts the server, each service by a deployment of its own.
async fn convert(fixture: &Fixture) {
    assert_eq!(stage(fixture).await, json!({ "status": "Complete", "error": null }));
    commit(fixture, true).await;
    // A killed leader is to stay away, so that another takes over.
    fixture.update("postgres", json!({ "restartPolicyType": "NEVER" })).await;
    for name in ["etcd-1", "etcd-2", "etcd-3", "postgres"] {
        assert_eq!(fixture.deploy(name).await["status"], "SUCCESS", "{name}");
    }
    says(fixture, "postgres", LEADS, "true").await;
    for name in ["Postgres-2", "Postgres-3", "Postgres HA"] {
        assert_eq!(fixture.deploy(name).await["status"], "SUCCESS", "{name}");
    }
    says(fixture, "postgres", FOLLOWED, "2").await;
}

/// Has Patroni make another node the leader, once all others follow the one that leads.
async fn switch_over(fixture: &Fixture, candidate: &str) {
    let api = format!("http://{}:8008", fixture.lab.address("postgres").unwrap());
    let leader = until(async || {
        let answer = http("GET", &format!("{api}/cluster"), &[], "").await;
        let answer = answer.map_err(|error| error.to_string())?;
        let cluster: Value = serde_json::from_str(&answer.body).unwrap();
        let members = cluster["members"].as_array().unwrap();
        let leader = members.iter().find(|it| it["role"] == "leader");
        match leader.filter(|_| members.iter().filter(|it| it["lag"] == 0).count() == 2) {
            Some(leader) => Ok(leader["name"].clone()),
            None => Err(answer.body),
        }
    })
    .await;
    assert_ne!(leader, candidate);
    let order = json!({ "leader": leader, "candidate": candidate }).to_string();
    until(async || match http("POST", &format!("{api}/switchover"), &[], &order).await {
        Ok(answer) if answer.status == 200 => Ok(()),
        Ok(answer) => Err(answer.body),
        Err(error) => Err(error.to_string()),
    })
    .await;
}

/// Stages and commits the way back.
async fn revert(fixture: &Fixture) {
    let input = json!({
        "projectId": fixture.lab.project_id(),
        "environmentId": fixture.lab.environment_id(),
        "rootServiceId": fixture.service("postgres"),
        "templateCode": "postgres-ha",
        "stageOnly": true,
    });
    let payload = fixture.data(REVERT, json!({ "i": input })).await["templateRevert"].clone();
    let said = followed(fixture, &payload).await.pop().unwrap();
    assert_eq!(said, json!({ "status": "Complete", "error": null }));
    commit(fixture, false).await;
    fixture.lab.settle(PATIENCE).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_becomes_a_cluster_in_place_and_a_single_server_again_with_every_row() {
    let (fixture, identity) = with_rows().await;
    let before = fixture.latest("postgres").await;
    let (own, _, config) = names(&fixture).await;
    assert_eq!(stage(&fixture).await["status"], "Complete");

    // Nothing has happened yet but that the project knows the new names.
    let patch = staged(&fixture).await;
    let root = fixture.service("postgres");
    assert_eq!(patch["services"][&root]["variables"]["PATRONI_ENABLED"]["value"], "true");
    assert_eq!(patch["services"][&root]["variables"].get("POSTGRES_DB"), None);
    let image = "ghcr.io/railwayapp-templates/postgres-ha/postgres-patroni:16";
    assert_eq!(patch["services"][&root]["source"]["image"], image);
    let created = patch["services"].as_object().unwrap().values();
    assert_eq!(created.filter(|change| change["isCreated"] == true).count(), MEMBERS.len());
    let (all, present, unchanged) = names(&fixture).await;
    assert_eq!((present, &unchanged), (own.clone(), &config));
    assert_eq!(all, [own.clone(), MEMBERS.map(str::to_owned).to_vec()].concat());

    commit(&fixture, true).await;
    assert_eq!(staged(&fixture).await, json!({}));
    assert_eq!(fixture.latest("postgres").await, before);
    let front = fixture.lab.address("Postgres HA").unwrap();
    let url = fixture.lab.variables("litellm").unwrap()["DATABASE_URL"].clone();
    assert!(url.ends_with(&format!("@{front}:5432/litellm_langfuse")), "{url}");
    let (.., config) = names(&fixture).await;
    for name in MEMBERS {
        assert_eq!(config["services"][&fixture.service(name)]["parentServiceId"], root, "{name}");
    }
    assert_eq!(config["services"][&root]["clusterRole"], "root");

    for name in ["etcd-1", "etcd-2", "etcd-3", "postgres"] {
        assert_eq!(fixture.deploy(name).await["status"], "SUCCESS", "{name}");
    }
    says(&fixture, "postgres", LEADS, "true").await;
    says(&fixture, "postgres", IDENTITY, &identity).await;
    says(&fixture, "postgres", COUNT, "100").await;
    for name in ["Postgres-2", "Postgres-3", "Postgres HA"] {
        fixture.deploy(name).await;
    }
    says(&fixture, "postgres", FOLLOWED, "2").await;
    let address = fixture.lab.address("postgres").unwrap().to_string();
    says(&fixture, "Postgres HA", SERVER, &address).await;
    says(&fixture, "Postgres HA", "INSERT INTO kept VALUES (101) RETURNING n", "101").await;

    revert(&fixture).await;
    says(&fixture, "postgres", COUNT, "101").await;
    says(&fixture, "postgres", LEADS, "true").await;
    says(&fixture, "postgres", IDENTITY, &identity).await;
    let (all, present, config) = names(&fixture).await;
    assert_eq!((&all, &present), (&own, &own));
    let root = &config["services"][&root];
    assert_eq!((root.get("clusterRole"), &root["source"]["image"]), (None, &json!(image)));
    let left = root["variables"].as_object().unwrap().keys();
    assert_eq!(left.filter(|name| name.starts_with("PATRONI_")).count(), 0);
    let url = fixture.lab.variables("litellm").unwrap()["DATABASE_URL"].clone();
    assert!(url.ends_with(&format!("@{address}:5432/litellm_langfuse")), "{url}");
    fixture.lab.down().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_leader_is_replaced_and_after_a_switchover_back_to_it_the_way_back_loses_nothing()
{
    let (fixture, identity) = with_rows().await;
    convert(&fixture).await;
    let root = fixture.lab.address("postgres").unwrap();
    says(&fixture, "Postgres HA", SERVER, &root.to_string()).await;

    fixture.lab.inject(Fault::Killed { service: "postgres".to_owned() });
    says(&fixture, "Postgres HA", "INSERT INTO kept VALUES (101) RETURNING n", "101").await;
    let latest = fixture.latest("postgres").await;
    fixture.deployment_when(&latest, |it| it["status"] == "CRASHED").await;
    fixture.deploy("postgres").await;
    says(&fixture, "postgres", "SELECT pg_is_in_recovery()::text || count(*) FROM kept", "true101")
        .await;

    switch_over(&fixture, "postgres-1").await;
    says(&fixture, "postgres", LEADS, "true").await;
    says(&fixture, "Postgres HA", SERVER, &root.to_string()).await;

    revert(&fixture).await;
    says(&fixture, "postgres", COUNT, "101").await;
    says(&fixture, "postgres", IDENTITY, &identity).await;
    says(&fixture, "postgres", "INSERT INTO kept VALUES (102) RETURNING n", "102").await;
    fixture.lab.down().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_way_back_while_another_leads_is_not_refused_and_leaves_a_server_that_nobody_can_write_to()
 {
    let (fixture, _) = with_rows().await;
    convert(&fixture).await;
    switch_over(&fixture, "postgres-2").await;
    says(&fixture, "Postgres HA", "INSERT INTO kept VALUES (101) RETURNING n", "101").await;
    says(&fixture, "postgres", LEADS, "false").await;
    revert(&fixture).await;
    says(&fixture, "postgres", LEADS, "false").await;
    let refused = rows(&fixture, "postgres", "INSERT INTO kept VALUES (102)").await.unwrap_err();
    assert!(refused.contains("25006"), "{refused}");
    fixture.lab.down().await.unwrap();
}

#[tokio::test]
async fn what_was_staged_is_gone_when_it_is_discarded_and_can_be_staged_again() {
    let fixture = up(&[]).await;
    let before = names(&fixture).await;
    for _ in 0..2 {
        assert_eq!(stage(&fixture).await["status"], "Complete");
        assert_eq!(names(&fixture).await.0.len(), before.0.len() + MEMBERS.len());
        let nothing = json!({ "e": fixture.lab.environment_id(), "i": {} });
        fixture.data(STAGE, nothing).await;
        assert_eq!(staged(&fixture).await, json!({}));
        assert_eq!(names(&fixture).await, before);
    }
}

#[tokio::test]
async fn what_railway_would_not_convert_ends_as_an_error_of_the_workflow_and_stages_nothing() {
    let fixture = up(&[]).await;
    for (input, named) in [
        (json!({ "startCommand": "postgres -c a=b" }), "start command"),
        (json!({ "startCommand": null, "source": { "image": "postgres:16" } }), "official"),
        (
            json!({ "source": { "image": "ghcr.io/railwayapp-templates/postgres-ssl:16.4" } }),
            "major version",
        ),
    ] {
        fixture.update("postgres", input).await;
        let said = stage(&fixture).await;
        assert_eq!(said["status"], "Error");
        assert!(said["error"].as_str().unwrap().contains(named), "{said}");
        assert_eq!(staged(&fixture).await, json!({}));
    }
}

#[tokio::test]
async fn a_client_makes_nobody_a_member_of_a_cluster() {
    let fixture = up(&[]).await;
    let (redis, minio) = (fixture.service("redis"), fixture.service("minio"));
    let patch = json!({ "services": { redis.clone(): { "parentServiceId": minio } } });
    fixture.data(STAGE, json!({ "e": fixture.lab.environment_id(), "i": patch })).await;
    commit(&fixture, true).await;
    let (.., config) = names(&fixture).await;
    assert_eq!(config["services"][&redis].get("parentServiceId"), None);
}
