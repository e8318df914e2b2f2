//! What is in the old database, as far as a copy that follows it depends on that.

use lockstep_sdk::outside::Sql;
use lockstep_sdk::{Failure, Value};

use crate::answer::{self, Row};
use crate::names::OLD;
use crate::quote::{Ident, TableName};

/// Every table of users but those of extensions and of the host's own schema.
pub(crate) const TABLES: &str = "\
    SELECT n.nspname::text, c.relname::text, c.relkind::text, c.relpersistence::text, c.relrowsecurity \
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.relkind IN ('r', 'p', 'f', 'm') AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'lockstep') \
      AND NOT EXISTS (SELECT 1 FROM pg_depend p WHERE p.classid = 'pg_class'::regclass AND p.objid = c.oid AND p.deptype = 'e') \
    ORDER BY 1, 2";

/// Tables whose rows nothing identifies, so that a publication would make their updates fail, each with a unique index that
/// could.
pub(crate) const IDENTITIES: &str = "\
    SELECT n.nspname::text, c.relname::text, c.relreplident::text, (SELECT min(x.relname::text) FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid \
      WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL \
      AND NOT EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum = ANY (i.indkey) AND NOT a.attnotnull)) \
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'lockstep') \
      AND (c.relreplident = 'n' \
        OR (c.relreplident = 'd' AND NOT EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary)) \
        OR (c.relreplident = 'i' AND NOT EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indisreplident))) \
    ORDER BY 1, 2";

/// How the database was made, and how large it is.
pub(crate) const DATABASE: &str = "\
    SELECT pg_encoding_to_char(d.encoding)::text, d.datcollate::text, d.datctype::text, coalesce(to_jsonb(d)->>'datlocprovider', 'c'), \
      pg_database_size(d.oid)::int8, (SELECT count(*) FROM pg_largeobject_metadata) \
    FROM pg_database d WHERE d.datname = current_database()";

/// Extensions that are in use.
pub(crate) const EXTENSIONS: &str =
    "SELECT e.extname::text, e.extversion::text FROM pg_extension e ORDER BY 1";

/// Tables of users that no publication of this name has.
pub(crate) const UNPUBLISHED: &str = "\
    SELECT n.nspname::text || '.' || c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', 'lockstep') \
      AND NOT EXISTS (SELECT 1 FROM pg_depend p WHERE p.classid = 'pg_class'::regclass AND p.objid = c.oid AND p.deptype = 'e') \
      AND NOT EXISTS (SELECT 1 FROM pg_publication_tables t WHERE t.pubname = $1 AND t.schemaname = n.nspname AND t.tablename = c.relname) \
    ORDER BY 1";

/// A table of users.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Table {
    /// Its name.
    pub(crate) name: TableName,
    /// `r`, `p`, `f` or `m`, as the catalogue says.
    pub(crate) kind: String,
    /// Whether it is written to the log.
    pub(crate) logged: bool,
    /// Whether rows of it may be hidden.
    pub(crate) row_security: bool,
}

/// A table whose rows nothing identifies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Anonymous {
    /// Its name.
    pub(crate) name: TableName,
    /// What stands now: `n` for nothing, `d` for the primary key that it does not have, `i` for an index that is gone.
    pub(crate) former: String,
    /// An index that could identify them.
    pub(crate) index: Option<String>,
}

impl Anonymous {
    /// Returns the statement that lets the index identify the rows.
    pub(crate) fn mend(&self) -> Option<String> {
        let index = Ident(self.index.as_deref()?);
        Some(format!("ALTER TABLE {} REPLICA IDENTITY USING INDEX {index}", self.name))
    }

    /// Returns the statement that puts back what stood.
    pub(crate) fn put_back(&self) -> String {
        let former = if self.former == "n" { "NOTHING" } else { "DEFAULT" };
        format!("ALTER TABLE {} REPLICA IDENTITY {former}", self.name)
    }
}

