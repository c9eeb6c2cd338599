//! From rows to the rows of a view.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, SchemaRef};
use arrow::record_batch::RecordBatch;
use arrow::util::display::array_value_to_string;
use datafusion::common::TableReference;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::SessionContext;
use futures::StreamExt;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::runtime::Builder;
use trainyard_features::{ColumnType, Field, Schema};

use super::config::ViewConfig;
use super::query::{ROWS, mixes_rows, one_line, plan, session, two_columns};
use crate::error::{Error, Result, in_words, listed, shortened};
use crate::sink::Target;
use crate::source::{Converted, Notes, Rules, Source, SourceConfig, SourceTable, convert, raw_type};
use crate::{Sink, SinkFormat};

/// What this code makes of a query; a change of it makes the files of earlier versions anew.
const VERSION: u32 = 2;

/// SQL over raw rows, whose result is read in their place.
///
/// ```
/// use trainyard_data::{Source, SourceConfig, View, ViewConfig};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("rides.csv");
/// std::fs::write(&path, "zone,fare\na,1\na,3\nb,5\n")?;
/// let rows = Source::open_all(&SourceConfig { path: path.as_path().into(), ..SourceConfig::default() })?;
///
/// let view = View::open(&ViewConfig::new("SELECT zone, avg(fare) OVER (PARTITION BY zone) AS mean FROM rows WHERE fare > 1"))?;
/// let made = view.make(&rows, &folder.path().join("view.parquet"), &|_rows| {})?;
/// assert_eq!(made.source.schema().names().collect::<Vec<_>>(), ["zone", "mean"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct View {
    config: ViewConfig,
    tables: Vec<(String, Source)>,
}

/// The rows of a view.
#[derive(Debug)]
pub struct Made {
    /// The rows, in a file.
    pub source: Source,
    /// Rows that the view did not see because they could not be read.
    pub skipped: u64,
    /// Whether a row depends on other ones of its split, by a window or an aggregate.
    pub mixes_rows: bool,
}

/// What stands beside the file of a view: what it was made of, and what came with it.
#[derive(Debug, Serialize, Deserialize)]
struct Origin {
    fingerprint: String,
    /// Bytes of the file.
    bytes: u64,
    skipped: u64,
    mixes_rows: bool,
}

impl View {
    /// Opens the tables of a view. The query is checked when it meets its rows.
    ///
    /// # Errors
    ///
    /// When a table cannot be opened, or a setting is impossible.
    pub fn open(config: &ViewConfig) -> Result<View> {
        config.check()?;
        let open = |(name, table): (&String, &super::TableConfig)| Ok((name.clone(), Source::open_all(&table.0)?));
        let tables = config.tables.iter().map(open).collect::<Result<_>>()?;
        Ok(View { config: config.clone(), tables })
    }

    /// Runs the query over `rows` and writes its result to the Parquet file `target`, unless it is there and was made of the same.
    ///
    /// The rows and their order are a function of the query, the rows and the tables. `progress` is called from time to time with
    /// the rows written so far.
    ///
    /// # Errors
    ///
    /// [`Error::View`] when the query cannot be parsed, reads what is not there, is no query, may give something else the next time,
    /// gives no rows or columns of other types than numbers, text, booleans, dates and times, or does not fit into memory; when a
    /// row cannot be read; when the file, or what is spilled beside it, cannot be written.
    pub fn make(&self, rows: &Source, target: &Path, progress: &dyn Fn(u64)) -> Result<Made> {
        let (fingerprint, note) = (self.fingerprint(rows)?, target.with_extension("json"));
        let origin = match Origin::read(&note, &fingerprint, target) {
            Some(origin) => origin,
            None => {
                let origin = self.run(rows, target, progress)?.of(fingerprint, target)?;
                origin.write(&note)?;
                origin
            }
        };
        let config = SourceConfig { path: target.into(), ..SourceConfig::default() };
        let source = Source::open_all(&config)?.made_of(&origin.fingerprint);
        Ok(Made { source, skipped: origin.skipped, mixes_rows: origin.mixes_rows })
    }

