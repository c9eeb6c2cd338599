//! One embedding table: rows found by id.

use crate::Result;
use crate::block::Block;
use crate::index::ABSENT;
use crate::optimizers::check_slots;
use crate::places::Places;
use crate::slab::{LINE, Slab};
use crate::snapshot::TableState;
use std::sync::{Arc, Mutex, PoisonError};
use trainyard_graph::simd;
use trainyard_nn::optim::Rates;
use trainyard_nn::{Optimizer, ParamSpec};

/// Rows `[weights | slots]` by id. Only rows that were pushed exist; the others read as their initial value.
pub(crate) struct Table {
    spec: ParamSpec,
    dim: usize,
    /// The random stream of initial values.
    stream: u64,
    optimizer: Arc<dyn Optimizer>,
    places: Places,
    rows: Slab,
    /// What the last pull found: the push of the same ids need not look again. A position once found stays true.
    found: Mutex<Found>,
    block: Block,
}

/// Ids and where their rows are.
#[derive(Default)]
struct Found {
    ids: Vec<u64>,
    /// [`ABSENT`] for a row that did not exist.
    positions: Vec<usize>,
}

/// Rows ahead of the one that is worked on whose memory is asked for.
const AHEAD: usize = 16;

/// Rows that are updated at once when they are short.
const BLOCK: usize = 64;

impl Table {
    /// A table without rows. `spec` is a table's.
    pub(crate) fn new(spec: &ParamSpec, seed: u64, optimizer: Arc<dyn Optimizer>) -> Self {
        let dim = spec.shape.len();
        let rows = Slab::new(dim * (1 + optimizer.slots()));
        Self {
            dim,
            stream: spec.stream(seed),
            places: Places::new(rows.stride()),
            rows,
            found: Mutex::default(),
            block: Block::new(dim),
            optimizer,
            spec: spec.clone(),
        }
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
        table.places = Places::with_room_for(table.rows.stride(), &state.ids);
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
        match self.found.try_lock() {
            Ok(mut found) => self.read(ids, &mut found, out),
            // Another thread pulls too; what it found is as good to keep.
            Err(_) => self.read(ids, &mut Found::default(), out),
        }
    }

    fn read(&self, ids: &[u64], found: &mut Found, out: &mut [f32]) {
        found.find(ids, &self.places);
        let positions = &found.positions;
        for (i, (out, &id)) in out.chunks_exact_mut(self.dim).zip(ids).enumerate() {
            if let Some(&later) = positions.get(i + AHEAD) {
                self.rows.prefetch(later, self.dim);
            }
            match positions[i] {
                ABSENT => self.spec.fill_row(self.stream, id, out),
                position => simd::copy_row(out, &self.rows.row(position)[..self.dim]),
            }
        }
    }

    /// Updates rows by their gradients `[ids, dim]`, and makes those that do not exist.
    pub(crate) fn push(&mut self, step: u64, ids: &[u64], gradients: &[f32]) {
        let rates = self.optimizer.rates(step);
        let mut found = std::mem::take(self.found.get_mut().unwrap_or_else(PoisonError::into_inner));
        if found.ids != ids {
            found.find(ids, &self.places);
        }
        let absent = found.positions.iter_mut().zip(ids).filter(|(position, _)| **position == ABSENT);
        absent.for_each(|(position, &id)| *position = self.make(id));
        match self.dim {
            ..LINE => self.update_blocks(&rates, &found.positions, gradients),
            _ => self.update_rows(&rates, &found.positions, gradients),
        }
        self.found = Mutex::new(found);
    }

    fn update_rows(&mut self, rates: &Rates, positions: &[usize], gradients: &[f32]) {
        for (i, gradient) in gradients.chunks_exact(self.dim).enumerate() {
            if let Some(&later) = positions.get(i + AHEAD) {
                self.rows.prefetch(later, self.rows.width());
            }
            let (weights, slots) = self.rows.row_mut(positions[i]).split_at_mut(self.dim);
            self.optimizer.apply(rates, weights, gradient, slots);
        }
    }

    /// As [`update_rows`](Self::update_rows), for rows that are shorter than the vectors of a processor: an optimizer treats
    /// each number by itself, so many rows are to it as good as one long one. A row that comes twice ends a block, so that its
    /// second update sees the first.
    fn update_blocks(&mut self, rates: &Rates, mut positions: &[usize], mut gradients: &[f32]) {
        while !positions.is_empty() {
            let (block, rest) = positions.split_at(distinct(positions));
            let (block_gradients, rest_gradients) = gradients.split_at(block.len() * self.dim);
            rest.iter().take(BLOCK).for_each(|&position| self.rows.prefetch(position, self.rows.width()));
            self.block.gather(&self.rows, block);
            let (weights, slots) = self.block.parts(block_gradients.len());
            self.optimizer.apply(rates, weights, block_gradients, slots);
            self.block.scatter(&mut self.rows, block);
            (positions, gradients) = (rest, rest_gradients);
        }
    }

    /// A copy of all rows, by ascending id.
    pub(crate) fn state(&self) -> TableState {
        let mut entries: Vec<(u64, usize)> = self.places.iter().collect();
        entries.sort_unstable();
        let width = self.dim * self.optimizer.slots();
        let (mut weights, mut slots) = (vec![0.0; entries.len() * self.dim], vec![0.0; entries.len() * width]);
        for (i, (_, position)) in entries.iter().enumerate() {
            if let Some(&(_, later)) = entries.get(i + AHEAD) {
                self.rows.prefetch(later, self.rows.width());
            }
            let (row, row_slots) = self.rows.row(*position).split_at(self.dim);
            simd::copy_row(&mut weights[i * self.dim..][..self.dim], row);
            simd::copy_row(&mut slots[i * width..][..width], row_slots);
        }
        let ids = entries.iter().map(|(id, _)| *id).collect();
        TableState { name: self.spec.name.clone(), dim: self.dim, ids, weights, slots }
    }

