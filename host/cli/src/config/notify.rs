//! Who is told how a run came to stand.

use lockstep_drivers::{Channel, Occasion, Recipient, RecipientError, SecretString, Url};
use serde::{Deserialize, Serialize};

use super::document::EnvironmentDocument;
use crate::args::Surroundings;
use crate::error::CliError;
use crate::exit::Exit;

/// Where events of `PagerDuty` go.
const PAGERDUTY: &str = "https://events.pagerduty.com/v2/enqueue";

/// Somebody who is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct NotifyDocument {
    /// How they are told.
    pub(crate) kind: ChannelDocument,
    /// The variable of Lockstep's own environment that holds the URL, or the routing key.
    pub(crate) variable: String,
    /// What they are told of.
    pub(crate) on: Option<Vec<OccasionDocument>>,
    /// Another place than `PagerDuty`'s own that takes its events.
    pub(crate) endpoint: Option<String>,
}

/// How somebody is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ChannelDocument {
    /// An incoming webhook of Slack.
    Slack,
    /// A webhook of Discord.
    Discord,
    /// JSON.
    Webhook,
    /// `PagerDuty`'s Events API, version 2.
    #[serde(rename = "pagerduty")]
    PagerDuty,
}

/// What somebody is told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum OccasionDocument {
    /// A run waits for a person, for a window, or because the environment moved.
    Gate,
    /// A run is done.
    Done,
    /// A run was rolled back.
    RolledBack,
    /// A run is stuck.
    Stuck,
}

impl OccasionDocument {
    const ALL: [Self; 4] = [Self::Gate, Self::Done, Self::RolledBack, Self::Stuck];

    /// What somebody is woken up for.
    const URGENT: [Self; 2] = [Self::RolledBack, Self::Stuck];

    const fn occasions(self) -> &'static [Occasion] {
        match self {
            Self::Gate => &[Occasion::Gate, Occasion::Window, Occasion::Moved],
            Self::Done => &[Occasion::Done],
            Self::RolledBack => &[Occasion::RolledBack],
            Self::Stuck => &[Occasion::Stuck],
        }
    }
}

impl NotifyDocument {
    /// Returns what can't be meant.
    pub(super) fn problem(&self) -> Option<String> {
        if self.variable.is_empty() {
            return Some("has a `notify` with an empty `variable`".to_owned());
        }
        let variable = &self.variable;
        if self.on.as_ref().is_some_and(Vec::is_empty) {
            return Some(format!("has a `notify` with an empty `on` ({variable})"));
        }
        let endpoint = self.endpoint.as_deref()?;
        if self.kind != ChannelDocument::PagerDuty {
            return Some(format!(
                "has a `notify` with an `endpoint` that is not for pagerduty ({variable})"
            ));
        }
        let is_url = Url::parse(endpoint).is_ok_and(|url| url.has_host());
        (!is_url).then(|| {
            format!("has a `notify` whose `endpoint` is not a URL ({variable}): `{endpoint}`")
        })
    }

    /// Returns how it is called where people read of it.
    pub(crate) fn title(&self) -> String {
        let kind = match self.kind {
            ChannelDocument::Slack => "slack",
            ChannelDocument::Discord => "discord",
            ChannelDocument::Webhook => "webhook",
            ChannelDocument::PagerDuty => "pagerduty",
        };
        format!("{kind} ({})", self.variable)
    }

