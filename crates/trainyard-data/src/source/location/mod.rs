//! Where files lie, and how their bytes are read from there.
//!
//! ```text
//! Location ──► local file ───────────────────────────────► [gzip, zstd] ──► bytes
//!         └──► Stores ──► Object ──► ranges, read ahead ──►
//! ```

mod compression;
#[expect(clippy::module_inception, reason = "a file carries the name of its type")]
mod location;
mod object;
mod reader;
#[cfg(test)]
pub(super) mod servers;
mod stores;
#[cfg(test)]
mod tests;

use compression::Compression;
pub use location::{Location, ObjectUrl};
pub(super) use object::{Object, Stat};
pub(super) use stores::{Pending, Stores};

use std::io::Read;

/// The bytes of a file.
pub(super) type Input = Box<dyn Read + Send>;
