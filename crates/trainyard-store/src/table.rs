//! One embedding table: rows found by id.

use crate::Result;
use crate::index::{CHUNK, Index};
use crate::optimizers::check_slots;
use crate::slab::Slab;
use crate::snapshot::TableState;
use std::sync::Arc;
use trainyard_graph::simd;
use trainyard_nn::{Optimizer, ParamSpec};

/// Rows `[weights | slots]` by id. Only rows that were pushed exist; the others read as their initial value.
pub(crate) struct Table {
    spec: ParamSpec,
    dim: usize,
    /// The random stream of initial values.
    stream: u64,
    optimizer: Arc<dyn Optimizer>,
    index: Index,
    rows: Slab,
}

impl Table {
    /// A table without rows. `spec` is a table's.
    pub(crate) fn new(spec: &ParamSpec, seed: u64, optimizer: Arc<dyn Optimizer>) -> Self {
        let dim = spec.shape.len();
        let rows = Slab::new(dim * (1 + optimizer.slots()));
        Self { dim, stream: spec.stream(seed), optimizer, index: Index::new(), rows, spec: spec.clone() }
    }

    /// A table with the rows of `state`, which has been checked against the spec.
    pub(crate) fn restored(
        spec: &ParamSpec,
        seed: u64,
        optimizer: Arc<dyn Optimizer>,
        state: &TableState,
    ) -> Result<Self> {
        check_slots(&state.name, state.weights.len(), state.slots.len(), &*optimizer)?;
        let mut table = Self::new(spec, seed, optimizer);
        let (dim, width) = (table.dim, table.dim * table.optimizer.slots());
        table.index = Index::with_capacity(state.ids.len());
        for (i, &id) in state.ids.iter().enumerate() {
            let position = table.add(id);
            let (weights, slots) = table.rows.row_mut(position).split_at_mut(dim);
            weights.copy_from_slice(&state.weights[i * dim..][..dim]);
            slots.copy_from_slice(&state.slots[i * width..][..width]);
        }
        Ok(table)
    }

    /// Name of the table.
    pub(crate) fn name(&self) -> &str {
        &self.spec.name
    }

    /// Values per row.
    pub(crate) fn dim(&self) -> usize {
        self.dim
    }

    /// Reads rows into `out`, `[ids, dim]`.
    pub(crate) fn pull(&self, ids: &[u64], out: &mut [f32]) {
        let mut ahead = Ahead::new(ids, self.dim);
        for (ids, out) in ids.chunks(CHUNK).zip(out.chunks_mut(CHUNK * self.dim)) {
            let positions = ahead.next(&self.index, &self.rows);
            for ((position, &id), out) in positions.iter().zip(ids).zip(out.chunks_exact_mut(self.dim)) {
                match *position {
                    Some(position) => simd::copy_row(out, &self.rows.row(position)[..self.dim]),
                    None => self.spec.fill_row(self.stream, id, out),
                }
            }
        }
    }

    /// Updates rows by their gradients `[ids, dim]`, and makes those that do not exist.
    pub(crate) fn push(&mut self, step: u64, ids: &[u64], gradients: &[f32]) {
        let rates = self.optimizer.rates(step);
        let mut ahead = Ahead::new(ids, self.rows.width());
        for (ids, gradients) in ids.chunks(CHUNK).zip(gradients.chunks(CHUNK * self.dim)) {
            let positions = ahead.next(&self.index, &self.rows);
            for ((position, &id), gradient) in positions.iter().zip(ids).zip(gradients.chunks_exact(self.dim)) {
                let position = position.unwrap_or_else(|| self.make(id));
                let (weights, slots) = self.rows.row_mut(position).split_at_mut(self.dim);
                self.optimizer.apply(&rates, weights, gradient, slots);
            }
        }
    }

