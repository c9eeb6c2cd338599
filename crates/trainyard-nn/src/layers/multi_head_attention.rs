//! Attention with learned queries, keys and values.

use super::{Dense, inputs_of};
use crate::{Initializer, Network, Result, error::Settings};
use trainyard_graph::{AttentionOptions, NodeId};

/// Each position of a sequence becomes a mean of what the positions of a sequence, its own or another, hold: one mean for
/// each head, weighted by how well queries fit keys.
///
/// `[softmax(Qₕ·Kₕᵀ / √d)·Vₕ, for each head h]·W + b`, where `Q`, `K` and `V` are linear in the sequences and `d` is the
/// width of a head, the last axis divided by the number of heads.
///
/// Parameters: those of the [`Dense`] layers `query`, `key`, `value` and `output`.
///
/// Source: Vaswani and others, *Attention Is All You Need* (2017), section 3.2.
#[derive(Debug, Clone, PartialEq)]
pub struct MultiHeadAttention {
    /// Number of heads, a divisor of the last axis.
    pub heads: usize,
    /// Whether a position sees itself and those before it alone. It sees all unless said otherwise.
    pub causal: bool,
    /// Share of the weights set to 0 in training, in `[0, 1)`. 0 unless said otherwise.
    pub dropout: f32,
    /// How the weights start. Glorot uniform unless said otherwise.
    pub initializer: Initializer,
}

impl MultiHeadAttention {
    /// Attention of `heads` heads.
    pub fn new(heads: usize) -> Self {
        Self { heads, causal: false, dropout: 0.0, initializer: Initializer::GlorotUniform }
    }

    /// Adds the layer, of a sequence to itself.
    ///
    /// # Shapes
    /// - x: `[batch, length, dim]`
    /// - mask: `[batch, length]`, 0 for positions that nobody sees, such as padding
    /// - returns: `[batch, length, dim]`
    ///
    /// # Errors
    ///
    /// As [`apply_to`](Self::apply_to).
    pub fn apply(&self, network: &mut Network, name: &str, x: NodeId, mask: Option<NodeId>) -> Result<NodeId> {
        self.apply_to(network, name, x, x, mask)
    }

    /// Adds the layer, of the sequence `x` to the sequence `memory`.
    ///
    /// # Shapes
    /// - x: `[batch, length, dim]`
    /// - memory: `[batch, memory_length, memory_dim]`
    /// - mask: `[batch, memory_length]`, 0 for positions that nobody sees, such as padding
    /// - returns: `[batch, length, dim]`
    ///
    /// # Errors
    ///
    /// When the shapes do not fit, `heads` does not divide `dim`, `dropout` is out of range, or the name is taken.
    pub fn apply_to(
        &self,
        network: &mut Network,
        name: &str,
        x: NodeId,
        memory: NodeId,
        mask: Option<NodeId>,
    ) -> Result<NodeId> {
        let dim = inputs_of(network, name, x)?;
        let settings = Settings("multi_head_attention");
        settings.require(dim.checked_rem(self.heads) == Some(0), "heads", self.heads, "a divisor of the last axis")?;
        settings.decay("dropout", self.dropout)?;
        let dense = Dense { initializer: self.initializer, ..Dense::new(dim) };
        network.scope(name, |network| {
            let query = dense.apply(network, "query", x)?;
            let key = dense.apply(network, "key", memory)?;
            let value = dense.apply(network, "value", memory)?;
            let options = AttentionOptions { heads: self.heads, causal: self.causal, dropout: self.dropout };
            let found = network.graph.attention([query, key, value], mask, options)?;
            dense.apply(network, "output", found)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::testing::Built;
    use trainyard_graph::{Dim, check};

    const X: [f32; 12] = [1.0, 0.0, 0.0, 1.0, 0.5, -0.5, 2.0, 1.0, -1.0, 0.0, 0.3, 0.7];

    /// Two sequences of 3 positions of 2 numbers.
    fn build(layer: &MultiHeadAttention) -> Built {
        Built::dense(&X, 6, |network, x| {
            let x = network.graph.reshape(x, &[Dim::Batch, Dim::Fixed(3), Dim::Fixed(2)])?;
            layer.apply(network, "attention", x, None)
        })
    }

    #[test]
    fn equal_keys_give_each_position_the_mean() {
        let built = build(&MultiHeadAttention::new(2)).set("attention/key/weights", &[0.0; 4]);
        let one = &[1.0, 0.0, 0.0, 1.0];
        let built = built.set("attention/value/weights", one).set("attention/output/weights", one);
        let mean = |x: &[f32]| [(x[0] + x[2] + x[4]) / 3.0, (x[1] + x[3] + x[5]) / 3.0].repeat(3);
        check::close(&built.values(), &[mean(&X[..6]), mean(&X[6..])].concat(), 1e-6);
    }

    #[test]
    fn gradients_match_finite_differences() {
        build(&MultiHeadAttention::new(2)).check_gradients();
        build(&MultiHeadAttention { causal: true, ..MultiHeadAttention::new(1) }).check_gradients();
    }

    #[test]
    fn the_first_of_causal_positions_sees_itself_alone() {
        let one = &[1.0, 0.0, 0.0, 1.0];
        let built = build(&MultiHeadAttention { causal: true, ..MultiHeadAttention::new(1) });
        let built = built.set("attention/value/weights", one).set("attention/output/weights", one);
        check::close(&built.values()[..2], &X[..2], 1e-6);
    }

    #[test]
    fn parameters_are_named_after_what_they_make() {
        let built = build(&MultiHeadAttention::new(1));
        assert_eq!(built.names().len(), 8);
        assert_eq!(built.names()[..3], ["attention/query/weights", "attention/query/bias", "attention/key/weights"]);
    }

    #[test]
    fn heads_that_do_not_divide_and_other_settings_are_refused() {
        let mut network = Network::new();
        let x = network.graph.input("x", &[Dim::Batch, Dim::Fixed(3), Dim::Fixed(4)]).unwrap();
        for heads in [0, 3, 8] {
            let error = MultiHeadAttention::new(heads).apply(&mut network, "a", x, None).unwrap_err().to_string();
            let expected = format!("`heads` of multi_head_attention is {heads}; set it to a divisor of the last axis");
            assert_eq!(error, expected);
        }
        let layer = MultiHeadAttention { dropout: 1.0, ..MultiHeadAttention::new(2) };
        assert!(layer.apply(&mut network, "a", x, None).unwrap_err().to_string().contains("`dropout`"));
        let flat = network.graph.input("flat", &[Dim::Batch, Dim::Fixed(4)]).unwrap();
        let error = MultiHeadAttention::new(2).apply(&mut network, "b", flat, None).unwrap_err().to_string();
        assert!(error.contains("`attention`") && error.contains("[batch, 4]"), "{error}");
    }
}
