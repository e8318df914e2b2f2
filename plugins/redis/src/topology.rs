//! Ways to run Redis that are no versions of it: recognised, and refused with what can be done instead.

use lockstep_sdk::Finding;

/// Returns the refusal for a word that names such a way.
pub(crate) fn refused(typed: &str) -> Option<Finding> {
    let finding = match typed.to_ascii_lowercase().as_str() {
        "cluster" => cluster(),
        "sentinel" | "ha" => sentinel(),
        "replication" | "replica" => replication(),
        _ => return None,
    };
    Some(finding.source("UPGRADE.md: Upgrading to Redis Cluster; Redis: scaling, sentinel"))
}

fn cluster() -> Finding {
    Finding::refusal(
        "topology",
        "there is no plan to Redis Cluster: what is queued could not be carried over, and this stack rarely gains by it",
    )
    .evidence("Redis has no live migration to a cluster: its clients stop meanwhile")
    .evidence("in a cluster BullMQ names its keys otherwise (`{queue}` instead of `bull`): every queue must be empty before the switch, and again before going back")
    .evidence("Langfuse knows clusters from 3.70 on (REDIS_CLUSTER_ENABLED, REDIS_CLUSTER_NODES=host:port,…); older ones ignore the variables silently")
    .evidence("LiteLLM takes a variable of the same name in another form (JSON): never a shared variable; health-monitor speaks to one host only")
    .evidence("a cluster has database 0 only")
    .remedy(
        "for more memory, raise the service's limit; for a server that takes over, convert to Railway's `redis-ha`. If it must be a \
         cluster: stop ingestion, let the worker empty every `bull:*` queue, stop it, and start the clients on a new, empty cluster",
    )
}

fn sentinel() -> Finding {
    Finding::refusal("topology", "there is no plan to Sentinel: Railway's own conversion does it in place")
        .evidence("REDIS_HOST leads to no sentinel: Langfuse knows them from 3.128 on (REDIS_SENTINEL_ENABLED, …_NODES, …_MASTER_NAME), LiteLLM in another form, health-monitor not at all; behind HAProxy all of them keep one address")
        .evidence("the conversion needs the same major and minor version, and a service without a start command of its own: the official image as Lockstep sets it up has one, Bitnami's has none")
        .evidence("a primary that sentinels watch must not be upgraded as a single server: stopping it makes a replica take over")
        .remedy("prove a backup of the volume, then convert to `redis-ha` (Sentinel behind HAProxy) in Railway; this plugin does not upgrade the result")
}

fn replication() -> Finding {
    Finding::refusal("topology", "there is no plan to a replica beside the server: nothing in this stack would read it or fail over to it")
        .evidence("a replica is no backup: what is deleted is deleted there too")
        .evidence("without sentinels nobody promotes it, and the clients know one address")
        .remedy("for a server that takes over, convert to Railway's `redis-ha`; for a copy to go back to, the plans of this plugin make a locked backup")
}
