//! What is said of several stages together: what keeps them from being done, how the stack stands at their end, and what is none
//! of them.

use std::collections::BTreeMap;

use lockstep_engine::model::{Composite, Description, Finding, Severity};

use super::refusals::refusals;
use crate::commands::fits::Earlier;
use crate::error::{CliError, OrExit as _};
use crate::exit::Exit;
use crate::session::{Opened, Session};

/// A composite plan with what is said of all its stages together.
pub(super) struct Whole {
    /// The stages.
    pub(super) composite: Composite,
    /// What keeps them from their order, or from being begun.
    pub(super) order: Vec<Finding>,
    /// What does not fit when all are done.
    pub(super) end: Vec<Finding>,
    /// Components that others follow and that are no stage, and why.
    pub(super) absent: BTreeMap<String, String>,
}

impl Whole {
    /// Judges stages that are planned.
    pub(super) async fn of(
        session: &Session,
        opened: &Opened,
        composite: Composite,
        earlier: &Earlier,
        all: Option<&[Description]>,
    ) -> Result<Self, CliError> {
        let mut order = refusals(&composite.stages)?;
        order.extend(under_way(session, opened).await?);
        let end = earlier.at_the_end(opened, &session.rules(opened.place()).await?).await?;
        Ok(Self { composite, order, end, absent: all.map(absent).unwrap_or_default() })
    }

    /// Returns whether nothing of it may be begun.
    pub(super) fn refuses(&self) -> bool {
        let mut found = self.order.iter().chain(&self.end);
        found.any(|finding| finding.severity == Severity::Refusal)
    }
}

/// A run that is not over can still go back, and what a stage changes meanwhile would be in its way.
async fn under_way(session: &Session, opened: &Opened) -> Result<Option<Finding>, CliError> {
    let runs = session.store.runs().await.or_exit(Exit::Failed)?;
    let open = runs.into_iter().find(|run| {
        run.environment == opened.document.environment && run.last.as_deref() != Some("finished")
    });
    Ok(open.map(|run| Finding {
        id: "way-back-open".to_owned(),
        severity: Severity::Refusal,
        title: "another upgrade is not over: as long as it can go back, nothing else may change what it would put back".to_owned(),
        evidence: vec![format!("run {} upgrades `{}`", run.id, run.component)],
        remedy: Some(format!("`lockstep resume {}` or `lockstep rollback {}` first", run.id, run.id)),
        source: Some("Lockstep: going back puts back the values that a run found".to_owned()),
        mended_by: Vec::new(),
    }))
}

/// Returns the components that plugins come after and that no plugin is installed for.
fn absent(installed: &[Description]) -> BTreeMap<String, String> {
    let is_there = |name: &String| {
        installed.iter().any(|plugin| plugin.components.iter().any(|component| component == name))
    };
    let mut absent: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for plugin in installed {
        for name in plugin.after.iter().filter(|name| !is_there(name)) {
            absent.entry(name.clone()).or_default().extend(plugin.components.clone());
        }
    }
    let why = |(name, followers): (String, Vec<String>)| {
        let followers: Vec<String> = followers.iter().map(|it| format!("`{it}`")).collect();
        let why =
            format!("no plugin is installed for it; {} would come after it", followers.join(", "));
        (name, why)
    };
    absent.into_iter().map(why).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_come_after_and_nothing_upgrades_is_told_once_with_all_of_them() {
        let plugin = |component: &str, after: &[&str]| Description {
            name: component.to_owned(),
            version: "1".to_owned(),
            components: vec![component.to_owned()],
            requests: Vec::new(),
            rules: Vec::new(),
            after: after.iter().map(|it| (*it).to_owned()).collect(),
            extra: lockstep_engine::model::Extra::default(),
        };
        let installed = [
            plugin("redis", &[]),
            plugin("litellm", &["redis", "langfuse"]),
            plugin("postgres-ha", &["langfuse", "litellm"]),
        ];
        let found = absent(&installed);
        assert_eq!(found.keys().collect::<Vec<_>>(), ["langfuse"]);
        assert_eq!(
            found["langfuse"],
            "no plugin is installed for it; `litellm`, `postgres-ha` would come after it"
        );
    }
}
