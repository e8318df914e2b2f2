use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lockstep_engine::journal::{Fate, Sent};
use lockstep_engine::model::{
    Capture, Failure, HttpMethod, Kind, Message, Piece, Proof, Read, Reading, Request, Value,
};
use lockstep_engine::run::World as _;
use lockstep_lab::Stack;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::world::{One, World, effect};
use crate::Drivers;
use crate::settings::{Credential, Endpoint, Held, Origin, Via};

/// A server at the address of the lab's Redis service that answers each request with what its path is mapped to.
struct Server {
    port: u16,
    seen: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(address: Ipv4Addr, answers: &'static [(&'static str, &'static str)]) -> Server {
    let listener = TcpListener::bind((address, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let kept = seen.clone();
    let task = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut bytes = vec![0; 16384];
            let length = stream.read(&mut bytes).await.unwrap_or(0);
            let request = String::from_utf8_lossy(&bytes[..length]).into_owned();
            kept.lock().unwrap().push(request.clone());
            let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
            let answer = answers
                .iter()
                .find(|(known, _)| *known == path)
                .map_or("HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n", |(_, answer)| answer);
            drop(stream.write_all(answer.as_bytes()).await);
        }
    });
    Server { port, seen, task }
}

async fn drivers(world: &World, port: u16) -> Drivers {
    world
        .open(|settings| {
            let origin = Origin::Service { service: "redis".to_owned(), port, via: Via::Private };
            let held = |service: &str, variable: &str| Held {
                service: service.to_owned(),
                variable: variable.to_owned(),
            };
            let credential = Credential::Header {
                name: "authorization".to_owned(),
                prefix: "Bearer ".to_owned(),
                value: held("litellm", "LITELLM_MASTER_KEY"),
            };
            let basic = Credential::Basic {
                user: held("clickhouse", "CLICKHOUSE_USER"),
                password: held("clickhouse", "CLICKHOUSE_PASSWORD"),
            };
            settings.endpoints.insert(
                "signed".to_owned(),
                Endpoint { origin: origin.clone(), credentials: vec![basic] },
            );
            settings
                .endpoints
                .insert("app".to_owned(), Endpoint { origin, credentials: vec![credential] });
            let inside = Origin::Public(format!("http://127.0.0.1:{port}").parse().unwrap());
            settings
                .endpoints
                .insert("inside".to_owned(), Endpoint { origin: inside, credentials: Vec::new() });
            let lab = Origin::Lab(format!("http://127.0.0.1:{port}").parse().unwrap());
            settings
                .endpoints
                .insert("lab".to_owned(), Endpoint { origin: lab, credentials: Vec::new() });
        })
        .await
}

fn get(endpoint: &str, path: &str) -> Read {
    let request =
        Request { endpoint: endpoint.to_owned(), path: path.to_owned(), headers: Vec::new() };
    Read::Http(HttpMethod::Get, request)
}

