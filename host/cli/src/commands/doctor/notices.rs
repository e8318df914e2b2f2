//! Those who are told how runs come to stand: whether they can be, and, if asked for, whether they really are.

use lockstep_drivers::{Notice, Notifier, Patience, Redactor};

use super::Finding;
use crate::clock::now;
use crate::config::{self, NotifyDocument};
use crate::error::CliError;
use crate::exit::Exit;
use crate::lab;
use crate::session::Session;

/// Looks at every `notify` of the environment that is meant. With `send`, each gets a notice that says it is a test.
pub(super) async fn look(session: &Session, send: bool) -> Vec<Finding> {
    let wanted = session.global.environment.as_deref();
    let lab = lab::address(&session.global.directory).await.ok().flatten();
    // An environment that can't be chosen is told of where it is dialled.
    let chosen = config::choose(session.document.as_ref(), wanted, lab.as_ref());
    let Ok((name, environment)) = chosen else { return Vec::new() };
    let mut findings = Vec::with_capacity(environment.notify.len());
    for notify in &environment.notify {
        findings.push(one(session, &name, notify, send).await);
    }
    findings
}

async fn one(session: &Session, environment: &str, notify: &NotifyDocument, send: bool) -> Finding {
    let what = format!("notify {}", notify.title());
    let recipient = match notify.recipient(&session.surroundings) {
        Ok(recipient) => recipient,
        Err(error) => return Finding::wrong(what, &error),
    };
    if !send {
        return Finding::fine(what, "its variable is set; --notify sends a test");
    }
    let notifier = match Notifier::new(vec![recipient], Redactor::default(), Patience::default()) {
        Ok(notifier) => notifier,
        Err(error) => return Finding::wrong(what, &CliError::from(error)),
    };
    let outcomes = notifier.send(&Notice::test(environment, now())).await;
    match outcomes.into_iter().find_map(|(_, outcome)| outcome.err()) {
        None => Finding::fine(what, "took a test notice"),
        Some(error) => Finding::wrong(
            what,
            &CliError::new(Exit::Failed, error)
                .within("did not take a test notice")
                .hint("is the variable's value still what the far side gave out, and can it be reached from here?"),
        ),
    }
}
