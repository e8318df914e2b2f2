//! What of the stack is to be changed.

use lockstep_sdk::blocks::encryption_key::{self, Encrypted, Key};
use lockstep_sdk::blocks::grace::Grace;
use lockstep_sdk::blocks::pin::{self, Pin};
use lockstep_sdk::image::Image;
use lockstep_sdk::outside::Railway;
use lockstep_sdk::{Failure, Finding, Service};

use crate::found::Found;
use crate::names::{
    APPS, CLICKHOUSE_URL, CLUSTER, HEALTH_PATH, KEEPS_ALL, LITELLM, MONITOR, PINNED, POLICY, REDIS,
    STORES, WEB, WORKER, grace_of, health_of,
};
use crate::survey::Survey;

/// Where images of Bitnami's are kept since they are gone from where they were.
const LEGACY: &str = "bitnamilegacy/";

/// A value that is set, and what stands in its place now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// The service.
    pub(crate) service: &'static str,
    /// The setting or variable.
    pub(crate) name: &'static str,
    /// What it is set to.
    pub(crate) value: &'static str,
    /// What stands there.
    pub(crate) before: Option<String>,
}

/// What of the stack is to be changed.
#[derive(Clone, Debug)]
pub(crate) struct Needs {
    /// The images that are set, by service.
    pub(crate) pins: Vec<(&'static str, Image)>,
    /// Images that can't be pinned, in words.
    pub(crate) unpinned: Vec<Finding>,
    /// Who is given more time to end.
    pub(crate) graces: Vec<(Grace<'static>, Service)>,
    /// Settings.
    pub(crate) settings: Vec<Change>,
    /// Variables.
    pub(crate) variables: Vec<Change>,
    /// Langfuse's key.
    pub(crate) key: Key,
    /// The services that are deployed, in this order.
    pub(crate) deploys: Vec<&'static str>,
    /// Whether the health monitor, which is built from a repository, is started again.
    pub(crate) monitor: bool,
    /// The services whose volumes are backed up before.
    pub(crate) backups: Vec<&'static str>,
}

impl Needs {
    /// Finds it out.
    pub(crate) fn of<O: Railway>(outside: &O, survey: &Survey) -> Result<Self, Failure> {
        let mut needs = Self {
            pins: Vec::new(),
            unpinned: Vec::new(),
            graces: Vec::new(),
            settings: settings(survey),
            variables: variables(survey),
            key: key(survey),
            deploys: Vec::new(),
            monitor: false,
            backups: Vec::new(),
        };
        for name in APPS.into_iter().chain(STORES) {
            let Some(found) = survey.of(name) else { continue };
            let pin = PINNED.contains(&name).then(|| pinned(outside, found)).transpose()?;
            match pin {
                None | Some(Pin::Stands(_)) => {}
                Some(Pin::Set(image)) => needs.pins.push((name, image)),
                Some(Pin::Impossible(finding)) => needs.unpinned.push(finding),
            }
            needs.graces.extend(grace_of(name).map(|grace| (grace, found.service.clone())));
        }
        needs.graces.retain(|(grace, service)| is_short(*grace, service));
        needs.deploys = APPS.into_iter().filter(|name| needs.touches(survey, name)).collect();
        let changes_monitor = needs.settings.iter().any(|change| change.service == MONITOR);
        needs.monitor = changes_monitor && survey.is_up(MONITOR);
        if !needs.is_nothing() {
            let kept = |name: &&str| survey.is_up(name) && survey.of(name).is_some_and(has_room);
            needs.backups = STORES.into_iter().filter(kept).collect();
        }
        Ok(needs)
    }

    /// Returns whether nothing is to be changed.
    pub(crate) fn is_nothing(&self) -> bool {
        self.pins.is_empty()
            && self.graces.is_empty()
            && self.settings.is_empty()
            && self.variables.is_empty()
            && self.key == Key::Stays
            && self.deploys.is_empty()
    }

    /// A service is deployed once here if its next deployment would be another one than the one that runs: what is found out
    /// now costs nothing, and later an upgrade.
    fn touches(&self, survey: &Survey, name: &str) -> bool {
        let Some(found) = survey.of(name) else { return false };
        found.up().is_none()
            || self.pins.iter().any(|(pinned, _)| *pinned == name)
            || self.graces.iter().any(|(grace, _)| grace.service == name)
            || self.settings.iter().chain(&self.variables).any(|change| change.service == name)
            || (self.key != Key::Stays && [WEB, WORKER].contains(&name))
    }
}

/// Railway makes no backup by hand of a volume that is more than half full.
pub(crate) fn has_room(found: &Found) -> bool {
    found.service.volume.as_ref().is_some_and(|volume| {
        volume.size_mb == 0 || volume.used_mb.saturating_mul(2) <= volume.size_mb
    })
}

/// Finds the image that a service is pinned to: what runs, or what ran last. Only of a service that never was deployed it is what its
/// tag names today: any other may have data that a later version migrates or drops.
fn pinned<O: Railway>(outside: &O, found: &Found) -> Result<Pin, Failure> {
    let image = found.image();
    let legacy = image.as_ref().and_then(|image| {
        let name = image.repository.strip_prefix("bitnami/")?;
        Some(format!("{LEGACY}{name}"))
    });
    let last = found.up().or_else(|| found.deployments.iter().find(|it| it.digest.is_some()));
    if last.is_some() {
        return pin::look(outside, &found.service, last, legacy.as_deref());
    }
    let name = found.name();
    let id = format!("pin-{name}");
    let Some(image) = image else {
        let title = format!("`{name}` has no image that could be pinned");
        return Ok(Pin::Impossible(Finding::refusal(&id, title)));
    };
    if !found.deployments.is_empty() {
        let title = format!("which version of `{name}` ran last can't be told");
        let finding = Finding::refusal(&id, title)
            .evidence(format!("{image} may name a later one by now"))
            .remedy("set the service to the exact version that its data is of");
        return Ok(Pin::Impossible(finding));
    }
    let image = legacy.map_or(image.clone(), |legacy| image.moved_to(&legacy));
    Ok(match outside.published(&image.to_string())? {
        Some(found) if image.digest.as_deref() == Some(found.digest.as_str()) => Pin::Stands(image),
        Some(found) => Pin::Set(image.pinned(&found.digest)),
        None => Pin::Impossible(
            Finding::refusal(
                &id,
                format!("nothing of `{name}` runs, and its image is not there to pull"),
            )
            .evidence(format!("{image} is not published"))
            .remedy("set the service to an image that is published"),
        ),
    })
}

fn is_short(grace: Grace<'_>, service: &Service) -> bool {
    let set = |name: &str| {
        let (_, value) = service.settings.iter().find(|(set, _)| set == name)?;
        value.parse::<u32>().ok()
    };
    set("draining-seconds").is_none_or(|seconds| seconds < grace.draining)
        || grace.overlap.is_some_and(|overlap| set("overlap-seconds") != Some(overlap))
}

fn settings(survey: &Survey) -> Vec<Change> {
    // LiteLLM's wants a key, and bills every model; the monitor's is 503 for as long as it asks LiteLLM's without a key.
    let wrong = |name: &'static str| {
        let before = survey.of(name)?.setting(HEALTH_PATH)?;
        let is_wrong = before.split('?').next() == Some("/health");
        is_wrong.then(|| (name, before.to_owned()))
    };
    let change = |(service, before)| {
        let value = health_of(service)?;
        Some(Change { service, name: HEALTH_PATH, value, before: Some(before) })
    };
    [LITELLM, MONITOR].into_iter().filter_map(wrong).filter_map(change).collect()
}

fn variables(survey: &Survey) -> Vec<Change> {
    let mut changes = Vec::new();
    // Where Langfuse runs its migrations went through, whichever they were.
    for service in [WEB, WORKER] {
        let Some(found) = survey.of(service).filter(|_| !survey.is_up(WEB)) else { continue };
        // A version 2 knows none, and its way to version 3 sets the flag itself.
        if found.value(CLICKHOUSE_URL).is_none() {
            continue;
        }
        let before = found.shown(CLUSTER).map(str::to_owned);
        if before.as_deref() != Some("false") {
            changes.push(Change { service, name: CLUSTER, value: "false", before });
        }
    }
    let policy = survey.of(REDIS).and_then(|found| found.shown(POLICY));
    if let Some(policy) = policy.filter(|policy| *policy != KEEPS_ALL) {
        let before = Some(policy.to_owned());
        changes.push(Change { service: REDIS, name: POLICY, value: KEEPS_ALL, before });
    }
    changes
}

fn key(survey: &Survey) -> Key {
    let Some(found) = survey.of(WEB).filter(|found| found.up().is_none()) else {
        return Key::Stays;
    };
    let encrypted = if survey.used == Ok(false) { Encrypted::Nothing } else { Encrypted::Perhaps };
    Key::of(found.value(encryption_key::NAME), survey.refused_key.is_some(), encrypted)
}
