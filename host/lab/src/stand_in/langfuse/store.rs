//! Where traces are: in PostgreSQL up to 2.x, in ClickHouse from 3.x on.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    super::{
        database::{Database, DatabaseError},
        settings::Settings,
    },
    bucket::Bucket,
    clickhouse::{ClickHouse, ClickHouseError},
};

/// Where traces are where Langfuse has no tables of its own. Made by whichever of its two services comes first.
const OWN_TABLE: &str = "CREATE TABLE IF NOT EXISTS lab_langfuse_events (id bigserial PRIMARY KEY, \
                         at timestamptz NOT NULL DEFAULT now(), event text NOT NULL UNIQUE)";
/// The variable by which the lab says that this Langfuse has tables of its own, and migrates them.
pub(crate) const TABLES_VARIABLE: &str = "LOCKSTEP_LAB_LANGFUSE_TABLES";

/// A trace, as it waits in S3.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Trace {
    pub(super) id: String,
    pub(super) project: String,
    pub(super) name: String,
    /// As ClickHouse writes a moment.
    pub(super) at: String,
}

/// What is read of a trace.
#[derive(Deserialize)]
struct Named {
    name: String,
}

/// Which tables a trace is written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The lab's own, in PostgreSQL.
    Own,
    /// 2.x.
    Postgres,
    /// 3.x, and 4.x in the mode `legacy`.
    Traces,
    /// 4.x in the mode `dual`.
    Both,
    /// 4.x unless it is told otherwise.
    Events,
}

/// Why a trace was not written or found.
#[derive(Debug, thiserror::Error)]
pub(super) enum StoreError {
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error(transparent)]
    ClickHouse(#[from] ClickHouseError),
}

/// The databases.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) database: Database,
    pub(super) clickhouse: ClickHouse,
    pub(super) bucket: Bucket,
    pub(super) place: Place,
}

impl Place {
    pub(super) fn of(settings: &Settings) -> Self {
        if !settings.says(TABLES_VARIABLE) {
            return Self::Own;
        }
        if !settings.is_at_least(&[3]) {
            return Self::Postgres;
        }
        match settings.get("LANGFUSE_MIGRATION_V4_WRITE_MODE") {
            _ if !settings.is_at_least(&[4]) => Self::Traces,
            Some("legacy") => Self::Traces,
            Some("dual") => Self::Both,
            Some(_) | None => Self::Events,
        }
    }
}

impl Trace {
    /// A trace of this moment.
    pub(super) fn new(id: &str, project: &str, name: &str) -> Self {
        let at = jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M:%S%.3f").to_string();
        Self { id: id.to_owned(), project: project.to_owned(), name: name.to_owned(), at }
    }

    /// The row for ClickHouse's table `traces`.
    fn row(&self) -> Value {
        json!({
            "id": self.id, "project_id": self.project, "name": self.name, "timestamp": self.at,
            "created_at": self.at, "updated_at": self.at, "event_ts": self.at
        })
    }

    fn event(&self) -> Value {
        json!({
            "project_id": self.project, "trace_id": self.id, "span_id": format!("t-{}", self.id),
            "name": self.name, "type": "SPAN", "start_time": self.at
        })
    }
}

impl Store {
    /// Makes the lab's own table, if traces are there.
    pub(super) async fn prepare(&self) -> Result<(), DatabaseError> {
        if self.place == Place::Own { self.database.batch(OWN_TABLE).await } else { Ok(()) }
    }

    /// Writes a trace; one that is there already stays one.
    pub(super) async fn write(&self, trace: &Trace) -> Result<(), StoreError> {
        let insert =
            |table: &str, row: Value| format!("INSERT INTO {table} FORMAT JSONEachRow {row}");
        match self.place {
            Place::Own => {
                let insert = "INSERT INTO lab_langfuse_events (event) VALUES ($1) ON CONFLICT (event) DO NOTHING";
                self.database.execute(insert, &[&trace.id]).await?;
            }
            Place::Postgres => {
                let insert = "INSERT INTO traces (id, project_id, name) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING";
                self.database.execute(insert, &[&trace.id, &trace.project, &trace.name]).await?;
            }
            Place::Traces | Place::Both | Place::Events => {
                if self.place != Place::Events {
                    self.clickhouse.ask(&insert("traces", trace.row())).await?;
                }
                if self.place != Place::Traces {
                    self.clickhouse.ask(&insert("events_full", trace.event())).await?;
                }
            }
        }
        Ok(())
    }

    /// The name of a trace that was written, of any project where traces are the lab's own.
    pub(super) async fn find(&self, id: &str, project: &str) -> Result<Option<String>, StoreError> {
        let quoted = |text: &str| format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"));
        let (table, key) = match self.place {
            Place::Own => {
                let asked = "SELECT count(*) FROM lab_langfuse_events WHERE event = $1";
                let found = self.database.number(asked, &[&id]).await? > 0;
                return Ok(found.then(|| "lockstep-lab stand-in".to_owned()));
            }
            Place::Postgres => {
                let asked = "SELECT max(name) FROM traces WHERE id = $1 AND project_id = $2";
                return Ok(self.database.text(asked, &[&id, &project]).await?);
            }
            Place::Traces | Place::Both => ("traces FINAL", "id"),
            Place::Events => ("events_full", "trace_id"),
        };
        let asked = format!(
            "SELECT name FROM {table} WHERE {key} = {} AND project_id = {} LIMIT 1 FORMAT JSONEachRow",
            quoted(id),
            quoted(project)
        );
        let said = self.clickhouse.ask(&asked).await?;
        let row: Option<Named> =
            said.lines().next().and_then(|line| serde_json::from_str(line).ok());
        Ok(row.map(|row| row.name))
    }
}
