//! Names of steps, labels, watches, connections and of what the run makes.

/// The component.
pub(crate) const COMPONENT: &str = "litellm";

/// The connection to the database that LiteLLM uses.
pub(crate) const DATABASE: &str = "postgres";
/// The connection to the database on the same server on which the migration is rehearsed.
pub(crate) const SCRATCH_DATABASE: &str = "litellm-scratch";
/// The name of that database.
pub(crate) const REHEARSAL: &str = "lockstep_rehearsal";
/// The schema in which the run notes which rows of the migrations' history were there before.
pub(crate) const NOTES: &str = "lockstep_litellm";
/// The endpoint of the proxy.
pub(crate) const PROXY: &str = "litellm";
/// The endpoint of Langfuse.
pub(crate) const LANGFUSE: &str = "langfuse-web";
/// The endpoint that lists releases.
pub(crate) const RELEASES: &str = "releases";
/// The service that migrates the copy, and its alias in plans.
pub(crate) const REHEARSAL_SERVICE: &str = "litellm-rehearsal";
/// The service that migrates the database. Another one, because what a service led to first would have to be kept.
pub(crate) const JOB_SERVICE: &str = "litellm-migration";

/// The labels with which the proxy is asked: for its models, for its version, for a key, with that for an answer, and to
/// delete the key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub(crate) models: &'static str,
    pub(crate) version: &'static str,
    pub(crate) key: &'static str,
    pub(crate) answer: &'static str,
    pub(crate) end: &'static str,
}

pub(crate) const KEEP: &str = "keep";
pub(crate) const PIN: &str = "pin";
pub(crate) const GRACE: &str = "grace";
pub(crate) const DRY: &str = "dry";
/// The label with which the proxy is deployed as it is.
pub(crate) const DRY_DEPLOY: &str = "dry-deploy";
pub(crate) const BACK_SMOKE: &str = "back-smoke";
/// The labels with which the former version is asked at the end of the way back: for models, and for its version.
pub(crate) const BACK_ASKED: [&str; 2] = ["back-models", "back-version"];
pub(crate) const BEFORE: &str = "before";
/// The labels with which the proxy is asked before anything changes.
pub(crate) const ASKED_BEFORE: Asked = Asked {
    models: "models-before",
    version: "version-before",
    key: "key-before",
    answer: "answer-before",
    end: "key-end-before",
};
pub(crate) const REVIEW: &str = "review";
pub(crate) const SCRATCH: &str = "scratch";
pub(crate) const SCRATCH_UNDO: &str = "scratch-undo";
pub(crate) const SCHEMA: &str = "schema";
/// The labels with which the two parts of the schema and the history are copied.
pub(crate) const SCHEMA_LABELS: [&str; 3] = ["schema-before", "schema-after", "carry"];
pub(crate) const STAGE: &str = "stage";
pub(crate) const REHEARSE: &str = "rehearse";
pub(crate) const REHEARSE_UNDO: &str = "rehearse-undo";
pub(crate) const BACKUP: &str = "backup";
pub(crate) const JOB: &str = "job";
/// The step and the label of the deployment that migrates.
pub(crate) const MIGRATE: &str = "migrate";
pub(crate) const MIGRATE_UNDO: &str = "migrate-undo";
/// The label with which the history's rows are noted.
pub(crate) const NOTE_ROWS: &str = "migrate-rows";
pub(crate) const MIGRATED: &str = "migrated";
pub(crate) const SWITCH: &str = "switch";
/// The label of the deployment of the new version.
pub(crate) const SWITCH_DEPLOY: &str = "switch-deploy";
pub(crate) const SWITCH_UNDO: &str = "switch-undo";
/// The label of the deployment of the former version.
pub(crate) const BACK_DEPLOY: &str = "back-deploy";
pub(crate) const SMOKE: &str = "smoke";
/// The labels with which the new version is asked.
pub(crate) const ASKED_AFTER: Asked = Asked {
    models: "models-after",
    version: "version-after",
    key: "key-after",
    answer: "answer-after",
    end: "key-end-after",
};
pub(crate) const SOAK: &str = "soak";
pub(crate) const CLOSE: &str = "close";

/// The watch that sees whether the proxy is ready and has its database.
pub(crate) const WATCH_SERVING: &str = "serving";
/// The watch that sees whether spend is still written.
pub(crate) const WATCH_SPEND: &str = "spend";
/// The watch that sees whether the schema fits the code.
pub(crate) const WATCH_SCHEMA: &str = "schema";
