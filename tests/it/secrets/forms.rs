//! The forms in which a secret may come back, written here once more: the driver's own must not be what they are
//! measured by.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// Characters that libraries leave as they are in a URL; everything else they may write as `%XX`.
const UNRESERVED: &[u8] = b"-_.~";

/// Returns a secret, and each form of it as a name and what must not be found.
pub(super) fn forms(secret: &str) -> Vec<(&'static str, String)> {
    let json = serde_json::to_string(secret).unwrap();
    let json = json.trim_start_matches('"').trim_end_matches('"').to_owned();
    let mut forms = vec![
        ("as it is", secret.to_owned()),
        ("URL-encoded", percent(secret, UNRESERVED)),
        ("URL-encoded throughout", percent(secret, b"")),
        ("URL-encoded in lower case", percent_lower(secret, UNRESERVED)),
        ("JSON-encoded", json.clone()),
        ("JSON-encoded twice", serde_json::to_string(&json).unwrap().trim_matches('"').to_owned()),
        ("SQL-encoded", secret.replace('\'', "''")),
        ("in hexadecimal", hex(secret)),
        ("in upper-case hexadecimal", hex(secret).to_uppercase()),
    ];
    for (name, text) in base64(secret) {
        forms.push((name, text));
    }
    forms.retain(|(_, form)| form.len() >= 8);
    forms
}

/// Returns a secret as it looks inside of base64, whatever stands before it: characters that its neighbours have a part
/// in are left out.
fn base64(secret: &str) -> Vec<(&'static str, String)> {
    let names = ["in base64", "in base64, one byte in", "in base64, two bytes in"];
    let mut found = Vec::new();
    for (before, name) in names.into_iter().enumerate() {
        let bytes = [vec![0; before], secret.as_bytes().to_vec()].concat();
        // Six bits a character: the first whole one after what stands before, up to the last whole one.
        let (first, end) = ((before * 8).div_ceil(6), bytes.len() * 8 / 6);
        for text in [STANDARD_NO_PAD.encode(&bytes), URL_SAFE_NO_PAD.encode(&bytes)] {
            found.push((name, text.get(first..end).unwrap().to_owned()));
        }
    }
    found
}

/// Returns what a careless service may write of a secret: each form in a sentence, as it would really stand there.
pub(super) fn sentences(secret: &str) -> Vec<String> {
    let mut sentences = vec![
        format!("the password is {secret} today"),
        format!("postgresql://u:{}@h:5432/d", percent(secret, UNRESERVED)),
        format!("https://h/?p={}", percent_lower(secret, UNRESERVED)),
        serde_json::json!({ "password": secret }).to_string(),
        serde_json::json!({ "body": serde_json::json!({ "password": secret }).to_string() })
            .to_string(),
        format!("ALTER ROLE u PASSWORD '{}'", secret.replace('\'', "''")),
        format!("\\x{}", hex(secret)),
        hex(secret).to_uppercase(),
    ];
    for before in ["", "u", "us", "user:", "{\"p\":\""] {
        sentences.push(STANDARD_NO_PAD.encode(format!("{before}{secret}@after")));
        sentences.push(URL_SAFE_NO_PAD.encode(format!("{before}{secret}")));
    }
    sentences
}

fn percent(text: &str, kept: &[u8]) -> String {
    encoded(text, kept, |byte| format!("%{byte:02X}"))
}

fn percent_lower(text: &str, kept: &[u8]) -> String {
    encoded(text, kept, |byte| format!("%{byte:02x}"))
}

fn encoded(text: &str, kept: &[u8], other: impl Fn(u8) -> String) -> String {
    let stays = |byte: u8| byte.is_ascii_alphanumeric() || kept.contains(&byte);
    let one = |byte: u8| if stays(byte) { char::from(byte).to_string() } else { other(byte) };
    text.bytes().map(one).collect()
}

/// Returns text as hexadecimal digits in lower case.
pub(super) fn hex(text: &str) -> String {
    let digits = |byte: u8| [byte >> 4, byte & 15].map(u32::from);
    text.bytes().flat_map(digits).filter_map(|digit| char::from_digit(digit, 16)).collect()
}

#[test]
fn a_secret_is_found_in_each_sentence() {
    for secret in ["p4ss/w'rd\"&+x=\\z", "abcdefghijk", "abcdefghijkl", "abcdefghijklm"] {
        for sentence in sentences(secret) {
            let found = forms(secret).into_iter().find(|(_, form)| sentence.contains(form));
            assert!(found.is_some(), "{secret:?} is not found in {sentence:?}");
        }
    }
}
