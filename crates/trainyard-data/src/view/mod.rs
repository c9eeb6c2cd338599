//! SQL over raw rows before features see them: joins, windows, filters.
//!
//! ```text
//! Source ("rows") ──► SQL, by DataFusion ──► Parquet ──► Source
//! other tables    ──►   memory, spilled      columns of raw types
//! ```
//!
//! A [`View`] is checked (`query.rs`), run on one thread within a limit of memory, and its result written to a file that is
//! made once and read like any other source.

mod config;
mod query;
mod saved;
#[cfg(test)]
mod tests;
#[expect(clippy::module_inception, reason = "a file carries the name of its type")]
mod view;

pub use config::{TableConfig, ViewConfig};
pub use saved::SavedView;
pub use view::{Made, View};
