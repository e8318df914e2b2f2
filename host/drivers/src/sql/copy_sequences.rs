//! Setting sequences to where they stand in another database.

use lockstep_engine::model::{Fact, Failure, Value};
use tokio_postgres::Client;

use super::session::{Databases, failure};

/// Where each sequence is to stand. One that was never used stands at its start, and its first value is that.
const STAND: &str = "\
    SELECT pg_catalog.format('%I.%I', schemaname, sequencename), \
      CASE WHEN last_value IS NULL THEN start_value \
        WHEN increment_by > 0 THEN LEAST(last_value + $1::bigint::numeric * increment_by, max_value)::bigint \
        ELSE GREATEST(last_value + $1::bigint::numeric * increment_by, min_value)::bigint END, \
      last_value IS NOT NULL, \
      pg_catalog.has_sequence_privilege(pg_catalog.format('%I.%I', schemaname, sequencename), 'SELECT') \
    FROM pg_catalog.pg_sequences WHERE schemaname <> 'lockstep' ORDER BY 1";

const SET: &str = "\
    SELECT count(pg_catalog.setval(s.name::regclass, s.stands, s.used)) \
    FROM unnest($1::text[], $2::bigint[], $3::boolean[]) AS s(name, stands, used)";

/// Where sequences are to stand: their names, values, and whether each value was given out.
#[derive(Debug, Default)]
pub(super) struct Stands {
    names: Vec<String>,
    values: Vec<i64>,
    used: Vec<bool>,
}

impl Databases {
    /// Returns where the sequences of a database stand, and `ahead` further.
    pub(super) async fn sequences(&self, name: &str, ahead: u64) -> Result<Stands, Failure> {
        let session = self.open(name, "lockstep:copy-sequences").await?;
        let failed = |error: tokio_postgres::Error| self.redactor.failure(failure(name, &error));
        let ahead = i64::try_from(ahead).unwrap_or(i64::MAX);
        let rows = session.client.query(STAND, &[&ahead]).await.map_err(failed)?;
        let mut stands = Stands::default();
        for row in rows {
            let sequence: String = row.try_get(0).map_err(failed)?;
            // To whoever may not read it, a sequence looks as if it had never been used.
            if !row.try_get::<_, bool>(3).map_err(failed)? {
                let text = format!("connection `{name}` may not read where {sequence} stands");
                return Err(Failure::permanent("sql:42501", text));
            }
            stands.names.push(sequence);
            stands.values.push(row.try_get(1).map_err(failed)?);
            stands.used.push(row.try_get(2).map_err(failed)?);
        }
        Ok(stands)
    }
}

/// Sets them inside the transaction that is open.
pub(super) async fn set(
    client: &Client,
    name: &str,
    stands: &Stands,
) -> Result<Vec<Fact>, Failure> {
    let row = client.query_one(SET, &[&stands.names, &stands.values, &stands.used]).await;
    let count = row.and_then(|row| row.try_get::<_, i64>(0));
    let count = count.map_err(|error| failure(name, &error))?;
    Ok(vec![Fact::one("sequences", Value::Integer(count))])
}
