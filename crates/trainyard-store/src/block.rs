//! Short rows side by side.

use crate::slab::Slab;

/// Copies of some rows `[weights | slots]`, ordered as an optimizer takes them: the weights of all rows, then slot 0 of all rows,
/// and so on.
pub(crate) struct Block {
    dim: usize,
    floats: Vec<f32>,
}

impl Block {
    /// For rows of `dim` weights.
    pub(crate) fn new(dim: usize) -> Self {
        Self { dim, floats: Vec::new() }
    }

    /// Copies rows into the block.
    pub(crate) fn gather(&mut self, rows: &Slab, positions: &[usize]) {
        self.floats.resize(positions.len() * rows.width(), 0.0);
        self.for_each(
            positions,
            #[inline(always)]
            |floats, position, places| {
                for (x, place) in rows.row(position).iter().zip(places) {
                    floats[place] = *x;
                }
            },
        );
    }

    /// Copies the block back to the rows.
    pub(crate) fn scatter(&mut self, rows: &mut Slab, positions: &[usize]) {
        self.for_each(
            positions,
            #[inline(always)]
            |floats, position, places| {
                for (x, place) in rows.row_mut(position).iter_mut().zip(places) {
                    *x = floats[place];
                }
            },
        );
    }

    /// The weights, `n` of them, and the slots.
    pub(crate) fn parts(&mut self, n: usize) -> (&mut [f32], &mut [f32]) {
        self.floats.split_at_mut(n)
    }

    /// Calls `copy` for each row with the floats, the row's position, and the place of each of its numbers in the floats.
    #[inline(always)]
    fn for_each(&mut self, positions: &[usize], mut copy: impl FnMut(&mut [f32], usize, Places)) {
        let part = positions.len() * self.dim;
        for (i, &position) in positions.iter().enumerate() {
            copy(&mut self.floats, position, Places { next: i * self.dim, column: 0, dim: self.dim, part });
        }
    }
}

/// The places of a row's numbers: `dim` neighbours in each part.
struct Places {
    next: usize,
    column: usize,
    dim: usize,
    part: usize,
}

impl Iterator for Places {
    type Item = usize;

    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        let place = self.next;
        self.column += 1;
        self.next += 1;
        if self.column == self.dim {
            self.next += self.part - self.dim;
            self.column = 0;
        }
        Some(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(dim: usize, parts: usize, positions: &[usize]) {
        let mut rows = Slab::new(dim * parts);
        for i in 0..10 {
            let position = rows.add();
            rows.row_mut(position).iter_mut().enumerate().for_each(|(j, x)| *x = (100 * i + j) as f32);
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
