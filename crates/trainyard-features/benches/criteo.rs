//! Time of the features of the CTR network (13 numbers, 26 categories): to fit them on one core, to transform a batch, and to
//! transform a single row as a server does.

#![expect(clippy::print_stdout, reason = "a benchmark reports to the terminal")]

use arrow::array::{ArrayRef, Float64Array, StringArray};
use arrow::record_batch::RecordBatch;
use std::error::Error;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};
use trainyard_features::op::{Bucketize, Hash, Vocabulary, ZScore};
use trainyard_features::{ColumnType, FeatureOp, FeatureSpec, FeatureSpecs, Features, FittedFeatures, Schema};
use trainyard_graph::random;

const NUMBERS: usize = 13;
const CATEGORIES: usize = 26;
const BATCH: usize = 8192;
const BATCHES: u64 = 64;

fn main() -> Result<(), Box<dyn Error>> {
    let batches = (0..BATCHES).map(batch).collect::<Result<Vec<_>, _>>()?;
    let rows = (BATCH * batches.len()) as f64;
    let (start, on_processor) = (Instant::now(), time_on_processor());
    fit(&batches, true)?;
    let rate = |time: Duration| rows / time.as_secs_f64() / 1e3;
    println!("fit z-scores, deciles and vocabularies: {:.0} thousand rows/s on one core", rate(start.elapsed()));
    if let Some(time) = time_on_processor().zip(on_processor).map(|(now, then)| now - then) {
        println!("    by the time that the processor was ours: {:.0} thousand rows/s", rate(time));
    }

    let fitted = fit(&batches, false)?;
    let times = batches.iter().map(|batch| time(&fitted, batch)).collect::<Result<Vec<_>, _>>()?;
    println!("transform a batch of {BATCH}: {:.3} µs a row", median(times).as_secs_f64() * 1e6 / BATCH as f64);

    let alone: Vec<RecordBatch> = (0..BATCH).map(|row| batches[0].slice(row, 1)).collect();
    let times = alone.iter().map(|row| time(&fitted, row)).collect::<Result<Vec<_>, _>>()?;
    println!("transform a single row: median {:.2} µs", median(times).as_secs_f64() * 1e6);
    Ok(())
}

/// For how long this thread has run, where Linux says so: other work on the machine is not in it.
fn time_on_processor() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

/// The median, which other work on the machine moves less than the mean.
fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn time(fitted: &FittedFeatures, rows: &RecordBatch) -> Result<Duration, Box<dyn Error>> {
    let start = Instant::now();
    black_box(fitted.transform(black_box(rows))?);
    Ok(start.elapsed())
}

fn number_name(i: usize) -> String {
    format!("I{}", i + 1)
}

fn category_name(i: usize) -> String {
    format!("C{}", i + 1)
}

fn schema() -> Schema {
    let numbers = (0..NUMBERS).map(|i| (number_name(i), ColumnType::Float));
    Schema::new(numbers.chain((0..CATEGORIES).map(|i| (category_name(i), ColumnType::Text))))
}

/// The features: z-scores, with deciles on request, and vocabularies, or half of them hashes without deciles.
fn specs(with_deciles: bool) -> Result<FeatureSpecs, Box<dyn Error>> {
    let mut specs = FeatureSpecs::new();
    for i in 0..NUMBERS {
        let name = number_name(i);
        specs.push(format!("{name}_z"), FeatureSpec::new(FeatureOp::ZScore(ZScore {}), &[&name]))?;
        if with_deciles {
            let tenths = Bucketize { quantiles: Some(10), ..Bucketize::default() };
            specs.push(format!("{name}_tenth"), FeatureSpec::new(FeatureOp::Bucketize(tenths), &[&name]))?;
        }
    }
    for i in 0..CATEGORIES {
        let op = if with_deciles || i % 2 == 0 {
            FeatureOp::Vocabulary(Vocabulary { min_count: 2, ..Vocabulary::default() })
        } else {
            FeatureOp::Hash(serde_json::from_str::<Hash>(r#"{ "buckets": 100000 }"#)?)
        };
        specs.push(category_name(i), FeatureSpec::new(op, &[]))?;
    }
    Ok(specs)
}

fn fit(batches: &[RecordBatch], with_deciles: bool) -> Result<FittedFeatures, Box<dyn Error>> {
    let mut fitting = Features::new(specs(with_deciles)?, &schema(), None, None)?.fit();
    while !fitting.finished() {
        let collector = fitting.collector();
        for batch in batches {
            collector.update(batch)?;
        }
        fitting.absorb(collector)?;
    }
    Ok(fitting.finish()?)
}

/// Rows like those of Criteo's data: skewed counts, a fifth of them missing, and text of 8 digits of vocabularies of 10 to 100,000.
fn batch(number: u64) -> Result<RecordBatch, Box<dyn Error>> {
    let bits =
        |column: usize, row: u64| random::bits(random::stream(column as u64, "bench"), number * BATCH as u64 + row);
    let unit = |column: usize, row: u64| (bits(column, row) >> 11) as f64 / (1u64 << 53) as f64;
    let numbers = |column: usize| -> ArrayRef {
        let value = |row| (bits(column, row) % 5 != 0).then(|| (unit(column, row) * 9.0).exp().floor() - 1.0);
        Arc::new((0..BATCH as u64).map(value).collect::<Float64Array>())
    };
    let texts = |column: usize| -> ArrayRef {
        let size = 10f64.powi(1 + (column % 5) as i32);
        let word = |row| Some(format!("{:08x}", ((unit(column, row).powi(3) * size) as u32).wrapping_mul(0x9e37_79b9)));
        Arc::new((0..BATCH as u64).map(word).collect::<StringArray>())
    };
    let columns = (0..NUMBERS).map(|i| (number_name(i), numbers(i)));
    let columns = columns.chain((0..CATEGORIES).map(|i| (category_name(i), texts(NUMBERS + i))));
    Ok(RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true)))?)
}
