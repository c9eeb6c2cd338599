//! `trainyard validate`: is data what was expected?

use super::reading::Reading;
use super::table;
use anyhow::{Context, Result, bail};
use clap::Args;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use trainyard::features::validation::{
    Anomaly, DataSchema, Severity, compare_with_earlier, compare_with_served, infer, validate,
};
use trainyard::store::file::atomic_write;

/// What the program ends with when data is not what was expected: told from 2, wrong use, and 1, a failure.
pub const UNEXPECTED: u8 = 3;

/// Compare data with a schema, with earlier and with served data; or write a schema for it.
///
/// Ends with 0 when there is nothing worse than a warning, with 3 otherwise.
#[derive(Debug, Args)]
pub struct Validate {
    /// Files, directories or patterns with rows, or a file that `stats --save` wrote.
    data: Vec<String>,
    #[command(flatten)]
    reading: Reading,
    /// The schema: what columns must be like, as a TOML file.
    #[arg(long, value_name = "FILE", default_value = "schema.toml")]
    schema: PathBuf,
    /// Write a schema that this data fulfils, with comments, in place of comparing.
    #[arg(long)]
    infer: bool,
    /// With `--infer`, replace the file if it is there.
    #[arg(long, requires = "infer")]
    force: bool,
    /// With `--infer`, the column that is to be predicted.
    #[arg(long, value_name = "COLUMN", requires = "infer")]
    label: Option<String>,
    /// Earlier data, from which columns must not have moved. May be given several times.
    #[arg(long, value_name = "DATA", conflicts_with = "infer")]
    previous: Vec<String>,
    /// Data that is served, from which columns must not differ. May be given several times.
    #[arg(long, value_name = "DATA", conflicts_with = "infer")]
    serving: Vec<String>,
    /// Print the anomalies as JSON.
    #[arg(long, conflicts_with = "infer")]
    json: bool,
}

impl Validate {
    pub fn run(self) -> Result<ExitCode> {
        if self.infer { self.infer_schema() } else { self.compare() }
    }

    #[expect(clippy::print_stdout, reason = "results of the command")]
    fn infer_schema(&self) -> Result<ExitCode> {
        let path = self.schema.display();
        if self.schema.exists() && !self.force {
            bail!("`{path}` is there already; name another file with `--schema`, or replace it with `--force`");
        }
        let label = self.label.clone().map_or_else(|| self.reading.label(), |label| Ok(Some(label)))?;
        let read = self.reading.profile(&self.data, label.as_deref(), &DataSchema::default(), false)?;
        atomic_write(&self.schema, infer(&read.profile)?.as_bytes())?;
        println!("wrote {path}; look it through, then: trainyard validate DATA --schema {path}");
        Ok(ExitCode::SUCCESS)
    }

    #[expect(clippy::print_stdout, reason = "results of the command")]
    fn compare(&self) -> Result<ExitCode> {
        let anomalies = self.anomalies(&read(&self.schema)?)?;
        let errors = anomalies.iter().filter(|anomaly| anomaly.severity == Severity::Error).count();
        if self.json {
            println!("{}", serde_json::to_string_pretty(&anomalies)?);
        } else if anomalies.is_empty() {
            println!("no anomalies");
        } else {
            println!("{}\n{errors} errors, {} warnings", table::anomalies(&anomalies), anomalies.len() - errors);
        }
        Ok(if errors == 0 { ExitCode::SUCCESS } else { ExitCode::from(UNEXPECTED) })
    }

    fn anomalies(&self, schema: &DataSchema) -> Result<Vec<Anomaly>> {
        let exact = !(self.previous.is_empty() && self.serving.is_empty());
        let of = |data: &[String]| self.reading.profile(data, None, schema, exact);
        let read = of(&self.data)?;
        let mut anomalies = validate(schema, &read.profile);
        anomalies.extend(read.anomalies);
        if !self.previous.is_empty() {
            anomalies.extend(compare_with_earlier(schema, &read.profile, &of(&self.previous)?.profile));
        }
        if !self.serving.is_empty() {
            anomalies.extend(compare_with_served(schema, &read.profile, &of(&self.serving)?.profile));
        }
        anomalies.sort_by(|a, b| b.severity.cmp(&a.severity).then_with(|| a.column.cmp(&b.column)));
        Ok(anomalies)
    }
}

fn read(path: &Path) -> Result<DataSchema> {
    let hint = || format!("cannot read the schema `{}` (`--infer` writes one)", path.display());
    let text = std::fs::read_to_string(path).with_context(hint)?;
    DataSchema::from_toml(&text).with_context(|| format!("`{}` is no schema", path.display()))
}
