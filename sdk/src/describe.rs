//! What is constant about a plugin: what it upgrades and what it asks for.

use crate::{Description, Request};

impl Description {
    /// Returns the description of a plugin that upgrades the component of its own name and asks for nothing yet.
    pub fn new(name: &str, version: &str) -> Self {
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            components: vec![name.to_owned()],
            requests: Vec::new(),
            rules: Vec::new(),
            after: Vec::new(),
            extra: Vec::new(),
        }
    }

    /// Adds what it asks for. Whatever a plan reads or declares has to be among it.
    #[must_use]
    pub fn asking(mut self, requests: impl IntoIterator<Item = Request>) -> Self {
        self.requests.extend(requests);
        self
    }
}

impl Request {
    /// Asks for `access` to a service: `read`, or the declaring function's name in the contract, such as `set-image`.
    pub fn railway(service: &str, access: &str, why: &str) -> Self {
        Self::of("railway", service, access, why)
    }

    /// Asks to read these paths of an endpoint: each with its query, or ending in `*`.
    pub fn http(endpoint: &str, paths: &[&str], why: &str) -> Self {
        let paths = paths.iter().map(|path| (*path).to_owned()).collect();
        Self { paths, ..Self::of("http", endpoint, "read", why) }
    }

    /// Asks for `access` to a database: `read`, or the declaring function's name in the contract.
    pub fn sql(connection: &str, access: &str, why: &str) -> Self {
        Self::of("sql", connection, access, why)
    }

    /// Asks for `access` to a Redis server: `read` or `command`.
    pub fn redis(connection: &str, access: &str, why: &str) -> Self {
        Self::of("redis", connection, access, why)
    }

    fn of(capability: &str, name: &str, access: &str, why: &str) -> Self {
        Self {
            capability: capability.to_owned(),
            name: name.to_owned(),
            access: access.to_owned(),
            paths: Vec::new(),
            why: why.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_upgrades_the_component_of_its_own_name() {
        let description = Description::new("minio", "0.1.0").asking([
            Request::railway("minio", "set-image", "sets it"),
            Request::http("minio", &["/minio/health/live"], "looks whether it is up"),
        ]);
        assert_eq!(description.components, ["minio"]);
        let asked: Vec<_> = description
            .requests
            .iter()
            .map(|it| (it.capability.as_str(), it.access.as_str(), it.paths.len()))
            .collect();
        assert_eq!(asked, [("railway", "set-image", 0), ("http", "read", 1)]);
    }
}
