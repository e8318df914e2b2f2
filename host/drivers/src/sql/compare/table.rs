//! The tables of a database, as a comparison needs to know them.

use std::collections::BTreeMap;

use tokio_postgres::{Client, Error};

/// How many rows one stretch of a table has.
pub(super) const STRETCH: i64 = 20_000;

/// Every ordinary table of users, leaf partitions included, with its columns by name and its key in order. Generated columns
/// follow from the others. A key is what the table identifies its rows by: the primary key, or the index named for it.
///
/// Only values of some types are equal to the server just when they are to the letter: 1.0 and 1.00 are equal numbers, and an
/// enumeration's number is another in each database. And of eight bytes the server's own hash keeps four.
const TABLES: &str = "\
    WITH own AS (SELECT n.oid, n.nspname FROM pg_namespace n WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', \
        'lockstep') AND n.nspname !~ '^pg_(toast|temp)') \
    SELECT own.nspname::text, c.relname::text, coalesce(o.names, '{}'), coalesce(o.forms, '{}'), \
      coalesce(k.names, '{}'), coalesce(k.types, '{}'), coalesce(k.collates, false), greatest(c.reltuples, 0)::bigint, \
      to_regprocedure('pg_catalog.hash_record_extended(record,bigint)') IS NOT NULL \
    FROM pg_class c JOIN own ON own.oid = c.relnamespace LEFT JOIN LATERAL ( \
      SELECT array_agg(a.attname::text ORDER BY a.attname::text COLLATE \"C\") AS names, \
        array_agg(CASE WHEN a.atttypid = ANY ('{text,varchar}'::regtype[]) THEN 'collated' \
            WHEN a.atttypid = ANY ('{bool,bytea,int2,int4,uuid,date}'::regtype[]) THEN 'exact' \
            WHEN a.atttypid = ANY ('{int8,timestamp,timestamptz}'::regtype[]) THEN (SELECT t.typsend::text FROM pg_type t WHERE t.oid = a.atttypid) \
            WHEN a.atttypid = ANY ('{json,jsonb,numeric,float4,float8,interval}'::regtype[]) THEN 'written' \
            ELSE 'other' END ORDER BY a.attname::text COLLATE \"C\") AS forms FROM pg_attribute a \
      WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '') o ON true LEFT JOIN LATERAL ( \
      SELECT array_agg(a.attname::text ORDER BY p.n) AS names, \
        array_agg(format_type(a.atttypid, a.atttypmod) ORDER BY p.n) AS types, bool_or(a.attcollation <> 0) AS collates \
      FROM (SELECT i.indkey FROM pg_index i WHERE i.indrelid = c.oid AND i.indisvalid AND (i.indisreplident OR i.indisprimary) \
        ORDER BY i.indisprimary DESC LIMIT 1) i, unnest(i.indkey::int2[]) WITH ORDINALITY AS p(attnum, n), pg_attribute a \
      WHERE a.attrelid = c.oid AND a.attnum = p.attnum) k ON true \
    WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = \
      'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e') \
    ORDER BY c.relpages DESC, 1, 2";

/// A table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) schema: String,
    pub(super) name: String,
    columns: Vec<Column>,
    key: Vec<String>,
    key_types: Vec<String>,
    /// Whether the order of its keys depends on a collation.
    pub(super) collates: bool,
    /// How many rows it has, as far as the server knows without counting.
    pub(super) rows: u64,
    /// Whether the server hashes a row without writing it as text first, as it does since 14.
    pub(super) hashes_rows: bool,
}

/// A column, and how its values are told apart.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Column {
    name: String,
    form: Form,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Form {
    /// As they are.
    Exact,
    /// As they are, whatever their collation takes to be equal.
    Collated,
    /// As a function of the server sends them.
    Sent(String),
    /// As they are written.
    Written,
    /// As they are written in a row: a cast may leave something out, such as blanks at the end.
    Other,
}

impl Column {
    /// Returns what of a value is hashed.
    fn hashed(&self) -> String {
        let name = ident(&self.name);
        match &self.form {
            Form::Exact => name,
            Form::Collated => format!("{name} COLLATE \"C\""),
            Form::Sent(function) => format!("pg_catalog.{}({name})", ident(function)),
            Form::Written => format!("{name}::text COLLATE \"C\""),
            Form::Other => format!("ROW({name})::text COLLATE \"C\""),
        }
    }
}

