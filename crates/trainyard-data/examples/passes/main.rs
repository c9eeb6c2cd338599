//! Passes over rows such as `make_rows` writes, for measuring: `passes WORK FILE [--threads N]` prints the rows per second of one
//! work, in the form in which the programs of `bench/peers` do. `bench/compare` runs both.
//!
//! | work | what is timed |
//! |---|---|
//! | `fit` | fitting z-scores and deciles of 13 numbers and vocabularies of 26 categories |
//! | `csv_epoch` | the first epoch from text: reading, transforming, caching, and batches of 512 in random order |
//! | `datafusion_csv` | DataFusion's scan of the same file, which counts the rows |
//! | `cached_epoch` | a later epoch, from the cache |
//! | `row` | transforming a single row, as a server does |

mod datafusion_csv;
mod work;

use std::path::Path;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const WORKS: &str = "fit, csv_epoch, datafusion_csv, cached_epoch or row";

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
    let [work, file, ..] = args else {
        return Err(format!("usage: passes WORK FILE [--threads N]; WORK is {WORKS}").into());
    };
    let threads = match args.iter().position(|arg| arg == "--threads") {
        Some(at) => args.get(at + 1).ok_or("--threads needs a number")?.parse()?,
        None => std::thread::available_parallelism()?.get(),
    };
    let file = Path::new(file);
    match work.as_str() {
        "fit" => work::fit(file, threads),
        "csv_epoch" => work::csv_epoch(file, threads),
        "datafusion_csv" => datafusion_csv::scan(file, threads),
        "cached_epoch" => work::cached_epoch(file, threads),
        "row" => work::row(file, threads),
        _ => Err(format!("`{work}` is no work: give {WORKS}").into()),
    }
}

/// Prints a line of the form that `bench/compare` reads.
#[expect(clippy::print_stdout, reason = "a program")]
fn report(name: &str, number: f64, unit: &str) {
    println!("{name}: {number:.1} {unit}");
}
