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

/// Turns a server's failure that may pass into a look again, because a server that is starting is no broken one.
///
/// That the way to it is closed says nothing about the server, so that stays a failure: the host takes it for not knowing.
pub fn soon<T>(answer: Result<T, Failure>, what: &str) -> Result<Result<T, Pending>, Failure> {
    const AGAIN: u64 = 1_000;
    const WAYS: [&str; 3] = ["railway:", "ssh:", "via:"];
    match answer {
        Ok(value) => Ok(Ok(value)),
        Err(failure) if WAYS.iter().any(|way| failure.problem().code.starts_with(way)) => {
            Err(failure)
        }
        Err(failure) if failure.may_pass() => {
            Ok(Err(Pending::after(AGAIN, format!("waiting for {what}: {}", failure.line()))))
        }
        Err(failure) => Err(failure),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_starts_is_waited_for_and_a_closed_way_to_it_is_not_knowing() {
        let answer = |code: &str| soon::<()>(Err(Failure::transiently(code, "no")), "the server");
        assert!(matches!(answer("redis:connection"), Ok(Err(_))));
        assert!(matches!(answer("redis:loading"), Ok(Err(_))));
        for code in ["railway:timeout", "ssh:tunnel", "via:no-proxy"] {
            assert!(answer(code).is_err(), "{code}");
        }
    }
}
