//! `trainyard prepare`: what a run does before it trains.

use super::engine::EngineArgs;
use anyhow::Result;
use clap::Args;
use indicatif::{DecimalBytes, HumanCount};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use trainyard::data::Memory;
use trainyard::progress::Progress;
use trainyard::train::Prepared;
use trainyard::{Estimator, Spec};

/// Fit features and encode all rows ahead of training. `run` with the same spec and directory goes on from there.
///
/// Without this, `run` does the same as its first step. With `--shuffle` the training rows are kept in a random order, for data
/// that is sorted by its label or by time.
#[derive(Debug, Args)]
pub struct Prepare {
    /// The spec: one run as a TOML file.
    spec: PathBuf,
    /// Change a setting of the spec, such as `data.train=rows.csv`. May be given several times.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Bring the training rows into a random order, all orders equally likely. It takes the room of the encoded rows twice
    /// more while it works.
    #[arg(long)]
    shuffle: bool,
    /// The directory of the run [default: runs/<name of the spec>].
    #[arg(long, short, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Memory that rows may take, such as `1GiB`; the same as `--set train.memory=1GiB` [default: half of the machine's].
    #[arg(long, value_name = "SIZE")]
    memory: Option<Memory>,
    /// Print what was prepared as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    engine: EngineArgs,
}

impl Prepare {
    pub fn run(self) -> Result<ExitCode> {
        let mut spec = Spec::read_with(&self.spec, &self.set)?;
        spec.train.memory = self.memory.or(spec.train.memory);
        let engine = self.engine.engine(spec.train.resources())?;
        let mut estimator = Estimator::new(spec).with_engine(engine);
        if let Some(output) = &self.output {
            estimator = estimator.in_directory(output);
        }
        let progress = Progress::new(Arc::default());
        let prepared = estimator.prepare(self.shuffle, &progress)?;
        drop(progress);
        self.print(&estimator, &prepared)
    }

    #[expect(clippy::print_stdout, reason = "results of the command")]
    fn print(&self, estimator: &Estimator, prepared: &Prepared) -> Result<ExitCode> {
        if self.json {
            println!("{}", serde_json::to_string_pretty(prepared)?);
            return Ok(ExitCode::SUCCESS);
        }
        for split in &prepared.splits {
            let (rows, bytes) = (HumanCount(split.rows), DecimalBytes(split.bytes));
            println!("{:<6} {rows} rows, {bytes}", split.name);
        }
        let order = if prepared.shuffled { "a random order" } else { "the order of the files" };
        println!("training rows are in {order}; what is ready is in {}", estimator.directory().display());
        Ok(ExitCode::SUCCESS)
    }
}
