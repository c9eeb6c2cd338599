//! What the tests of all losses share.

use super::Loss;
use trainyard_graph::{
    Dim, Graph, NodeId, Result,
    check::{self, Case, Given},
};

/// Checks the losses of a batch.
#[track_caller]
pub(super) fn check(loss: Loss, logits: &[f32], labels: &[f32], expected: &[f32], tolerance: f32) {
    check_of(loss, (&[Dim::Batch], logits), (&[Dim::Batch], labels), expected, tolerance);
}

/// Checks the losses of a batch of `n` values each.
#[track_caller]
pub(super) fn check_wide(loss: Loss, n: usize, logits: &[f32], labels: &[f32], expected: &[f32]) {
    let dims = [Dim::Batch, Dim::Fixed(n)];
    check_of(loss, (&dims, logits), (&dims, labels), expected, 1e-6);
}

/// Checks the losses and their gradients for logits and labels of any shapes.
#[track_caller]
pub(super) fn check_of(loss: Loss, logits: Given<'_>, labels: Given<'_>, expected: &[f32], tolerance: f32) {
    check::close(&case(loss, logits, labels).values(), expected, tolerance);
}

/// Checks gradients by finite differences, away from the corners of the loss.
#[track_caller]
pub(super) fn check_gradients(loss: Loss, logits: &[f32], labels: &[f32]) {
    case(loss, (&[Dim::Batch], logits), (&[Dim::Batch], labels)).check_gradients();
}

/// Checks what logits predict.
#[track_caller]
pub(super) fn check_predictions(loss: Loss, logits: &[f32], expected: &[f32]) {
    let case = Case::unary(logits, |graph, logits| in_graph(loss.predictions(graph, logits)));
    check::close(&case.values(), expected, 1e-6);
}

/// Checks that settings are refused.
#[track_caller]
pub(super) fn check_refused(loss: Loss, message: &str) {
    let mut graph = Graph::new();
    let logits = graph.input("logits", &[Dim::Batch]).unwrap();
    let error = loss.per_example(&mut graph, logits, logits).unwrap_err();
    assert_eq!(error.to_string(), message);
}

pub(super) fn case(loss: Loss, logits: Given<'_>, labels: Given<'_>) -> Case {
    Case::with_fixed(&[logits], &[labels], |graph, logits, labels| {
        in_graph(loss.per_example(graph, logits[0], labels[0]))
    })
}

fn in_graph(node: crate::Result<NodeId>) -> Result<NodeId> {
    node.map_err(|error| trainyard_graph::Error::Internal(error.to_string()))
}
