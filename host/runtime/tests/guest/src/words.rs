//! Facts, failures and plans.

use crate::bindings::exports::lockstep::plugin::upgrade::{
    Draft, Drive, Fact, Failure, Gate, Outage, OutageKind, Step, Target, Undo, Value, Version, Watch,
};
use crate::bindings::lockstep::plugin::railway_effects::{self, Assignment, DeploySource, Recipe};
use crate::bindings::lockstep::plugin::sql_effects::{self, Atomicity, Statement};
use crate::bindings::lockstep::plugin::types::{
    Allowed, ArgumentRule, Piece, Proof, ServiceRef, Times,
};

pub fn integer(number: i64) -> Value {
    Value::Integer(number)
}

pub fn text(name: &str, text: impl Into<String>) -> Fact {
    Fact { name: name.into(), rows: vec![vec![Value::Text(text.into())]] }
}

pub fn failure(failure: Failure) -> String {
    let (class, problem) = match failure {
        Failure::Transient(problem) => ("transient", problem),
        Failure::Permanent(problem) => ("permanent", problem),
        Failure::Denied(problem) => ("denied", problem),
        Failure::Other(problem) => ("other", problem),
    };
    format!("{class} {}: {}", problem.code, problem.message)
}

/// Declares one effect in the way that the component's name says, and answers a draft with what the host said.
pub fn plan(target: &Target) -> Result<Draft, Failure> {
    let redis = || ServiceRef::Named("redis".into());
    let piece = |piece| vec![Assignment { name: "A".into(), value: vec![piece] }];
    match target.component.as_str() {
        "image" => railway_effects::set_image("image", &redis(), "redis:8@sha256:00")?,
        "bad-label" => railway_effects::set_image("No Label", &redis(), "redis:8")?,
        "unknown-service" => {
            railway_effects::restart("restart", &ServiceRef::Other("by-id".into()))?
        }
        "unknown-piece" => {
            railway_effects::set_variables("set", &redis(), &piece(Piece::Other("env".into())))?
        }
        "unknown-recipe" => railway_effects::generate_variable(
            "make",
            &redis(),
            "A",
            &Recipe::Other("uuid".into()),
        )?,
        "unknown-source" => {
            railway_effects::deploy("deploy", &redis(), &DeploySource::Other("template".into()))?
        }
        "sql" => sql_effects::execute(
            "sql",
            "main",
            &[Statement {
                text: vec![Piece::Text("select $1".into())],
                parameters: vec!["a".into()],
                affects: None,
            }],
            &Atomicity::Alone,
            &[ArgumentRule {
                name: "a".into(),
                allowed: Allowed::Among(vec![Value::Real(f64::NAN)]),
            }],
            &Times::Once,
            &Proof::ByKind,
        )?,
        _ => {}
    }
    let mut step = step(&target.component);
    match target.component.as_str() {
        "section" => step.extra.push(("section".into(), "cut".into())),
        "unknown-key" => step.extra.push(("colour".into(), "red".into())),
        "unknown-gate" => step.gates.push(Gate::Other("moon".into())),
        "bad-step" => step.id = "No Step".into(),
        _ => {}
    }
    let version = Version { text: "8".into(), order: vec![8], floating: false, digest: None };
    Ok(Draft {
        current: version.clone(),
        desired: version,
        findings: Vec::new(),
        steps: vec![step],
        undo: Vec::new(),
        watches: vec![Watch {
            id: "health".into(),
            title: "Health".into(),
            interval: 1000,
            effects: Vec::new(),
            trigger: "unhealthy".into(),
        }],
        uncovered: Vec::new(),
        parameters: vec![("from".into(), "7".into())],
        extra: Vec::new(),
    })
}

fn step(id: &str) -> Step {
    Step {
        id: id.into(),
        title: "Title".into(),
        why: "Why".into(),
        effects: vec!["image".into()],
        drive: Drive::Listed,
        reverses: vec![("back".into(), "image".into())],
        undo: Undo::Steps(vec!["back".into()]),
        gates: vec![Gate::Window],
        needs: vec!["before".into()],
        loss: None,
        rounds: 1,
        soak: Some(5),
        expected: 6,
        outage: vec![Outage {
            service: "redis".into(),
            kind: OutageKind::Other("cache".into()),
            length: 8,
        }],
        if_left: Some("Left".into()),
        limit: 7,
        extra: Vec::new(),
    }
}
