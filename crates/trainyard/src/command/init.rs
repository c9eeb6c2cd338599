//! `trainyard init`: a spec for data of one's own.

use anyhow::{Context, Result, bail};
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;
use trainyard::Spec;
use trainyard::data::{PathSpec, SourceConfig};
use trainyard::train::draft::draft;
use trainyard::train::hints::first_look;

/// Look at data and write a commented spec for it that runs as it is.
#[derive(Debug, Args)]
pub struct Init {
    /// Files, directories, patterns or URLs with rows: CSV, JSON lines, Parquet, Arrow or TFRecord.
    #[arg(required = true)]
    data: Vec<String>,
    /// The column to predict.
    #[arg(long, value_name = "COLUMN")]
    label: String,
    /// The file to write.
    #[arg(long, short, value_name = "FILE", default_value = "spec.toml")]
    output: PathBuf,
    /// Names of the columns, for CSV without a header.
    #[arg(long, value_delimiter = ',', value_name = "COLUMN,…")]
    columns: Vec<String>,
    /// The character between fields of CSV.
    #[arg(long, value_name = "CHAR")]
    delimiter: Option<char>,
    /// Texts that stand for a missing value, besides the empty one.
    #[arg(long, value_delimiter = ',', value_name = "TEXT,…")]
    missing: Vec<String>,
    /// Replace the file if it is there.
    #[arg(long)]
    force: bool,
}

impl Init {
    #[expect(clippy::print_stdout, reason = "results of the command")]
    pub fn run(self) -> Result<ExitCode> {
        if self.output.exists() && !self.force {
            bail!(
                "`{}` is there already; name another file with `--output`, or replace it with `--force`",
                self.output.display()
            );
        }
        let path = match self.data.as_slice() {
            [one] => PathSpec::One(one.clone()),
            several => PathSpec::Many(several.to_vec()),
        };
        let config = SourceConfig {
            path,
            header: self.columns.is_empty(),
            columns: self.columns,
            delimiter: self.delimiter,
            missing: self.missing,
            ..SourceConfig::default()
        };
        let text = draft(&config, &self.label)?;
        let notes = first_look(&Spec::parse(&text)?)?;
        std::fs::write(&self.output, text).with_context(|| format!("cannot write `{}`", self.output.display()))?;
        notes.iter().for_each(|note| println!("note: {note}"));
        println!("wrote {0}; look it through, then: trainyard run {0}", self.output.display());
        Ok(ExitCode::SUCCESS)
    }
}
