//! Embedding of a categorical feature.

use crate::{Initializer, Network, Result};
use trainyard_graph::{Combiner, NodeId};

/// A learned row of `dim` values for each id; the rows of an example's ids are combined into one.
///
/// Parameters: the table `table`, of `dim` values a row. It grows with the ids that are trained.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedding {
    /// Values per id. Positive.
    pub dim: usize,
    /// How the rows of several ids become one. Their mean unless said otherwise; an example without ids gets zeros.
    pub combiner: Combiner,
    /// How a row starts. Truncated normal with deviation `1 / sqrt(dim)` unless said otherwise: rows of length about 1.
    pub initializer: Initializer,
    /// Bound on the Euclidean length of a row: longer ones are scaled to it as they are read. None unless said otherwise.
    /// Positive.
    pub max_norm: Option<f32>,
}

impl Embedding {
    /// An embedding of `dim` values.
    pub fn new(dim: usize) -> Self {
        let std = 1.0 / (dim.max(1) as f32).sqrt();
        Self { dim, combiner: Combiner::Mean, initializer: Initializer::TruncatedNormal { std }, max_norm: None }
    }

    /// Adds the layer with a table of its own.
    ///
    /// # Shapes
    /// - ids: a node of ids
    /// - returns: `[batch, dim]`
    ///
    /// # Errors
    ///
    /// When `ids` are not ids, `dim` is 0, `max_norm` is not positive, or the name is taken.
    pub fn apply(&self, network: &mut Network, name: &str, ids: NodeId) -> Result<NodeId> {
        let table = self.table(network, name)?;
        self.look_up(network, name, table, ids)
    }

    /// Adds the table alone, for several features of one vocabulary to look up in.
    ///
    /// # Errors
    ///
    /// When `dim` is 0 or the name is taken.
    pub fn table(&self, network: &mut Network, name: &str) -> Result<NodeId> {
        network.scope(name, |network| network.table("table", self.dim, self.initializer))
    }

    /// Adds a look-up in a table that is there already.
    ///
    /// # Shapes
    /// - table: `[rows, dim]`
    /// - ids: a node of ids
    /// - returns: `[batch, dim]`
    ///
    /// # Errors
    ///
    /// When `table` is not a table, `ids` are not ids, or `max_norm` is not positive.
    pub fn look_up(&self, network: &mut Network, name: &str, table: NodeId, ids: NodeId) -> Result<NodeId> {
        network
            .scope(name, |network| Ok(network.graph.embedding_bag_within(table, ids, self.combiner, self.max_norm)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ParamShape, layers::testing::Built};

    fn build(combiner: Combiner) -> Built {
        let layer = Embedding { combiner, ..Embedding::new(2) };
        Built::ids(&[&[0, 2], &[], &[1]], |network, ids| layer.apply(network, "city", ids))
    }

    #[test]
    fn rows_of_several_ids_are_averaged() {
        build(Combiner::Mean).set("city/table", &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).check(&[3.0, 4.0, 0.0, 0.0, 3.0, 4.0]);
    }

    #[test]
    fn or_added_up() {
        build(Combiner::Sum).set("city/table", &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).check(&[6.0, 8.0, 0.0, 0.0, 3.0, 4.0]);
    }

    #[test]
    fn gradients_match_finite_differences() {
        build(Combiner::Sqrtn).check_gradients();
    }

    #[test]
    fn long_rows_may_be_bounded() {
        let layer = Embedding { max_norm: Some(2.5), ..Embedding::new(2) };
        let built = Built::ids(&[&[1]], |network, ids| layer.apply(network, "city", ids));
        built.set("city/table", &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).check(&[1.5, 2.0]);
    }

    #[test]
    fn the_parameter_is_a_table() {
        let mut network = Network::new();
        let ids = network.graph.ids("city").unwrap();
        Embedding::new(16).apply(&mut network, "city", ids).unwrap();
        assert_eq!(network.params[0].shape, ParamShape::Table { dim: 16 });
        assert_eq!(network.params[0].initializer, Initializer::TruncatedNormal { std: 0.25 });
    }
}
