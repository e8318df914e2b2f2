//! Notices at the end of a command: how a run came to stand, for those whom `lockstep.toml` names.

use lockstep_drivers::{Notice, Notifier, Occasion, Patience, Recipient};
use lockstep_engine::model::{Authority, RunId};
use lockstep_engine::run::{Ended, Wait};

use super::ended::exit;
use super::stages::Known;
use crate::clock::{now, written};
use crate::config::EnvironmentDocument;
use crate::error::CliError;
use crate::output::Output;
use crate::render::{brief, length};
use crate::session::{Opened, Session};
use crate::signals::asked_to_end;

/// Refuses to begin while somebody could not be told.
///
/// # Errors
/// A variable that `lockstep.toml` names is not set, or holds something else.
pub(super) fn required(
    session: &Session,
    environment: &EnvironmentDocument,
) -> Result<(), CliError> {
    for notify in &environment.notify {
        notify.recipient(&session.surroundings)?;
    }
    Ok(())
}

/// Those who are told, and what of a run they are always told.
pub(super) struct Notices<'a> {
    session: &'a Session,
    output: &'a Output,
    notifier: Option<Notifier>,
    environment: String,
    component: String,
    from: String,
    to: String,
}

impl<'a> Notices<'a> {
    /// Returns the notices of a run. Going back must not fail for want of a chat, so who can't be told is only mentioned.
    pub(super) fn open(
        session: &'a Session,
        opened: &Opened,
        authority: &Authority,
        output: &'a Output,
    ) -> Self {
        let recipient = |notify: &crate::config::NotifyDocument| {
            let found = notify.recipient(&session.surroundings);
            found.map_err(|error| output.say(&format!("Note: {:#}", error.error))).ok()
        };
        let recipients: Vec<Recipient> =
            opened.document.notify.iter().filter_map(recipient).collect();
        let notifier = (!recipients.is_empty())
            .then(|| Notifier::new(recipients, opened.drivers.redactor(), Patience::default()))
            .and_then(|made| {
                made.map_err(|error| output.say(&format!("Note: no notice is sent: {error}"))).ok()
            });
        Self {
            session,
            output,
            notifier,
            environment: opened.name.clone(),
            component: authority.component.clone(),
            from: authority.from.text.clone(),
            to: authority.to.text.clone(),
        }
    }

    /// Tells everybody how a run ended. What it came to is durable and told already: nothing here changes it.
    /// Returns whether this process was asked to end meanwhile.
    pub(super) async fn send(self, run: &RunId, ended: &Ended) -> bool {
        let Some(notifier) = &self.notifier else { return false };
        let Some((occasion, mut message, hint)) = words(run, ended) else { return false };
        if let Some((known, index)) = Known::of_ended(self.session, run).await {
            message = format!("{message} {}", known.aftermath(index, exit(ended)));
        }
        let head = self.session.store.head(run).await;
        let head = head.inspect_err(|error| tracing::warn!(%error, "a notice names no record"));
        let notice = Notice {
            occasion,
            run: run.to_string(),
            environment: self.environment,
            component: self.component,
            from: self.from,
            to: self.to,
            message,
            hint,
            head: head.ok(),
            at: now(),
        };
        tokio::select! {
            biased;
            outcomes = notifier.send(&notice) => {
                for (recipient, outcome) in outcomes {
                    if let Err(error) = outcome {
                        tracing::warn!(%recipient, %error, "a notice was not delivered");
                        self.output.say(&format!("Note: the notice to {recipient} was not delivered: {error}"));
                    }
                }
                false
            }
            _ = asked_to_end() => {
                self.output.say("Note: not everybody may have been told.");
                true
            }
        }
    }
}

/// Returns what of an end is worth a notice: what a person must act on, or was waiting for.
fn words(run: &RunId, ended: &Ended) -> Option<(Occasion, String, Option<String>)> {
    let resume = format!("`lockstep resume {run}`");
    Some(match ended {
        Ended::Done => (Occasion::Done, "The wanted version runs.".to_owned(), None),
        Ended::RolledBack(why) => (
            Occasion::RolledBack,
            format!("What it had changed is put back. Why: {}", brief(why)),
            Some(format!("`lockstep show {run}`")),
        ),
        Ended::Stuck(question) => (
            Occasion::Stuck,
            brief(question),
            Some(format!("`lockstep show {run}`, then {resume} or `lockstep rollback {run}`")),
        ),
        Ended::Waiting(Wait::Gate { step, waits_for }) => (
            Occasion::Gate,
            format!("Step {step}: {}", brief(waits_for)),
            Some(format!("`lockstep approve {run}`, then {resume}")),
        ),
        Ended::Waiting(Wait::Window { step, opens: Some(opens), needs }) => (
            Occasion::Window,
            format!(
                "Step {step} needs {} of a window. The next one that is long enough opens at {}.",
                length(*needs),
                written(*opens)
            ),
            Some(format!("then {resume}")),
        ),
        Ended::Waiting(Wait::Window { step, opens: None, needs }) => (
            Occasion::Window,
            format!("Step {step} needs {}, and no window is ever long enough.", length(*needs)),
            Some(format!("`lockstep resume {run} --outside-windows`")),
        ),
        Ended::Waiting(Wait::Moved(why)) => (
            Occasion::Moved,
            brief(why),
            Some(format!("put it back, then {resume}; or `lockstep rollback {run}`")),
        ),
        // Whoever asked for these knows, and a soak or another store's run ends by itself.
        Ended::Waiting(
            Wait::Soak { .. } | Wait::Until(_) | Wait::Paused | Wait::Claimed { .. },
        ) => {
            return None;
        }
    })
}

#[cfg(test)]
mod tests {
    use lockstep_engine::model::{Millis, Moment, StepId};

    use super::*;

    #[test]
    fn everything_that_a_person_must_act_on_is_told_and_says_how() {
        let run: RunId = "r-3f9a".parse().unwrap();
        let step = || "upgrade".parse::<StepId>().unwrap();
        let needs = Millis::seconds(600);
        for (ended, occasion) in [
            (Ended::RolledBack("why".to_owned()), Occasion::RolledBack),
            (Ended::Stuck("what?".to_owned()), Occasion::Stuck),
            (Ended::Waiting(Wait::Moved("why".to_owned())), Occasion::Moved),
            (
                Ended::Waiting(Wait::Gate { step: step(), waits_for: "a".to_owned() }),
                Occasion::Gate,
            ),
            (
                Ended::Waiting(Wait::Window { step: step(), opens: Some(Moment(0)), needs }),
                Occasion::Window,
            ),
            (Ended::Waiting(Wait::Window { step: step(), opens: None, needs }), Occasion::Window),
        ] {
            let (found, _, hint) = words(&run, &ended).unwrap();
            assert_eq!(found, occasion);
            assert!(hint.unwrap().contains("`lockstep "), "{ended:?}");
        }
        assert_eq!(words(&run, &Ended::Done).unwrap().0, Occasion::Done);
        for ended in [Wait::Paused, Wait::Until(step())].map(Ended::Waiting) {
            assert_eq!(words(&run, &ended), None);
        }
    }
}
