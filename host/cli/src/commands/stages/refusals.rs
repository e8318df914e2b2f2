//! What keeps stages from the order in which they stand.

use std::collections::BTreeMap;

use lockstep_engine::model::{Bound, Finding, Millis, Severity, Stage, Version};
use lockstep_engine::policy::is_within;
use serde::Deserialize;

use super::restart::{Restart, Restarting};
use crate::error::{CliError, OrExit as _};
use crate::exit::Exit;
use crate::matrix::{bound, exact};

const DATA: &str = include_str!("refusals.toml");

/// All that is known of orders.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    first: Vec<First>,
    refusal: Vec<Refused>,
    restart: Restart,
}

/// A stage before which no other is begun.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct First {
    id: String,
    stage: String,
    why: String,
    source: String,
}

/// An order that is refused.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Refused {
    id: String,
    stage: String,
    behind: BTreeMap<String, String>,
    why: String,
    remedy: String,
    source: String,
}

/// Returns what keeps these stages from their order, and what to heed where they stand in it.
pub(super) fn refusals(stages: &[Stage]) -> Result<Vec<Finding>, CliError> {
    let known: Known = toml::from_str(DATA).or_exit(Exit::Failed)?;
    let mut found: Vec<Finding> =
        known.first.iter().filter_map(|first| first.waited_for(stages)).collect();
    for index in 0..stages.len() {
        found.extend(known.breaches(stages, index, &|_| Millis(0)));
    }
    Ok(found)
}

/// Returns what keeps one stage from being begun at its turn. `since` returns for how long an earlier one has been over.
pub(super) fn at_its_turn(
    stages: &[Stage],
    index: usize,
    since: &dyn Fn(usize) -> Millis,
) -> Result<Vec<Finding>, CliError> {
    let known: Known = toml::from_str(DATA).or_exit(Exit::Failed)?;
    Ok(known.breaches(stages, index, since))
}

impl Known {
    fn breaches(
        &self,
        stages: &[Stage],
        index: usize,
        since: &dyn Fn(usize) -> Millis,
    ) -> Vec<Finding> {
        let Some(stage) = stages.get(index) else { return Vec::new() };
        let before = stages.get(..index).unwrap_or(&[]);
        let refused = self.refusal.iter().filter(|refused| refused.stage == stage.component);
        let mut found: Vec<Finding> =
            refused.filter_map(|refused| refused.breach(stage, before)).collect();
        let earlier: Vec<Restarting> = before.iter().map(Restarting::of).collect();
        found.extend(self.restart.again(&Restarting::of(stage), &earlier, since));
        found
    }
}

/// Returns whether a component is no upgrade of its own, but what comes before every upgrade.
pub(crate) fn comes_first(component: &str) -> Result<bool, CliError> {
    let known: Known = toml::from_str(DATA).or_exit(Exit::Failed)?;
    Ok(known.first.iter().any(|first| first.stage == component))
}

impl First {
    /// Tells which stages are refused until this one is done. It stands before them, so that nothing else must see to it.
    fn waited_for(&self, stages: &[Stage]) -> Option<Finding> {
        let index = stages.iter().position(|stage| stage.component == self.stage)?;
        let is_done = stages.get(index).is_some_and(|stage| stage.preview.is_nothing());
        let behind =
            stages.iter().enumerate().skip(index + 1).filter(|(_, it)| !it.preview.is_nothing());
        let named: Vec<String> = behind
            .map(|(number, stage)| format!("{} (`{}`)", number + 1, stage.component))
            .collect();
        (!is_done && !named.is_empty()).then(|| Finding {
            id: self.id.clone(),
            severity: Severity::Warning,
            title: self.why.clone(),
            evidence: vec![format!(
                "refused until stage {} (`{}`) is done: {}",
                index + 1,
                self.stage,
                named.join(", ")
            )],
            remedy: None,
            source: Some(self.source.clone()),
            mended_by: Vec::new(),
        })
    }
}

