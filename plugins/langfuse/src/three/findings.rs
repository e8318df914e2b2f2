//! What a plan says about version 2 and about what is made for version 3.

use lockstep_sdk::Finding;
use lockstep_sdk::blocks::encryption_key::{self, Encrypted, Key};
use lockstep_sdk::image::Image;

use super::parts::{MADE, WORKER};
use super::stores;
use crate::names::{MAKE, SECRETS, WIRE};
use crate::survey::Survey;

/// Where the way is written.
const SOURCE: &str = "Langfuse: upgrade-v2-to-v3; domain.md C.3";

/// What version 2 must have been given already, because what is stored rests on it.
const KEPT: [&str; 3] = ["SALT", "NEXTAUTH_SECRET", "NEXTAUTH_URL"];

pub(super) fn going(
    survey: &Survey,
    taken: &[String],
    images: &[Result<Image, String>],
) -> Vec<Finding> {
    let mut findings = vec![room(taken), parts(images), wiring(survey)];
    findings.extend(stores_kept(survey));
    findings.extend(kept(survey));
    findings.push(key(survey));
    findings.push(path());
    findings
}

/// Connections and endpoints know the servers by these names.
fn room(taken: &[String]) -> Finding {
    if taken.is_empty() {
        let names: Vec<&str> = MADE.iter().map(|it| it.name).chain([WORKER]).collect();
        return Finding::note("room", "nothing has the names of the services that version 3 needs")
            .evidence(names.join(", "));
    }
    Finding::refusal("room", "services have names of those that the plan makes")
        .evidence(taken.join(", "))
        .remedy("delete them if nothing uses them, or finish by hand what was begun: a plan that takes over half of it is not known")
        .source(SOURCE)
}

fn parts(images: &[Result<Image, String>]) -> Finding {
    let missing: Vec<&String> = images.iter().filter_map(|it| it.as_ref().err()).collect();
    if !missing.is_empty() {
        let finding =
            Finding::refusal("parts", "images of what version 3 needs are not there to pull");
        return missing.into_iter().fold(finding, |it, name| it.evidence(name.as_str())).remedy(
            "name others in the options `clickhouse-image`, `redis-image` and `storage-image`",
        );
    }
    let finding = Finding::note(
        "parts",
        "ClickHouse, Redis, an object storage and a worker are made, each pinned, with a volume where it keeps data",
    );
    let finding = images.iter().flatten().fold(finding, |it, image| it.evidence(image.to_string()));
    finding.mended_by(MAKE).source(SOURCE)
}

fn wiring(survey: &Survey) -> Finding {
    let wired = stores::wired(&survey.web);
    let halves = stores::halves(&survey.web);
    let set = wired.iter().map(|(name, _)| *name).filter(|name| survey.web.has(name));
    let set: Vec<&str> = set.filter(|name| !halves.contains(name)).collect();
    if !halves.is_empty() {
        return Finding::refusal("wiring", "the web service is told half of a store of objects, and version 3 would look for objects elsewhere")
            .evidence(format!("without a bucket of theirs: {}", halves.join(", ")))
            .remedy("name the bucket too if objects of version 2 are in it, or take these variables away if it never had one")
            .source(SOURCE);
    }
    if set.is_empty() {
        return Finding::note("wiring", format!("{} variables lead the web service to them, and the worker refers to those", wired.len()))
            .evidence("CLICKHOUSE_CLUSTER_ENABLED=false: one server, which Langfuse takes for a cluster unless told otherwise")
            .mended_by(WIRE)
            .source(SOURCE);
    }
    Finding::refusal(
        "wiring",
        "the web service is told of servers already that the plan would make",
    )
    .evidence(set.join(", "))
    .remedy("take these variables away, or finish by hand what was begun")
    .source(SOURCE)
}

/// Media that version 2 has are where its own variables say.
fn stores_kept(survey: &Survey) -> Option<Finding> {
    let own = stores::own(&survey.web);
    (!own.is_empty()).then(|| {
        Finding::note("stores", "what version 2 keeps as objects stays where it is: its variables are not changed, and the worker refers to them")
            .evidence(own.join(", "))
            .mended_by(MAKE)
            .source(SOURCE)
    })
}

fn kept(survey: &Survey) -> Option<Finding> {
    let lacking: Vec<&str> = KEPT.into_iter().filter(|name| !survey.web.has(name)).collect();
    if lacking.is_empty() {
        return None;
    }
    Some(
        Finding::refusal(
            "variables-langfuse-web",
            "the web service lacks what version 3 does not start without",
        )
        .evidence(lacking.join(", "))
        .remedy("set them first; SALT must stay what it was when the keys of projects were made")
        .source(SOURCE),
    )
}

/// Returns what becomes of the key. A version 2 that serves without one has encrypted nothing.
pub(super) fn key_of(survey: &Survey) -> Key {
    let value = survey.web.variables.iter().find(|it| it.name == encryption_key::NAME);
    let value = value.map(|it| &it.value);
    let encrypted = if value.is_none() { Encrypted::Nothing } else { Encrypted::Perhaps };
    Key::of(value, !survey.complaints.is_empty(), encrypted)
}

fn key(survey: &Survey) -> Finding {
    if key_of(survey) == Key::Stays {
        return Finding::note(
            "encryption-key",
            "the key with which secrets of others are encrypted is there, and stays",
        );
    }
    Finding::note("encryption-key", "the key with which secrets of others are encrypted is made by the host: 64 hexadecimal digits that nobody sees")
        .evidence("version 2 has none, so nothing is encrypted with another one")
        .mended_by(SECRETS)
        .source("domain.md 0, item 9")
}

fn path() -> Finding {
    Finding::note("path", "the path is: version 3 is started while version 2 serves, then the worker, then what version 2 kept is moved")
        .evidence("not the newest version 3 at once: version 2 serves beside this one only")
        .evidence("what is sent from the switch on is kept in ClickHouse and as objects, where version 2 does not look: going back loses it")
        .source("domain.md C.3; plans.md 6.2")
}
