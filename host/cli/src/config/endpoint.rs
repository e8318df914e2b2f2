//! An HTTP endpoint as written: a service of the environment, or a public origin.

use std::net::IpAddr;

use lockstep_drivers::Url;
use serde::{Deserialize, Serialize};

use super::document::ViaDocument;

/// One HTTP endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "EndpointKeys", into = "EndpointKeys")]
pub(crate) enum EndpointDocument {
    /// Of a service.
    Service {
        /// The service.
        service: String,
        /// Its port.
        port: u16,
        /// Another way than the environment's.
        via: Option<ViaDocument>,
    },
    /// Somewhere else, over the internet.
    Public(Url),
}

/// The keys of one.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct EndpointKeys {
    service: Option<String>,
    port: Option<u16>,
    via: Option<ViaDocument>,
    origin: Option<String>,
}

/// Why keys are no endpoint.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoEndpoint {
    /// Something is missing, or too much is there.
    #[error(
        "an endpoint is a `service` with its `port`, or a public `origin` such as \"https://api.example.com\", and not both"
    )]
    Keys,
    /// The origin can't be used.
    #[error("`{origin}` is no public origin: {why}")]
    Origin {
        /// As written.
        origin: String,
        /// Why.
        why: String,
    },
}

impl TryFrom<EndpointKeys> for EndpointDocument {
    type Error = NoEndpoint;

    fn try_from(keys: EndpointKeys) -> Result<Self, NoEndpoint> {
        match keys {
            EndpointKeys { service: Some(service), port: Some(port), via, origin: None } => {
                Ok(Self::Service { service, port, via })
            }
            EndpointKeys { service: None, port: None, via: None, origin: Some(origin) } => {
                public(&origin).map(Self::Public).map_err(|why| NoEndpoint::Origin { origin, why })
            }
            EndpointKeys { .. } => Err(NoEndpoint::Keys),
        }
    }
}

impl From<EndpointDocument> for EndpointKeys {
    fn from(endpoint: EndpointDocument) -> Self {
        match endpoint {
            EndpointDocument::Service { service, port, via } => {
                Self { service: Some(service), port: Some(port), via, origin: None }
            }
            EndpointDocument::Public(url) => Self {
                origin: Some(url.as_str().trim_end_matches('/').to_owned()),
                ..Self::default()
            },
        }
    }
}

/// Reads an origin. Where its name leads is looked at whenever it is dialled; what can be seen here is refused here.
fn public(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    if url.scheme() != "https" {
        return Err(
            "it must begin with `https://`: what is read over it decides on an upgrade".to_owned()
        );
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("no credentials may stand in it".to_owned());
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err(
            "nothing may follow the host: paths are for plugins to name, and for grants to allow"
                .to_owned(),
        );
    }
    let host = url.host_str().unwrap_or_default();
    let is_address = host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
    let is_inside = host == "localhost"
        || [".localhost", ".internal", ".local"].iter().any(|end| host.ends_with(end));
    if is_address || is_inside {
        return Err("it must be a name that leads to the internet; a service of the environment is named by `service` and `port`".to_owned());
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<EndpointDocument, String> {
        toml::from_str(text).map_err(|error: toml::de::Error| error.message().to_owned())
    }

    #[test]
    fn an_endpoint_is_a_service_or_an_origin_and_is_written_as_it_is_read() {
        for text in [
            "service = \"litellm\"\nport = 4000\nvia = \"private\"\n",
            "origin = \"https://api.example.com\"\n",
        ] {
            let endpoint = read(text).unwrap();
            assert_eq!(toml::to_string(&endpoint).unwrap(), text);
            let json = serde_json::to_string(&endpoint).unwrap();
            assert_eq!(serde_json::from_str::<EndpointDocument>(&json).unwrap(), endpoint);
        }
        // As configurations were written before there were origins.
        let before = r#"{"service":"litellm","port":4000,"via":null}"#;
        assert!(serde_json::from_str::<EndpointDocument>(before).is_ok());
    }

    #[test]
    fn half_of_one_and_both_at_once_are_refused() {
        for text in [
            "",
            "service = \"litellm\"",
            "port = 4000",
            "origin = \"https://api.example.com\"\nport = 443",
            "origin = \"https://api.example.com\"\nvia = \"ssh\"",
            "service = \"a\"\nport = 1\norigin = \"https://api.example.com\"",
        ] {
            assert!(read(text).unwrap_err().contains("and not both"), "{text}");
        }
    }

    #[test]
    fn an_origin_is_public_and_nothing_but_an_origin() {
        for (origin, why) in [
            ("http://api.example.com", "https"),
            ("api.example.com", "relative URL"),
            ("https://ada:secret@api.example.com", "credentials"),
            ("https://api.example.com/v1", "nothing may follow"),
            ("https://api.example.com?x=1", "nothing may follow"),
            ("https://127.0.0.1", "leads to the internet"),
            ("https://[::1]", "leads to the internet"),
            ("https://10.0.0.7:8443", "leads to the internet"),
            ("https://localhost:8443", "leads to the internet"),
            ("https://litellm.railway.internal", "leads to the internet"),
        ] {
            let said = read(&format!("origin = \"{origin}\"")).unwrap_err();
            assert!(said.contains(why), "{origin}: {said}");
        }
    }
}