impl Refused {
    fn breach(&self, stage: &Stage, before: &[Stage]) -> Option<Finding> {
        let stands = |(component, words): (&String, &String)| {
            let bound: Bound = bound(component, words);
            let other = before.iter().find(|other| other.component == *component)?;
            let end = ends_with(other);
            // Of a stage that can't be planned yet no end is known: only a rule for any version holds of it.
            let is_it = end.as_ref().is_some_and(|end| is_within(end, &bound));
            let end = end.map_or_else(|| "some version".to_owned(), |end| end.text);
            (is_it || words == "*").then(|| {
                format!(
                    "stage `{}` stands behind `{component}`, which ends with {end}",
                    stage.component
                )
            })
        };
        let evidence: Vec<String> = self.behind.iter().map(stands).collect::<Option<_>>()?;
        Some(Finding {
            id: self.id.clone(),
            severity: Severity::Refusal,
            title: self.why.clone(),
            evidence,
            remedy: Some(self.remedy.clone()),
            source: Some(self.source.clone()),
            mended_by: Vec::new(),
        })
    }
}

/// Returns the version that a stage ends with, as far as it is known.
fn ends_with(stage: &Stage) -> Option<Version> {
    let planned = stage.preview.planned().map(|it| it.plan.authority.to.text.as_str());
    planned.or(stage.desired.as_deref()).map(exact)
}

#[cfg(test)]
mod tests {
    use lockstep_engine::model::Preview;

    use super::*;

    fn found(stages: &[(&str, &str)]) -> Vec<String> {
        let stage = |(component, desired): &(&str, &str)| Stage {
            component: (*component).to_owned(),
            desired: Some((*desired).to_owned()),
            preview: Preview::Unplanned("not yet".to_owned()),
        };
        let stages: Vec<Stage> = stages.iter().map(stage).collect();
        let found = refusals(&stages).unwrap();
        assert!(found.iter().all(|it| it.severity == Severity::Refusal && it.source.is_some()));
        found.into_iter().map(|it| it.id).collect()
    }

    #[test]
    fn litellm_and_clickhouse_come_before_langfuse_4_and_not_only_before_3() {
        assert_eq!(
            found(&[("langfuse", "4.16.0"), ("litellm", "1.106.2")]),
            ["litellm-before-langfuse-4"]
        );
        assert_eq!(
            found(&[("langfuse", "4.16.0"), ("clickhouse", "26.4")]),
            ["clickhouse-before-langfuse-4"]
        );
        assert_eq!(found(&[("langfuse", "3.225.4"), ("litellm", "1.106.2")]), Vec::<String>::new());
        assert_eq!(found(&[("litellm", "1.106.2"), ("langfuse", "4.16.0")]), Vec::<String>::new());
    }

    #[test]
    fn nothing_is_upgraded_before_the_stack_is_repaired() {
        let all = [("repair", "safe"), ("redis", "7.2.4"), ("litellm", "1.106.2")];
        let stage = |(component, _): &(&str, &str)| Stage {
            component: (*component).to_owned(),
            desired: None,
            preview: Preview::Unplanned("not yet".to_owned()),
        };
        let stages: Vec<Stage> = all.iter().map(stage).collect();
        let [found] = refusals(&stages).unwrap().try_into().unwrap();
        assert_eq!((found.id.as_str(), found.severity), ("healthy-first", Severity::Warning));
        assert_eq!(
            found.evidence,
            ["refused until stage 1 (`repair`) is done: 2 (`redis`), 3 (`litellm`)"]
        );
        assert!(refusals(&stages[1..]).unwrap().is_empty());
        assert!(comes_first("repair").unwrap() && !comes_first("redis").unwrap());
    }

    #[test]
    fn no_app_is_upgraded_behind_the_move_of_postgresql() {
        let both = [("postgres-ha", "16"), ("langfuse", "3.225.4"), ("litellm", "1.106.2")];
        assert_eq!(found(&both), ["langfuse-before-postgres-ha", "litellm-before-postgres-ha"]);
        assert_eq!(found(&[("litellm", "1.106.2"), ("postgres-ha", "16")]), Vec::<String>::new());
    }
}
