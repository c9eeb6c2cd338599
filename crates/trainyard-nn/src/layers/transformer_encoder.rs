//! A block of a transformer.

use super::{Dense, Dropout, LayerNorm, MultiHeadAttention, inputs_of};
use crate::{Initializer, Network, Result};
use trainyard_graph::{Activation, NodeId};

/// Attention of a sequence to itself, then two dense layers for each position; each of both is added to its input, and the
/// sum is normalised: `y = norm(x + attention(x))`, then `norm(y + feed_forward(y))`. With `norm_first` it is
/// `y = x + attention(norm(x))`, then `y + feed_forward(norm(y))`, which trains deep stacks more steadily and wants one more
/// norm behind the last block (Xiong and others, *On Layer Normalization in the Transformer Architecture*, 2020).
///
/// Dropout acts on the weights of attention, on the hidden layer, and on what is added.
///
/// Parameters: those of the layers `attention`, `attention_norm`, `hidden`, `output` and `output_norm`.
///
/// Source: Vaswani and others, *Attention Is All You Need* (2017), section 3.1.
#[derive(Debug, Clone, PartialEq)]
pub struct TransformerEncoder {
    /// Number of heads, a divisor of the last axis.
    pub heads: usize,
    /// Size of the hidden layer of each position.
    pub hidden: usize,
    /// Activation of the hidden layer. ReLU unless said otherwise.
    pub activation: Activation,
    /// Share of values dropped, in `[0, 1)`. 0 unless said otherwise; the paper has 0.1.
    pub dropout: f32,
    /// Whether norms come before attention and the dense layers. They come behind unless said otherwise.
    pub norm_first: bool,
    /// Whether a position sees itself and those before it alone. It sees all unless said otherwise.
    pub causal: bool,
    /// How the weights start. Glorot uniform unless said otherwise.
    pub initializer: Initializer,
}

impl TransformerEncoder {
    /// A block of `heads` heads and `hidden` hidden units.
    pub fn new(heads: usize, hidden: usize) -> Self {
        Self {
            heads,
            hidden,
            activation: Activation::Relu,
            dropout: 0.0,
            norm_first: false,
            causal: false,
            initializer: Initializer::GlorotUniform,
        }
    }

    /// Adds the layer.
    ///
    /// # Shapes
    /// - x: `[batch, length, dim]`
    /// - mask: `[batch, length]`, 0 for positions that nobody sees, such as padding
    /// - returns: `[batch, length, dim]`
    ///
    /// # Errors
    ///
    /// As [`MultiHeadAttention::apply`], and when there are 0 hidden units.
    pub fn apply(&self, network: &mut Network, name: &str, x: NodeId, mask: Option<NodeId>) -> Result<NodeId> {
        network.scope(name, |network| {
            let y = self.add_part(network, "attention", x, |network, x| {
                let (heads, causal, dropout) = (self.heads, self.causal, self.dropout);
                let attention = MultiHeadAttention { heads, causal, dropout, initializer: self.initializer };
                attention.apply(network, "attention", x, mask)
            })?;
            self.add_part(network, "output", y, |network, x| self.feed_forward(network, x))
        })
    }

    /// Adds what `part` makes of `x` to it, with dropout and a norm named after `name`.
    fn add_part(
        &self,
        network: &mut Network,
        name: &str,
        x: NodeId,
        part: impl FnOnce(&mut Network, NodeId) -> Result<NodeId>,
    ) -> Result<NodeId> {
        let norm = |network: &mut Network, x| LayerNorm::default().apply(network, &format!("{name}_norm"), x);
        let read = if self.norm_first { norm(network, x)? } else { x };
        let made = part(network, read)?;
        let made = Dropout::new(self.dropout).apply(network, &format!("{name}_dropout"), made)?;
        let sum = network.graph.add(x, made)?;
        if self.norm_first { Ok(sum) } else { norm(network, sum) }
    }

    fn feed_forward(&self, network: &mut Network, x: NodeId) -> Result<NodeId> {
        let dim = inputs_of(network, "output", x)?;
        let dense = |units| Dense { initializer: self.initializer, ..Dense::new(units) };
        let hidden = dense(self.hidden).with_activation(self.activation).apply(network, "hidden", x)?;
        let hidden = Dropout::new(self.dropout).apply(network, "hidden_dropout", hidden)?;
        dense(dim).apply(network, "output", hidden)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::testing::Built;
    use trainyard_graph::{Dim, check};

    /// Two sequences of 3 positions of 4 numbers.
    fn build(layer: &TransformerEncoder) -> Built {
        let x: Vec<f32> = (0..24_u8).map(|i| f32::from(i * 7 % 11) / 5.0 - 1.0).collect();
        Built::dense(&x, 12, |network, x| {
            let x = network.graph.reshape(x, &[Dim::Batch, Dim::Fixed(3), Dim::Fixed(4)])?;
            layer.apply(network, "block", x, None)
        })
    }

    #[test]
    fn gradients_match_finite_differences() {
        let layer = TransformerEncoder { activation: Activation::Tanh, ..TransformerEncoder::new(2, 3) };
        build(&TransformerEncoder { norm_first: true, ..layer.clone() }).check_gradients();
        build(&layer).check_gradients();
    }

    #[test]
    fn a_norm_behind_leaves_normal_rows() {
        for row in build(&TransformerEncoder::new(2, 3)).values().chunks(4) {
            let squares: f32 = row.iter().map(|x| x * x).sum();
            check::close(&[row.iter().sum(), squares], &[0.0, 4.0], 1e-3);
        }
    }

    #[test]
    fn with_norms_first_parts_that_are_zero_change_nothing() {
        let layer = TransformerEncoder { norm_first: true, ..TransformerEncoder::new(2, 3) };
        let built = build(&layer).set("block/attention/output/weights", &[0.0; 16]);
        let x: Vec<f32> = (0..24_u8).map(|i| f32::from(i * 7 % 11) / 5.0 - 1.0).collect();
        built.set("block/output/weights", &[0.0; 12]).check(&x);
    }

    #[test]
    fn dropout_acts_in_training_alone() {
        let built = build(&TransformerEncoder { dropout: 0.5, ..TransformerEncoder::new(2, 3) });
        assert_eq!(built.values(), build(&TransformerEncoder::new(2, 3)).values());
        assert_ne!(built.values_in_training(), built.values());
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        let mut network = Network::new();
        let x = network.graph.input("x", &[Dim::Batch, Dim::Fixed(3), Dim::Fixed(4)]).unwrap();
        for layer in [
            TransformerEncoder::new(3, 3),
            TransformerEncoder::new(2, 0),
            TransformerEncoder { dropout: 1.0, ..TransformerEncoder::new(2, 3) },
        ] {
            assert!(layer.apply(&mut network.clone(), "block", x, None).is_err(), "{layer:?}");
        }
    }
}
