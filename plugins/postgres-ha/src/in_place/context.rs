//! What a step of this path must know and can't read, carried by the plan's parameters.

use lockstep_sdk::blocks::grace::Grace;
use lockstep_sdk::{Failure, StepCall};

use crate::context::{Client, broken};
use crate::options::IN_PLACE;
use crate::service::database_grace;

const LINES: char = '\n';

/// Names and figures of one plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Conversion {
    /// The service that runs the server.
    pub(crate) service: String,
    /// The database.
    pub(crate) database: String,
    /// Identifies the server.
    pub(crate) system: String,
    /// The services that are led to the front.
    pub(crate) clients: Vec<Client>,
    /// Variables with whole URLs that lead there then: service and name.
    pub(crate) urls: Vec<(String, String)>,
    /// Variables with whole URLs that the plan leads there itself: those that a plugin may see, and those that it may not.
    pub(crate) addresses: Vec<(String, String)>,
    /// See `addresses`.
    pub(crate) hidden: Vec<(String, String)>,
    /// The service that clients connect to.
    pub(crate) edge: String,
    /// The server's name as a node.
    pub(crate) node: String,
    /// Service and node name of each replica.
    pub(crate) replicas: Vec<(String, String)>,
    /// The services through which the nodes agree.
    pub(crate) coordinators: Vec<String>,
    /// Settings that Patroni overrides, as they stand.
    pub(crate) settings: Vec<(String, String)>,
    /// How far a replica may be behind, in bytes.
    pub(crate) lag_bytes: u64,
}

impl Conversion {
    /// Returns whether a call is about this path.
    pub(crate) fn is_of(call: &StepCall) -> bool {
        call.parameters.iter().any(|(name, value)| name == "path" && value == IN_PLACE)
    }

    /// Returns it as the plan's parameters.
    pub(crate) fn parameters(&self) -> Vec<(String, String)> {
        let clients: Vec<String> = self.clients.iter().map(Client::line).collect();
        [
            ("path", IN_PLACE.to_owned()),
            ("service", self.service.clone()),
            ("database", self.database.clone()),
            ("system", self.system.clone()),
            ("clients", clients.join(&LINES.to_string())),
            ("urls", pairs(&self.urls)),
            ("addresses", pairs(&self.addresses)),
            ("hidden", pairs(&self.hidden)),
            ("edge", self.edge.clone()),
            ("node", self.node.clone()),
            ("replicas", pairs(&self.replicas)),
            ("coordinators", self.coordinators.join(&LINES.to_string())),
            ("settings", pairs(&self.settings)),
            ("lag-bytes", self.lag_bytes.to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }

    /// Reads it from the plan's parameters.
    pub(crate) fn of(call: &StepCall) -> Result<Self, Failure> {
        let text = |name: &str| {
            let found = call.parameters.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.clone()).ok_or_else(|| broken(name))
        };
        let lines = |name: &str| -> Result<Vec<String>, Failure> {
            let text = text(name)?;
            Ok(text.split(LINES).filter(|line| !line.is_empty()).map(str::to_owned).collect())
        };
        // What comes second is a service's or a setting's plain name, so that the first space parts them.
        let pairs = |name: &str| -> Result<Vec<(String, String)>, Failure> {
            let pair = |line: String| {
                let (second, first) = line.split_once(' ').ok_or_else(|| broken(name))?;
                Ok((first.to_owned(), second.to_owned()))
            };
            lines(name)?.into_iter().map(pair).collect()
        };
        let clients = lines("clients")?;
        Ok(Self {
            service: text("service")?,
            database: text("database")?,
            system: text("system")?,
            clients: clients.iter().map(|line| Client::of(line)).collect::<Result<_, _>>()?,
            urls: pairs("urls")?,
            addresses: pairs("addresses")?,
            hidden: pairs("hidden")?,
            edge: text("edge")?,
            node: text("node")?,
            replicas: pairs("replicas")?,
            coordinators: lines("coordinators")?,
            settings: pairs("settings")?,
            lag_bytes: text("lag-bytes")?.parse().ok().ok_or_else(|| broken("lag-bytes"))?,
        })
    }

    /// Returns the services that are there already and that this run deploys or restarts.
    pub(crate) fn services(&self) -> Vec<&str> {
        let clients = self.running().map(|client| client.service.as_str());
        [self.service.as_str()].into_iter().chain(clients).collect()
    }

    /// Returns the services that are pinned before anything else. The server is not: only a tag of a major version alone can
    /// be converted.
    pub(crate) fn pinned(&self) -> Vec<&str> {
        let pinned = self.running().filter(|client| client.pinned);
        pinned.map(|client| client.service.as_str()).collect()
    }

    /// Returns the clients that run.
    pub(crate) fn running(&self) -> impl Iterator<Item = &Client> {
        self.clients.iter().filter(|client| client.runs)
    }

    /// Returns the running client that a step of this beginning is about.
    pub(crate) fn client(&self, name: &str, prefix: &str) -> Option<&Client> {
        let wanted = name.strip_prefix(prefix)?;
        self.running().find(|client| lockstep_sdk::blocks::slug(&client.service) == wanted)
    }

    /// Returns how much time each service is given to end.
    pub(crate) fn graces(&self) -> Vec<Grace<'_>> {
        let clients = self.running().filter_map(|client| client.uses.grace(&client.service));
        clients.chain([database_grace(&self.service)]).collect()
    }
}

fn pairs(pairs: &[(String, String)]) -> String {
    let lines: Vec<String> =
        pairs.iter().map(|(first, second)| format!("{second} {first}")).collect();
    lines.join(&LINES.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::Use;

    #[test]
    fn a_conversion_survives_being_planned() {
        let own = |one: &str, other: &str| (one.to_owned(), other.to_owned());
        let conversion = Conversion {
            service: "my db".to_owned(),
            database: "litellm_langfuse".to_owned(),
            system: "1".to_owned(),
            clients: vec![Client {
                service: "lite llm".to_owned(),
                uses: Use::LiteLlm,
                runs: true,
                pinned: true,
            }],
            urls: vec![own("lite llm", "DATABASE_URL")],
            addresses: vec![own("lite llm", "OTHER_URL")],
            hidden: Vec::new(),
            edge: "Postgres HA".to_owned(),
            node: "postgres-1".to_owned(),
            replicas: vec![own("Postgres 2", "postgres-2")],
            coordinators: vec!["etcd-1".to_owned()],
            settings: vec![own("", "cluster_name"), own("100", "max_connections")],
            lag_bytes: 7,
        };
        let call = StepCall {
            step: "adopt".to_owned(),
            run: "run".to_owned(),
            round: 1,
            now: 0,
            parameters: conversion.parameters(),
            facts: Vec::new(),
        };
        assert!(Conversion::is_of(&call));
        assert_eq!(conversion.services(), ["my db", "lite llm"]);
        assert_eq!(Conversion::of(&call), Ok(conversion));
    }
}
