//! `PagerDuty`'s Events API, version 2. One incident a run: its key is the run.

use serde_json::{Value, json};

use super::notice::{Notice, Occasion};
use super::text::{fitted, plain};
use super::webhook;

/// What `PagerDuty` takes of a summary.
const SUMMARY: usize = 1024;

/// What `PagerDuty` takes of a key.
const KEY: usize = 255;

/// Returns the body of a notice that opens the run's incident, or adds to it.
pub(super) fn trigger(notice: &Notice, routing_key: &str) -> Value {
    let summary = format!("{}. {}", notice.headline(), notice.message);
    json!({
        "routing_key": routing_key,
        "event_action": "trigger",
        "dedup_key": fitted(&notice.run, KEY, plain),
        "client": "Lockstep",
        "payload": {
            "summary": fitted(&summary, SUMMARY, plain),
            "severity": severity(notice.occasion),
            "source": fitted(&notice.environment, KEY, plain),
            "component": fitted(&notice.component, KEY, plain),
            "timestamp": notice.time(),
            "custom_details": webhook::body(notice),
        },
    })
}

/// Returns the body that closes the run's incident, if there is one.
pub(super) fn resolve(notice: &Notice, routing_key: &str) -> Value {
    json!({
        "routing_key": routing_key,
        "event_action": "resolve",
        "dedup_key": fitted(&notice.run, KEY, plain),
    })
}

const fn severity(occasion: Occasion) -> &'static str {
    match occasion {
        Occasion::Stuck => "critical",
        Occasion::RolledBack => "error",
        Occasion::Moved => "warning",
        Occasion::Gate | Occasion::Window | Occasion::Done | Occasion::Test => "info",
    }
}