    /// Makes the row of an id as it starts, unless the id came earlier in the same push.
    fn make(&mut self, id: u64) -> usize {
        if let Some(position) = self.places.find(id) {
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
        let position = self.places.add(id, self.rows.len());
        self.rows.reach(position);
        position
    }
}

/// How many of the first [`BLOCK`] positions come before one that repeats an earlier.
fn distinct(positions: &[usize]) -> usize {
    // A bit for each position modulo their number tells nearly all positions to be new without looking at the others.
    let mut seen = [0_u64; 16];
    for (i, &position) in positions.iter().take(BLOCK).enumerate() {
        let (word, bit) = (position / 64 % seen.len(), 1 << (position % 64));
        if seen[word] & bit != 0 && positions[..i].contains(&position) {
            return i;
        }
        seen[word] |= bit;
    }
    positions.len().min(BLOCK)
}

impl Found {
    fn find(&mut self, ids: &[u64], places: &Places) {
        self.ids.clear();
        self.ids.extend_from_slice(ids);
        places.find_all(ids, &mut self.positions);
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
        // Far apart, in one block and in two.
        let ids: Vec<u64> = (0..2000).chain([1030, 1999, 3]).collect();
        let weight = |id| if [1030, 1999, 3].contains(&id) { -1.0 } else { 0.0 };
        check(&[&ids], &ids[..2000], &(0..2000).map(weight).collect::<Vec<f32>>());
    }

    #[test]
    fn a_block_ends_before_a_row_that_it_has() {
        assert_eq!(distinct(&[5, 5]), 1);
        assert_eq!(distinct(&[0, 1024, 0]), 2, "1024 has the bit of 0");
        assert_eq!(distinct(&[0, 1024, 2048]), 3);
        assert_eq!(distinct(&(0..100).collect::<Vec<_>>()), BLOCK);
        assert_eq!(distinct(&[]), 0);
    }

    #[test]
    fn a_push_of_other_ids_than_were_pulled_finds_its_own() {
        let mut table = table();
        for (pulled, pushed) in [(vec![1, 2], vec![3, 4, 5]), (vec![3, 9], vec![9, 3]), (vec![3, 9], vec![3, 9])] {
            table.pull(&pulled, &mut vec![0.0; pulled.len()]);
            table.push(1, &pushed, &vec![1.0; pushed.len()]);
        }
        let state = table.state();
        assert_eq!((&state.ids[..], &state.weights[..]), (&[3, 4, 5, 9][..], &[-2.0, 0.0, 0.0, -1.0][..]));
    }

    #[test]
    fn many_short_rows_are_updated_each_by_its_gradient() {
        let mut table = table();
        let ids: Vec<u64> = (0..1000).map(|i| i * 7919 % 1009).collect();
        let gradients: Vec<f32> = ids.iter().map(|&id| id as f32).collect();
        for step in 1..3 {
            table.pull(&ids, &mut vec![0.0; 1000]);
            table.push(step, &ids, &gradients);
        }
        let state = table.state();
        assert!(
            state.ids.len() == 1000 && state.ids.iter().zip(&state.weights).all(|(&id, &w)| w == 1.0 - 2.0 * id as f32)
        );
    }

    /// Pushes rows of every third id, and expects what the optimizer makes of each row by itself.
    #[track_caller]
    fn check_rows_alone(optimizer: &str, dim: usize) {
        let spec = ParamSpec::new("t", ParamShape::Table { dim }, Initializer::Normal { std: 1.0 });
        let config: OptimizerConfig = serde_json::from_str(optimizer).unwrap();
        let mut table = Table::new(&spec, 7, Arc::from(config.build().unwrap()));
        let (optimizer, ids) = (config.build().unwrap(), (0..100).map(|i| i * 3).collect::<Vec<u64>>());
        let start = |&id: &u64| {
            let mut weights = vec![0.0; dim];
            spec.fill_row(spec.stream(7), id, &mut weights);
            let slots =
                (0..optimizer.slots()).flat_map(|slot| vec![optimizer.initial_slot(slot); dim]).collect::<Vec<_>>();
            (weights, slots)
        };
        let mut rows: Vec<_> = ids.iter().map(start).collect();
        for step in 1..4 {
            let gradients: Vec<f32> =
                (0..100 * dim).map(|i| ((i as u64 * 37 + step) % 101) as f32 / 50.0 - 1.0).collect();
            table.pull(&ids, &mut vec![0.0; 100 * dim]);
            table.push(step, &ids, &gradients);
            for ((weights, slots), gradient) in rows.iter_mut().zip(gradients.chunks_exact(dim)) {
                optimizer.update(step, weights, gradient, slots).unwrap();
            }
        }
        let (weights, slots): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
        let state = table.state();
        assert_eq!((state.ids, state.weights, state.slots), (ids, weights.concat(), slots.concat()), "{dim}");
    }

    #[test]
    fn rows_of_any_length_are_updated_as_each_would_be_alone() {
        for optimizer in ["sgd", "adagrad", "adam", "adam_w", "rms_prop", "ftrl", "lion"] {
            for dim in [1, 3, 15, 16, 17, 64] {
                check_rows_alone(&format!("{{\"{optimizer}\": {{}}}}"), dim);
            }
        }
    }

    #[test]
    fn nothing_pushed_is_no_row() {
        check(&[&[]], &[], &[]);
    }
}
