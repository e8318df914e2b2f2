use lockstep_engine::model::{Failure, Node, Read, Reading};
use lockstep_engine::run::World as _;
use lockstep_lab::Stack;
use serde_json::{Value, json};

use super::forward::forward;
use super::world::World;
use crate::settings::Via;
use crate::{Drivers, tls};

/// A port at which Redis itself does not listen, so that whoever answers there is the proxy.
const PROXIED: u16 = 16379;

async fn dial(drivers: &Drivers) -> Result<Reading, Failure> {
    drivers.read(&Read::Redis("cache".to_owned(), vec![b"PING".to_vec()])).await
}

/// Makes a TCP proxy of Redis as a person would in the dashboard.
async fn make_proxy(world: &World) {
    let proxies = json!({ "tcpProxies": { PROXIED.to_string(): {} } });
    let service = world.lab.service_id("redis").unwrap();
    let patch = json!({ "services": { service: { "networking": proxies } } });
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(tls::client_config().unwrap())
        .build()
        .unwrap();
    for document in [
        "mutation($e:String!,$p:EnvironmentConfig!){environmentStageChanges(environmentId:$e,input:$p){id}}",
        "mutation($e:String!){environmentPatchCommitStaged(environmentId:$e,skipDeploys:true)}",
    ] {
        let mut variables = json!({ "e": world.lab.environment_id() });
        if document.contains("$p") {
            variables["p"] = patch.clone();
        }
        let request =
            client.post(world.lab.api_url()).header("project-access-token", world.lab.token());
        let body = json!({ "query": document, "variables": variables });
        let answer: Value = request.json(&body).send().await.unwrap().json().await.unwrap();
        assert!(answer.get("errors").is_none(), "{answer}");
    }
}

#[tokio::test]
async fn a_tcp_proxy_is_used_only_where_one_exists_and_never_in_clear_text_unless_that_is_meant() {
    let world = World::up(Stack::Redis6, &["redis"]).await;
    let open = async |clear_text: bool| {
        world
            .open(|settings| {
                let cache = settings.connections.get_mut("cache").unwrap();
                (cache.via, cache.port) = (Via::TcpProxy { clear_text }, PROXIED);
            })
            .await
    };
    let failure = dial(&open(true).await).await.unwrap_err();
    assert_eq!(failure.problem().code, "via:no-proxy");
    make_proxy(&world).await;
    let address = world.lab.address("redis").unwrap();
    let failure = dial(&open(true).await).await.unwrap_err();
    assert_eq!(
        failure.problem().code,
        "redis:connection",
        "the proxy leads nowhere yet: {failure}"
    );
    let proxy = forward((address, PROXIED), (address, 6379)).await;
    assert_eq!(
        dial(&open(true).await).await.unwrap(),
        Reading::Redis(vec![Node::Text(b"PONG".to_vec())])
    );
    let failure = dial(&open(false).await).await.unwrap_err();
    assert!(
        matches!(&failure, Failure::Denied(problem) if problem.code == "via:clear-text"),
        "{failure}"
    );
    drop(proxy);
}
