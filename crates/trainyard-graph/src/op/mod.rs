//! The operations: one file each, with formula, shape rule, CPU kernel, gradient (as operations) and tests.
//!
//! To add one: a file here, a variant of [`Op`], and an arm wherever the compiler then asks for it.

mod activate;
mod activation_text;
mod affine;
mod attention;
mod attention_head;
mod average_pool;
mod batch_matmul;
mod batch_norm;
mod binary;
mod broadcast_to;
mod concat;
mod constant;
mod conv;
mod dense;
mod depthwise;
mod dropout;
mod embedding_bag;
mod embedding_sequence;
mod gather;
mod input;
mod layer_norm;
mod matmul;
mod max_norm;
mod max_pool;
mod pad;
mod pooling;
mod pow;
mod recurrent;
mod reduce;
mod reshape;
mod sequence_mask;
mod sigmoid_cross_entropy;
mod sinusoidal_positions;
mod slice;
mod softmax;
mod softmax_cross_entropy;
mod sum_to;
mod transpose;
mod unary;
mod weights;
mod windows;

pub use activate::{Activate, ActivateGrad, Activation};
pub use affine::Affine;
pub use attention::{Attention, AttentionGrad, AttentionOptions};
pub use average_pool::{AveragePool, AveragePoolGrad};
pub use batch_matmul::BatchMatMul;
pub use batch_norm::{BatchNorm, BatchNormGrad, BatchNormParams, BatchNormScaleGrad, Statistic, StatisticShift};
pub use binary::{Binary, BinaryKind};
pub use broadcast_to::BroadcastTo;
pub use concat::Concat;
pub use constant::Constant;
pub use conv::{Conv, ConvInputGrad, ConvWeightsGrad};
pub use dense::Dense;
pub use dropout::Dropout;
pub use embedding_bag::{Combiner, EmbeddingBag, EmbeddingBagGrad};
pub use embedding_sequence::{EmbeddingSequence, EmbeddingSequenceGrad};
pub use gather::{Gather, GatherGrad};
pub use input::{Input, InputKind};
pub use layer_norm::{LayerNorm, LayerNormGrad, LayerNormScaleGrad};
pub use matmul::MatMul;
pub use max_pool::{MaxPool, MaxPoolGrad};
pub use pad::Pad;
pub use pooling::{Padding, Pooling};
pub use pow::Pow;
pub use recurrent::{
    Cell, Recurrence, Recurrent, RecurrentGrad, RecurrentLayer, RecurrentStates, RecurrentWeightsGrad, Returns,
};
pub use reduce::{Reduce, ReduceGrad, ReduceKind};
pub use reshape::Reshape;
pub use sequence_mask::SequenceMask;
pub use sigmoid_cross_entropy::SigmoidCrossEntropy;
pub use sinusoidal_positions::SinusoidalPositions;
pub use slice::Slice;
pub use softmax::Softmax;
pub use softmax_cross_entropy::{SoftmaxCrossEntropy, SoftmaxCrossEntropyGrad};
pub use sum_to::SumTo;
pub use transpose::Transpose;
pub use unary::{Unary, UnaryKind};
pub(crate) use weights::Weights;
pub use windows::{ConvPadding, ConvWindows, WindowAxis, Windows};

use crate::device::{Bags, Call};
use crate::{Graph, NodeId, Result, Shape};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// What each operation knows of itself.
pub(crate) trait Operation {
    /// Its name in errors, also the name of the method of [`Graph`] that adds it.
    fn name(&self) -> &'static str;

    /// The shape of its value, or what shapes it expects.
    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, String>;

    /// Adds to the graph, for each input of `node`, the gradient of the loss for it, given `upstream`, that for the
    /// node's own value. `None` where the loss does not change with the input.
    fn gradient(&self, graph: &mut Graph, node: NodeId, upstream: NodeId) -> Result<Vec<Option<NodeId>>>;

