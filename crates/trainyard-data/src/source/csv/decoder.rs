//! Rows to record batches.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use arrow::array::BooleanArray;
use arrow::compute::filter_record_batch;
use arrow::record_batch::RecordBatch;
use trainyard_features::{ColumnType, Field};

use super::chunk::{Chunk, Chunks, Stretch};
use super::column::Column;
use super::records::Records;
use super::value::Rules;
use crate::error::{Error, Result, in_words, shortened};
use crate::ordered::{internal, map_in_order};
use crate::source::config::OnError;
use crate::source::piece::PieceSink;
use crate::source::plan::Plan;

/// Rows that are decoded at a time, column by column: their text and the places of their fields fit into a processor's cache.
const ROWS: usize = 256;

/// Threads that decode at most: cutting feeds about so many, and each takes memory.
const THREADS_MAX: usize = 8;

/// Sends the rows of all files, in order, to `sink`, until it wants no more.
pub(in crate::source) fn scan(plan: &Plan, skipped: &AtomicU64, sink: &PieceSink) -> Result<()> {
    let threads = thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX);
    let chunks = Chunks::new(plan);
    map_in_order(
        chunks,
        threads,
        |chunk| decode(plan, &chunk),
        |decoded| {
            skipped.fetch_add(decoded.skipped, Ordering::Relaxed);
            // A batch may be of rows that were all skipped.
            Ok(decoded.batch.num_rows() == 0 || sink.send(Ok(decoded.batch)))
        },
    )
}

/// The rows of a chunk.
struct Decoded {
    batch: RecordBatch,
    /// How many were left out, since they cannot be read.
    skipped: u64,
}

/// Decodes a chunk.
///
/// # Errors
///
/// Of the first row that cannot be read, unless such rows are to be skipped.
fn decode(plan: &Plan, chunk: &Chunk) -> Result<Decoded> {
    let (rows, fields) = (chunk.rows(), &plan.schema.fields);
    // More room is made for a column that takes more.
    let text_bytes = chunk.column_bytes();
    let columns = fields.iter().map(|field| Column::new(field.column_type, rows, text_bytes)).collect();
    let rules = Rules::new(&plan.config);
    let mut decoder = Decoder { plan, rules, columns, good: Vec::with_capacity(rows), misfits: 0 };
    chunk.stretches.iter().try_for_each(|stretch| decoder.read(stretch))?;
    decoder.finish()
}

/// Columns under construction.
struct Decoder<'a> {
    plan: &'a Plan,
    rules: Rules,
    columns: Vec<Column>,
    /// For each row whether all its values are of their columns' types.
    good: Vec<bool>,
    /// Rows that are not in the columns since they have another number of fields.
    misfits: u64,
}

impl Decoder<'_> {
    fn read(&mut self, stretch: &Stretch) -> Result<()> {
        let is_utf8 = stretch.text.is_utf8();
        let mut records = stretch.text.records();
        while records.advance(ROWS) {
            let before = self.good.len();
            self.good.resize(before + records.rows(), true);
            let good = &mut self.good[before..];
            for (column, &i) in self.columns.iter_mut().zip(stretch.positions.iter()) {
                column.extend((&records, i), &self.rules, is_utf8, |row| good[row] = false);
            }
            if self.plan.config.on_error == OnError::Fail {
                self.check(&records, before, stretch)?;
            }
            self.misfits += records.misfits().len() as u64;
        }
        Ok(())
    }

    /// Refuses the first of these records that cannot be read.
    fn check(&self, records: &Records, before: usize, stretch: &Stretch) -> Result<()> {
        let bad = self.good[before..].iter().position(|good| !good);
        match (records.misfits().first(), bad) {
            (None, None) => Ok(()),
            (Some(misfit), bad) if bad.is_none_or(|row| misfit.place.start < records.place(row)) => {
                Err(stretch.text.ragged(misfit))
            }
            (_, bad) => Err(self.bad_value(records, bad.unwrap_or_default(), stretch)),
        }
    }

    /// The error of a row of which a value is not of its column's type.
    fn bad_value(&self, records: &Records, row: usize, stretch: &Stretch) -> Error {
        let mut bad = None;
        for (field, &i) in self.plan.schema.fields.iter().zip(stretch.positions.iter()) {
            records.each(i, |at, text| {
                if at == row && bad.is_none() && !Column::new(field.column_type, 1, text.len()).push(text, &self.rules)
                {
                    bad = Some((field, shortened(text)));
                }
            });
        }
        let Some((field, text)) = bad else { return internal("a bad row has no bad value") };
        Error::Value {
            path: stretch.text.head().path.clone(),
            place: stretch.text.line(records.place(row)),
            column: field.name.clone(),
            text: text.into(),
            expected: in_words(field.column_type),
            hint: hint(field).into(),
        }
    }

    /// The rows that are good.
    fn finish(mut self) -> Result<Decoded> {
        let columns = self.columns.iter_mut().map(Column::finish).collect::<Result<_>>()?;
        let batch = RecordBatch::try_new(Arc::clone(&self.plan.arrow), columns)?;
        let good = BooleanArray::from(self.good);
        let bad = batch.num_rows() - good.true_count();
        let batch = if bad == 0 { batch } else { filter_record_batch(&batch, &good)? };
        Ok(Decoded { batch, skipped: self.misfits + bad as u64 })
    }
}

