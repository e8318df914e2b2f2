//! Plans in a few words, frozen by the engine's own freezer.

use std::collections::BTreeMap;

use lockstep_engine::model::{
    Assignment, DeploySource, Digest, Draft, Effect, Environment, Extra, Finding, Grantable, Kind,
    Label, MAX_OUTAGE, Millis, Moment, Piece, Plan, PluginPin, SECTION, ServiceRef, Step, StepId,
    Survey, Surveyed, Version, Watch,
};
use lockstep_engine::policy::{FreezeError, Freezer, Grant, Watching};

use super::far_side::FarSide;

pub(crate) fn label(text: &str) -> Label {
    text.parse().unwrap()
}

pub(crate) fn step_id(text: &str) -> StepId {
    text.parse().unwrap()
}

pub(crate) fn named(service: &str) -> ServiceRef {
    ServiceRef::Named(service.to_owned())
}

/// Returns an image of `redis`, pinned to a digest made of `digit`.
pub(crate) fn pinned(digit: char) -> String {
    format!("redis@sha256:{}", digit.to_string().repeat(64))
}

pub(crate) fn effect(name: &str, kind: Kind) -> Effect {
    Effect::plain(label(name), kind)
}

pub(crate) fn set_image(name: &str, service: &str, image: &str) -> Effect {
    effect(name, Kind::SetImage { service: named(service), image: image.to_owned() })
}

pub(crate) fn set_variable(name: &str, service: &str, variable: &str, value: Piece) -> Effect {
    let assignments = vec![Assignment { name: variable.to_owned(), value: vec![value] }];
    effect(name, Kind::SetVariables { service: named(service), assignments })
}

pub(crate) fn deploy(name: &str, service: &str) -> Effect {
    let source = DeploySource::Configured;
    effect(name, Kind::Deploy { service: named(service), source })
}

/// Returns a command that is no idempotent one: `INCR` counts, `RESET` forgets the count.
pub(crate) fn command(name: &str, verb: &str, key: &str) -> Effect {
    let words = [verb, key].map(|word| vec![Piece::Text(word.to_owned())]).to_vec();
    effect(name, Kind::RedisCommand { connection: "main".to_owned(), words })
}

/// Returns a block on the writes of `main`, of at most so long.
pub(crate) fn hold(name: &str, longest: Millis) -> Effect {
    let kind = Kind::HoldWrites {
        connection: "main".to_owned(),
        schemas: vec!["public".to_owned()],
        max_outage: longest,
        lock_timeout: Millis(longest.0.min(2_000)),
    };
    effect(name, kind)
}

/// Returns what lifts the block of `held`.
pub(crate) fn release(name: &str, held: &str) -> Effect {
    let connection = "main".to_owned();
    effect(name, Kind::ReleaseWrites { connection, hold: label(held) })
}

/// Returns the step as one of a critical section; its first one says how long that may take.
pub(crate) fn section(step: Step, name: &str, max_outage: Option<Millis>) -> Step {
    let longest = max_outage.map(|it| (MAX_OUTAGE.to_owned(), it.0.to_string()));
    let extra = [(SECTION.to_owned(), name.to_owned())].into_iter().chain(longest).collect();
    Step { extra, ..step }
}

pub(crate) fn listed(id: &str, effects: &[Effect]) -> Step {
    let labels = effects.iter().map(|effect| effect.label.clone()).collect();
    let expected = Millis::seconds(5);
    Step {
        title: id.to_owned(),
        expected,
        ..Step::listed(step_id(id), labels, Millis::seconds(600))
    }
}

/// Returns an undo step whose effects reverse `reversed`, one by one.
pub(crate) fn undo_of(id: &str, effects: &[Effect], reversed: &[&str]) -> Step {
    let pairs = effects.iter().zip(reversed);
    let pairs = pairs.map(|(effect, it)| (effect.label.clone(), label(it))).collect();
    Step { reverses: pairs, ..listed(id, effects) }
}

