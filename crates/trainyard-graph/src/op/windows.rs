//! Where windows lie that move over an input along one or two axes.

use crate::device::gemm::Axis;
use crate::{Dim, Shape};
use serde::{Deserialize, Serialize};

/// Zeros around an input of `N` axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ConvPadding<const N: usize> {
    /// None: windows stay inside of the input.
    #[default]
    Valid,
    /// So many that there are `size / stride` windows along an axis, rounded up. Of an odd number of zeros the one more stands
    /// behind the input, which is TensorFlow's rule.
    Same,
    /// This many in front of and behind each axis.
    Explicit([(usize, usize); N]),
}

/// How windows move along `N` axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Windows<const N: usize> {
    /// Distance of neighbouring windows. Positive, 1 unless said otherwise.
    pub strides: [usize; N],
    /// Distance of neighbouring numbers in a window. Positive, 1 unless said otherwise.
    pub dilations: [usize; N],
    /// Zeros around the input. None unless said otherwise.
    pub padding: ConvPadding<N>,
}

impl<const N: usize> Default for Windows<N> {
    fn default() -> Self {
        Self { strides: [1; N], dilations: [1; N], padding: ConvPadding::Valid }
    }
}

impl<const N: usize> Windows<N> {
    /// The windows of `window` numbers along axis `i` of an input of `size`.
    pub(super) fn axis(&self, i: usize, size: usize, window: usize) -> WindowAxis {
        let (stride, dilation) = (self.strides[i], self.dilations[i]);
        let (before, after) = match self.padding {
            ConvPadding::Valid => (0, 0),
            ConvPadding::Same => same(size, window, stride, dilation),
            ConvPadding::Explicit(zeros) => zeros[i],
        };
        WindowAxis { size, window, stride, dilation, before, after }
    }
}

/// The zeros in front and behind with which there are `size / stride` windows, rounded up.
fn same(size: usize, window: usize, stride: usize, dilation: usize) -> (usize, usize) {
    let reach = window.saturating_sub(1).saturating_mul(dilation).saturating_add(1);
    let last_start = size.div_ceil(stride.max(1)).saturating_sub(1).saturating_mul(stride);
    let zeros = last_start.saturating_add(reach).saturating_sub(size);
    (zeros / 2, zeros - zeros / 2)
}

/// Windows along one axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WindowAxis {
    /// Size of the input.
    pub size: usize,
    /// Numbers in a window.
    pub window: usize,
    /// Distance of neighbouring windows.
    pub stride: usize,
    /// Distance of neighbouring numbers in a window.
    pub dilation: usize,
    /// Zeros in front of the input.
    pub before: usize,
    /// Zeros behind it.
    pub after: usize,
}

impl WindowAxis {
    /// The axis that an input without one would have.
    const NONE: Self = Self { size: 1, window: 1, stride: 1, dilation: 1, before: 0, after: 0 };

    /// Size of the input with its zeros.
    const fn padded(&self) -> usize {
        self.before + self.size + self.after
    }

    /// Numbers from a window's first to its last.
    const fn reach(&self) -> usize {
        (self.window - 1) * self.dilation + 1
    }

    /// Number of windows.
    pub(super) const fn positions(&self) -> usize {
        (self.padded() - self.reach()) / self.stride + 1
    }

    /// Says what is wrong with the numbers, if any would overflow or no window has room.
    fn check(&self, name: &str) -> Result<(), String> {
        if [self.size, self.window, self.stride, self.dilation].contains(&0) {
            return Err(format!("a size, window, stride and dilation of 1 or more along the {name}"));
        }
        let padded = self.before.checked_add(self.size).and_then(|end| end.checked_add(self.after));
        let padded = padded.ok_or_else(|| format!("fewer zeros around the {name}"))?;
        let reach = (self.window - 1).checked_mul(self.dilation).and_then(|last| last.checked_add(1));
        match reach {
            Some(reach) if reach <= padded => Ok(()),
            _ => Err(format!(
                "windows that reach over at most {padded} along the {name}, zeros included, and not a window of {} with \
                 dilation {}",
                self.window, self.dilation
            )),
        }
    }
}

/// Numbers in an input with its zeros at most: 4 GiB.
const PADDED_LEN_MAX: usize = 1 << 30;

/// The windows of a convolution: of an input `[.., height, width, channels]`, or `[.., width, channels]` without a height.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConvWindows {
    /// Along the height, if there is one.
    pub height: Option<WindowAxis>,
    /// Along the width.
    pub width: WindowAxis,
    /// Last axis of the input.
    pub channels: usize,
    /// Last axis of the value.
    pub filters: usize,
    /// Groups of neighbouring channels, each of which has filters of its own.
    pub groups: usize,
}

