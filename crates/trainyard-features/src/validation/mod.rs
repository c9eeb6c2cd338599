//! Is data what was expected?
//!
//! A [`DataSchema`] says what columns must be like; [`infer`] writes one from data, to be edited. [`validate`] compares a
//! [`Profile`](crate::profile::Profile) with it, and with profiles of earlier and of served data, and gives [`Anomaly`]s.
//!
//! ```text
//! data ──profile──> infer ──> schema.toml ──edited by hand──┐
//! new data ──profile──────────────────────────────────> validate ──> anomalies
//! earlier, served data ──profile────────────────────────────┘
//! ```

mod anomaly;
mod check;
mod compare;
mod infer;
mod schema;
#[cfg(test)]
mod tests;

pub use anomaly::{Anomaly, AnomalyKind, Severity};
pub use check::validate;
pub use compare::{compare_with_earlier, compare_with_served};
pub use infer::infer;
pub use schema::{ColumnRule, DataSchema, Role, RowsRule, Thresholds};
