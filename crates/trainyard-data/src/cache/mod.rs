//! Encoded rows on disk, so that epochs read no text.
//!
//! ```text
//! Source ──► transform, on many threads ──► Layout::encode ──► writer ──► FILE (Arrow IPC, blocks of at most 8192 rows)
//!                                                                          │
//!                          Loader ◄── Block (rows by index) ◄── Cache ◄────┘
//! ```
//!
//! The file is an ordinary Arrow IPC file: `numeric` is a list of fixed size, `ids.NAME` a number (null: no id) or a list of
//! numbers, `weights.NAME` a list that belongs to such a list, `label` and `weight` are numbers. Its footer carries an
//! [`Index`](index::Index) with a checksum of every block, so that damage is told from data, and what all labels add up to.
//! Row `i` of the source (of those that were not skipped) is row `i` of the file.

mod block;
mod build;
#[expect(clippy::module_inception, reason = "a file carries the name of its type")]
mod cache;
mod index;
mod labels;
mod layout;
mod writer;

pub use cache::{Cache, Split};
pub use labels::LabelTotals;

pub(crate) use block::Block;
#[cfg(feature = "cluster")]
pub(crate) use layout::Layout;
pub(crate) use writer::{Scratch, Writer};
