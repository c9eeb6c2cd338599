//! Parquet through DataFusion, one file after the other so that errors can name file and row.
//!
//! DataFusion is asynchronous; this crate is not. Each call here runs a small runtime of its own, on a thread that belongs
//! to this crate, so that a source can also be used from a server's threads.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::{ArrayRef, BooleanArray};
use arrow::compute::{BatchCoalescer, filter_record_batch};
use arrow::record_batch::RecordBatch;
use arrow::util::display::array_value_to_string;
use datafusion::common::Column;
use datafusion::dataframe::DataFrame;
use datafusion::error::DataFusionError;
use datafusion::prelude::{Expr, ParquetReadOptions, SessionConfig, SessionContext};
use futures::StreamExt;
use tokio::runtime::{Builder, Runtime};
use trainyard_features::ColumnType;

use super::config::OnError;
use super::convert::{Converted, column_type, convert};
use super::csv::Rules;
use super::piece::Piece;
use super::plan::{BATCH_ROWS, Plan, position};
use crate::error::{Error, Place, Result, in_words, shortened};

/// A column of a file: its name, and its type unless all its values are missing.
pub(super) type TypedColumn = (String, Option<ColumnType>);

/// The columns of the first file that are of use, after a check that every file has those of `needed`.
pub(super) fn columns(paths: &[PathBuf], needed: &[&str]) -> Result<Vec<TypedColumn>> {
    let inspect = || {
        let runtime = runtime()?;
        let mut first = None;
        for path in paths {
            let columns = runtime.block_on(file_columns(path, needed))?;
            first.get_or_insert(columns);
        }
        Ok(first.unwrap_or_default())
    };
    // A runtime may not start on a thread that belongs to another one.
    std::thread::scope(|scope| scope.spawn(inspect).join()).unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

async fn file_columns(path: &Path, needed: &[&str]) -> Result<Vec<TypedColumn>> {
    let table = open(path).await?;
    let fields = table.schema().fields();
    let names: Vec<String> = fields.iter().map(|field| field.name().clone()).collect();
    needed.iter().try_for_each(|name| position(&names, name, path).map(drop))?;
    let mut columns = Vec::new();
    for field in fields {
        match column_type(field.data_type()) {
            Ok(column_type) => columns.push((field.name().clone(), column_type)),
            Err(data_type) if needed.contains(&field.name().as_str()) => {
                return Err(Error::UnsupportedType { path: path.to_owned(), column: field.name().clone(), data_type });
            }
            Err(_) => {}
        }
    }
    Ok(columns)
}

/// Hands the rows of a piece, in order, to `sink`, until it wants no more; says whether it still does.
pub(super) fn scan(
    plan: &Plan,
    piece: &Piece,
    skipped: &AtomicU64,
    sink: &dyn Fn(RecordBatch) -> bool,
) -> Result<bool> {
    let mut full = BatchCoalescer::new(plan.arrow.clone(), BATCH_ROWS);
    let runtime = runtime()?;
    for path in piece.paths(&plan.files) {
        if !runtime.block_on(scan_file(plan, path, skipped, &mut full, sink))? {
            return Ok(false);
        }
    }
    full.finish_buffered_batch()?;
    Ok(send_completed(&mut full, sink))
}

/// Sends the rows of one file, and says whether more are wanted.
async fn scan_file(
    plan: &Plan,
    path: &Path,
    skipped: &AtomicU64,
    full: &mut BatchCoalescer,
    sink: &dyn Fn(RecordBatch) -> bool,
) -> Result<bool> {
    let failed = |source| failure(path, source);
    let columns = plan.schema.names().map(|name| Expr::Column(Column::new_unqualified(name)));
    let table = open(path).await?.select(columns.collect::<Vec<_>>()).map_err(failed)?;
    let mut batches = table.execute_stream().await.map_err(failed)?;
    let mut rows_before = 0;
    while let Some(batch) = batches.next().await {
        let batch = batch.map_err(failed)?;
        let rows = batch.num_rows();
        let batch = raw_batch(plan, &batch, path, rows_before)?;
        rows_before += rows as u64;
        skipped.fetch_add((rows - batch.num_rows()) as u64, Ordering::Relaxed);
        full.push_batch(batch)?;
        if !send_completed(full, sink) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn send_completed(full: &mut BatchCoalescer, sink: &dyn Fn(RecordBatch) -> bool) -> bool {
    while let Some(batch) = full.next_completed_batch() {
        if !sink(batch) {
            return false;
        }
    }
    true
}

/// Converts the columns of a batch to raw ones, without the rows that cannot be converted if these are to be skipped.
fn raw_batch(plan: &Plan, batch: &RecordBatch, path: &Path, rows_before: u64) -> Result<RecordBatch> {
    let rules = Rules::new(&plan.config);
    let mut columns: Vec<ArrayRef> = Vec::new();
    let mut keep = vec![true; batch.num_rows()];
    for (field, array) in plan.schema.fields.iter().zip(batch.columns()) {
        let Converted { array: column, bad } = convert(array, field.column_type, &rules)?;
        if let (Some(&row), OnError::Fail) = (bad.first(), plan.config.on_error) {
            let place = Place::Row(rows_before + row as u64 + 1);
            return Err(bad_value(path, place, field, &array_value_to_string(array, row)?));
        }
        bad.iter().for_each(|&row| keep[row] = false);
        columns.push(column);
    }
    let batch = RecordBatch::try_new(plan.arrow.clone(), columns)?;
    if keep.iter().all(|&keep| keep) {
        return Ok(batch);
    }
    Ok(filter_record_batch(&batch, &BooleanArray::from(keep))?)
}

fn bad_value(path: &Path, place: Place, field: &trainyard_features::Field, text: &str) -> Error {
    Error::Value {
        path: path.to_owned(),
        place,
        column: field.name.clone(),
        text: shortened(text.as_bytes()).into(),
        expected: in_words(field.column_type),
        hint: format!("set another type for `{}` in `types`, or set `on_error = \"skip\"`", field.name).into(),
    }
}

/// A file as a table, to be read by one thread in the order of its rows.
async fn open(path: &Path) -> Result<DataFrame> {
    std::fs::File::open(path).map_err(Error::io("open", path))?;
    let absolute = std::path::absolute(path).map_err(Error::io("open", path))?;
    let extension = path.extension().map_or(String::new(), |extension| url_path(Path::new(extension)));
    let options = ParquetReadOptions { file_extension: &extension, ..ParquetReadOptions::default() };
    let context = SessionContext::new_with_config(session());
    let table = context.read_parquet(format!("file://{}", url_path(&absolute)), options).await;
    table.map_err(|source| failure(path, source))
}

fn session() -> SessionConfig {
    let mut config = SessionConfig::new().with_target_partitions(1).with_batch_size(BATCH_ROWS);
    let parquet = &mut config.options_mut().execution.parquet;
    parquet.schema_force_view_types = false;
    // Old writers left out the mark that bytes are text.
    parquet.binary_as_string = true;
    config
}

/// A path as in a URL, so that `*`, `?` and blanks in it are nothing but characters of a name.
fn url_path(path: &Path) -> String {
    let encode = |byte: &u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' => char::from(*byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    path.as_os_str().as_encoded_bytes().iter().map(encode).collect()
}

fn runtime() -> Result<Runtime> {
    Builder::new_current_thread().enable_all().build().map_err(Error::io("start a runtime to read", "parquet"))
}

fn failure(path: &Path, source: DataFusionError) -> Error {
    Error::DataFusion { path: path.to_owned(), source: Box::new(source) }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Float64Array, Int32Array, Int64Array, ListArray, StringArray};
    use arrow::datatypes::Int32Type;
    use datafusion::parquet::arrow::ArrowWriter;
    use datafusion::parquet::file::properties::WriterProperties;

    use super::*;
    use crate::source::{Source, SourceConfig};
    use crate::testing::rows;

    fn write(path: &Path, columns: Vec<(&str, ArrayRef)>) {
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let small_groups = WriterProperties::builder().set_max_row_group_row_count(Some(1000)).build();
        let file = std::fs::File::create(path).unwrap();
        let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(small_groups)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
    }

    fn people() -> Vec<(&'static str, ArrayRef)> {
        vec![
            ("age", Arc::new(Int32Array::from(vec![Some(42), None, Some(7)])) as ArrayRef),
            ("city", Arc::new(StringArray::from(vec![Some("Bern"), Some("?"), Some("")]))),
            ("income", Arc::new(Float64Array::from(vec![1.5, 2.0, f64::NAN]))),
        ]
    }

    fn config(path: &Path) -> SourceConfig {
        SourceConfig { path: path.into(), missing: vec!["?".into()], ..SourceConfig::default() }
    }

    #[track_caller]
    fn check_error(columns: Vec<(&str, ArrayRef)>, needed: &[(&str, Option<ColumnType>)], expected: &str) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.parquet");
        write(&path, columns);
        let error = Source::open(&config(&path), needed).and_then(|source| rows(&source)).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn columns_come_as_asked_with_the_types_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        // A name in which a URL and a pattern would see something else.
        let path = folder.path().join("a b*[1]%20é.parquet");
        write(&path, people());
        let source = Source::open(&config(&path), &[("income", None), ("age", None), ("city", None)]).unwrap();
        let types: Vec<_> = source.schema().fields.iter().map(|field| field.column_type).collect();
        assert_eq!(types, [ColumnType::Float, ColumnType::Int, ColumnType::Text]);
        assert_eq!(rows(&source).unwrap(), ["1.5|42|Bern", "2.0||", "NaN|7|"]);
    }

    #[test]
    fn rows_keep_their_order_over_row_groups_and_files() {
        let folder = tempfile::tempdir().unwrap();
        for file in 0..3i64 {
            let numbers = Int64Array::from_iter_values(file * 5000..(file + 1) * 5000);
            write(&folder.path().join(format!("{file}.parquet")), vec![("n", Arc::new(numbers))]);
        }
        let source = Source::open(&config(folder.path()), &[("n", None)]).unwrap();
        let sizes: Vec<_> = source.scan().unwrap().map(|batch| batch.unwrap().num_rows()).collect();
        assert_eq!(sizes, [BATCH_ROWS, 15_000 - BATCH_ROWS]);
        let expected: Vec<_> = (0..15_000).map(|n| n.to_string()).collect();
        assert_eq!(rows(&source).unwrap(), expected);
    }

    #[test]
    fn a_value_that_does_not_fit_is_named_with_its_row() {
        check_error(people(), &[("city", Some(ColumnType::Float))], "row 1 of `");
        check_error(people(), &[("city", Some(ColumnType::Float))], "column `city`: `Bern` is not a number");
    }

    #[test]
    fn rows_that_do_not_fit_can_be_skipped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.parquet");
        write(&path, people());
        let config = SourceConfig { on_error: OnError::Skip, ..config(&path) };
        let source = Source::open(&config, &[("income", Some(ColumnType::Int)), ("age", None)]).unwrap();
        assert_eq!(rows(&source).unwrap(), ["2|", "|7"]);
        let mut scan = source.scan().unwrap();
        scan.by_ref().for_each(drop);
        assert_eq!(scan.skipped(), 1);
    }

    #[test]
    fn a_missing_column_is_named_with_those_that_are_there() {
        check_error(
            people(),
            &[("agee", None)],
            "has no column `agee`; did you mean `age`? (columns: age, city, income)",
        );
    }

    #[test]
    fn a_column_of_lists_is_refused_when_needed() {
        let lists = ListArray::from_iter_primitive::<Int32Type, _, _>([Some([Some(1)]), None]);
        check_error(vec![("tags", Arc::new(lists))], &[("tags", None)], "column `tags` of `");
    }

    #[test]
    fn a_file_that_is_not_parquet_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.parquet");
        std::fs::write(&path, "a,b\n1,2\n").unwrap();
        let error = Source::open(&config(&path), &[("a", None)]).unwrap_err().to_string();
        assert!(error.starts_with("cannot read `") && error.contains("t.parquet"), "{error}");
    }
}
