//! Whether the stack still fits together when a plan is done: what would not, and does now, is a finding of the host's own.

use std::collections::{BTreeMap, BTreeSet};

use lockstep_engine::model::{Finding, Rule, Severity, Version};
use lockstep_engine::policy::State;

use crate::error::{CliError, OrExit as _};
use crate::exit::Exit;
use crate::matrix::{Matrix, Verdict, running, together, variables};
use crate::render::brief;
use crate::session::Opened;

/// What will run of the stack's components when earlier stages are done.
#[derive(Clone, Debug, Default)]
pub(crate) struct Earlier(BTreeMap<String, Version>);

impl Earlier {
    /// Adds what a stage ends with, as far as that is known.
    pub(crate) fn add(&mut self, component: &str, to: &Version) -> Result<(), CliError> {
        if to.order.is_empty() {
            return Ok(());
        }
        let known = Matrix::known().or_exit(Exit::Failed)?;
        let component = known.upgraded_as(component);
        self.0.insert(component.to_owned(), known.ordered(component, to));
        Ok(())
    }

    /// Judges the stack with a component at another version, and returns what would not fit any more.
    pub(crate) async fn findings(
        &self,
        opened: &Opened,
        of_plugin: &[Rule],
        (component, to): (&str, &Version),
    ) -> Result<Vec<Finding>, CliError> {
        let known = Matrix::known().or_exit(Exit::Failed)?;
        if to.floating && to.order.is_empty() {
            return Ok(Vec::new());
        }
        let component = known.upgraded_as(component);
        let mut rules = known.rules(of_plugin);
        rules.retain(|rule| bounds(rule).any(|it| it == component));
        let of_interest: BTreeSet<&str> =
            rules.iter().flat_map(bounds).chain([component]).collect();
        match self.judge(opened, (&known, &rules), &of_interest, (component, to)).await {
            Ok(verdicts) => Ok(verdicts.iter().map(finding).collect()),
            // A plan does not rest on what all services say of themselves.
            Err(error) => Ok(vec![unknown(&error)]),
        }
    }

    async fn judge(
        &self,
        opened: &Opened,
        (known, rules): (&Matrix, &[Rule]),
        of_interest: &BTreeSet<&str>,
        (component, to): (&str, &Version),
    ) -> Result<Vec<Verdict>, CliError> {
        let running = running(opened, known, |name| of_interest.contains(name)).await?;
        let variables = variables(opened, &running, rules).await?;
        let mut state = State { versions: together(&running), variables };
        state.versions.extend(self.0.iter().map(|(name, it)| (name.clone(), vec![it.clone()])));
        let before = known.judge(&state, rules);
        state.versions.insert(component.to_owned(), vec![known.ordered(component, to)]);
        let after = known.judge(&state, rules);
        let is_new = |verdict: &Verdict| {
            before.iter().all(|it| (&it.id, it.severity) != (&verdict.id, verdict.severity))
        };
        Ok(after.into_iter().filter(is_new).collect())
    }
}

fn bounds(rule: &Rule) -> impl Iterator<Item = &str> {
    rule.when.iter().chain(&rule.require).map(|bound| bound.component.as_str())
}

fn finding(verdict: &Verdict) -> Finding {
    let unsure = if verdict.is_certain { "" } else { "whether it fits can't be told: " };
    Finding {
        id: verdict.id.clone(),
        severity: verdict.severity,
        title: format!("{unsure}{}", verdict.why),
        evidence: verdict.evidence.clone(),
        remedy: Some("`lockstep matrix` shows what runs and what fits together".to_owned()),
        source: Some(verdict.source.clone()),
        mended_by: Vec::new(),
    }
}

fn unknown(error: &CliError) -> Finding {
    Finding {
        id: "matrix".to_owned(),
        severity: Severity::Warning,
        title: "whether the stack fits together then can't be told".to_owned(),
        evidence: vec![brief(&format!("{:#}", error.error))],
        remedy: Some("`lockstep matrix` tries it again".to_owned()),
        source: None,
        mended_by: Vec::new(),
    }
}
