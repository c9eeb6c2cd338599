//! Windows that move over one or two axes of an image or a sequence: what pooling shares.

use crate::{Shape, op::only};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// What happens at the ends of an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Padding {
    /// Windows lie inside: `n` places give `⌊(n - window) / stride⌋ + 1`.
    #[default]
    Valid,
    /// Windows reach over both ends, over the far one by at most one place more, so that `n` places give `⌈n / stride⌉`. What
    /// is beyond the ends does not count, neither for a maximum nor for a mean.
    Same,
}

/// Windows over the last one or two axes before the channels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pooling {
    /// Sizes of the axes that windows move over.
    pub sizes: Vec<usize>,
    /// Last axis.
    pub channels: usize,
    /// Size of the window along each of the axes.
    pub window: Vec<usize>,
    /// Places from one window to the next along each of the axes.
    pub strides: Vec<usize>,
    /// What happens at the ends.
    pub padding: Padding,
}

impl Pooling {
    /// Windows over as many axes of `x` as `window` has.
    pub(super) fn new(x: &Shape, window: &[usize], strides: &[usize], padding: Padding) -> Self {
        let sizes = (0..window.len()).map(|axis| x.axis_size(axis).unwrap_or(0)).collect();
        Self { sizes, channels: x.last().unwrap_or(0), window: window.to_vec(), strides: strides.to_vec(), padding }
    }

    /// The shape of the pooled value.
    pub(super) fn pooled(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        let x = only(inputs)?;
        let n_axes = self.sizes.len();
        let expected = [&self.sizes[..], &[self.channels]].concat();
        let fits = x.table().is_none()
            && (1..=2).contains(&n_axes)
            && x.rank() == usize::from(x.has_batch()) + n_axes + 1
            && (0..=n_axes).all(|axis| x.axis_size(axis) == Some(expected[axis]));
        let windows_fit = self.window.len() == n_axes
            && self.strides.len() == n_axes
            && (0..n_axes).all(|axis| self.sweep(axis).is_sound(self.padding));
        if fits && windows_fit {
            return Ok((0..n_axes).fold(x.clone(), |shape, axis| shape.with_axis(axis, self.sweep(axis).places)));
        }
        Err("[batch, length, channels] or [batch, height, width, channels], windows that are not larger, and strides from 1"
            .to_owned())
    }

    /// Numbers of one example before pooling.
    pub(super) fn row_len(&self) -> usize {
        self.sizes.iter().product::<usize>() * self.channels
    }

    /// Numbers of one example after it.
    pub(super) fn pooled_len(&self) -> usize {
        (0..self.sizes.len()).map(|axis| self.sweep(axis).places).product::<usize>() * self.channels
    }

    /// Calls `f` with each window: the range of its numbers' channels in the pooled value, and the places that it covers.
    #[inline(always)]
    pub(super) fn each_window(&self, mut f: impl FnMut(Range<usize>, Covered)) {
        let n_axes = self.sizes.len();
        let across = self.sweep(n_axes - 1);
        let down = if n_axes == 2 { self.sweep(0) } else { Sweep::TRIVIAL };
        let mut start = 0;
        for row in 0..down.places {
            for column in 0..across.places {
                let covered = Covered { rows: down.covered(row), columns: across.covered(column), width: across.size };
                f(start..start + self.channels, covered);
                start += self.channels;
            }
        }
    }

    fn sweep(&self, axis: usize) -> Sweep {
        Sweep::new(self.sizes[axis], self.window[axis], self.strides[axis], self.padding)
    }
}

/// The places that a window covers.
pub(super) struct Covered {
    rows: Range<usize>,
    columns: Range<usize>,
    width: usize,
}

impl Covered {
    /// How many there are, at least 1.
    #[inline(always)]
    pub(super) fn len(&self) -> usize {
        self.rows.len() * self.columns.len()
    }

    /// Calls `f` with each place, row by row.
    #[inline(always)]
    pub(super) fn each(&self, mut f: impl FnMut(usize)) {
        for row in self.rows.clone() {
            for column in self.columns.clone() {
                f(row * self.width + column);
            }
        }
    }

    /// The first place.
    #[inline(always)]
    pub(super) fn first(&self) -> usize {
        self.rows.start * self.width + self.columns.start
    }
}

/// A window that moves along one axis.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Sweep {
    size: usize,
    window: usize,
    stride: usize,
    /// Places of the first window in front of the axis.
    before: usize,
    /// How many windows there are.
    places: usize,
}

impl Sweep {
    /// Along an axis of one place.
    const TRIVIAL: Self = Self { size: 1, window: 1, stride: 1, before: 0, places: 1 };

    fn new(size: usize, window: usize, stride: usize, padding: Padding) -> Self {
        let places = match padding {
            Padding::Valid => size.saturating_sub(window) / stride.max(1) + 1,
            Padding::Same => size.div_ceil(stride.max(1)),
        };
        let reach = places.saturating_sub(1).saturating_mul(stride).saturating_add(window);
        Self { size, window, stride, before: reach.saturating_sub(size) / 2, places }
    }

    /// A window that lies inside, or reaches beyond the ends by less than the axis.
    fn is_sound(&self, padding: Padding) -> bool {
        let longest = if padding == Padding::Valid { self.size } else { 2 * self.size };
        (1..=longest).contains(&self.window) && self.stride > 0
    }

    #[inline(always)]
    fn covered(&self, place: usize) -> Range<usize> {
        let start = place * self.stride;
        start.saturating_sub(self.before)..(start + self.window - self.before).min(self.size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(size: usize, window: usize, stride: usize, padding: Padding, expected: &[Range<usize>]) {
        let sweep = Sweep::new(size, window, stride, padding);
        assert_eq!((0..sweep.places).map(|place| sweep.covered(place)).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn valid_windows_lie_inside() {
        check(5, 2, 2, Padding::Valid, &[0..2, 2..4]);
        check(5, 3, 1, Padding::Valid, &[0..3, 1..4, 2..5]);
        check(7, 3, 4, Padding::Valid, &[0..3, 4..7]);
    }

    #[test]
    fn same_windows_reach_over_the_far_end_first() {
        // TensorFlow's rule: https://www.tensorflow.org/api_docs/python/tf/nn#notes_on_padding_2
        check(5, 2, 2, Padding::Same, &[0..2, 2..4, 4..5]);
        check(4, 3, 1, Padding::Same, &[0..2, 0..3, 1..4, 2..4]);
        check(4, 3, 2, Padding::Same, &[0..3, 2..4]);
        check(4, 1, 3, Padding::Same, &[0..1, 3..4]);
        check(2, 4, 1, Padding::Same, &[0..2, 0..2]);
    }
}
