//! `lockstep plugin promote`: exactly the bytes that did a run well elsewhere.

use jiff::Timestamp;
use lockstep_engine::journal::{End, Phase, RunState};
use lockstep_engine::model::{Digest, Moment, RunId};
use lockstep_registry::Source;

use super::super::super::staging::id_of;
use super::add::{ended, missing};
use super::agree::agree;
use super::place;
use crate::args::PromoteArguments;
use crate::clock::written;
use crate::error::{CliError, OrExit as _};
use crate::exit::Exit;
use crate::lockfile::{self, FILE, Promoted};
use crate::output::Output;
use crate::plugins::{Ask, Candidate};
use crate::session::Session;

/// Runs the command.
pub(crate) async fn promote(
    session: &Session,
    arguments: &PromoteArguments,
    output: &Output,
) -> Result<Exit, CliError> {
    let (from, _) = place(session, Some(&arguments.from))?;
    let (to, document) = place(session, Some(&arguments.to))?;
    if from == to {
        return Err(CliError::words(Exit::Usage, format!("`{to}` is promoted to itself"))
            .hint("name where it ran, then where it is to run: `lockstep plugin promote staging production`"));
    }
    let lock = lockfile::read(&session.global.directory)?;
    let names: Vec<String> = if arguments.names.is_empty() {
        lock.of(&from).map(|(name, _)| name.to_owned()).collect()
    } else {
        arguments.names.clone()
    };
    if names.is_empty() {
        return Err(CliError::words(Exit::Usage, format!("{FILE} has no plugin for `{from}`"))
            .hint(format!(
                "`lockstep plugin add NAME SOURCE -e {from}`, and have it do a run there"
            )));
    }
    let (mut answers, mut all) = (Vec::new(), true);
    for name in names {
        let entry = lock.entry(&from, &name).ok_or_else(|| missing(&name, &from))?;
        let ran = ran(session, &from, &entry.digest).await?;
        match &ran {
            Some((run, done)) => output.say(&format!(
                "`{name}` {} did run {run} in `{from}`, which was done at {}.",
                entry.digest,
                written(*done)
            )),
            None if arguments.never_ran => output.say(&format!(
                "No run that these bytes did in `{from}` is done; --never-ran promotes them all the same."
            )),
            None => {
                let words = format!("no run of `{from}` in this store was done by `{name}` {}", entry.digest);
                return Err(CliError::words(Exit::Refused, words).hint(format!(
                    "have it do one there: `lockstep apply {name} -e {from}`; --never-ran promotes what nobody has seen at work"
                )));
            }
        }
        let ask = Ask {
            name: name.clone(),
            source: entry.source.clone(),
            digest: Some(entry.digest),
            published: entry.published,
            undated: arguments.consent.accept_undated || entry.source == Source::Bundled,
        };
        let mut candidate = Candidate::fetch(session, (&to, &document), ask).await?;
        candidate.entry.manifest = candidate.entry.manifest.or(entry.manifest);
        candidate.entry.held = entry.held || lock.entry(&to, &name).is_some_and(|own| own.held);
        candidate.entry.promoted = Some(Promoted {
            from: from.clone(),
            run: ran.as_ref().map(|(run, _)| run.clone()),
            done: ran.as_ref().and_then(|(_, done)| timestamp(*done)),
        });
        let (answer, agreed) = agree(session, &to, &candidate, arguments.consent, output).await?;
        answers.push(answer);
        all &= agreed;
    }
    output.json("plugins", &answers)?;
    Ok(ended(all))
}

/// Returns the newest run of an environment that these bytes have done, and when it was done.
async fn ran(
    session: &Session,
    environment: &str,
    plugin: &Digest,
) -> Result<Option<(RunId, Moment)>, CliError> {
    let Some(id) = id_of(session, environment).await? else {
        return Err(CliError::words(Exit::Failed, format!("`{environment}` is a lab that does not run, so its runs can't be told from another lab's"))
            .hint("start it with `lockstep lab up`"));
    };
    let mut newest: Option<(RunId, Moment)> = None;
    for run in session.store.runs().await.or_exit(Exit::Failed)? {
        if run.environment != id {
            continue;
        }
        let attachments = session.store.attachments(&run.id).await.or_exit(Exit::Failed)?;
        if attachments.get("plugin") != Some(plugin) {
            continue;
        }
        let records = session.store.records(&run.id).await.or_exit(Exit::Failed)?;
        let state = RunState::fold(&records).or_exit(Exit::Failed)?;
        let last = records.last().map(|record| record.at);
        if let (Phase::Finished(End::Done), Some(at)) = (&state.phase, last)
            && newest.as_ref().is_none_or(|(_, before)| *before < at)
        {
            newest = Some((run.id, at));
        }
    }
    Ok(newest)
}

fn timestamp(moment: Moment) -> Option<Timestamp> {
    Timestamp::from_millisecond(i64::try_from(moment.0).ok()?).ok()
}
