//! The stand-in for ClickHouse: what it keeps, and what it says of it.

use serde_json::{Value, json};

use super::stack::{Answer, DRAINING, ask_clickhouse, until};
use crate::launcher::tests::harness::Service;

const TRACES: &str = "CREATE TABLE traces (`id` String, `project_id` String, `timestamp` DateTime64(3), `tags` Array(String), \
    `event_ts` DateTime64(3), `is_deleted` UInt8, size UInt64, INDEX idx_id id TYPE bloom_filter(0.001) GRANULARITY 1) \
    ENGINE = ReplacingMergeTree(event_ts, is_deleted) PARTITION BY toYYYYMM(timestamp) \
    ORDER BY (project_id, toDate(timestamp), id)";
const ROWS: &str = "INSERT INTO traces FORMAT JSONEachRow \
    {\"id\":\"a\",\"project_id\":\"p\",\"timestamp\":\"2026-08-01 10:00:00.000\",\"tags\":[\"x\"],\"event_ts\":\"2026-08-01 10:00:00.000\",\"size\":7}\n\
    {\"id\":\"a\",\"project_id\":\"p\",\"timestamp\":\"2026-08-01 11:00:00.000\",\"event_ts\":\"2026-08-01 11:00:00.000\"}\n\
    {\"id\":\"b\",\"project_id\":\"p\",\"timestamp\":\"2026-08-02 10:00:00.000\",\"is_deleted\":1}";

fn clickhouse(number: u8, tag: &str) -> Service {
    let image = format!("clickhouse/clickhouse-server:{tag}");
    let variables = [("CLICKHOUSE_USER", "u"), ("CLICKHOUSE_PASSWORD", "secret")];
    Service::new(number, &image, &variables).with_volume("/var/lib/clickhouse")
}

async fn said(service: &Service, text: &str) -> Answer {
    ask_clickhouse(service, text).await.unwrap()
}

async fn read(service: &Service, text: &str) -> String {
    let answer = said(service, text).await;
    assert_eq!(answer.status, 200, "{text}: {}", answer.body);
    answer.body
}

#[track_caller]
fn refused(answer: &Answer, code: u16) {
    let begins = format!("Code: {code}. DB::Exception: ");
    assert!(answer.body.starts_with(&begins), "{}", answer.body);
    assert!(answer.headers.contains(&format!("\"{code}\"")), "{}", answer.headers);
}

#[tokio::test]
async fn tables_are_kept_in_the_volume_and_what_counts_of_them_is_final() {
    let mut clickhouse = clickhouse(90, "24.8.4.13");
    let running = clickhouse.deploy().await;
    until(&clickhouse, "8123/ping", 200).await;
    read(&clickhouse, TRACES).await;
    refused(&said(&clickhouse, TRACES).await, 57);
    read(&clickhouse, ROWS).await;
    assert!(running.stop(DRAINING).await.success());

    let running = clickhouse.deploy().await;
    until(&clickhouse, "8123/ping", 200).await;
    assert_eq!(read(&clickhouse, "SELECT count() FROM traces").await, "3\n");
    assert_eq!(read(&clickhouse, "SELECT count() FROM default.traces FINAL").await, "1\n");
    let live = "SELECT uniqExact(id), countIf(id = 'a') FROM traces WHERE is_deleted = 0";
    assert_eq!(read(&clickhouse, live).await, "1\t2\n");
    let newest =
        "SELECT id, tags, is_deleted, size FROM traces ORDER BY timestamp LIMIT 1 FORMAT JSON";
    let newest: Value = serde_json::from_str(&read(&clickhouse, newest).await).unwrap();
    assert_eq!(newest["data"][0], json!({"id": "a", "tags": ["x"], "is_deleted": 0, "size": "7"}));
    assert_eq!(newest["meta"][1], json!({"name": "tags", "type": "Array(String)"}));
    let listed =
        "SELECT name, engine, total_rows FROM system.tables WHERE database = currentDatabase()";
    assert_eq!(read(&clickhouse, listed).await, "traces\tReplacingMergeTree\t3\n");

    let columns = "SELECT table, arrayStringConcat(arraySort(groupArray(name)), ',') FROM system.columns \
        WHERE database = 'default' AND NOT startsWith(table, '.inner') GROUP BY table ORDER BY table";
    let sorted = "traces\tevent_ts,id,is_deleted,project_id,size,tags,timestamp\n";
    assert_eq!(read(&clickhouse, columns).await, sorted);

    for change in [
        "ALTER TABLE traces ADD COLUMN IF NOT EXISTS environment LowCardinality(String) DEFAULT 'default' AFTER id, \
         ADD INDEX IF NOT EXISTS idx_size size TYPE minmax GRANULARITY 1",
        "ALTER TABLE traces DELETE WHERE id = 'b'",
        "ALTER TABLE traces DROP COLUMN size",
    ] {
        read(&clickhouse, change).await;
    }
    let kept = "SELECT DISTINCT environment FROM traces FINAL";
    assert_eq!(read(&clickhouse, kept).await, "default\n");
    read(&clickhouse, "DROP TABLE traces").await;
    assert_eq!(read(&clickhouse, "EXISTS TABLE traces").await, "0\n");
    drop(running);
}

#[tokio::test]
async fn what_it_can_not_do_it_refuses_as_the_real_one_does() {
    let mut clickhouse = clickhouse(91, "24.8.4.13");
    let running = clickhouse.deploy().await;
    until(&clickhouse, "8123/ping", 200).await;
    refused(&said(&clickhouse, "SELECT count() FROM nobody").await, 60);
    read(&clickhouse, "CREATE TABLE log (id String) ENGINE = MergeTree() ORDER BY id").await;
    refused(&said(&clickhouse, "SELECT nobody FROM log").await, 47);
    refused(&said(&clickhouse, "SELECT id FROM log FINAL").await, 181);
    refused(&said(&clickhouse, "INSERT INTO log FORMAT JSONEachRow {\"nothing\":1}").await, 117);
    refused(&said(&clickhouse, "SELECT 1 FORMAT Parquet").await, 48);
    let unknown = said(&clickhouse, "BACKUP DATABASE default TO Disk('d', 'b')").await;
    refused(&unknown, 48);
    assert!(unknown.body.contains("stand-in") && unknown.headers.contains("stand-in"));
    let words = "CREATE TABLE words (a String, INDEX i a TYPE text(tokenizer = 'splitByNonAlpha')) ENGINE = MergeTree ORDER BY a";
    refused(&said(&clickhouse, words).await, 80);
    let address = clickhouse.launch.address;
    let by_get =
        super::stack::get(address, "8123/?user=u&password=secret&query=DROP%20TABLE%20log", "");
    refused(&by_get.await.unwrap(), 164);
    assert!(running.stop(DRAINING).await.success());

    // The newer one reads what the older one wrote, and then the older one can't any more.
    clickhouse.launch.image = "clickhouse/clickhouse-server:26.9.2.1".to_owned();
    let running = clickhouse.deploy().await;
    until(&clickhouse, "8123/ping", 200).await;
    read(&clickhouse, words).await;
    let counted = read(&clickhouse, "SELECT count() AS n FROM log FORMAT JSONEachRow").await;
    assert_eq!(counted, "{\"n\":0}\n");
    assert!(running.stop(DRAINING).await.success());
    clickhouse.launch.image = "clickhouse/clickhouse-server:24.8.4.13".to_owned();
    assert!(!clickhouse.deploy().await.exited().await.success());
    assert!(clickhouse.log().contains("an older one can't read it"), "{}", clickhouse.log());
}
