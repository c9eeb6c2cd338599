//! Rows to record batches.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::BooleanArray;
use arrow::compute::filter_record_batch;
use arrow::record_batch::RecordBatch;
use trainyard_features::{ColumnType, Field};

use super::column::Column;
use super::file::CsvFile;
use super::records::Record;
use super::value::{Evidence, Rules};
use crate::background::Sink;
use crate::error::{Error, Place, Result, in_words, shortened};
use crate::source::columns::position;
use crate::source::config::{OnError, SourceConfig};
use crate::source::files::Files;
use crate::source::plan::{BATCH_ROWS, Plan};

/// Bytes of text after which a batch is handed over before it is full, so that long texts do not fill the memory.
const BATCH_TEXT_BYTES: usize = 32 << 20;

/// Sends the rows of all files, in order, to `sink`, until it wants no more.
pub(in crate::source) fn scan(plan: &Plan, skipped: &AtomicU64, sink: &Sink<Result<RecordBatch>>) -> Result<()> {
    let mut decoder = Decoder::new(plan, skipped);
    for path in &plan.files.locations {
        let mut file = CsvFile::open(path, plan.files.open(path)?, &plan.config)?;
        decoder.enter(&file)?;
        while decoder.read_row(&mut file)? {
            if decoder.is_full() && !send(decoder.finish()?, sink) {
                return Ok(());
            }
        }
    }
    send(decoder.finish()?, sink);
    Ok(())
}

/// Hands over a batch unless all its rows were skipped, and says whether more are wanted.
fn send(batch: RecordBatch, sink: &Sink<Result<RecordBatch>>) -> bool {
    batch.num_rows() == 0 || sink.send(Ok(batch))
}

/// What the first `limit` rows of the files tell about the columns `names`.
pub(in crate::source) fn infer(
    config: &SourceConfig,
    files: &Files,
    names: &[&str],
    limit: usize,
) -> Result<Vec<Evidence>> {
    let rules = Rules::new(config);
    let mut evidence = vec![Evidence::default(); names.len()];
    let mut rows = 0;
    for path in &files.locations {
        if rows == limit {
            break;
        }
        let mut file = CsvFile::open(path, files.open(path)?, config)?;
        let positions = names.iter().map(|name| position(&file.names, name, path)).collect::<Result<Vec<_>>>()?;
        while rows < limit {
            match file.advance() {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) if may_skip(&error, config) => continue,
                Err(error) => return Err(error),
            }
            rows += 1;
            let fields = positions.iter().map(|&i| file.record().field(i));
            evidence.iter_mut().zip(fields).for_each(|(evidence, field)| evidence.add(field, &rules));
        }
    }
    Ok(evidence)
}

fn may_skip(error: &Error, config: &SourceConfig) -> bool {
    config.on_error == OnError::Skip && error.concerns_one_row()
}

/// Columns under construction. They go on from file to file.
struct Decoder<'a> {
    plan: &'a Plan,
    skipped: &'a AtomicU64,
    rules: Rules,
    columns: Vec<Column>,
    /// Where each column stands in the rows of the present file.
    positions: Vec<usize>,
    /// For each row whether it stays; the columns hold bad rows, too, until they are finished.
    keep: Vec<bool>,
}

impl<'a> Decoder<'a> {
    fn new(plan: &'a Plan, skipped: &'a AtomicU64) -> Self {
        let columns = plan.schema.fields.iter().map(|field| Column::new(field.column_type, BATCH_ROWS)).collect();
        Self { plan, skipped, rules: Rules::new(&plan.config), columns, positions: Vec::new(), keep: Vec::new() }
    }

    /// Turns to a new file.
    fn enter(&mut self, file: &CsvFile) -> Result<()> {
        let fields = self.plan.schema.fields.iter();
        self.positions = fields.map(|field| position(&file.names, &field.name, &file.path)).collect::<Result<_>>()?;
        Ok(())
    }

    fn rows(&self) -> usize {
        self.keep.len()
    }

    fn is_full(&self) -> bool {
        self.rows() >= BATCH_ROWS || self.columns.iter().map(Column::text_bytes).sum::<usize>() >= BATCH_TEXT_BYTES
    }

    /// Reads a row, and says whether there was one.
    fn read_row(&mut self, file: &mut CsvFile) -> Result<bool> {
        let result = file.advance().and_then(|more| if more { self.push(file).map(|()| true) } else { Ok(false) });
        match result {
            Err(error) if may_skip(&error, &self.plan.config) => {
                self.skipped.fetch_add(1, Ordering::Relaxed);
                Ok(true)
            }
            result => result,
        }
    }

    /// Converts the row that was read last.
    fn push(&mut self, file: &CsvFile) -> Result<()> {
        let record = file.record();
        let mut bad = None;
        for (i, (column, &position)) in self.columns.iter_mut().zip(&self.positions).enumerate() {
            if !column.push(record.field(position), &self.rules) {
                bad = bad.or(Some(i));
            }
        }
        self.keep.push(bad.is_none());
        match bad {
            None => Ok(()),
            Some(i) => Err(self.bad_value(&record, i, file)),
        }
    }

    fn bad_value(&self, record: &Record, column: usize, file: &CsvFile) -> Error {
        let field = &self.plan.schema.fields[column];
        Error::Value {
            path: file.path.clone(),
            place: Place::Line(record.line),
            column: field.name.clone(),
            text: shortened(record.field(self.positions[column])).into(),
            expected: in_words(field.column_type),
            hint: hint(field).into(),
        }
    }

    /// The rows so far that are good, as a batch.
    fn finish(&mut self) -> Result<RecordBatch> {
        let columns = self.columns.iter_mut().map(Column::finish).collect();
        let batch = RecordBatch::try_new(Arc::clone(&self.plan.arrow), columns)?;
        let keep = BooleanArray::from(std::mem::take(&mut self.keep));
        if keep.true_count() == batch.num_rows() {
            return Ok(batch);
        }
        Ok(filter_record_batch(&batch, &keep)?)
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
    use trainyard_features::ColumnType::{Bool, Float, Int, Text};

    use super::*;
    use crate::source::{PathSpec, Source};
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
}
