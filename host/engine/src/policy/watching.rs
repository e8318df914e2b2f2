//! What is watched beside a run, and what a plugin's watches must look like.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{
    Canary, Effect, HostWatch, Kind, Label, Millis, ServiceRef, Survey, Triggers, Watch,
};

/// Longest name of a watch.
const MAX_ID: usize = 48;

/// Shortest and longest time between two looks: more often is a load, and more seldom sees nothing of an upgrade.
const INTERVALS: (Millis, Millis) = (Millis::seconds(1), Millis::seconds(3600));

/// What the operator wants watched beside a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Watching {
    /// How looks are judged.
    pub triggers: Triggers,
    /// The services whose requests are judged; every service where nothing is said.
    pub traffic: Option<Vec<String>>,
    /// What is written beside the run, to count what it costs.
    pub canaries: Vec<Canary>,
}

impl Watching {
    /// Returns what the host looks at by itself: whether each service runs that the plan deploys, and requests.
    pub(super) fn by_the_host(
        &self,
        effects: &BTreeMap<Label, Effect>,
        survey: &Survey,
    ) -> Vec<HostWatch> {
        let deployed = |effect: &Effect| {
            let Kind::Deploy { service: ServiceRef::Named(name), .. } = &effect.kind else {
                return None;
            };
            Some(name.clone())
        };
        let deployed: BTreeSet<String> = effects.values().filter_map(deployed).collect();
        let running = deployed.into_iter().map(HostWatch::Running);
        let named = self.traffic.as_ref().map(|names| names.iter().collect::<BTreeSet<_>>());
        let traffic = named.unwrap_or_else(|| survey.services.keys().collect());
        let canaries = self.canaries.iter().cloned().map(HostWatch::Canary);
        running
            .chain(traffic.into_iter().cloned().map(HostWatch::Traffic))
            .chain(canaries)
            .collect()
    }

    /// Returns everything that is wrong with the operator's figures and the plugin's watches.
    pub(super) fn problems(&self, watches: &[Watch], survey: &Survey) -> Vec<String> {
        let unknown = |service: &&String| !survey.services.contains_key(*service);
        let services = self.traffic.iter().flatten().filter(unknown);
        let mut found: Vec<String> = services
            .map(|service| format!("the traffic of service `{service}` is to be watched, which is not in the environment"))
            .collect();
        let mut seen = BTreeSet::new();
        for Watch { id, interval, effects, .. } in watches {
            let plain =
                |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            if id.is_empty() || id.len() > MAX_ID || !id.bytes().all(plain) {
                let name: String = id.escape_default().take(MAX_ID).collect();
                found.push(format!(
                    "watch `{name}` is no name of 1 to {MAX_ID} lower-case letters, digits and hyphens"
                ));
                continue;
            }
            if !seen.insert(id) {
                found.push(format!("two watches are called `{id}`"));
            }
            if *interval < INTERVALS.0 || *interval > INTERVALS.1 {
                found.push(format!(
                    "watch `{id}` looks every {} ms; from {} to {} is possible",
                    interval.0, INTERVALS.0.0, INTERVALS.1.0
                ));
            }
            if let Some(label) = effects.first() {
                found.push(format!(
                    "watch `{id}` lists effect `{label}`; in this version a watch only reads"
                ));
            }
        }
        found
    }
}
