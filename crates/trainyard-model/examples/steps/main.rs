//! Training steps on made-up data in memory, for measuring: `steps WORK [--lanes N]` prints the rows per second of one work,
//! in the form in which the programs of `bench/peers` do. `bench/compare` runs both.
//!
//! What is timed is what the estimator does for a batch: find the rows of tables that it names, pull, compute, push.

mod data;
mod limit;
mod networks;
mod stepper;
mod tabular;

use std::process::ExitCode;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const WORKS: &str = "ctr, ctr_10m, ctr_limit, linear, inference, text_cnn, lstm, cnn_2d or transformer";

#[expect(clippy::print_stderr, reason = "a program")]
fn main() -> ExitCode {
    match run(&std::env::args().skip(1).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[String]) -> Result<()> {
    let work = args.first().map_or("", String::as_str);
    let lanes = match args.iter().position(|arg| arg == "--lanes") {
        Some(at) => args.get(at + 1).ok_or("--lanes needs a number")?.parse()?,
        None => std::thread::available_parallelism()?.get(),
    };
    match work {
        "ctr" => tabular::ctr(work, 100_000, lanes),
        "ctr_10m" => tabular::ctr(work, 10_000_000, lanes),
        "ctr_limit" => limit::ctr(lanes),
        "linear" => tabular::linear(lanes),
        "inference" => tabular::inference(),
        "text_cnn" => networks::text_cnn(lanes),
        "lstm" => networks::lstm(lanes),
        "cnn_2d" => networks::cnn_2d(lanes),
        "transformer" => networks::transformer(lanes),
        _ => Err(format!("`{work}` is no work: give {WORKS}").into()),
    }
}