impl ConvWindows {
    /// Checks the shapes of input and weights, and that there is a window; the shape of the value.
    pub(super) fn check(&self, x: &Shape, w: &Shape) -> Result<Shape, String> {
        if w.rank() != x.rank() {
            return Err(self.expected_shapes());
        }
        self.check_input(x)?;
        if *w != self.weights_shape() {
            return Err(format!("weights {}, channels / groups by filters", self.weights_shape()));
        }
        Ok(self.value_shape(x))
    }

    /// Checks the input and that there is a window.
    pub(super) fn check_input(&self, x: &Shape) -> Result<(), String> {
        if x.table().is_some() || *x != self.input_shape(x) {
            return Err(self.expected_shapes());
        }
        let (channels, filters, groups) = (self.channels, self.filters, self.groups);
        if groups == 0 || !channels.is_multiple_of(groups) || !filters.is_multiple_of(groups) {
            return Err(format!("a number of groups that divides {channels} channels and {filters} filters"));
        }
        self.height.map_or(Ok(()), |axis| axis.check("height"))?;
        self.width.check(if self.height.is_some() { "width" } else { "length" })?;
        let len = self.rows().padded().checked_mul(self.width.padded()).and_then(|len| len.checked_mul(channels));
        match len {
            Some(len) if len <= PADDED_LEN_MAX => Ok(()),
            _ => Err(format!("at most {PADDED_LEN_MAX} numbers in an input with its zeros")),
        }
    }

    fn expected_shapes(&self) -> String {
        let axes = if self.height.is_some() { "height, width" } else { "length" };
        format!("a value [batch, {axes}, channels] and weights [{axes}, channels / groups, filters]")
    }

    /// The shape of an input whose first axis is that of `like`.
    pub(super) fn input_shape(&self, like: &Shape) -> Shape {
        self.with_first(like, self.height.map(|axis| axis.size), self.width.size, self.channels)
    }

    /// The shape of a value whose first axis is that of `like`.
    pub(super) fn value_shape(&self, like: &Shape) -> Shape {
        self.with_first(like, self.height.map(|axis| axis.positions()), self.width.positions(), self.filters)
    }

    fn with_first(&self, like: &Shape, height: Option<usize>, width: usize, last: usize) -> Shape {
        let first = like.dims().first().copied().unwrap_or(Dim::Batch);
        let sizes = height.into_iter().chain([width, last]).map(Dim::Fixed);
        Shape::new([first].into_iter().chain(sizes).collect::<Vec<_>>())
    }

    /// `[window.., channels / groups, filters]`.
    pub(super) fn weights_shape(&self) -> Shape {
        self.window_shape(self.group_channels(), self.filters)
    }

    /// `[window.., filters, channels / groups]`.
    pub(super) fn turned_shape(&self) -> Shape {
        self.window_shape(self.filters, self.group_channels())
    }

    fn window_shape(&self, from: usize, to: usize) -> Shape {
        let height = self.height.map(|axis| axis.window);
        Shape::fixed(&height.into_iter().chain([self.width.window, from, to]).collect::<Vec<_>>())
    }

    const fn rows(&self) -> WindowAxis {
        match self.height {
            Some(height) => height,
            None => WindowAxis::NONE,
        }
    }

    /// Channels that a filter reads.
    pub(super) const fn group_channels(&self) -> usize {
        self.channels / self.groups
    }

    /// Filters that read a channel.
    pub(super) const fn group_filters(&self) -> usize {
        self.filters / self.groups
    }

    /// Whether each channel has filters of its own.
    pub(super) const fn is_depthwise(&self) -> bool {
        self.groups > 1 && self.groups == self.channels
    }

    /// Windows of an example.
    pub(super) const fn positions(&self) -> usize {
        self.rows().positions() * self.width.positions()
    }

    /// Numbers of an example.
    pub(super) const fn input_len(&self) -> usize {
        self.rows().size * self.width.size * self.channels
    }

    /// Numbers of an example with its zeros.
    const fn padded_len(&self) -> usize {
        self.rows().padded() * self.width.padded() * self.channels
    }

    /// Numbers of an example's value.
    pub(super) const fn value_len(&self) -> usize {
        self.positions() * self.filters
    }

    const fn is_padded(&self) -> bool {
        self.padded_len() > self.input_len()
    }

    /// Memory for an example with its zeros: nothing where there are none.
    pub(super) const fn scratch_len(&self) -> usize {
        if self.is_padded() { self.padded_len() } else { 0 }
    }

    /// Distance of rows of an input with its zeros.
    const fn row_stride(&self) -> usize {
        self.width.padded() * self.channels
    }

    /// Where in an input with its zeros the windows begin. A stride beyond the input is never taken, so it may be shortened.
    pub(super) fn starts(&self) -> Axis {
        let (down, right) = (self.rows(), self.width);
        Axis::nested([
            (1, 0),
            (down.positions(), down.stride.min(down.padded()) * self.row_stride()),
            (right.positions(), right.stride.min(right.padded()) * self.channels),
        ])
    }

