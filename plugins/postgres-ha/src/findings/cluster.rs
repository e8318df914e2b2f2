//! Findings about the cluster and its front.

use lockstep_sdk::Finding;

use super::{Seen, listed, server};
use crate::account::{Password, URL};
use crate::front;
use crate::names::{ADMIN, CLUSTER, POOL};
use crate::needs;

pub(super) fn going(seen: Seen<'_>) -> Vec<Finding> {
    let server = &seen.cluster.server;
    let mut findings = vec![primary(seen), front(seen), connections(seen), disk(seen)];
    findings.extend(password(seen));
    findings.extend(server::role(server, ADMIN));
    findings.extend(server::pooled(seen.cluster.pooler.as_deref(), ADMIN));
    findings.extend(server::sees(server).filter(|_| seen.inside.server.sees_sessions));
    findings.extend(settings(seen));
    if seen.cluster.present {
        findings.push(
            Finding::refusal(
                "target",
                "the database is there already at the cluster, and what is in it is not this run's",
            )
            .evidence(format!("`{}` at `{ADMIN}`", seen.inside.server.database))
            .remedy("if nobody needs it, drop it there and plan again: DROP DATABASE …")
            .source("domain.md A.5"),
        );
    }
    if !seen.cluster.leftovers.is_empty() {
        findings.push(server::leftovers("the cluster", &seen.cluster.leftovers));
    }
    if server.free_slots < 2 || server.free_senders < 2 {
        findings.push(
            Finding::refusal(
                "cluster-slots",
                "the cluster has no slot or no walsender free for the way back",
            )
            .evidence(format!(
                "free slots: {}, free walsenders: {}",
                server.free_slots, server.free_senders
            ))
            .remedy("raise max_replication_slots and max_wal_senders of its nodes")
            .source("domain.md A.3"),
        );
    }
    if server.synchronous.is_empty() && seen.survey.nodes.len() < 2 {
        findings.push(
            Finding::warning(
                "synchronous",
                "the cluster has one node, so nobody else confirms a commit, and what was acknowledged may be lost with it",
            )
            .evidence("synchronous_standby_names is empty")
            .source("domain.md A.8"),
        );
    }
    if server.major() < 17 {
        findings.push(
            Finding::warning("failover", "if the cluster's primary fails over while the way back is armed, the way back is lost")
                .evidence("slots are kept over a failover only since PostgreSQL 17")
                .remedy("the watch `way-back` tells, and no row is lost by it; a way back then copies the old server anew first, once a person goes on")
                .source("plans.md 3.5"),
        );
    }
    findings
}

fn primary(seen: Seen<'_>) -> Finding {
    let evidence = format!("servers that receive its log: {}", seen.cluster.server.receivers);
    let wanted = seen.survey.nodes.len().saturating_sub(1);
    let standbys = usize::try_from(seen.cluster.server.receivers).unwrap_or(usize::MAX);
    let Some(primary) = &seen.cluster.primary else {
        return Finding::refusal("primary", "which node leads can't be told, so the standbys could not be deployed first")
            .evidence(evidence)
            .remedy("see that the nodes are named as their services are (REPMGR_NODE_NAME), and that all are up");
    };
    let finding = if standbys < wanted {
        Finding::refusal(
            "primary",
            format!("`{primary}` leads, and not all of the other nodes follow it"),
        )
        .remedy("bring all nodes up: this is no cluster yet that could take over")
    } else {
        Finding::note("primary", format!("`{primary}` leads"))
    };
    finding.evidence(evidence)
}

fn settings(seen: Seen<'_>) -> Option<Finding> {
    let mut lines = Vec::new();
    let nodes = seen.needs.nodes.iter();
    lines.extend(nodes.map(|(name, value)| format!("{name} of each node: to be {value}")));
    lines.extend(seen.needs.front.iter().map(|(name, value)| format!("{name}: to be {value}")));
    let title = "the cluster's settings are changed before anybody uses it";
    let finding = Finding::note("cluster-settings", title)
        .evidence("reads at a node that is behind, and a primary that PgPool drops because a session ended, are no accidents")
        .mended_by(CLUSTER)
        .mended_by(POOL)
        .source("domain.md A.9");
    (!lines.is_empty()).then(|| listed(finding, lines))
}

