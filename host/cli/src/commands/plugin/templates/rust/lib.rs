//! Upgrades the service `PLUGIN_NAME`: pins what runs, sets the new image by its digest, deploys it, and sees that it is up.

use lockstep_sdk::blocks::pin::{self, Pin};
use lockstep_sdk::blocks::{keep, up};
use lockstep_sdk::image::Image;
use lockstep_sdk::outside::Railway;
use lockstep_sdk::step::MINUTE;
use lockstep_sdk::{
    Declare, Description, Draft, Fact, Facts, Failure, Finding, Guest, Live, Observation,
    OutageKind, Progress, Request, Sample, Step, StepCall, Target, Version, history,
};

#[cfg(test)]
mod tests;

/// The service, and the component that it is.
const SERVICE: &str = "PLUGIN_NAME";

/// The plugin.
#[derive(Debug)]
pub struct Plugin;

lockstep_sdk::export!(Plugin);

impl Guest for Plugin {
    fn describe() -> Description {
        Description::new(SERVICE, env!("CARGO_PKG_VERSION")).asking([
            Request::railway(SERVICE, "read", "looks at the service, what runs of it, and images"),
            Request::railway(SERVICE, "set-image", "sets the image, pinned to a digest"),
            Request::railway(SERVICE, "deploy", "starts it"),
        ])
    }

    fn plan(target: Target) -> Result<Draft, Failure> {
        plan(&Live, &Live, &target)
    }

    fn observe(call: StepCall, _memo: Vec<Fact>) -> Result<Observation, Failure> {
        observe(&Live, &call)
    }

    fn apply(call: StepCall) -> Result<Vec<Fact>, Failure> {
        Err(Failure::permanently("plugin:step", format!("the host performs `{}`", call.step)))
    }

    fn check(call: StepCall, _memo: Vec<Fact>) -> Result<Progress, Failure> {
        check(&Live, &call)
    }

    fn probe(watch: String, _call: StepCall) -> Result<Sample, Failure> {
        Err(Failure::permanently("plugin:watch", format!("there is no watch `{watch}`")))
    }
}

/// Reads what runs, and declares what would change. Nothing is sent.
fn plan(outside: &impl Railway, declare: &impl Declare, target: &Target) -> Result<Draft, Failure> {
    let service = outside.services()?.into_iter().find(|service| service.name == SERVICE);
    let absent = || Failure::permanently("plugin:service", format!("there is no `{SERVICE}` here"));
    let service = service.ok_or_else(absent)?;
    let deployments = outside.deployments(SERVICE, 10)?;
    let running = history::running(&deployments);
    let image = service.image.as_deref().and_then(Image::parse);
    let current = image.as_ref().and_then(|image| image.tag.clone());
    let current = version(current.as_deref().unwrap_or("latest"));
    let current = current.at(running.and_then(|running| running.digest.clone()));
    let desired = target.desired.as_deref().map_or_else(|| current.clone(), version);

    let mut findings = Vec::new();
    if target.desired.is_none() {
        findings.push(
            Finding::refusal("version", "no version is named")
                .remedy(format!("name one: {SERVICE}@VERSION")),
        );
    }
    if !desired.order.is_empty() && desired.order < current.order {
        let title = format!("{} is older than {}, which runs", desired.text, current.text);
        findings.push(Finding::refusal("older", title).remedy("name a newer one"));
    }
    let wanted = image.map(|image| Image { tag: Some(desired.text.clone()), digest: None, ..image });
    let published = match &wanted {
        Some(wanted) => outside.published(&wanted.to_string())?,
        None => None,
    };
    let digest = published.map(|published| published.digest);
    if digest.is_none() {
        let title = format!("{} of `{SERVICE}` is not there to pull", desired.text);
        findings.push(Finding::refusal("image", title).remedy("look which tags its registry has"));
    }
    let pinned = pin::look(outside, &service, running, None)?;
    let pins: Vec<(&str, Image)> = match pinned {
        Pin::Stands(_) => Vec::new(),
        Pin::Set(image) => vec![(SERVICE, image)],
        Pin::Impossible(finding) => {
            findings.push(finding);
            Vec::new()
        }
    };
    findings.extend(pin::finding("pin", &pins));
    let desired = desired.at(digest.clone());
    let is_there = digest.is_some() && digest == current.digest;
    let draft = Draft::bare((current, desired), findings);
    let (Some(wanted), Some(digest)) = (wanted, digest) else { return Ok(draft) };
    if is_there || draft.findings.iter().any(Finding::refuses) {
        return Ok(draft);
    }

    let mut steps: Vec<Step> = pin::plan(declare, "pin", &pins)?.into_iter().collect();
    declare.set_image("image", SERVICE, &wanted.pinned(&digest).to_string())?;
    declare.deploy("deploy", SERVICE)?;
    let boot = history::boot(&deployments).unwrap_or(0);
    let title = format!("Start {} of `{SERVICE}`", draft.desired.text);
    steps.push(
        Step::new("upgrade", title, "it is the version that is wanted")
            .effects(&["image", "deploy"])
            .restored()
            .expected(boot)
            .outage(SERVICE, OutageKind::All, boot)
            .if_left("the new version is up, or on its way by itself")
            .limit(10 * MINUTE),
    );
    let parameters = vec![("digest".to_owned(), digest)];
    Ok(Draft { parameters, ..draft.of_steps(steps) })
}

/// Looks whether a step may start, and records what its check needs.
fn observe(outside: &impl Railway, call: &StepCall) -> Result<Observation, Failure> {
    match call.step.as_str() {
        "pin" => Ok(Observation::Ready(keep::facts(outside, &[SERVICE])?)),
        "upgrade" => Ok(Observation::Ready(Vec::new())),
        other => Err(unknown(other)),
    }
}

/// Looks whether a step has reached its end.
fn check(outside: &impl Railway, call: &StepCall) -> Result<Progress, Failure> {
    match call.step.as_str() {
        "pin" => pin::check(outside, &[SERVICE], Facts(&call.facts)),
        "upgrade" => {
            let digest = call.parameters.iter().find(|(name, _)| name == "digest");
            let digest = digest.map(|(_, digest)| digest.as_str());
            let wrong = up::check(outside, "deploy", SERVICE, digest)?;
            Ok(wrong.unwrap_or_else(|| Progress::Done(Vec::new())))
        }
        other => Err(unknown(other)),
    }
}

fn unknown(step: &str) -> Failure {
    Failure::permanently("plugin:step", format!("there is no step `{step}`"))
}

/// Reads a tag as a version that sorts by the numbers in it; one without a number is one that moves.
fn version(tag: &str) -> Version {
    let numbers = tag.split(|letter: char| !letter.is_ascii_digit()).filter_map(|part| part.parse().ok());
    let order: Vec<u64> = numbers.collect();
    if order.is_empty() { Version::moving(tag) } else { Version::exact(tag, &order) }
}