    /// Computes the value of the rows of a micro-batch.
    fn run(&self, call: &mut Call<'_>);

    /// Whether [`run`](Self::run) expects the value of input 0 in the output instead of reading it as an input, so that
    /// it may overwrite a value that nobody else reads.
    fn in_place(&self) -> bool {
        false
    }

    /// Whether [`run`](Self::run) writes its value, `[batch, n]`, by [`Call::output_rows`], so that it may be columns of another
    /// one.
    fn writes_columns(&self) -> bool {
        false
    }

    /// Which input is the second matrix of products, if [`run`](Self::run) reads it by [`Call::weights`]: where it is the same for
    /// all rows it is then packed once for all of them.
    fn weights(&self) -> Option<Weights> {
        None
    }

    /// Numbers of memory that [`run`](Self::run) works with beside its inputs and its value, for each row of the batch if the
    /// value has rows.
    fn scratch_len(&self) -> usize {
        0
    }

    /// Whether [`scratch_len`](Self::scratch_len) counts for each row of a value that has rows, and not once for all of them.
    fn scratch_is_per_row(&self) -> bool {
        true
    }

    /// Which input is ids.
    fn ids_input(&self) -> Option<usize> {
        None
    }

    /// How it adds up over a whole batch, if it is the gradient for the rows of a table (input 0 the upstream gradient, input
    /// 1 the ids).
    fn rows_gradient(&self) -> Option<&dyn RowsGradient> {
        None
    }

    /// Whether a value summed over the batch may be its input `i`: a sum of parts then gives the parts' sum.
    fn is_linear_in(&self, _i: usize) -> bool {
        false
    }
}

/// The gradient of a look-up for the rows of its table. A row is named by examples of any micro-batch, so the program adds it up
/// at the end of a step.
pub(crate) trait RowsGradient {
    /// Adds to `rows`, of the table's form, what each example contributes, in the order of the examples.
    fn accumulate(&self, rows: &mut [f32], from: &LookUps<'_>);
}

/// What a batch looked up in a table, and the gradients for it.
pub(crate) struct LookUps<'a> {
    /// The table's rows.
    pub(crate) table: &'a [f32],
    /// Length of a row.
    pub(crate) dim: usize,
    /// For each example a row of numbers, among them the gradient for what was looked up.
    pub(crate) upstream: &'a [f32],
    /// Length of these rows.
    pub(crate) width: usize,
    /// Where in them the gradient is.
    pub(crate) columns: Range<usize>,
    /// The ids of each example.
    pub(crate) bags: Bags<'a>,
}

impl<'a> LookUps<'a> {
    /// The gradient for what each example looked up.
    #[inline(always)]
    fn gradients(&self) -> impl Iterator<Item = &'a [f32]> + use<'a> {
        let columns = self.columns.clone();
        self.upstream.chunks_exact(self.width).map(move |row| &row[columns.clone()])
    }
}

/// An operation of a graph.
///
/// Exhaustive on purpose: whoever translates a graph (to a device or a file format) matches every variant, and the
/// compiler names what is missing when one is added.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// A value that is fed.
    Input(Input),
    /// A number.
    Constant(Constant),
    /// An activation function.
    Activate(Activate),
    /// Its gradient.
    ActivateGrad(ActivateGrad),
    /// `scale·x + shift`.
    Affine(Affine),
    /// Scaled dot-product attention.
    Attention(Attention),
    /// Its gradient.
    AttentionGrad(AttentionGrad),
    /// Means of windows.
    AveragePool(AveragePool),
    /// Its gradient.
    AveragePoolGrad(AveragePoolGrad),
    /// Normalisation of each channel.
    BatchNorm(BatchNorm),
    /// Its gradient.
    BatchNormGrad(BatchNormGrad),
    /// Its gradient for the scale.
    BatchNormScaleGrad(BatchNormScaleGrad),
    /// Products of many pairs of matrices.
    BatchMatMul(BatchMatMul),
    /// Sum, difference, product, quotient, maximum, minimum or comparison.
    Binary(Binary),
    /// Repetition along axes.
    BroadcastTo(BroadcastTo),
    /// Joining along the last axis.
    Concat(Concat),
    /// A convolution.
    Conv(Conv),
    /// Its gradient for the input.
    ConvInputGrad(ConvInputGrad),
    /// Its gradient for the weights.
    ConvWeightsGrad(ConvWeightsGrad),
    /// A dense layer.
    Dense(Dense),
    /// Random zeros in training.
    Dropout(Dropout),
    /// Pooled rows of a table.
    EmbeddingBag(EmbeddingBag),
    /// Its gradient.
    EmbeddingBagGrad(EmbeddingBagGrad),
    /// Rows of a table, one after the other.
    EmbeddingSequence(EmbeddingSequence),
    /// Its gradient.
    EmbeddingSequenceGrad(EmbeddingSequenceGrad),
    /// Chosen places of an axis.
    Gather(Gather),
    /// Its gradient.
    GatherGrad(GatherGrad),
    /// Normalisation of each row.
    LayerNorm(LayerNorm),
    /// Its gradient.
    LayerNormGrad(LayerNormGrad),
    /// Its gradient for the scale.
    LayerNormScaleGrad(LayerNormScaleGrad),
    /// Product of matrices.
    MatMul(MatMul),
    /// Largest numbers of windows.
    MaxPool(MaxPool),
    /// Its gradient.
    MaxPoolGrad(MaxPoolGrad),
    /// Zeros on both sides of the last axis.
    Pad(Pad),
    /// A power.
    Pow(Pow),
    /// Maximum or minimum along an axis.
    Reduce(Reduce),
    /// Its gradient.
    ReduceGrad(ReduceGrad),
    /// All time steps of a recurrent layer.
    Recurrent(Recurrent),
    /// The gradient of its sums before activations.
    RecurrentGrad(RecurrentGrad),
    /// Its states.
    RecurrentStates(RecurrentStates),
    /// The gradient of its weights.
    RecurrentWeightsGrad(RecurrentWeightsGrad),
    /// Other axes over the same numbers.
    Reshape(Reshape),
    /// Which places of sequences are filled.
    SequenceMask(SequenceMask),
    /// Cross-entropy of two classes.
    SigmoidCrossEntropy(SigmoidCrossEntropy),
    /// Sines and cosines that tell positions apart.
    SinusoidalPositions(SinusoidalPositions),
    /// Part of the last axis.
    Slice(Slice),
    /// Probabilities from logits.
    Softmax(Softmax),
    /// Cross-entropy of many classes.
    SoftmaxCrossEntropy(SoftmaxCrossEntropy),
    /// Its gradient.
    SoftmaxCrossEntropyGrad(SoftmaxCrossEntropyGrad),
    /// What moves a moving statistic.
    StatisticShift(StatisticShift),
    /// Sum along axes.
    SumTo(SumTo),
    /// Axes in another order.
    Transpose(Transpose),
    /// A function of one number.
    Unary(Unary),
}

