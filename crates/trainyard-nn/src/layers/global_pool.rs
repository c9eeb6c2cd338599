//! Pooling over all places.

use crate::{Error, Network, Result};
use trainyard_graph::{Dim, Graph, NodeId, Shape};

/// What stands for the masked places of a maximum: below every number that a network works with.
const LOWEST: f32 = -3e38;

/// The largest number of each channel over all places: of a sequence, an image, or the places that a mask marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GlobalMaxPool;

/// The mean of each channel over all places: of a sequence, an image, or the places that a mask marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GlobalAveragePool;

impl GlobalMaxPool {
    /// Adds the layer.
    ///
    /// # Shapes
    /// - x: `[batch, .., channels]`
    /// - returns: `[batch, channels]`
    ///
    /// # Errors
    ///
    /// When `x` has no last axis of fixed size.
    pub fn apply(&self, network: &mut Network, name: &str, x: NodeId) -> Result<NodeId> {
        network.scope(name, |network| {
            let places = places(&mut network.graph, name, x)?;
            Ok(network.graph.max_axes(places, &[0], false)?)
        })
    }

    /// Adds the layer for the places of a sequence at which `mask` is 1 and not 0; an example without any gets zeros.
    ///
    /// # Shapes
    /// - x: `[batch, length, channels]`
    /// - mask: `[batch, length]`
    /// - returns: `[batch, channels]`
    ///
    /// # Errors
    ///
    /// When the shapes do not fit.
    pub fn apply_masked(&self, network: &mut Network, name: &str, x: NodeId, mask: NodeId) -> Result<NodeId> {
        network.scope(name, |network| {
            let graph = &mut network.graph;
            let mask = column(graph, name, x, mask)?;
            let sunk = graph.affine(mask, -LOWEST, LOWEST)?;
            let marked = graph.add(x, sunk)?;
            let largest = graph.max_axes(marked, &[0], false)?;
            let any = graph.max_axes(mask, &[0], false)?;
            Ok(graph.mul(largest, any)?)
        })
    }
}

impl GlobalAveragePool {
    /// Adds the layer.
    ///
    /// # Shapes
    /// - x: `[batch, .., channels]`
    /// - returns: `[batch, channels]`
    ///
    /// # Errors
    ///
    /// When `x` has no last axis of fixed size.
    pub fn apply(&self, network: &mut Network, name: &str, x: NodeId) -> Result<NodeId> {
        network.scope(name, |network| {
            let places = places(&mut network.graph, name, x)?;
            Ok(network.graph.mean_axes(places, &[0], false)?)
        })
    }

    /// Adds the layer for the places of a sequence at which `mask` is 1 and not 0; an example without any gets zeros.
    ///
    /// # Shapes
    /// - x: `[batch, length, channels]`
    /// - mask: `[batch, length]`
    /// - returns: `[batch, channels]`
    ///
    /// # Errors
    ///
    /// When the shapes do not fit.
    pub fn apply_masked(&self, network: &mut Network, name: &str, x: NodeId, mask: NodeId) -> Result<NodeId> {
        network.scope(name, |network| {
            let graph = &mut network.graph;
            let mask = column(graph, name, x, mask)?;
            let marked = graph.mul(x, mask)?;
            let sum = graph.sum_axes(marked, &[0], false)?;
            let count = graph.sum_axes(mask, &[0], false)?;
            let one = graph.constant(1.0)?;
            let count = graph.max(count, one)?;
            Ok(graph.div(sum, count)?)
        })
    }
}

/// `x` with one axis of places: `[batch, places, channels]`.
fn places(graph: &mut Graph, name: &str, x: NodeId) -> Result<NodeId> {
    let shape = graph.shape(x).clone();
    let Some(channels) = shape.last().filter(|_| shape.has_batch()) else {
        return Err(refused(name, shape.to_string(), "a batch with channels last, such as [batch, 8, 8, 3]"));
    };
    let places = shape.row_len() / channels;
    Ok(graph.reshape(x, &[Dim::Batch, Dim::Fixed(places), Dim::Fixed(channels)])?)
}

