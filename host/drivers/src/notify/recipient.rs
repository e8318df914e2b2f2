//! Who is told, and where that is.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

use reqwest::Url;
use secrecy::{ExposeSecret as _, SecretString};

use super::notice::Occasion;
use crate::http::is_public;

/// Parts of a URL that are this long are taken for the secret in it.
const TOKEN: usize = 16;

/// How a recipient is spoken to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Channel {
    /// An incoming webhook of Slack. The secret is its URL.
    Slack,
    /// A webhook of Discord. The secret is its URL.
    Discord,
    /// Anything that takes JSON. The secret is its URL.
    Webhook,
    /// `PagerDuty`'s Events API, version 2. The secret is the routing key.
    PagerDuty {
        /// Where events go.
        endpoint: Url,
    },
}

/// A recipient can't be told anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecipientError {
    /// The variable holds no URL. What it holds instead may be a secret all the same, and is not said.
    #[error("what it holds is not a URL of HTTP")]
    NotAUrl,
    /// The secret would cross the internet in clear text.
    #[error(
        "its URL would carry its secret over the internet in clear text: it must begin with https"
    )]
    ClearText,
    /// The variable holds nothing that a routing key can be.
    #[error("what it holds is not a routing key: letters and digits alone")]
    NotAKey,
}

/// Somebody who is told.
#[derive(Clone)]
pub struct Recipient {
    channel: Channel,
    variable: String,
    secret: SecretString,
    url: Url,
    on: BTreeSet<Occasion>,
}

impl Channel {
    /// Returns its name in `lockstep.toml`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Slack => "slack",
            Self::Discord => "discord",
            Self::Webhook => "webhook",
            Self::PagerDuty { .. } => "pagerduty",
        }
    }
}

impl Recipient {
    /// Returns a recipient whose secret is the value of `variable`, and who is told `on` these occasions.
    ///
    /// # Errors
    /// The secret is not what the channel needs.
    pub fn new(
        channel: Channel,
        variable: impl Into<String>,
        secret: SecretString,
        on: impl IntoIterator<Item = Occasion>,
    ) -> Result<Self, RecipientError> {
        let url = if let Channel::PagerDuty { endpoint } = &channel {
            let key = secret.expose_secret();
            if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                return Err(RecipientError::NotAKey);
            }
            endpoint.clone()
        } else {
            Url::parse(secret.expose_secret().trim()).ok().ok_or(RecipientError::NotAUrl)?
        };
        match (url.scheme(), url.host_str()) {
            ("https", Some(_)) => {}
            ("http", Some(host)) if is_near(host) => {}
            ("http", Some(_)) => return Err(RecipientError::ClearText),
            _ => return Err(RecipientError::NotAUrl),
        }
        Ok(Self { channel, variable: variable.into(), secret, url, on: on.into_iter().collect() })
    }

    /// Returns what must never be shown: the secret, and those parts of a URL that make it one.
    pub fn secrets(&self) -> impl Iterator<Item = (String, String)> {
        let mut secrets = vec![self.secret.expose_secret().to_owned()];
        if !matches!(self.channel, Channel::PagerDuty { .. }) {
            secrets.push(self.url.as_str().to_owned());
            secrets.extend(self.url.password().map(str::to_owned));
            let segments = self.url.path_segments().into_iter().flatten().map(str::to_owned);
            let values = self.url.query_pairs().map(|(_, value)| value.into_owned());
            secrets.extend(segments.chain(values).filter(|part| part.len() >= TOKEN));
        }
        let place = format!("the variable {}", self.variable);
        secrets.into_iter().map(move |secret| (place.clone(), secret))
    }

    pub(super) const fn channel(&self) -> &Channel {
        &self.channel
    }

    pub(super) const fn secret(&self) -> &SecretString {
        &self.secret
    }

    pub(super) const fn url(&self) -> &Url {
        &self.url
    }

    pub(super) const fn on(&self) -> &BTreeSet<Occasion> {
        &self.on
    }
}

/// The channel and the variable's name: never the secret.
impl fmt::Display for Recipient {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} ({})", self.channel.name(), self.variable)
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Recipient({self})")
    }
}

/// Returns whether a host is reached without crossing the internet.
fn is_near(host: &str) -> bool {
    match host.trim_matches(['[', ']']).parse::<IpAddr>() {
        Ok(address) => !is_public(address),
        Err(_) => host == "localhost" || host.ends_with(".internal"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn webhook(url: &str) -> Result<Recipient, RecipientError> {
        Recipient::new(Channel::Webhook, "HOOK_URL", url.into(), [Occasion::Done])
    }

    #[test]
    fn a_secret_crosses_the_internet_encrypted_or_not_at_all() {
        for near in ["http://127.0.0.1:1/x", "http://[::1]/x", "http://a.railway.internal:8080/"] {
            assert!(webhook(near).is_ok(), "{near}");
        }
        assert!(webhook("https://hooks.example.com/x").is_ok());
        assert_eq!(webhook("http://hooks.example.com/x").unwrap_err(), RecipientError::ClearText);
        assert_eq!(webhook("http://8.8.8.8/x").unwrap_err(), RecipientError::ClearText);
    }

    #[test]
    fn what_is_no_url_and_no_key_is_refused() {
        for bad in ["", "hooks.example.com/x", "ftp://a/x", "mailto:a@b.example"] {
            assert_eq!(webhook(bad).unwrap_err(), RecipientError::NotAUrl, "{bad}");
        }
        let key = |key: &str| {
            let endpoint = "https://events.example.com/v2/enqueue".parse().unwrap();
            Recipient::new(Channel::PagerDuty { endpoint }, "KEY", key.into(), [])
        };
        assert_eq!(key("https://x.example/").unwrap_err(), RecipientError::NotAKey);
        assert_eq!(key("").unwrap_err(), RecipientError::NotAKey);
        assert!(key("0123456789abcdef0123456789abcdef").is_ok());
    }

    #[test]
    fn neither_form_of_a_recipient_shows_its_secret_and_every_part_of_it_is_searched_for() {
        let token = "t0k3n-t0k3n-t0k3n";
        let recipient = webhook(&format!("https://u:pa55word@h.example/a/{token}?k=v")).unwrap();
        for shown in [recipient.to_string(), format!("{recipient:?}")] {
            assert!(!shown.contains("h.example") && shown.contains("HOOK_URL"), "{shown}");
        }
        let redactor = crate::Redactor::default();
        redactor.learn(recipient.secrets());
        for text in [token, "pa55word", "https://u:pa55word@h.example/a/t0k3n-t0k3n-t0k3n?k=v"] {
            assert_eq!(redactor.text(text), "[secret]");
        }
    }
}
