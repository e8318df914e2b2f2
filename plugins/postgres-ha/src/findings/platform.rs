//! Findings about Railway: what is staged or under way, volumes, images, health checks.

use lockstep_sdk::blocks::{owner, proof, smoke};
use lockstep_sdk::{Finding, history};

use super::{Seen, listed};
use crate::options::Path;
use crate::service::{Running, Use};
use crate::survey::Survey;

pub(super) fn standing(survey: &Survey) -> Vec<Finding> {
    let mut findings = vec![volume(survey)];
    if !survey.staged.is_empty() {
        let finding = Finding::refusal("staged", "changes are staged that nobody has committed")
            .remedy("commit or discard them: a run never commits what somebody else staged")
            .source("plans.md R5");
        findings.push(listed(finding, &survey.staged));
    }
    if let Err(why) = &survey.backups {
        findings.push(
            Finding::refusal(
                "backups",
                "the old volume's backups can't be listed, so a backup could not be proven",
            )
            .evidence(why.as_str()),
        );
    }
    findings.extend(involved(survey).flat_map(disturbed));
    findings
}

/// Returns what is to be said of a deployment that is under way, or of an image that Railway updates by itself.
pub(crate) fn disturbed(running: &Running) -> Vec<Finding> {
    let mut findings = Vec::new();
    let name = running.name();
    if let Some(newest) = running.deployments.first().filter(|it| history::moves(&it.status)) {
        findings.push(
            Finding::refusal("under-way", format!("a deployment of `{name}` is under way"))
                .evidence(format!("{}: {}", newest.id, history::words(&newest.status)))
                .remedy("plan again when it has ended")
                .source("plans.md R5"),
        );
    }
    if let Some(setting) = owner::updates_itself(&running.service) {
        findings.push(
            Finding::refusal("auto-updates", format!("Railway updates the image of `{name}` by itself"))
                .evidence(format!("auto-updates: {setting}"))
                .remedy(format!("switch automatic image updates of `{name}` off: two owners would undo each other's work"))
                .source("plans.md R5"),
        );
    }
    findings
}

fn involved(survey: &Survey) -> impl Iterator<Item = &Running> {
    [&survey.old, &survey.front].into_iter().chain(&survey.nodes).chain(&survey.clients)
}

fn volume(survey: &Survey) -> Finding {
    match &survey.old.service.volume {
        Some(volume) => proof::backup_possible(volume.used_mb, volume.size_mb)
            .evidence(format!("`{}` at {}", volume.name, volume.mount)),
        None => Finding::refusal(
            "volume",
            "the old server has no volume, so nothing of it can be backed up",
        )
        .remedy("see that the option `service` names the one that runs PostgreSQL"),
    }
}

pub(super) fn going(seen: Seen<'_>, now: u64) -> Vec<Finding> {
    let mut findings = smoke::findings(&seen.survey.answers);
    findings.extend(unhealthy(seen.survey));
    if !seen.needs.restart.is_empty() || !seen.needs.nodes.is_empty() {
        findings.extend(owner::patching(now));
    }
    findings.push(outage(seen));
    findings
}

/// LiteLLM's `/health` needs a key, so a deployment that Railway checks by it can never become healthy.
fn unhealthy(survey: &Survey) -> Option<Finding> {
    let wrong = |client: &&Running| {
        client.uses() == Use::LiteLlm && client.setting("healthcheck-path") == Some("/health")
    };
    survey.clients.iter().find(wrong).map(|client| {
        Finding::refusal("health-path", format!("`{}` could not be deployed: its health check needs a key that Railway does not send", client.name()))
            .evidence("healthcheck-path: /health")
            .remedy("set it to /health/readiness, or to /health/liveliness before LiteLLM 1.84")
            .source("domain.md B.2")
    })
}

fn outage(seen: Seen<'_>) -> Finding {
    let survey = seen.survey;
    let boots = survey.clients.iter().filter(|client| client.up().is_some()).map(|client| {
        match client.boot() {
            0 => format!("{}: no history tells how long its deployment takes", client.name()),
            boot => {
                format!("{}: its last boots took up to {} s", client.name(), boot.div_ceil(1_000))
            }
        }
    });
    match seen.path {
        Path::Online => {
            let title = "reads go on throughout; writes wait while the sides change, and fail from then on until a service is deployed";
            listed(Finding::note("outage", title), boots).source("plans.md 3.3")
        }
        Path::Job => {
            let title = "no model is called and no trace is taken in while the database is dumped, restored and compared";
            let size = seen.inside.contents.size.div_ceil(1 << 20);
            let finding = Finding::warning("outage", title)
                .evidence(format!("{size} MB; no history tells how fast that goes here"));
            listed(finding, boots)
                .remedy("take the path `online` if that is too long: its outage does not grow with the database")
                .source("plans.md 3.8")
        }
    }
}
