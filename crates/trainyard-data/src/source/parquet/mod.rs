//! Parquet, row group by row group.
//!
//! ```text
//! file ──► chunks ─────────────────────────► arrow's decoder ──► raw columns ──► RecordBatch
//!          bytes of columns; of an object,   a row group at a    converted
//!          some windows ahead                time
//! ```
//!
//! Why not DataFusion's scan? It does not tell which row group of which file is damaged, and reads a whole row group of an
//! object into memory.

mod chunks;
mod file;
mod scan;

pub(super) use file::{columns, group_bytes};
pub(super) use scan::scan;
