//! What is ready before training.

use crate::caches::Caches;
use crate::{Error, Result};
use serde::Serialize;
use std::fs;
use trainyard_features::FittedFeatures;

/// Fitted features and encoded rows that wait in the directory of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Prepared {
    /// The fingerprint of the fitted features.
    pub features: String,
    /// Whether the training rows are in a random order.
    pub shuffled: bool,
    /// The part of the label's variance that lies between blocks of the training rows, in `[0, 1]`: beyond 0.1 they look
    /// sorted.
    pub label_clustering: f64,
    /// The splits in the order train, eval, test.
    pub splits: Vec<PreparedSplit>,
}

/// The encoded rows of one split.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PreparedSplit {
    /// `train`, `eval` or `test`.
    pub name: &'static str,
    /// Rows.
    pub rows: u64,
    /// Rows that could not be read and were left out.
    pub skipped: u64,
    /// Bytes on disk.
    pub bytes: u64,
}

impl Prepared {
    pub(crate) fn new(features: &FittedFeatures, caches: &Caches, shuffled: bool) -> Result<Self> {
        let split = |(name, cache): (&'static str, &std::sync::Arc<trainyard_data::Cache>)| {
            let file = fs::metadata(cache.path()).map_err(Error::io("look at", cache.path()))?;
            Ok(PreparedSplit { name, rows: cache.rows(), skipped: cache.skipped(), bytes: file.len() })
        };
        let splits = caches.splits().map(split).collect::<Result<_>>()?;
        let label_clustering = caches.train.label_clustering();
        Ok(Self { features: features.fingerprint(), shuffled, label_clustering, splits })
    }
}
