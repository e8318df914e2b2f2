//! Staged changes and patches of the environment.

use lockstep_lab::Control;
use serde_json::json;

use crate::setup::up;

const STAGE: &str = "mutation($e:String!,$i:EnvironmentConfig!,$m:Boolean)\
                     {environmentStageChanges(environmentId:$e,input:$i,merge:$m){id}}";
const STAGED: &str =
    "query($e:String!){environmentStagedChanges(environmentId:$e){patch(decryptVariables:true)}}";

#[tokio::test]
async fn committing_takes_what_somebody_else_staged_along() {
    let fixture = up(&[]).await;
    let (redis, minio) = (fixture.service("redis"), fixture.service("minio"));
    let environment = json!({ "e": fixture.lab.environment_id() });
    assert_eq!(
        fixture.data(STAGED, environment.clone()).await["environmentStagedChanges"]["patch"],
        json!({})
    );
    let theirs = json!({ "services": { minio: { "variables": { "THEIRS": { "value": "1" } } } } });
    fixture.lab.control(Control::StageChange { patch: theirs }).unwrap();
    let ours = json!({ "services": { redis: { "variables": { "OURS": { "value": "1" }, "REDIS_PORT": null } } } });
    fixture.data(STAGE, json!({ "e": fixture.lab.environment_id(), "i": ours, "m": true })).await;
    let query =
        "mutation($e:String!){environmentPatchCommitStaged(environmentId:$e,skipDeploys:true)}";
    fixture.data(query, environment.clone()).await;
    assert_eq!(fixture.lab.variables("minio").unwrap()["THEIRS"], "1");
    assert_eq!(fixture.lab.variables("redis").unwrap()["OURS"], "1");
    assert!(!fixture.lab.variables("redis").unwrap().contains_key("REDIS_PORT"));
    assert_eq!(
        fixture.data(STAGED, environment).await["environmentStagedChanges"]["patch"],
        json!({})
    );
}

#[tokio::test]
async fn an_unknown_key_of_a_patch_is_refused_by_name_and_nothing_of_it_is_done() {
    let fixture = up(&[]).await;
    let redis = fixture.service("redis");
    let patch = json!({ "services": { redis: {
        "deploy": { "startComand": "x", "drainingSeconds": 5 }, "variables": { "A": { "value": "1" } },
    } } });
    let query = "mutation($e:String!,$p:EnvironmentConfig){environmentPatchCommit(environmentId:$e,patch:$p)}";
    let refused =
        fixture.refused(query, json!({ "e": fixture.lab.environment_id(), "p": patch })).await;
    assert!(refused.contains("startComand"), "{refused}");
    assert!(!fixture.lab.variables("redis").unwrap().contains_key("A"));
}

#[tokio::test]
async fn the_etag_changes_with_the_config_and_with_nothing_else() {
    let fixture = up(&[]).await;
    let query = "query($e:String!){environment(id:$e){configEtag}}";
    let environment = json!({ "e": fixture.lab.environment_id() });
    let first = fixture.data(query, environment.clone()).await;
    assert_eq!(fixture.data(query, environment.clone()).await, first);
    fixture.update("redis", json!({ "drainingSeconds": 5 })).await;
    assert_ne!(fixture.data(query, environment).await, first);
}
