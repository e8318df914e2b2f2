//! What statements are read as.

use super::*;

fn read(text: &str) -> Statement {
    statement(text, "default").unwrap()
}

#[track_caller]
fn reads(text: &str, expected: &str, expected_format: Option<&str>) {
    let Statement::Read { sql, format } = read(text) else { panic!("{text}") };
    assert_eq!((sql.as_str(), format.as_deref()), (expected, expected_format));
}

#[test]
fn what_is_asked_is_written_for_sqlite() {
    reads(
        "SELECT count() FROM default.traces FINAL WHERE is_deleted != 1 FORMAT JSON;",
        "SELECT count ( ) FROM \"traces final\" WHERE is_deleted != 1",
        Some("JSON"),
    );
    reads("SELECT t.id FROM traces t SETTINGS a = 1", "SELECT t . id FROM traces t", None);
    reads("SHOW TABLES", "SELECT name FROM \"system.tables\" ORDER BY name", None);
    reads("SELECT name FROM system.tables", "SELECT name FROM \"system.tables\"", None);
}

#[test]
fn a_table_is_read_with_its_key_and_what_replaces_what() {
    let Statement::Create { table, if_not_exists } = read(
        "CREATE TABLE IF NOT EXISTS traces (`id` String, tags Array(String), at DateTime64(3) DEFAULT now(), \
         INDEX i id TYPE bloom_filter(0.01) GRANULARITY 1, deleted UInt8 DEFAULT 0 CODEC(ZSTD(3))) \
         ENGINE = ReplacingMergeTree(at, deleted) PARTITION BY toYYYYMM(at) PRIMARY KEY (project) ORDER BY (toDate(at), id)",
    ) else {
        panic!("no table");
    };
    assert!(if_not_exists);
    let columns: Vec<(&str, &str, Option<&str>)> = table
        .columns
        .iter()
        .map(|it| (it.name.as_str(), it.kind.as_str(), it.default.as_deref()))
        .collect();
    let expected = [
        ("id", "String", None),
        ("tags", "Array(String)", None),
        ("at", "DateTime64(3)", Some("(now ( ))")),
        ("deleted", "UInt8", Some("0")),
    ];
    assert_eq!(columns, expected);
    assert_eq!(table.key, "toDate ( at ) , id");
    assert_eq!(table.indices, ["bloom_filter"]);
    let replacing = table.replacing.unwrap();
    assert_eq!(replacing.version.as_deref(), Some("at"));
    assert_eq!(replacing.deleted.as_deref(), Some("deleted"));
}

#[test]
fn rows_are_read_from_values_and_from_json() {
    let Statement::Insert { table, columns, rows } =
        read("INSERT INTO default.t (a, b) FORMAT JSONEachRow {\"a\":1}\n{\"a\":2}")
    else {
        panic!("no rows");
    };
    assert_eq!((table.as_str(), columns.unwrap().len()), ("t", 2));
    assert!(matches!(rows, Rows::Json(rows) if rows.len() == 2));
    let Statement::Insert { rows, .. } = read("INSERT INTO t VALUES (1, 'x''y')") else {
        panic!("no rows");
    };
    assert_eq!(rows, Rows::Sql("VALUES ( 1 , 'x''y' )".to_owned()));
}

#[test]
fn what_is_not_known_is_refused_as_what_a_stand_in_does_not_know() {
    let refused = |text| statement(text, "default").unwrap_err();
    assert_eq!(refused("BACKUP DATABASE default TO Disk('d', 'b')").code, 48);
    assert!(refused("KILL QUERY WHERE 1").reason.contains("stand-in"));
    assert_eq!(refused("SELECT 1; SELECT 2").code, 62);
    assert_eq!(refused("CREATE TABLE t").code, 62);
}
