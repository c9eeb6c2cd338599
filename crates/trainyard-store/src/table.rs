//! One embedding table: rows found by id.

use crate::Result;
use crate::optimizers::check_slots;
use crate::slab::Slab;
use crate::snapshot::TableState;
use hashbrown::HashTable;
use std::sync::Arc;
use trainyard_nn::{Optimizer, ParamSpec};

/// Ids looked up before their rows are touched. The processor then waits for many rows at once instead of one after another;
/// the positions of a chunk live on the stack.
const CHUNK: usize = 64;

/// Rows `[weights | slots]` by id. Only rows that were pushed exist; the others read as their initial value.
pub(crate) struct Table {
    spec: ParamSpec,
    dim: usize,
    /// The random stream of initial values.
    stream: u64,
    optimizer: Arc<dyn Optimizer>,
    index: HashTable<Entry>,
    rows: Slab,
}

#[derive(Clone, Copy)]
struct Entry {
    id: u64,
    position: usize,
}

impl Table {
    /// A table without rows. `spec` is a table's.
    pub(crate) fn new(spec: &ParamSpec, seed: u64, optimizer: Arc<dyn Optimizer>) -> Self {
        let dim = spec.shape.len();
        let rows = Slab::new(dim * (1 + optimizer.slots()));
        Self { dim, stream: spec.stream(seed), optimizer, index: HashTable::new(), rows, spec: spec.clone() }
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
        table.index.reserve(state.ids.len(), |entry| hash(entry.id));
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
        let mut positions = [None; CHUNK];
        for (ids, out) in ids.chunks(CHUNK).zip(out.chunks_mut(CHUNK * self.dim)) {
            for (position, &id) in positions.iter_mut().zip(ids) {
                *position = self.find(id);
            }
            for ((position, &id), out) in positions.iter().zip(ids).zip(out.chunks_exact_mut(self.dim)) {
                match *position {
                    Some(position) => out.copy_from_slice(&self.rows.row(position)[..self.dim]),
                    None => self.spec.fill_row(self.stream, id, out),
                }
            }
        }
    }

    /// Updates rows by their gradients `[ids, dim]`, and makes those that do not exist.
    pub(crate) fn push(&mut self, step: u64, ids: &[u64], gradients: &[f32]) {
        let rates = self.optimizer.rates(step);
        let mut positions = [0; CHUNK];
        for (ids, gradients) in ids.chunks(CHUNK).zip(gradients.chunks(CHUNK * self.dim)) {
            for (position, &id) in positions.iter_mut().zip(ids) {
                *position = self.find(id).unwrap_or_else(|| self.make(id));
            }
            for (&position, gradient) in positions.iter().zip(gradients.chunks_exact(self.dim)) {
                let (weights, slots) = self.rows.row_mut(position).split_at_mut(self.dim);
                self.optimizer.apply(&rates, weights, gradient, slots);
            }
        }
    }

    /// A copy of all rows, by ascending id.
    pub(crate) fn state(&self) -> TableState {
        let mut entries: Vec<Entry> = self.index.iter().copied().collect();
        entries.sort_unstable_by_key(|entry| entry.id);
        let mut weights = Vec::with_capacity(entries.len() * self.dim);
        let mut slots = Vec::with_capacity(entries.len() * self.dim * self.optimizer.slots());
        for entry in &entries {
            let (row, row_slots) = self.rows.row(entry.position).split_at(self.dim);
            weights.extend_from_slice(row);
            slots.extend_from_slice(row_slots);
        }
        let ids = entries.iter().map(|entry| entry.id).collect();
        TableState { name: self.spec.name.clone(), dim: self.dim, ids, weights, slots }
    }

    fn find(&self, id: u64) -> Option<usize> {
        self.index.find(hash(id), |entry| entry.id == id).map(|entry| entry.position)
    }

    /// Makes the row of an id as it starts.
    fn make(&mut self, id: u64) -> usize {
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
        self.index.insert_unique(hash(id), Entry { id, position }, |entry| hash(entry.id));
        position
    }
}

/// Multiplies by the golden ratio and folds the halves of the product, so that high and low bits of the result depend on all
/// bits of the id: ids may be consecutive, multiples of a power of two, or hashes already.
fn hash(id: u64) -> u64 {
    let product = u128::from(id ^ 0x9e37_79b9_7f4a_7c15) * 0xbf58_476d_1ce4_e5b9_u128;
    (product as u64) ^ ((product >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    /// Hashes 4096 ids into as many buckets by their low bits, as the index does; random ids would fill 63 % of them.
    #[track_caller]
    fn check_spread(id: impl Fn(u64) -> u64) {
        let low: HashSet<u64> = (0..4096).map(|i| hash(id(i)) & 4095).collect();
        let high: HashSet<u64> = (0..4096).map(|i| hash(id(i)) >> 52).collect();
        assert!(low.len() > 2000 && high.len() > 2000, "{} {}", low.len(), high.len());
    }

    #[test]
    fn consecutive_ids_spread() {
        check_spread(|i| i);
    }

    #[test]
    fn ids_that_differ_in_high_bits_alone_spread() {
        check_spread(|i| i << 40);
        check_spread(|i| i << 52);
    }
}
