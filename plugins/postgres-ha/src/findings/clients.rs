//! Findings about who uses the database.

use lockstep_sdk::Finding;

use super::{Seen, listed};
use crate::names::REFERENCES;
use crate::options::Path;

pub(super) fn going(seen: Seen<'_>) -> Vec<Finding> {
    let found = &seen.survey.found;
    let mut findings = vec![references(seen)];
    if !found.stuck.is_empty() {
        let lines =
            found.stuck.iter().map(|(service, name, why)| format!("{service} {name}: {why}"));
        findings.push(
            listed(Finding::refusal("references-stuck", "variables lead to the old server and can't be led elsewhere and back"), lines)
                .remedy("write each as a reference to the service's variables, such as ${{postgres.DATABASE_URL}}, and plan again")
                .source("plans.md R8"),
        );
    }
    if !found.unclear.is_empty() {
        let lines = found.unclear.iter().map(|(service, name)| format!("{service} {name}"));
        findings.push(
            listed(Finding::warning("references-unclear", "these variables may lead to the old server; nothing can be seen of them"), lines)
                .remedy("see where each leads: a client that nobody switches could read the old side and write nowhere")
                .source("plans.md R10"),
        );
    }
    findings.extend(left(seen));
    findings.extend(sessions(seen));
    findings
}

/// A service that the plan does not lead elsewhere, such as a node of the cluster, must not need the one that is deleted.
fn left(seen: Seen<'_>) -> Option<Finding> {
    let survey = seen.survey;
    let led = |place: &&(String, String)| {
        survey.found.references.iter().any(|it| (&it.service, &it.variable) == (&place.0, &place.1))
    };
    let left: Vec<_> =
        survey.left.iter().flat_map(|left| &left.leading).filter(|it| !led(it)).collect();
    if left.is_empty() {
        return None;
    }
    let lines = left.into_iter().map(|(service, variable)| format!("{service} {variable}"));
    let title = "the old server's service is to be deleted, and these would lead to it still";
    Some(
        listed(Finding::refusal("remove-references", title), lines)
            .remedy(
                "lead each elsewhere, or give it a value of its own, or plan without `remove-old`",
            )
            .source("plans.md 3.5"),
    )
}

fn references(seen: Seen<'_>) -> Finding {
    let references = &seen.survey.found.references;
    if references.is_empty() {
        return Finding::refusal(
            "references",
            "no service has a variable that leads to the old server, so nobody could be switched",
        )
        .remedy("see that the option `service` names the one that the services use");
    }
    let lines = references.iter().map(|reference| {
        format!("{} {}: {}", reference.service, reference.variable, reference.former)
    });
    let finding =
        listed(Finding::note("references", "variables that lead to the old server"), lines);
    let idle = seen.survey.clients.iter().filter(|client| client.up().is_none());
    listed(
        finding,
        idle.map(|client| format!("{} does not run, so it is not deployed", client.name())),
    )
    .mended_by(REFERENCES)
    .source("plans.md R10")
}

fn sessions(seen: Seen<'_>) -> Option<Finding> {
    let sessions = &seen.inside.sessions;
    let title = match seen.path {
        Path::Online => {
            "which service each of these connections belongs to can't be seen here; whoever is not switched can only read afterwards"
        }
        Path::Job => {
            "which service each of these connections belongs to can't be seen here; the job does not run while one is left"
        }
    };
    let lines = sessions.clients.iter().map(|(who, count)| format!("{who}: {count}"));
    let finding = listed(Finding::warning("sessions", title), lines)
        .remedy("see that each belongs to one of the services above, or end it")
        .source("plans.md R10");
    (!sessions.clients.is_empty()).then_some(finding)
}