    /// Returns who is told.
    ///
    /// # Errors
    /// The variable is not set, or holds something else.
    pub(crate) fn recipient(&self, surroundings: &Surroundings) -> Result<Recipient, CliError> {
        let (title, variable) = (self.title(), &self.variable);
        let hint = match self.kind {
            ChannelDocument::PagerDuty => {
                format!("export {variable}=… (PagerDuty: the integration key of Events API v2)")
            }
            ChannelDocument::Slack | ChannelDocument::Discord | ChannelDocument::Webhook => {
                format!("export {variable}=https://… (the URL of the webhook)")
            }
        };
        let hint = format!("{hint}, or take this `notify` out of lockstep.toml");
        let Some(secret) = surroundings.get(variable) else {
            let words =
                format!("notices to {title} need the variable {variable}, which is not set");
            return Err(CliError::words(Exit::Usage, words).hint(hint));
        };
        let wrong = |error: RecipientError| {
            CliError::new(Exit::Usage, error)
                .within(format!("notices to {title} can't use the variable {variable}"))
                .hint(hint)
        };
        let channel = match self.kind {
            ChannelDocument::Slack => Channel::Slack,
            ChannelDocument::Discord => Channel::Discord,
            ChannelDocument::Webhook => Channel::Webhook,
            ChannelDocument::PagerDuty => {
                let endpoint = self.endpoint.as_deref().unwrap_or(PAGERDUTY);
                match Url::parse(endpoint) {
                    Ok(endpoint) => Channel::PagerDuty { endpoint },
                    Err(_) => return Err(wrong(RecipientError::NotAUrl)),
                }
            }
        };
        let secret = SecretString::from(secret.to_owned());
        Recipient::new(channel, variable.clone(), secret, self.occasions()).map_err(wrong)
    }

    fn occasions(&self) -> impl Iterator<Item = Occasion> {
        let usual: &[OccasionDocument] = match self.kind {
            ChannelDocument::PagerDuty => &OccasionDocument::URGENT,
            ChannelDocument::Slack | ChannelDocument::Discord | ChannelDocument::Webhook => {
                &OccasionDocument::ALL
            }
        };
        let on = self.on.as_deref().unwrap_or(usual);
        on.iter().flat_map(|occasion| occasion.occasions()).copied()
    }
}

/// Returns what must never be shown of those who are told, and where it is kept; also of a variable that holds nothing
/// usable, because that may be a secret with a mistake in it.
pub(crate) fn notice_secrets(
    environment: &EnvironmentDocument,
    surroundings: &Surroundings,
) -> Vec<(String, String)> {
    let of = |notify: &NotifyDocument| {
        let held = surroundings.get(&notify.variable).map(str::to_owned);
        let whole = held.map(|held| (format!("the variable {}", notify.variable), held));
        let recipient = notify.recipient(surroundings).ok();
        let parts = recipient.map(|recipient| recipient.secrets().collect::<Vec<_>>());
        whole.into_iter().chain(parts.into_iter().flatten()).collect::<Vec<_>>()
    };
    environment.notify.iter().flat_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn read(lines: &str) -> NotifyDocument {
        toml::from_str(lines).unwrap()
    }

    #[test]
    fn pagerduty_hears_of_what_is_urgent_and_everybody_else_of_everything() {
        let count = |lines: &str| read(lines).occasions().count();
        assert_eq!(count("kind = \"slack\"\nvariable = \"X\""), 6);
        let pages = read("kind = \"pagerduty\"\nvariable = \"X\"");
        let on: Vec<Occasion> = pages.occasions().collect();
        assert_eq!(on, [Occasion::RolledBack, Occasion::Stuck]);
        assert_eq!(count("kind = \"pagerduty\"\nvariable = \"X\"\non = [\"gate\"]"), 3);
    }

    #[test]
    fn what_can_not_be_meant_is_named() {
        for (lines, named) in [
            ("kind = \"slack\"\nvariable = \"\"", "variable"),
            ("kind = \"slack\"\nvariable = \"X\"\non = []", "`on`"),
            ("kind = \"slack\"\nvariable = \"X\"\nendpoint = \"https://x\"", "not for pagerduty"),
            ("kind = \"pagerduty\"\nvariable = \"X\"\nendpoint = \"here\"", "`here`"),
        ] {
            let problem = read(lines).problem().unwrap();
            assert!(problem.contains(named), "{problem}");
        }
        for (lines, named) in [
            ("kind = \"pager\"\nvariable = \"X\"", "`pager`"),
            ("kind = \"slack\"\nvariable = \"X\"\non = [\"never\"]", "`never`"),
            ("kind = \"slack\"\nvariable = \"X\"\nurl = \"https://x\"", "`url`"),
        ] {
            let error = toml::from_str::<NotifyDocument>(lines).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
    }
}
