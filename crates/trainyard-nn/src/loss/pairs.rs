//! Losses that compare one prediction with one label.

use crate::{Error, Result};
use trainyard_graph::{Dim, Graph, NodeId};

/// The loss of each example, from `loss` of values of equal shape. Several values of one example are averaged.
///
/// # Shapes
/// - predictions, labels: `[batch]` or `[batch, 1]` in any pairing, or both `[batch, n]`
/// - returns: `[batch]`
pub(super) fn compare(
    graph: &mut Graph,
    name: &'static str,
    [predictions, labels]: [NodeId; 2],
    loss: impl FnOnce(&mut Graph, NodeId, NodeId) -> Result<NodeId>,
) -> Result<NodeId> {
    let dims = |node| graph.shape(node).dims();
    match (dims(predictions), dims(labels)) {
        ([Dim::Batch] | [Dim::Batch, Dim::Fixed(1)], [Dim::Batch] | [Dim::Batch, Dim::Fixed(1)]) => {
            let (predictions, labels) = (flat(graph, predictions)?, flat(graph, labels)?);
            loss(graph, predictions, labels)
        }
        ([Dim::Batch, Dim::Fixed(n)], [Dim::Batch, Dim::Fixed(m)]) if n == m => {
            let each = loss(graph, predictions, labels)?;
            Ok(graph.mean_last(each)?)
        }
        _ => Err(misfit(graph, name, [predictions, labels], "both as [batch], or both as [batch, n]")),
    }
}

/// The error of shapes that do not fit a loss.
pub(super) fn misfit(
    graph: &Graph,
    name: &'static str,
    [predictions, labels]: [NodeId; 2],
    expected: &'static str,
) -> Error {
    Error::Shape {
        part: format!("the loss `{name}`"),
        shapes: format!("predictions {} and labels {}", graph.shape(predictions), graph.shape(labels)),
        expected,
    }
}

/// Labels of `n` classes that leave a share of `smoothing` to all classes alike: `(1 - smoothing) · y + smoothing / n`.
pub(super) fn smoothed(graph: &mut Graph, labels: NodeId, smoothing: f32, n: usize) -> Result<NodeId> {
    if smoothing == 0.0 {
        return Ok(labels);
    }
    Ok(graph.affine(labels, 1.0 - smoothing, smoothing / n as f32)?)
}

/// `s·z`, how far a logit is on the right side: `s` is 1 for the label 1 and -1 for the label 0.
pub(super) fn margin(graph: &mut Graph, logits: NodeId, labels: NodeId) -> Result<NodeId> {
    let side = graph.affine(labels, 2.0, -1.0)?;
    Ok(graph.mul(side, logits)?)
}

/// `[batch, 1]` as `[batch]`.
pub(super) fn flat(graph: &mut Graph, node: NodeId) -> Result<NodeId> {
    if graph.shape(node).rank() == 1 { Ok(node) } else { Ok(graph.reshape(node, &[Dim::Batch])?) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loss::squared_error;

    #[track_caller]
    fn check(predictions: &[Dim], labels: &[Dim]) -> Result<String> {
        let mut graph = Graph::new();
        let predictions = graph.input("predictions", predictions)?;
        let labels = graph.input("labels", labels)?;
        let loss = squared_error(&mut graph, predictions, labels)?;
        Ok(graph.shape(loss).to_string())
    }

    #[test]
    fn a_column_is_a_vector() {
        let (vector, column) = ([Dim::Batch], [Dim::Batch, Dim::Fixed(1)]);
        for (predictions, labels) in [(&vector[..], &column[..]), (&column, &vector), (&column, &column)] {
            assert_eq!(check(predictions, labels).unwrap(), "[batch]");
        }
    }

    #[test]
    fn several_values_of_an_example_give_one_loss() {
        let wide = [Dim::Batch, Dim::Fixed(3)];
        assert_eq!(check(&wide, &wide).unwrap(), "[batch]");
    }

    #[test]
    fn other_shapes_are_refused_by_name() {
        let error = check(&[Dim::Batch, Dim::Fixed(3)], &[Dim::Batch]).unwrap_err().to_string();
        let expected = "the loss `squared_error` cannot take predictions [batch, 3] and labels [batch]; \
                        give it both as [batch], or both as [batch, n]";
        assert_eq!(error, expected);
    }
}
