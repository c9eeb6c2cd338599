//! The commands: glue, one file each.

#[cfg(feature = "cluster")]
mod cluster;
mod engine;
mod evaluate;
mod init;
mod model;
mod predict;
mod prepare;
mod progress;
mod reading;
mod run;
mod serve;
mod skew;
mod stats;
mod table;
mod validate;

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Machine learning end to end: from raw tables to a served prediction.
///
/// Begin with `trainyard init DATA --label COLUMN`, which writes a spec for your data, then `trainyard run` it.
#[derive(Debug, Parser)]
#[command(name = "trainyard", version, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Say more on standard error.
    #[arg(long, short, global = true)]
    pub verbose: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(init::Init),
    Prepare(prepare::Prepare),
    Run(run::Run),
    Evaluate(evaluate::Evaluate),
    Predict(predict::Predict),
    Serve(serve::Serve),
    Stats(stats::Stats),
    Validate(validate::Validate),
    Skew(skew::Skew),
    #[cfg(feature = "cluster")]
    Cluster(cluster::Cluster),
}

impl Cli {
    /// Runs the command.
    pub fn run(self) -> Result<ExitCode> {
        match self.command {
            Command::Init(init) => init.run(),
            Command::Prepare(prepare) => prepare.run(),
            Command::Run(run) => run.run(),
            Command::Evaluate(evaluate) => evaluate.run(),
            Command::Predict(predict) => predict.run(),
            Command::Serve(serve) => serve.run(),
            Command::Stats(stats) => stats.run(),
            Command::Validate(validate) => validate.run(),
            Command::Skew(skew) => skew.run(),
            #[cfg(feature = "cluster")]
            Command::Cluster(cluster) => cluster.run(self.verbose),
        }
    }
}

/// Prints an error and what led to it.
#[expect(clippy::print_stderr, reason = "the program's last word")]
pub fn print_error(error: &anyhow::Error) {
    let mut message = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        // Errors that pass a lower crate's message on unchanged would say it twice.
        if !message.contains(&cause) {
            message = format!("{message}: {cause}");
        }
    }
    eprintln!("error: {message}");
}

/// 2 for what the user can mend in the spec, the data or the command line, 1 for everything else, such as a full disk.
pub fn exit_code(error: &anyhow::Error) -> u8 {
    let io = error.chain().find_map(|cause| cause.downcast_ref::<std::io::Error>());
    if let Some(io) = io {
        use std::io::ErrorKind::{InvalidData, NotFound};
        return if matches!(io.kind(), NotFound | InvalidData) { 2 } else { 1 };
    }
    let is_ours = error.chain().any(|cause| {
        let text = cause.to_string();
        text.starts_with("internal error") || cause.downcast_ref().is_some_and(is_of_the_machines)
    });
    if is_ours { 1 } else { 2 }
}

/// Whether neither spec nor data nor command line caused it.
fn is_of_the_machines(error: &trainyard::Error) -> bool {
    use trainyard::{Error, data};
    matches!(error, Error::Diverged { .. } | Error::Data(data::Error::Cluster { .. }))
}