pub(crate) fn version(text: &str) -> Version {
    Version { text: text.to_owned(), order: vec![1], floating: false, digest: None }
}

pub(crate) fn plugin() -> PluginPin {
    PluginPin {
        name: "redis".to_owned(),
        version: "0.1.0".to_owned(),
        digest: Digest::of(b"plugin"),
    }
}

pub(crate) fn environment() -> Environment {
    Environment {
        name: "lab".to_owned(),
        project_id: "project".to_owned(),
        environment_id: "environment".to_owned(),
    }
}

pub(crate) fn survey_of(far: &FarSide) -> Survey {
    let surveyed = |name: &String| Surveyed {
        service_id: format!("id-{name}"),
        volume_instance_id: None,
        image: far.setting(name, "image"),
        start_command: far.setting(name, "start-command"),
        running_digest: None,
    };
    Survey {
        project_id: "project".to_owned(),
        environment_id: "environment".to_owned(),
        services: far.configured.keys().map(|name| (name.clone(), surveyed(name))).collect(),
        connections: far.serves.iter().map(|(it, name)| (it.clone(), vec![name.clone()])).collect(),
    }
}

/// A plan before it is frozen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shape {
    /// What every call is given.
    pub(crate) parameters: Vec<(String, String)>,
    pub(crate) steps: Vec<Step>,
    pub(crate) undo: Vec<Step>,
    pub(crate) effects: Vec<Effect>,
    pub(crate) findings: Vec<Finding>,
    pub(crate) watches: Vec<Watch>,
    pub(crate) watching: Watching,
    pub(crate) extra: Extra,
}

impl Shape {
    pub(crate) fn step(mut self, step: Step, effects: &[Effect]) -> Self {
        self.steps.push(step);
        self.effects.extend_from_slice(effects);
        self
    }

    pub(crate) fn undo(mut self, step: Step, effects: &[Effect]) -> Self {
        self.undo.push(step);
        self.effects.extend_from_slice(effects);
        self
    }

    pub(crate) fn draft(&self) -> Draft {
        Draft {
            current: version("7.2"),
            desired: version("8.0"),
            findings: self.findings.clone(),
            steps: self.steps.clone(),
            undo: self.undo.clone(),
            watches: self.watches.clone(),
            uncovered: Vec::new(),
            parameters: self.parameters.clone(),
            extra: self.extra.clone(),
        }
    }

    pub(crate) fn freeze(&self, far: &FarSide) -> Result<Plan, FreezeError> {
        let standing: BTreeMap<_, _> = self
            .effects
            .iter()
            .map(|effect| (effect, far.standing(effect)))
            .filter(|(_, standing)| !standing.is_empty())
            .map(|(effect, standing)| (effect.label.clone(), standing))
            .collect();
        let freezer = Freezer {
            component: "redis",
            plugin: &plugin(),
            environment: &environment(),
            grant: &reads(),
            survey: &survey_of(far),
            standing: &standing,
            watching: &self.watching,
            now: Moment(1),
        };
        freezer.freeze(self.draft(), self.effects.clone())
    }
}

/// Returns what a run's looks need. Effects are granted when they are declared.
fn reads() -> Grant {
    Grant::new(vec![grantable("railway", "read")])
}

fn grantable(capability: &str, access: &str) -> Grantable {
    Grantable {
        capability: capability.to_owned(),
        name: "*".to_owned(),
        access: access.to_owned(),
        paths: Vec::new(),
        why: String::new(),
    }
}

/// Returns a grant of everything that the fake far side can do.
pub(crate) fn all_of_it() -> Grant {
    let railway = [
        "read",
        "set-image",
        "set-variables",
        "delete-variables",
        "generate-variable",
        "set-settings",
        "deploy",
        "stop",
        "create-service",
        "create-built-service",
    ];
    let mut entries: Vec<_> = railway.iter().map(|access| grantable("railway", access)).collect();
    entries.push(grantable("redis", "command"));
    entries.push(grantable("redis", "read"));
    Grant::new(entries)
}
