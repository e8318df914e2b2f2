//! Notices: telling people, where they already look, how a run came to stand.
//!
//! [`Notice`] is what is told, [`Recipient`] who is told, [`Notifier`] sends. What a run came to does not depend on any of
//! it: a notice that can't be delivered is an answer for the caller to show, and never an error of the run.

mod body;
mod discord;
mod notice;
mod pagerduty;
mod recipient;
mod send;
mod slack;
#[cfg(test)]
mod tests;
mod text;
mod webhook;

pub use notice::{Notice, Occasion};
pub use recipient::{Channel, Recipient, RecipientError};
pub use send::{Notifier, Patience, Undelivered};
