//! Rows ready for a model, and what they hold.

use trainyard_graph::Ragged;

/// Rows ready for a model. What stands where is said by an [`Encoding`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batch {
    /// Number of rows.
    pub rows: usize,
    /// Numeric features, `[rows, numeric_width]` row by row; always finite, missing is 0.
    pub numeric: Vec<f32>,
    /// Ids of each categorical feature, all below its number of buckets.
    pub ids: Vec<Ragged>,
    /// `[rows]` labels: numbers, 0 and 1, or class numbers; empty when unlabelled.
    pub labels: Vec<f32>,
    /// `[rows]` weights, at least 0; empty when all are 1.
    pub weights: Vec<f32>,
}

/// What a [`Batch`] holds, in the order in which the features were written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Encoding {
    /// The numeric features.
    pub numeric: Vec<NumericFeature>,
    /// The categorical features.
    pub categorical: Vec<CategoricalFeature>,
}

impl Encoding {
    /// Numbers per row in [`Batch::numeric`].
    pub fn numeric_width(&self) -> usize {
        self.numeric.last().map_or(0, |last| last.offset + last.width)
    }
}

/// A feature of numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumericFeature {
    /// Name of the feature.
    pub name: String,
    /// Numbers per row.
    pub width: usize,
    /// Where they start in a row of [`Batch::numeric`].
    pub offset: usize,
}

/// A feature of ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CategoricalFeature {
    /// Name of the feature.
    pub name: String,
    /// Ids are below this number.
    pub buckets: u64,
    /// Name of the table of embeddings that it shares with the features that say the same, all of which have as many buckets;
    /// `None` when it has one of its own.
    pub table: Option<String>,
}

impl CategoricalFeature {
    /// A feature with a table of its own.
    pub fn new(name: impl Into<String>, buckets: u64) -> Self {
        Self { name: name.into(), buckets, table: None }
    }
}
