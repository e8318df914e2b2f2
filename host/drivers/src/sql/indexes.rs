//! What is to be known of the indexes of two databases before some of them are built.

use std::collections::BTreeMap;

use lockstep_engine::model::{self, Failure};

use super::session::{Databases, failure};

/// Above this many bytes of a table it is worth building its keys over its rows.
const LARGE: i64 = 32 << 20;

/// The catalogues in which `pg_dump` finds an index: those of constraints and of relations.
const CONSTRAINTS: u32 = 2606;
const RELATIONS: u32 = 1259;

/// Every index of users: where it is found, what it is called, and what it is for.
const INDEXES: &str = "\
    SELECT coalesce(k.oid, c.oid), k.oid IS NOT NULL, n.nspname::text, c.relname::text, i.indrelid::regclass::text, \
      pg_catalog.pg_table_size(i.indrelid), coalesce(k.contype = 'p', false) OR i.indisreplident, c.relkind = 'i' AND i.indisvalid \
    FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid \
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    LEFT JOIN pg_catalog.pg_constraint k ON k.conindid = i.indexrelid AND k.conrelid = i.indrelid AND k.contype IN ('p', 'u', 'x') \
    WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_toast'";

/// The indexes of a database, by the catalogue and the number by which `pg_dump` lists them.
pub(super) type Indexes = BTreeMap<(u32, u32), Index>;

/// What an index is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Rows are told apart by it: rows that change need it.
    Key,
    /// A constraint owns it, or it is that of a partitioned table, which is put together from those of its parts.
    Bound,
    /// Anything else.
    Free,
}

/// An index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Index {
    /// The schema and the name.
    pub(super) name: (String, String),
    /// Its table as SQL.
    pub(super) table: String,
    /// How many bytes that has.
    pub(super) bytes: i64,
    /// What it is for.
    pub(super) role: Role,
    /// Whether the copy has one of this name.
    pub(super) is_there: bool,
}

impl Index {
    /// Whether it is a key that is better built over its rows.
    pub(super) fn can_wait(&self) -> bool {
        self.role == Role::Key && self.bytes > LARGE
    }

    /// Whether the copy does not have it, and it is for that.
    fn is_missing(&self, role: Role) -> bool {
        !self.is_there && self.role == role
    }
}

/// Whether an index of these is to be built; with the keys come other indexes of tables that lack theirs.
pub(super) fn is_wanted(indexes: &Indexes, index: &Index, which: model::Indexes) -> bool {
    let lacks_keys =
        || indexes.values().any(|it| it.is_missing(Role::Key) && it.table == index.table);
    match which {
        model::Indexes::Keys => {
            index.is_missing(Role::Key) || index.is_missing(Role::Free) && lacks_keys()
        }
        model::Indexes::Others => index.is_missing(Role::Free),
    }
}

impl Databases {
    /// Returns the indexes of `source`, and whether `target` has each.
    pub(super) async fn indexes(&self, source: &str, target: &str) -> Result<Indexes, Failure> {
        let there = self.indexes_of(target).await?;
        let mut indexes = self.indexes_of(source).await?;
        for index in indexes.values_mut() {
            index.is_there = there.values().any(|it| it.name == index.name);
        }
        Ok(indexes)
    }

    async fn indexes_of(&self, name: &str) -> Result<Indexes, Failure> {
        let session = self.open(name, "lockstep:copy-schema").await?;
        let rows = async {
            session.client.batch_execute("SET search_path = pg_catalog").await?;
            session.client.query(INDEXES, &[]).await?.iter().map(index).collect()
        };
        let rows: Result<Indexes, _> = rows.await;
        rows.map_err(|error| self.redactor.failure(failure(name, &error)))
    }
}

fn index(row: &tokio_postgres::Row) -> Result<((u32, u32), Index), tokio_postgres::Error> {
    let (is_owned, is_key, is_whole) = (row.try_get(1)?, row.try_get(6)?, row.try_get(7)?);
    let role = match (is_key, is_owned, is_whole) {
        (true, _, _) => Role::Key,
        (false, false, true) => Role::Free,
        (false, true, _) | (false, _, false) => Role::Bound,
    };
    let catalogue = if is_owned { CONSTRAINTS } else { RELATIONS };
    let index = Index {
        name: (row.try_get(2)?, row.try_get(3)?),
        table: row.try_get(4)?,
        bytes: row.try_get(5)?,
        role,
        is_there: false,
    };
    Ok(((catalogue, row.try_get(0)?), index))
}
