//! A plan of many effects, frozen as every plan is.

use std::collections::BTreeMap;

use lockstep_engine::model::{
    Assignment, Digest, Draft, Effect, Environment, Grantable, Kind, Millis, Moment, Piece, Plan,
    PluginPin, ServiceRef, Step, Survey, Surveyed, Version,
};
use lockstep_engine::policy::{Freezer, Grant, Watching};

use super::outside::nothing_stands;
use crate::Fallible;

/// Steps of the plan.
const STEPS: usize = 20;

/// Effects of each step.
const EFFECTS: usize = 10;

/// Effects of the plan.
pub(super) const ALL: usize = STEPS * EFFECTS;

/// The service that all of them change.
const SERVICE: &str = "redis";

/// Returns the plan: every effect sets a variable that was not there.
pub(super) fn plan() -> Fallible<Plan> {
    let (mut steps, mut effects) = (Vec::new(), Vec::new());
    for number in 0..STEPS {
        let first = effects.len();
        for position in 0..EFFECTS {
            effects.push(effect(number, position)?);
        }
        steps.push(step(number, effects.get(first..).unwrap_or_default())?);
    }
    let freezer = Freezer {
        component: SERVICE,
        plugin: &PluginPin {
            name: "bench".to_owned(),
            version: "0.1.0".to_owned(),
            digest: Digest::of(b"bench"),
        },
        watching: &Watching { traffic: Some(Vec::new()), ..Watching::default() },
        environment: &environment(),
        grant: &grant(),
        survey: &survey(),
        standing: &effects
            .iter()
            .map(|effect| (effect.label.clone(), nothing_stands(effect)))
            .collect(),
        now: Moment(1),
    };
    let draft = Draft {
        current: version("7.2"),
        desired: version("8.0"),
        findings: Vec::new(),
        steps,
        undo: Vec::new(),
        watches: Vec::new(),
        uncovered: Vec::new(),
        parameters: Vec::new(),
        extra: Vec::new(),
    };
    Ok(freezer.freeze(draft, effects)?)
}

/// Returns what may be done: variables, everywhere.
pub(super) fn grant() -> Grant {
    Grant::new(vec![Grantable {
        capability: "railway".to_owned(),
        name: "*".to_owned(),
        access: "set-variables".to_owned(),
        paths: Vec::new(),
        why: String::new(),
    }])
}

/// Returns the environment.
fn environment() -> Environment {
    Environment {
        name: "bench".to_owned(),
        project_id: "project".to_owned(),
        environment_id: "environment".to_owned(),
    }
}

/// Returns what is in the environment: the services whose variables the plans set.
pub(super) fn survey() -> Survey {
    let surveyed = |name: &str| Surveyed {
        service_id: format!("id-of-{name}"),
        volume_instance_id: None,
        start_command: None,
        image: Some(format!("{name}@sha256:{}", "a".repeat(64))),
        running_digest: None,
    };
    let services = [SERVICE, "health-monitor"].map(|name| (name.to_owned(), surveyed(name)));
    Survey {
        project_id: "project".to_owned(),
        environment_id: "environment".to_owned(),
        services: BTreeMap::from(services),
        connections: BTreeMap::new(),
    }
}

fn effect(step: usize, position: usize) -> Fallible<Effect> {
    let assignment = Assignment {
        name: format!("SETTING_{step}_{position}"),
        value: vec![Piece::Text("a value of usual length".to_owned())],
    };
    let kind = Kind::SetVariables {
        service: ServiceRef::Named(SERVICE.to_owned()),
        assignments: vec![assignment],
    };
    Ok(Effect::plain(format!("set-{step}-{position}").parse()?, kind))
}

fn step(number: usize, effects: &[Effect]) -> Fallible<Step> {
    let labels = effects.iter().map(|effect| effect.label.clone()).collect();
    Ok(Step {
        title: format!("Set the variables of part {number}"),
        why: "the new version reads them".to_owned(),
        ..Step::listed(format!("step-{number}").parse()?, labels, Millis::seconds(600))
    })
}

fn version(text: &str) -> Version {
    Version { text: text.to_owned(), order: vec![1], floating: false, digest: None }
}
