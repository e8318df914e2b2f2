//! Variables of one service, as configured and as rendered.

use std::collections::{BTreeMap, BTreeSet};

use lockstep_engine::journal::standing_of;
use lockstep_engine::model::{Failure, Location, Variable, VariableValue};
use reqwest::Url;

use crate::secrets::{fingerprint, looks_secret};

/// The variables of one service, references unrendered.
pub(crate) struct Configured {
    /// The service's name, which goes into fingerprints.
    pub(crate) service: String,
    /// What Railway returns.
    pub(crate) values: BTreeMap<String, String>,
    /// Names of those that it never returns.
    pub(crate) sealed: BTreeSet<String>,
}

impl Configured {
    /// Returns what may be known of `name`.
    pub(crate) fn value(&self, key: &[u8; 32], name: &str) -> Option<VariableValue> {
        match self.values.get(name) {
            Some(value) if looks_secret(name, value) => {
                Some(VariableValue::Masked(fingerprint(key, &self.service, name, value)))
            }
            Some(value) => Some(VariableValue::Shown(value.clone())),
            None => self.sealed.contains(name).then_some(VariableValue::Unreadable),
        }
    }

    /// Returns how `name` stands in a standing.
    pub(crate) fn standing(&self, key: &[u8; 32], name: &str) -> Option<String> {
        self.value(key, name).as_ref().map(standing_of)
    }

    /// Returns how a value of `name` would stand.
    pub(crate) fn standing_if(&self, key: &[u8; 32], name: &str, value: &str) -> String {
        standing_of(&if looks_secret(name, value) {
            VariableValue::Masked(fingerprint(key, &self.service, name, value))
        } else {
            VariableValue::Shown(value.to_owned())
        })
    }

    /// Returns all of them as a plugin sees them.
    pub(super) fn seen(&self, key: &[u8; 32]) -> Vec<Variable> {
        let names: BTreeSet<&String> = self.values.keys().chain(&self.sealed).collect();
        names
            .into_iter()
            .filter_map(|name| Some(Variable { name: name.clone(), value: self.value(key, name)? }))
            .collect()
    }
}

/// What is told of a password in a URL, and how it is told that something is there.
const PASSWORD: &str = "password";
const SOME: &str = "some";

/// Returns whether a URL has a password.
pub(super) fn has_password(location: &Location) -> bool {
    location.extra.iter().any(|(name, _)| name == PASSWORD)
}

/// Returns what tells that a URL is put together from references.
pub(super) fn references() -> (String, String) {
    ("references".to_owned(), SOME.to_owned())
}

/// Returns where a rendered URL leads. Its password does not get into the answer, nor do its query and fragment.
pub(super) fn location(name: &str, value: &str) -> Result<Option<Location>, Failure> {
    if value.trim().is_empty() {
        return Ok(None);
    }
    let unreadable = || {
        Failure::permanent(
            "railway:not-a-url",
            format!("variable `{name}` does not render to a URL"),
        )
    };
    let after_scheme = value.split_once("://").map_or(value, |(_, rest)| rest);
    let ends = after_scheme.find(['/', '\\', '?', '#']).unwrap_or(after_scheme.len());
    let (authority, rest) = after_scheme.split_at(ends);
    // A password with a character that ends an authority would be taken for a host, a port or a path, and told to the plugin.
    if rest.contains('@') {
        return Err(Failure::permanent(
            "railway:unescaped-url",
            format!(
                "variable `{name}` does not render to a URL that can be taken apart: an `@` stands behind what would be its host, \
                 so its password may have characters that must be escaped"
            ),
        ));
    }
    let url: Url = value.trim().parse().map_err(|error| {
        tracing::debug!(%error, name, "not a URL");
        unreadable()
    })?;
    let host = url.host_str().ok_or_else(unreadable)?;
    let written = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    // A scheme's default port is not written out, and `Url` forgets one that is.
    let port =
        url.port().or_else(|| written.rsplit_once(':').and_then(|(_, port)| port.parse().ok()));
    let password = authority.rsplit_once('@').and_then(|(user, _)| user.split_once(':'));
    let password = password.map(|(_, password)| (PASSWORD.to_owned(), form(password).to_owned()));
    let query = url.query().map(|_| ("query".to_owned(), SOME.to_owned()));
    Ok(Some(Location {
        scheme: url.scheme().to_owned(),
        host: host.trim_matches(['[', ']']).to_owned(),
        port,
        user: Some(url.username().to_owned()).filter(|user| !user.is_empty()),
        path: url.path().to_owned(),
        extra: password.into_iter().chain(query).collect(),
    }))
}

/// Returns how a password is written in a URL: programs that take URLs apart by themselves break on what is not escaped.
fn form(password: &str) -> &'static str {
    let plain = |text: &str| {
        text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
    };
    let mut parts = password.split('%');
    let first = parts.next().unwrap_or_default();
    let escape = |part: &str| {
        let digits = part.get(..2);
        digits.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
            && plain(part)
    };
    match (plain(password), plain(first) && parts.all(escape)) {
        (true, _) => "plain",
        (false, true) => "escaped",
        (false, false) => "raw",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_has_no_password() {
        let found = location(
            "DATABASE_URL",
            "postgresql://me:p4ss@h.railway.internal:5432/db?sslmode=disable",
        )
        .unwrap()
        .unwrap();
        assert_eq!(
            (found.host.as_str(), found.port, found.path.as_str()),
            ("h.railway.internal", Some(5432), "/db")
        );
        assert!(!format!("{found:?}").contains("p4ss"));
        assert_eq!(found.extra[1], ("query".to_owned(), "some".to_owned()));
        assert_eq!(location("X", "  ").unwrap(), None);
        let error = location("X", "p4ssw0rd-but-no-url").unwrap_err();
        assert!(!error.to_string().contains("p4ss"));
        assert_eq!(location("X", "http://h:80/").unwrap().unwrap().port, Some(80));
    }

    #[test]
    fn a_password_that_reaches_into_the_host_or_the_path_is_no_destination() {
        for password in ["p4ss@h/x", "1/p4ss", "1?p4ss", "1#p4ss", r"'\ %@:/p4ss", r"12\p4ss"] {
            for scheme in ["postgresql", "http"] {
                let url = format!("{scheme}://me:{password}@db.railway.internal:5432/app");
                let error = location("X", &url).unwrap_err().to_string();
                assert!(error.contains("must be escaped") && !error.contains("p4ss"), "{error}");
            }
        }
        let found = location("X", "postgresql://me:p4@ss@h:5432/db").unwrap().unwrap();
        assert_eq!((found.host.as_str(), found.path.as_str()), ("h", "/db"));
    }

    #[test]
    fn of_a_password_only_its_form_is_told() {
        for (password, form) in [
            (":a-B.9_~", Some("plain")),
            (":", Some("plain")),
            ("", None),
            (":a%2Fb%40", Some("escaped")),
            (":a%2", Some("raw")),
            (":a%zz", Some("raw")),
            (":a@b", Some("raw")),
            (":a+b=", Some("raw")),
        ] {
            let url = format!("postgresql://me{password}@h:5432/db");
            let found = location("X", &url).unwrap().unwrap();
            let told = found.extra.iter().find(|(name, _)| name == "password");
            assert_eq!(told.map(|(_, value)| value.as_str()), form, "{url}");
            assert_eq!(found.host, "h");
        }
    }
}
