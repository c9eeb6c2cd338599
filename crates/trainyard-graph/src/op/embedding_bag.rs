//! Pooled rows of an embedding table.

use super::max_norm::{self, MaxNorm};
use super::{LookUps, Op, Operation, RowsGradient};
use crate::device::{Bag, Bags, Call};
use crate::{Dim, Error, Graph, NodeId, Result, Shape, simd};
use serde::{Deserialize, Serialize};

/// How the rows that one example names become one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Combiner {
    /// `Σ wᵢ·rowᵢ`.
    Sum,
    /// `Σ wᵢ·rowᵢ / Σ wᵢ`.
    #[default]
    Mean,
    /// `Σ wᵢ·rowᵢ / √Σ wᵢ²`.
    Sqrtn,
}

impl Combiner {
    /// What each weight of a bag is multiplied with; 0 when the divisor is.
    pub fn factor(self, weights: impl Iterator<Item = f32>) -> f32 {
        let divisor = match self {
            Self::Sum => return 1.0,
            Self::Mean => weights.sum::<f32>(),
            Self::Sqrtn => weights.map(|w| w * w).sum::<f32>().sqrt(),
        };
        if divisor == 0.0 { 0.0 } else { 1.0 / divisor }
    }
}

/// For each row of the batch, the rows of a table that its ids name, combined. A bag without ids gives zeros.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EmbeddingBag {
    /// How rows are combined.
    pub combiner: Combiner,
    /// Length of a row.
    pub dim: usize,
    /// Bound on the Euclidean length of a row: longer ones are scaled to it as they are read. Positive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_norm: MaxNorm,
}

/// The gradient for the table's rows, from that for the pooled rows (input 0) and the ids (input 1).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EmbeddingBagGrad {
    /// How rows were combined.
    pub combiner: Combiner,
    /// Number of the table in the graph.
    pub table: u32,
    /// The bound on rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_norm: MaxNorm,
}

impl Graph {
    /// The rows of `table` that each example's `ids` name, combined.
    ///
    /// # Shapes
    /// - table: `[rows, dim]`
    /// - ids: any number of row numbers per example
    /// - returns: `[batch, dim]`
    ///
    /// # Errors
    ///
    /// When `table` is not a table or `ids` not ids.
    pub fn embedding_bag(&mut self, table: NodeId, ids: NodeId, combiner: Combiner) -> Result<NodeId> {
        self.embedding_bag_within(table, ids, combiner, None)
    }

    /// As [`embedding_bag`](Self::embedding_bag), with rows that are longer than `max_norm` scaled to it.
    ///
    /// # Errors
    ///
    /// When `table` is not a table, `ids` not ids, or `max_norm` not positive.
    pub fn embedding_bag_within(
        &mut self,
        table: NodeId,
        ids: NodeId,
        combiner: Combiner,
        max_norm: Option<f32>,
    ) -> Result<NodeId> {
        let dim = self.shape(table).last().unwrap_or(0);
        self.apply(Op::EmbeddingBag(EmbeddingBag { combiner, dim, max_norm }), &[table, ids])
    }
}

impl Operation for EmbeddingBag {
    fn name(&self) -> &'static str {
        "embedding_bag"
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        max_norm::check(self.max_norm)?;
        match inputs {
            [table, _] if table.table().is_some() && table.last() == Some(self.dim) => {
                Ok(Shape::new([Dim::Batch, Dim::Fixed(self.dim)]))
            }
            _ => Err("a table and ids".to_owned()),
        }
    }

    fn gradient(&self, graph: &mut Graph, node: NodeId, upstream: NodeId) -> Result<Vec<Option<NodeId>>> {
        let (rows, ids) = (graph.node(node).inputs[0], graph.node(node).inputs[1]);
        let table = graph.shape(rows).table().ok_or_else(|| Error::Internal("a bag without a table".to_owned()))?;
        let op = EmbeddingBagGrad { combiner: self.combiner, table, max_norm: self.max_norm };
        Ok(vec![Some(graph.apply(Op::EmbeddingBagGrad(op), &[upstream, ids])?), None])
    }

    fn ids_input(&self) -> Option<usize> {
        Some(1)
    }

    fn writes_columns(&self) -> bool {
        true
    }

    fn run(&self, call: &mut Call<'_>) {
        let (table, bags) = (call.input(0), call.bags(1));
        simd::vectorize(
            #[inline(always)]
            || match self.dim {
                // Compiled for the rows of a linear model and for those that are a vector.
                1 => self.pool_all(call.output_rows(1), bags, table, 1),
                16 => self.pool_all(call.output_rows(16), bags, table, 16),
                dim => self.pool_all(call.output_rows(dim), bags, table, dim),
            },
        );
    }
}