/// The old database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Contents {
    /// Every table of users.
    pub(crate) tables: Vec<Table>,
    /// Tables whose rows nothing identifies.
    pub(crate) anonymous: Vec<Anonymous>,
    /// The encoding.
    pub(crate) encoding: String,
    /// How text is ordered.
    pub(crate) collate: String,
    /// What counts as a letter.
    pub(crate) ctype: String,
    /// Who provides the locale: `c` for the operating system.
    pub(crate) provider: String,
    /// Its size in bytes.
    pub(crate) size: u64,
    /// Large objects.
    pub(crate) large_objects: u64,
    /// Extensions and their versions.
    pub(crate) extensions: Vec<(String, String)>,
}

impl Contents {
    /// Looks at the old database.
    pub(crate) fn read<O: Sql>(outside: &O) -> Result<Self, Failure> {
        let tables = answer::rows(outside, OLD, TABLES, &[])?;
        let row = answer::row(outside, OLD, DATABASE, &[])?;
        let text = |index| row.text(index).map(str::to_owned);
        Ok(Self {
            tables: tables.iter().map(table).collect::<Result<_, _>>()?,
            anonymous: anonymous(outside)?,
            encoding: text(0)?,
            collate: text(1)?,
            ctype: text(2)?,
            provider: text(3)?,
            size: row.count(4)?,
            large_objects: row.count(5)?,
            extensions: pairs(outside, OLD, EXTENSIONS)?,
        })
    }

    /// Returns the tables that a link carries: those that hold rows themselves and are logged.
    pub(crate) fn carried(&self) -> impl Iterator<Item = &Table> {
        self.tables.iter().filter(|table| table.kind == "r" && table.logged)
    }

    /// Returns the schemas of these tables, each once.
    pub(crate) fn schemas(&self) -> Vec<String> {
        let mut schemas: Vec<_> = self.carried().map(|table| table.name.schema.clone()).collect();
        schemas.dedup();
        schemas
    }

    /// Returns the statement that makes a database of this name that orders, reads and stores text as this one does.
    pub(crate) fn create(&self, name: &str) -> String {
        use crate::quote::Literal;
        format!(
            "CREATE DATABASE {} TEMPLATE template0 ENCODING {} LC_COLLATE {} LC_CTYPE {}",
            Ident(name),
            Literal(&self.encoding),
            Literal(&self.collate),
            Literal(&self.ctype)
        )
    }
}

/// Looks for tables whose rows nothing identifies.
pub(crate) fn anonymous<O: Sql>(outside: &O) -> Result<Vec<Anonymous>, Failure> {
    let read = |row: &Row| -> Result<Anonymous, Failure> {
        Ok(Anonymous {
            name: name(row)?,
            former: row.text(2)?.to_owned(),
            index: row.maybe_text(3)?.map(str::to_owned),
        })
    };
    answer::rows(outside, OLD, IDENTITIES, &[])?.iter().map(read).collect()
}

/// Returns tables that came after the publication was made.
pub(crate) fn unpublished<O: Sql>(
    outside: &O,
    connection: &str,
    publication: &str,
) -> Result<Vec<String>, Failure> {
    answer::texts(outside, connection, UNPUBLISHED, &[Value::from(publication)])
}

/// Returns names and what belongs to each.
pub(crate) fn pairs<O: Sql>(
    outside: &O,
    connection: &str,
    statement: &str,
) -> Result<Vec<(String, String)>, Failure> {
    let pair =
        |row: &Row| Ok((row.text(0)?.to_owned(), row.maybe_text(1)?.unwrap_or("").to_owned()));
    answer::rows(outside, connection, statement, &[])?.iter().map(pair).collect()
}

fn name(row: &Row) -> Result<TableName, Failure> {
    Ok(TableName { schema: row.text(0)?.to_owned(), table: row.text(1)?.to_owned() })
}

fn table(row: &Row) -> Result<Table, Failure> {
    Ok(Table {
        name: name(row)?,
        kind: row.text(2)?.to_owned(),
        logged: row.text(3)? == "p",
        row_security: row.truth(4)?,
    })
}
