//! Staging first: whether an upgrade was done in the environment that is named for it.

use lockstep_engine::journal::{End, Phase, RunState};
use lockstep_engine::model::{Finding, Plan, RunId, Severity, Version};

use super::stages::comes_first;
use crate::config::{self, LAB};
use crate::error::{CliError, OrExit as _};
use crate::exit::Exit;
use crate::lab;
use crate::render::brief;
use crate::session::{Opened, Session};

/// How many runs there are told of.
const TOLD: usize = 3;

/// Returns what is to be said of an upgrade that was not done in the environment named as staging: a warning, or a refusal where
/// that is configured. Nothing where none is named, or where it was.
pub(super) async fn staged_first(
    session: &Session,
    opened: &Opened,
    plan: &Plan,
) -> Result<Option<Finding>, CliError> {
    let Some(staging) = &opened.document.staging else { return Ok(None) };
    let (component, to) = (&plan.authority.component, &plan.authority.to);
    // What is broken here need not be broken there.
    if comes_first(component)? {
        return Ok(None);
    }
    let There { done: ended, unread } = there(session, &staging.environment, component).await?;
    let mut done = Vec::new();
    for (run, version) in ended {
        if is_same(&version, to) {
            return Ok(None);
        }
        done.push(format!("run {run} ended with {}", named(&version)));
    }
    let name = &staging.environment;
    let severity = if staging.required { Severity::Refusal } else { Severity::Warning };
    done.truncate(TOLD);
    if done.is_empty() {
        done.push(format!("no run of `{component}` in this store is done there"));
    }
    let more = unread.len().saturating_sub(TOLD);
    done.extend(unread.into_iter().take(TOLD));
    if more > 0 {
        done.push(format!("{more} more runs can't be read either"));
    }
    Ok(Some(Finding {
        id: "staging-first".to_owned(),
        severity,
        title: format!("{} was not done in `{name}` first", named(to)),
        evidence: done,
        remedy: Some(format!(
            "`lockstep apply {component}@{} -e {name}`, with the same store, and look how it does there",
            to.text
        )),
        source: Some(format!(
            "lockstep.toml: `staging` of this environment, required = {}",
            staging.required
        )),
        mended_by: Vec::new(),
    }))
}

/// The runs of a component in an environment, newest first.
#[derive(Default)]
struct There {
    /// Those that are done, with the versions that they ended with.
    done: Vec<(RunId, Version)>,
    /// Those that can't be read, such as a newer Lockstep's, and why.
    unread: Vec<String>,
}

/// Reads what was done of a component in an environment. What can't be read is not known to be done; the plan at hand does not depend on
/// it, so it is told.
async fn there(session: &Session, name: &str, component: &str) -> Result<There, CliError> {
    let mut there = There::default();
    let Some(environment) = id_of(session, name).await? else { return Ok(there) };
    for run in session.store.runs().await.or_exit(Exit::Failed)? {
        if run.environment != environment || run.component != component {
            continue;
        }
        match version_done(session, &run.id).await {
            Ok(version) => there.done.extend(version.map(|version| (run.id, version))),
            Err(error) => {
                there.unread.push(format!(
                    "run {} can't be read: {}",
                    run.id,
                    brief(&format!("{:#}", error.error))
                ));
            }
        }
    }
    Ok(there)
}

/// Returns the version that a run ended with, if it is done.
async fn version_done(session: &Session, run: &RunId) -> Result<Option<Version>, CliError> {
    let records = session.store.records(run).await.or_exit(Exit::Failed)?;
    let state = RunState::fold(&records).or_exit(Exit::Failed)?;
    if state.phase != Phase::Finished(End::Done) {
        return Ok(None);
    }
    Ok(Some(session.plan_of(run).await?.authority.to))
}

/// Returns Railway's id of an environment; none for a lab that does not run, whose next one is another.
pub(super) async fn id_of(session: &Session, name: &str) -> Result<Option<String>, CliError> {
    let lab = lab::address(&session.global.directory).await?;
    if name == LAB && lab.is_none() {
        return Ok(None);
    }
    let (_, document) = config::choose(session.document.as_ref(), Some(name), lab.as_ref())?;
    Ok(Some(document.environment))
}

/// A tag that moved may be another version by now, so where both digests are known they decide.
fn is_same(there: &Version, wanted: &Version) -> bool {
    match (&there.digest, &wanted.digest) {
        (Some(there), Some(wanted)) => there == wanted,
        (Some(_) | None, Some(_) | None) => there.text == wanted.text,
    }
}

fn named(version: &Version) -> String {
    let digest = version.digest.as_deref().and_then(|digest| digest.get(..19));
    let digest = digest.map_or_else(String::new, |digest| format!(" ({digest}…)"));
    format!("{}{digest}", version.text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_told_by_its_digest_and_a_version_without_one_by_its_text() {
        let version = |text: &str, digest: Option<&str>| Version {
            text: text.to_owned(),
            order: Vec::new(),
            floating: false,
            digest: digest.map(str::to_owned),
        };
        let wanted = version("7.2.4", Some("sha256:a"));
        assert!(is_same(&version("7.2", Some("sha256:a")), &wanted));
        assert!(!is_same(&version("7.2.4", Some("sha256:b")), &wanted));
        assert!(is_same(&version("7.2.4", None), &wanted));
        assert!(!is_same(&version("7.2.3", None), &wanted));
    }
}
