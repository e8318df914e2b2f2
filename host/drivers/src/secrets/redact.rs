//! Taking known secrets out of what leaves the host.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use aho_corasick::{AhoCorasick, MatchKind};
use lockstep_engine::model::REDACTED;

use super::encodings::{SHORTEST, forms};
use super::mask::{looks_secret, password_in_url};

/// Takes known secrets out of text and bytes, also URL-, JSON-, SQL-, hexadecimal and base64-encoded. Clones share what
/// they know.
#[derive(Clone, Default)]
pub struct Redactor {
    known: Arc<RwLock<Known>>,
}

#[derive(Default)]
struct Known {
    /// Where each secret was found, by secret.
    secrets: BTreeMap<String, BTreeSet<String>>,
    automaton: Option<Arc<AhoCorasick>>,
}

impl fmt::Debug for Redactor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Redactor").finish_non_exhaustive()
    }
}

impl Redactor {
    /// Remembers secrets and where they are kept, in words.
    pub fn learn(&self, secrets: impl IntoIterator<Item = (String, String)>) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let before = known.secrets.len();
        for (place, secret) in secrets {
            if !secret.is_empty() {
                known.secrets.entry(secret).or_default().insert(place);
            }
        }
        if known.secrets.len() != before {
            let long = known.secrets.keys().filter(|secret| secret.len() >= SHORTEST);
            let patterns: BTreeSet<Vec<u8>> = long.flat_map(|secret| forms(secret)).collect();
            // Too many patterns for an automaton cannot be built from what an environment holds; were it so, the old one stays.
            if let Ok(built) =
                AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(patterns)
            {
                known.automaton = Some(Arc::new(built));
            }
        }
    }

    /// Remembers a variable's rendered value if it looks secret, and the password if it is a URL that holds one.
    pub fn learn_variable(&self, service: &str, name: &str, value: &str) {
        self.learn(secrets_of(service, name, value));
    }

    /// Returns `text` without known secrets.
    pub fn text(&self, text: &str) -> String {
        match self.automaton() {
            Some(automaton) if automaton.is_match(text) => {
                automaton.replace_all(text, &vec![REDACTED; automaton.patterns_len()])
            }
            Some(_) | None => text.to_owned(),
        }
    }

    /// Returns `bytes` without known secrets.
    pub fn bytes(&self, bytes: Vec<u8>) -> Vec<u8> {
        match self.automaton() {
            Some(automaton) if automaton.is_match(&bytes) => {
                automaton.replace_all_bytes(&bytes, &vec![REDACTED; automaton.patterns_len()])
            }
            Some(_) | None => bytes,
        }
    }

    /// Returns where secrets are kept that are too short to be searched for.
    pub fn weak_secrets(&self) -> Vec<String> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let weak = known.secrets.iter().filter(|(secret, _)| secret.len() < SHORTEST);
        let places: BTreeSet<String> =
            weak.flat_map(|(_, places)| places.iter().cloned()).collect();
        places.into_iter().collect()
    }

    fn automaton(&self) -> Option<Arc<AhoCorasick>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).automaton.clone()
    }
}

/// Returns what of a rendered variable must be searched for.
pub(crate) fn secrets_of(service: &str, name: &str, value: &str) -> Vec<(String, String)> {
    let place = format!("{service}.{name}");
    let mut secrets = Vec::new();
    if looks_secret(name, value) {
        if let Some(password) = password_in_url(value) {
            let decoded =
                percent_encoding::percent_decode_str(&password).decode_utf8_lossy().into_owned();
            secrets.push((place.clone(), decoded));
            secrets.push((place.clone(), password));
        }
        secrets.push((place, value.to_owned()));
    }
    secrets
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    #[test]
    fn a_secret_is_found_in_every_encoding() {
        let secret = "p4ss/w'rd\"&+x=";
        let redactor = Redactor::default();
        redactor.learn([("a".to_owned(), secret.to_owned())]);
        let encoded = |text: &str| {
            percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC)
                .to_string()
        };
        for text in [
            format!("x {secret} y"),
            encoded(secret),
            serde_json::to_string(secret).unwrap(),
            format!("PASSWORD '{}'", secret.replace('\'', "''")),
            STANDARD.encode(format!("u:{secret}@")),
            STANDARD.encode(format!("us:{secret}")),
            STANDARD.encode(format!("usr:{secret}:z")),
            encoded(secret).replace("%2F", "%2f").replace("%2B", "%2b").replace("%3D", "%3d"),
            crate::secrets::hex(secret.as_bytes()).to_uppercase(),
            serde_json::json!({ "body": serde_json::json!({ "p": secret }).to_string() })
                .to_string(),
        ] {
            let out = redactor.text(&text);
            assert!(out.contains(REDACTED), "{text} -> {out}");
            assert_eq!(redactor.bytes(text.into_bytes()), out.into_bytes());
        }
        assert_eq!(redactor.text("nothing here"), "nothing here");
    }

    #[test]
    fn a_short_secret_is_reported_and_not_searched_for() {
        let redactor = Redactor::default();
        redactor.learn([("redis.REDIS_PASSWORD".to_owned(), "redis".to_owned())]);
        assert_eq!(redactor.text("redis is redis"), "redis is redis");
        assert_eq!(redactor.weak_secrets(), ["redis.REDIS_PASSWORD"]);
    }

    #[test]
    fn the_password_inside_a_url_is_known_by_itself() {
        let redactor = Redactor::default();
        redactor.learn_variable("postgres", "DATABASE_URL", "postgresql://u:p%40ssword1@h:5432/db");
        assert_eq!(redactor.text("it was p@ssword1"), "it was [secret]");
        assert_eq!(redactor.text("it was p%40ssword1"), "it was [secret]");
    }
}
