//! Slack's incoming webhooks.

use serde_json::{Value, json};

use super::notice::Notice;
use super::text::{HEADLINE, HINT, MESSAGE, fitted};

/// Returns the body of a notice.
pub(super) fn body(notice: &Notice) -> Value {
    let headline = fitted(&notice.headline(), HEADLINE, escape);
    let mut text = format!("*{headline}*\n{}", fitted(&notice.message, MESSAGE, escape));
    if let Some(hint) = &notice.hint {
        text.push('\n');
        text.push_str(&fitted(hint, HINT, escape));
    }
    let mut blocks = vec![json!({ "type": "section", "text": words(&text) })];
    if let Some((sequence, digest)) = notice.last_record() {
        let foot = words(&format!("record {sequence}, {digest}"));
        blocks.push(json!({ "type": "context", "elements": [foot] }));
    }
    json!({ "text": headline, "blocks": blocks, "unfurl_links": false, "unfurl_media": false })
}

/// `verbatim` keeps Slack from making links and mentions of what only looks like them.
fn words(text: &str) -> Value {
    json!({ "type": "mrkdwn", "text": text, "verbatim": true })
}

/// Slack's own three: with them, nothing can become a link or a mention.
fn escape(character: char, out: &mut String) {
    match character {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        other => out.push(other),
    }
}
