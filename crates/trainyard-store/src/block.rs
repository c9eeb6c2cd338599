//! Short rows side by side.

use crate::slab::Slab;

/// Copies of some rows `[weights | slots]`, ordered as an optimizer takes them: the weights of all rows, then slot 0 of all rows,
/// and so on.
pub(crate) struct Block {
    dim: usize,
    floats: Vec<f32>,
    /// Where the numbers of the first row are. Those of a row `i` are `i · dim` further.
    offsets: Vec<usize>,
}

impl Block {
    /// For rows of `dim` weights.
    pub(crate) fn new(dim: usize) -> Self {
        Self { dim, floats: Vec::new(), offsets: Vec::new() }
    }

    /// Copies rows into the block.
    pub(crate) fn gather(&mut self, rows: &Slab, positions: &[usize]) {
        self.lay_out(positions.len(), rows.width());
        for (i, &position) in positions.iter().enumerate() {
            for (x, offset) in rows.row(position).iter().zip(&self.offsets) {
                self.floats[i * self.dim + offset] = *x;
            }
        }
    }

    /// Copies the block back to the rows.
    pub(crate) fn scatter(&mut self, rows: &mut Slab, positions: &[usize]) {
        for (i, &position) in positions.iter().enumerate() {
            for (x, offset) in rows.row_mut(position).iter_mut().zip(&self.offsets) {
                *x = self.floats[i * self.dim + offset];
            }
        }
    }

    /// The weights, `n` of them, and the slots.
    pub(crate) fn parts(&mut self, n: usize) -> (&mut [f32], &mut [f32]) {
        self.floats.split_at_mut(n)
    }

    /// Makes room for so many rows of so many numbers.
    fn lay_out(&mut self, rows: usize, width: usize) {
        if self.floats.len() == rows * width && !self.offsets.is_empty() {
            return;
        }
        let (dim, part) = (self.dim, rows * self.dim);
        self.floats.resize(rows * width, 0.0);
        self.offsets.clear();
        self.offsets.extend((0..width / dim).flat_map(|column| (0..dim).map(move |i| column * part + i)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(dim: usize, parts: usize, positions: &[usize]) {
        let mut rows = Slab::new(dim * parts);
        rows.reach(9);
        for i in 0..10 {
            rows.row_mut(i).iter_mut().enumerate().for_each(|(j, x)| *x = (100 * i + j) as f32);
        }
        let mut block = Block::new(dim);
        block.gather(&rows, positions);
        let (weights, slots) = block.parts(positions.len() * dim);
        assert!(positions.iter().flat_map(|i| (0..dim).map(move |j| (100 * i + j) as f32)).eq(weights.iter().copied()));
        let slots_expected = (1..parts).flat_map(|part| {
            positions.iter().flat_map(move |i| (0..dim).map(move |j| (100 * i + part * dim + j) as f32))
        });
        assert!(slots_expected.eq(slots.iter().copied()));
        weights.iter_mut().chain(slots).for_each(|x| *x += 0.5);
        block.scatter(&mut rows, positions);
        for i in 0..10 {
            let shift = if positions.contains(&i) { 0.5 } else { 0.0 };
            assert!(rows.row(i).iter().enumerate().all(|(j, &x)| x == (100 * i + j) as f32 + shift), "row {i}");
        }
    }

    #[test]
    fn rows_come_back_to_their_places() {
        check(1, 3, &[7, 0, 9]);
        check(1, 1, &[4]);
        check(5, 2, &[3, 8, 1, 2]);
        check(2, 3, &[]);
    }
}
