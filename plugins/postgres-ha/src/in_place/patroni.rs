//! What Patroni says of the server's own node, and what holds for all nodes. Its answers are read by their status, or by one word in them.

use lockstep_sdk::outside::Http;
use lockstep_sdk::{Failure, Response};

use super::PATRONI;

/// Answers 200 where the node leads, with what it says of itself.
pub(super) const LEADER: &str = "/leader";

/// Answers 200 where the node follows and has everything that the leader had when nodes last looked.
pub(super) const CAUGHT_UP: &str = "/replica?lag=0";

/// Answers with what holds for all nodes.
const CONFIG: &str = "/config";

/// Every path that is read.
pub(crate) const PATHS: [&str; 3] = [LEADER, CAUGHT_UP, CONFIG];

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

/// Returns whether a limit is at least this for all nodes, from their next starts on. What runs may be more until then.
pub(super) fn allows<O: Http>(outside: &O, name: &str, wanted: &str) -> Result<bool, Failure> {
    let found = answer(outside, CONFIG)?;
    let Some((_, behind)) = found.split_once(&format!("\"{name}\":")) else { return Ok(false) };
    let behind = behind.strip_prefix('"').unwrap_or(behind);
    let figure = behind.split(|next: char| !next.is_ascii_digit()).next().unwrap_or_default();
    let pair = (figure.parse::<u64>(), wanted.parse::<u64>());
    Ok(matches!(pair, (Ok(figure), Ok(wanted)) if figure >= wanted))
}

/// Returns whether the server's own node waits for a restart, by its own word; none where it does not lead or says nothing.
pub(super) fn waits_for_restart<O: Http>(outside: &O) -> Result<Option<bool>, Failure> {
    let found = answer(outside, LEADER)?;
    Ok(found.contains("\"patroni\"").then(|| found.contains("\"pending_restart\":true")))
}

/// Returns an answer without its spaces; nothing where none comes.
fn answer<O: Http>(outside: &O, path: &str) -> Result<String, Failure> {
    match outside.get(PATRONI, path) {
        Ok(Response { status: 200, body, .. }) => {
            let text = String::from_utf8_lossy(&body);
            Ok(text.chars().filter(|letter| !letter.is_ascii_whitespace()).collect())
        }
        Err(failure) if failure.is_denied() => Err(failure),
        Ok(_) | Err(_) => Ok(String::new()),
    }
}

/// What a person does to let the node lead.
pub(super) fn by_hand(node: &str) -> String {
    format!(
        "see `patronictl list` why, and let it lead again: POST /failover {{\"candidate\":\"{node}\"}} to Patroni's port 8008 of any node"
    )
}
