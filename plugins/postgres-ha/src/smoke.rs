//! What is read of the services that use the database.

use lockstep_sdk::blocks::smoke::Look;

/// The paths; none of them changes anything or costs anything. LiteLLM's `/health` is not among them: it bills every model.
pub(crate) const LOOKS: [Look; 5] = [
    Look { endpoint: "langfuse-web", path: "/api/public/health?failIfDatabaseUnavailable=true" },
    Look { endpoint: "langfuse-web", path: "/api/public/ready" },
    Look { endpoint: "langfuse-worker", path: "/api/health" },
    Look { endpoint: "litellm", path: "/health/liveliness" },
    Look { endpoint: "litellm", path: "/health/readiness" },
];

/// Returns the endpoints, each once.
pub(crate) fn endpoints() -> impl Iterator<Item = &'static str> {
    let mut endpoints: Vec<_> = LOOKS.iter().map(|look| look.endpoint).collect();
    endpoints.dedup();
    endpoints.into_iter()
}