/// The mask as `[batch, length, 1]`.
fn column(graph: &mut Graph, name: &str, x: NodeId, mask: NodeId) -> Result<NodeId> {
    let (x, mask_shape) = (graph.shape(x).clone(), graph.shape(mask).clone());
    let [Dim::Batch, length @ Dim::Fixed(_), Dim::Fixed(_)] = *x.dims() else {
        return Err(refused(name, x.to_string(), "a sequence, [batch, length, channels]"));
    };
    if mask_shape != Shape::new([Dim::Batch, length]) {
        return Err(refused(name, format!("{x} with a mask of {mask_shape}"), "a mask of [batch, length]"));
    }
    Ok(graph.reshape(mask, &[Dim::Batch, length, Dim::Fixed(1)])?)
}

fn refused(name: &str, shapes: String, expected: &'static str) -> Error {
    Error::Shape { part: format!("the layer `{name}`"), shapes, expected }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::testing::Built;
    use trainyard_graph::check::{self, Case};

    const X: [f32; 12] = [1.0, -8.0, 3.0, -2.0, 2.0, -1.0, 7.0, 5.0, 0.0, 4.0, 6.0, 9.0];
    const SEQUENCE: &[Dim] = &[Dim::Batch, Dim::Fixed(3), Dim::Fixed(2)];
    type Layer = fn(&mut Network, NodeId, NodeId) -> Result<NodeId>;

    /// Values and gradients where the first example has its first place and the second has none, or as `mask` says.
    fn masked(layer: Layer, mask: &[f32]) -> Case {
        Case::with_fixed(&[(SEQUENCE, &X)], &[(&SEQUENCE[..2], mask)], |graph, x, mask| {
            let mut network = Network::new();
            network.graph = std::mem::take(graph);
            let pooled = layer(&mut network, x[0], mask[0]).unwrap();
            *graph = network.graph;
            Ok(pooled)
        })
    }

    const MAX: Layer = |network, x, mask| GlobalMaxPool.apply_masked(network, "pool", x, mask);
    const MEAN: Layer = |network, x, mask| GlobalAveragePool.apply_masked(network, "pool", x, mask);

    #[test]
    fn all_places_of_an_image_count() {
        Built::axes(&X, &[1, 3, 2], |network, x| GlobalMaxPool.apply(network, "pool", x)).check(&[3.0, -1.0, 7.0, 9.0]);
        let mean = Built::axes(&X, &[3, 1, 2], |network, x| GlobalAveragePool.apply(network, "pool", x));
        mean.check(&[2.0, -11.0 / 3.0, 13.0 / 3.0, 6.0]);
        mean.check_gradients();
    }

    #[test]
    fn masked_places_do_not_count() {
        check::close(&masked(MAX, &[1.0, 0.0, 1.0, 1.0, 1.0, 0.0]).values(), &[2.0, -1.0, 7.0, 5.0], 0.0);
        check::close(&masked(MEAN, &[1.0, 0.0, 1.0, 1.0, 1.0, 0.0]).values(), &[1.5, -4.5, 3.5, 4.5], 1e-6);
    }

    #[test]
    fn an_example_without_places_gets_zeros() {
        for layer in [MAX, MEAN] {
            let case = masked(layer, &[1.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
            check::close(&case.values(), &[1.0, -8.0, 0.0, 0.0], 0.0);
            check::close(&case.gradients()[0], &[1., 1., 0., 0., 0., 0., 0., 0., 0., 0., 0., 0.], 0.0);
        }
    }

    #[test]
    fn gradients_match_finite_differences() {
        for layer in [MAX, MEAN] {
            masked(layer, &[1.0, 0.0, 1.0, 1.0, 1.0, 1.0]).check_gradients();
        }
    }

    #[test]
    fn a_mask_of_another_length_is_refused() {
        let mut network = Network::new();
        let x = network.graph.input("x", SEQUENCE).unwrap();
        let mask = network.graph.input("mask", &[Dim::Batch, Dim::Fixed(2)]).unwrap();
        let error = MAX(&mut network, x, mask).unwrap_err().to_string();
        assert!(error.contains("[batch, 3, 2] with a mask of [batch, 2]"), "{error}");
    }
}
