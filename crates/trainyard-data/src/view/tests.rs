//! Views over files.

use std::path::{Path, PathBuf};

use trainyard_features::ColumnType::{Bool, Float, Int, Text, Time};

use super::*;
use crate::testing::rows;
use crate::{Error, OnError, Result, Source, SourceConfig};

const RIDES: &str = "zone,Day,fare,note\nb,1,10,x\na,1,2,\nb,2,30,y\na,3,0,z\nb,3,50,\nc,4,7,x\n";
const ZONES: &str = "id,name\na,Airport\nb,Bridge\n";

struct Files {
    folder: tempfile::TempDir,
}

impl Files {
    /// `rows.csv` and `zones.csv`.
    fn new(rows: &str) -> Self {
        let files = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::write(files.path("rows.csv"), rows).unwrap();
        std::fs::write(files.path("zones.csv"), ZONES).unwrap();
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn config(&self, name: &str) -> SourceConfig {
        SourceConfig { path: self.path(name).as_path().into(), ..SourceConfig::default() }
    }

    fn view(&self, sql: &str) -> ViewConfig {
        let tables = [("zones".to_owned(), TableConfig(self.config("zones.csv")))].into();
        ViewConfig { tables, memory_mib: 64, ..ViewConfig::new(sql) }
    }

    fn make(&self, sql: &str) -> Result<Made> {
        self.make_of(&self.view(sql), &self.config("rows.csv"))
    }

    fn make_of(&self, view: &ViewConfig, rows: &SourceConfig) -> Result<Made> {
        View::open(view)?.make(&Source::open_all(rows)?, &self.path("view.parquet"), &|_| {})
    }

    fn bytes(&self) -> Vec<u8> {
        std::fs::read(self.path("view.parquet")).unwrap()
    }
}

#[track_caller]
fn check(sql: &str, expected: &[&str]) {
    let files = Files::new(RIDES);
    assert_eq!(rows(&files.make(sql).unwrap().source).unwrap(), expected);
}

#[track_caller]
fn check_error(sql: &str, expected: &[&str]) {
    let files = Files::new(RIDES);
    let error = files.make(sql).unwrap_err();
    assert!(matches!(error, Error::View { .. }), "{error:?}");
    let text = error.to_string();
    for part in expected {
        assert!(text.starts_with("the `sql` of `[view]` ") && text.contains(part), "{text}\nlacks `{part}`");
    }
    let left: Vec<_> = std::fs::read_dir(files.folder.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?} were left behind");
}

#[test]
fn times_are_timestamps_to_the_query_and_stay_times() {
    let files = Files::new("zone,at\na,2024-05-01 23:30\nb,\nc,2024-04-30T08:00Z\n");
    let rows_config = SourceConfig { types: [("at".to_owned(), Time)].into(), ..files.config("rows.csv") };
    let sql = "SELECT zone, at, at + INTERVAL '1 hour' AS later, date_part('day', at) AS day FROM rows \
               WHERE at > '2024-04-30' OR at IS NULL";
    // Made, and read where it is.
    for _ in 0..2 {
        let made = files.make_of(&files.view(sql), &rows_config).unwrap();
        let types: Vec<_> = made.source.schema().fields.iter().map(|field| field.column_type).collect();
        assert_eq!(types, [Text, Time, Time, Int]);
        let expected =
            ["a|2024-05-01T23:30:00|2024-05-02T00:30:00|1", "b|||", "c|2024-04-30T08:00:00|2024-04-30T09:00:00|30"];
        assert_eq!(rows(&made.source).unwrap(), expected);
    }
}

#[test]
fn joins_windows_and_filters_give_rows_in_the_order_of_the_rows() {
    check(
        "SELECT r.fare, z.name FROM rows r LEFT JOIN zones z ON r.zone = z.id WHERE r.fare > 0",
        &["10|Bridge", "2|Airport", "30|Bridge", "50|Bridge", "7|"],
    );
    check(
        "SELECT zone, avg(fare) OVER (PARTITION BY zone ORDER BY \"Day\" ROWS BETWEEN 30 PRECEDING AND 1 PRECEDING) AS before \
           FROM rows ORDER BY zone, Day",
        &["a|", "a|2.0", "b|", "b|10.0", "b|20.0", "c|"],
    );
    check(
        "WITH sums AS (SELECT zone, sum(fare) AS total FROM rows GROUP BY zone) \
           SELECT r.zone, total FROM rows r JOIN sums ON r.zone = sums.zone WHERE Day = 1",
        &["b|90", "a|2"],
    );
    check("SELECT *, note IS NULL AS no_note FROM rows WHERE zone = 'a'", &["a|1|2||true", "a|3|0|z|false"]);
}

#[test]
fn the_types_of_a_result_are_raw_ones() {
    let sql = "SELECT Day, fare / 4.0 AS part, fare > 5 AS dear, upper(zone) AS zone, DATE '2024-01-31' AS date, \
               CAST(fare AS DECIMAL(9, 2)) AS money, NULL AS none, CAST(Day AS TINYINT) AS small FROM rows LIMIT 1";
    let files = Files::new(RIDES);
    let source = files.make(sql).unwrap().source;
    let types: Vec<_> = source.schema().fields.iter().map(|field| field.column_type).collect();
    assert_eq!(types, [Int, Float, Bool, Text, Text, Float, Text, Int]);
    assert_eq!(rows(&source).unwrap(), ["1|2.5|true|B|2024-01-31|10.0||1"]);
}

#[test]
fn a_file_is_made_once_and_again_when_something_changed() {
    let files = Files::new(RIDES);
    let sql = "SELECT zone, fare FROM rows";
    let made = files.make(sql).unwrap();
    let (before, fingerprint) = (files.bytes(), made.source.fingerprint().unwrap());
    // A file that is not touched keeps what was put into it.
    let modified = || std::fs::metadata(files.path("view.parquet")).unwrap().modified().unwrap();
    let time = modified();
    assert_eq!(files.make(sql).unwrap().source.fingerprint().unwrap(), fingerprint);
    assert_eq!(modified(), time);
    std::fs::remove_file(files.path("view.parquet")).unwrap();
    assert_eq!(files.make(sql).unwrap().source.fingerprint().unwrap(), fingerprint);
    assert_eq!(files.bytes(), before);
    let other = files.make("SELECT zone, fare + 1 AS fare FROM rows").unwrap();
    assert_ne!(other.source.fingerprint().unwrap(), fingerprint);
    assert_eq!(rows(&other.source).unwrap()[0], "b|11");
    std::fs::write(files.path("rows.csv"), "zone,fare\nq,1\n").unwrap();
    assert_eq!(rows(&files.make(sql).unwrap().source).unwrap(), ["q|1"]);
}

#[test]
fn a_file_that_was_cut_short_is_made_again() {
    let files = Files::new(RIDES);
    files.make("SELECT zone FROM rows").unwrap();
    let bytes = files.bytes();
    std::fs::write(files.path("view.parquet"), &bytes[..bytes.len() / 2]).unwrap();
    assert_eq!(rows(&files.make("SELECT zone FROM rows").unwrap().source).unwrap().len(), 6);
    assert_eq!(files.bytes(), bytes);
}

#[test]
fn what_cannot_be_parsed_is_told_with_its_place() {
    check_error("SELECT zone FROM rows WHERE", &["cannot be parsed", "Expected"]);
    check_error("SELECT zone\nFORM rows x y", &["cannot be parsed", "Line: 2, Column: 6"]);
    check_error("SELECT 'open FROM rows", &["cannot be parsed", "Unterminated string", "Line: 1, Column: 8"]);
    check_error("", &["is empty"]);
    check_error(&format!("SELECT {}1{} FROM rows", "(".repeat(5000), ")".repeat(5000)), &["nested too deeply"]);
}

#[test]
fn tables_and_columns_that_are_not_there_are_named_with_the_nearest() {
    check_error(
        "SELECT * FROM row",
        &["reads a table `row`", "did you mean `rows`?", "tables: rows, zones", "[view.tables]"],
    );
    check_error("SELECT * FROM rows JOIN other.zones ON true", &["reads a table `other.zones`"]);
    check_error("SELECT * FROM (SELECT * FROM zonen) t", &["`zonen`", "did you mean `zones`?"]);
    check_error("SELECT day FROM rows", &["reads a column `day`", "did you mean", "Day"]);
    check_error("SELECT r.fair FROM rows r", &["reads a column `r.fair`", "did you mean `r.fare`?", "r.zone"]);
    check_error("SELECT zon FROM rows, (SELECT zone FROM rows) r", &["`zon`"]);
    check_error("SELECT zone FROM rows a JOIN rows b ON a.fare = b.fare", &["reads `zone`, which several tables have"]);
    check_error("SELECT fore(fare) FROM rows", &["cannot be planned", "fore"]);
}

#[test]
fn what_is_no_single_query_is_refused() {
    for sql in [
        "DROP TABLE rows",
        "CREATE TABLE t AS SELECT * FROM rows",
        "INSERT INTO rows VALUES ('a', 1, 2, 'x')",
        "DELETE FROM rows",
        "COPY rows TO 'stolen.csv'",
        "EXPLAIN SELECT * FROM rows",
        "SET a = 1",
        "SHOW TABLES",
        "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/etc/passwd'",
    ] {
        check_error(sql, &["is no query; write one `SELECT`"]);
    }
    check_error("SELECT * FROM rows; SELECT * FROM zones", &["holds several statements"]);
    check_error("SELECT * FROM '/etc/passwd'", &["reads a table"]);
}

#[test]
fn functions_that_give_something_else_each_time_are_refused() {
    for (call, name) in [
        ("now()", "now"),
        ("random()", "random"),
        ("uuid()", "uuid"),
        ("current_date", "current_date"),
        ("CURRENT_TIMESTAMP", "now"),
        ("current_time", "current_time"),
    ] {
        check_error(&format!("SELECT zone, {call} AS x FROM rows"), &[&format!("calls `{name}`")]);
        check_error(
            &format!("SELECT * FROM rows WHERE fare IN (SELECT 1 FROM zones WHERE {call} IS NOT NULL)"),
            &["calls `"],
        );
    }
}

#[test]
fn columns_that_no_feature_can_read_are_refused() {
    check_error("SELECT [fare, Day] AS both FROM rows", &["the column `both`", "List", "array_to_string(both, ' ')"]);
    check_error("SELECT named_struct('a', fare) AS s FROM rows", &["the column `s`", "CAST(s AS DOUBLE)"]);
    check_error(
        "SELECT r.*, s.* FROM rows r JOIN rows s ON r.zone = s.zone",
        &["gives two columns named `zone`", "AS"],
    );
    check_error(
        "SELECT CAST(18446744073709551615 AS BIGINT UNSIGNED) AS big FROM rows",
        &["`18446744073709551615`", "`big`"],
    );
}

#[test]
fn no_rows_is_an_error() {
    check_error("SELECT * FROM rows WHERE fare > 1000", &["gives no rows for `", "rows.csv`"]);
}

#[test]
fn a_query_that_fails_on_a_row_says_why() {
    check_error("SELECT Day / (fare - fare) AS x FROM rows", &["failed", "Divide by zero"]);
    check_error("SELECT CAST(note AS INT) AS x FROM rows", &["failed", "Cannot cast"]);
}

#[test]
fn an_error_in_a_file_is_told_as_if_there_were_no_view() {
    let long: String = (0..12_000).map(|i| format!("a,1,{i},n\n")).collect();
    let files = Files::new(&format!("zone,Day,fare,note\n{long}b,1,many,n\n"));
    let error = files.make("SELECT fare FROM rows").unwrap_err();
    assert!(matches!(error, Error::Value { .. }), "{error:?}");
    assert!(error.to_string().starts_with("line 12002 of `"), "{error}");
    // A column that the query does not read is not looked at.
    assert_eq!(rows(&files.make("SELECT zone FROM rows").unwrap().source).unwrap().len(), 12_001);
    let skipping = SourceConfig { on_error: OnError::Skip, ..files.config("rows.csv") };
    let sql =
        "SELECT r.fare FROM rows r JOIN (SELECT zone, max(fare) AS top FROM rows GROUP BY zone) t ON r.fare = t.top";
    let made = files.make_of(&files.view(sql), &skipping).unwrap();
    assert_eq!((rows(&made.source).unwrap(), made.skipped), (vec!["11999".to_owned()], 1));
    let again = files.make_of(&files.view(sql), &skipping).unwrap();
    assert_eq!(again.skipped, 1);
}

#[test]
fn windows_and_aggregates_mix_rows() {
    let mixes = |sql: &str| Files::new(RIDES).make(sql).unwrap().mixes_rows;
    assert!(!mixes("SELECT fare FROM rows r LEFT JOIN zones z ON r.zone = z.id WHERE fare > 1 ORDER BY fare"));
    assert!(mixes("SELECT sum(fare) OVER () AS s FROM rows"));
    assert!(mixes("SELECT zone, sum(fare) AS s FROM rows GROUP BY zone"));
    assert!(mixes("SELECT DISTINCT zone FROM rows"));
    assert!(mixes("SELECT fare FROM rows WHERE fare > (SELECT avg(fare) FROM rows)"));
}

/// Rows of some 100 bytes, in no order.
fn many(rows: u64) -> String {
    let line = |i: u64| {
        let key = i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
        format!("{key:044b},{},{}\n", i % 1000, "x".repeat(40))
    };
    (0..rows).map(line).fold("key,group,text\n".to_owned(), |all, row| all + &row)
}

#[test]
fn what_does_not_fit_into_memory_is_spilled_and_changes_nothing() {
    let files = Files::new(&many(400_000));
    let sql = "SELECT key, text, row_number() OVER (ORDER BY key) AS place FROM rows ORDER BY key";
    let spilling = ViewConfig { memory_mib: 24, ..files.view(sql) };
    let small = rows(&files.make_of(&spilling, &files.config("rows.csv")).unwrap().source).unwrap();
    std::fs::remove_file(files.path("view.parquet")).unwrap();
    let large = ViewConfig { memory_mib: 1024, ..files.view(sql) };
    let large = rows(&files.make_of(&large, &files.config("rows.csv")).unwrap().source).unwrap();
    assert_eq!(small.len(), 400_000);
    assert!(small == large, "the rows differ");
    assert!(small.is_sorted());
}

#[test]
fn the_order_of_an_aggregate_without_one_is_the_same_each_time() {
    let files = Files::new(&many(100_000));
    let sql = "SELECT \"group\", count(*) AS n, max(key) AS top, avg(length(text)) AS l FROM rows GROUP BY \"group\"";
    files.make(sql).unwrap();
    let first = files.bytes();
    for _ in 0..3 {
        std::fs::remove_file(files.path("view.parquet")).unwrap();
        files.make(sql).unwrap();
        assert!(files.bytes() == first, "the bytes differ");
    }
}

#[test]
fn a_join_holds_the_smaller_side_and_says_what_to_do_when_that_is_too_large() {
    let files = Files::new(&many(300_000));
    // The rows are the left side, and would not fit.
    let sql = "SELECT r.key, z.name FROM rows r LEFT JOIN zones z ON r.text = z.id";
    let view = ViewConfig { memory_mib: 16, ..files.view(sql) };
    let made = files.make_of(&view, &files.config("rows.csv")).unwrap();
    assert_eq!(rows(&made.source).unwrap().len(), 300_000);
    let sql = "SELECT r.key FROM rows r JOIN rows s ON r.key = s.key AND r.text = s.text";
    let view = ViewConfig { memory_mib: 16, ..files.view(sql) };
    let error = files.make_of(&view, &files.config("rows.csv")).unwrap_err().to_string();
    assert!(error.contains("needs more than the 16 MiB") && error.contains("`memory_mib`"), "{error}");
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let files = Files::new(RIDES);
    let rows = Source::open_all(&files.config("rows.csv")).unwrap();
    let view = View::open(&files.view("SELECT * FROM rows")).unwrap();
    let error = view.make(&rows, Path::new("/proc/no/view.parquet"), &|_| {}).unwrap_err();
    assert!(matches!(error, Error::Io { .. }) && error.to_string().contains("/proc/no/view"), "{error:?}");
}

#[test]
fn a_table_that_is_not_there_is_named() {
    let files = Files::new(RIDES);
    let mut view = files.view("SELECT * FROM rows");
    view.tables.insert("other".into(), TableConfig(files.config("other.csv")));
    let error = View::open(&view).unwrap_err();
    assert!(matches!(&error, Error::NoFile { path, .. } if path.ends_with("other.csv")), "{error:?}");
}
