//! Volumes, backups and restores.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::setup::{Fixture, PATIENCE, up};

/// Returns the volume mounted to Redis.
async fn volume(fixture: &Fixture) -> Value {
    let query = "query($e:String!){environment(id:$e){volumeInstances(first:20)\
                 {edges{node{id volumeId serviceId mountPath state}}}}}";
    let data = fixture.data(query, json!({ "e": fixture.lab.environment_id() })).await;
    let all = data["environment"]["volumeInstances"]["edges"].as_array().unwrap().clone();
    let redis = fixture.service("redis");
    all.into_iter()
        .map(|edge| edge["node"].clone())
        .find(|node| node["serviceId"] == redis.as_str())
        .unwrap()
}

async fn workflow(fixture: &Fixture, id: &Value) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let query = "query($w:String!){workflowStatus(workflowId:$w){status error}}";
        let status = fixture.data(query, json!({ "w": id })).await["workflowStatus"].clone();
        if status["status"] == "Complete" {
            return;
        }
        assert!(status["status"] == "Running" && Instant::now() < deadline, "{status}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn back_up(fixture: &Fixture, volume: &Value, name: &str) -> String {
    let query = "mutation($v:String!,$n:String){volumeInstanceBackupCreate(volumeInstanceId:$v,name:$n){workflowId}}";
    let made = fixture.data(query, json!({ "v": volume["id"], "n": name })).await;
    workflow(fixture, &made["volumeInstanceBackupCreate"]["workflowId"]).await;
    let listed = backups(fixture, volume).await;
    let found =
        listed.as_array().unwrap().iter().find(|backup| backup["name"] == name).unwrap().clone();
    found["id"].as_str().unwrap().to_owned()
}

async fn backups(fixture: &Fixture, volume: &Value) -> Value {
    let query = "query($v:String!){volumeInstanceBackupList(volumeInstanceId:$v){id name usedMB}}";
    fixture.data(query, json!({ "v": volume["id"] })).await["volumeInstanceBackupList"].clone()
}

#[tokio::test]
async fn a_restore_only_stages_the_swap_and_committing_it_brings_the_data_back() {
    let fixture = up(&["redis"]).await;
    let old = volume(&fixture).await;
    fixture.redis_says("SET kept before", "+OK").await;
    // The append-only file must hold it before the copy is made.
    fixture.redis_says("SAVE", "+OK").await;
    let backup = back_up(&fixture, &old, "pre-upgrade").await;
    fixture.redis_says("SET kept after", "+OK").await;
    back_up(&fixture, &old, "newer").await;
    let query = "mutation($v:String!,$b:String!)\
                 {volumeInstanceBackupRestore(volumeInstanceId:$v,volumeInstanceBackupId:$b){workflowId}}";
    let restore = fixture.data(query, json!({ "v": old["id"], "b": backup })).await;
    workflow(&fixture, &restore["volumeInstanceBackupRestore"]["workflowId"]).await;
    // Only staged: the old volume is still mounted, and still serves.
    assert_eq!(volume(&fixture).await["id"], old["id"]);
    fixture.redis_says("GET kept", "after").await;
    let query = "query($e:String!){environmentStagedChanges(environmentId:$e){patch(decryptVariables:true)} \
                 environment(id:$e){unmergedChangesCount}}";
    let staged = fixture.data(query, json!({ "e": fixture.lab.environment_id() })).await;
    assert_eq!(staged["environment"]["unmergedChangesCount"], 2, "{staged}");
    assert_eq!(backups(&fixture, &old).await.as_array().unwrap().len(), 1);
    let query = "mutation($e:String!){environmentPatchCommitStaged(environmentId:$e)}";
    fixture.data(query, json!({ "e": fixture.lab.environment_id() })).await;
    assert_ne!(volume(&fixture).await["id"], old["id"]);
    assert_eq!(fixture.settled(&fixture.latest("redis").await).await["status"], "SUCCESS");
    fixture.redis_says("GET kept", "before").await;
    // The old volume stays, detached.
    let query = "query($v:String!){volumeInstance(id:$v){serviceId state}}";
    let kept = fixture.data(query, json!({ "v": old["id"] })).await["volumeInstance"].clone();
    assert_eq!(kept, json!({ "serviceId": null, "state": "READY" }));
}

#[tokio::test]
async fn a_locked_backup_is_not_deleted() {
    let fixture = up(&["redis"]).await;
    let volume = volume(&fixture).await;
    let backup = back_up(&fixture, &volume, "kept").await;
    let variables = json!({ "v": volume["id"], "b": backup });
    let query = "mutation($v:String!,$b:String!){volumeInstanceBackupLock(volumeInstanceId:$v,volumeInstanceBackupId:$b)}";
    fixture.data(query, variables.clone()).await;
    let query = "mutation($v:String!,$b:String!)\
                 {volumeInstanceBackupDelete(volumeInstanceId:$v,volumeInstanceBackupId:$b){workflowId}}";
    assert_eq!(fixture.refused(query, variables).await, "Backup is locked");
    assert_eq!(backups(&fixture, &volume).await.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn updating_a_volume_without_its_service_detaches_it() {
    let fixture = up(&[]).await;
    let old = volume(&fixture).await;
    let query = "mutation($v:String!,$e:String!,$i:VolumeInstanceUpdateInput!)\
                 {volumeInstanceUpdate(volumeId:$v,environmentId:$e,input:$i)}";
    let variables = json!({ "v": old["volumeId"], "e": fixture.lab.environment_id(), "i": { "mountPath": "/elsewhere" } });
    fixture.data(query, variables).await;
    let query = "query($v:String!){volumeInstance(id:$v){serviceId mountPath}}";
    let detached = fixture.data(query, json!({ "v": old["id"] })).await["volumeInstance"].clone();
    assert_eq!(detached, json!({ "serviceId": null, "mountPath": "/elsewhere" }));
}

#[tokio::test]
async fn a_volume_that_is_mounted_to_a_service_goes_with_it_and_its_backups_with_that() {
    let fixture = up(&["redis"]).await;
    let volume = volume(&fixture).await;
    back_up(&fixture, &volume, "kept").await;
    let query = "mutation($s:String!,$e:String!){serviceDelete(id:$s,environmentId:$e)}";
    let redis = fixture.service("redis");
    fixture.data(query, json!({ "s": redis, "e": fixture.lab.environment_id() })).await;
    let query = "query($v:String!){volumeInstance(id:$v){id}}";
    let gone = fixture.refused(query, json!({ "v": volume["id"] })).await;
    assert!(gone.contains("not found"), "{gone}");
}
