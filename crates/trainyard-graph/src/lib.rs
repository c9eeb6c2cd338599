//! Tensors, a graph of operations, gradients and the CPU that runs them.
//!
//! - A [`Graph`] is a computation as data: nodes in order, each an operation ([`Op`]) on earlier ones, with shapes whose
//!   first axis may be the batch. [`gradients`] adds the gradient of a loss to it.
//! - A [`Device`], so far [`Cpu`], compiles it once into a [`Program`], which is fed batch by batch through [`Feeds`].
//! - [`Ragged`] holds ids of variable length; [`random`] gives numbers that are functions of a seed, a name and an index;
//!   [`ExactSum`] adds without regard to order.
//!
//! ```
//! use trainyard_graph::{Cpu, Device, Dim, FeedMap, Graph, Mode, gradients};
//!
//! // The squared error of a linear model, and its gradient.
//! let mut graph = Graph::new();
//! let x = graph.input("x", &[Dim::Batch, Dim::Fixed(2)])?;
//! let y = graph.input("y", &[Dim::Batch, Dim::Fixed(1)])?;
//! let w = graph.param("w", &[2, 1])?;
//! let predicted = graph.matmul(x, w)?;
//! let error = graph.sub(predicted, y)?;
//! let squared = graph.square(error)?;
//! let loss = graph.sum_all(squared)?;
//! let slope = gradients(&mut graph, loss, &[w])?[0];
//!
//! let mut program = Cpu::default().compile(&graph, &[loss, slope])?;
//! let feeds = FeedMap::new(&graph, 2).floats(x, &[1.0, 0.0, 0.0, 2.0]).floats(y, &[3.0, 4.0]).floats(w, &[1.0, 1.0]);
//! program.run(&feeds, Mode::Inference)?;
//! assert_eq!(program.output(0), [8.0]); // (1 - 3)² + (2 - 4)²
//! assert_eq!(program.output(1), [-4.0, -8.0]);
//! # Ok::<(), trainyard_graph::Error>(())
//! ```
//!
//! This crate alone has `unsafe` code: for vector instructions, in products of matrices, and in the memory that lanes share.

mod aligned;
pub mod check;
mod device;
mod erf;
mod error;
mod exact_sum;
mod gradient;
mod graph;
mod lanes;
mod math;
pub mod op;
mod ragged;
pub mod random;
mod shape;
pub mod simd;

pub use aligned::Aligned;
pub use device::{Bag, Bags, Cpu, Device, FeedMap, Feeds, Mode, Program};
pub use error::{Error, Result};
pub use exact_sum::ExactSum;
pub use gradient::gradients;
pub use graph::{Graph, Node, NodeId};
pub use lanes::Lanes;
pub use op::{
    Activation, AttentionOptions, Cell, Combiner, ConvPadding, Op, Padding, RecurrentLayer, Returns, Windows,
};
pub use ragged::Ragged;
pub use shape::{Dim, Shape, Split};
