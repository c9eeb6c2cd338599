//! The second matrix of products.

use crate::device::gemm::Matrix;

/// Which input of an operation is the second matrix of products, and how it lies there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Weights {
    /// The input.
    pub(crate) input: usize,
    /// Numbers in a row of it.
    pub(crate) width: usize,
    /// Whether its transpose is the matrix.
    pub(crate) transposed: bool,
}

impl Weights {
    /// Input `input`, in rows of `width` numbers.
    pub(crate) fn new(input: usize, width: usize) -> Self {
        Self { input, width, transposed: false }
    }

    /// The matrix, whose numbers are `values`.
    pub(crate) fn matrix(self, values: &[f32]) -> Matrix<'_> {
        Matrix::new(values, self.width).transposed_if(self.transposed)
    }

    /// Whether the matrix lies in its input as another does: one packed form serves both.
    pub(crate) fn lies_as(self, other: Self) -> bool {
        (self.width, self.transposed) == (other.width, other.transposed)
    }

    /// Columns of the matrix, of `len` numbers.
    pub(crate) fn columns(self, len: usize) -> usize {
        if self.transposed { len / self.width.max(1) } else { self.width }
    }
}
