//! Tables to move: a few of our own that have the traps of the real ones, or those of real versions with as much data as is asked for.

use std::path::{Path, PathBuf};

use crate::dial;

/// Where the schemas of real versions are, as seen from the repository; not everybody has them.
const REAL: &str = "../shared/data/schemas";

/// The schemas that are put into one database, as the stack does.
const SCHEMAS: [&str; 2] = ["litellm-1.80.0.sql", "langfuse-3.170.0.sql"];

/// What writers write to, besides a table of the stack: numbers from a sequence, an identity, a generated column.
const LEDGER: &str = "\
    CREATE TABLE public.ledger(id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, writer int NOT NULL, number bigint NOT NULL, \
      twice bigint GENERATED ALWAYS AS (number * 2) STORED); \
    CREATE INDEX ledger_by_writer ON public.ledger(writer, number)";

/// Two tables of the stack, cut down: mixed case, a key that is no primary key.
const OWN: &str = "\
    CREATE TABLE \"LiteLLM_SpendLogs\"(request_id text PRIMARY KEY, call_type text NOT NULL, spend double precision, \
      \"startTime\" timestamp(3) NOT NULL, \"endTime\" timestamp(3) NOT NULL); \
    CREATE TABLE media(project_id text NOT NULL, id text NOT NULL, sha text, UNIQUE (project_id, id)); \
    INSERT INTO \"LiteLLM_SpendLogs\" SELECT 'r' || n, 'completion', n / 7.0, now(), now() FROM generate_series(1, 30000) n; \
    INSERT INTO media SELECT 'p' || n % 7, 'm' || n, md5(n::text) FROM generate_series(1, 3000) n";

/// What the rows of the large tables belong to.
const PROJECT: &str = "\
    INSERT INTO organizations(id, name) VALUES ('o', 'Örgänisation'); \
    INSERT INTO projects(id, name, org_id) SELECT 'p' || n, 'Projekt ' || n, 'o' FROM generate_series(0, 6) n";

/// A batch of rows, from the first number that it is given to the last one. A third of the bytes is spend, the rest observations.
const BATCH: [&str; 3] = [
    "INSERT INTO \"LiteLLM_SpendLogs\"(request_id, call_type, spend, \"startTime\", \"endTime\", session_id, metadata) \
     SELECT 'r' || n, 'acompletion', n / 7.0, now() - n * interval '1 ms', now(), md5((n / 10)::text), \
       jsonb_build_object('n', n, 'text', (SELECT string_agg(md5((n * 40 + k)::text), ' ') FROM generate_series(1, 16) k)) \
     FROM generate_series($1::bigint, $2::bigint) n",
    "INSERT INTO traces(id, name, project_id, input, session_id, tags) \
     SELECT 't' || n, 'Spur ' || n % 50, 'p' || n % 7, jsonb_build_object('n', n, 'emoji', '🦀'), md5((n / 10)::text), \
       ARRAY['a', 'b' || n % 10] FROM generate_series($1::bigint, $2::bigint) n",
    "INSERT INTO observations(id, type, trace_id, project_id, model, input, output) \
     SELECT 'o' || n, 'GENERATION', 't' || n, 'p' || n % 7, 'gpt-' || n % 5, jsonb_build_object('n', n), \
       jsonb_build_object('text', (SELECT string_agg(md5((n * 50 + k)::text), ' ') FROM generate_series(1, 32) k)) \
     FROM generate_series($1::bigint, $2::bigint) n",
];

/// How many rows of each kind a batch has.
const ROWS: i64 = 20_000;

/// Returns where the schemas of real versions are, if they are here.
pub fn real() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?.join(REAL);
    folder.join(SCHEMAS[0]).exists().then_some(folder)
}

/// Makes the small tables.
pub async fn small(url: &str) {
    let client = dial(url).await.unwrap();
    client.batch_execute(LEDGER).await.unwrap();
    client.batch_execute(OWN).await.unwrap();
}

/// Makes the tables of real versions, and fills them until the database has at least so many bytes.
pub async fn large(url: &str, schemas: &Path, bytes: i64) {
    for schema in SCHEMAS {
        // A schema's text sets what holds for its session.
        let client = dial(url).await.unwrap();
        let text = std::fs::read_to_string(schemas.join(schema)).unwrap();
        client.batch_execute(&text).await.unwrap();
    }
    let client = dial(url).await.unwrap();
    client.batch_execute(LEDGER).await.unwrap();
    client.batch_execute(PROJECT).await.unwrap();
    let mut from = 1;
    while size(&client).await < bytes {
        let to = from + ROWS - 1;
        for batch in BATCH {
            client.execute(batch, &[&from, &to]).await.unwrap();
        }
        from = to + 1;
    }
    client.batch_execute("ANALYZE").await.unwrap();
}

async fn size(client: &tokio_postgres::Client) -> i64 {
    let row = client.query_one("SELECT pg_database_size(current_database())", &[]).await;
    row.unwrap().get(0)
}