/// The rows after one key, up to another one: each end open where there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) after: Option<Vec<String>>,
    pub(super) up_to: Option<Vec<String>>,
}

/// Returns the tables of a database by their names, as people write them.
pub(super) async fn tables(client: &Client) -> Result<BTreeMap<String, Table>, Error> {
    let mut tables = BTreeMap::new();
    for row in client.query(TABLES, &[]).await? {
        let table = Table {
            schema: row.try_get(0)?,
            name: row.try_get(1)?,
            columns: columns(row.try_get(2)?, &row.try_get::<_, Vec<&str>>(3)?),
            key: row.try_get(4)?,
            key_types: row.try_get(5)?,
            collates: row.try_get(6)?,
            rows: u64::try_from(row.try_get::<_, i64>(7)?).unwrap_or_default(),
            hashes_rows: row.try_get(8)?,
        };
        tables.insert(format!("{}.{}", table.schema, table.name), table);
    }
    Ok(tables)
}

fn columns(names: Vec<String>, forms: &[&str]) -> Vec<Column> {
    let form = |form: &&str| match *form {
        "exact" => Form::Exact,
        "collated" => Form::Collated,
        "written" => Form::Written,
        "other" => Form::Other,
        function => Form::Sent(function.to_owned()),
    };
    names
        .into_iter()
        .zip(forms.iter().map(form))
        .map(|(name, form)| Column { name, form })
        .collect()
}

impl Table {
    pub(super) const fn has_key(&self) -> bool {
        !self.key.is_empty()
    }

    fn quoted(&self) -> String {
        format!("{}.{}", ident(&self.schema), ident(&self.name))
    }

    fn list(names: &[String]) -> String {
        names.iter().map(|name| ident(name)).collect::<Vec<_>>().join(", ")
    }

    /// Returns the query for the last key of each stretch, in order.
    pub(super) fn stretches(&self) -> String {
        let (key, table) = (Self::list(&self.key), self.quoted());
        let texts: Vec<String> =
            self.key.iter().map(|name| format!("{}::text", ident(name))).collect();
        format!(
            "SELECT ARRAY[{}] FROM (SELECT {key}, pg_catalog.row_number() OVER (ORDER BY {key}) AS \"lockstep n\" \
             FROM ONLY {table}) q WHERE \"lockstep n\" % {STRETCH} = 0 ORDER BY \"lockstep n\"",
            texts.join(", ")
        )
    }

    /// Returns what of a row is hashed, as `t`, and two hashes of it.
    ///
    /// The server puts the hashes of columns together so that two rows which exchange a value keep their sum, so what it gives
    /// is hashed once more.
    fn hashed(&self) -> (String, [String; 2]) {
        if self.hashes_rows {
            let columns: Vec<String> = self.columns.iter().map(Column::hashed).collect();
            let hash = |seed: u8| {
                format!(
                    "pg_catalog.hashtextextended(pg_catalog.hash_record_extended(t, {seed})::text, {seed})"
                )
            };
            (format!("ROW({})", columns.join(", ")), [hash(0), hash(1)])
        } else {
            let columns: Vec<String> =
                self.columns.iter().map(|column| ident(&column.name)).collect();
            let hash = |seed: u8| format!("pg_catalog.hashtextextended(t, {seed})");
            (format!("ROW({})::text COLLATE \"C\"", columns.join(", ")), [hash(0), hash(1)])
        }
    }

    /// Returns the query for the number of rows in a range for which a condition holds, and two sums of their hashes.
    pub(super) fn sums(&self, range: &Range, condition: Option<&str>) -> String {
        let (row, [one, other]) = self.hashed();
        format!(
            "SELECT count(*), coalesce(sum({one}), 0)::text, coalesce(sum({other}), 0)::text \
             FROM (SELECT {row} AS t FROM ONLY {} {} OFFSET 0) q",
            self.quoted(),
            self.within(range, condition)
        )
    }

    /// Returns the query for the keys of the rows in a range for which a condition holds, and their hashes.
    pub(super) fn keys(&self, range: &Range, condition: Option<&str>) -> String {
        let (row, [one, other]) = self.hashed();
        format!(
            "SELECT k, {one}, {other} \
             FROM (SELECT ROW({})::text AS k, {row} AS t FROM ONLY {} {} OFFSET 0) q",
            Self::list(&self.key),
            self.quoted(),
            self.within(range, condition)
        )
    }

