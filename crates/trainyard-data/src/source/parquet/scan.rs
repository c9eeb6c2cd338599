//! Parquet files to record batches.

use std::sync::atomic::AtomicU64;

use super::file::ParquetFile;
use crate::Result;
use crate::source::batches::Batches;
use crate::source::location::Location;
use crate::source::piece::PieceSink;
use crate::source::plan::Plan;

/// Sends the rows of all files, in order, to `sink`, until it wants no more.
pub(in crate::source) fn scan(plan: &Plan, skipped: &AtomicU64, sink: &PieceSink) -> Result<()> {
    let mut batches = Batches::new(plan, skipped, sink);
    for location in &plan.files.locations {
        if !scan_file(plan, location, &mut batches)? {
            return Ok(());
        }
    }
    batches.finish()
}

/// Sends the rows of one file, and says whether more are wanted.
fn scan_file(plan: &Plan, location: &Location, batches: &mut Batches) -> Result<bool> {
    let file = ParquetFile::open(&plan.files.stores, location)?;
    let groups = plan.groups.clone().unwrap_or(0..file.groups());
    let start = |group| (group < groups.end).then(|| file.group(group, plan)).transpose();
    let (mut rows, mut next) = (file.rows_before(groups.start), start(groups.start)?);
    for group in groups.start + 1..=groups.end {
        // What a store must send of the next row group comes while this one is decoded.
        let (this, ahead) = (next.take(), start(group)?);
        next = ahead;
        for batch in this.into_iter().flatten() {
            let batch = batch?;
            if !batches.push(location, rows, &batch)? {
                return Ok(false);
            }
            rows += batch.num_rows() as u64;
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Float64Array, Int32Array, Int64Array, ListArray, StringArray};
    use arrow::datatypes::{Float32Type, Int32Type};
    use bytes::Bytes;
    use datafusion::parquet::arrow::ArrowWriter;
    use datafusion::parquet::data_type::{ByteArray, ByteArrayType};
    use datafusion::parquet::file::properties::WriterProperties;
    use datafusion::parquet::file::reader::{FileReader, SerializedFileReader};
    use datafusion::parquet::file::writer::SerializedFileWriter;
    use datafusion::parquet::schema::parser::parse_message_type;

    use std::path::Path;

    use trainyard_features::ColumnType;

    use arrow::record_batch::RecordBatch;
    use arrow::util::display::array_value_to_string;

    use super::*;
    use crate::source::location::Stores;
    use crate::source::location::servers::{Fault, S3, line_to, stores};
    use crate::source::plan::{BATCH_ROWS, coded_type};
    use crate::source::{OnError, Source, SourceConfig, SplitConfig};
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
    fn lists_are_columns_of_tokens_and_other_lists_are_refused_when_needed() {
        let ints = ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1), Some(2)]), None]);
        let floats = ListArray::from_iter_primitive::<Float32Type, _, _>([Some(vec![Some(1.0)]), None]);
        let columns: Vec<(_, ArrayRef)> = vec![("tags", Arc::new(ints)), ("vector", Arc::new(floats))];
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.parquet");
        write(&path, columns.clone());
        let source = Source::open_all(&config(&path)).unwrap();
        assert_eq!(source.schema().fields.len(), 1);
        assert_eq!(rows(&source).unwrap(), ["[1, 2]", ""]);
        check_error(columns.clone(), &[("vector", None)], "column `vector` of `");
        check_error(columns, &[("tags", Some(ColumnType::Int))], "column `tags` as `int`, but it holds lists");
    }

    #[test]
    fn a_file_that_is_not_parquet_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.parquet");
        std::fs::write(&path, "a,b\n1,2\n").unwrap();
        let error = Source::open(&config(&path), &[("a", None)]).unwrap_err().to_string();
        assert!(error.starts_with("cannot read `") && error.contains("t.parquet"), "{error}");
    }

    /// What reading all rows of a damaged file of five row groups says.
    fn error_of(damage: impl Fn(&mut Vec<u8>)) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.parquet");
        write(&path, vec![("n", Arc::new(Int64Array::from_iter_values((0..5000).map(|n| n * 7919 % 5003))))]);
        let mut bytes = std::fs::read(&path).unwrap();
        damage(&mut bytes);
        std::fs::write(&path, bytes).unwrap();
        Source::open(&config(&path), &[("n", None)]).and_then(|source| rows(&source)).unwrap_err().to_string()
    }

    #[test]
    fn a_file_that_is_cut_off_is_named() {
        for kept in [0, 3, 4, 100, 20_000] {
            let error = error_of(|bytes| bytes.truncate(kept));
            assert!(error.starts_with("cannot read `") && error.ends_with("is the file whole?"), "{kept}: {error}");
        }
    }

    #[test]
    fn a_row_group_that_is_damaged_is_named() {
        let error = error_of(|bytes| {
            let file = SerializedFileReader::new(Bytes::from(bytes.clone())).unwrap();
            let (start, _) = file.metadata().row_group(2).column(0).byte_range();
            bytes[start as usize..start as usize + 40].fill(0xff);
        });
        assert!(error.starts_with("cannot read row group 3 of `") && error.contains("t.parquet"), "{error}");
    }

    #[test]
    fn files_that_differ_in_a_type_are_both_named() {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("a.parquet"), vec![("x", Arc::new(Int64Array::from(vec![1])))]);
        write(&folder.path().join("b.parquet"), vec![("x", Arc::new(StringArray::from(vec!["1"])))]);
        let mut config = config(folder.path());
        let error = Source::open(&config, &[("x", None)]).unwrap_err().to_string();
        assert!(error.starts_with("column `x` is `int` in `") && error.contains("b.parquet`; set its type"), "{error}");
        config.types = [("x".to_owned(), ColumnType::Float)].into();
        assert_eq!(rows(&Source::open(&config, &[("x", None)]).unwrap()).unwrap(), ["1.0", "1.0"]);
    }

    #[test]
    fn files_that_differ_in_a_column_are_both_named() {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("a.parquet"), vec![("x", Arc::new(Int64Array::from(vec![1])))]);
        write(&folder.path().join("b.parquet"), vec![("y", Arc::new(Int64Array::from(vec![1])))]);
        let error = Source::open(&config(folder.path()), &[("x", None)]).unwrap_err().to_string();
        assert!(error.contains("b.parquet` has no column `x`, which `") && error.contains("a.parquet` has"), "{error}");
    }

    /// Rows in groups of 10,000: the first of few texts, the second of so many that they outgrow their dictionary, the third of few again.
    fn write_coded(path: &Path) {
        let text = |row: i64| match row {
            row if row % 11 == 0 => None,
            row if row / 10_000 == 1 => Some(format!("text {row}")),
            row => Some(["?", "", "Bern", "Basel"][row as usize % 4].to_owned()),
        };
        let texts: ArrayRef = Arc::new((0..30_000).map(text).collect::<StringArray>());
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..30_000));
        let batch = RecordBatch::try_from_iter([("n", numbers), ("t", texts)]).unwrap();
        let properties = WriterProperties::builder().set_max_row_group_row_count(Some(10_000));
        let properties = properties.set_dictionary_page_size_limit(1 << 10).set_write_batch_size(64).build();
        let file = std::fs::File::create(path).unwrap();
        let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
    }

    /// The rows of a source, and the batches of them that have their texts by place.
    fn coded_rows(source: &Source) -> (Vec<String>, usize) {
        let batches: Vec<_> = source.scan().unwrap().map(Result::unwrap).collect();
        let text = |column: &ArrayRef, row| array_value_to_string(column, row).unwrap();
        let row = |batch: &RecordBatch, row| [text(batch.column(1), row), text(batch.column(0), row)].join("|");
        let rows = batches.iter().flat_map(|batch| (0..batch.num_rows()).map(move |i| row(batch, i)));
        let coded = batches.iter().filter(|batch| *batch.column(1).data_type() == coded_type()).count();
        (rows.collect(), coded)
    }

    #[test]
    fn texts_that_stand_in_a_dictionary_come_by_their_places() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.parquet");
        write_coded(&path);
        let source =
            Source::open_all(&SourceConfig { path: path.as_path().into(), ..SourceConfig::default() }).unwrap();
        // A row that is held out is so by its place, so the rows must come in their order.
        for source in [source.clone(), source.hold_out(7).0, source.hold_out(7).1] {
            let (rows, coded) = coded_rows(&source.coded(500));
            assert_eq!((rows, coded), (coded_rows(&source).0, 4));
        }
        let few = source.select(&["t"]).unwrap().coded(500);
        assert_eq!(few.scan().unwrap().map(|batch| batch.unwrap().num_rows()).sum::<usize>(), 30_000);
    }

    /// Texts that a file calls JSON are in a dictionary of other bytes to the reader.
    #[test]
    fn texts_of_another_name_come_as_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.parquet");
        let schema = parse_message_type("message m { required binary t (JSON); }").unwrap();
        let file = std::fs::File::create(&path).unwrap();
        let mut writer = SerializedFileWriter::new(file, Arc::new(schema), Arc::default()).unwrap();
        let mut group = writer.next_row_group().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        let texts = vec![ByteArray::from("{}"); 2 * BATCH_ROWS];
        column.typed::<ByteArrayType>().write_batch(&texts, None, None).unwrap();
        column.close().unwrap();
        group.close().unwrap();
        writer.close().unwrap();
        let source =
            Source::open_all(&SourceConfig { path: path.as_path().into(), ..SourceConfig::default() }).unwrap();
        let read = rows(&source.coded(usize::MAX)).unwrap();
        assert_eq!((read.len(), read[0].as_str()), (2 * BATCH_ROWS, "{}"));
    }

    #[test]
    fn texts_that_are_looked_at_come_as_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.parquet");
        write_coded(&path);
        let plain = Source::open_all(&config(&path)).unwrap();
        assert_eq!(coded_rows(&plain.coded(500)), (coded_rows(&plain).0, 0));
        let source =
            Source::open_all(&SourceConfig { path: path.as_path().into(), ..SourceConfig::default() }).unwrap();
        let split = SplitConfig { by: vec!["t".to_owned()], eval: 0.3, test: 0.3, salt: 0 };
        for part in source.split(&split).unwrap() {
            assert_eq!(coded_rows(&part.coded(500)), (coded_rows(&part).0, 0));
        }
    }

    /// Two row groups with columns of several windows and of less than one.
    fn large() -> Vec<(&'static str, ArrayRef)> {
        let noise = |i: i64| i.wrapping_mul(0x9e37_79b9_7f4a_7c15_u64 as i64);
        let n = 1_400_000;
        vec![
            ("noise", Arc::new(Int64Array::from_iter_values((0..n).map(noise)))),
            ("zero", Arc::new(Int64Array::from(vec![0; n as usize]))),
            ("other", Arc::new(Int64Array::from_iter_values((0..n).map(|i| noise(i + n))))),
        ]
    }

    #[test]
    fn an_object_gives_the_rows_that_a_file_gives() {
        let server = S3::with(&[]);
        let path = server.folder.path().join("box/t.parquet");
        let batch = RecordBatch::try_from_iter(large()).unwrap();
        let groups =
            WriterProperties::builder().set_max_row_group_row_count(Some(900_000)).set_dictionary_enabled(false);
        let file = std::fs::File::create(&path).unwrap();
        let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(groups.build())).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        let read = |path: &str, stores: Stores| {
            let config = SourceConfig { path: path.into(), ..SourceConfig::default() };
            let needed = [("other", None), ("zero", None), ("noise", None)];
            let source = Source::open_in(stores, &[config], &needed).unwrap();
            let batches: Vec<_> = source.scan().unwrap().map(Result::unwrap).collect();
            arrow::compute::concat_batches(&batches[0].schema(), &batches).unwrap()
        };
        let local = read(&path.to_string_lossy(), server.stores());
        assert_eq!((local.column(0), local.column(2)), (batch.column(2), batch.column(0)));
        assert_eq!(read("s3://box/*.parquet", server.stores()), local);
        let line = line_to(server.port, Fault::Cut(3 << 20), 3);
        assert_eq!(read("s3://box/t.parquet", stores(line, "secret")), local);
    }
}