impl EmbeddingBag {
    #[inline(always)]
    fn pool_all<'a>(&self, output: impl Iterator<Item = &'a mut [f32]>, bags: Bags<'_>, table: &[f32], dim: usize) {
        let singles = if self.max_norm.is_none() { bags.singles() } else { None };
        if let Some(indices) = singles {
            // A loop: `for_each` was not compiled into the code for the processor's vectors.
            for (pooled, &index) in output.zip(indices) {
                simd::copy_row(pooled, row(table, index, dim));
            }
            return;
        }
        for (pooled, bag) in output.zip(bags.iter()) {
            // As above: what a row gives does not depend on the others.
            match (bag.indices, bag.weights, self.max_norm) {
                ([index], None, None) => simd::copy_row(pooled, row(table, *index, dim)),
                _ => self.pool(pooled, bag, table, dim),
            }
        }
    }

    #[inline(always)]
    fn pool(&self, pooled: &mut [f32], bag: Bag<'_>, table: &[f32], dim: usize) {
        pooled.fill(0.0);
        let factor = factor(self.combiner, bag);
        for (i, &index) in bag.indices.iter().enumerate() {
            let row = row(table, index, dim);
            let factor = bag.weight(i) * factor * max_norm::factor(self.max_norm, row);
            simd::add_row(pooled, row, factor);
        }
    }
}

/// What each weight of a bag is multiplied with.
#[inline(always)]
fn factor(combiner: Combiner, bag: Bag<'_>) -> f32 {
    match (bag.indices, bag.weights) {
        ([_], None) => 1.0,
        _ => combiner.factor(bag.weights()),
    }
}

#[inline(always)]
fn row(table: &[f32], index: u32, dim: usize) -> &[f32] {
    &table[index as usize * dim..][..dim]
}

impl Operation for EmbeddingBagGrad {
    fn name(&self) -> &'static str {
        "embedding_bag_grad"
    }

    fn rows_gradient(&self) -> Option<&dyn RowsGradient> {
        Some(self)
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        max_norm::check(self.max_norm)?;
        match inputs {
            [pooled, _] if pooled.rank() == 2 && pooled.has_batch() => {
                Ok(Shape::new([Dim::Rows(self.table), pooled.dims()[1]]))
            }
            _ => Err("[batch, dim] and ids".to_owned()),
        }
    }

    fn gradient(&self, _graph: &mut Graph, _node: NodeId, _upstream: NodeId) -> Result<Vec<Option<NodeId>>> {
        Err(super::no_gradient(self.name()))
    }

    fn ids_input(&self) -> Option<usize> {
        Some(1)
    }

    /// Nothing: the gradient of a table's rows gathers from all micro-batches, so the program adds it up at the end of a
    /// step by [`RowsGradient::accumulate`].
    fn run(&self, _call: &mut Call<'_>) {}
}

impl RowsGradient for EmbeddingBagGrad {
    fn accumulate(&self, rows: &mut [f32], from: &LookUps<'_>) {
        simd::vectorize(
            #[inline(always)]
            || match from.dim {
                1 => self.accumulate_rows(rows, from, 1),
                16 => self.accumulate_rows(rows, from, 16),
                dim => self.accumulate_rows(rows, from, dim),
            },
        );
    }
}

