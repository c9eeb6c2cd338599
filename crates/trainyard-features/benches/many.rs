//! Time to fit vocabularies of 100,000 values in one scan: of one column, and of 300, by column. Values are drawn evenly, so that
//! each look-up is as likely to miss the caches as it can be.

#![expect(clippy::print_stdout, reason = "a benchmark reports to the terminal")]

use arrow::array::{ArrayRef, StringArray};
use arrow::record_batch::RecordBatch;
use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};
use trainyard_features::op::Vocabulary;
use trainyard_features::{ColumnType, FeatureOp, FeatureSpec, FeatureSpecs, Features, Memory, Schema, Spill};
use trainyard_graph::random;

const VALUES: u64 = 100_000;
const BATCH: u64 = 8192;
const BATCHES: u64 = 64;
/// Different columns; the others are copies, which are counted as much.
const COLUMNS: usize = 4;

fn main() -> Result<(), Box<dyn Error>> {
    let columns: Vec<Vec<ArrayRef>> =
        (0..COLUMNS).map(|column| (0..BATCHES).map(|i| texts(column, i)).collect()).collect();
    let mut of_one = Duration::ZERO;
    for n in [1, 26, 300] {
        let time =
            (0..3).map(|_| scan(&columns, n)).collect::<Result<Vec<_>, _>>()?.into_iter().min().unwrap_or_default();
        let by_column = time / n as u32;
        of_one = if n == 1 { time } else { of_one };
        let nanos = by_column.as_secs_f64() * 1e9 / (BATCH * BATCHES) as f64;
        let ratio = by_column.as_secs_f64() / of_one.as_secs_f64();
        println!(
            "{n} vocabularies: {:.2} s, {nanos:.1} ns a value, {ratio:.2} times that of one alone",
            time.as_secs_f64()
        );
    }
    Ok(())
}

/// Time of the scan; the vocabularies are written out after it.
fn scan(columns: &[Vec<ArrayRef>], n: usize) -> Result<Duration, Box<dyn Error>> {
    let name = |i: usize| format!("C{i}");
    let mut specs = FeatureSpecs::new();
    for i in 0..n {
        specs.push(name(i), FeatureSpec::new(FeatureOp::Vocabulary(Vocabulary::default()), &[]))?;
    }
    let schema = Schema::new((0..n).map(|i| (name(i), ColumnType::Text)));
    let fitting = Features::new(specs, &schema, None, None)?.fit();
    let collector = fitting.collector_within(Memory { bytes: 8 << 30, spill: Spill::default() });
    let start = Instant::now();
    for batch in 0..BATCHES as usize {
        let array = |i: usize| columns[i % columns.len()].get(batch).map(Arc::clone);
        let arrays = (0..n).filter_map(|i| Some((name(i), array(i)?, true)));
        collector.update(&RecordBatch::try_from_iter_with_nullable(arrays)?)?;
    }
    Ok(start.elapsed())
}

fn texts(column: usize, batch: u64) -> ArrayRef {
    let stream = random::stream(column as u64, "many");
    let text = |row| Some(format!("{:08x}", (random::below(stream, row, VALUES) as u32).wrapping_mul(0x9e37_79b9)));
    Arc::new((batch * BATCH..(batch + 1) * BATCH).map(text).collect::<StringArray>())
}