fn hint(field: &Field) -> String {
    match field.column_type {
        ColumnType::Text => "convert the file to UTF-8, or set `on_error = \"skip\"`".to_owned(),
        _ => format!(
            "add it to `missing` if it means that there is no value, set another type for `{}` in `types`, or set \
             `on_error = \"skip\"`",
            field.name
        ),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use trainyard_features::ColumnType::{Bool, Float, Int, Text, Time};

    use super::*;
    use crate::error::Place;
    use crate::source::plan::BATCH_ROWS;
    use crate::source::{PathSpec, Source, SourceConfig};
    use crate::testing::rows;

    /// A folder with a file of this text, and the configuration that reads it.
    fn file(text: impl AsRef<[u8]>) -> (tempfile::TempDir, SourceConfig) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv");
        std::fs::write(&path, text).unwrap();
        (folder, SourceConfig { path: path.as_path().into(), ..SourceConfig::default() })
    }

    #[track_caller]
    fn check_with(text: &str, change: impl Fn(&mut SourceConfig), types: &[ColumnType], expected: &[&str]) {
        let (_folder, mut config) = file(text);
        change(&mut config);
        let source = Source::open_all(&config).unwrap();
        assert_eq!(source.schema().fields.iter().map(|field| field.column_type).collect::<Vec<_>>(), types);
        assert_eq!(rows(&source).unwrap(), expected);
    }

    #[track_caller]
    fn check(text: &str, types: &[ColumnType], expected: &[&str]) {
        check_with(text, |_| {}, types, expected);
    }

    #[track_caller]
    fn check_error(text: impl AsRef<[u8]>, needed: &[(&str, Option<ColumnType>)], expected: &str) {
        let (_folder, config) = file(text);
        let error = Source::open(&config, needed).and_then(|source| rows(&source)).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn types_are_those_of_the_values() {
        check("a,b,c,d\n1,1,true,x\n,2.5,FALSE,\n", &[Int, Float, Bool, Text], &["1|1.0|true|x", "|2.5|false|"]);
    }

    #[test]
    fn line_ends_marks_and_blank_lines_do_not_matter() {
        check("\u{feff}a,b\r\n1,x\r\n\r\n2,y", &[Int, Text], &["1|x", "2|y"]);
        check("a,b\n1,x\n   \n2,y\n\n", &[Int, Text], &["1|x", "2|y"]);
    }

    #[test]
    fn quoted_fields_hold_anything() {
        check("a,b\n\"x, \"\"y\"\"\nz\",1\n", &[Text, Int], &["x, \"y\"\nz|1"]);
    }

    #[test]
    fn configured_texts_are_missing() {
        check_with("a,b\n?,?\n1,-9\n", |c| c.missing = vec!["?".into(), "-9".into()], &[Int, Text], &["|", "1|"]);
    }

    #[test]
    fn numbers_are_trimmed_and_texts_on_demand() {
        check("a, b\n 1, x\n", &[Int, Text], &["1| x"]);
        check_with("a, b\n 1, \"x, y\" \n", |c| c.trim = true, &[Int, Text], &["1|x, y"]);
    }

    #[test]
    fn columns_can_be_named_by_the_configuration() {
        let unnamed = |c: &mut SourceConfig| {
            c.header = false;
            c.columns = vec!["a".into(), "b".into()];
        };
        check_with("1,x\n2,y\n", unnamed, &[Int, Text], &["1|x", "2|y"]);
    }

    #[test]
    fn other_delimiters_and_quotes_as_text() {
        check_with("a;b\n1,5;2\n", |c| c.delimiter = Some(';'), &[Text, Int], &["1,5|2"]);
        let tabs = |c: &mut SourceConfig| {
            c.delimiter = Some('\t');
            c.quotes = false;
        };
        check_with("a\tb\n\"x\t5\" pipe\n", tabs, &[Text, Text], &["\"x|5\" pipe"]);
    }

    #[test]
    fn configured_types_win_over_the_values() {
        let text = |c: &mut SourceConfig| c.types = [("a".to_owned(), Text)].into();
        check_with("a\n007\n", text, &[Text], &["007"]);
        let truth = |c: &mut SourceConfig| c.types = [("a".to_owned(), Bool)].into();
        check_with("a\n1\n0\n", truth, &[Bool], &["true", "false"]);
    }

    #[test]
    fn only_missing_values_are_of_the_type_that_is_needed() {
        let (_folder, config) = file("a,b\n,1\n,2\n");
        let types = |needed| Source::open(&config, needed).unwrap().schema().fields[0].column_type;
        assert_eq!(types(&[("a", Some(Float))]), Float);
        assert_eq!(types(&[("a", None)]), Text);
    }

    #[test]
    fn a_header_without_rows_is_a_table_without_rows() {
        check("a,b\n", &[Text, Text], &[]);
    }

    #[test]
    fn files_may_order_their_columns_differently() {
        let (folder, mut config) = file("a,b\n1,x\n");
        std::fs::write(folder.path().join("u.csv"), "b,c,a\ny,0,2\n").unwrap();
        config.path = PathSpec::from(folder.path());
        let source = Source::open(&config, &[("a", None), ("b", None)]).unwrap();
        assert_eq!(rows(&source).unwrap(), ["1|x", "2|y"]);
        assert_eq!(source.scan().unwrap().count(), 1);
    }

    #[test]
    fn batches_are_full_but_the_last() {
        let text: String = (0..20_000).map(|i| format!("{i}\n")).collect();
        let (_folder, config) = file(format!("n\n{text}"));
        let source = Source::open(&config, &[("n", None)]).unwrap();
        let sizes: Vec<_> = source.scan().unwrap().map(|batch| batch.unwrap().num_rows()).collect();
        assert_eq!(sizes, [BATCH_ROWS, BATCH_ROWS, 20_000 - 2 * BATCH_ROWS]);
    }

    #[test]
    fn a_bad_value_is_named_with_its_line() {
        check_error("a,b\r\n\"1\r\n\",2\r\n\r\n3,4x\r\n", &[("b", Some(Int))], "line 5 of `");
        check_error("a\n1\nx\n", &[("a", Some(Float))], "column `a`: `x` is not a number; add it to `missing`");
        let late = format!("a\n{}1.5\n", "1\n".repeat(10_000));
        check_error(late, &[("a", None)], "line 10002 of `");
    }

    #[test]
    fn a_number_that_is_out_of_range_is_named() {
        check_error("a\n1\n9223372036854775808\n", &[("a", Some(Int))], "is not a whole number of 64 bits");
        check_error("a\n1\n-1e999\n", &[("a", Some(Float))], "line 3 of `");
        check("a\n1e300\n-inf\n", &[Float], &["1e300", "-inf"]);
    }

    #[test]
    fn a_date_that_is_none_is_named() {
        let text = "when,n\n2024-02-29,1\n,2\n2023-02-29 12:00,3\n";
        check_error(text, &[("when", Some(Time))], "line 4 of `");
        check_error(
            text,
            &[("when", Some(Time))],
            "column `when`: `2023-02-29 12:00` is not a time such as `2024-05-01 13:45:00`",
        );
        let times = |c: &mut SourceConfig| c.types = [("when".to_owned(), Time)].into();
        let expected = ["2024-02-29T00:00:00", "2024-02-29T00:00:01"];
        check_with("when\n2024-02-29T01:00+01:00\n2024-02-29 00:00:01\n", times, &[Time], &expected);
        let (_folder, mut config) = file(text);
        config.on_error = OnError::Skip;
        let source = Source::open(&config, &[("when", Some(Time)), ("n", Some(Int))]).unwrap();
        assert_eq!(rows(&source).unwrap(), ["2024-02-29T00:00:00|1", "|2"]);
    }

    #[test]
    fn a_ragged_row_is_named_with_its_line() {
        check_error("a,b\n1,2\n3\n", &[("a", None)], "t.csv` has 1 fields, expected 2; if another character");
        check_error("a,b\n1,2\n3,4,5\n", &[("a", None)], "line 3 of `");
    }

    #[test]
    fn text_in_another_encoding_is_named() {
        check_error(b"a\nx\ncaf\xe9\n", &[("a", None)], "column `a`: `caf\u{fffd}` is not text in UTF-8; convert");
        check_error(b"caf\xe9\nx\n", &[("a", None)], "names column 1 in an encoding other than UTF-8");
        check_error(b"\xff\xfea\0", &[("a", None)], "UTF-16");
        check_error(b"\x1f\x8b\x08\x00", &[("a", None)], "gzip");
    }

    #[test]
    fn headers_that_do_not_fit_are_refused() {
        check_error("", &[("a", None)], "is empty, a line of column names was expected");
        check_error("a,b,a\n1,2,3\n", &[("b", None)], "names column `a` twice");
        check_error("a,b\n1,2\n", &[("c", None)], "has no column `c` (columns: a, b)");
    }

    #[test]
    fn an_open_quote_is_refused() {
        check_error("a,b\n1,\"x\n2,y\n", &[("a", None)], "opens a quote that is never closed");
    }

    #[test]
    fn bad_rows_can_be_skipped_and_are_counted() {
        let (_folder, mut config) = file(b"a,b\n1,x\nz,y\n3\n4,\xff\n5,v\n");
        config.on_error = OnError::Skip;
        let source = Source::open(&config, &[("a", Some(Int)), ("b", None)]).unwrap();
        assert_eq!(rows(&source).unwrap(), ["1|x", "5|v"]);
        let mut scan = source.scan().unwrap();
        scan.by_ref().for_each(drop);
        assert_eq!(scan.skipped(), 3);
    }

    /// Good rows, parts of bad ones, and any bytes, put together.
    fn body() -> impl Strategy<Value = Vec<u8>> {
        const PARTS: [&[u8]; 16] = [
            b",",
            b",",
            b"\n",
            b"\r\n",
            b"\r",
            b"\"",
            b"\"\"",
            b" ",
            b"7",
            b"-0.5",
            b"1e999",
            b"true",
            b"2024-02-30",
            "é".as_bytes(),
            b"\xff",
            b"\0",
        ];
        let part = prop_oneof![
            4 => Just(b"7,-0.5,a,true,2024-05-01 13:45\n".to_vec()),
            12 => prop::sample::select(PARTS.to_vec()).prop_map(<[u8]>::to_vec),
            1 => prop::collection::vec(any::<u8>(), 1..9),
        ];
        prop::collection::vec(part, 0..30).prop_map(|parts| parts.concat())
    }

    /// How many rows a file has, and how many were skipped.
    fn count(config: &SourceConfig) -> Result<(u64, u64)> {
        let mut scan = Source::open_all(config)?.scan()?;
        let mut rows = 0;
        for batch in scan.by_ref() {
            rows += batch?.num_rows() as u64;
        }
        Ok((rows, scan.skipped()))
    }

    /// The records that another reader finds, those left out that are nothing but white space. Each is shorter than 1000 bytes.
    fn records(text: &[u8]) -> u64 {
        // It ends a record at a line end only.
        let text = [text, b"\n"].concat();
        let (mut reader, mut rest) = (csv_core::Reader::new(), &text[..]);
        let (mut bytes, mut ends, mut records) = ([0; 1000], [0; 1000], 0);
        loop {
            let (result, read, ..) = reader.read_record(rest, &mut bytes, &mut ends);
            if result != csv_core::ReadRecordResult::Record {
                return records;
            }
            records += u64::from(!rest[..read].trim_ascii().is_empty());
            rest = &rest[read..];
        }
    }

    /// The line that an error of a row is about.
    fn line(error: &Error) -> Option<u64> {
        match error {
            Error::Value { place: Place::Line(line), .. }
            | Error::Ragged { place: Place::Line(line), .. }
            | Error::OpenQuote { line, .. } => Some(*line),
            _ => None,
        }
    }

    /// Whether the message of an error names the file and a line that it has, the header aside.
    fn names_a_line(error: &Error, text: &[u8]) -> bool {
        let lines = 1 + text.iter().filter(|&&byte| byte == b'\n').count() as u64;
        let message = error.to_string();
        let is_named = |line: u64| (2..=lines).contains(&line) && message.contains(&format!("line {line} of `"));
        line(error).is_some_and(is_named) && message.contains("t.csv`")
    }

    proptest! {
        #[test]
        fn any_bytes_are_rows_or_errors_that_name_their_line(body in body()) {
            let text = [&b"int,float,text,bool,time\n"[..], &body].concat();
            let (_folder, mut config) = file(&text);
            let types = [("int", Int), ("float", Float), ("text", Text), ("bool", Bool), ("time", Time)];
            config.types = types.map(|(name, column_type)| (name.to_owned(), column_type)).into();
            let strict = count(&config);
            config.on_error = OnError::Skip;
            let skipping = count(&config);
            for error in [&strict, &skipping].into_iter().filter_map(|found| found.as_ref().err()) {
                prop_assert!(names_a_line(error, &text), "{error}");
            }
            match skipping {
                Ok((rows, skipped)) => {
                    prop_assert_eq!(rows + skipped + 1, records(&text));
                    prop_assert_eq!(strict.ok(), (skipped == 0).then_some((rows, 0)));
                }
                // A quote that is never closed leaves no rows to skip.
                Err(error) => prop_assert!(matches!(error, Error::OpenQuote { .. }) && strict.is_err(), "{error}"),
            }
        }
    }
}
