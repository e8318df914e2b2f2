//! What a registry demands of who asks it.

use http_auth::ChallengeParser;
use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::error::Fault;
use crate::source::is_loopback;

/// The largest answer with a token.
pub(super) const MOST_TOKEN: u64 = 64 << 10;

/// What a registry demands.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Demand {
    /// User and password with each request.
    Basic,
    /// A token, which is given out at this address.
    Bearer(Url),
}

/// A token, by either of the names that the specifications give it.
#[derive(Deserialize)]
struct Token {
    token: Option<SecretString>,
    access_token: Option<SecretString>,
}

/// Reads what an answer with status 401 demands; `scope` is what will be asked for.
pub(super) fn demand(headers: &HeaderMap, home: &Url, scope: &str) -> Result<Demand, Fault> {
    let mut basic = false;
    for value in headers.get_all(WWW_AUTHENTICATE) {
        let Ok(value) = value.to_str() else { continue };
        for challenge in ChallengeParser::new(value) {
            let Ok(challenge) = challenge else { break };
            if challenge.scheme.eq_ignore_ascii_case("basic") {
                basic = true;
            } else if challenge.scheme.eq_ignore_ascii_case("bearer") {
                let part = |name: &str| {
                    let mut parts = challenge.params.iter();
                    let found = parts.find(|(key, _)| key.eq_ignore_ascii_case(name));
                    found.map(|(_, value)| value.to_unescaped())
                };
                let realm = part("realm").unwrap_or_default();
                return realm_url(&realm, part("service").as_deref(), home, scope)
                    .map(Demand::Bearer);
            }
        }
    }
    if basic {
        return Ok(Demand::Basic);
    }
    Err(Fault::Unauthorized("and does not say what it accepts".to_owned()))
}

/// The address that gives out a token. User and password are sent there, so never in clear text to another machine.
fn realm_url(realm: &str, service: Option<&str>, home: &Url, scope: &str) -> Result<Url, Fault> {
    let mut url: Url = realm
        .parse()
        .map_err(|error| Fault::Malformed(format!("where it gives out tokens: {error}")))?;
    let loopback = |url: &Url| url.host_str().is_some_and(is_loopback);
    let safe = url.scheme() == "https" && (!loopback(&url) || loopback(home))
        || url.scheme() == "http" && loopback(&url) && loopback(home);
    if !safe {
        return Err(Fault::Redirect {
            to: url.origin().ascii_serialization(),
            why: "for a token, which would take the credentials there in clear text",
        });
    }
    if let Some(service) = service {
        url.query_pairs_mut().append_pair("service", service);
    }
    url.query_pairs_mut().append_pair("scope", scope);
    Ok(url)
}

/// Reads an answer with a token.
pub(super) fn token(body: &[u8]) -> Result<HeaderValue, Fault> {
    let malformed = |why: &str| Fault::Malformed(format!("the token: {why}"));
    // The message could repeat the token, so only its place is told.
    let token: Token = serde_json::from_slice(body)
        .map_err(|error| malformed(&format!("wrong at column {}", error.column())))?;
    let token = token.token.or(token.access_token).ok_or_else(|| malformed("there is none"))?;
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret()))
        .map_err(|error| malformed(&error.to_string()))?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(header: &str, home: &str) -> Result<Demand, Fault> {
        let mut headers = HeaderMap::new();
        headers.insert(WWW_AUTHENTICATE, header.parse().unwrap());
        demand(&headers, &home.parse().unwrap(), "repository:a:pull")
    }

    #[test]
    fn a_token_is_asked_for_where_the_registry_says() {
        let header = r#"Bearer realm="https://auth.example.com/token",service="registry, one""#;
        let Demand::Bearer(url) = of(header, "https://example.com/").unwrap() else {
            panic!("no token is asked for")
        };
        assert_eq!(
            url.as_str(),
            "https://auth.example.com/token?service=registry%2C+one&scope=repository%3Aa%3Apull"
        );
        assert_eq!(of("Basic realm=\"x\"", "https://example.com/").unwrap(), Demand::Basic);
        of("Negotiate", "https://example.com/").unwrap_err();
    }

    #[test]
    fn credentials_never_go_out_in_clear_text_or_into_this_machine() {
        for realm in
            ["http://auth.example.com/token", "http://127.0.0.1/token", "https://localhost/x"]
        {
            let header = format!("Bearer realm=\"{realm}\"");
            let error = of(&header, "https://example.com/").unwrap_err();
            assert!(matches!(error, Fault::Redirect { .. }), "{error}");
        }
        of("Bearer realm=\"http://127.0.0.1/token\"", "http://127.0.0.1:5000/").unwrap();
    }
}