fn front(seen: Seen<'_>) -> Finding {
    let front = &seen.survey.front;
    let repository = front.repository().unwrap_or_default();
    if !repository.contains("pgpool") {
        return Finding::refusal(
            "front",
            format!(
                "`{}` does not run PgPool, and this version knows no other front",
                front.name()
            ),
        )
        .evidence(format!(
            "image: {}",
            front.service.image.as_deref().unwrap_or("built from a repository")
        ))
        .remedy("name the service that runs it in the option `front`");
    }
    if front.variable("PGPOOL_POSTGRES_PASSWORD").is_none()
        && !front.hides("PGPOOL_POSTGRES_PASSWORD")
    {
        return Finding::refusal("front", "PgPool's service has no PGPOOL_POSTGRES_PASSWORD, to which the clients' references would lead")
            .remedy("set it to the password of the cluster's superuser");
    }
    match &seen.cluster.front {
        Err(why) => Finding::note(
            "front",
            "PgPool tells nothing of its nodes yet; the cut does not begin before it does",
        )
        .evidence(why.as_str()),
        Ok(nodes) => match front::unfit(nodes, seen.survey.nodes.len()) {
            Some(why) => Finding::refusal("front", why)
                .evidence("SHOW pool_nodes")
                .remedy("bring all nodes up, and attach them"),
            None => Finding::note("front", "PgPool sees all nodes up and one primary")
                .evidence("SHOW pool_nodes"),
        },
    }
}

/// Clients are led to the front by URLs that are put together from references.
fn password(seen: Seen<'_>) -> Option<Finding> {
    let survey = seen.survey;
    let front = survey.front.name();
    let finding = match &survey.entry.password {
        Password::Plain => return None,
        Password::Escaped => Finding::note(
            "front-password",
            "the password at the cluster must be escaped in a URL, so clients are led to the front's own one",
        )
        .evidence(format!("`{URL}` of `{front}` has it escaped, and leads to the database")),
        Password::Unseen => Finding::warning(
            "front-password",
            "whether the password at the cluster may stand in a URL as it is can't be seen",
        )
        .evidence(format!("`{front}` has no `{URL}` with a password in it"))
        .remedy("a password of letters, digits and `-._~` may; others break every URL that has them as they are"),
        Password::Unfit(why) => Finding::refusal(
            "front-password",
            "the password at the cluster may not stand in a URL as it is, and clients would be led there by URLs that have it so",
        )
        .evidence(why.as_str())
        .remedy(format!(
            "give `{front}` a `{URL}` of its own with the password percent-encoded: \
             postgresql://{}:…@${{{{RAILWAY_PRIVATE_DOMAIN}}}}:5432/{}; or give the role a password of letters, digits and `-._~` alone",
            survey.user, seen.inside.server.database
        )),
    };
    Some(finding.source("railway.md 3.3"))
}

fn connections(seen: Seen<'_>) -> Finding {
    let sessions = seen.inside.sessions.count();
    let (has, wanted) = (needs::children(&seen.survey.front), needs::wanted_children(sessions));
    let most = seen.cluster.server.connections;
    let finding = if has.max(wanted) >= most {
        Finding::refusal(
            "connections",
            "PgPool may take more clients than the cluster has connections",
        )
        .remedy("raise max_connections of the nodes, or let the services keep fewer connections")
    } else {
        Finding::note("connections", "PgPool takes twice as many clients as are connected now")
    };
    let finding = finding
        .evidence(format!("connected now: {sessions}; old and new deployments overlap"))
        .evidence(format!(
            "PGPOOL_NUM_INIT_CHILDREN: {has}; max_connections of the cluster: {most}"
        ))
        .source("domain.md A.9");
    if has < wanted { finding.mended_by(POOL) } else { finding }
}

/// Half as much again as the database takes must be free on each node.
fn disk(seen: Seen<'_>) -> Finding {
    let needed = seen.inside.contents.size.div_ceil(1 << 20) * 3 / 2;
    let mut finding = Finding::note("disk", "each node has room for the database");
    let (mut small, mut unknown) = (false, false);
    for node in &seen.survey.nodes {
        match &node.service.volume {
            Some(volume) if volume.size_mb > 0 => {
                let free = volume.size_mb.saturating_sub(volume.used_mb);
                small |= free < needed;
                finding = finding
                    .evidence(format!("{}: {free} MB free, {needed} MB needed", node.name()));
            }
            Some(_) | None => {
                unknown = true;
                finding =
                    finding.evidence(format!("{}: not known, {needed} MB needed", node.name()));
            }
        }
    }
    let evidence = std::mem::take(&mut finding.evidence);
    match (small, unknown) {
        (true, _) => {
            listed(Finding::refusal("disk", "a node has no room for the database"), evidence)
                .remedy("grow its volume (Railway's dashboard; the API has no call for it)")
        }
        (false, true) => listed(
            Finding::warning("disk", "whether each node has room for the database is not known"),
            evidence,
        ),
        (false, false) => listed(finding, evidence),
    }
    .source("domain.md A.5")
}
