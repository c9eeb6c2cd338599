//! Time of a pull and a push of an embedding model's step: 26 tables, 512 rows of 16 each, Adagrad.

#![expect(clippy::print_stdout, reason = "a benchmark reports to the terminal")]

use std::time::{Duration, Instant};
use trainyard_graph::random;
use trainyard_nn::{Initializer, ParamShape, ParamSpec};
use trainyard_store::{Gradients, Keys, MemoryStore, ParamStore, Params, Result, StoreConfig};

const TABLES: usize = 26;
const ROWS: usize = 512;
const DIM: usize = 16;
const STEPS: u64 = 500;

fn main() -> Result<()> {
    for ids in [1_000, 100_000, 1_000_000] {
        measure(ids)?;
    }
    Ok(())
}

/// Trains on ids below `ids`, first to make the rows, then with the clock on.
fn measure(ids: u64) -> Result<()> {
    let store = MemoryStore::new(StoreConfig::default())?;
    let shape = ParamShape::Table { dim: DIM };
    let spec = |i| ParamSpec::new(format!("table_{i}"), shape.clone(), Initializer::Normal { std: 0.25 });
    store.create(&(0..TABLES).map(spec).collect::<Vec<_>>())?;
    for start in (0..ids).step_by(1 << 14) {
        let ids: Vec<u64> = (start..ids.min(start + (1 << 14))).collect();
        store.push(&Keys { tables: vec![ids.clone(); TABLES] }, &gradients(ids.len()))?;
    }
    let batches: Vec<Keys> = (0..STEPS).map(|step| keys(step, ids)).collect();
    let (mut params, gradients) = (Params::default(), gradients(ROWS));
    let (mut pull, mut push) = (Vec::new(), Vec::new());
    for keys in &batches {
        let start = Instant::now();
        store.pull(keys, &mut params)?;
        pull.push(start.elapsed());
        let start = Instant::now();
        store.push(keys, &gradients)?;
        push.push(start.elapsed());
    }
    println!("{ids:>9} rows a table: pull {:>5} µs, push {:>5} µs a step", median_micros(pull), median_micros(push));
    Ok(())
}

/// The median, which other work on the machine moves less than the mean.
fn median_micros(mut times: Vec<Duration>) -> u128 {
    times.sort_unstable();
    times[times.len() / 2].as_micros()
}

fn keys(step: u64, ids: u64) -> Keys {
    let unique = |table: u64| {
        let mut row = 0;
        let start = random::below(random::stream(table, "bench"), step, ids);
        std::iter::repeat_with(|| {
            row += 1;
            (start + row * 7919) % ids
        })
        .take(ROWS)
        .collect()
    };
    Keys { tables: (0..TABLES as u64).map(unique).collect() }
}

fn gradients(rows: usize) -> Gradients {
    Gradients { dense: vec![], rows: vec![vec![0.01; rows * DIM]; TABLES] }
}
