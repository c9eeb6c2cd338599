//! `trainyard predict`: answers of an exported model for files of raw rows.

use super::model::{Exported, Rows};
use anyhow::{Result, bail};
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use trainyard::data::{Sink, SinkFormat};
use trainyard::features::Schema;
use trainyard::model::Predictor;
use trainyard::progress::Progress;
use trainyard::train::{Event, Observer, Stage};

/// Predict raw rows with an exported model.
#[derive(Debug, Args)]
pub struct Predict {
    /// An exported directory, or the directory of a run.
    model: PathBuf,
    /// Files, directories or patterns with raw rows, written like the training data.
    #[arg(required = true)]
    data: Vec<String>,
    /// The file to write: `.csv`, `.jsonl`, `.parquet` or `.tfrecord` [default: CSV on standard output].
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Columns to carry through to the output [default: the spec's `data.keys`].
    #[arg(long, value_delimiter = ',', value_name = "COLUMN,…")]
    keys: Option<Vec<String>>,
    /// The data is raw: apply the view that the model was trained on.
    #[arg(long)]
    view: bool,
    /// Write JSON lines to standard output.
    #[arg(long, conflicts_with = "output")]
    json: bool,
}

impl Predict {
    pub fn run(self) -> Result<ExitCode> {
        let exported = Exported::load(&self.model)?;
        let predictor = &exported.predictor;
        let keys = self.keys.as_ref().unwrap_or(&exported.manifest.keys);
        check_names(predictor, keys)?;
        let data = self.rows(&exported, keys)?;
        let mut sink: Option<Sink> = None;
        let progress = Progress::new(Arc::default());
        progress.on(Event::Stage { stage: Stage::Evaluate("data"), rows: None });
        let mut rows = 0;
        for raw in data.source.scan()? {
            let raw = raw?;
            let answers = with_keys(&raw, keys, &predictor.predict(&raw)?)?;
            let sink = match &mut sink {
                Some(sink) => sink,
                None => sink.insert(Sink::create(self.output.as_deref(), self.format(), &answers.schema())?),
            };
            sink.write(&answers)?;
            rows += raw.num_rows() as u64;
            progress.on(Event::Rows(rows));
        }
        match sink {
            Some(sink) => sink.finish()?,
            None => bail!("there are no rows in {}", self.data.join(", ")),
        }
        Ok(ExitCode::SUCCESS)
    }

    fn format(&self) -> Option<SinkFormat> {
        match (&self.output, self.json) {
            (Some(_), _) => None,
            (None, true) => Some(SinkFormat::JsonLines),
            (None, false) => Some(SinkFormat::Csv),
        }
    }

    /// The raw columns that the model reads, and the keys.
    fn rows(&self, exported: &Exported, keys: &[String]) -> Result<Rows> {
        let inputs: &Schema = exported.predictor.inputs();
        let inputs = inputs.fields.iter().map(|field| (field.name.as_str(), Some(field.column_type)));
        let mut needed: Vec<_> = inputs.collect();
        needed.extend(
            keys.iter().filter(|key| exported.predictor.inputs().get(key).is_none()).map(|key| (key.as_str(), None)),
        );
        exported.open(&self.data, &needed, self.view)
    }
}

/// A key and an answer cannot share a column.
fn check_names(predictor: &Predictor, keys: &[String]) -> Result<()> {
    match keys.iter().find(|key| predictor.outputs().iter().any(|output| output.name == **key)) {
        Some(key) => bail!("the key `{key}` has the name of an answer; leave it out by `--keys`, or rename the column"),
        None => Ok(()),
    }
}

type RecordBatch = trainyard::data::RecordBatch;

/// The keys' columns of the raw rows, then the answers.
fn with_keys(raw: &RecordBatch, keys: &[String], answers: &RecordBatch) -> Result<RecordBatch> {
    let places = keys.iter().map(|key| raw.schema().index_of(key)).collect::<Result<Vec<_>, _>>()?;
    let keys = raw.project(&places)?;
    let named = |batch: &RecordBatch| {
        let names: Vec<String> = batch.schema().fields().iter().map(|field| field.name().clone()).collect();
        names.into_iter().zip(batch.columns().to_vec()).collect::<Vec<_>>()
    };
    Ok(RecordBatch::try_from_iter([named(&keys), named(answers)].concat())?)
}
