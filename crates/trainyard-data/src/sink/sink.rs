//! Batches to a file or a stream.

use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, StringArray, TimestampSecondArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit, TimestampMillisecondType, TimestampSecondType};
use arrow::record_batch::RecordBatch;
use trainyard_features::time;

use super::csv::Csv;
use super::json_lines::JsonLines;
use super::parquet::Parquet;
use super::target::Target;
use super::tfrecord::TfRecord;
use super::{Encoder, Output, SinkFormat};
use crate::source::time_field;
use crate::{Error, Result};

/// Writes batches to a file or a stream.
///
/// Columns are `Float32`, `Float64`, `Int64`, `Utf8`, `Boolean`, `Timestamp` of seconds without a zone, or `FixedSizeList` of
/// `Float32`. Times are written as `2024-05-01 13:45:00`, and in Parquet as milliseconds. Floats are written in the fewest digits
/// that read back as the same number of the same width: `0.1`, and whole ones as `1.0`.
///
/// A file has a temporary name beside its own until [`finish`](Sink::finish): there is never half a file under the name that
/// was asked for, and what was there before stays until then. A sink that is dropped earlier leaves nothing behind.
///
/// ```
/// use std::sync::Arc;
/// use arrow::array::{ArrayRef, Float32Array};
/// use arrow::record_batch::RecordBatch;
/// use trainyard_data::Sink;
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("answers.csv");
/// let answers = Arc::new(Float32Array::from(vec![0.1, 2.0])) as ArrayRef;
/// let batch = RecordBatch::try_from_iter([("score", answers)])?;
///
/// let mut sink = Sink::create(Some(&path), None, &batch.schema())?;
/// sink.write(&batch)?;
/// sink.finish()?;
/// assert_eq!(std::fs::read_to_string(&path)?, "score\n0.1\n2.0\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Sink {
    target: Target,
    encoder: Box<dyn Encoder>,
    schema: SchemaRef,
    is_parquet: bool,
}

impl Sink {
    /// Starts a file, or writes to standard output when there is no `path`.
    ///
    /// Without a `format` the name of the file tells it; standard output gets CSV.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] when the name tells no format, [`Error::UnsupportedType`] for a column of another type, and
    /// [`Error::Io`] when the file cannot be made.
    pub fn create(path: Option<&Path>, format: Option<SinkFormat>, schema: &SchemaRef) -> Result<Sink> {
        let Some(path) = path else {
            return Self::to_writer(std::io::stdout(), format.unwrap_or(SinkFormat::Csv), schema);
        };
        let format = format.map_or_else(|| SinkFormat::of_path(path), Ok)?;
        check_types(path, schema)?;
        let (target, output) = Target::open(path)?;
        Self::start(target, output, format, schema)
    }

    /// Writes to a writer, which needs no buffer of its own.
    ///
    /// # Errors
    ///
    /// As [`create`](Sink::create).
    pub fn to_writer(writer: impl Write + Send + 'static, format: SinkFormat, schema: &SchemaRef) -> Result<Sink> {
        let target = Target::stream();
        check_types(&target.name, schema)?;
        Self::start(target, Box::new(BufWriter::new(writer)), format, schema)
    }

    /// Adds rows.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when they cannot be written: a full disk, a closed pipe. [`Error::Arrow`] when the batch has other
    /// columns than the sink.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let columns = batch.columns().iter().map(|column| match column.as_primitive_opt::<TimestampSecondType>() {
            Some(times) if self.is_parquet => millis(times),
            Some(times) => Arc::new(times.iter().map(|time| time.map(time::text)).collect::<StringArray>()),
            None => Arc::clone(column),
        });
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns.collect())?;
        self.encoder.write(&batch).map_err(Error::io("write", &self.target.name))
    }

    /// Writes what is left, makes the file durable and gives it its name.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when that fails; the file is removed then.
    pub fn finish(self) -> Result<()> {
        self.encoder.finish().map_err(Error::io("write", &self.target.name))?;
        self.target.finish()
    }

    fn start(target: Target, output: Output, format: SinkFormat, schema: &SchemaRef) -> Result<Sink> {
        let is_parquet = format == SinkFormat::Parquet;
        let schema = written(schema, is_parquet);
        let encoder: std::io::Result<Box<dyn Encoder>> = match format {
            SinkFormat::Csv => Csv::new(output, &schema).map(|csv| Box::new(csv) as _),
            SinkFormat::JsonLines => Ok(Box::new(JsonLines::new(output))),
            SinkFormat::Parquet => Parquet::new(output, &schema).map(|parquet| Box::new(parquet) as _),
            SinkFormat::TfRecord => Ok(Box::new(TfRecord::new(output))),
        };
        let encoder = encoder.map_err(Error::io("write", &target.name))?;
        Ok(Sink { target, encoder, schema, is_parquet })
    }
}