    /// What tells whether a file would be the same as before.
    fn fingerprint(&self, rows: &Source) -> Result<String> {
        let mut hash = Sha256::new();
        let mut add = |text: &str| {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text);
        };
        add(&format!("{VERSION} {}", datafusion::DATAFUSION_VERSION));
        add(&self.config.sql);
        add(&rows.fingerprint()?);
        for (name, table) in &self.tables {
            add(name);
            add(&table.fingerprint()?);
        }
        Ok(hash.finalize()[..16].iter().map(|byte| format!("{byte:02x}")).collect())
    }

    fn run(&self, rows: &Source, target: &Path, progress: &dyn Fn(u64)) -> Result<Written> {
        let spill = target.with_extension("spill.tmp");
        let run = Run { view: self, rows, spill: &spill, row_notes: Arc::default(), table_notes: Arc::default() };
        let (counter, counts) = channel();
        // A runtime may not start on a thread that belongs to another one.
        let written = thread::scope(|scope| {
            let thread = scope.spawn(move || {
                let runtime = Builder::new_current_thread().enable_all().build();
                runtime.map_err(Error::io("start a runtime for", target))?.block_on(run.write(target, counter))
            });
            counts.into_iter().for_each(progress);
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        // What cannot be removed now is in nobody's way.
        let _ = std::fs::remove_dir_all(&spill);
        written
    }
}

impl Origin {
    /// What is told of a file, if that was made of the same.
    fn read(note: &Path, fingerprint: &str, target: &Path) -> Option<Self> {
        let origin: Self = serde_json::from_slice(&std::fs::read(note).ok()?).ok()?;
        let bytes = std::fs::metadata(target).ok()?.len();
        (origin.fingerprint == fingerprint && origin.bytes == bytes).then_some(origin)
    }

    fn write(&self, note: &Path) -> Result<()> {
        let (target, mut output) = Target::open(note)?;
        let written = serde_json::to_writer(&mut output, self).map_err(std::io::Error::from);
        written.and_then(|()| output.flush()).map_err(Error::io("write", note))?;
        target.finish()
    }
}

/// What came with the rows that were written.
struct Written {
    skipped: u64,
    mixes_rows: bool,
}

impl Written {
    fn of(self, fingerprint: String, target: &Path) -> Result<Origin> {
        let bytes = std::fs::metadata(target).map_err(Error::io("look at", target))?.len();
        Ok(Origin { fingerprint, bytes, skipped: self.skipped, mixes_rows: self.mixes_rows })
    }
}

/// One run of a view's query.
struct Run<'a> {
    view: &'a View,
    rows: &'a Source,
    spill: &'a Path,
    row_notes: Arc<Notes>,
    table_notes: Arc<Notes>,
}

impl Run<'_> {
    async fn write(self, target: &Path, counter: Sender<u64>) -> Result<Written> {
        let session = self.session()?;
        let names: Vec<&str> =
            std::iter::once(ROWS).chain(self.view.tables.iter().map(|(name, _)| name.as_str())).collect();
        let plan = plan(&session, &self.view.config.sql, &names).await?;
        let mixes_rows = mixes_rows(&plan);
        let rows = self.write_rows(&session, plan, target, &counter).await?;
        let skipped = self.row_notes.skipped();
        if rows == 0 {
            let problem =
                format!("gives no rows for {} ({skipped} were skipped); is a condition too narrow?", self.files());
            return Err(Error::View { problem });
        }
        Ok(Written { skipped, mixes_rows })
    }

    fn session(&self) -> Result<SessionContext> {
        let failed = |error| self.failed(error);
        let session = session(self.view.config.memory_mib, self.spill).map_err(failed)?;
        let others = self.view.tables.iter().map(|(name, source)| (name.as_str(), source, &self.table_notes));
        for (name, source, notes) in std::iter::once((ROWS, self.rows, &self.row_notes)).chain(others) {
            let table = SourceTable { source: source.clone(), notes: Arc::clone(notes) };
            session.register_table(TableReference::bare(name), Arc::new(table)).map_err(failed)?;
        }
        Ok(session)
    }

    async fn write_rows(
        &self,
        session: &SessionContext,
        plan: LogicalPlan,
        target: &Path,
        counter: &Sender<u64>,
    ) -> Result<u64> {
        let failed = |error| self.failed(error);
        let mut batches =
            session.execute_logical_plan(plan).await.map_err(failed)?.execute_stream().await.map_err(failed)?;
        let schema = raw_schema(&batches.schema())?;
        let arrow = raw_arrow(&schema);
        let mut sink = Sink::create(Some(target), Some(SinkFormat::Parquet), &arrow)?;
        let rules = Rules::new(&SourceConfig::default());
        let mut rows = 0;
        while let Some(batch) = batches.next().await {
            let batch = batch.map_err(failed)?;
            rows += batch.num_rows() as u64;
            sink.write(&raw_rows(&batch, &schema, &arrow, &rules)?)?;
            // The receiver outlives this thread.
            let _ = counter.send(rows);
        }
        if rows > 0 {
            sink.finish()?;
        }
        Ok(rows)
    }

    fn files(&self) -> String {
        let names: Vec<_> = self.rows.files().iter().map(|path| format!("`{path}`")).collect();
        listed(names.iter().map(String::as_str))
    }

    /// What went wrong while a query ran: in a scan, on the disk, for lack of memory, or in the query.
    fn failed(&self, error: DataFusionError) -> Error {
        if let Some(failure) = self.row_notes.take_failure().or_else(|| self.table_notes.take_failure()) {
            return failure;
        }
        if let Some(error) = io_error(&error) {
            let source = std::io::Error::new(error.kind(), error.to_string());
            return Error::Io { action: "spill rows of the view to", path: self.spill.into(), source };
        }
        let problem = match error.find_root() {
            DataFusionError::ResourcesExhausted(text) => format!(
                "needs more than the {} MiB that it may hold, as the smaller side of a join and the rows of a window are not \
                 spilled; raise `memory_mib` in `[view]`, or read fewer rows ({})",
                self.view.config.memory_mib,
                one_line(text)
            ),
            root => format!("failed: {}", one_line(&root.strip_backtrace())),
        };
        Error::View { problem }
    }
}

