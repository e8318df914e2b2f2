//! Findings about Railway: what is staged or under way, the volume, replicas, health checks, outage.

use lockstep_sdk::blocks::{owner, proof};
use lockstep_sdk::running::Running;
use lockstep_sdk::{Finding, history};

use super::Seen;
use crate::names::GRACE;
use crate::survey::{Survey, URL};

/// Paths by which Railway can tell whether the proxy is up: they need no key.
pub(crate) const OPEN_PATHS: [&str; 3] =
    ["/health/liveliness", "/health/liveness", "/health/readiness"];

pub(super) fn standing(survey: &Survey) -> Vec<Finding> {
    let mut findings = vec![volume(survey)];
    if !survey.staged.is_empty() {
        let finding = Finding::refusal("staged", "changes are staged that nobody has committed")
            .remedy("commit or discard them: a run never commits what somebody else staged")
            .source("plans.md R5");
        findings.push(survey.staged.iter().fold(finding, |it, line| it.evidence(line.as_str())));
    }
    if let Err(why) = &survey.backups {
        let title = "the volume's backups can't be listed, so a backup could not be proven";
        findings.push(Finding::refusal("backups", title).evidence(why.as_str()));
    }
    findings.extend([&survey.proxy, &survey.database].into_iter().flat_map(disturbed));
    for name in &survey.taken {
        findings.push(
            Finding::refusal("job-service", format!("a service `{name}` is there already"))
                .remedy("see that no run uses it, then delete it: the plan makes one of this name"),
        );
    }
    findings.push(leads(survey));
    findings
}

fn disturbed(running: &Running) -> Vec<Finding> {
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

fn volume(survey: &Survey) -> Finding {
    match &survey.database.service.volume {
        Some(volume) => proof::backup_possible(volume.used_mb, volume.size_mb)
            .evidence(format!("`{}` at {}", volume.name, volume.mount)),
        None => Finding::refusal(
            "volume",
            "the database has no volume, so nothing of it can be backed up",
        )
        .remedy("name the service that runs PostgreSQL in the option `database-service`"),
    }
}

/// The backup must be one of the database that the proxy uses.
fn leads(survey: &Survey) -> Finding {
    let name = survey.database.name();
    match &survey.leads {
        Ok(location) if location.host.split('.').next() == Some(name) || refers(survey) => {
            Finding::note("leads", format!("the proxy's database is that of `{name}`"))
                .evidence(format!("DATABASE_URL leads to {}", location.host))
        }
        Ok(location) => Finding::refusal("leads", format!("the proxy's database is not that of `{name}`, which would be backed up"))
            .evidence(format!("DATABASE_URL leads to {}", location.host))
            .remedy("name the service of its database in the option `database-service`, and let the connection `postgres` lead there"),
        Err(why) => Finding::refusal("leads", "where the proxy's database is can't be told")
            .evidence(why.as_str())
            .remedy("write its DATABASE_URL as a reference, such as ${{postgres.DATABASE_URL}}"),
    }
}

/// A private domain may have another name than its service; a reference has not.
fn refers(survey: &Survey) -> bool {
    let reference = format!("${{{{{}.", survey.database.name());
    survey.proxy.variable(URL).is_some_and(|text| text.contains(&reference))
}

pub(super) fn going(seen: Seen<'_>) -> Vec<Finding> {
    let proxy = &seen.survey.proxy;
    vec![health(seen), replicas(proxy), outage(proxy)]
}

fn health(seen: Seen<'_>) -> Finding {
    let set = seen.survey.proxy.setting("healthcheck-path").unwrap_or_default();
    let wanted = seen.from.health_path();
    let evidence = format!("healthcheck-path: {}", if set.is_empty() { "none" } else { set });
    let finding = match set {
        "/health" => Finding::warning("health-path", "Railway asks for `/health`, which needs a key that it does not send: no deployment can become healthy")
            .evidence("with a key it would call, and pay for, every model each time"),
        "" => Finding::warning("health-path", "Railway asks for nothing, so a deployment counts as up before the proxy answers"),
        open if OPEN_PATHS.contains(&open) => {
            return Finding::note("health-path", "Railway can tell whether the proxy is up").evidence(evidence);
        }
        _ => Finding::warning("health-path", "Railway asks for a path that is not known to be answered without a key"),
    };
    finding
        .evidence(evidence)
        .evidence(format!("the plan sets it to {wanted}; from 1.84 on to /health/readiness, which tells whether the database is there"))
        .mended_by(GRACE)
        .source("domain.md B.2")
}

fn replicas(proxy: &Running) -> Finding {
    let set = proxy.setting("replicas").unwrap_or("1");
    let evidence = format!("replicas: {set}");
    if set == "1" {
        Finding::note("replicas", "one proxy runs, so nobody races it to a migration")
            .evidence(evidence)
    } else {
        Finding::refusal(
            "replicas",
            "several proxies run: each would be looked at as if it were all of them",
        )
        .evidence(evidence)
        .remedy("set one replica for the time of the run")
        .source("domain.md B.4; litellm#40932")
    }
}

fn outage(proxy: &Running) -> Finding {
    let title = "calls are answered throughout: the new proxy is up before the old one ends";
    let finding = Finding::note("outage", title).source("plans.md 5.1");
    match proxy.boot() {
        0 => finding.evidence("no history tells how long its deployment takes"),
        boot => finding.evidence(format!("its last boots took up to {} s", boot.div_ceil(1_000))),
    }
}
