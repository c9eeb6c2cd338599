//! In which order the rows of a cache are learnt from.
//!
//! ```text
//! Cache ──► Order: blocks in a random order ──► Group: a million rows in memory, ──► Batch, or a Share of it ──► Loader
//!           a function of (seed, epoch)         in a random order of (seed, epoch, group)      state = (epoch, position)
//!           (on a thread, a group ahead)        (on a thread, some batches ahead)
//! ```
//!
//! Why not a sliding window over the file, as a shuffle buffer has it? On data that is sorted by label a window of a tenth
//! of the rows still gives batches of nearly one class, while random blocks and a buffer of many of them come close to a full
//! shuffle (Xu et al., *In-Database Machine Learning with CorgiPile*, SIGMOD 2022). And as the order is computed, not drawn,
//! two numbers resume it exactly, and any number of readers go through the same one.

mod config;
mod group;
#[expect(clippy::module_inception, reason = "a file carries the name of its type")]
mod loader;
mod order;
mod packed;
mod permutation;
mod rows;
#[cfg(test)]
mod sorted;

pub use config::{LoaderConfig, LoaderState, Origin, Share};
pub use loader::Loader;

pub(crate) use packed::Packed;
pub(crate) use permutation::Permutation;
pub(crate) use rows::{Pick, Rows};
