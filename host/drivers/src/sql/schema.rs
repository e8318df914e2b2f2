//! How a database's schema stands, so that somebody else's change of it is noticed.

use std::collections::BTreeMap;

use std::time::Duration;

use lockstep_engine::model::{Digest, Failure};
use tokio::time::timeout;

use super::session::{Databases, failure};

/// More objects than this are told as one: a record of the journal names each of them.
const MOST: usize = 2_000;

/// How long all of it may take.
const LONGEST: Duration = Duration::from_secs(40);

const LIMITS: &str = "SET statement_timeout = '30s'; SET lock_timeout = '4s'; SET search_path = pg_catalog; \
     SET default_transaction_read_only = on";

/// Every object of users, and a hash of what defines it. What Lockstep makes for itself is none, nor is what an extension brings,
/// a partition, or anything else that changes by use alone, such as where a sequence stands.
const OBJECTS: &str = "\
    WITH own AS (SELECT n.oid, n.nspname FROM pg_namespace n WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', \
        'lockstep') AND n.nspname !~ '^pg_(toast|temp)'), \
    made AS (SELECT d.objid FROM pg_depend d WHERE d.deptype = 'e'), \
    rel AS (SELECT c.*, format('%I.%I', own.nspname, c.relname) AS called, CASE c.relkind WHEN 'v' THEN 'view' \
        WHEN 'm' THEN 'materialized view' WHEN 'S' THEN 'sequence' WHEN 'f' THEN 'foreign table' ELSE 'table' END AS word \
      FROM pg_class c JOIN own ON own.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') \
      AND NOT c.relispartition AND NOT EXISTS (SELECT 1 FROM made WHERE made.objid = c.oid)), \
    line(object, text) AS ( \
      SELECT word || ' ' || called, concat_ws(' ', relkind, relpersistence, relreplident, relrowsecurity, \
        relforcerowsecurity, relispartition, pg_get_expr(relpartbound, oid), reloptions) FROM rel \
      UNION ALL SELECT word || ' ' || called, concat_ws(' ', 'column', a.attname, format_type(a.atttypid, a.atttypmod), \
        a.attnotnull, a.attidentity, a.attgenerated, a.attcollation::regcollation, pg_get_expr(d.adbin, d.adrelid)) FROM rel \
        JOIN pg_attribute a ON a.attrelid = rel.oid AND a.attnum > 0 AND NOT a.attisdropped \
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum \
      UNION ALL SELECT word || ' ' || called, concat_ws(' ', 'constraint', k.conname, pg_get_constraintdef(k.oid), \
        k.convalidated) FROM rel JOIN pg_constraint k ON k.conrelid = rel.oid AND k.conparentid = 0 \
      UNION ALL SELECT word || ' ' || called, concat_ws(' ', pg_get_indexdef(i.indexrelid), i.indisvalid) FROM rel \
        JOIN pg_index i ON i.indrelid = rel.oid \
      UNION ALL SELECT word || ' ' || called, concat_ws(' ', pg_get_triggerdef(t.oid), t.tgenabled) FROM rel \
        JOIN pg_trigger t ON t.tgrelid = rel.oid AND NOT t.tgisinternal \
      UNION ALL SELECT word || ' ' || called, concat_ws(' ', 'rule', r.ev_enabled, pg_get_ruledef(r.oid)) FROM rel \
        JOIN pg_rewrite r ON r.ev_class = rel.oid \
      UNION ALL SELECT word || ' ' || called, concat_ws(' ', 'policy', p.polname, p.polcmd, p.polpermissive, \
        pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)) FROM rel \
        JOIN pg_policy p ON p.polrelid = rel.oid \
      UNION ALL SELECT word || ' ' || called, concat_ws(' ', s.seqtypid, s.seqincrement, s.seqmin, s.seqmax, s.seqcycle) \
        FROM rel JOIN pg_sequence s ON s.seqrelid = rel.oid \
      UNION ALL SELECT format('function %I.%I(%s)', own.nspname, p.proname, pg_get_function_identity_arguments(p.oid)), \
        concat_ws(' ', p.prokind, p.prolang, p.prosecdef, p.provolatile, p.prorettype::regtype, p.proconfig, p.prosrc, \
        p.probin) FROM pg_proc p JOIN own ON own.oid = p.pronamespace \
        WHERE NOT EXISTS (SELECT 1 FROM made WHERE made.objid = p.oid) \
      UNION ALL SELECT format('type %I.%I', own.nspname, t.typname), concat_ws(' ', t.typtype, t.typbasetype::regtype, \
        (SELECT string_agg(e.enumlabel, ',' ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid)) \
        FROM pg_type t JOIN own ON own.oid = t.typnamespace WHERE t.typtype IN ('e', 'd', 'r') \
        AND NOT EXISTS (SELECT 1 FROM made WHERE made.objid = t.oid) \
      UNION ALL SELECT 'extension ' || extname, extversion FROM pg_extension \
      UNION ALL SELECT 'schema ' || nspname, '' FROM own) \
    SELECT object, left(encode(sha256(convert_to(string_agg(text, E'\\n' ORDER BY text COLLATE \"C\"), 'UTF8')), 'hex'), 32) FROM line GROUP BY object";

