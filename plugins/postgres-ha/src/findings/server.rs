//! Findings about the old server: what it writes, what it keeps, what would be in the way.

use lockstep_sdk::Finding;

use super::{Seen, listed};
use crate::names::{LOGICAL_WAL, OLD, WAL_BUDGET};
use crate::options::Path;
use crate::server::Server;

pub(super) fn going(seen: Seen<'_>) -> Vec<Finding> {
    let server = &seen.inside.server;
    let mut findings = vec![versions(seen)];
    match seen.path {
        Path::Online => findings.extend([wal(seen), budget(seen)]),
        Path::Job => findings.push(following(seen)),
    }
    findings.extend(role(server, "postgres"));
    findings.extend(pooled(seen.inside.pooler.as_deref(), OLD));
    findings.extend(sees(server));
    if server.prepared > 0 {
        findings.push(
            Finding::refusal(
                "prepared",
                "prepared transactions keep a slot from being made, and would not be carried",
            )
            .evidence(format!("pg_prepared_xacts: {}", server.prepared))
            .remedy("commit or roll back each: SELECT * FROM pg_prepared_xacts")
            .source("domain.md A.5"),
        );
    }
    let other: Vec<&String> = server
        .pending
        .iter()
        .filter(|name| !seen.needs.restart.iter().any(|(changed, _)| changed == name))
        .collect();
    if !other.is_empty() {
        let title =
            "settings of the old server wait for a restart, and any restart brings them into force";
        findings.push(listed(Finding::warning("pending-restart", title), other));
    }
    if !seen.inside.sessions.long.is_empty() {
        let finding = Finding::warning(
            "long-transactions",
            "transactions have been open for minutes: a slot waits for each to end, and so does the block on writes",
        );
        let lines =
            seen.inside.sessions.long.iter().map(|(who, length)| format!("{who}: {length}"));
        findings.push(
            listed(finding, lines)
                .remedy("see what they are, and end them before the cut")
                .source("domain.md A.5"),
        );
    }
    let abandoned = &seen.inside.sessions.abandoned;
    if !abandoned.is_empty() {
        let title = "nobody reads from some slots of the old server, and it keeps its log for them: this fills its volume";
        let lines = abandoned.iter().map(|(slot, held)| format!("`{slot}` holds back {held} MB"));
        findings.push(
            listed(Finding::warning("abandoned-slots", title), lines)
                .remedy("see whose each is; one that nobody needs: SELECT pg_drop_replication_slot('…')")
                .source("domain.md A.5"),
        );
    }
    if !seen.inside.sessions.leftovers.is_empty() {
        findings.push(leftovers("the old server", &seen.inside.sessions.leftovers));
    }
    findings
}

/// Says what an earlier run left, and how it is taken away.
pub(super) fn leftovers(place: &str, found: &[String]) -> Finding {
    let title = format!(
        "an earlier run left something at {place}, and nobody knows whether it is still needed"
    );
    listed(Finding::refusal("leftovers", title), found)
        .remedy(
            "end that run (`lockstep runs`), or take it away: in its database ALTER SUBSCRIPTION … DISABLE, ALTER SUBSCRIPTION … SET \
             (slot_name = NONE), DROP SUBSCRIPTION …; then SELECT pg_drop_replication_slot('…'), DROP PUBLICATION …, DROP ROLE …",
        )
        .source("domain.md A.5")
}

/// Refuses a server that follows another.
pub(super) fn role(server: &Server, connection: &str) -> Option<Finding> {
    server.recovering.then(|| {
        Finding::refusal("role", format!("the connection `{connection}` leads to a standby"))
            .evidence("pg_is_in_recovery(): true")
            .remedy("let it lead to the primary")
            .source("domain.md A.5")
    })
}

/// Refuses a connection that ends at a pooler: a block on writes is a session's, and so is everything that is proven by looking.
pub(super) fn pooled(pooler: Option<&str>, connection: &str) -> Option<Finding> {
    pooler.map(|evidence| {
        let title = format!(
            "the connection `{connection}` leads to a pooler: no block on writes holds through one, and no link comes out of it"
        );
        Finding::refusal("pooler", title)
            .evidence(evidence)
            .remedy("let it lead to the service that runs the server itself")
            .source("plans.md R12")
    })
}

