//! Convolutions along one or two axes.
//!
//! The windows of an example are a matrix that need not be copied: its rows overlap in memory. So are the places that one
//! number of each window has, which is where the gradient of the input goes. Only padding is copied, an example at a time.

use super::activate::activation_gradient;
use super::depthwise;
use super::windows::{ConvWindows, Windows};
use super::{Activation, Op, Operation, Weights, no_gradient};
use crate::device::Call;
use crate::device::gemm::{self, Axis, Matrix, Target};
use crate::{Dim, Graph, NodeId, Result, Shape};
use serde::{Deserialize, Serialize};

/// `activation(windows(x)·w + b)`: the activation is applied while an example is in cache.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Conv {
    /// Applied at the end.
    pub activation: Activation,
    /// Whether there is a bias.
    pub bias: bool,
    /// The windows.
    pub windows: ConvWindows,
}

/// The gradient for a convolution's input, from that for its value (input 0) and its weights with the last two axes swapped.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ConvInputGrad {
    /// The windows.
    pub windows: ConvWindows,
}

/// The gradient for a convolution's weights, from its input and the gradient for its value (input 1): a sum over the batch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ConvWeightsGrad {
    /// The windows.
    pub windows: ConvWindows,
}

impl Graph {
    /// A convolution along one axis, as machine learning has it: windows are not turned round.
    ///
    /// `value[t, f] = activation(bias[f] + Σ x[t·stride + k·dilation - zeros in front, c]·w[k, c, f])`, over `k` and the
    /// channels `c` of the filter's group. There are `channels / in` groups of neighbouring channels, and as many of neighbouring
    /// filters.
    ///
    /// # Shapes
    /// - x: `[batch, length, channels]`
    /// - w: `[window, in, filters]`
    /// - bias: `[filters]`
    /// - returns: `[batch, windows, filters]`, where without padding there are `(length - (window - 1)·dilation - 1) / stride + 1`
    ///   windows, rounded down
    ///
    /// # Errors
    ///
    /// When the shapes do not fit, a stride or dilation is 0, or no window has room.
    pub fn conv1d(
        &mut self,
        x: NodeId,
        w: NodeId,
        bias: Option<NodeId>,
        windows: &Windows<1>,
        activation: Activation,
    ) -> Result<NodeId> {
        let [size, channels] = last_sizes(self.shape(x));
        let [window, inputs, filters] = last_sizes(self.shape(w));
        let width = windows.axis(0, size, window);
        let groups = channels.checked_div(inputs).unwrap_or(0);
        self.conv(x, w, bias, ConvWindows { height: None, width, channels, filters, groups }, activation)
    }

    /// A convolution along two axes; see [`conv1d`](Self::conv1d).
    ///
    /// # Shapes
    /// - x: `[batch, height, width, channels]`
    /// - w: `[window height, window width, in, filters]`
    /// - bias: `[filters]`
    /// - returns: `[batch, windows down, windows right, filters]`
    ///
    /// # Errors
    ///
    /// When the shapes do not fit, a stride or dilation is 0, or no window has room.
    pub fn conv2d(
        &mut self,
        x: NodeId,
        w: NodeId,
        bias: Option<NodeId>,
        windows: &Windows<2>,
        activation: Activation,
    ) -> Result<NodeId> {
        let [height, width, channels] = last_sizes(self.shape(x));
        let [down, right, inputs, filters] = last_sizes(self.shape(w));
        let (height, width) = (Some(windows.axis(0, height, down)), windows.axis(1, width, right));
        let groups = channels.checked_div(inputs).unwrap_or(0);
        self.conv(x, w, bias, ConvWindows { height, width, channels, filters, groups }, activation)
    }

    fn conv(
        &mut self,
        x: NodeId,
        w: NodeId,
        bias: Option<NodeId>,
        windows: ConvWindows,
        activation: Activation,
    ) -> Result<NodeId> {
        if activation.slope_reads_argument() {
            let sums = self.conv(x, w, bias, windows, Activation::Linear)?;
            return self.activate(sums, activation);
        }
        let inputs: Vec<NodeId> = [x, w].into_iter().chain(bias).collect();
        self.apply(Op::Conv(Conv { activation, bias: bias.is_some(), windows }), &inputs)
    }
}

