//! Discord's webhooks.

use serde_json::{Value, json};

use super::notice::Notice;
use super::text::{HEADLINE, HINT, MESSAGE, fitted};

/// No previews of links that a plugin may have written.
const SUPPRESS_EMBEDS: u32 = 1 << 2;

/// Returns the body of a notice.
pub(super) fn body(notice: &Notice) -> Value {
    let headline = fitted(&notice.headline(), HEADLINE, escape);
    let mut content = format!("**{headline}**\n{}", fitted(&notice.message, MESSAGE, escape));
    if let Some(hint) = &notice.hint {
        content.push('\n');
        content.push_str(&fitted(hint, HINT, escape));
    }
    if let Some((sequence, digest)) = notice.last_record() {
        let foot = ["\n-# record ", &sequence.to_string(), ", ", &digest];
        content.extend(foot);
    }
    json!({ "content": content, "allowed_mentions": { "parse": [] }, "flags": SUPPRESS_EMBEDS })
}

/// Everything that Markdown or a mention may begin with.
fn escape(character: char, out: &mut String) {
    if "\\*_~`|>#[]()<@-+:".contains(character) {
        out.push('\\');
    }
    out.push(character);
}
