//! Whether each step has reached its end.

use lockstep_sdk::blocks::{grace, proof, soon};
use lockstep_sdk::image::Image;
use lockstep_sdk::outside::{Http, Railway};
use lockstep_sdk::step::SECOND;
use lockstep_sdk::{Fact, Facts, Failure, Pending, Progress, Service, StepCall, history};

use crate::names::{
    APPS, BACKUP, DEPLOY, GRACE, HEALTH_PATH, HEALTHY, IMAGE, KEEP, KEY, PIN, SERVING, SET,
    SETTINGS, SETTINGS_UNDO, STORES, VARIABLES, VARIABLES_UNDO, grace_of, health_of,
};

/// How often to look again.
const AGAIN: u64 = 2 * SECOND;

/// How long a service that is down and not on its way up is waited for, in looks: one that ends and is started again is so meanwhile.
const LOOKS: u64 = 60;

/// The fact that counts them.
const LOOKED: &str = "looks";

/// Looks whether a step is done.
pub(crate) fn check<O: Railway + Http>(
    outside: &O,
    call: &StepCall,
    memo: &[Fact],
) -> Result<Progress, Failure> {
    let step = call.step.as_str();
    if let Some(service) = step.strip_prefix(DEPLOY) {
        return answers(outside, &[service]);
    }
    if let Some(service) = step.strip_prefix(BACKUP).and_then(|rest| rest.strip_prefix('-')) {
        return proof::check_backup(outside, service, call);
    }
    match step {
        PIN => Ok(pinned(&outside.services()?, call)),
        GRACE => {
            let services = outside.services()?;
            let is_there = |name: &&str| services.iter().any(|service| service.name == **name);
            let names = APPS.into_iter().chain(STORES).filter(is_there);
            grace::check(outside, &names.filter_map(grace_of).collect::<Vec<_>>())
        }
        SETTINGS => paths(&outside.services()?, call),
        HEALTHY => healthy(outside, call, memo),
        // What these do the host itself reads back.
        KEEP | VARIABLES | KEY | SETTINGS_UNDO | VARIABLES_UNDO => Ok(Progress::Done(Vec::new())),
        other => {
            Err(Failure::permanently("plugin:step", format!("`{other}` is no step of this plugin")))
        }
    }
}

/// Returns the services that a parameter of the plan lists.
pub(crate) fn listed<'a>(call: &'a StepCall, name: &str) -> Result<Vec<&'a str>, Failure> {
    let found = call.parameters.iter().find(|(known, _)| known == name);
    let (_, text) = found.ok_or_else(|| {
        Failure::permanently("plugin:parameter", format!("the plan has no parameter `{name}`"))
    })?;
    Ok(text.split(',').filter(|name| !name.is_empty()).collect())
}

fn pinned(services: &[Service], call: &StepCall) -> Progress {
    for (name, image) in &call.parameters {
        let Some(name) = name.strip_prefix(IMAGE) else { continue };
        let set = services.iter().find(|service| service.name == name);
        let set = set.and_then(|service| service.image.as_deref());
        let digest = |image: &str| Image::parse(image).and_then(|image| image.digest);
        if set.and_then(digest) != digest(image) {
            let set = set.unwrap_or("no image");
            return Progress::Failed(format!("`{name}` is set to {set}, and not to {image}"));
        }
    }
    Progress::Done(Vec::new())
}

fn paths(services: &[Service], call: &StepCall) -> Result<Progress, Failure> {
    for name in listed(call, SET)? {
        let service = services.iter().find(|service| service.name == name);
        let path = service.and_then(|service| {
            service.settings.iter().find(|(setting, _)| setting == HEALTH_PATH)
        });
        let path = path.map(|(_, path)| path.as_str());
        if path != health_of(name) {
            let path = path.unwrap_or("nothing");
            return Ok(Progress::Failed(format!("{HEALTH_PATH} of `{name}` is {path}")));
        }
    }
    Ok(Progress::Done(Vec::new()))
}

/// Railway looks at a service only while it is deployed, so what it is now is asked of itself.
fn answers<O: Http>(outside: &O, services: &[&str]) -> Result<Progress, Failure> {
    for service in services {
        let Some(path) = health_of(service) else { continue };
        match soon(outside.get(service, path), service)? {
            Err(pending) => return Ok(pending.into()),
            Ok(answer) if answer.status != 200 => {
                let note = format!("{service} answers {} at {path}", answer.status);
                return Ok(Pending::after(AGAIN, note).into());
            }
            Ok(_) => {}
        }
    }
    Ok(Progress::Done(Vec::new()))
}

/// A service that boots is waited for; one that is down for a while and not on its way up has failed.
fn healthy<O: Railway + Http>(
    outside: &O,
    call: &StepCall,
    memo: &[Fact],
) -> Result<Progress, Failure> {
    let serving = listed(call, SERVING)?;
    for service in &serving {
        let deployments = outside.deployments(service, 10)?;
        if history::running(&deployments).is_none() {
            let newest = deployments.first().map(|newest| history::words(&newest.status));
            let newest = newest.unwrap_or_else(|| "never deployed".to_owned());
            let note = format!("`{service}` is not up: {newest}");
            let boots = deployments.first().is_some_and(|newest| history::moves(&newest.status));
            let looks = if boots { 0 } else { Facts(memo).maybe_count(LOOKED).unwrap_or(0) + 1 };
            if looks > LOOKS {
                return Ok(Progress::Failed(note));
            }
            let memo = vec![Fact::one(LOOKED, looks)];
            return Ok(Pending::after(AGAIN, note).remembering(memo).into());
        }
    }
    let apps: Vec<&str> = APPS.into_iter().filter(|name| serving.contains(name)).collect();
    answers(outside, &apps)
}