/// The operating system's error behind another one.
fn io_error<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a std::io::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(io) = error.downcast_ref() {
            return Some(io);
        }
        next = error.source();
    }
    None
}

/// The raw columns that hold the result of a query. A column of only missing values is text.
fn raw_schema(result: &arrow::datatypes::Schema) -> Result<Schema> {
    let mut fields: Vec<Field> = Vec::new();
    for field in result.fields() {
        let name = field.name();
        if fields.iter().any(|known| known.name == *name) {
            return Err(Error::View { problem: two_columns(name) });
        }
        let column_type = match raw_type(field.data_type()) {
            _ if *field.data_type() == ColumnType::Time.arrow() => ColumnType::Time,
            Ok((column_type, false)) => column_type.unwrap_or(ColumnType::Text),
            _ => return Err(no_raw_type(name, field.data_type())),
        };
        fields.push(Field { name: name.clone(), column_type });
    }
    Ok(Schema { fields })
}

fn no_raw_type(name: &str, data_type: &DataType) -> Error {
    let problem = format!(
        "gives the column `{name}` of the type `{data_type}`, which is none of numbers, text, booleans, dates and times; \
         convert it, by `CAST({name} AS DOUBLE)`, `CAST({name} AS VARCHAR)` or, if it is a list, \
         `array_to_string({name}, ' ')`"
    );
    Error::View { problem }
}

/// The Arrow columns of raw ones.
fn raw_arrow(schema: &Schema) -> SchemaRef {
    let fields = schema.fields.iter().map(|field| {
        let data_type = field.column_type.arrow();
        arrow::datatypes::Field::new(&field.name, data_type, true)
    });
    Arc::new(arrow::datatypes::Schema::new(fields.collect::<Vec<_>>()))
}

/// Rows of a result as raw ones.
fn raw_rows(batch: &RecordBatch, schema: &Schema, arrow: &SchemaRef, rules: &Rules) -> Result<RecordBatch> {
    let column = |(field, array): (&Field, &ArrayRef)| {
        let Converted { array: converted, bad } = convert(array, &field.column_type.arrow(), rules)?;
        let Some(&row) = bad.first() else { return Ok(converted) };
        let text = array_value_to_string(array, row)?;
        let (name, expected) = (&field.name, in_words(field.column_type));
        let problem = format!("gives `{}` in the column `{name}`, which is not {expected}", shortened(text.as_bytes()));
        Err(Error::View { problem: problem + "; convert it by `CAST`" })
    };
    let columns = schema.fields.iter().zip(batch.columns()).map(column).collect::<Result<Vec<_>>>()?;
    Ok(RecordBatch::try_new(Arc::clone(arrow), columns)?)
}
