//! What the products of matrices alone would allow.

use crate::Result;
use std::hint::black_box;
use std::time::Instant;
use trainyard_graph::{Cpu, Device, Dim, FeedMap, Graph, Mode};

/// Rows and columns of the matrices: large enough that what is around a product counts for nothing.
const SIZE: usize = 1024;

/// Products of which the fastest counts.
const PRODUCTS: usize = 30;

/// Additions and multiplications of a sample of the CTR network: 2 for each of its weights, forward and twice backward.
const CTR_FLOP: f64 = 6.0 * (429.0 * 256.0 + 256.0 * 128.0 + 128.0 * 64.0 + 64.0);

/// Prints the samples per second that `lanes` cores would train if each did nothing but products, at the rate of one core.
#[expect(clippy::print_stdout, reason = "a program")]
pub fn ctr(lanes: usize) -> Result<()> {
    let samples = lanes as f64 * rate()? / CTR_FLOP;
    println!("trainyard ctr_limit lanes={lanes}: {samples:.0} samples/s");
    Ok(())
}

/// Additions and multiplications per second of one core in a product of large matrices.
fn rate() -> Result<f64> {
    let mut graph = Graph::new();
    let x = graph.input("x", &[Dim::Batch, Dim::Fixed(SIZE)])?;
    let weights = graph.param("weights", &[SIZE, SIZE])?;
    let product = graph.matmul(x, weights)?;
    let mut program = Cpu::new(1).compile(&graph, &[product])?;
    let values: Vec<f32> = (0..SIZE * SIZE).map(|i| (i % 97) as f32 / 97.0).collect();
    let feeds = FeedMap::new(&graph, SIZE).floats(x, &values).floats(weights, &values);
    let mut fastest = f64::INFINITY;
    for _ in 0..PRODUCTS {
        let start = Instant::now();
        program.run(&feeds, Mode::Inference)?;
        black_box(program.output(0));
        fastest = fastest.min(start.elapsed().as_secs_f64());
    }
    Ok(2.0 * (SIZE as f64).powi(3) / fastest)
}
