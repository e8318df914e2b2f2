//! Findings about Railway: services, volume, deployments, variables.

use lockstep_sdk::blocks::{owner, proof, smoke};
use lockstep_sdk::{Finding, history};

use super::{Planned, server};
use crate::dir;
use crate::names;
use crate::path::Path;
use crate::server::{Server, is_enough};
use crate::survey::{Inside, Running, Survey};

pub(super) fn standing(survey: &Survey) -> Vec<Finding> {
    let mut findings = vec![volume(survey)];
    if !survey.staged.is_empty() {
        let finding = Finding::refusal("staged", "changes are staged that nobody has committed")
            .remedy("commit or discard them: a run never commits what somebody else staged");
        findings.push(
            survey.staged.iter().fold(finding, |finding, line| finding.evidence(line.as_str())),
        );
    }
    if let Err(why) = &survey.backups {
        findings.push(
            Finding::refusal(
                "backups",
                "the volume's backups can't be listed, so a backup could not be proven",
            )
            .evidence(why.as_str()),
        );
    }
    for running in [Some(&survey.redis), survey.worker.as_ref()].into_iter().flatten() {
        let name = &running.service.name;
        if let Some(newest) =
            running.deployments.first().filter(|newest| history::moves(&newest.status))
        {
            findings.push(
                Finding::refusal("under-way", format!("a deployment of `{name}` is under way"))
                    .evidence(format!("{}: {}", newest.id, history::words(&newest.status)))
                    .remedy("plan again when it has ended"),
            );
        }
        if let Some(setting) = owner::updates_itself(&running.service) {
            findings.push(
                Finding::refusal("auto-updates", format!("Railway updates the image of `{name}` by itself"))
                    .evidence(format!("auto-updates: {setting}"))
                    .remedy(format!("switch automatic image updates of `{name}` off: two owners would undo each other's work")),
            );
        }
    }
    findings.extend(clients(survey));
    findings
}

fn volume(survey: &Survey) -> Finding {
    match &survey.redis.service.volume {
        Some(volume) => {
            proof::backup_possible(volume.used_mb, volume.size_mb).evidence(format!("`{}` at {}", volume.name, volume.mount))
        }
        None => Finding::refusal("volume", "the service has no volume, so a deploy would empty the server")
            .remedy("add a volume where the image keeps its data; that in itself is a deploy, so save the data first"),
    }
}

fn clients(survey: &Survey) -> Vec<Finding> {
    let finding = Finding::note("clients", "services that refer to Redis");
    let finding = survey.referrers.known.iter().fold(finding, |finding, (service, names)| {
        finding.evidence(format!("{service}: {}", names.join(", ")))
    });
    let sessions = survey.inside.iter().flat_map(|inside| &inside.clients);
    let finding = sessions.fold(finding, |finding, (client, count)| {
        finding.evidence(format!("connected: {client}, {count} times"))
    });
    let unclear = Finding::warning(
        "clients-unclear",
        "these services may use this Redis too, by variables that can't be seen",
    )
    .remedy("see whom the connections above belong to: whoever uses this server is without it while it is replaced");
    let unclear = survey.referrers.unclear.iter().fold(unclear, |finding, (service, names)| {
        finding.evidence(format!("{service}: {}", names.join(", ")))
    });
    let any = !unclear.evidence.is_empty();
    [Some(finding), any.then_some(unclear)].into_iter().flatten().collect()
}

/// A second worker would work off, and remove, the jobs that the check after the change looks for.
fn workers(survey: &Survey) -> Option<Finding> {
    let finding = Finding::refusal(
        "workers",
        "another service works off the queues and would not be stopped while the server changes",
    )
    .remedy(if survey.worker.is_some() {
        "stop it for the time of the run, or make both one service with replicas"
    } else {
        "name it in the option `worker`"
    });
    let finding = survey.others.iter().fold(finding, |finding, other| {
        let image = other.service.image.as_deref().unwrap_or("unknown");
        finding.evidence(format!("{}: {image}", other.service.name))
    });
    (!survey.others.is_empty()).then_some(finding)
}

pub(super) fn going(survey: &Survey, inside: &Inside, planned: Planned<'_>) -> Vec<Finding> {
    let mut findings = vec![outage(&survey.redis), grace(&survey.redis, &inside.server)];
    if survey.redis.service.volume.is_some() {
        match dir::next(survey, &inside.server, planned.lineage) {
            Ok((_, warning)) => findings.extend(warning),
            Err(refusal) => findings.push(*refusal),
        }
    }
    findings.extend(smoke::findings(&survey.answers));
    if server::variable(survey, "ALLOW_EMPTY_PASSWORD") == Some("yes") {
        findings.push(
            Finding::warning("weak-password", "the image may start without a password")
                .evidence("ALLOW_EMPTY_PASSWORD=yes"),
        );
    }
    if matches!(planned.path, Path::Migrate | Path::VersionStep) {
        findings.extend(workers(survey));
    }
    if survey.worker.is_none() && survey.others.is_empty() {
        findings.push(Finding::note(
            "worker",
            "there is no service that works off the queues, so none is stopped",
        ));
    }
    findings
}

fn outage(redis: &Running) -> Finding {
    match history::boot(&redis.deployments) {
        Some(boot) => Finding::note("outage", "Redis is down while its deployment is replaced, because a volume has one user at a time")
            .evidence(format!("its last boots took up to {} s", boot.div_ceil(1_000)))
            .evidence("Langfuse waits and retries; LiteLLM goes on without its cache"),
        None => Finding::warning("outage", "Redis is down while its deployment is replaced, and there is no history to tell for how long"),
    }
    .source("Railway: a service with a volume is stopped before its next deployment starts")
}

fn grace(redis: &Running, server: &Server) -> Finding {
    let set = redis.setting("draining-seconds").unwrap_or("0");
    let wanted = server.draining();
    let finding = Finding::note("grace", "how long Railway lets the server end by itself")
        .evidence(format!("draining-seconds: {set}, at least {wanted} by this plan"))
        .source("Railway: deployment teardown");
    if is_enough(set, wanted) { finding } else { finding.mended_by(names::GRACE) }
}

/// Returns what a server loses that is killed before it has ended by itself.
pub(crate) fn lost_if_killed(server: &Server, planned: Planned<'_>) -> &'static str {
    // A migration switches the append-only file on before anything is deployed.
    let appends = server.appends() || planned.path == Path::Migrate;
    match (appends, server.setting("appendfsync")) {
        (false, _) => {
            "everything that was written since the last save, which the plan therefore makes right before"
        }
        (true, Some("always")) => "nothing that was acknowledged",
        (true, Some("no")) => {
            "what the machine had not yet written of the append-only file: usually up to half a minute"
        }
        (true, _) => "the last second of writes, or two",
    }
}