impl EmbeddingBagGrad {
    #[inline(always)]
    fn accumulate_rows(&self, rows: &mut [f32], from: &LookUps<'_>, dim: usize) {
        let singles = if self.max_norm.is_none() { from.bags.singles() } else { None };
        if let Some(indices) = singles {
            for (gradient, &index) in from.gradients().zip(indices) {
                simd::add_row(&mut rows[index as usize * dim..][..dim], &gradient[..dim], 1.0);
            }
            return;
        }
        for (gradient, bag) in from.gradients().zip(from.bags.iter()) {
            let gradient = &gradient[..dim];
            let factor = factor(self.combiner, bag);
            for (i, &index) in bag.indices.iter().enumerate() {
                let sum = &mut rows[index as usize * dim..][..dim];
                let weight = bag.weight(i) * factor;
                match self.max_norm {
                    None => simd::add_row(sum, gradient, weight),
                    bound => max_norm::add_gradient(bound, sum, row(from.table, index, dim), gradient, weight),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Ragged;
    use crate::check::{self, Case};

    const TABLE: [f32; 6] = [1.0, 2.0, 10.0, 20.0, 100.0, 200.0];

    fn bags(rows: &[&[u64]], weights: Option<&[f32]>) -> Ragged {
        let mut ragged = Ragged::new();
        rows.iter().for_each(|row| ragged.push_row(row));
        ragged.weights = weights.map(<[f32]>::to_vec);
        ragged
    }

    #[track_caller]
    fn check(combiner: Combiner, ids: Ragged, expected: &[f32]) {
        let case = Case::table(&TABLE, 2, ids, move |g, table, ids| g.embedding_bag(table, ids, combiner));
        check::close(&case.values(), expected, 1e-5);
        case.check_gradients();
    }

    #[test]
    fn one_id_gives_its_row() {
        for combiner in [Combiner::Sum, Combiner::Mean, Combiner::Sqrtn] {
            check(combiner, bags(&[&[1], &[0]], None), &[10.0, 20.0, 1.0, 2.0]);
        }
    }

    /// A sum that begins at 0 would lose the sign.
    #[test]
    fn a_lone_row_has_the_same_bits_beside_any_others() {
        for rows in [&[&[1][..]][..], &[&[1], &[]], &[&[1], &[0, 0]]] {
            let ids = bags(rows, None);
            let case = Case::table(&[2.0, -0.0], 1, ids, |g, table, ids| g.embedding_bag(table, ids, Combiner::Sum));
            assert_eq!(case.values()[0].to_bits(), (-0.0_f32).to_bits());
        }
    }

    #[test]
    fn an_empty_bag_gives_zeros() {
        check(Combiner::Mean, bags(&[&[], &[2]], None), &[0.0, 0.0, 100.0, 200.0]);
    }

    #[test]
    fn rows_are_added_with_repeats() {
        check(Combiner::Sum, bags(&[&[0, 1, 1]], None), &[21.0, 42.0]);
    }

    #[test]
    fn rows_are_averaged() {
        check(Combiner::Mean, bags(&[&[0, 1]], None), &[5.5, 11.0]);
    }

    #[test]
    fn sqrtn_divides_by_the_root_of_the_count() {
        check(Combiner::Sqrtn, bags(&[&[0, 1, 1, 2]], None), &[60.5, 121.0]);
    }

    #[test]
    fn weights_count() {
        check(Combiner::Sum, bags(&[&[0, 1]], Some(&[2.0, 0.5])), &[7.0, 14.0]);
        check(Combiner::Mean, bags(&[&[0, 1]], Some(&[3.0, 1.0])), &[3.25, 6.5]);
        check(Combiner::Mean, bags(&[&[0]], Some(&[0.0])), &[0.0, 0.0]);
    }

    #[test]
    fn weighted_sqrtn_divides_by_the_root_of_the_sum_of_squared_weights() {
        // TensorFlow, `safe_embedding_lookup_sparse`: (3·row 0 + 4·row 1) / √(3² + 4²).
        check(Combiner::Sqrtn, bags(&[&[0, 1]], Some(&[3.0, 4.0])), &[8.6, 17.2]);
        check(
            Combiner::Sqrtn,
            bags(&[&[2], &[], &[1, 1]], Some(&[0.5, -6.0, 8.0])),
            &[100.0, 200.0, 0.0, 0.0, 2.0, 4.0],
        );
        check(Combiner::Sqrtn, bags(&[&[0, 2]], Some(&[0.0, 0.0])), &[0.0, 0.0]);
    }

    #[test]
    fn the_gradient_of_a_weighted_sqrtn_bag_is_each_weight_over_the_same_root() {
        let ids = bags(&[&[0, 1], &[1]], Some(&[3.0, 4.0, 0.5]));
        let case = Case::table(&TABLE, 2, ids, |g, table, ids| g.embedding_bag(table, ids, Combiner::Sqrtn));
        check::close(&case.gradients()[0], &[0.6, 0.6, 1.8, 1.8, 0.0, 0.0], 1e-6);
    }

    #[test]
    fn rows_longer_than_the_bound_are_scaled_to_it() {
        let ids = bags(&[&[1], &[0, 1], &[]], Some(&[1.0, 1.0, 3.0]));
        let case = Case::table(&[0.3, 0.4, 3.0, 4.0], 2, ids, |g, table, ids| {
            g.embedding_bag_within(table, ids, Combiner::Mean, Some(1.0))
        });
        check::close(&case.values(), &[0.6, 0.8, 0.525, 0.7, 0.0, 0.0], 1e-6);
        case.check_gradients();
    }

    #[test]
    fn a_bound_of_zero_is_refused() {
        let mut graph = Graph::new();
        let (table, ids) = (graph.table("table", 2).unwrap(), graph.ids("ids").unwrap());
        let error = graph.embedding_bag_within(table, ids, Combiner::Sum, Some(0.0)).unwrap_err().to_string();
        assert!(error.contains("`max_norm`"), "{error}");
    }
}
