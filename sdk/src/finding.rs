//! Findings: what a plan rests on, made in one line and then dressed.

use crate::{Finding, Severity};

impl Finding {
    /// Returns a finding that is good to know.
    pub fn note(id: &str, title: impl Into<String>) -> Self {
        Self::of(Severity::Note, id, title)
    }

    /// Returns a finding that the operator should read.
    pub fn warning(id: &str, title: impl Into<String>) -> Self {
        Self::of(Severity::Warning, id, title)
    }

    /// Returns a finding with which the plan can't be run.
    pub fn refusal(id: &str, title: impl Into<String>) -> Self {
        Self::of(Severity::Refusal, id, title)
    }

    /// Adds how it shows.
    #[must_use]
    pub fn evidence(mut self, line: impl Into<String>) -> Self {
        self.evidence.push(line.into());
        self
    }

    /// Says what to do about it.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// Says where the rule behind it is written.
    #[must_use]
    pub fn source(mut self, source: &str) -> Self {
        self.source = Some(source.to_owned());
        self
    }

    /// Says which step of the plan mends it.
    #[must_use]
    pub fn mended_by(mut self, step: &str) -> Self {
        self.mended_by.push(step.to_owned());
        self
    }

    /// Returns whether the plan can't be run because of it.
    pub const fn refuses(&self) -> bool {
        match self.severity {
            Severity::Refusal => true,
            Severity::Note | Severity::Warning | Severity::Other(_) => false,
        }
    }

    fn of(severity: Severity, id: &str, title: impl Into<String>) -> Self {
        Self {
            id: id.to_owned(),
            severity,
            title: title.into(),
            evidence: Vec::new(),
            remedy: None,
            source: None,
            mended_by: Vec::new(),
        }
    }
}