/// The last `N` sizes; zeros where there are fewer, which no shape fits.
fn last_sizes<const N: usize>(shape: &Shape) -> [usize; N] {
    let dims = shape.dims();
    std::array::from_fn(|i| match (i + dims.len()).checked_sub(N).map(|axis| dims[axis]) {
        Some(Dim::Fixed(size)) => size,
        _ => 0,
    })
}

impl Operation for Conv {
    fn name(&self) -> &'static str {
        if self.windows.height.is_some() { "conv2d" } else { "conv1d" }
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        self.activation.check_fused()?;
        let (x, w) = match (inputs, self.bias) {
            ([x, w, bias], true) if **bias == Shape::fixed(&[self.windows.filters]) => (x, w),
            ([x, w], false) => (x, w),
            _ => return Err(format!("a value, weights and a bias [{}] if there is one", self.windows.filters)),
        };
        self.windows.check(x, w)
    }

    fn gradient(&self, graph: &mut Graph, node: NodeId, upstream: NodeId) -> Result<Vec<Option<NodeId>>> {
        let (x, w) = (graph.node(node).inputs[0], graph.node(node).inputs[1]);
        let inner = activation_gradient(graph, self.activation, node, upstream)?;
        let windows = self.windows;
        let last = graph.shape(w).rank() - 1;
        let axes: Vec<usize> = (0..last - 1).chain([last, last - 1]).collect();
        let turned = graph.transpose(w, &axes)?;
        let for_x = graph.apply(Op::ConvInputGrad(ConvInputGrad { windows }), &[inner, turned])?;
        let for_w = graph.apply(Op::ConvWeightsGrad(ConvWeightsGrad { windows }), &[x, inner])?;
        let mut gradients = vec![Some(for_x), Some(for_w)];
        if self.bias {
            gradients.push(Some(graph.sum_to(inner, Shape::fixed(&[windows.filters]))?));
        }
        Ok(gradients)
    }

    fn scratch_len(&self) -> usize {
        self.windows.scratch_len()
    }

    fn scratch_is_per_row(&self) -> bool {
        false
    }

    fn weights(&self) -> Option<Weights> {
        (self.windows.groups == 1).then_some(Weights::new(1, self.windows.filters))
    }

    fn run(&self, call: &mut Call<'_>) {
        let windows = &self.windows;
        let (x, w, filters) = (call.input(0), call.weights(Weights::new(1, windows.filters)), call.input(1));
        let bias = if self.bias { call.input(2) } else { &[] };
        call.scratch.fill(0.0);
        let examples = x.chunks_exact(windows.input_len());
        for (x, y) in examples.zip(call.output.chunks_exact_mut(windows.value_len())) {
            match bias {
                [] => y.fill(0.0),
                _ => y.chunks_exact_mut(windows.filters).for_each(|row| row.copy_from_slice(bias)),
            }
            let x = windows.padded(x, call.scratch);
            match windows.is_depthwise() {
                true => depthwise::add_values(windows, x, filters, y),
                false => add_values(windows, x, w, y),
            }
            self.activation.apply(y);
        }
    }
}

/// Adds the products of the windows of `x` with `w` to `y`.
fn add_values(windows: &ConvWindows, x: &[f32], w: Matrix<'_>, y: &mut [f32]) {
    let (starts, inside) = (windows.starts(), windows.inside());
    for group in 0..windows.groups {
        let filters = windows.group_filters();
        let a = Matrix::view(&x[group * windows.group_channels()..], starts, inside);
        let b = if windows.groups == 1 { w } else { w.columns_from(group * filters, filters) };
        gemm::multiply_into(a, b, target(y, windows.filters, group * filters, filters));
    }
}

/// Columns from `first` on of a matrix whose rows are `width` long.
fn columns(values: &[f32], width: usize, first: usize, n: usize) -> Matrix<'_> {
    Matrix::view(&values[first..], Axis::new(values.len() / width, width), Axis::new(n, 1))
}

/// The same of a result to which products are added.
fn target(values: &mut [f32], width: usize, first: usize, n: usize) -> Target<'_> {
    let rows = Axis::new(values.len() / width, width);
    Target::view(&mut values[first..], rows, n, true)
}