/// What two servers tell differently of equal objects: numbers that each gives out itself, and what only newer ones list.
const OWN_TO_A_SERVER: [(&str, &str); 2] = [
    ("p.prolang,", "(SELECT l.lanname FROM pg_language l WHERE l.oid = p.prolang),"),
    ("k.conparentid = 0", "k.conparentid = 0 AND k.contype <> 'n'"),
];

/// What servers of two major versions print differently of equal objects.
const OWN_TO_A_VERSION: [(&str, &str); 2] = [
    ("pg_get_ruledef(r.oid)", "''"),
    ("'extension ' || extname, extversion", "'extension ' || extname, ''"),
];

impl Databases {
    /// Returns every object of a database's schema with a hash that servers of the same major version, or of any, agree on.
    pub(super) async fn comparable_schema(
        &self,
        name: &str,
        same_version: bool,
    ) -> Result<BTreeMap<String, String>, Failure> {
        let mut query = OBJECTS.to_owned();
        let versions = if same_version { &[][..] } else { &OWN_TO_A_VERSION[..] };
        for (from, to) in OWN_TO_A_SERVER.iter().chain(versions) {
            query = query.replace(from, to);
        }
        self.objects(name, &query).await
    }

    /// Returns every object of a database's schema with a hash of what defines it.
    pub(crate) async fn schema(&self, name: &str) -> Result<BTreeMap<String, String>, Failure> {
        let late = || {
            let text = format!("connection `{name}` did not tell its schema in time");
            Failure::transient("sql:timeout", text)
        };
        let found = timeout(LONGEST, self.objects(name, OBJECTS)).await;
        match found.unwrap_or_else(|_elapsed| Err(late())) {
            Ok(objects) => Ok(together(objects)),
            // A database that the run is still to make has no objects.
            Err(failure) if failure.problem().code == "sql:3D000" => Ok(BTreeMap::new()),
            Err(failure) => Err(failure),
        }
    }

    async fn objects(&self, name: &str, query: &str) -> Result<BTreeMap<String, String>, Failure> {
        let session = self.open(name, "lockstep:schema").await?;
        let client = &session.client;
        let failed = |error: tokio_postgres::Error| self.redactor.failure(failure(name, &error));
        client.batch_execute(LIMITS).await.map_err(failed)?;
        let rows = client.query(query, &[]).await.map_err(failed)?;
        let object = |row: &tokio_postgres::Row| Ok((row.try_get(0)?, row.try_get(1)?));
        let found: Result<BTreeMap<String, String>, _> = rows.iter().map(object).collect();
        found.map_err(failed)
    }
}

/// Tells very many objects as one for each schema and kind, such as `every table app`.
fn together(objects: BTreeMap<String, String>) -> BTreeMap<String, String> {
    if objects.len() <= MOST {
        return objects;
    }
    let mut all: BTreeMap<String, String> = BTreeMap::new();
    for (object, hash) in objects {
        let (schema, _) = object.split_once('.').unwrap_or((&object, ""));
        let text = all.entry(format!("every {schema}")).or_default();
        text.extend([object.as_str(), " ", &hash, "\n"]);
    }
    all.into_iter().map(|(name, text)| (name, Digest::of(text.as_bytes()).to_string())).collect()
}