#[tokio::test]
async fn a_read_carries_the_credential_unseen_and_a_redirect_is_not_followed() {
    let world = World::up(Stack::AsRun, &[]).await;
    let key = world.lab.variables("litellm").unwrap()["LITELLM_MASTER_KEY"].clone();
    let address = world.lab.address("redis").unwrap();
    let server = serve(
        address,
        &[
            ("/who", "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nclickhouse"),
            ("/ok", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-y: 1\r\n\r\nhi"),
            ("/away", "HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n"),
            ("/large", "HTTP/1.1 200 OK\r\ncontent-length: 1073741824\r\n\r\n"),
        ],
    )
    .await;
    let drivers = drivers(&world, server.port).await;
    let Reading::Http(answer) = drivers.read(&get("app", "/ok")).await.unwrap() else { panic!() };
    assert_eq!((answer.status, answer.body.as_slice()), (200, b"hi".as_slice()));
    assert!(server.seen.lock().unwrap()[0].contains(&format!("Bearer {key}")));
    let Reading::Http(answer) = drivers.read(&get("signed", "/who")).await.unwrap() else {
        panic!()
    };
    assert_eq!(answer.body, b"clickhouse", "a user is no secret: it is called like its service");
    let variables = world.lab.variables("clickhouse").unwrap();
    let pair = ["CLICKHOUSE_USER", "CLICKHOUSE_PASSWORD"].map(|name| variables[name].clone());
    let basic = format!("authorization: Basic {}", STANDARD.encode(pair.join(":")));
    assert!(server.seen.lock().unwrap()[1].contains(&basic));
    let Reading::Http(answer) = drivers.read(&get("app", "/away")).await.unwrap() else { panic!() };
    assert_eq!(answer.status, 302);
    assert_eq!(server.seen.lock().unwrap().len(), 3);
    assert!(drivers.read(&get("app", "/large")).await.is_err());
    assert!(matches!(drivers.read(&get("other", "/ok")).await, Err(Failure::Denied(_))));
    assert!(matches!(drivers.read(&get("inside", "/ok")).await, Err(Failure::Denied(_))));
    assert!(matches!(drivers.read(&get("app", "//evil.example/")).await, Err(Failure::Denied(_))));
    let headers = vec![("Authorization".to_owned(), "x".to_owned())];
    let request = Request { endpoint: "app".to_owned(), path: "/ok".to_owned(), headers };
    assert!(matches!(
        drivers.read(&Read::Http(HttpMethod::Get, request)).await,
        Err(Failure::Denied(_))
    ));
}

#[tokio::test]
async fn only_what_the_lab_serves_in_the_place_of_another_may_be_on_this_machine() {
    const OK: &[(&str, &str)] = &[("/ok", "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")];
    let world = World::up(Stack::AsRun, &[]).await;
    let server = serve("127.0.0.1".parse().unwrap(), OK).await;
    let drivers = drivers(&world, server.port).await;
    assert!(matches!(drivers.read(&get("inside", "/ok")).await, Err(Failure::Denied(_))));
    let Reading::Http(answer) = drivers.read(&get("lab", "/ok")).await.unwrap() else { panic!() };
    assert_eq!(answer.status, 200);
    assert!(matches!(drivers.read(&get("lab", "//evil.example/")).await, Err(Failure::Denied(_))));
}

#[tokio::test]
async fn a_message_is_sent_once_and_settled_by_its_proof() {
    let world = World::up(Stack::AsRun, &[]).await;
    let server = serve(
        world.lab.address("redis").unwrap(),
        &[
            ("/make/a%2Fb", "HTTP/1.1 201 Made\r\ncontent-length: 45\r\n\r\n{\"id\":7,\"key\":\"sk-0123456789\",\"pin\":12345678}"),
            ("/there", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"),
            ("/broken", "HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n"),
            ("/bad", "HTTP/1.1 400 No\r\ncontent-length: 0\r\n\r\n"),
            ("/cut", ""),
        ],
    )
    .await;
    let drivers = drivers(&world, server.port).await;
    let capture = |fact: &str, pointer: &str, secret| Capture {
        fact: fact.to_owned(),
        pointer: pointer.to_owned(),
        secret,
    };
    let message = |path: Vec<Piece>, captures| Kind::HttpSend {
        endpoint: "app".to_owned(),
        message: Message {
            method: "POST".to_owned(),
            path,
            headers: Vec::new(),
            body: vec![Piece::Text("{}".to_owned())],
            success: vec![201],
            captures,
        },
    };
    let path = vec![Piece::Text("/make/".to_owned()), Piece::Argument("name".to_owned())];
    let make = effect(
        "make",
        message(
            path,
            vec![
                capture("id", "/id", false),
                capture("key", "/key", true),
                capture("pin", "/pin", true),
                capture("all", "", true),
            ],
        ),
    );
    let one = One::of(&make).with("name", Value::Text("a/b".to_owned()));
    let intent = world.intend(&one).await;
    let Sent::Done(facts) = drivers.redactor().sent(drivers.perform(&one.order(), &intent).await)
    else {
        panic!()
    };
    assert_eq!(facts[0].rows, [[Value::Integer(7)]]);
    assert_eq!(facts[1].rows, [[Value::Sealed("lockstep-run1-make/key".to_owned())]]);
    assert_eq!(facts[2].rows, [[Value::Sealed("lockstep-run1-make/pin".to_owned())]]);
    assert_eq!(facts[3].rows, [[Value::Sealed("lockstep-run1-make/all".to_owned())]]);
    assert_eq!(drivers.redactor().text("sk-0123456789"), "[secret]");
    assert_eq!(drivers.redactor().text("12345678"), "[secret]");
    for (path, proof, unknown, fate) in [
        ("/broken", "/there", true, Fate::Happened(Vec::new())),
        ("/cut", "/nowhere", true, Fate::DidNot),
        ("/bad", "/nowhere", false, Fate::DidNot),
    ] {
        let mut failing =
            effect("failing", message(vec![Piece::Text(path.to_owned())], Vec::new()));
        failing.proof = Proof::Read(proof.to_owned());
        let one = One::of(&failing);
        let before = server.seen.lock().unwrap().len();
        let sent = drivers.perform(&one.order(), &intent).await;
        assert_eq!(matches!(sent, Sent::Unknown(_)), unknown, "{path}: {sent:?}");
        assert_eq!(server.seen.lock().unwrap().len(), before + 1, "{path}");
        assert_eq!(drivers.find_out(&one.order(), &intent).await.unwrap(), fate, "{path}");
    }
}