impl Op {
    /// Whether it reads rows of a table, its input 0, that ids name, its input 1.
    pub fn looks_up(&self) -> bool {
        matches!(self, Self::EmbeddingBag(_) | Self::EmbeddingSequence(_))
    }

    pub(crate) fn operation(&self) -> &dyn Operation {
        match self {
            Self::Input(op) => op,
            Self::Constant(op) => op,
            Self::Activate(op) => op,
            Self::ActivateGrad(op) => op,
            Self::Affine(op) => op,
            Self::Attention(op) => op,
            Self::AttentionGrad(op) => op,
            Self::AveragePool(op) => op,
            Self::AveragePoolGrad(op) => op,
            Self::BatchNorm(op) => op,
            Self::BatchNormGrad(op) => op,
            Self::BatchNormScaleGrad(op) => op,
            Self::BatchMatMul(op) => op,
            Self::Binary(op) => op,
            Self::BroadcastTo(op) => op,
            Self::Concat(op) => op,
            Self::Conv(op) => op,
            Self::ConvInputGrad(op) => op,
            Self::ConvWeightsGrad(op) => op,
            Self::Dense(op) => op,
            Self::Dropout(op) => op,
            Self::EmbeddingBag(op) => op,
            Self::EmbeddingBagGrad(op) => op,
            Self::EmbeddingSequence(op) => op,
            Self::EmbeddingSequenceGrad(op) => op,
            Self::Gather(op) => op,
            Self::GatherGrad(op) => op,
            Self::LayerNorm(op) => op,
            Self::LayerNormGrad(op) => op,
            Self::LayerNormScaleGrad(op) => op,
            Self::MatMul(op) => op,
            Self::MaxPool(op) => op,
            Self::MaxPoolGrad(op) => op,
            Self::Pad(op) => op,
            Self::Pow(op) => op,
            Self::Reduce(op) => op,
            Self::ReduceGrad(op) => op,
            Self::Recurrent(op) => op,
            Self::RecurrentGrad(op) => op,
            Self::RecurrentStates(op) => op,
            Self::RecurrentWeightsGrad(op) => op,
            Self::Reshape(op) => op,
            Self::SequenceMask(op) => op,
            Self::SigmoidCrossEntropy(op) => op,
            Self::SinusoidalPositions(op) => op,
            Self::Slice(op) => op,
            Self::Softmax(op) => op,
            Self::SoftmaxCrossEntropy(op) => op,
            Self::SoftmaxCrossEntropyGrad(op) => op,
            Self::StatisticShift(op) => op,
            Self::SumTo(op) => op,
            Self::Transpose(op) => op,
            Self::Unary(op) => op,
        }
    }
}

/// The shapes of two inputs that must be alike.
fn equal<'a>(inputs: &[&'a Shape]) -> Result<&'a Shape, String> {
    match inputs {
        [a, b] if a == b => Ok(a),
        _ => Err("two values of one shape".to_owned()),
    }
}

/// The shape of the only input.
fn only<'a>(inputs: &[&'a Shape]) -> Result<&'a Shape, String> {
    match inputs {
        [shape] => Ok(shape),
        _ => Err("one value".to_owned()),
    }
}

/// The shape of the only input and its last axis, which must be of fixed size.
fn only_with_last<'a>(inputs: &[&'a Shape]) -> Result<(&'a Shape, usize), String> {
    let shape = only(inputs)?;
    Ok((shape, shape.last().ok_or("a last axis of fixed size")?))
}

/// The error of an operation that is not differentiated again.
fn no_gradient(name: &str) -> crate::Error {
    crate::Error::Usage {
        what: format!("`{name}` has no gradient"),
        expected: "differentiate a loss that is made of forward operations only".to_owned(),
    }
}
