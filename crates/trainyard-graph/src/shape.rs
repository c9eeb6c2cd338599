//! Shapes with a symbolic batch size.

use serde::{Deserialize, Serialize};
use std::fmt;

/// One axis of a [`Shape`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dim {
    /// A size known when the graph is built.
    Fixed(usize),
    /// The rows of a batch, known when the program runs. Only ever the first axis.
    Batch,
    /// The rows of one embedding table that a batch names. Only ever the first axis.
    Rows(u32),
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(size) => write!(f, "{size}"),
            Self::Batch => f.write_str("batch"),
            Self::Rows(_) => f.write_str("rows"),
        }
    }
}

/// The axes of a value, outermost first; no axes for a scalar.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Shape(Vec<Dim>);

/// The shape of a number.
pub(crate) static NUMBER: Shape = Shape(Vec::new());

impl Shape {
    /// A shape of these axes.
    pub fn new(dims: impl Into<Vec<Dim>>) -> Self {
        Self(dims.into())
    }

    /// A shape of fixed sizes.
    pub fn fixed(sizes: &[usize]) -> Self {
        Self(sizes.iter().map(|&size| Dim::Fixed(size)).collect())
    }

    /// The axes.
    pub fn dims(&self) -> &[Dim] {
        &self.0
    }

    /// Number of axes.
    pub fn rank(&self) -> usize {
        self.0.len()
    }

    /// Whether the first axis is the batch.
    pub fn has_batch(&self) -> bool {
        self.0.first() == Some(&Dim::Batch)
    }

    /// The table whose rows the first axis counts.
    pub fn table(&self) -> Option<u32> {
        match self.0.first() {
            Some(&Dim::Rows(table)) => Some(table),
            _ => None,
        }
    }

    /// Elements of one row of a batch or table; of the whole when there is neither. `usize::MAX` when there are more than that.
    pub fn row_len(&self) -> usize {
        let sizes = self.0.iter().map(|dim| if let Dim::Fixed(size) = dim { *size } else { 1 });
        // A size of 0 counts before any product that overflows.
        if sizes.clone().any(|size| size == 0) { 0 } else { sizes.fold(1, usize::saturating_mul) }
    }

    /// The size of the last axis if it is fixed.
    pub fn last(&self) -> Option<usize> {
        match self.0.last() {
            Some(&Dim::Fixed(size)) => Some(size),
            _ => None,
        }
    }

    /// The shape without its last axis.
    pub fn without_last(&self) -> Self {
        Self(self.0[..self.0.len().saturating_sub(1)].to_vec())
    }

    /// The shape with another last axis.
    pub fn with_last(&self, size: usize) -> Self {
        let mut dims = self.without_last().0;
        dims.push(Dim::Fixed(size));
        Self(dims)
    }

    /// How many of the axes are not the batch or the rows of a table.
    pub(crate) fn inner_rank(&self) -> usize {
        self.rank() - self.first_inner()
    }

    /// The place of the first axis of fixed size.
    fn first_inner(&self) -> usize {
        usize::from(matches!(self.0.first(), Some(Dim::Batch | Dim::Rows(_))))
    }

    /// The size of the axis `axis`, counted without the batch.
    pub fn axis_size(&self, axis: usize) -> Option<usize> {
        match self.0.get(self.first_inner().saturating_add(axis)) {
            Some(&Dim::Fixed(size)) => Some(size),
            _ => None,
        }
    }

    /// The shape with another size of the axis `axis`, counted without the batch; the same if there is none.
    pub(crate) fn with_axis(&self, axis: usize, size: usize) -> Self {
        let mut dims = self.0.clone();
        if let Some(dim) = dims.get_mut(self.first_inner().saturating_add(axis)) {
            *dim = Dim::Fixed(size);
        }
        Self(dims)
    }

    /// The shape with an axis of size 1 that becomes the axis `axis`, counted without the batch; the last if there are fewer.
    pub(crate) fn with_new_axis(&self, axis: usize) -> Self {
        let mut dims = self.0.clone();
        dims.insert(self.first_inner().saturating_add(axis).min(self.rank()), Dim::Fixed(1));
        Self(dims)
    }