    /// Returns the query for those of some keys, the last parameter, that a range has rows of, whatever is in them.
    pub(super) fn present(&self, range: &Range) -> String {
        let key = format!("ROW({})::text", Self::list(&self.key));
        let asked = format!("{key} = ANY(${})", range.parameters().len() + 1);
        format!(
            "SELECT {key} FROM ONLY {} {}",
            self.quoted(),
            self.within(range, Some(asked.as_str()))
        )
    }

    fn within(&self, range: &Range, condition: Option<&str>) -> String {
        let key = Self::list(&self.key);
        let mut next = 0;
        let mut end = |operator: &str| {
            let values: Vec<String> = self
                .key_types
                .iter()
                .map(|kind| {
                    next += 1;
                    format!("${next}::text::{kind}")
                })
                .collect();
            format!("ROW({key}) {operator} ROW({})", values.join(", "))
        };
        let ends =
            [range.after.as_ref().map(|_| end(">")), range.up_to.as_ref().map(|_| end("<="))];
        let ends: Vec<String> =
            ends.into_iter().flatten().chain(condition.map(str::to_owned)).collect();
        if ends.is_empty() { String::new() } else { format!("WHERE {}", ends.join(" AND ")) }
    }
}

impl Range {
    /// Returns the parameters that its queries take.
    pub(super) fn parameters(&self) -> Vec<&(dyn tokio_postgres::types::ToSql + Sync)> {
        let both = [&self.after, &self.up_to].into_iter().flatten().flatten();
        both.map(|text| text as &(dyn tokio_postgres::types::ToSql + Sync)).collect()
    }
}

fn ident(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        Table {
            schema: "public".to_owned(),
            name: "LiteLLM \"x\"".to_owned(),
            columns: columns(
                ["a", "B", "c", "d", "e"].map(str::to_owned).to_vec(),
                &["collated", "written", "exact", "int8send", "other"],
            ),
            key: vec!["B".to_owned(), "a".to_owned()],
            key_types: vec!["text".to_owned(), "numeric(3,1)".to_owned()],
            collates: true,
            rows: 0,
            hashes_rows: true,
        }
    }

    #[test]
    fn values_are_hashed_as_they_are_only_where_equal_ones_are_written_alike() {
        let query = table().sums(&Range::default(), None);
        let row = "ROW(\"a\" COLLATE \"C\", \"B\"::text COLLATE \"C\", \"c\", pg_catalog.\"int8send\"(\"d\"), \
                   ROW(\"e\")::text COLLATE \"C\") AS t";
        assert!(query.contains(row) && query.contains("hash_record_extended(t, 1)"), "{query}");
        let before_14 = Table { hashes_rows: false, ..table() };
        let query = before_14.keys(&Range::default(), None);
        let row = "ROW(\"a\", \"B\", \"c\", \"d\", \"e\")::text COLLATE \"C\" AS t";
        assert!(query.contains(row) && !query.contains("hash_record"), "{query}");
    }

    #[test]
    fn names_are_quoted_and_both_ends_of_a_range_have_parameters_of_their_own() {
        let key = || Some(vec!["x".to_owned(), "1".to_owned()]);
        let range = Range { after: key(), up_to: key() };
        let query = table().sums(&range, None);
        assert!(query.contains("FROM ONLY \"public\".\"LiteLLM \"\"x\"\"\" WHERE"), "{query}");
        assert!(
            query.contains("ROW(\"B\", \"a\") > ROW($1::text::text, $2::text::numeric(3,1)) AND"),
            "{query}"
        );
        assert!(query.contains("<= ROW($3::text::text, $4::text::numeric(3,1))"), "{query}");
        assert_eq!(range.parameters().len(), 4);
        let all = table().sums(&Range::default(), None);
        assert!(all.ends_with("\"LiteLLM \"\"x\"\"\"  OFFSET 0) q"), "{all}");
        assert!(
            table().keys(&range, Some("old")).contains("$4::text::numeric(3,1)) AND old OFFSET")
        );
        assert!(table().present(&range).ends_with("AND ROW(\"B\", \"a\")::text = ANY($5)"));
    }
}
