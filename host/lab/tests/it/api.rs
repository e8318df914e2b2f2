//! Tokens, errors and headers.

use lockstep_lab::Rights;
use serde_json::{Value, json};

use crate::setup::{http, up};

const PROJECT: &str = "query($p:String!){project(id:$p){id name}}";

fn message(body: &str) -> String {
    let response: Value = serde_json::from_str(body).unwrap();
    response["errors"][0]["message"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_wrong_or_missing_token_is_not_authorized() {
    let fixture = up(&[]).await;
    let variables = json!({ "p": fixture.lab.project_id() });
    let wrong = fixture.send(PROJECT, variables.clone(), "wrong").await.unwrap();
    assert_eq!((wrong.status, message(&wrong.body).as_str()), (200, "Not Authorized"));
    let body = json!({ "query": PROJECT, "variables": variables }).to_string();
    let missing = http("POST", &fixture.lab.api_url(), &[], &body).await.unwrap();
    assert_eq!(message(&missing.body), "Not Authorized");
    // A project token is never a bearer.
    let bearer = format!("Bearer {}", fixture.lab.token());
    let mixed =
        http("POST", &fixture.lab.api_url(), &[("Authorization", &bearer)], &body).await.unwrap();
    assert_eq!(message(&mixed.body), "Not Authorized");
    let bearer = format!("Bearer {}", fixture.lab.workspace_token());
    let right =
        http("POST", &fixture.lab.api_url(), &[("Authorization", &bearer)], &body).await.unwrap();
    assert!(right.body.contains("lockstep-lab"), "{}", right.body);
}

#[tokio::test]
async fn a_read_only_token_reads_and_changes_nothing() {
    let fixture = up(&[]).await;
    let token = fixture.lab.new_token(Rights::ReadOnly);
    let read = fixture.send("{projectToken{projectId}}", json!({}), &token).await.unwrap();
    assert!(read.body.contains(&fixture.lab.project_id()), "{}", read.body);
    let query = "mutation($i:VariableUpsertInput!){variableUpsert(input:$i)}";
    let input = json!({ "i": {
        "projectId": fixture.lab.project_id(), "environmentId": fixture.lab.environment_id(),
        "name": "A", "value": "1",
    } });
    let change = fixture.send(query, input, &token).await.unwrap();
    assert_eq!(message(&change.body), "Not Authorized");
    assert!(fixture.lab.mutations().is_empty());
}

#[tokio::test]
async fn broken_documents_are_told_by_status_and_code() {
    let fixture = up(&[]).await;
    for (query, variables, code) in [
        ("query {", json!({}), "GRAPHQL_PARSE_FAILED"),
        ("{ nothing }", json!({}), "GRAPHQL_VALIDATION_FAILED"),
        ("query($p:String!){project(id:$p){id}}", json!({}), "BAD_USER_INPUT"),
    ] {
        let answer = fixture.send(query, variables, &fixture.lab.token()).await.unwrap();
        let body: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(
            (answer.status, body["errors"][0]["extensions"]["code"].as_str()),
            (400, Some(code)),
            "{body}"
        );
        assert!(body["errors"][0]["traceId"].is_string(), "{body}");
    }
}

#[tokio::test]
async fn a_valid_field_that_is_not_served_is_refused_before_anything_is_done() {
    let fixture = up(&[]).await;
    let query = "mutation($i:ServiceCreateInput!){serviceCreate(input:$i){id featureFlags}}";
    let refused = fixture
        .refused(query, json!({ "i": { "projectId": fixture.lab.project_id(), "name": "x" } }))
        .await;
    assert_eq!(refused, "the lab does not serve `Service.featureFlags`");
    assert!(fixture.lab.service_id("x").is_none());
}

#[tokio::test]
async fn introspection_answers_with_railways_types() {
    let fixture = up(&[]).await;
    let query = "{__type(name:\"Deployment\"){name fields{name}} __schema{queryType{name}}}";
    let data = fixture.data(query, json!({})).await;
    assert_eq!(data["__schema"]["queryType"]["name"], "Query");
    assert!(
        data["__type"]["fields"]
            .as_array()
            .unwrap()
            .iter()
            .any(|field| field["name"] == "canRollback")
    );
}

#[tokio::test]
async fn every_answer_tells_the_rate_limit() {
    let fixture = up(&[]).await;
    let first = fixture.send("{projectToken{id}}", json!({}), &fixture.lab.token()).await.unwrap();
    assert!(first.headers.contains("x-ratelimit-limit: 10000"), "{}", first.headers);
    assert!(first.headers.contains("x-ratelimit-remaining: 9999"), "{}", first.headers);
    assert!(!first.headers.contains("retry-after"), "{}", first.headers);
}

#[tokio::test]
async fn a_made_token_works_until_it_is_deleted() {
    let fixture = up(&[]).await;
    let query = "mutation($i:ProjectTokenCreateInput!){projectTokenCreate(input:$i)}";
    let (project, environment) = (fixture.lab.project_id(), fixture.lab.environment_id());
    let input =
        json!({ "i": { "projectId": project, "environmentId": environment, "name": "epoch-1" } });
    let made = fixture.data(query, input).await["projectTokenCreate"].as_str().unwrap().to_owned();
    let own = fixture.send("{projectToken{id name}}", json!({}), &made).await.unwrap();
    let own: Value = serde_json::from_str(&own.body).unwrap();
    assert_eq!(own["data"]["projectToken"]["name"], "epoch-1");
    let query = "mutation($id:String!){projectTokenDelete(id:$id)}";
    fixture.data(query, json!({ "id": own["data"]["projectToken"]["id"] })).await;
    let dead = fixture.send("{projectToken{id}}", json!({}), &made).await.unwrap();
    assert_eq!(message(&dead.body), "Not Authorized");
}
