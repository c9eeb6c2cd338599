//! Factorization machine.

use crate::{Error, Network, Result};
use trainyard_graph::NodeId;

/// The products of all pairs of embeddings, added up: `Σ_{i<j} vᵢ·vⱼ = ½ Σ_k ((Σᵢ v_ik)² - Σᵢ v_ik²)`, at the cost of
/// one pass over them.
///
/// It has no parameters: those are in the embeddings, which a deep network may share (DeepFM).
///
/// Source: Rendle, *Factorization Machines* (2010), lemma 3.1.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct FactorizationMachine;

impl FactorizationMachine {
    /// Adds the layer.
    ///
    /// # Shapes
    /// - embeddings: each `[batch, dim]`
    /// - returns: `[batch]`
    ///
    /// # Errors
    ///
    /// When there are no embeddings, or their shapes differ.
    pub fn apply(&self, network: &mut Network, name: &str, embeddings: &[NodeId]) -> Result<NodeId> {
        let Some((&first, rest)) = embeddings.split_first() else { return Err(no_embeddings(name)) };
        network.scope(name, |network| {
            let graph = &mut network.graph;
            let (mut sum, mut squares) = (first, graph.square(first)?);
            for &embedding in rest {
                let square = graph.square(embedding)?;
                (sum, squares) = (graph.add(sum, embedding)?, graph.add(squares, square)?);
            }
            let square_of_sum = graph.square(sum)?;
            let twice = graph.sub(square_of_sum, squares)?;
            let total = graph.sum_last(twice)?;
            Ok(graph.affine(total, 0.5, 0.0)?)
        })
    }
}

fn no_embeddings(name: &str) -> Error {
    Error::Shape {
        part: format!("the layer `{name}`"),
        shapes: "no embeddings".to_owned(),
        expected: "the embeddings of at least one feature",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::testing::Built;

    fn build() -> Built {
        // Three embeddings of two numbers, side by side.
        Built::dense(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 6, |network, x| {
            let parts = [0, 2, 4].map(|start| network.graph.slice(x, start, 2).unwrap());
            FactorizationMachine.apply(network, "pairs", &parts)
        })
    }

    #[test]
    fn all_pairs_are_multiplied() {
        // (1, 2)·(3, 4) + (1, 2)·(5, 6) + (3, 4)·(5, 6)
        build().check(&[11.0 + 17.0 + 39.0]);
    }

    #[test]
    fn gradients_match_finite_differences() {
        build().check_gradients();
    }

    #[test]
    fn no_embeddings_are_refused() {
        assert!(FactorizationMachine.apply(&mut Network::new(), "pairs", &[]).is_err());
    }
}