    /// Where in an input with its zeros window `position` begins.
    pub(super) const fn start(&self, position: usize) -> usize {
        let (down, right) = (self.rows(), self.width);
        let (y, x) = (position / right.positions(), position % right.positions());
        y * down.stride * self.row_stride() + x * right.stride * self.channels
    }

    /// Where the numbers of a window that one group reads lie, from the beginning of the window.
    pub(super) fn inside(&self) -> Axis {
        let (down, right) = ((self.rows().window, self.tap_stride_down()), self.width.window);
        let is_contiguous = self.groups == 1 && self.width.dilation == 1;
        match is_contiguous {
            true => Axis::nested([(1, 0), down, (right * self.channels, 1)]),
            false => Axis::nested([down, (right, self.tap_stride_right()), (self.group_channels(), 1)]),
        }
    }

    /// Where the places of a window lie, from the beginning of the window.
    pub(super) fn tap_starts(&self) -> impl Iterator<Item = usize> + use<> {
        let (down, right) = (self.tap_stride_down(), self.tap_stride_right());
        let (height, width) = (self.rows().window, self.width.window);
        (0..height).flat_map(move |y| (0..width).map(move |x| y * down + x * right))
    }

    fn tap_stride_down(&self) -> usize {
        self.rows().dilation.min(self.rows().padded()) * self.row_stride()
    }

    fn tap_stride_right(&self) -> usize {
        self.width.dilation.min(self.width.padded()) * self.channels
    }

    /// An example with its zeros: in `scratch`, whose zeros are there already, or `x` where there are none.
    pub(super) fn padded<'a>(&self, x: &'a [f32], scratch: &'a mut [f32]) -> &'a [f32] {
        if !self.is_padded() {
            return x;
        }
        let rows = x.chunks_exact(self.width.size * self.channels);
        self.inner_rows(scratch).zip(rows).for_each(|(to, from)| to.copy_from_slice(from));
        scratch
    }

    /// Copies what is not padding to `x`.
    pub(super) fn crop(&self, scratch: &mut [f32], x: &mut [f32]) {
        let rows = x.chunks_exact_mut(self.width.size * self.channels);
        self.inner_rows(scratch).zip(rows).for_each(|(from, to)| to.copy_from_slice(from));
    }

    /// The rows of an input with its zeros, without the zeros.
    fn inner_rows<'a>(&self, scratch: &'a mut [f32]) -> impl Iterator<Item = &'a mut [f32]> + use<'a> {
        let (first, len) = (self.width.before * self.channels, self.width.size * self.channels);
        let rows = scratch.chunks_exact_mut(self.row_stride()).skip(self.rows().before).take(self.rows().size);
        rows.map(move |row| &mut row[first..first + len])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(padding: ConvPadding<1>, size: usize, window: usize, stride: usize, expected: (usize, usize, usize)) {
        let axis = Windows { strides: [stride], padding, ..Windows::default() }.axis(0, size, window);
        assert_eq!((axis.before, axis.after, axis.positions()), expected);
    }

    #[test]
    fn same_padding_puts_the_odd_zero_behind() {
        // TensorFlow 2: `tf.nn.convolution`, "Same padding".
        check(ConvPadding::Same, 5, 3, 1, (1, 1, 5));
        check(ConvPadding::Same, 5, 2, 1, (0, 1, 5));
        check(ConvPadding::Same, 6, 3, 2, (0, 1, 3));
        check(ConvPadding::Same, 7, 3, 2, (1, 1, 4));
        check(ConvPadding::Same, 5, 1, 3, (0, 0, 2));
    }

    #[test]
    fn windows_stay_inside_of_input_and_padding() {
        check(ConvPadding::Valid, 7, 3, 2, (0, 0, 3));
        check(ConvPadding::Explicit([(0, 4)]), 2, 5, 1, (0, 4, 2));
    }

    #[test]
    fn numbers_that_overflow_are_refused() {
        for window in [0, 4, usize::MAX] {
            for stride in [0, 1, usize::MAX] {
                for dilation in [0, 3, usize::MAX] {
                    for padding in [
                        ConvPadding::Valid,
                        ConvPadding::Same,
                        ConvPadding::Explicit([(usize::MAX, 1)]),
                        ConvPadding::Explicit([(0, 1)]),
                    ] {
                        let axis = Windows { strides: [stride], dilations: [dilation], padding }.axis(0, 3, window);
                        let fits = (window, dilation, padding) == (4, 3, ConvPadding::Same) && stride > 0;
                        assert_eq!(axis.check("length").is_ok(), fits, "{axis:?}");
                    }
                }
            }
        }
    }
}