    /// A copy of all rows, by ascending id.
    pub(crate) fn state(&self) -> TableState {
        let mut entries: Vec<(u64, usize)> = self.index.iter().collect();
        entries.sort_unstable();
        let mut weights = Vec::with_capacity(entries.len() * self.dim);
        let mut slots = Vec::with_capacity(entries.len() * self.dim * self.optimizer.slots());
        for (_, position) in &entries {
            let (row, row_slots) = self.rows.row(*position).split_at(self.dim);
            weights.extend_from_slice(row);
            slots.extend_from_slice(row_slots);
        }
        let ids = entries.iter().map(|(id, _)| *id).collect();
        TableState { name: self.spec.name.clone(), dim: self.dim, ids, weights, slots }
    }

    /// Makes the row of an id as it starts, unless the id came earlier in the same push, which only debug builds refuse.
    fn make(&mut self, id: u64) -> usize {
        if let Some(position) = self.index.find(id) {
            return position;
        }
        let position = self.add(id);
        let (weights, slots) = self.rows.row_mut(position).split_at_mut(self.dim);
        self.spec.fill_row(self.stream, id, weights);
        for (slot, values) in slots.chunks_exact_mut(self.dim).enumerate() {
            values.fill(self.optimizer.initial_slot(slot));
        }
        position
    }

    /// Makes a row of zeros for an id that has none.
    fn add(&mut self, id: u64) -> usize {
        let position = self.rows.add();
        self.index.insert(id, position);
        position
    }
}

/// Positions of ids chunk by chunk, with the memory of later chunks on its way while one is worked on: the entries of the index
/// two chunks ahead, the rows one chunk ahead.
struct Ahead<'a> {
    /// The ids that have not been found yet.
    ids: std::slice::Chunks<'a, u64>,
    /// Floats of a row to bring near.
    len: usize,
    found: Option<[Option<usize>; CHUNK]>,
}

impl<'a> Ahead<'a> {
    fn new(ids: &'a [u64], len: usize) -> Self {
        Self { ids: ids.chunks(CHUNK), len, found: None }
    }

    /// The positions of the next chunk.
    fn next(&mut self, index: &Index, rows: &Slab) -> [Option<usize>; CHUNK] {
        let found = self.found.take().unwrap_or_else(|| self.find(index, rows));
        self.found = Some(self.find(index, rows));
        found
    }

    fn find(&mut self, index: &Index, rows: &Slab) -> [Option<usize>; CHUNK] {
        let Some(ids) = self.ids.next() else { return [None; CHUNK] };
        if let Some(later) = self.ids.clone().next() {
            index.prefetch(later);
        }
        let positions = index.find_all(ids);
        rows.prefetch(&positions, self.len);
        positions
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use trainyard_nn::{Initializer, OptimizerConfig, ParamShape};

    fn table() -> Table {
        let spec = ParamSpec::new("t", ParamShape::Table { dim: 1 }, Initializer::Constant { value: 1.0 });
        let sgd: OptimizerConfig = serde_json::from_str(r#"{"sgd": {"learning_rate": 1.0}}"#).unwrap();
        Table::new(&spec, 0, Arc::from(sgd.build().unwrap()))
    }

    /// Pushes gradients of 1 and expects these rows.
    #[track_caller]
    fn check(pushes: &[&[u64]], ids: &[u64], weights: &[f32]) {
        let mut table = table();
        for (step, ids) in pushes.iter().enumerate() {
            table.push(step as u64 + 1, ids, &vec![1.0; ids.len()]);
        }
        let state = table.state();
        assert_eq!((&state.ids[..], &state.weights[..]), (ids, weights));
    }

    #[test]
    fn rows_come_out_by_id() {
        check(&[&[9, 3], &[3, 5]], &[3, 5, 9], &[-1.0, 0.0, 0.0]);
    }

    #[test]
    fn an_id_twice_in_a_push_is_one_row() {
        check(&[&[7, 7]], &[7], &[-1.0]);
    }

    #[test]
    fn nothing_pushed_is_no_row() {
        check(&[&[]], &[], &[]);
    }
}
