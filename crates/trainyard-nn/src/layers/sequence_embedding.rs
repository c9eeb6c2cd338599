//! Embedding of sequences of ids.

use super::Embedding;
use crate::{Network, Result};
use trainyard_graph::NodeId;

/// A learned row of `dim` values for each id of a sequence, in the order of the ids.
///
/// Parameters: the table `table`, of `dim` values a row. It grows with the ids that are trained.
#[derive(Debug, Clone, PartialEq)]
pub struct SequenceEmbedding {
    /// Places of a sequence: ids beyond are left out, and zeros stand behind shorter sequences. Positive.
    pub length: usize,
    /// The rows. Its combiner does not count.
    pub embedding: Embedding,
}

impl SequenceEmbedding {
    /// Sequences of `length` places with `dim` values each.
    pub fn new(length: usize, dim: usize) -> Self {
        Self { length, embedding: Embedding::new(dim) }
    }

    /// Adds the layer with a table of its own.
    ///
    /// # Shapes
    /// - ids: a node of ids
    /// - returns: `[batch, length, dim]`
    ///
    /// # Errors
    ///
    /// When `ids` are not ids, `length` or `dim` is 0, `max_norm` is not positive, or the name is taken.
    pub fn apply(&self, network: &mut Network, name: &str, ids: NodeId) -> Result<NodeId> {
        let table = self.embedding.table(network, name)?;
        self.look_up(network, name, table, ids)
    }

    /// Adds a look-up in a table that is there already, such as that of another [`Embedding`].
    ///
    /// # Shapes
    /// - table: `[rows, dim]`
    /// - ids: a node of ids
    /// - returns: `[batch, length, dim]`
    ///
    /// # Errors
    ///
    /// When `table` is not a table, `ids` are not ids, `length` is 0, or `max_norm` is not positive.
    pub fn look_up(&self, network: &mut Network, name: &str, table: NodeId, ids: NodeId) -> Result<NodeId> {
        let max_norm = self.embedding.max_norm;
        network.scope(name, |network| Ok(network.graph.embedding_sequence(table, ids, self.length, max_norm)?))
    }

    /// Which places hold an id: 1 for these, 0 for those behind.
    ///
    /// # Shapes
    /// - ids: a node of ids
    /// - returns: `[batch, length]`
    ///
    /// # Errors
    ///
    /// When `ids` are not ids or `length` is 0.
    pub fn mask(&self, network: &mut Network, name: &str, ids: NodeId) -> Result<NodeId> {
        network.scope(name, |network| Ok(network.graph.sequence_mask(ids, self.length)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::{GlobalAveragePool, testing::Built};

    const TABLE: [f32; 6] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
    const IDS: [&[u64]; 3] = [&[0, 2, 1], &[], &[1]];

    fn build() -> Built {
        Built::ids(&IDS, |network, ids| SequenceEmbedding::new(2, 2).apply(network, "words", ids))
    }

    #[test]
    fn rows_stand_in_the_order_of_ids() {
        let expected = [1.0, 2.0, 5.0, 6.0, 0.0, 0.0, 0.0, 0.0, 3.0, 4.0, 0.0, 0.0];
        build().set("words/table", &TABLE).check(&expected);
    }

    #[test]
    fn gradients_match_finite_differences() {
        build().check_gradients();
    }

    #[test]
    fn the_masked_mean_of_a_sequence_is_a_bag() {
        let built = Built::ids(&IDS, |network, ids| {
            let layer = SequenceEmbedding::new(3, 2);
            let (words, mask) = (layer.apply(network, "words", ids)?, layer.mask(network, "mask", ids)?);
            GlobalAveragePool.apply_masked(network, "mean", words, mask)
        });
        built.set("words/table", &TABLE).check(&[3.0, 4.0, 0.0, 0.0, 3.0, 4.0]);
    }

    #[test]
    fn a_bound_reaches_the_rows() {
        let mut layer = SequenceEmbedding::new(1, 2);
        layer.embedding.max_norm = Some(2.5);
        let built = Built::ids(&[&[1]], |network, ids| layer.apply(network, "words", ids));
        built.set("words/table", &TABLE).check(&[1.5, 2.0]);
    }
}
