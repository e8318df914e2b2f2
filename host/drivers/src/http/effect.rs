//! Messages that change something.

use lockstep_engine::journal::{Fate, Intent, Sent};
use lockstep_engine::model::{Capture, Fact, Failure, HttpMethod, Proof, Request, Value};
use reqwest::Method;

use super::client::{Asked, Endpoints};
use crate::order::Order;
use crate::railway::Deadline;

/// A message, put together.
pub(crate) struct Ready {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
    pub(crate) success: Vec<u16>,
    pub(crate) captures: Vec<Capture>,
}

/// A captured secret, and the handle that stands for it.
pub(crate) type SealedValue = (String, String);

impl Endpoints {
    /// Sends a message. Returns the secrets that it captured beside how it ended.
    pub(crate) async fn send(
        &self,
        order: &Order<'_>,
        name: &str,
        message: &Ready,
        deadline: Deadline<'_>,
    ) -> (Sent, Vec<SealedValue>) {
        let refused = |failure| (Sent::Refused(failure), Vec::new());
        let method = match message.method.as_str() {
            "GET" => Method::GET,
            "POST" => Method::POST,
            "PUT" => Method::PUT,
            "PATCH" => Method::PATCH,
            "DELETE" => Method::DELETE,
            other => {
                return refused(Failure::permanent(
                    "http:method",
                    format!("`{other}` is no method that lockstep sends"),
                ));
            }
        };
        let body = (!message.body.is_empty()).then(|| message.body.clone().into_bytes());
        let asked = self
            .ask(name, method, &message.path, &message.headers, body, || deadline.check())
            .await;
        let response = match asked {
            Asked::Answered(response) => response,
            Asked::NotSent(failure) => return refused(failure),
            Asked::Lost(failure) => return (Sent::Unknown(failure), Vec::new()),
        };
        let status = response.status;
        if !message.success.contains(&status) {
            let text = format!("endpoint `{name}` answered with status {status}");
            return match status {
                408 | 425 | 429 => refused(Failure::transient("http:status", text)),
                300..=499 => refused(Failure::permanent("http:status", text)),
                // It may have been carried out before the server failed, or in a way that the plan did not expect.
                _ => (Sent::Unknown(Failure::transient("http:status", text)), Vec::new()),
            };
        }
        match captured(order, &message.captures, &response.body) {
            Ok((mut facts, sealed)) => {
                facts.push(Fact::one("status", Value::Integer(i64::from(status))));
                (Sent::Done(facts), sealed)
            }
            Err(failure) => (Sent::Unknown(failure), Vec::new()),
        }
    }

    /// Finds out what became of a message as its declaration says. A proof is a path: 2xx means yes, 404 means no.
    pub(crate) async fn settle(
        &self,
        order: &Order<'_>,
        name: &str,
        intent: &Intent,
    ) -> Result<Fate, Failure> {
        Ok(match &order.effect.proof {
            Proof::Repeatable => Fate::DidNot,
            Proof::Read(path) => {
                let request =
                    Request { endpoint: name.to_owned(), path: path.clone(), headers: Vec::new() };
                let answer = self.read(HttpMethod::Get, &request).await?;
                match (answer.status, answer.body.trim_ascii()) {
                    (200..=299, b"false") | (404, _) => Fate::DidNot,
                    (200..=299, _) => Fate::Happened(Vec::new()),
                    (status, _) => {
                        let text =
                            format!("the proof at endpoint `{name}` answered with status {status}");
                        return Err(Failure::transient("http:proof", text));
                    }
                }
            }
            Proof::ByKind | Proof::Ask => Fate::CannotTell(format!(
                "effect `{}` was sent to endpoint `{name}` at {} ms since 1970 and its answer never came: did it happen?",
                intent.label, intent.begun.0
            )),
        })
    }
}

fn captured(
    order: &Order<'_>,
    captures: &[Capture],
    body: &[u8],
) -> Result<(Vec<Fact>, Vec<SealedValue>), Failure> {
    let (mut facts, mut sealed) = (Vec::new(), Vec::new());
    if captures.is_empty() {
        return Ok((facts, sealed));
    }
    let answer: serde_json::Value = serde_json::from_slice(body).map_err(|error| {
        Failure::permanent(
            "http:capture",
            format!("the answer is no JSON to take facts from: {error}"),
        )
    })?;
    for capture in captures {
        let found = answer.pointer(&capture.pointer).ok_or_else(|| {
            let text = format!(
                "the answer holds nothing at `{}` for fact `{}`",
                capture.pointer, capture.fact
            );
            Failure::permanent("http:capture", text)
        })?;
        if capture.secret && !found.is_null() {
            // Whatever a secret is made of, its text is what must not be seen.
            let text = found.as_str().map_or_else(|| found.to_string(), str::to_owned);
            let handle = format!("{}/{}", order.marker, capture.fact);
            sealed.push((handle.clone(), text));
            facts.push(Fact::one(&capture.fact, Value::Sealed(handle)));
            continue;
        }
        let value = match found {
            serde_json::Value::Null => Value::Null,
            serde_json::Value::Bool(truth) => Value::Boolean(*truth),
            serde_json::Value::Number(number) => number
                .as_i64()
                .map(Value::Integer)
                .or_else(|| number.as_f64().map(Value::Real))
                .unwrap_or(Value::Null),
            serde_json::Value::String(text) => Value::Text(text.clone()),
            other @ (serde_json::Value::Array(_) | serde_json::Value::Object(_)) => {
                Value::Other("json".to_owned(), other.to_string())
            }
        };
        facts.push(Fact::one(&capture.fact, value));
    }
    Ok((facts, sealed))
}
