//! `trainyard evaluate`: figures of an exported model on labelled data.

use super::model::Exported;
use super::table;
use anyhow::Result;
use clap::Args;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use trainyard::progress::Progress;
use trainyard::train::evaluate::evaluate_predictor;
use trainyard::train::report::MetricRow;

/// Evaluate an exported model on labelled data.
#[derive(Debug, Args)]
pub struct Evaluate {
    /// An exported directory, or the directory of a run.
    model: PathBuf,
    /// Files, directories or patterns with labelled rows, written like the training data.
    #[arg(required = true)]
    data: Vec<String>,
    /// The data is raw: apply the view that the model was trained on.
    #[arg(long)]
    view: bool,
    /// Print the figures as JSON.
    #[arg(long)]
    json: bool,
}

impl Evaluate {
    #[expect(clippy::print_stdout, reason = "results of the command")]
    pub fn run(self) -> Result<ExitCode> {
        let exported = Exported::load(&self.model)?;
        let columns = exported.predictor.features().labelled_inputs();
        let needed: Vec<_> = columns.fields.iter().map(|f| (f.name.as_str(), Some(f.column_type))).collect();
        let rows = exported.open(&self.data, &needed, self.view)?;
        let progress = Progress::new(Arc::default());
        let figures = evaluate_predictor(&exported.predictor, &rows.source, &progress)?;
        drop(progress);
        if self.json {
            let finite = figures.iter().filter(|(_, value)| value.is_finite());
            println!("{}", serde_json::to_string_pretty(&finite.copied().collect::<BTreeMap<_, _>>())?);
        } else {
            let row = |(name, value): &(&str, f64)| MetricRow { name: (*name).to_owned(), values: vec![Some(*value)] };
            let rows: Vec<_> = figures.iter().map(row).collect();
            println!("{}", table::figures(&["data".to_owned()], &rows));
        }
        Ok(ExitCode::SUCCESS)
    }
}
