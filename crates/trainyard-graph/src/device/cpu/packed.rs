//! Weights in the order in which products read them.

use super::plan::Value;
use crate::device::gemm;
use crate::op::Weights;
use std::ops::Range;

/// Fewest rows of products for which weights are packed: copying them takes as long as a product with some rows.
const ROWS_MIN: usize = 128;

/// Weights that are copied once a run into the order in which products read them.
#[derive(Debug)]
pub(super) struct Packed {
    pub(super) from: Value,
    pub(super) weights: Weights,
    /// About how many rows of products read them, for each row of the batch: a recurrent layer has one or a few for each time step, a
    /// convolution one for each of its windows.
    pub(super) rows: usize,
    /// Where among the shared values its panels begin.
    pub(super) start: usize,
}

impl Packed {
    /// Whether they are packed for a batch of so many rows.
    pub(super) fn serves(&self, batch_rows: usize) -> bool {
        batch_rows.saturating_mul(self.rows) >= ROWS_MIN
    }

    pub(super) fn columns(&self) -> usize {
        self.weights.columns(self.from.row_len())
    }

    pub(super) fn panels(&self) -> usize {
        gemm::panels(self.columns())
    }

    /// Where panel `i` is.
    pub(super) fn panel(&self, i: usize) -> Range<usize> {
        let len = gemm::panel_len(self.from.row_len() / self.columns());
        let start = self.start.saturating_add(i.saturating_mul(len));
        start..start.saturating_add(len)
    }

    /// Where all panels are.
    pub(super) fn range(&self) -> Range<usize> {
        self.start..self.panel(self.panels()).start
    }
}
