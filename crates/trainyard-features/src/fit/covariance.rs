//! How numbers vary together.

use super::wire::{Reader, Wire, Writer};
use crate::Result;
use crate::op::Checked;
use serde::{Deserialize, Serialize};
use trainyard_graph::ExactSum;

/// Sums and sums of products of the numbers of rows; rows with a missing or infinite number are left out.
///
/// The sums are exact, so any order and partition of the rows gives the same bits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Covariance {
    /// Rows seen that are complete.
    pub count: u64,
    sums: Vec<ExactSum>,
    /// By pair `i ≤ j`, in rows of the upper triangle.
    products: Vec<ExactSum>,
}

impl Covariance {
    /// Nothing seen yet of this many columns.
    pub fn new(dim: usize) -> Self {
        let sums = |n| vec![ExactSum::default(); n];
        Self { count: 0, sums: sums(dim), products: sums(dim * (dim + 1) / 2) }
    }

    /// Number of columns.
    pub fn dim(&self) -> usize {
        self.sums.len()
    }

    /// Adds rows, given by column.
    pub fn update(&mut self, columns: &[Vec<f64>]) {
        let rows = columns.first().map_or(0, Vec::len);
        let complete: Vec<usize> =
            (0..rows).filter(|&row| columns.iter().all(|column| column[row].is_finite())).collect();
        let columns: Vec<Vec<f64>> =
            columns.iter().map(|column| complete.iter().map(|&row| column[row]).collect()).collect();
        self.count += complete.len() as u64;
        let mut products = self.products.iter_mut();
        let mut terms = vec![0.0; complete.len()];
        for (i, x) in columns.iter().enumerate() {
            self.sums[i].add_all(x);
            for (y, product) in columns[i..].iter().zip(&mut products) {
                terms.iter_mut().zip(x.iter().zip(y)).for_each(|(term, (x, y))| *term = x * y);
                product.add_all(&terms);
            }
        }
    }

    /// Adds the rows that another has seen.
    pub fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.sums.iter_mut().zip(&other.sums).for_each(|(mine, theirs)| mine.merge(theirs));
        self.products.iter_mut().zip(&other.products).for_each(|(mine, theirs)| mine.merge(theirs));
    }

    /// The mean of each column; 0 of nothing.
    pub fn means(&self) -> Vec<f64> {
        self.sums.iter().map(|sum| sum.value() / self.count.max(1) as f64).collect()
    }

    /// `E[x y] − E[x] E[y]` for each pair of columns (divided by `n`, not `n − 1`), `[dim, dim]`; 0 of nothing.
    pub fn matrix(&self) -> Vec<Vec<f64>> {
        let (dim, means, n) = (self.dim(), self.means(), self.count.max(1) as f64);
        let mut matrix = vec![vec![0.0; dim]; dim];
        let mut products = self.products.iter();
        for i in 0..dim {
            for (j, product) in (i..dim).zip(&mut products) {
                let covariance = product.value() / n - means[i] * means[j];
                (matrix[i][j], matrix[j][i]) = (covariance, covariance);
            }
        }
        matrix
    }
}

impl Wire for Covariance {
    fn write(&self, out: &mut Writer) -> Result<()> {
        out.number(self.count);
        self.sums.iter().chain(&self.products).for_each(|sum| out.sum(sum));
        Ok(())
    }

    fn read(&mut self, from: &mut Reader<'_>) -> Checked<()> {
        self.count = from.count()?;
        for sum in self.sums.iter_mut().chain(&mut self.products) {
            *sum = from.sum()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `numpy.cov([[1, 2, 3, 6], [4, 1, 1, 0]], bias=True)` of NumPy 2.4.6.
    #[test]
    fn matches_numpy() {
        let mut covariance = Covariance::new(2);
        covariance.update(&[vec![1.0, 2.0, f64::NAN, 3.0, 6.0], vec![4.0, 1.0, 9.0, 1.0, 0.0]]);
        assert_eq!((covariance.count, covariance.means()), (4, vec![3.0, 1.5]));
        assert_eq!(covariance.matrix(), [[3.5, -2.25], [-2.25, 2.25]]);
    }

    #[test]
    fn nothing_does_not_vary() {
        assert_eq!(Covariance::new(1).matrix(), [[0.0]]);
    }
}