impl Operation for ConvInputGrad {
    fn name(&self) -> &'static str {
        "conv_input_grad"
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        let [upstream, turned] = inputs else { return Err("a gradient and weights".to_owned()) };
        let x = self.windows.input_shape(upstream);
        self.windows.check_input(&x)?;
        let (value, weights) = (self.windows.value_shape(&x), self.windows.turned_shape());
        if **upstream == value && **turned == weights {
            return Ok(x);
        }
        Err(format!("{value} and {weights}"))
    }

    fn gradient(&self, _graph: &mut Graph, _node: NodeId, _upstream: NodeId) -> Result<Vec<Option<NodeId>>> {
        Err(no_gradient(self.name()))
    }

    fn scratch_len(&self) -> usize {
        self.windows.scratch_len()
    }

    fn scratch_is_per_row(&self) -> bool {
        false
    }

    fn run(&self, call: &mut Call<'_>) {
        let windows = &self.windows;
        let (upstream, turned) = (call.input(0), call.input(1));
        let examples = upstream.chunks_exact(windows.value_len());
        for (upstream, x) in examples.zip(call.output.chunks_exact_mut(windows.input_len())) {
            let is_padded = !call.scratch.is_empty();
            let sums = if is_padded { &mut *call.scratch } else { &mut *x };
            sums.fill(0.0);
            match windows.is_depthwise() {
                true => depthwise::add_input_gradient(windows, upstream, turned, sums),
                false => add_input_gradient(windows, upstream, turned, sums),
            }
            if is_padded {
                windows.crop(call.scratch, x);
            }
        }
    }
}

/// For each place of the windows, adds the products of `upstream` with its weights to that place of all windows: these do not
/// overlap, as whole windows do.
fn add_input_gradient(windows: &ConvWindows, upstream: &[f32], turned: &[f32], sums: &mut [f32]) {
    let (filters, channels) = (windows.group_filters(), windows.group_channels());
    let weights = turned.chunks_exact(windows.filters * channels);
    for (start, weights) in windows.tap_starts().zip(weights) {
        for (group, weights) in weights.chunks_exact(filters * channels).enumerate() {
            let a = columns(upstream, windows.filters, group * filters, filters);
            let out = Target::view(&mut sums[start + group * channels..], windows.starts(), channels, true);
            gemm::multiply_into(a, Matrix::new(weights, channels), out);
        }
    }
}

impl Operation for ConvWeightsGrad {
    fn name(&self) -> &'static str {
        "conv_weights_grad"
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        let [x, upstream] = inputs else { return Err("an input and a gradient".to_owned()) };
        self.windows.check_input(x)?;
        let value = self.windows.value_shape(x);
        if **upstream == value { Ok(self.windows.weights_shape()) } else { Err(format!("{x} and {value}")) }
    }

    fn gradient(&self, _graph: &mut Graph, _node: NodeId, _upstream: NodeId) -> Result<Vec<Option<NodeId>>> {
        Err(no_gradient(self.name()))
    }

    fn scratch_len(&self) -> usize {
        self.windows.scratch_len()
    }

    fn scratch_is_per_row(&self) -> bool {
        false
    }

    fn run(&self, call: &mut Call<'_>) {
        let windows = &self.windows;
        let (x, upstream) = (call.input(0), call.input(1));
        call.scratch.fill(0.0);
        call.output.fill(0.0);
        let examples = x.chunks_exact(windows.input_len()).zip(upstream.chunks_exact(windows.value_len()));
        for (x, upstream) in examples {
            let x = windows.padded(x, call.scratch);
            match windows.is_depthwise() {
                true => depthwise::add_weights_gradient(windows, x, upstream, call.output),
                false => add_weights_gradient(windows, x, upstream, call.output),
            }
        }
    }
}

