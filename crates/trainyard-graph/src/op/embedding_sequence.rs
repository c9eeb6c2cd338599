//! Rows of an embedding table, one after the other.

use super::max_norm::{self, MaxNorm};
use super::{LookUps, Op, Operation, RowsGradient};
use crate::device::Call;
use crate::{Dim, Error, Graph, NodeId, Result, Shape};
use serde::{Deserialize, Serialize};

/// For each row of the batch, the rows of a table that its first `length` ids name, in their order, and zeros behind them.
/// Weights of ids do not count.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EmbeddingSequence {
    /// Places of a sequence.
    pub length: usize,
    /// Length of a row.
    pub dim: usize,
    /// Bound on the Euclidean length of a row: longer ones are scaled to it as they are read. Positive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_norm: MaxNorm,
}

/// The gradient for the table's rows, from that for the sequences (input 0) and the ids (input 1).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EmbeddingSequenceGrad {
    /// What was looked up.
    pub sequence: EmbeddingSequence,
    /// Number of the table in the graph.
    pub table: u32,
}

impl Graph {
    /// The rows of `table` that each example's first `length` ids name, in their order; zeros where there are fewer. Rows longer
    /// than `max_norm` are scaled to it.
    ///
    /// # Shapes
    /// - table: `[rows, dim]`
    /// - ids: any number of row numbers per example
    /// - returns: `[batch, length, dim]`
    ///
    /// # Errors
    ///
    /// When `table` is not a table, `ids` not ids, `length` is 0, or `max_norm` not positive.
    pub fn embedding_sequence(
        &mut self,
        table: NodeId,
        ids: NodeId,
        length: usize,
        max_norm: Option<f32>,
    ) -> Result<NodeId> {
        let dim = self.shape(table).last().unwrap_or(0);
        self.apply(Op::EmbeddingSequence(EmbeddingSequence { length, dim, max_norm }), &[table, ids])
    }
}

impl EmbeddingSequence {
    fn value_shape(&self) -> Result<Shape, String> {
        max_norm::check(self.max_norm)?;
        match self.length {
            0 => Err("a length of at least 1".to_owned()),
            length => Ok(Shape::new([Dim::Batch, Dim::Fixed(length), Dim::Fixed(self.dim)])),
        }
    }
}

impl Operation for EmbeddingSequence {
    fn name(&self) -> &'static str {
        "embedding_sequence"
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        match inputs {
            [table, _] if table.table().is_some() && table.last() == Some(self.dim) => self.value_shape(),
            _ => Err("a table and ids".to_owned()),
        }
    }

    fn gradient(&self, graph: &mut Graph, node: NodeId, upstream: NodeId) -> Result<Vec<Option<NodeId>>> {
        let (rows, ids) = (graph.node(node).inputs[0], graph.node(node).inputs[1]);
        let table = graph.shape(rows).table().ok_or_else(|| Error::Internal("a look-up without a table".to_owned()))?;
        let op = EmbeddingSequenceGrad { sequence: *self, table };
        Ok(vec![Some(graph.apply(Op::EmbeddingSequenceGrad(op), &[upstream, ids])?), None])
    }

    fn ids_input(&self) -> Option<usize> {
        Some(1)
    }

    fn run(&self, call: &mut Call<'_>) {
        let (table, bags) = (call.input(0), call.bags(1));
        for (sequence, bag) in call.output.chunks_exact_mut(self.length * self.dim).zip(bags.iter()) {
            let n = bag.indices.len().min(self.length);
            let (filled, rest) = sequence.split_at_mut(n * self.dim);
            rest.fill(0.0);
            for (y, &index) in filled.chunks_exact_mut(self.dim).zip(bag.indices) {
                let row = &table[index as usize * self.dim..(index as usize + 1) * self.dim];
                let factor = max_norm::factor(self.max_norm, row);
                y.iter_mut().zip(row).for_each(|(y, x)| *y = factor * x);
            }
        }
    }
}

