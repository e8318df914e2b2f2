//! What makes two rows different.

use lockstep_engine::model::{SchemaPart, Scope};

use super::{Both, compare, copy_schema, hold};
use crate::tests::world::One;

#[tokio::test]
async fn a_value_that_is_in_another_row_or_written_otherwise_is_found() {
    const VALUES: &str = "\
        INSERT INTO moved SELECT n, n % 2, n / 7, n::text FROM generate_series(1, 100) n; \
        INSERT INTO written VALUES (1, 1.0, '[1.0]', '24:00', 0, 'a'); \
        INSERT INTO wide VALUES (1, -1, '2000-01-01 00:00:00.000001', '2000-01-01 00:00:00.000001+00'), (2, 1, NULL, NULL)";
    let both = Both::up().await;
    let tables = "CREATE TABLE moved(id int PRIMARY KEY, a int, b bigint, c varchar(9)); \
         CREATE TABLE written(id int PRIMARY KEY, n numeric, j jsonb, i interval, f float8, b bpchar); \
         CREATE TABLE wide(id int PRIMARY KEY, n bigint, t timestamp, z timestamptz)";
    both.old.batch_execute(tables).await.unwrap();
    for part in [SchemaPart::BeforeRows, SchemaPart::AfterRows] {
        both.done(&One::of(&copy_schema(part))).await;
    }
    both.old.batch_execute(VALUES).await.unwrap();
    both.new.batch_execute(VALUES).await.unwrap();
    // Held still, so that nothing is waited for.
    let kept = hold();
    let all = compare(Scope::Everything, Some("hold"));
    both.done(&One::of(&kept)).await;
    both.compared(&both.world.drivers, &One::of(&all)).await.unwrap();
    for (change, differs) in [
        ("UPDATE moved SET a = 1 - a WHERE id IN (1, 2)", "public.moved (2 rows)"),
        ("UPDATE moved SET (a, b) = (b, a) WHERE id = 50", "public.moved (1 rows)"),
        ("UPDATE written SET n = 1.00", "public.written (1 rows)"),
        ("UPDATE written SET j = '[1.00]'", "public.written (1 rows)"),
        ("UPDATE written SET i = '1 day'", "public.written (1 rows)"),
        ("UPDATE written SET f = '-0'", "public.written (1 rows)"),
        ("UPDATE written SET b = 'a '", "public.written (1 rows)"),
        // Equal to the server's own hash of eight bytes, which keeps four.
        ("UPDATE wide SET n = 4294967295 WHERE n = -1", "public.wide (1 rows)"),
        ("UPDATE wide SET n = 4294967296 WHERE n = 1", "public.wide (1 rows)"),
        ("UPDATE wide SET t = '2000-01-01 01:11:34.967296' WHERE id = 1", "public.wide (1 rows)"),
        (
            "UPDATE wide SET z = '2000-01-01 01:11:34.967296+00' WHERE id = 1",
            "public.wide (1 rows)",
        ),
    ] {
        both.new.batch_execute("BEGIN; TRUNCATE moved, written, wide").await.unwrap();
        both.new.batch_execute(&format!("{VALUES}; {change}; COMMIT")).await.unwrap();
        both.done(&One::of(&kept)).await;
        let why = both.compared(&both.world.drivers, &One::of(&all)).await.unwrap_err();
        assert_eq!(why, format!("1 tables differ: {differs}"), "{change}");
    }
}
