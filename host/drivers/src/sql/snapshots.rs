//! Two databases kept to be compared as they stood at one moment.

use lockstep_engine::journal::{Fate, Sent};
use lockstep_engine::model::{Fact, Failure, Label, Millis, Value};
use tokio_postgres::Client;

use super::session::{Databases, Session, called, failure};
use crate::order::Order;
use crate::railway::Deadline;

/// The facts that tell which transactions each of them saw, which outlives the sessions.
pub(super) const SEEN: [&str; 2] = ["seen-left", "seen-right"];

/// Sessions that keep both databases as they stood. Dropping them lets go.
pub(super) struct Snapshots {
    _left: Session,
    _right: Session,
    pub(super) names: Names,
    seen: [String; 2],
}

/// By which other sessions see what these see.
#[derive(Clone, Debug)]
pub(super) struct Names {
    pub(super) left: String,
    pub(super) right: String,
}

impl Databases {
    /// Keeps both databases as they stand.
    pub(crate) async fn hold_snapshots(
        &self,
        order: &Order<'_>,
        left: &str,
        right: &str,
        longest: Millis,
        deadline: Deadline<'_>,
    ) -> Sent {
        let own = own_name(order, &order.effect.label);
        let one = async |name: &str| {
            let session = self.open(name, &own).await?;
            let snapshot = export(&session.client, name, longest).await;
            let snapshot = snapshot.map_err(|failure| self.redactor.failure(failure))?;
            Ok::<_, Failure>((session, snapshot))
        };
        if let Err(failure) = deadline.check() {
            return Sent::Refused(failure);
        }
        match futures_util::future::try_join(one(left), one(right)).await {
            Ok(((left, (left_name, saw_left)), (right, (right_name, saw_right)))) => {
                let names = Names { left: left_name, right: right_name };
                let seen = [saw_left, saw_right];
                let held = Snapshots { _left: left, _right: right, names, seen };
                let facts = held.facts();
                self.snapshots.lock().await.insert(own, held);
                Sent::Done(facts)
            }
            Err(failure) => Sent::Refused(failure),
        }
    }

    /// Finds out whether both databases are kept: only the process that keeps them can.
    pub(super) async fn settle_snapshots(&self, order: &Order<'_>) -> Fate {
        let own = own_name(order, &order.effect.label);
        self.snapshots
            .lock()
            .await
            .get(&own)
            .map_or(Fate::DidNot, |held| Fate::Happened(held.facts()))
    }
}

impl Snapshots {
    fn facts(&self) -> Vec<Fact> {
        SEEN.iter()
            .zip(&self.seen)
            .map(|(name, seen)| Fact::one(name, Value::Text(seen.clone())))
            .collect()
    }
}

/// Returns how the sessions call themselves that `hold` makes in the effect's run.
pub(super) fn own_name(order: &Order<'_>, hold: &Label) -> String {
    called(&format!("lockstep-snapshots:{}:{hold}", order.run()))
}

/// Returns the snapshot's name, and which transactions it sees.
async fn export(client: &Client, name: &str, longest: Millis) -> Result<(String, String), Failure> {
    let begin = format!(
        "SET idle_in_transaction_session_timeout = {}; SET statement_timeout = '10s'; \
         BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        longest.0.max(1)
    );
    client.batch_execute(&begin).await.map_err(|error| failure(name, &error))?;
    let export =
        "SELECT pg_catalog.pg_export_snapshot(), pg_catalog.pg_current_snapshot()::pg_catalog.text";
    let row = client.query_one(export, &[]).await;
    row.and_then(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
        .map_err(|error| failure(name, &error))
}
