//! Findings about Railway: what is staged or under way, volumes, replicas, health checks, outage.

use lockstep_sdk::blocks::{owner, proof, slug};
use lockstep_sdk::running::Running;
use lockstep_sdk::step::SECOND;
use lockstep_sdk::{Finding, history};

use super::Seen;
use crate::names::{DATABASE, PATIENCE, WORKER};
use crate::options::Options;
use crate::survey::{Survey, URL};

/// How long Railway must wait at least for a web service that migrates, in seconds.
const PATIENT: u64 = 1_800;

/// How long it waits unless told otherwise.
const USUAL: u64 = 300;

pub(super) fn standing(survey: &Survey) -> Vec<Finding> {
    let mut findings = vec![leads(survey), backup(&survey.database)];
    if !survey.staged.is_empty() {
        let finding = Finding::refusal("staged", "changes are staged that nobody has committed")
            .remedy("commit or discard them: a run never commits what somebody else staged")
            .source("plans.md R5");
        findings.push(survey.staged.iter().fold(finding, |it, line| it.evidence(line.as_str())));
    }
    findings.extend([&survey.web, &survey.database].into_iter().flat_map(disturbed));
    findings.push(replicas(&survey.web));
    findings
}

/// The services that version 3 has besides.
pub(super) fn parts(survey: &Survey) -> Vec<Finding> {
    let parts = [&survey.worker, &survey.clickhouse, &survey.storage];
    let mut findings: Vec<Finding> = parts.into_iter().flatten().flat_map(disturbed).collect();
    findings.extend(survey.clickhouse.as_ref().map(backup));
    match &survey.storage {
        Some(storage) if storage.service.volume.is_some() => findings.push(backup(storage)),
        Some(_) | None => findings.push(
            Finding::warning("backup-storage", "what is kept as objects is not backed up by this plan")
                .evidence("no service of this environment with a volume is named as the object storage")
                .remedy("see that the bucket keeps versions, or name its service in the option `storage-service`"),
        ),
    }
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

fn backup(running: &Running) -> Finding {
    let name = running.name();
    let mut finding = match &running.service.volume {
        Some(volume) => proof::backup_possible(volume.used_mb, volume.size_mb)
            .evidence(format!("`{}` at {}", volume.name, volume.mount)),
        None => Finding::refusal(
            "backup",
            format!("`{name}` has no volume, so nothing of it can be backed up"),
        )
        .remedy("name the services that keep data in the options"),
    };
    finding.id = format!("backup-{}", slug(name));
    finding
}

/// The backup must be one of the database that Langfuse uses.
fn leads(survey: &Survey) -> Finding {
    let name = survey.database.name();
    let reference = format!("${{{{{name}.");
    let refers = survey.web.variable(URL).is_some_and(|text| text.contains(&reference));
    match &survey.leads {
        Ok((host, database)) if host.split('.').next() == Some(name) || refers => {
            let evidence = format!("{URL} leads to the database `{database}` at {host}");
            match &survey.inside {
                Ok(inside) if inside.name != *database => Finding::refusal("leads", format!("Langfuse's database is not the one that the connection `{DATABASE}` leads to"))
                    .evidence(evidence)
                    .evidence(format!("the connection leads to the database `{}`", inside.name))
                    .remedy(format!("write `database = \"{database}\"` into the connection `{DATABASE}` in lockstep.toml")),
                Ok(_) | Err(_) => {
                    Finding::note("leads", format!("Langfuse's database is that of `{name}`"))
                        .evidence(evidence)
                }
            }
        }
        Ok((host, database)) => Finding::refusal("leads", format!("Langfuse's database is not that of `{name}`, which would be backed up"))
            .evidence(format!("{URL} leads to the database `{database}` at {host}"))
            .remedy("name the service of its database in the option `database-service`, and let the connection `postgres` lead there"),
        Err(why) => Finding::refusal("leads", "where Langfuse's database is can't be told")
            .evidence(why.as_str())
            .remedy("write its DATABASE_URL as a reference, such as ${{postgres.DATABASE_URL}}"),
    }
}

fn replicas(web: &Running) -> Finding {
    let set = web.setting("replicas").unwrap_or("1");
    let evidence = format!("replicas: {set}");
    if set == "1" {
        Finding::note("replicas", "one web service runs, so nobody races it to a migration")
            .evidence(evidence)
    } else {
        Finding::refusal("replicas", "several web services run: each would migrate when it starts")
            .evidence(evidence)
            .remedy("set one replica for the time of the run")
            .source("domain.md C.9; langfuse#4975")
    }
}

/// Returns how many seconds Railway must wait for a web service that migrates: as long as the step may take that starts it.
pub(crate) fn wait(options: &Options) -> u64 {
    options.migration_limit.div_ceil(SECOND).max(PATIENT)
}

/// Returns how many seconds Railway waits for the web service now, where that is too short for a migration.
pub(crate) fn impatient(web: &Running, wait: u64) -> Option<u64> {
    let set = web.setting("healthcheck-timeout").map_or(Some(USUAL), |text| text.parse().ok());
    Some(set.unwrap_or(0)).filter(|seconds| *seconds < wait)
}

pub(super) fn going(seen: Seen<'_>) -> Vec<Finding> {
    let mut findings = waiting(&seen.survey.web, seen.options);
    findings.push(outage(seen));
    findings
}

/// What Railway does while a web service migrates.
pub(super) fn waiting(web: &Running, options: &Options) -> Vec<Finding> {
    let wait = wait(options);
    let patience = match impatient(web, wait) {
        Some(seconds) => Finding::warning("patience", "Railway ends a web service that takes longer than it waits, in the middle of a migration")
            .evidence(format!("it waits for {seconds} s; the plan lets it wait for {wait} s, as long as the option `migration-limit` lets the step take, and puts that back at the end"))
            .evidence("where Railway takes no number as large as that, the step `patience` fails before anything is changed: it reads back what is set")
            .evidence("what is left is a history in ClickHouse that is dirty, with which no version starts")
            .mended_by(PATIENCE)
            .source("langfuse#6679, #6639; domain.md C.9"),
        None => Finding::note("patience", "Railway waits long enough for a web service that migrates"),
    };
    vec![health(web), patience]
}

fn health(web: &Running) -> Finding {
    let set = web.setting("healthcheck-path").unwrap_or_default();
    let evidence = format!("healthcheck-path: {}", if set.is_empty() { "none" } else { set });
    if set.is_empty() {
        Finding::refusal("health-path", "Railway asks the web service for nothing, so a deployment counts as up while it still migrates")
            .evidence(evidence)
            .remedy("set the health check path of the service to /api/public/health")
            .source("domain.md C.6")
    } else {
        Finding::note("health-path", "Railway can tell whether the web service is up")
            .evidence(evidence)
    }
}

fn outage(seen: Seen<'_>) -> Finding {
    let title = "requests are answered throughout, and traces are taken in; they show up late while the worker is exchanged";
    let finding = Finding::note("outage", title).mended_by(WORKER).source("plans.md 6.1");
    let boots = [Some(&seen.survey.web), seen.survey.worker.as_ref()];
    boots.into_iter().flatten().fold(finding, |finding, running| match running.boot() {
        0 => finding.evidence(format!(
            "no history tells how long a deployment of `{}` takes",
            running.name()
        )),
        boot => finding.evidence(format!(
            "the last boots of `{}` took up to {} s",
            running.name(),
            boot.div_ceil(1_000)
        )),
    })
}
