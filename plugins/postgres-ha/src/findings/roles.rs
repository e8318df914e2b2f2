//! Findings about roles, and about settings of the database and of roles.

use lockstep_sdk::Finding;

use super::{Seen, listed};
use crate::seal::DEFAULT;

pub(super) fn going(seen: Seen<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(missing(seen));
    findings.extend(superuser(seen));
    findings.extend(users(seen));
    findings.extend(settings(seen));
    findings.extend(unsealed(seen));
    findings
}

/// Roles are the cluster's own: their passwords belong to it, and PgPool must know them.
fn missing(seen: Seen<'_>) -> Option<Finding> {
    let there = |name: &String| seen.cluster.roles.iter().any(|(known, _)| known == name);
    let missing: Vec<&String> = seen
        .inside
        .sessions
        .roles
        .iter()
        .map(|(name, _)| name)
        .filter(|name| !there(name))
        .collect();
    let finding = Finding::refusal("roles", "roles that log in to the old server are not at the cluster")
        .remedy(
            "make each of them at the cluster first, with its password, and let PgPool know it (PGPOOL_POSTGRES_CUSTOM_USERS); \
             or drop those that nobody uses",
        )
        .source("domain.md A.9");
    (!missing.is_empty()).then(|| listed(finding, missing))
}

fn superuser(seen: Seen<'_>) -> Option<Finding> {
    let sessions = &seen.inside.sessions;
    let is_super = |user: &str| sessions.roles.iter().any(|(name, is)| *is && name == user);
    let supers = seen.survey.found.users.iter().filter(|(_, user)| is_super(user));
    let lines: Vec<String> = supers.map(|(service, user)| format!("{service}: {user}")).collect();
    let title = "services use the database as a superuser, whom nothing but a default keeps from writing to the old side";
    let finding = Finding::warning("superuser", title)
        .remedy("not needed for this plan; afterwards give each application a role of its own")
        .source("domain.md 0");
    (!lines.is_empty()).then(|| listed(finding, lines))
}

/// The new references name one user.
fn users(seen: Seen<'_>) -> Option<Finding> {
    let user = &seen.survey.user;
    let others = seen.survey.found.users.iter().filter(|(_, other)| other != user);
    let lines: Vec<String> = others.map(|(service, other)| format!("{service}: {other}")).collect();
    let title = format!(
        "services come as another user than `{user}`, with whose password PgPool lets them in"
    );
    let finding = Finding::refusal("users", title)
        .remedy("this version leads every client to the cluster as that user: let the services use it first")
        .source("plans.md 3.3 step 23");
    (!lines.is_empty()).then(|| listed(finding, lines))
}

/// Whoever says of its own sessions that they write is not kept from it by the seal, and nobody would see what it writes.
fn unsealed(seen: Seen<'_>) -> Option<Finding> {
    let lines =
        seen.survey.found.unsealed.iter().map(|(service, name)| format!("{service} {name}"));
    let title = format!(
        "variables set `{DEFAULT}` for their sessions, which beats the seal: such a client would go on writing at the old side"
    );
    let finding = Finding::refusal("unsealed-clients", title)
        .remedy("take it out of each of these variables, and deploy the service, before the move")
        .source("plans.md 3.1");
    let lines: Vec<String> = lines.collect();
    (!lines.is_empty()).then(|| listed(finding, lines))
}

fn settings(seen: Seen<'_>) -> Vec<Finding> {
    let settings = &seen.inside.sessions.settings;
    let mut findings = Vec::new();
    let seals = settings.iter().filter(|(_, item)| is_seal(item));
    let lines: Vec<String> = seals
        .map(
            |(role, item)| {
                if role.is_empty() { item.clone() } else { format!("{item} for {role}") }
            },
        )
        .collect();
    if !lines.is_empty() {
        let title = "a default for read-only transactions stands already: a role's own beats the database's, which the plan sets";
        findings.push(
            listed(Finding::refusal("read-only-default", title), lines)
                .remedy("ALTER ROLE … [IN DATABASE …] RESET default_transaction_read_only, or ALTER DATABASE … RESET …")
                .source("plans.md 3.1"),
        );
    }
    let others: Vec<String> = settings
        .iter()
        .filter(|(_, item)| !is_seal(item))
        .map(
            |(role, item)| {
                if role.is_empty() { item.clone() } else { format!("{item} for {role}") }
            },
        )
        .collect();
    if !others.is_empty() {
        let title = "settings of the database and of roles are not carried to the cluster";
        findings.push(
            listed(Finding::warning("settings", title), others)
                .remedy("once the step `database` is done: ALTER DATABASE … SET …, or ALTER ROLE … SET …, at the cluster"),
        );
    }
    findings
}

/// Whether a setting is the one that the seal sets.
fn is_seal(item: &str) -> bool {
    item.split('=').next() == Some(DEFAULT)
}