/// Adds the products of the transposed windows of `x` with `upstream` to `sums`.
fn add_weights_gradient(windows: &ConvWindows, x: &[f32], upstream: &[f32], sums: &mut [f32]) {
    let (starts, inside) = (windows.starts(), windows.inside());
    for group in 0..windows.groups {
        let filters = windows.group_filters();
        let a = Matrix::view(&x[group * windows.group_channels()..], inside, starts);
        let b = columns(upstream, windows.filters, group * filters, filters);
        gemm::multiply_into(a, b, target(sums, windows.filters, group * filters, filters));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Case;
    use crate::{ConvPadding, Cpu, Device, FeedMap, Mode, gradients, random};

    fn numbers(name: &str, n: usize) -> Vec<f32> {
        let stream = random::stream(1, name);
        (0..n as u64).map(|i| random::normal(stream, i)).collect()
    }

    fn dims(sizes: &[usize]) -> Vec<Dim> {
        [Dim::Batch].into_iter().chain(sizes.iter().map(|&size| Dim::Fixed(size))).collect()
    }

    fn case_2d(x: [usize; 3], w: [usize; 4], windows: Windows<2>, activation: Activation) -> Case {
        let (x_dims, w_dims) = (dims(&x), Shape::fixed(&w));
        let (x, weights) = (numbers("x", 3 * x.iter().product::<usize>()), numbers("w", w.iter().product()));
        let bias = numbers("bias", w[3]);
        let given = [(&x_dims[..], &x[..]), (w_dims.dims(), &weights), (&[Dim::Fixed(w[3])], &bias)];
        Case::new(&given, |g, x| g.conv2d(x[0], x[1], Some(x[2]), &windows, activation))
    }

    #[test]
    fn windows_of_a_sequence_are_weighted_and_summed() {
        let x = (&[Dim::Batch, Dim::Fixed(4), Dim::Fixed(1)][..], &[1.0, 2.0, 3.0, 4.0][..]);
        let w = (&[Dim::Fixed(2), Dim::Fixed(1), Dim::Fixed(1)][..], &[10.0, 1.0][..]);
        let case =
            |windows| Case::binary(x, w, move |g, x, w| g.conv1d(x, w, None, &windows, Activation::Linear)).values();
        assert_eq!(case(Windows::default()), [12.0, 23.0, 34.0]);
        assert_eq!(case(Windows { padding: ConvPadding::Same, ..Windows::default() }), [12.0, 23.0, 34.0, 40.0]);
        assert_eq!(case(Windows { dilations: [2], ..Windows::default() }), [13.0, 24.0]);
        assert_eq!(case(Windows { strides: [2], ..Windows::default() }), [12.0, 34.0]);
    }

    #[test]
    fn gradients_match_finite_differences() {
        let same = Windows { strides: [2, 1], padding: ConvPadding::Same, ..Windows::default() };
        case_2d([4, 3, 2], [3, 2, 2, 5], same, Activation::Tanh).check_gradients();
        case_2d([4, 3, 2], [3, 2, 2, 3], Windows::default(), Activation::Softplus).check_gradients();
        case_2d([3, 4, 4], [2, 2, 2, 6], same, Activation::Linear).check_gradients();
        case_2d([3, 3, 3], [2, 2, 1, 3], same, Activation::Sigmoid).check_gradients();
        case_2d([3, 3, 2], [2, 2, 1, 4], same, Activation::Linear).check_gradients();
    }

    /// Value and gradients of a network of two convolutions.
    fn run(lanes: usize, rows: usize) -> Result<Vec<Vec<f32>>> {
        let mut graph = Graph::new();
        let x = graph.input("x", &dims(&[9, 5]))?;
        let (w, b, v) = (graph.param("w", &[3, 5, 6])?, graph.param("b", &[6])?, graph.param("v", &[2, 1, 6])?);
        let same = Windows { padding: ConvPadding::Same, ..Windows::default() };
        let hidden = graph.conv1d(x, w, Some(b), &same, Activation::Relu)?;
        let value = graph.conv1d(hidden, v, None, &Windows::default(), Activation::Linear)?;
        let squares = graph.square(value)?;
        let loss = graph.sum_all(squares)?;
        let outputs = [vec![value], gradients(&mut graph, loss, &[x, w, b, v])?].concat();
        let feeds = FeedMap::new(&graph, rows).floats(x, &numbers("x", rows * 45));
        let feeds = feeds.floats(w, &numbers("w", 90)).floats(b, &numbers("b", 6)).floats(v, &numbers("v", 12));
        let mut program = Cpu::new(lanes).with_micro_batch(4).compile(&graph, &outputs)?;
        program.run(&feeds, Mode::Inference)?;
        Ok((0..outputs.len()).map(|i| program.output(i).to_vec()).collect())
    }

    #[test]
    fn results_have_the_same_bits_for_any_number_of_lanes() {
        for rows in [0, 1, 4, 7, 70] {
            let one = run(1, rows).unwrap();
            assert!(one.iter().flatten().all(|x| x.is_finite()));
            for lanes in [2, 3, 8] {
                assert_eq!(run(lanes, rows).unwrap(), one, "{lanes} lanes, {rows} rows");
            }
        }
    }

    #[test]
    fn an_example_does_not_depend_on_its_neighbours() {
        assert_eq!(run(1, 1).unwrap()[0], run(1, 7).unwrap()[0][..48]);
    }

    #[test]
    fn no_examples_have_gradient_zero() {
        let outputs = run(2, 0).unwrap();
        assert!(outputs[0].is_empty() && outputs[2..].iter().flatten().all(|&x| x == 0.0));
    }

    #[track_caller]
    fn refused(x: &[usize], w: &[usize], windows: Windows<2>, parts: &[&str]) {
        let mut graph = Graph::new();
        let (x, w) = (graph.input("x", &dims(x)).unwrap(), graph.param("w", w).unwrap());
        let error =
            graph.scope("stem", |g| g.conv2d(x, w, None, &windows, Activation::Linear)).unwrap_err().to_string();
        for part in [&["`conv2d`", "`stem`"], parts].concat() {
            assert!(error.contains(part), "{error} lacks {part}");
        }
    }

    #[test]
    fn errors_name_the_shapes_and_what_would_fit() {
        let all = Windows::default();
        refused(&[8, 8], &[3, 3, 1, 4], all, &["[batch, 8, 8] and [3, 3, 1, 4]", "[batch, height, width, channels]"]);
        refused(&[8, 8, 3], &[3, 3, 4], all, &["[height, width, channels / groups, filters]"]);
        refused(&[8, 8, 3], &[3, 3, 2, 4], all, &["weights [3, 3, 3, 4]"]);
        refused(&[8, 8, 3], &[3, 3, 4, 4], all, &["divides 3 channels"]);
        refused(&[8, 8, 4], &[3, 3, 2, 5], all, &["divides 4 channels and 5 filters"]);
        refused(&[8, 2, 3], &[3, 3, 3, 4], all, &["at most 2 along the width"]);
        refused(&[8, 8, 3], &[3, 3, 3, 4], Windows { strides: [0, 1], ..all }, &["along the height"]);
        let wide = Windows { padding: ConvPadding::Explicit([(1 << 20, 0), (0, 1 << 20)]), ..all };
        refused(&[8, 8, 3], &[3, 3, 3, 4], wide, &["numbers in an input with its zeros"]);
    }

    #[test]
    fn strides_beyond_the_input_leave_one_window() {
        let far = Windows { strides: [usize::MAX; 2], ..Windows::default() };
        assert_eq!(case_2d([3, 4, 2], [2, 3, 2, 4], far, Activation::Linear).values().len(), 3 * 4);
        case_2d([3, 4, 2], [2, 3, 2, 4], far, Activation::Linear).check_gradients();
        let wide = Windows { dilations: [usize::MAX; 2], ..Windows::default() };
        assert_eq!(case_2d([3, 4, 2], [1, 1, 2, 4], wide, Activation::Linear).values().len(), 3 * 3 * 4 * 4);
        case_2d([2, 2, 2], [1, 1, 1, 2], wide, Activation::Linear).check_gradients();
    }

    #[test]
    fn a_damaged_graph_is_refused() {
        let mut graph = Graph::new();
        let (x, w) = (graph.input("x", &dims(&[8, 4])).unwrap(), graph.param("w", &[3, 2, 6]).unwrap());
        let y = graph.conv1d(x, w, None, &Windows::default(), Activation::Relu).unwrap();
        let loss = graph.sum_all(y).unwrap();
        gradients(&mut graph, loss, &[x, w]).unwrap();
        let json = serde_json::to_string(&graph).unwrap();
        assert_eq!(serde_json::to_string(&serde_json::from_str::<Graph>(&json).unwrap()).unwrap(), json);
        for from in ["\"size\":8", "\"window\":3", "\"channels\":4", "\"filters\":6", "\"groups\":2", "\"stride\":1"] {
            let (name, _) = from.split_once(':').unwrap();
            for to in ["0", "5", "18446744073709551615"] {
                for (at, _) in json.match_indices(from) {
                    let damaged = format!("{}{name}:{to}{}", &json[..at], &json[at + from.len()..]);
                    assert!(serde_json::from_str::<Graph>(&damaged).is_err(), "{name}:{to} at {at}");
                }
            }
        }
    }
}
