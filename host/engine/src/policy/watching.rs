//! What is watched beside a run, and what a plugin's watches must look like.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{
    CANARIES, CANARIES_FOLLOW, Canary, Effect, Extra, HostWatch, Kind, Label, Millis,
    ONE_OF_SEVERAL, ServiceRef, Survey, Triggers, Watch,
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
    /// Returns what a plugin is told of that: behind which connections rows are kept.
    pub(crate) fn told(&self) -> Extra {
        let rows = self.canaries.iter().filter_map(|canary| match canary {
            Canary::Rows(connection) => Some(connection.clone()),
            Canary::Bits(_) | Canary::Answers { .. } => None,
        });
        rows.map(|connection| (CANARIES.to_owned(), connection)).collect()
    }

    /// Returns what the host looks at by itself: whether each service runs that the plan deploys, whether enough of those
    /// run that stand in for each other, and requests.
    pub(super) fn by_the_host(
        &self,
        effects: &BTreeMap<Label, Effect>,
        survey: &Survey,
        extra: &Extra,
    ) -> Vec<HostWatch> {
        let several: BTreeSet<String> = stand_ins(extra).map(str::to_owned).collect();
        let deployed = |effect: &Effect| {
            let Kind::Deploy { service: ServiceRef::Named(name), .. } = &effect.kind else {
                return None;
            };
            Some(name.clone())
        };
        let deployed: BTreeSet<String> = effects.values().filter_map(deployed).collect();
        let alone = deployed.into_iter().filter(|service| !several.contains(service));
        let running = alone.map(HostWatch::Running);
        let most = (!several.is_empty()).then(|| several.iter().cloned().collect());
        let stand_ins = several.iter().cloned().map(HostWatch::OneOf);
        let named = self.traffic.as_ref().map(|names| names.iter().collect::<BTreeSet<_>>());
        let traffic = named.unwrap_or_else(|| survey.services.keys().collect());
        let canaries = self.canaries.iter().cloned().map(HostWatch::Canary);
        running
            .chain(stand_ins)
            .chain(most.map(HostWatch::MostOf))
            .chain(traffic.into_iter().cloned().map(HostWatch::Traffic))
            .chain(canaries)
            .collect()
    }

    /// Returns everything that is wrong with what a draft says beside its records: which services stand in for each other.
    pub(super) fn stand_in_problems(extra: &Extra, survey: &Survey) -> Vec<String> {
        let mut found: Vec<String> = extra
            .iter()
            .filter(|(key, _)| key != ONE_OF_SEVERAL && !CANARIES_FOLLOW.contains(&key.as_str()))
            .map(|(key, _)| format!("the plan has an unknown extra `{key}`"))
            .collect();
        let mut seen = BTreeSet::new();
        for service in stand_ins(extra) {
            if !survey.services.contains_key(service) {
                found.push(format!(
                    "service `{service}` is said to be one of several, and is not in the environment"
                ));
            }
            if !seen.insert(service) {
                found.push(format!("service `{service}` is said to be one of several twice"));
            }
        }
        if let (1, Some(only)) = (seen.len(), seen.first()) {
            found.push(format!(
                "service `{only}` is said to be one of several, and is the only one"
            ));
        }
        found
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

/// Returns the services that stand in for each other, as the draft names them.
fn stand_ins(extra: &Extra) -> impl Iterator<Item = &str> {
    extra.iter().filter(|(key, _)| key == ONE_OF_SEVERAL).map(|(_, service)| service.as_str())
}
