//! Ids of variable length per row.

/// Rows of ids, each row any number of them: what a categorical feature holds for a batch.
///
/// Row `i` is `ids[offsets[i]..offsets[i + 1]]`; `offsets` has one entry more than there are rows and starts with 0.
///
/// ```
/// use trainyard_graph::Ragged;
///
/// let mut tags = Ragged::new();
/// tags.push_row(&[4, 7]);
/// tags.push_row(&[]);
/// assert_eq!((tags.rows(), tags.row(0), tags.row(1)), (2, &[4, 7][..], &[][..]));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Ragged {
    /// Where each row starts, and where the last one ends.
    pub offsets: Vec<u32>,
    /// The ids of all rows, one row after the other.
    pub ids: Vec<u64>,
    /// One weight per id, or `None` when all are 1.
    pub weights: Option<Vec<f32>>,
}

impl Ragged {
    /// No rows.
    pub fn new() -> Self {
        Self { offsets: vec![0], ids: Vec::new(), weights: None }
    }

    /// One id in each row.
    pub fn from_single(ids: Vec<u64>) -> Self {
        Self { offsets: (0..=ids.len() as u32).collect(), ids, weights: None }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// The ids of row `i`; none when there is no such row.
    pub fn row(&self, i: usize) -> &[u64] {
        let ids = self.offsets.get(i..).and_then(|offsets| match offsets {
            [start, end, ..] => self.ids.get(*start as usize..*end as usize),
            _ => None,
        });
        ids.unwrap_or_default()
    }

    /// Adds a row.
    pub fn push_row(&mut self, ids: &[u64]) {
        self.ids.extend_from_slice(ids);
        self.offsets.push(self.ids.len() as u32);
    }

    /// Forgets all rows and keeps the memory.
    pub fn clear(&mut self) {
        self.offsets.truncate(1);
        self.ids.clear();
        if let Some(weights) = &mut self.weights {
            weights.clear();
        }
    }
}

impl Default for Ragged {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_is_not_there_has_no_ids() {
        let ids = Ragged { offsets: vec![0, 2, 9, 1], ids: vec![4, 7, 5], weights: None };
        assert_eq!([0, 1, 2, 3, usize::MAX].map(|i| ids.row(i)), [&[4, 7][..], &[], &[], &[], &[]]);
        assert!(Ragged { offsets: vec![], ..ids }.row(0).is_empty());
    }
}
