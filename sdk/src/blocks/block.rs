//! What every block gives.

use crate::{Failure, Finding, Pending, Step};

/// What a block adds to a draft. The effects of its steps are declared already.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Block {
    /// What the plan rests on.
    pub findings: Vec<Finding>,
    /// The way there.
    pub steps: Vec<Step>,
    /// The steps back that its steps name.
    pub undo: Vec<Step>,
}

impl Block {
    /// Returns a block of one step.
    pub fn step(step: Step) -> Self {
        Self { steps: vec![step], ..Self::default() }
    }

    /// Adds a finding.
    #[must_use]
    pub fn finding(mut self, finding: Finding) -> Self {
        self.findings.push(finding);
        self
    }

    /// Adds a step of the way back.
    #[must_use]
    pub fn undo(mut self, step: Step) -> Self {
        self.undo.push(step);
        self
    }

    /// Puts another block behind this one.
    pub fn join(&mut self, next: Self) {
        self.findings.extend(next.findings);
        self.steps.extend(next.steps);
        self.undo.extend(next.undo);
    }
}

/// Turns a service's name into what a label may be made of.
pub fn slug(name: &str) -> String {
    let plain = |letter: char| {
        if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' }
    };
    name.chars().map(plain).collect::<String>().trim_matches('-').to_owned()
}

/// Turns a failure that may pass into a look again, because a server that is starting is no broken one.
pub fn soon<T>(answer: Result<T, Failure>, what: &str) -> Result<Result<T, Pending>, Failure> {
    const AGAIN: u64 = 1_000;
    match answer {
        Ok(value) => Ok(Ok(value)),
        Err(failure) if failure.may_pass() => {
            Ok(Err(Pending::after(AGAIN, format!("waiting for {what}: {}", failure.line()))))
        }
        Err(failure) => Err(failure),
    }
}
