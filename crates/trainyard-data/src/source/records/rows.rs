//! Records to record batches.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::BooleanArray;
use arrow::compute::filter_record_batch;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use trainyard_features::{ColumnType, Field};

use super::column::Column;
use super::{Cell, RecordFile, Visitor, bad_record, open};
use crate::error::{Error, Result, in_words, shortened};
use crate::source::config::OnError;
use crate::source::csv::Rules;
use crate::source::location::Location;
use crate::source::piece::PieceSink;
use crate::source::plan::{BATCH_ROWS, Plan};

/// Bytes of text after which a batch is handed over before it is full, so that long texts do not fill the memory.
const BATCH_TEXT_BYTES: usize = 32 << 20;

/// Sends the rows of all files, in order, to `sink`, until it wants no more.
pub(in crate::source) fn scan(plan: &Plan, skipped: &AtomicU64, sink: &PieceSink) -> Result<()> {
    let mut rows = Rows::new(plan);
    for location in &plan.files.locations {
        let mut file = open(&plan.files, location)?;
        while file.advance()? {
            match rows.read(&mut *file, location) {
                Err(_) if plan.config.on_error == OnError::Skip => drop(skipped.fetch_add(1, Ordering::Relaxed)),
                result => result?,
            }
            if rows.is_full() && !send(rows.finish()?, sink) {
                return Ok(());
            }
        }
    }
    send(rows.finish()?, sink);
    Ok(())
}

/// Hands over a batch unless all its rows were skipped, and says whether more are wanted.
fn send(batch: RecordBatch, sink: &PieceSink) -> bool {
    batch.num_rows() == 0 || sink.send(Ok(batch))
}

/// Columns under construction. They go on from file to file.
struct Rows<'a> {
    plan: &'a Plan,
    rules: Rules,
    places: HashMap<&'a str, usize>,
    columns: Vec<Column>,
    /// Which columns the present row has a value for.
    filled: Vec<bool>,
    /// For each row whether it stays; the columns hold bad rows, too, until they are finished.
    keep: Vec<bool>,
    /// The first value of the present row that is not of its column's type, or is the second one of its column.
    bad: Option<Bad>,
}

/// What is wrong with a row.
enum Bad {
    Value(usize, Box<str>),
    Twice(usize),
}

impl Visitor for Rows<'_> {
    fn find(&mut self, name: &str) -> Option<usize> {
        self.places.get(name).copied()
    }

    fn take(&mut self, column: usize, cell: Cell) {
        if std::mem::replace(&mut self.filled[column], true) {
            self.bad.get_or_insert(Bad::Twice(column));
        } else if !self.columns[column].push(cell, &self.rules) {
            self.bad.get_or_insert_with(|| Bad::Value(column, shown(cell)));
        }
    }
}

impl<'a> Rows<'a> {
    fn new(plan: &'a Plan) -> Self {
        let places = plan.schema.names().enumerate().map(|(place, name)| (name, place)).collect();
        let columns: Vec<Column> = plan.arrow.fields().iter().map(|field| Column::new(field.data_type())).collect();
        let filled = vec![false; columns.len()];
        Self { plan, rules: Rules::new(&plan.config), places, columns, filled, keep: Vec::new(), bad: None }
    }

    fn is_full(&self) -> bool {
        self.keep.len() >= BATCH_ROWS || self.columns.iter().map(Column::text_bytes).sum::<usize>() >= BATCH_TEXT_BYTES
    }

    /// Adds the record that was read last.
    fn read(&mut self, file: &mut dyn RecordFile, location: &Location) -> Result<()> {
        self.filled.fill(false);
        self.bad = None;
        let result = file.fields(self);
        let missing = self.filled.iter().zip(&mut self.columns).filter(|(filled, _)| !**filled);
        missing.for_each(|(_, column)| column.push_missing());
        self.keep.push(result.is_ok() && self.bad.is_none());
        result.map_err(|problem| bad_record(location, file.place(), problem))?;
        match self.bad.take() {
            None => Ok(()),
            Some(Bad::Twice(column)) => {
                let problem = format!("has column `{}` twice", self.plan.schema.fields[column].name);
                Err(bad_record(location, file.place(), problem))
            }
            Some(Bad::Value(column, text)) => {
                let field = &self.plan.schema.fields[column];
                let expected = expected(field, &self.columns[column]);
                let hint = hint(field).into();
                let (path, column) = (location.clone(), field.name.clone());
                Err(Error::Value { path, place: file.place(), column, text, expected, hint })
            }
        }
    }

    /// The rows so far that are good, as a batch.
    fn finish(&mut self) -> Result<RecordBatch> {
        let columns = self.columns.iter_mut().map(Column::finish).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(self.keep.len()));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.plan.arrow), columns, &options)?;
        let keep = BooleanArray::from(std::mem::take(&mut self.keep));
        if keep.true_count() == batch.num_rows() {
            return Ok(batch);
        }
        Ok(filter_record_batch(&batch, &keep)?)
    }
}

/// A value as it is shown in a message.
fn shown(cell: Cell) -> Box<str> {
    match cell {
        Cell::Missing => "".into(),
        Cell::Text(text) | Cell::Word(text) => shortened(text).into(),
        Cell::Int(value) => value.to_string().into(),
        Cell::Float(value) => value.to_string().into(),
        Cell::List(list) => {
            let texts: Vec<_> = list.iter().take(10).map(String::from_utf8_lossy).collect();
            shortened(format!("[{}]", texts.join(", ")).as_bytes()).into()
        }
        Cell::Other(what) => format!("a {what}").into(),
    }
}

fn expected(field: &Field, column: &Column) -> &'static str {
    match column {
        Column::List(_) => "a list of texts in UTF-8 or of whole numbers",
        _ => in_words(field.column_type),
    }
}

fn hint(field: &Field) -> String {
    match field.column_type {
        ColumnType::Text => "correct it, or set `on_error = \"skip\"`".to_owned(),
        _ => format!(
            "add it to `missing` if it means that there is no value, set another type for `{}` in `types`, or set \
             `on_error = \"skip\"`",
            field.name
        ),
    }
}
