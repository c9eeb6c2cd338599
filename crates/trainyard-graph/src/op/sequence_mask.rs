//! Which places of sequences are filled.

use super::{Op, Operation};
use crate::device::Call;
use crate::{Dim, Graph, NodeId, Result, Shape};
use serde::{Deserialize, Serialize};

/// For each row of the batch, 1 for each of its first `length` ids, and zeros behind them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SequenceMask {
    /// Places of a sequence.
    pub length: usize,
}

impl Graph {
    /// 1 at the places of a sequence that hold one of an example's `ids`, 0 at those behind.
    ///
    /// # Shapes
    /// - ids: any number of row numbers per example
    /// - returns: `[batch, length]`
    ///
    /// # Errors
    ///
    /// When `ids` are not ids or `length` is 0.
    pub fn sequence_mask(&mut self, ids: NodeId, length: usize) -> Result<NodeId> {
        self.apply(Op::SequenceMask(SequenceMask { length }), &[ids])
    }
}

impl Operation for SequenceMask {
    fn name(&self) -> &'static str {
        "sequence_mask"
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        match inputs {
            [_] if self.length > 0 => Ok(Shape::new([Dim::Batch, Dim::Fixed(self.length)])),
            _ => Err("ids, and a length of at least 1".to_owned()),
        }
    }

    fn gradient(&self, _graph: &mut Graph, _node: NodeId, _upstream: NodeId) -> Result<Vec<Option<NodeId>>> {
        Ok(vec![None])
    }

    fn ids_input(&self) -> Option<usize> {
        Some(0)
    }

    fn run(&self, call: &mut Call<'_>) {
        let bags = call.bags(0);
        for (mask, bag) in call.output.chunks_exact_mut(self.length).zip(bags.iter()) {
            let (filled, rest) = mask.split_at_mut(bag.indices.len().min(self.length));
            filled.fill(1.0);
            rest.fill(0.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Cpu, Device, Dim, FeedMap, Graph, Mode, Ragged};

    #[test]
    fn places_with_an_id_are_one() {
        let mut graph = Graph::new();
        let ids = graph.ids("ids").unwrap();
        let mask = graph.sequence_mask(ids, 2).unwrap();
        let mut rows = Ragged::new();
        [&[7, 7, 7][..], &[7], &[]].iter().for_each(|row| rows.push_row(row));
        let mut program = Cpu::default().compile(&graph, &[mask]).unwrap();
        program.run(&FeedMap::new(&graph, 3).ids(ids, rows), Mode::Inference).unwrap();
        assert_eq!(program.output(0), [1.0, 1.0, 1.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn numbers_and_a_length_of_zero_are_refused() {
        let mut graph = Graph::new();
        let (x, ids) = (graph.input("x", &[Dim::Batch]).unwrap(), graph.ids("ids").unwrap());
        assert!(graph.sequence_mask(x, 2).is_err() && graph.sequence_mask(ids, 0).is_err());
    }
}
