//! What Patroni says of the server's own node. Its answers are read by their status alone.

use lockstep_sdk::outside::Http;
use lockstep_sdk::{Failure, Response};

use super::PATRONI;

/// Answers 200 where the node leads.
pub(super) const LEADER: &str = "/leader";

/// Answers 200 where the node follows and has everything that the leader had when nodes last looked.
pub(super) const CAUGHT_UP: &str = "/replica?lag=0";

/// Every path that is read.
pub(crate) const PATHS: [&str; 2] = [LEADER, CAUGHT_UP];

/// Whether the server's own node leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Leads {
    /// It does.
    Yes,
    /// It runs and does not.
    No,
    /// It can't be told.
    Unknown(String),
}

/// Asks whether the server's own node leads.
pub(super) fn leads<O: Http>(outside: &O) -> Result<Leads, Failure> {
    Ok(match outside.get(PATRONI, LEADER) {
        Ok(Response { status: 200, .. }) => Leads::Yes,
        Ok(Response { status: 503, .. }) => Leads::No,
        Ok(answer) => Leads::Unknown(format!("Patroni answers {}", answer.status)),
        Err(failure) if failure.is_denied() => return Err(failure),
        Err(failure) => Leads::Unknown(failure.line()),
    })
}

/// Returns whether the server's own node has everything, so that it may lead.
pub(super) fn caught_up<O: Http>(outside: &O) -> Result<bool, Failure> {
    match outside.get(PATRONI, CAUGHT_UP) {
        Ok(answer) => Ok(answer.status == 200),
        Err(failure) if failure.is_denied() => Err(failure),
        Err(_) => Ok(false),
    }
}

/// What a person does to let the node lead.
pub(super) fn by_hand(node: &str) -> String {
    format!(
        "see `patronictl list` why, and let it lead again: POST /failover {{\"candidate\":\"{node}\"}} to Patroni's port 8008 of any node"
    )
}
