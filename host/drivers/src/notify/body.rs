//! Which body a recipient gets, if any.

use secrecy::ExposeSecret as _;
use serde_json::Value;

use super::notice::{Notice, Occasion};
use super::recipient::{Channel, Recipient};
use super::{discord, pagerduty, slack, webhook};

/// Returns what is sent to a recipient; none where it does not want to hear of this.
pub(super) fn body(recipient: &Recipient, notice: &Notice) -> Option<Value> {
    let wanted = notice.occasion == Occasion::Test || recipient.on().contains(&notice.occasion);
    match recipient.channel() {
        Channel::PagerDuty { .. } => incident(wanted, notice, recipient.secret().expose_secret()),
        Channel::Slack if wanted => Some(slack::body(notice)),
        Channel::Discord if wanted => Some(discord::body(notice)),
        Channel::Webhook if wanted => Some(webhook::body(notice)),
        Channel::Slack | Channel::Discord | Channel::Webhook => None,
    }
}

/// What a run that is over has opened is closed, whatever the recipient wants to hear of: nobody has to act on it any more.
/// A way back that pages somebody stays open until that person has seen it.
fn incident(wanted: bool, notice: &Notice, routing_key: &str) -> Option<Value> {
    match notice.occasion {
        Occasion::Done => Some(pagerduty::resolve(notice, routing_key)),
        Occasion::RolledBack if !wanted => Some(pagerduty::resolve(notice, routing_key)),
        Occasion::Gate
        | Occasion::Window
        | Occasion::Moved
        | Occasion::RolledBack
        | Occasion::Stuck
        | Occasion::Test => wanted.then(|| pagerduty::trigger(notice, routing_key)),
    }
}