    /// The shape with a further last axis.
    pub(crate) fn with_new_last(&self, size: usize) -> Self {
        let mut dims = self.0.clone();
        dims.push(Dim::Fixed(size));
        Self(dims)
    }

    /// How the numbers of a row lie around the axis `axis`, counted without the batch.
    pub(crate) fn split_at(&self, axis: usize) -> Option<Split> {
        (axis < self.inner_rank() && self.table().is_none()).then(|| {
            let sizes: Vec<usize> = (0..self.inner_rank()).filter_map(|axis| self.axis_size(axis)).collect();
            Split {
                outer: sizes[..axis].iter().product(),
                size: sizes[axis],
                inner: sizes[axis + 1..].iter().product(),
            }
        })
    }

    /// The shape of an element-wise operation on two values, by NumPy's rule: axes are aligned at the end, and an axis
    /// that is missing or 1 is repeated. `None` when they do not fit.
    pub fn broadcast(&self, other: &Self) -> Option<Self> {
        let rank = self.rank().max(other.rank());
        let axis = |shape: &Self, i: usize| (i + shape.rank()).checked_sub(rank).map(|j| shape.0[j]);
        (0..rank)
            .map(|i| match (axis(self, i), axis(other, i)) {
                (Some(a), Some(b)) if a == b => Some(a),
                (None | Some(Dim::Fixed(1)), Some(dim)) | (Some(dim), None | Some(Dim::Fixed(1))) => Some(dim),
                _ => None,
            })
            .collect::<Option<Vec<_>>>()
            .map(Self)
    }
}

/// The numbers of a row around one axis: `outer` times `size` places of `inner` numbers each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Split {
    /// Product of the axes before it.
    pub outer: usize,
    /// Its size.
    pub size: usize,
    /// Product of the axes behind it.
    pub inner: usize,
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dims: Vec<String> = self.0.iter().map(Dim::to_string).collect();
        write!(f, "[{}]", dims.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(a: &[Dim], b: &[Dim], expected: Option<&[Dim]>) {
        let (a, b) = (Shape::new(a), Shape::new(b));
        assert_eq!(a.broadcast(&b), expected.map(Shape::new));
        assert_eq!(b.broadcast(&a), expected.map(Shape::new));
    }

    #[test]
    fn equal_shapes_stay() {
        check(&[Dim::Batch, Dim::Fixed(3)], &[Dim::Batch, Dim::Fixed(3)], Some(&[Dim::Batch, Dim::Fixed(3)]));
    }

    #[test]
    fn a_vector_is_repeated_for_each_row() {
        check(&[Dim::Batch, Dim::Fixed(3)], &[Dim::Fixed(3)], Some(&[Dim::Batch, Dim::Fixed(3)]));
    }

    #[test]
    fn an_axis_of_one_is_repeated() {
        check(&[Dim::Batch, Dim::Fixed(1)], &[Dim::Batch, Dim::Fixed(3)], Some(&[Dim::Batch, Dim::Fixed(3)]));
    }

    #[test]
    fn a_scalar_fits_everything() {
        check(&[], &[Dim::Batch], Some(&[Dim::Batch]));
    }

    #[test]
    fn axes_are_counted_without_the_batch() {
        let shape = Shape::new([Dim::Batch, Dim::Fixed(2), Dim::Fixed(3), Dim::Fixed(4)]);
        assert_eq!((shape.axis_size(1), shape.axis_size(3), shape.axis_size(usize::MAX)), (Some(3), None, None));
        assert_eq!(shape.split_at(1), Some(Split { outer: 2, size: 3, inner: 4 }));
        assert_eq!(Shape::fixed(&[2, 3]).split_at(0), Some(Split { outer: 1, size: 2, inner: 3 }));
        assert_eq!(shape.split_at(3), None);
        assert_eq!(shape.with_axis(0, 7).to_string(), "[batch, 7, 3, 4]");
        assert_eq!(shape.with_new_axis(1).to_string(), "[batch, 2, 1, 3, 4]");
    }

    #[test]
    fn other_sizes_do_not_fit() {
        check(&[Dim::Fixed(2)], &[Dim::Fixed(3)], None);
        check(&[Dim::Batch], &[Dim::Fixed(3)], None);
    }
}
