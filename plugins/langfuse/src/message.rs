//! What the web service is asked that changes something: a trace is written.

use lockstep_sdk::{Allowed, ArgumentRule, Capture, Message, Method, Piece};

/// The path that takes what happened, a list of it at once.
const INGESTION: &str = "/api/public/ingestion";

/// The arguments, each of which the step has observed: the trace's name, and the moment.
pub(crate) const TRACE: &str = "trace";
pub(crate) const AT: &str = "at";

/// The fact that lists what was not taken.
pub(crate) const ERRORS: &str = "errors";

/// Writes a trace. Sent twice it is the same trace: it is known by its name.
pub(crate) fn ingest() -> Message {
    let (trace, at) = (argument(TRACE), argument(AT));
    let body = vec![
        text("{\"batch\":[{\"id\":\""),
        trace.clone(),
        text("\",\"type\":\"trace-create\",\"timestamp\":\""),
        at.clone(),
        text("\",\"body\":{\"id\":\""),
        trace,
        text("\",\"name\":\"lockstep\",\"timestamp\":\""),
        at,
        text("\"}}]}"),
    ];
    Message {
        method: Method::Post,
        path: vec![text(INGESTION)],
        headers: vec![("content-type".to_owned(), vec![text("application/json")])],
        body,
        success: vec![200, 201, 207],
        captures: vec![Capture {
            fact: ERRORS.to_owned(),
            pointer: "/errors".to_owned(),
            secret: false,
        }],
    }
}

/// Returns the rules of its arguments.
pub(crate) fn rules() -> [ArgumentRule; 2] {
    [TRACE, AT].map(|name| ArgumentRule {
        name: name.to_owned(),
        allowed: Allowed::Observed((name.to_owned(), 0)),
    })
}

fn argument(name: &str) -> Piece {
    Piece::Argument(name.to_owned())
}

fn text(text: &str) -> Piece {
    Piece::Text(text.to_owned())
}
