//! What an effect needs to be granted, and whether a plugin asks for it.

use super::declared::Declared;
use crate::Description;

/// What has to be granted for an effect, in the words of a [`Request`](crate::Request).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// The capability: `railway`, `sql`, `redis`, `http`.
    pub capability: &'static str,
    /// The declaring function's name in the contract: `set-image`.
    pub access: &'static str,
    /// What it is needed for.
    pub name: Named,
}

/// How a service, connection or endpoint is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    /// By its name; a service that the plan makes by its alias.
    Directly(String),
    /// As that of the effect with this label, on which the effect rests.
    AsBy(String),
}

impl Access {
    /// Returns the access to a service.
    pub fn railway(access: &'static str, service: &str) -> Self {
        Self::direct("railway", access, service)
    }

    /// Returns the access to the service that an effect of the same plan names: that of a backup which is locked, or of a
    /// change which was staged.
    pub fn railway_of(access: &'static str, label: &str) -> Self {
        Self { capability: "railway", access, name: Named::AsBy(label.to_owned()) }
    }

    /// Returns the access to a database.
    pub fn sql(access: &'static str, connection: &str) -> Self {
        Self::direct("sql", access, connection)
    }

    /// Returns the access to a Redis server.
    pub fn redis(access: &'static str, connection: &str) -> Self {
        Self::direct("redis", access, connection)
    }

    /// Returns the access to an endpoint.
    pub fn http(access: &'static str, endpoint: &str) -> Self {
        Self::direct("http", access, endpoint)
    }

    fn direct(capability: &'static str, access: &'static str, name: &str) -> Self {
        Self { capability, access, name: Named::Directly(name.to_owned()) }
    }
}

/// Demands that the plugin asks for whatever a plan of it does. What nobody asked for the host refuses when it is planned.
#[track_caller]
pub fn assert_requested(description: &Description, declared: &Declared) {
    for declaration in declared.all() {
        for access in &declaration.takes {
            for name in names(declared, &access.name) {
                let asked = description.requests.iter().any(|request| {
                    request.capability == access.capability
                        && request.access == access.access
                        && (request.name == name || request.name == "*")
                });
                let Access { capability, access, .. } = access;
                assert!(
                    asked,
                    "`{}` takes {access} of {capability} `{name}`, which is not requested",
                    declaration.label
                );
            }
        }
    }
}

#[track_caller]
fn names(declared: &Declared, named: &Named) -> Vec<String> {
    let label = match named {
        Named::Directly(name) => return vec![name.clone()],
        Named::AsBy(label) => label,
    };
    let earlier = declared.find(label);
    let earlier = earlier.unwrap_or_else(|| panic!("`{label}` is rested on and not declared"));
    earlier.takes.iter().flat_map(|access| names(declared, &access.name)).collect()
}
