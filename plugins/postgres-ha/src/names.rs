//! Names of steps, watches, connections and of what the run makes in the databases.

/// The component.
pub(crate) const COMPONENT: &str = "postgres-ha";

/// The connection to the old server's database.
pub(crate) const OLD: &str = "postgres";
/// The connection to the database of the same name on the cluster's primary.
pub(crate) const NEW: &str = "cluster";
/// The connection to the database `postgres` on the same primary.
pub(crate) const ADMIN: &str = "cluster-admin";
/// The connection through PgPool.
pub(crate) const FRONT: &str = "front";

/// The publication, the subscription and the slot of the way there.
pub(crate) const FORWARD: &str = "lockstep_fwd";
/// Those of the way back.
pub(crate) const REVERSE: &str = "lockstep_rev";
/// Those that only show that a link is possible.
pub(crate) const PROBE: &str = "lockstep_probe";

/// The label of the publication of the way back.
pub(crate) const BACK_PUBLICATION: &str = "back-pub";

/// The critical section.
pub(crate) const SECTION: &str = "cut";

pub(crate) const KEEP: &str = "keep";
pub(crate) const PIN: &str = "pin";
pub(crate) const GRACE: &str = "grace";
pub(crate) const FREEZE: &str = "freeze";
pub(crate) const BACKUP: &str = "backup";
pub(crate) const IDENTITY: &str = "identity";
pub(crate) const IDENTITY_UNDO: &str = "identity-undo";
pub(crate) const WAL_BUDGET: &str = "wal-budget";
pub(crate) const WAL_BUDGET_UNDO: &str = "wal-budget-undo";
pub(crate) const LOGICAL_WAL: &str = "logical-wal";
pub(crate) const CLUSTER: &str = "cluster";
pub(crate) const CLUSTER_UNDO: &str = "cluster-undo";
pub(crate) const POOL: &str = "pool";
/// The label with which PgPool's variables are set.
pub(crate) const POOL_SETTINGS: &str = "pool-settings";
pub(crate) const POOL_UNDO: &str = "pool-undo";
/// How often PgPool is started on the way back, until it leads somewhere.
pub(crate) const POOL_ROUNDS: u32 = 3;
pub(crate) const DATABASE: &str = "database";
pub(crate) const DATABASE_UNDO: &str = "database-undo";
pub(crate) const LINK: &str = "link";
pub(crate) const LINK_UNDO: &str = "link-undo";
pub(crate) const LINK_END: &str = "link-end";
pub(crate) const SCHEMA: &str = "schema";
pub(crate) const COPY: &str = "copy";
pub(crate) const COPY_UNDO: &str = "copy-undo";
pub(crate) const INDEXES: &str = "indexes";
pub(crate) const ANALYZE: &str = "analyze";
pub(crate) const VERIFY: &str = "verify";
pub(crate) const HOLD: &str = "hold";
pub(crate) const DRAIN: &str = "drain";
pub(crate) const ARM: &str = "arm";
pub(crate) const ARM_UNDO: &str = "arm-undo";
pub(crate) const SEAL: &str = "seal";
pub(crate) const UNSEAL: &str = "unseal";
pub(crate) const END_WRITERS: &str = "end-writers";
pub(crate) const RELEASE: &str = "release";
pub(crate) const REFERENCES: &str = "references";
pub(crate) const PASSAGE: &str = "front";
/// The label of the front's first deployment.
pub(crate) const PASSAGE_START: &str = "front-start";
pub(crate) const THROUGH: &str = "through";
pub(crate) const SWITCH: &str = "switch";
/// The label of the deployment that leads to the cluster.
pub(crate) const SWITCH_START: &str = "switch-start";
pub(crate) const SWITCH_BACK: &str = "switch-back";
/// The label of the deployment that leads to the old server again.
pub(crate) const SWITCH_BACK_START: &str = "switch-back-start";
pub(crate) const REARM: &str = "rearm";
pub(crate) const SEAL_NEW: &str = "seal-new";
pub(crate) const DRAIN_BACK: &str = "drain-back";
pub(crate) const SEQUENCES_BACK: &str = "sequences-back";
pub(crate) const SNAPSHOTS_BACK: &str = "snapshots-back";
pub(crate) const UNSEAL_OLD: &str = "unseal-old";
pub(crate) const REFERENCES_BACK: &str = "references-back";
pub(crate) const COMPARE_BACK: &str = "compare-back";
/// What the names of the steps begin with that deploy a service with its new references.
pub(crate) const DEPLOY: &str = "deploy-";
/// What the names of the steps begin with that deploy one with its former references.
pub(crate) const RETURN: &str = "return-";
/// What the labels begin with that stop a service.
const HALTED: &str = "halt-";
/// What the names of the undo steps begin with that start one again that was stopped.
pub(crate) const RESUME: &str = "resume-";
pub(crate) const JOB_MAKE: &str = "job-make";
pub(crate) const HALT: &str = "halt";
pub(crate) const JOB_RUN: &str = "job-run";
pub(crate) const JOB_STOP: &str = "job-stop";
pub(crate) const JOB_DELETE: &str = "job-delete";
pub(crate) const FORGET_SEAL: &str = "forget-seal";
pub(crate) const PROVE: &str = "prove";
pub(crate) const SOAK: &str = "soak";
pub(crate) const FINALIZE: &str = "finalize";
pub(crate) const RETIRE: &str = "retire";
/// The step and the label of the last backup of the old volume.
pub(crate) const LAST_BACKUP: &str = "last-backup";
/// The step and the label that delete the old server's service.
pub(crate) const REMOVE: &str = "remove";
pub(crate) const CLOSE: &str = "close";

/// The watch that sees whether the way back is armed.
pub(crate) const WATCH_WAY_BACK: &str = "way-back";
/// The watch that sees how much WAL the links hold back.
pub(crate) const WATCH_WAL: &str = "wal";
/// The watch that sees whether anybody still uses the old server.
pub(crate) const WATCH_OLD_IDLE: &str = "old-idle";
/// The watch that sees whether the front has its nodes.
pub(crate) const WATCH_FRONT: &str = "front";

/// Returns the label with which a service is deployed as it is.
pub(crate) fn rehearsal(service: &str) -> String {
    format!("rehearse-{}", lockstep_sdk::blocks::slug(service))
}

/// Returns the label with which a service is deployed to go through the front.
pub(crate) fn through(service: &str) -> String {
    format!("through-{}", lockstep_sdk::blocks::slug(service))
}

/// Returns the label with which a service's variables are led to the cluster.
pub(crate) fn refer(service: &str) -> String {
    format!("refer-{}", lockstep_sdk::blocks::slug(service))
}

/// Returns the label with which a service of the cluster is deployed as it must be for clients.
pub(crate) fn started(service: &str) -> String {
    format!("start-{}", lockstep_sdk::blocks::slug(service))
}

/// Returns the label with which one is deployed as it was.
pub(crate) fn started_again(service: &str) -> String {
    format!("start-again-{}", lockstep_sdk::blocks::slug(service))
}

/// Returns the step and the label with which a service is deployed with its new references.
pub(crate) fn deployment(service: &str) -> String {
    format!("{DEPLOY}{}", lockstep_sdk::blocks::slug(service))
}

/// Returns the label with which a service is stopped.
pub(crate) fn halt(service: &str) -> String {
    format!("{HALTED}{}", lockstep_sdk::blocks::slug(service))
}

/// Returns the undo step and the label with which a service that was stopped is started on the old server again.
pub(crate) fn resume(service: &str) -> String {
    format!("{RESUME}{}", lockstep_sdk::blocks::slug(service))
}
