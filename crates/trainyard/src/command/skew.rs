//! `trainyard skew`: would served rows be made the same now?

use super::model::Exported;
use super::table;
use super::validate::UNEXPECTED;
use anyhow::{Result, bail};
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;
use trainyard::data::{Skew as Found, Source, compare_served};

/// Compare the features that a server has logged with those made of the same rows now, bit for bit.
///
/// Ends with 0 when they are the same, with 3 otherwise.
#[derive(Debug, Args)]
pub struct Skew {
    /// The model that was served: an exported directory, or the directory of a run.
    model: PathBuf,
    /// The log that `serve --log-features` wrote. Full files beside it (`LOG.1`, ..) are read, too.
    log: PathBuf,
    /// Files, directories or patterns with raw rows, written like the training data.
    #[arg(required = true)]
    data: Vec<String>,
    /// The columns by which rows are found [default: the spec's `data.keys`].
    #[arg(long, value_delimiter = ',', value_name = "COLUMN,…")]
    keys: Option<Vec<String>>,
    /// Print what was found as JSON.
    #[arg(long)]
    json: bool,
}

impl Skew {
    #[expect(clippy::print_stdout, reason = "results of the command")]
    pub fn run(self) -> Result<ExitCode> {
        let exported = Exported::load(&self.model)?;
        let keys = self.keys.clone().unwrap_or_else(|| exported.manifest.keys.clone());
        if keys.is_empty() {
            bail!(
                "rows are found by key, but the model has none; name columns with `--keys`, or in the spec's `data.keys`"
            );
        }
        let features = exported.predictor.features();
        let inputs = features.inputs().fields.iter().map(|field| (field.name.as_str(), Some(field.column_type)));
        let others = keys.iter().filter(|key| features.inputs().get(key).is_none()).map(|key| (key.as_str(), None));
        let source = Source::open(&exported.source(&self.data)?, &inputs.chain(others).collect::<Vec<_>>())?;
        let found = compare_served(features, &self.logs(), &source, &keys)?;
        if found.compared == 0 {
            bail!("nothing could be compared: {}", counts(&found));
        }
        if self.json {
            println!("{}", serde_json::to_string_pretty(&found)?);
        } else {
            println!("{}", if found.mismatched > 0 { table::skew(&found) } else { "no skew".to_owned() });
            println!("{}", counts(&found));
        }
        Ok(if found.mismatched == 0 { ExitCode::SUCCESS } else { ExitCode::from(UNEXPECTED) })
    }

    /// The oldest file first.
    fn logs(&self) -> Vec<PathBuf> {
        let numbered = |number: usize| PathBuf::from(format!("{}.{number}", self.log.display()));
        let full: Vec<PathBuf> = (1..).map(numbered).take_while(|path| path.exists()).collect();
        full.into_iter().rev().chain([self.log.clone()]).collect()
    }
}

fn counts(found: &Found) -> String {
    let Found { logged, other_features, without_key, not_found, compared, mismatched, .. } = found;
    format!(
        "{logged} rows in the log: {compared} compared, {mismatched} of them differ; {not_found} with a key that the data does not \
         have, {without_key} without a key, {other_features} of another model's features"
    )
}
