//! Where parameters live and how they change: memory, shards, checkpoints.
//!
//! A training step pulls the parameters that its batch names, and pushes their gradients back. What is behind the
//! [`ParamStore`] that it talks to, it cannot tell.
//!
//! ```text
//!             Keys                                Gradients
//!  batch ─────────────► pull ──► Params ──► program ──────────► push ──► Optimizer, row by row
//!                         ▲                                       │
//!                         └──────────── ParamStore ◄──────────────┘──► Snapshot ──► Checkpoints
//! ```
//!
//! - [`Keys`], [`Params`], [`Gradients`]: what goes in and out.
//! - [`MemoryStore`]: dense parameters and embedding tables in this process. Only rows that were trained take memory.
//! - [`Snapshot`]: a copy of everything; [`checkpoint`] puts it on disk and finds it again.
//! - [`Index`]: numbers the ids of a batch, and finds the rows of large ids.
//! - [`mod@file`]: writes that are wholly there or not at all, for other files of a run; [`tensors`]: what is in those of parameters.
//!
//! Formulas are not here but in `trainyard_nn`: an optimizer is a function on slices, and the store decides whose.
//!
//! ```
//! use trainyard_nn::{Initializer, ParamShape, ParamSpec};
//! use trainyard_store::{Gradients, Keys, MemoryStore, ParamStore, Params, StoreConfig};
//!
//! let config = StoreConfig {
//!     optimizers: [("main".to_owned(), serde_json::from_str(r#"{"sgd": {"learning_rate": 0.5}}"#)?)].into(),
//!     ..StoreConfig::default()
//! };
//! let store = MemoryStore::new(config)?;
//! store.create(&[
//!     ParamSpec::new("bias", ParamShape::Dense(vec![1]), Initializer::Zeros),
//!     ParamSpec::new("users", ParamShape::Table { dim: 2 }, Initializer::Constant { value: 1.0 }),
//! ])?;
//!
//! // One step that saw user 42.
//! let keys = Keys { tables: vec![vec![42]] };
//! store.push(&keys, &Gradients { dense: vec![vec![4.0]], rows: vec![vec![1.0, 2.0]] })?;
//!
//! // User 7 was never trained: it reads as its initial value and takes no memory.
//! let mut params = Params::default();
//! store.pull(&Keys { tables: vec![vec![42, 7]] }, &mut params)?;
//! assert_eq!(params.dense, [[-2.0]]);
//! assert_eq!(params.rows, [[0.5, 0.0, 1.0, 1.0]]);
//! assert_eq!(store.snapshot()?.tables[0].ids, [42]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod block;
pub mod checkpoint;
mod clip;
#[cfg(any(test, feature = "contract"))]
pub mod contract;
mod dense;
mod error;
pub mod file;
mod index;
mod memory;
mod optimizers;
mod places;
mod slab;
mod snapshot;
mod spec;
mod state;
mod store;
mod table;
pub mod tensors;

pub use error::{Error, Result};
pub use index::Index;
pub use memory::{MemoryStore, StoreConfig};
pub use snapshot::{DenseState, Snapshot, TableState};
pub use store::{Gradients, Keys, ParamStore, Params};
