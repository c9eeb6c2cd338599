//! `trainyard run`: from a spec to a trained, evaluated, exported model.

use super::engine::EngineArgs;
use super::table;
use anyhow::Result;
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use trainyard::data::Memory;
use trainyard::progress::Progress;
use trainyard::train::Ending;
use trainyard::{Estimator, Spec, Trained};

/// Train, evaluate and export what a spec says. A run that was stopped goes on where it stopped.
#[derive(Debug, Args)]
pub struct Run {
    /// The spec: one run as a TOML file.
    spec: PathBuf,
    /// Change a setting of the spec, such as `train.epochs=5`. May be given several times.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// The directory of the run [default: runs/<name of the spec>].
    #[arg(long, short, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Memory that rows may take, such as `1GiB`; the same as `--set train.memory=1GiB` [default: half of the machine's].
    #[arg(long, value_name = "SIZE")]
    memory: Option<Memory>,
    /// Print the figures as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    engine: EngineArgs,
}

impl Run {
    pub fn run(self) -> Result<ExitCode> {
        let mut spec = Spec::read_with(&self.spec, &self.set)?;
        spec.train.memory = self.memory.or(spec.train.memory);
        let engine = self.engine.engine(spec.train.resources())?;
        let mut estimator = Estimator::new(spec).with_engine(engine);
        if let Some(output) = &self.output {
            estimator = estimator.in_directory(output);
        }
        let progress = Progress::new(stop_on_signal()?);
        let trained = estimator.fit(&progress)?;
        drop(progress);
        self.print(&estimator, &trained)
    }

    #[expect(clippy::print_stdout, clippy::print_stderr, reason = "results of the command")]
    fn print(&self, estimator: &Estimator, trained: &Trained) -> Result<ExitCode> {
        let directory = estimator.directory().display();
        let Some(results) = &trained.results else {
            eprintln!("stopped; a checkpoint is in `{directory}`, and the same command goes on from it");
            return Ok(ExitCode::from(INTERRUPTED));
        };
        if self.json {
            println!("{}", serde_json::to_string_pretty(results)?);
            return Ok(ExitCode::SUCCESS);
        }
        let (columns, rows) = results.table();
        println!("{}", table::figures(&columns, &rows));
        let ended = match (trained.was_complete, trained.ending) {
            (true, _) => "the run had ended before; nothing was to be done",
            (false, Ending::EarlyStopped) => "stopped early: the evaluation loss fell no more",
            (false, _) => "all epochs are done",
        };
        println!("{ended}; the model is that of step {}", results.best_step);
        if let Some(export) = &trained.export {
            println!("model    {}", export.display());
        }
        println!("report   {directory}/report.html\nmetrics  {directory}/metrics.json");
        Ok(ExitCode::SUCCESS)
    }
}

/// What shells expect of a program that Ctrl-C has ended: 128 and the number of the signal.
const INTERRUPTED: u8 = 130;

/// A flag that the first Ctrl-C or SIGTERM sets. The second ends the program at once.
fn stop_on_signal() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, i32::from(INTERRUPTED), stop.clone())?;
        signal_hook::flag::register(signal, stop.clone())?;
    }
    Ok(stop)
}
