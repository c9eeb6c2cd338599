//! Which values are parts of a sum over the batch, and that only linear operations read them.

use crate::op::Op;
use crate::{Error, Graph, NodeId, Result};

/// How a value relates to the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A row for each row of the batch.
    PerRow,
    /// A sum over the batch: each micro-batch has a part of it.
    Summed,
    /// The same for every row.
    Invariant,
}

/// The kind of each node that is `needed`.
///
/// A micro-batch holds only a part of a sum over the batch, so a sum may pass through linear operations alone: the logarithm
/// of a part is not a part of the logarithm.
pub(super) fn kinds(graph: &Graph, needed: &[bool]) -> Result<Vec<Kind>> {
    let mut kinds = vec![Kind::Invariant; needed.len()];
    for (id, node) in graph.nodes().filter(|(id, _)| needed[id.index()]) {
        let of_inputs: Vec<Kind> = node.inputs.iter().map(|input| kinds[input.index()]).collect();
        let batched = node.shape.has_batch() || node.shape.table().is_some();
        let has = |kind| of_inputs.contains(&kind);
        if has(Kind::Summed) && (batched || has(Kind::PerRow) || !is_linear(&node.op, &of_inputs)) {
            return Err(nonlinear(graph, id));
        }
        kinds[id.index()] = match () {
            () if batched => Kind::PerRow,
            () if has(Kind::PerRow) || has(Kind::Summed) => Kind::Summed,
            () => Kind::Invariant,
        };
    }
    Ok(kinds)
}

/// Whether the operation on parts gives parts of the operation on sums.
fn is_linear(op: &Op, inputs: &[Kind]) -> bool {
    let summed: Vec<usize> = (0..inputs.len()).filter(|&i| inputs[i] == Kind::Summed).collect();
    let adds = match op {
        Op::Binary(binary) => matches!(binary.kind, crate::op::BinaryKind::Add | crate::op::BinaryKind::Sub),
        Op::Concat(_) => true,
        _ => false,
    };
    let enough = if adds { summed.len() == inputs.len() } else { summed.len() == 1 };
    enough && summed.iter().all(|&i| op.operation().is_linear_in(i))
}

fn nonlinear(graph: &Graph, id: NodeId) -> Error {
    let name = graph.node(id).op.operation().name();
    Error::Usage {
        what: format!("`{name}` (node {}) reads a value that is summed over the batch", id.index()),
        expected:
            "a batch is computed in parts, so only sums, differences of sums and constant multiples of them work; \
                   compute it per row before the sum, or outside of the graph"
                .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Cpu, Device, Dim};

    fn compile(build: impl Fn(&mut Graph, NodeId) -> Result<NodeId>) -> Result<()> {
        let mut graph = Graph::new();
        let x = graph.input("x", &[Dim::Batch])?;
        let sum = graph.sum_all(x)?;
        let y = build(&mut graph, sum)?;
        Cpu::default().compile(&graph, &[y]).map(drop)
    }

    #[test]
    fn multiples_of_a_sum_are_sums() {
        assert_eq!(compile(|g, sum| g.affine(sum, 0.5, 0.0)), Ok(()));
        assert_eq!(compile(|g, sum| g.add(sum, sum)), Ok(()));
    }

    #[test]
    fn other_functions_of_a_sum_are_refused() {
        assert!(compile(Graph::log).unwrap_err().to_string().contains("`log`"));
        assert!(compile(|g, sum| g.affine(sum, 1.0, 1.0)).is_err());
        assert!(compile(|g, sum| g.mul(sum, sum)).is_err());
        assert!(compile(|g, sum| g.constant(1.0).and_then(|one| g.add(sum, one))).is_err());
    }
}
