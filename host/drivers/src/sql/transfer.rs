//! Work between two databases: which code does which part of it.

use std::sync::Arc;
use std::time::Duration;

use lockstep_engine::journal::{Fate, Intent, Sent, Standing};
use lockstep_engine::model::{Atomicity, Digest, Fact, Failure, Transfer, Value};
use lockstep_engine::run::Follow;
use tokio::time::timeout;

use super::compare;
use super::copy_sequences;
use super::effect::commit;
use super::index_builds;
use super::session::{Databases, Session, failure};
use crate::order::Order;
use crate::railway::Deadline;

/// How long one part of a schema may take: its foreign keys are looked up for all rows.
const LONGEST: Duration = Duration::from_hours(6);

/// What stands for the definitions that are sent.
const DIGEST: &str = "digest";

impl Databases {
    /// Prepares what changes a database, so that the intent holds the number of its transaction.
    pub(crate) async fn transfer_standing(
        &self,
        order: &Order<'_>,
        transfer: &Transfer,
    ) -> Result<Standing, Failure> {
        let target = match transfer {
            Transfer::CopySchema { target, .. } | Transfer::CopySequences { target, .. } => target,
            Transfer::BuildIndexes { .. }
            | Transfer::HoldSnapshots { .. }
            | Transfer::Compare { .. } => return Ok(Standing::new()),
        };
        // The definitions are read first: the transaction waits for nobody.
        let script = match transfer {
            Transfer::CopySchema { source, target, part } => {
                Some(self.schema_script(source, target, *part).await?)
            }
            Transfer::BuildIndexes { .. }
            | Transfer::CopySequences { .. }
            | Transfer::HoldSnapshots { .. }
            | Transfer::Compare { .. } => None,
        };
        let mut standing = self.standing(order, target, Atomicity::Transaction).await?;
        if let Some(script) = script {
            standing.insert(DIGEST.to_owned(), Some(digest(&script).to_string()));
            if let Some(prepared) = self.prepared.lock().await.get_mut(order.marker) {
                prepared.script = Some(script);
            }
        }
        Ok(standing)
    }

    /// Carries out what can be answered at once.
    pub(crate) async fn transfer(
        &self,
        order: &Order<'_>,
        transfer: &Transfer,
        intent: &Intent,
        deadline: Deadline<'_>,
    ) -> Sent {
        let sent = match transfer {
            Transfer::CopySchema { target, .. } => {
                self.copy_schema(order, target, intent, deadline).await
            }
            Transfer::CopySequences { source, target, ahead } => {
                self.copy_sequences(order, (source, target), *ahead, intent, deadline).await
            }
            Transfer::HoldSnapshots { left, right, longest } => {
                self.hold_snapshots(order, left, right, *longest, deadline).await
            }
            // It can be done twice, so there is nothing to send: it begins when it is looked at. One of an earlier round is over.
            Transfer::Compare { .. } | Transfer::BuildIndexes { .. } => {
                self.jobs().remove(order.marker);
                Sent::Done(Vec::new())
            }
        };
        self.redactor.sent(sent)
    }

    pub(crate) async fn settle_transfer(
        &self,
        order: &Order<'_>,
        transfer: &Transfer,
        intent: &Intent,
    ) -> Result<Fate, Failure> {
        match transfer {
            Transfer::CopySchema { target, .. } | Transfer::CopySequences { target, .. } => {
                self.settle(order, target, Atomicity::Transaction, intent).await
            }
            Transfer::HoldSnapshots { .. } => Ok(self.settle_snapshots(order).await),
            Transfer::Compare { .. } | Transfer::BuildIndexes { .. } => {
                Ok(Fate::Happened(Vec::new()))
            }
        }
    }

    /// Looks how far work is that goes on after it was answered, and begins it where this process has not yet.
    pub(crate) fn follow_transfer(
        self: &Arc<Self>,
        order: &Order<'_>,
        transfer: &Transfer,
    ) -> Result<Follow, Failure> {
        let begin = match transfer {
            Transfer::Compare { .. } => compare::begin,
            Transfer::BuildIndexes { .. } => index_builds::begin,
            Transfer::CopySchema { .. }
            | Transfer::CopySequences { .. }
            | Transfer::HoldSnapshots { .. } => return Ok(Follow::Finished(Vec::new())),
        };
        let mut jobs = self.jobs();
        let job =
            jobs.entry(order.marker.to_owned()).or_insert_with(|| begin(self, order, transfer));
        let follow = job.look();
        if !matches!(follow, Ok(Follow::Going { .. })) {
            jobs.remove(order.marker);
        }
        follow
    }

    async fn copy_schema(
        &self,
        order: &Order<'_>,
        name: &str,
        intent: &Intent,
        deadline: Deadline<'_>,
    ) -> Sent {
        let mut prepared = self.prepared.lock().await.remove(order.marker);
        let script = prepared.as_mut().and_then(|prepared| prepared.script.take());
        let session = self.session_for(order, name, Atomicity::Transaction, prepared, intent).await;
        let (session, script) = match (session, script) {
            (Ok(session), Some(script)) => (session, script),
            (Err(failure), _) => return Sent::Refused(failure),
            (Ok(_), None) => {
                let text = format!("the definitions for connection `{name}` are gone");
                return Sent::Refused(Failure::transient("sql:transaction-gone", text));
            }
        };
        let bytes = Value::Integer(i64::try_from(script.len()).unwrap_or(i64::MAX));
        let digest = Value::Text(digest(&script).to_string());
        let facts = vec![Fact::one("digest", digest), Fact::one("bytes", bytes)];
        let ran = async {
            deadline.check()?;
            let longest = format!("SET LOCAL statement_timeout = '{}s'", LONGEST.as_secs());
            let failed = |error: tokio_postgres::Error| failure(name, &error);
            session.client.batch_execute(&longest).await.map_err(failed)?;
            session.client.batch_execute(&script).await.map_err(failed)
        };
        let ran = timeout(LONGEST, ran).await.map(|ran| ran.map(|()| facts));
        end(&session, name, ran).await
    }

    async fn copy_sequences(
        &self,
        order: &Order<'_>,
        (source, target): (&str, &str),
        ahead: u64,
        intent: &Intent,
        deadline: Deadline<'_>,
    ) -> Sent {
        let prepared = self.prepared.lock().await.remove(order.marker);
        let session =
            self.session_for(order, target, Atomicity::Transaction, prepared, intent).await;
        let session = match session {
            Ok(session) => session,
            Err(failure) => return Sent::Refused(failure),
        };
        let ran = async {
            let stands = self.sequences(source, ahead).await?;
            deadline.check()?;
            copy_sequences::set(&session.client, target, &stands).await
        };
        end(&session, target, timeout(LONGEST, ran).await).await
    }
}

fn digest(script: &str) -> Digest {
    Digest::of(script.as_bytes())
}

/// Commits what went well. Whatever ends before the commit is sent surely did nothing.
async fn end(
    session: &Session,
    name: &str,
    ran: Result<Result<Vec<Fact>, Failure>, tokio::time::error::Elapsed>,
) -> Sent {
    match ran {
        Ok(Ok(facts)) => commit(&session.client, name, facts).await,
        Ok(Err(failure)) => Sent::Refused(failure),
        Err(elapsed) => {
            let text = format!("connection `{name}` did not answer in time: {elapsed}");
            Sent::Refused(Failure::transient("sql:timeout", text))
        }
    }
}
