//! What strangers say, made fit to be shown.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

/// As many characters of a stranger's text as are shown.
const MOST: usize = 300;

/// What is shown in the place of a secret.
const BLANK: &str = "***";

/// What was sent to show who asks: whoever refuses may repeat it.
#[derive(Clone)]
pub(crate) struct Sent(Vec<SecretString>);

impl Sent {
    /// Takes the values of `authorization` headers apart into everything that is secret in them.
    pub(crate) fn new(headers: impl IntoIterator<Item = HeaderValue>) -> Self {
        let mut secrets = Vec::new();
        for header in headers {
            let Ok(whole) = header.to_str() else { continue };
            let given = whole.split_once(' ').map_or(whole, |(_, given)| given);
            secrets.push(given.to_owned());
            let decoded = STANDARD.decode(given).ok().and_then(|text| String::from_utf8(text).ok());
            if let Some((_, password)) = decoded.as_deref().and_then(|text| text.split_once(':')) {
                secrets.push(password.to_owned());
                secrets.push(escaped(password));
            }
        }
        secrets.retain(|secret| !secret.is_empty());
        // What holds another is blanked before it.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Self(secrets.into_iter().map(SecretString::from).collect())
    }

    /// Returns `text` without the secrets.
    pub(crate) fn blank(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, it| text.replace(it.expose_secret(), BLANK))
    }
}

/// The beginning of a stranger's text, with nothing in it that a terminal or the direction of writing acts on.
pub(crate) fn printable(text: &str) -> String {
    let plain = text.chars().filter(|c| !is_invisible(*c));
    let plain = plain.map(|c| if c.is_control() { ' ' } else { c });
    plain.take(MOST).collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether a character shows nothing itself and may change how others are shown.
fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

/// The text as JSON writes it inside of its quotes.
fn escaped(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_act_on_the_readers_screen_is_left_out() {
        let text = "a\u{1b}[31m\u{202e}b\u{2066}\n\tc\u{2028}d\u{200b}e";
        assert_eq!(printable(text), "a [31mb c de");
        assert_eq!(printable(&"x".repeat(1000)).len(), 300);
    }

    #[test]
    fn nothing_that_was_sent_is_repeated() {
        let basic = format!("Basic {}", STANDARD.encode("ann:pass\"word:1"));
        let bearer = HeaderValue::from_static("Bearer t0ken");
        let sent = Sent::new([HeaderValue::from_str(&basic).unwrap(), bearer]);
        let json = serde_json::json!({ "you": "pass\"word:1" }).to_string();
        let text = format!("{basic} pass\"word:1 t0ken {json}");
        assert_eq!(sent.blank(&text), "Basic *** *** *** {\"you\":\"***\"}");
        let none = Sent::new([HeaderValue::from_static("Basic YW5uOg==")]);
        assert_eq!(none.blank("ann: welcome"), "ann: welcome");
    }
}