impl std::fmt::Debug for Sink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sink").field("target", &self.target).field("schema", &self.schema).finish_non_exhaustive()
    }
}

/// The schema that a format gets: with all columns nullable, as one batch may have missing values where the first had none, and
/// with times as it knows them: Parquet in milliseconds at best, marked as ours, and the others as text.
fn written(schema: &SchemaRef, is_parquet: bool) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| match field.data_type() {
        DataType::Timestamp(..) if is_parquet => time_field(field.name()),
        DataType::Timestamp(..) => Field::new(field.name(), DataType::Utf8, true),
        _ => Field::clone(field).with_nullable(true),
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

fn millis(times: &TimestampSecondArray) -> ArrayRef {
    Arc::new(times.unary::<_, TimestampMillisecondType>(|seconds| seconds.saturating_mul(1000)))
}

fn check_types(path: &Path, schema: &Schema) -> Result<()> {
    match schema.fields().iter().find(|field| !is_supported(field.data_type())) {
        None => Ok(()),
        Some(field) => Err(Error::UnsupportedType {
            path: path.into(),
            column: field.name().clone(),
            data_type: field.data_type().to_string(),
        }),
    }
}

fn is_supported(data_type: &DataType) -> bool {
    use DataType::{Boolean, FixedSizeList, Float32, Float64, Int64, Timestamp, Utf8};
    match data_type {
        FixedSizeList(item, _) => *item.data_type() == Float32,
        other => matches!(other, Float32 | Float64 | Int64 | Utf8 | Boolean | Timestamp(TimeUnit::Second, None)),
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{
        ArrayRef, Float32Array, Float64Array, Int32Array, Int64Array, StringArray, TimestampSecondArray,
    };
    use trainyard_features::ColumnType::{Float, Int, Text, Time};

    use super::*;
    use crate::{Source, SourceConfig};

    fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true))).unwrap()
    }

    fn answers() -> RecordBatch {
        let scores = Float64Array::from(vec![Some(0.1), None, Some(-1e300), Some(f64::MIN_POSITIVE)]);
        let ids = Int64Array::from(vec![Some(i64::MAX), Some(-1), None, Some(0)]);
        let texts = StringArray::from(vec![Some("a,b"), Some("say \"hi\""), None, Some("two\nlines, é")]);
        let times = TimestampSecondArray::from(vec![Some(-1), None, Some(1_714_571_100), Some(0)]);
        let (ids, texts, times) = (Arc::new(ids), Arc::new(texts), Arc::new(times));
        batch(vec![("score", Arc::new(scores)), ("id", ids), ("text", texts), ("time", times)])
    }

    fn write(path: &Path, batch: &RecordBatch) -> Result<()> {
        let mut sink = Sink::create(Some(path), None, &batch.schema())?;
        sink.write(batch)?;
        sink.write(&batch.slice(1, 2))?;
        sink.finish()
    }

    fn names(folder: &tempfile::TempDir) -> Vec<String> {
        let entries = std::fs::read_dir(folder.path()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
    }

    #[track_caller]
    fn check_read_back(name: &str) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        write(&path, &answers()).unwrap();
        assert_eq!(names(&folder), [name]);
        let config = SourceConfig { path: path.as_path().into(), ..SourceConfig::default() };
        let needed = [("score", Some(Float)), ("id", Some(Int)), ("text", Some(Text)), ("time", Some(Time))];
        let read: Vec<_> = Source::open(&config, &needed).unwrap().scan().unwrap().map(Result::unwrap).collect();
        let read = arrow::compute::concat_batches(&read[0].schema(), &read).unwrap();
        let written = answers();
        let both = [&written, &written.slice(1, 2)];
        assert_eq!(read, arrow::compute::concat_batches(&written.schema(), both).unwrap());
    }

    #[test]
    fn what_is_written_as_csv_is_read_back() {
        check_read_back("answers.csv");
    }

    #[test]
    fn what_is_written_as_tfrecord_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("answers.tfrecord");
        write(&path, &answers()).unwrap();
        let config = SourceConfig { path: path.as_path().into(), ..SourceConfig::default() };
        let needed = [("score", Some(Float)), ("id", Some(Int)), ("text", Some(Text)), ("time", Some(Time))];
        let source = Source::open(&config, &needed).unwrap();
        let row = |score: &str, id: &str, rest: &str| format!("{score}|{id}|{rest}");
        let rows = crate::testing::rows(&source).unwrap();
        assert_eq!(
            rows[..2],
            [
                row("0.10000000149011612", "9223372036854775807", "a,b|1969-12-31T23:59:59"),
                row("", "-1", "say \"hi\"|")
            ]
        );
        assert_eq!((rows.len(), rows[3].as_str()), (6, "0.0|0|two\nlines, é|1970-01-01T00:00:00"));
    }

    #[test]
    fn what_is_written_as_parquet_is_read_back() {
        check_read_back("answers.parquet");
    }

    #[test]
    fn a_sink_that_is_dropped_leaves_nothing_and_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        std::fs::write(&path, "before").unwrap();
        let mut sink = Sink::create(Some(&path), None, &answers().schema()).unwrap();
        sink.write(&answers()).unwrap();
        assert_eq!(names(&folder).len(), 2);
        drop(sink);
        assert_eq!((names(&folder), std::fs::read_to_string(&path).unwrap()), (vec!["a.csv".into()], "before".into()));
        write(&path, &answers()).unwrap();
        assert!(std::fs::read_to_string(&path).unwrap().starts_with("score,id,text,time\n0.1,"));
    }

    #[cfg(unix)]
    #[test]
    fn devices_are_written_and_links_followed() {
        write_as(Path::new("/dev/null"), SinkFormat::Csv).unwrap();
        assert!(!std::fs::metadata("/dev/null").unwrap().is_file());
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("a.csv"), folder.path().join("link.csv"));
        std::fs::write(&file, "before").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        write(&link, &answers()).unwrap();
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        assert!(std::fs::read_to_string(&file).unwrap().starts_with("score"));
    }

    fn write_as(path: &Path, format: SinkFormat) -> Result<()> {
        let mut sink = Sink::create(Some(path), Some(format), &answers().schema())?;
        sink.write(&answers())?;
        sink.finish()
    }

    #[track_caller]
    fn check_error(result: Result<impl Sized>, expected: &str) {
        let error = result.map(drop).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_an_error_that_names_the_file() {
        for format in [SinkFormat::Csv, SinkFormat::JsonLines, SinkFormat::Parquet, SinkFormat::TfRecord] {
            check_error(write_as(Path::new("/dev/full"), format), "cannot write `/dev/full`: No space left");
        }
    }

    #[test]
    fn a_place_that_cannot_be_written_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        check_error(write(&folder.path().join("no/such.csv"), &answers()), "no/such.csv`: No such file or directory");
        check_error(write(&folder.path().join("a.xls"), &answers()), "end the name in one of `.csv`");
        let path = folder.path().join("d.csv");
        std::fs::create_dir(&path).unwrap();
        check_error(write(&path, &answers()), "d.csv`: Is a directory");
    }

    #[test]
    fn a_column_of_another_type_is_refused() {
        let schema = batch(vec![("n", Arc::new(Int32Array::from(vec![1])))]).schema();
        check_error(Sink::to_writer(Vec::new(), SinkFormat::Csv, &schema), "column `n`");
    }

    #[test]
    fn a_batch_with_other_columns_is_refused() {
        let mut sink = Sink::to_writer(Vec::new(), SinkFormat::Csv, &answers().schema()).unwrap();
        let other = batch(vec![("score", Arc::new(Float32Array::from(vec![1.0])))]);
        assert!(matches!(sink.write(&other), Err(Error::Arrow(_))));
    }

    #[test]
    fn missing_values_may_come_later() {
        let mut sink = Sink::to_writer(Vec::new(), SinkFormat::Parquet, &{
            let column = Arc::new(Float32Array::from(vec![1.0])) as ArrayRef;
            RecordBatch::try_from_iter_with_nullable([("x", column, false)]).unwrap().schema()
        })
        .unwrap();
        sink.write(&batch(vec![("x", Arc::new(Float32Array::from(vec![None, Some(1.0)])))])).unwrap();
        sink.finish().unwrap();
    }
}
