//! Linear model: the wide part of a network.

use super::inputs_of;
use crate::{Error, Initializer, Network, Result};
use trainyard_graph::{Combiner, NodeId};

/// `x·w + Σ_f Σ_{i in f} t_f[i] + b`: a weight for each number and for each id of each categorical feature.
///
/// It is the [`Dense`](super::Dense) layer on one-hot ids, at the cost of the ids that are there. Everything starts at
/// 0: the problem is convex, so no start is better.
///
/// Parameters: `weights` `[inputs, units]`, for numbers; a table `<feature>/weights` of `units` values a row, for each
/// categorical feature; `bias` `[units]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Linear {
    /// Size of the output: 1, or the number of classes. Positive.
    pub units: usize,
    /// How the weights of several ids of a feature become one. Their sum unless said otherwise.
    pub combiner: Combiner,
}

impl Linear {
    /// A linear model of `units` outputs.
    pub fn new(units: usize) -> Self {
        Self { units, combiner: Combiner::Sum }
    }

    /// Adds the layer.
    ///
    /// # Shapes
    /// - numeric: `[batch, inputs]`, or none
    /// - categorical: nodes of ids with the names of their features
    /// - returns: `[batch, units]`
    ///
    /// # Errors
    ///
    /// When there are neither numbers nor ids, or a name is taken.
    pub fn apply(
        &self,
        network: &mut Network,
        name: &str,
        numeric: Option<NodeId>,
        categorical: &[(&str, NodeId)],
    ) -> Result<NodeId> {
        network.scope(name, |network| {
            let mut terms =
                numeric.map(|x| self.of_numbers(network, name, x)).into_iter().collect::<Result<Vec<_>>>()?;
            for &(feature, ids) in categorical {
                terms.push(self.of_ids(network, feature, ids)?);
            }
            let mut sum = network.param("bias", &[self.units], Initializer::Zeros)?;
            if terms.is_empty() {
                return Err(no_features(name));
            }
            for term in terms {
                sum = network.graph.add(term, sum)?;
            }
            Ok(sum)
        })
    }

    fn of_numbers(&self, network: &mut Network, name: &str, x: NodeId) -> Result<NodeId> {
        let inputs = inputs_of(network, name, x)?;
        let weights = network.param("weights", &[inputs, self.units], Initializer::Zeros)?;
        Ok(network.graph.matmul(x, weights)?)
    }

    fn of_ids(&self, network: &mut Network, feature: &str, ids: NodeId) -> Result<NodeId> {
        network.scope(feature, |network| {
            let table = network.table("weights", self.units, Initializer::Zeros)?;
            Ok(network.graph.embedding_bag(table, ids, self.combiner)?)
        })
    }
}

fn no_features(name: &str) -> Error {
    Error::Shape {
        part: format!("the layer `{name}`"),
        shapes: "no inputs at all".to_owned(),
        expected: "numbers, a categorical feature, or both",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::testing::Built;

    fn build(units: usize) -> Built {
        let layer = Linear::new(units);
        Built::both(&[1.0, 2.0, -1.0, 0.0], 2, &[&[0, 1], &[1]], |network, x, ids| {
            layer.apply(network, "wide", Some(x), &[("city", ids)])
        })
    }

    #[test]
    fn each_number_and_id_adds_its_weight() {
        let built = build(1).set("wide/weights", &[0.5, 0.25]).set("wide/city/weights", &[10.0, 20.0]);
        built.set("wide/bias", &[100.0]).check(&[131.0, 119.5]);
    }

    #[test]
    fn it_starts_at_zero() {
        build(3).check(&[0.0; 6]);
    }

    #[test]
    fn gradients_match_finite_differences() {
        build(2).check_gradients();
    }

    #[test]
    fn ids_alone_are_enough() {
        let built =
            Built::ids(&[&[0], &[1]], |network, ids| Linear::new(1).apply(network, "wide", None, &[("city", ids)]));
        built.set("wide/city/weights", &[1.0, 2.0]).set("wide/bias", &[0.5]).check(&[1.5, 2.5]);
    }

    #[test]
    fn without_features_it_is_refused() {
        let error = Linear::new(1).apply(&mut Network::new(), "wide", None, &[]).unwrap_err().to_string();
        let expected = "the layer `wide` cannot take no inputs at all; give it numbers, a categorical feature, or both";
        assert_eq!(error, expected);
    }
}
