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
/// What has letters as digits is there in upper and lower case, and JSON also as it is inside of a JSON text.
///
/// In base64 a secret looks different by its position in what was encoded, so there are three forms, each without the
/// characters that also depend on its neighbours.
pub(super) fn forms(secret: &str) -> Vec<Vec<u8>> {
    let hexadecimal = hex(secret.as_bytes());
    let json = inside_json(secret);
    let mut forms = vec![
        secret.to_owned(),
        secret.replace('\'', "''"),
        secret.replace('\\', "\\\\").replace('\'', "\\'"),
        hexadecimal.to_uppercase(),
        hexadecimal,
        inside_json(&json),
        json,
    ];
    for set in [NON_ALPHANUMERIC, &USERINFO, &QUERY] {
        let encoded = utf8_percent_encode(secret, set).to_string();
        forms.push(lower_case_escapes(&encoded));
        forms.push(encoded);
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

/// Returns `text` as it stands between the quotes of a JSON string.
fn inside_json(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    let inside = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inside.unwrap_or(text).to_owned()
}

/// Returns percent-encoded text with `%XX` as `%xx`.
fn lower_case_escapes(encoded: &str) -> String {
    let mut digits = 0;
    let lower = |character: char| {
        if character == '%' {
            digits = 2;
            return character;
        }
        if digits == 0 {
            return character;
        }
        digits -= 1;
        character.to_ascii_lowercase()
    };
    encoded.chars().map(lower).collect()
}