impl Operation for EmbeddingSequenceGrad {
    fn name(&self) -> &'static str {
        "embedding_sequence_grad"
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        match inputs {
            [sequences, _] if **sequences == self.sequence.value_shape()? => {
                Ok(Shape::new([Dim::Rows(self.table), Dim::Fixed(self.sequence.dim)]))
            }
            _ => Err("[batch, length, dim] and ids".to_owned()),
        }
    }

    fn gradient(&self, _graph: &mut Graph, _node: NodeId, _upstream: NodeId) -> Result<Vec<Option<NodeId>>> {
        Err(super::no_gradient(self.name()))
    }

    fn ids_input(&self) -> Option<usize> {
        Some(1)
    }

    fn rows_gradient(&self) -> Option<&dyn RowsGradient> {
        Some(self)
    }

    /// Nothing: the program adds the gradient up at the end of a step by [`RowsGradient::accumulate`].
    fn run(&self, _call: &mut Call<'_>) {}
}

impl RowsGradient for EmbeddingSequenceGrad {
    fn accumulate(&self, rows: &mut [f32], from: &LookUps<'_>) {
        let dim = from.dim;
        for (gradients, bag) in from.gradients().zip(from.bags.iter()) {
            for (gradient, &index) in gradients.chunks_exact(dim).zip(bag.indices) {
                let at = index as usize * dim..(index as usize + 1) * dim;
                let (sum, row) = (&mut rows[at.clone()], &from.table[at]);
                max_norm::add_gradient(self.sequence.max_norm, sum, row, gradient, 1.0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::check::{self, Case};
    use crate::{Combiner, Graph, Ragged};

    fn ids(rows: &[&[u64]]) -> Ragged {
        let mut ids = Ragged::new();
        rows.iter().for_each(|row| ids.push_row(row));
        ids
    }

    fn case(rows: &[&[u64]], max_norm: Option<f32>) -> Case {
        Case::table(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 2, ids(rows), move |g, table, ids| {
            g.embedding_sequence(table, ids, 2, max_norm)
        })
    }

    #[test]
    fn rows_stand_in_the_order_of_ids_with_zeros_behind() {
        let case = case(&[&[2, 0], &[1], &[]], None);
        check::close(&case.values(), &[5.0, 6.0, 1.0, 2.0, 3.0, 4.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], 0.0);
        case.check_gradients();
    }

    #[test]
    fn ids_beyond_the_length_are_left_out() {
        let case = case(&[&[1, 1, 0]], None);
        check::close(&case.values(), &[3.0, 4.0, 3.0, 4.0], 0.0);
        check::close(&case.gradients()[0], &[0.0, 0.0, 2.0, 2.0, 0.0, 0.0], 0.0);
    }

    #[test]
    fn long_rows_are_scaled_to_the_bound() {
        let case = case(&[&[1, 0]], Some(2.5));
        check::close(&case.values(), &[1.5, 2.0, 1.0, 2.0], 1e-6);
        case.check_gradients();
    }

    #[test]
    fn a_table_may_be_read_as_a_bag_too() {
        Case::table(&[1.0, 2.0, 3.0, 4.0], 2, ids(&[&[0, 1], &[1]]), |g, table, ids| {
            let (bag, sequence) =
                (g.embedding_bag(table, ids, Combiner::Mean)?, g.embedding_sequence(table, ids, 3, None)?);
            let last = g.sum_axes(sequence, &[0], false)?;
            g.mul(bag, last)
        })
        .check_gradients();
    }

    #[test]
    fn a_length_of_zero_is_refused() {
        let mut graph = Graph::new();
        let (table, ids) = (graph.table("table", 2).unwrap(), graph.ids("ids").unwrap());
        assert!(graph.embedding_sequence(table, ids, 0, None).is_err());
        assert!(graph.embedding_sequence(table, ids, 1, Some(-1.0)).is_err());
    }
}