/// What other sessions do must be seen, because the end of the old writers is proven by it.
pub(super) fn sees(server: &Server) -> Option<Finding> {
    (!server.sees_sessions).then(|| {
        Finding::refusal(
            "sessions-hidden",
            "reads may not see when other sessions began, so it could not be proven that no writer is left",
        )
        .evidence("pg_has_role(current_user, 'pg_read_all_stats', 'USAGE'): false")
        .remedy("the host must read the statistics as a role with `pg_monitor`, which the superuser may become")
    })
}

fn versions(seen: Seen<'_>) -> Finding {
    let (old, new) = (&seen.inside.server, &seen.cluster.server);
    let evidence =
        [format!("old: {}", old.version().text), format!("cluster: {}", new.version().text)];
    if new.major() < old.major() {
        return listed(
            Finding::refusal(
                "versions",
                "the cluster is of an older major version than the old server",
            ),
            evidence,
        )
        .remedy("deploy a cluster of the same major version or a newer one")
        .source("domain.md A.5");
    }
    if old.system == new.system {
        return Finding::refusal("same-server", "the cluster is the old server, or a copy of it")
            .evidence(format!("both have the system identifier {}", old.system))
            .remedy("let `cluster-admin` lead to the new cluster")
            .source("domain.md A.5");
    }
    listed(Finding::note("versions", "both servers, which are different ones"), evidence)
        .evidence(format!("system identifiers: {} and {}", old.system, new.system))
}

fn wal(seen: Seen<'_>) -> Finding {
    let server = &seen.inside.server;
    let evidence = [
        format!("wal_level: {}", server.wal_level),
        format!("free slots: {}, free walsenders: {}", server.free_slots, server.free_senders),
    ];
    if seen.needs.restart.is_empty() {
        return listed(Finding::note("wal", "the old server writes what a link needs"), evidence);
    }
    let title = "the old server must be restarted once before a link is possible: every service is without its database meanwhile";
    let finding = listed(Finding::warning("wal", title), evidence);
    let changes =
        seen.needs.restart.iter().map(|(name, value)| format!("to be set: {name} = {value}"));
    listed(finding, changes).mended_by(LOGICAL_WAL).source("domain.md A.3")
}

/// Where a job copies, the old server need only be able to follow the cluster afterwards.
fn following(seen: Seen<'_>) -> Finding {
    let server = &seen.inside.server;
    let evidence = [
        format!("max_logical_replication_workers: {}", server.workers),
        format!("free slots: {}", server.free_slots),
    ];
    if seen.needs.restart.is_empty() {
        return listed(Finding::note("wal", "the old server can follow the cluster"), evidence);
    }
    let title = "the old server must be restarted once before it can follow the cluster: every service is without its database meanwhile";
    let finding = listed(Finding::warning("wal", title), evidence);
    let changes =
        seen.needs.restart.iter().map(|(name, value)| format!("to be set: {name} = {value}"));
    listed(finding, changes).mended_by(LOGICAL_WAL).source("plans.md 3.8")
}

fn budget(seen: Seen<'_>) -> Finding {
    let server = &seen.inside.server;
    let volume = seen.survey.old.service.volume.as_ref();
    let free = volume.map_or(0, |volume| volume.size_mb.saturating_sub(volume.used_mb));
    let budget = seen.needs.budget;
    let known = volume.is_some_and(|volume| volume.size_mb > 0);
    let evidence = [
        format!("max_slot_wal_keep_size: {}", server.slot_budget),
        format!("max_slot_wal_keep_size at the cluster: {}", seen.cluster.server.slot_budget),
        format!("free on the volume: {free} MB; a link may hold back {budget} MB"),
    ];
    if known && free < budget {
        return listed(
            Finding::refusal(
                "wal-budget",
                "the old server's volume has no room for the log that a link holds back",
            ),
            evidence,
        )
        .remedy("grow the volume or free space, or set a smaller `wal-budget`")
        .source("domain.md A.3");
    }
    if !seen.needs.old.iter().chain(&seen.needs.cluster).any(|setting| setting.lasts) {
        return listed(
            Finding::note("wal-budget", "the log that a link may hold back is bounded already"),
            evidence,
        );
    }
    let title = "nothing bounds the log that a link holds back, so a link that is left behind would fill the volume";
    listed(Finding::note("wal-budget", title), evidence)
        .mended_by(WAL_BUDGET)
        .source("domain.md A.3")
}
