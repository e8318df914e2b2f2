//! What the proxy is asked that changes something or needs its key: the smoke test, none of which a provider bills.

use lockstep_sdk::json::quoted;
use lockstep_sdk::{Allowed, ArgumentRule, Capture, Message, Method, Piece, ServiceRef};

use crate::proxy::DETAILS;

/// The header in which LiteLLM takes a key before any other, and one that versions know which do not know that. The host
/// keeps the usual one to itself.
const HEADER: &str = "x-litellm-api-key";
const OLDER_HEADER: &str = "api-key";

/// The variable that holds the key that may do everything.
pub(crate) const MASTER_KEY: &str = "LITELLM_MASTER_KEY";

/// What the model is to answer, without a model being called.
pub(crate) const ANSWER: &str = "lockstep: ok";

/// Facts that the answers give: the list of models, a version, the text and the number of an answer, a new key.
pub(crate) const MODELS: &str = "models";
pub(crate) const VERSION: &str = "told-version";
pub(crate) const TEXT: &str = "answer";
pub(crate) const REQUEST: &str = "request";
pub(crate) const KEY: &str = "key";

/// The argument that is a key.
pub(crate) const ARGUMENT: &str = "key";

/// Whose key a request is sent with.
#[derive(Clone, Copy, Debug)]
enum Sender<'a> {
    /// That of this service, which may do everything.
    Master(&'a str),
    /// The one that the step made.
    Made,
}

impl Sender<'_> {
    fn headers(self) -> [(String, Vec<Piece>); 2] {
        let key = match self {
            Self::Master(service) => {
                Piece::Reference((ServiceRef::Named(service.to_owned()), MASTER_KEY.to_owned()))
            }
            Self::Made => Piece::Argument(ARGUMENT.to_owned()),
        };
        [
            (HEADER.to_owned(), vec![text("Bearer "), key.clone()]),
            (OLDER_HEADER.to_owned(), vec![key]),
        ]
    }
}

/// Lists the models.
pub(crate) fn models(service: &str) -> Message {
    get("/v1/models", service, vec![capture(MODELS, "/data")])
}

/// Asks for the version, which is told to nobody without a key from 1.84 on.
pub(crate) fn version(service: &str) -> Message {
    get(DETAILS, service, vec![capture(VERSION, "/litellm_version")])
}

/// Asks a model, with the key that the step made, for an answer that the proxy makes up itself, and not out of its cache: a
/// row of spend would be the one of an earlier call then.
pub(crate) fn completion(model: &str) -> Message {
    let body = format!(
        "{{\"model\":{},\"messages\":[{{\"role\":\"user\",\"content\":\"lockstep\"}}],\"mock_response\":{},\
         \"cache\":{{\"no-cache\":true,\"no-store\":true}}}}",
        quoted(model),
        quoted(ANSWER)
    );
    let captures = vec![capture(TEXT, "/choices/0/message/content"), capture(REQUEST, "/id")];
    post("/v1/chat/completions", Sender::Made, vec![text(body)], captures)
}

/// Makes a key that ends by itself soon, should nobody delete it. Newer versions take an answer that stands in the request
/// only from a key that says so, and would call, and pay, a provider otherwise.
pub(crate) fn key(service: &str) -> Message {
    let body = "{\"duration\":\"15m\",\"max_budget\":1,\
        \"metadata\":{\"made_by\":\"lockstep\",\"allow_client_mock_response\":true}}";
    let key = Capture { fact: KEY.to_owned(), pointer: "/key".to_owned(), secret: true };
    post("/key/generate", Sender::Master(service), vec![text(body)], vec![key])
}

/// Deletes the key that the step made.
pub(crate) fn delete(service: &str) -> Message {
    let body = vec![text("{\"keys\":[\""), Piece::Argument(ARGUMENT.to_owned()), text("\"]}")];
    post("/key/delete", Sender::Master(service), body, Vec::new())
}

/// Returns the rule of the argument that is a key: the one that this effect of the same step was given.
pub(crate) fn made_by(label: &str) -> ArgumentRule {
    let given = (label.to_owned(), KEY.to_owned());
    ArgumentRule { name: ARGUMENT.to_owned(), allowed: Allowed::GivenBy(given) }
}

fn get(path: &str, service: &str, captures: Vec<Capture>) -> Message {
    Message {
        method: Method::Get,
        path: vec![text(path)],
        headers: Sender::Master(service).headers().into(),
        body: Vec::new(),
        success: vec![200],
        captures,
    }
}

fn post(path: &str, sender: Sender<'_>, body: Vec<Piece>, captures: Vec<Capture>) -> Message {
    let json = ("content-type".to_owned(), vec![text("application/json")]);
    Message {
        method: Method::Post,
        path: vec![text(path)],
        headers: [json].into_iter().chain(sender.headers()).collect(),
        body,
        success: vec![200],
        captures,
    }
}

fn capture(fact: &str, pointer: &str) -> Capture {
    Capture { fact: fact.to_owned(), pointer: pointer.to_owned(), secret: false }
}

fn text(text: impl Into<String>) -> Piece {
    Piece::Text(text.into())
}
