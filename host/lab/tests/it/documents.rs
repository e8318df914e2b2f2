//! The documents that the drivers send.

use std::path::Path;

use apollo_compiler::ast::{Definition, Document};
use serde_json::{Value, json};

use crate::setup::{Fixture, http, up};

/// Returns each operation of the project's facts as a document of its own, with the fragments that it uses.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "of a document of operations, nothing else is of interest"
)]
fn operations() -> Option<Vec<(String, String)>> {
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/facts/railway-ops.graphql");
    let Ok(text) = std::fs::read_to_string(&file) else {
        println!("skipped: {} is not here", file.display());
        return None;
    };
    let document = Document::parse(text, "railway-ops.graphql").unwrap();
    let fragments: Vec<(String, String)> = document
        .definitions
        .iter()
        .filter_map(|definition| match definition {
            Definition::FragmentDefinition(fragment) => {
                Some((fragment.name.to_string(), fragment.to_string()))
            }
            _ => None,
        })
        .collect();
    let with_fragments = |operation: String| {
        let mut text = operation;
        let mut used: Vec<&str> = Vec::new();
        loop {
            let next = fragments.iter().find(|(name, _)| {
                text.contains(&format!("...{name}")) && !used.contains(&name.as_str())
            });
            let Some((name, fragment)) = next else { return text };
            used.push(name);
            text.push_str(fragment);
        }
    };
    let all = document.definitions.iter().filter_map(|definition| match definition {
        Definition::OperationDefinition(operation) => Some((
            operation.name.as_ref().unwrap().to_string(),
            with_fragments(operation.to_string()),
        )),
        _ => None,
    });
    Some(all.collect())
}

async fn send(fixture: &Fixture, query: &str, variables: Value) -> Value {
    let body = json!({ "query": query, "variables": variables }).to_string();
    let token = fixture.lab.token();
    let answer = http("POST", &fixture.lab.api_url(), &[("Project-Access-Token", &token)], &body)
        .await
        .unwrap();
    serde_json::from_str(&answer.body).unwrap()
}

#[tokio::test]
async fn every_known_document_is_valid_and_answered_or_refused_by_name() {
    let Some(operations) = operations() else { return };
    assert!(operations.len() > 80, "{}", operations.len());
    let fixture = up(&["redis"]).await;
    let (mut served, mut refused) = (Vec::new(), Vec::new());
    for (name, text) in operations {
        let response = send(&fixture, &text, json!({})).await;
        let error = &response["errors"][0];
        match error["extensions"]["code"].as_str() {
            // Without variables most are refused for these alone, which comes after validation.
            None | Some("BAD_USER_INPUT" | "INTERNAL_SERVER_ERROR") => served.push(name),
            Some("LAB_NOT_SERVED") => refused.push(name),
            Some(code) => panic!("{name}: {code}: {error}"),
        }
    }
    println!("{} answered or asked for variables, {} refused", served.len(), refused.len());
}

#[tokio::test]
async fn one_query_tells_the_whole_environment() {
    let Some(operations) = operations() else { return };
    let fixture = up(&["redis"]).await;
    let (_, state) = operations.into_iter().find(|(name, _)| name == "EnvironmentState").unwrap();
    let variables = json!({ "environmentId": fixture.lab.environment_id(), "first": 100 });
    let environment = fixture.data(&state, variables).await["environment"].clone();
    let instances = environment["serviceInstances"]["edges"].as_array().unwrap();
    assert_eq!(instances.len(), 9);
    let redis = instances.iter().find(|edge| edge["node"]["serviceName"] == "redis").unwrap();
    assert_eq!(redis["node"]["source"]["image"], "redis:7.0.15");
    assert_eq!(redis["node"]["latestDeployment"]["status"], "SUCCESS");
    assert_eq!(environment["volumeInstances"]["edges"].as_array().unwrap().len(), 4);
    assert_eq!(environment["volumeInstances"]["pageInfo"]["hasNextPage"], false);
}
