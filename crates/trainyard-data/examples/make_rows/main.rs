//! Writes rows like those of Criteo's click logs, as many as are wanted: `make_rows ROWS FILE [SEED]`.
//!
//! The name of the file tells how: `.csv`, `.jsonl` or `.parquet`. Equal seeds give equal rows. Memory does not grow with their
//! number.

mod criteo;

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use criteo::CriteoLike;
use trainyard_data::Sink;

const BATCH: u64 = 8192;

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

fn run(args: &[String]) -> Result<(), Box<dyn Error>> {
    let (rows, file, seed) = match args {
        [rows, file] => (rows.parse::<u64>()?, file, 7),
        [rows, file, seed] => (rows.parse()?, file, seed.parse()?),
        _ => return Err("usage: make_rows ROWS FILE [SEED]".into()),
    };
    let generator = CriteoLike::new(seed);
    let mut sink = Sink::create(Some(Path::new(file)), None, &CriteoLike::schema())?;
    for first in (0..rows).step_by(BATCH as usize) {
        sink.write(&generator.batch(first, BATCH.min(rows - first) as usize)?)?;
    }
    Ok(sink.finish()?)
}
