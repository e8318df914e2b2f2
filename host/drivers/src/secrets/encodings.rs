//! The forms in which a secret may come back.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};

use super::mask::hex;

/// What a user's name or a password must not hold in a URL, as common libraries encode it.
const USERINFO: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// What a query must not hold, as the URL standard has it.
const QUERY: AsciiSet =
    CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>').add(b'%').add(b'&').add(b'+');

/// Shorter forms would be found in ordinary text.
pub(super) const SHORTEST: usize = 8;

/// Returns `secret` and its URL-, JSON-, SQL-, hexadecimal and base64-encoded forms, without repeats.
///
/// In base64 a secret looks different by its position in what was encoded, so there are three forms, each without the
/// characters that also depend on its neighbours.
pub(super) fn forms(secret: &str) -> Vec<Vec<u8>> {
    let mut forms = vec![
        secret.to_owned(),
        utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string(),
        utf8_percent_encode(secret, &USERINFO).to_string(),
        utf8_percent_encode(secret, &QUERY).to_string(),
        secret.replace('\'', "''"),
        secret.replace('\\', "\\\\").replace('\'', "\\'"),
        hex(secret.as_bytes()),
    ];
    if let Ok(json) = serde_json::to_string(secret) {
        forms.push(json.trim_matches('"').to_owned());
    }
    for shift in 0..3 {
        let mut bytes = vec![0_u8; shift];
        bytes.extend_from_slice(secret.as_bytes());
        for text in [STANDARD_NO_PAD.encode(&bytes), URL_SAFE_NO_PAD.encode(&bytes)] {
            let tail = usize::from(bytes.len() % 3 != 0);
            let kept = text.len().saturating_sub(tail);
            forms.push(
                text.chars().take(kept).skip(if shift == 0 { 0 } else { shift + 1 }).collect(),
            );
        }
    }
    forms.retain(|form| form.len() >= SHORTEST);
    forms.sort();
    forms.dedup();
    forms.into_iter().map(String::into_bytes).collect()
}
