//! A notice as JSON, for whatever listens: README.md documents the format, and its version only grows.

use serde_json::{Value, json};

use super::notice::Notice;
use super::text::{fitted, plain};

/// The version of the format.
const VERSION: u32 = 1;

/// Longest text. Whoever reads JSON can take more than a chat, but not without end.
const LONGEST: usize = 4000;

/// Returns the body of a notice.
pub(super) fn body(notice: &Notice) -> Value {
    let text = |text: &str| fitted(text, LONGEST, plain);
    json!({
        "lockstep_notice": VERSION,
        "kind": notice.occasion.name(),
        "run": text(&notice.run),
        "environment": text(&notice.environment),
        "component": text(&notice.component),
        "from": text(&notice.from),
        "to": text(&notice.to),
        "message": text(&notice.message),
        "hint": notice.hint.as_deref().map(text),
        "head": notice.last_record().map(|(sequence, digest)| json!({ "sequence": sequence, "digest": digest })),
        "at": notice.time(),
    })
}
