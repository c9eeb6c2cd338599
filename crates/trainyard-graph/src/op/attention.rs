//! Scaled dot-product attention.

use super::attention_head::{BLOCK, Columns, ColumnsMut, Drops, Head, HeadGrads};
use super::{Op, Operation};
use crate::device::Call;
use crate::{Dim, Error, Graph, NodeId, Result, Shape, random};
use serde::{Deserialize, Serialize};

/// `softmax(Q·Kᵀ / √d)·V` for each head, whose columns lie side by side in the rows of queries (input 0), keys (1) and
/// values (2); `d` is the number of a head's columns in queries and keys. Input 3, if there is one, is a mask: a key for
/// which it is 0 gets probability 0, and where all keys do, the value is 0.
///
/// Why not a composition of products and softmax? Its probabilities, `heads·queries·keys` numbers an example, would go
/// through memory many times, and heads would have to be transposed. Here some queries of one head stay in cache, and the
/// gradient computes the probabilities again.
///
/// Source: Vaswani and others, *Attention Is All You Need* (2017), sections 3.2.1 and 3.2.2.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Attention {
    /// Number of heads.
    pub heads: usize,
    /// Number of queries.
    pub queries: usize,
    /// Number of keys, and of values.
    pub keys: usize,
    /// Columns of a head in queries and keys.
    pub key_dim: usize,
    /// Columns of a head in values.
    pub value_dim: usize,
    /// Whether query `i` sees the keys `0..=i` alone.
    pub causal: bool,
    /// Probability that a probability becomes 0 in training, in `[0, 1)`.
    pub dropout: f32,
    /// Tells this operation's random numbers from those of the others in the graph.
    pub stream: u64,
}

/// The gradients for queries, keys and values, one behind the other, from the upstream gradient (input 0) and the inputs
/// of [`Attention`] (1 to 3 or 4).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AttentionGrad(pub Attention);

/// How queries attend to keys.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AttentionOptions {
    /// Number of heads, a divisor of the last axes. 1 by default.
    pub heads: usize,
    /// Whether query `i` sees the keys `0..=i` alone. By default all see all.
    pub causal: bool,
    /// Share of the probabilities set to 0 in training, in `[0, 1)`. 0 by default.
    pub dropout: f32,
}

impl Default for AttentionOptions {
    fn default() -> Self {
        Self { heads: 1, causal: false, dropout: 0.0 }
    }
}

impl Graph {
    /// What each query finds: the mean of the values, weighted by how well their keys fit the query.
    ///
    /// # Shapes
    /// - `[queries, keys, values]`: `[batch?, n_queries, heads·key_dim]`, `[batch?, n_keys, heads·key_dim]` and
    ///   `[batch?, n_keys, heads·value_dim]`
    /// - mask: `[batch?, n_keys]`, 0 for keys that nobody sees, such as padding
    /// - returns: `[batch?, n_queries, heads·value_dim]`
    ///
    /// # Errors
    ///
    /// When the shapes do not fit, the last axes are not multiples of `heads`, or `dropout` is not in `[0, 1)`.
    pub fn attention(
        &mut self,
        inputs: [NodeId; 3],
        mask: Option<NodeId>,
        AttentionOptions { heads, causal, dropout }: AttentionOptions,
    ) -> Result<NodeId> {
        if !(0.0..1.0).contains(&dropout) {
            return Err(Error::Usage {
                what: format!("`attention` was given dropout {dropout}"),
                expected: "give it a probability from 0 up to, but not including, 1".to_owned(),
            });
        }
        let [(queries, key_width), (keys, _), (_, value_width)] =
            inputs.map(|input| sizes(self.shape(input)).unwrap_or((0, 0)));
        let dim = |width: usize| width.checked_div(heads).unwrap_or(0);
        let (key_dim, value_dim, stream) = (dim(key_width), dim(value_width), self.nodes().len() as u64);
        let op = Attention { heads, queries, keys, key_dim, value_dim, causal, dropout, stream };
        self.apply(Op::Attention(op), &inputs.into_iter().chain(mask).collect::<Vec<_>>())
    }
}

/// Rows and columns of each example's matrix.
fn sizes(shape: &Shape) -> Option<(usize, usize)> {
    match *shape.dims() {
        [Dim::Batch, Dim::Fixed(rows), Dim::Fixed(columns)] | [Dim::Fixed(rows), Dim::Fixed(columns)] => {
            Some((rows, columns))
        }
        _ => None,
    }
}

impl Operation for Attention {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        let ([queries, keys, values] | [queries, keys, values, _]) = inputs else {
            return Err("queries, keys, values and at most a mask".to_owned());
        };
        let expected = [
            (self.queries, self.heads.checked_mul(self.key_dim)),
            (self.keys, self.heads.checked_mul(self.key_dim)),
            (self.keys, self.heads.checked_mul(self.value_dim)),
        ];
        let fits = |(shape, (rows, width)): (&&Shape, (usize, Option<usize>))| {
            width.is_some_and(|width| width > 0 && sizes(shape) == Some((rows, width)))
                && shape.has_batch() == queries.has_batch()
        };
        if ![queries, keys, values].into_iter().copied().zip(expected).all(|(shape, sizes)| fits((&shape, sizes))) {
            return Err(format!(
                "queries [.., n, width], keys [.., m, width] and values [.., m, any], whose last axes are multiples of \
                 {} heads",
                self.heads
            ));
        }
        if inputs.get(3).is_some_and(|mask| **mask != keys.without_last()) {
            return Err(format!("a mask {}", keys.without_last()));
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return Err("a dropout in [0, 1)".to_owned());
        }
        Ok(queries.with_last(self.heads * self.value_dim))
    }

    fn gradient(&self, graph: &mut Graph, node: NodeId, upstream: NodeId) -> Result<Vec<Option<NodeId>>> {
        let inputs = graph.node(node).inputs.clone();
        let all = graph.apply(Op::AttentionGrad(AttentionGrad(*self)), &[&[upstream], &inputs[..]].concat())?;
        let mut start = 0;
        let mut grads = Vec::new();
        for &input in &inputs[..3] {
            let shape = graph.shape(input).clone();
            let part = graph.slice(all, start, shape.row_len())?;
            grads.push(Some(graph.reshape(part, shape.dims())?));
            start += shape.row_len();
        }
        grads.resize(inputs.len(), None);
        Ok(grads)
    }

    /// The keys as columns, and a block of probabilities.
    fn scratch_len(&self) -> usize {
        (self.key_dim + self.block()).saturating_mul(self.keys)
    }

    fn run(&self, call: &mut Call<'_>) {
        let inputs = Inputs::new(self, call, 0);
        let value_len = self.queries * self.heads * self.value_dim;
        for (example, out) in call.output.chunks_exact_mut(value_len).enumerate() {
            for head in 0..self.heads {
                let out = ColumnsMut::new(out, head, self.heads, self.value_dim);
                inputs.head(example, head).attend(&mut call.scratch[..self.scratch_len()], out);
            }
        }
    }
}

impl Attention {
    /// Keys that queries before the query `end` see.
    #[inline(always)]
    pub(super) fn visible(&self, end: usize) -> usize {
        if self.causal { self.keys.min(end) } else { self.keys }
    }

    pub(super) fn scale(&self) -> f32 {
        1.0 / (self.key_dim as f32).sqrt()
    }

    /// Queries of a block.
    fn block(&self) -> usize {
        self.queries.min(BLOCK)
    }
}

impl Operation for AttentionGrad {
    fn name(&self) -> &'static str {
        "attention_grad"
    }

    fn shape(&self, inputs: &[&Shape]) -> Result<Shape, String> {
        let Some((upstream, inputs)) = inputs.split_first() else { return Err("five values at most".to_owned()) };
        let value = self.0.shape(inputs)?;
        if **upstream != value {
            return Err(format!("an upstream gradient {value}"));
        }
        let len = inputs[..3].iter().try_fold(0_usize, |sum, shape| sum.checked_add(shape.row_len()));
        let len = len.ok_or("smaller values")?;
        Ok(Shape::new(if value.has_batch() { vec![Dim::Batch, Dim::Fixed(len)] } else { vec![Dim::Fixed(len)] }))
    }

    fn gradient(&self, _graph: &mut Graph, _node: NodeId, _upstream: NodeId) -> Result<Vec<Option<NodeId>>> {
        Err(super::no_gradient(self.name()))
    }

    /// Keys and values as columns, a block of probabilities, and one of gradients for them.
    fn scratch_len(&self) -> usize {
        (self.0.key_dim + self.0.value_dim + 2 * self.0.block()).saturating_mul(self.0.keys)
    }

    fn run(&self, call: &mut Call<'_>) {
        let op = &self.0;
        let (inputs, upstream) = (Inputs::new(op, call, 1), call.input(0));
        let queries_len = op.queries * op.heads * op.key_dim;
        let keys_len = op.keys * op.heads * op.key_dim;
        let values_len = op.keys * op.heads * op.value_dim;
        let upstream = upstream.chunks_exact(op.queries * op.heads * op.value_dim);
        let examples = call.output.chunks_exact_mut(queries_len + keys_len + values_len).zip(upstream);
        for (example, (grads, upstream)) in examples.enumerate() {
            let (queries, others) = grads.split_at_mut(queries_len);
            others.fill(0.0);
            let (keys, values) = others.split_at_mut(keys_len);
            for head in 0..op.heads {
                let grads = HeadGrads {
                    queries: ColumnsMut::new(queries, head, op.heads, op.key_dim),
                    keys: ColumnsMut::new(keys, head, op.heads, op.key_dim),
                    values: ColumnsMut::new(values, head, op.heads, op.value_dim),
                };
                let upstream = Columns::new(upstream, head, op.heads, op.value_dim);
                inputs.head(example, head).propagate(upstream, &mut call.scratch[..self.scratch_len()], grads);
            }
        }
    }
}

/// What attention reads, for all examples of a micro-batch.
struct Inputs<'a> {
    op: &'a Attention,
    queries: &'a [f32],
    keys: &'a [f32],
    values: &'a [f32],
    mask: Option<&'a [f32]>,
    drops: Option<Drops>,
}

impl<'a> Inputs<'a> {
    /// The inputs of `call` from `first` on.
    fn new(op: &'a Attention, call: &Call<'a>, first: usize) -> Self {
        let drops = call.training().filter(|_| op.dropout > 0.0).map(|mode| Drops {
            stream: random::stream(mode.seed, "attention") ^ random::bits(op.stream, mode.step),
            first: (call.first_row() * op.heads * op.queries * op.keys) as u64,
        });
        let mask = call.has_input(first + 3).then(|| call.input(first + 3));
        let [queries, keys, values] = [0, 1, 2].map(|i| call.input(first + i));
        Self { op, queries, keys, values, mask, drops }
    }

    fn head(&self, example: usize, head: usize) -> Head<'a> {
        let op = self.op;
        let columns = |values: &'a [f32], rows: usize, dim: usize| {
            let len = rows * op.heads * dim;
            Columns::new(&values[example * len..][..len], head, op.heads, dim)
        };
        let place = (example * op.heads + head) * op.queries * op.keys;
        Head {
            op,
            queries: columns(self.queries, op.queries, op.key_dim),
            keys: columns(self.keys, op.keys, op.key_dim),
            values: columns(self.values, op.keys, op.value_dim),
            mask: self.mask.map(|mask| &mask[example * op.keys..][..op.keys]),
            drops: self.drops.map(|drops| Drops { first: drops.first + place as u64, ..drops }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{self, Case};

    fn numbers(name: &str, n: usize) -> Vec<f32> {
        let stream = random::stream(1, name);
        (0..n as u64).map(|i| random::normal(stream, i)).collect()
    }

    /// 3 examples of 4 queries and 5 keys with 2 heads of 2 columns, and 3 in values.
    fn case(q: &[f32], mask: &[f32], options: AttentionOptions) -> Case {
        let dims = |rows, width| [Dim::Batch, Dim::Fixed(rows), Dim::Fixed(width)];
        let (k, v) = (numbers("k", 3 * 20), numbers("v", 3 * 30));
        let inputs = [(&dims(4, 4)[..], q), (&dims(5, 4)[..], &k[..]), (&dims(5, 6)[..], &v[..])];
        let mask = (&[Dim::Batch, Dim::Fixed(5)][..], mask);
        let options = AttentionOptions { heads: 2, ..options };
        Case::with_fixed(&inputs, &[mask], |g, x, mask| g.attention([x[0], x[1], x[2]], Some(mask[0]), options))
    }

    const NOTHING_FOR_THE_SECOND: [f32; 15] =
        [1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0];

    #[test]
    fn equal_keys_give_the_mean_of_the_values() {
        let dims = [Dim::Fixed(2), Dim::Fixed(1)];
        let inputs = [(&dims[..], &[3.0, -1.0][..]), (&dims[..], &[2.0, 2.0][..]), (&dims[..], &[1.0, 5.0][..])];
        let case = Case::new(&inputs, |g, x| g.attention([x[0], x[1], x[2]], None, AttentionOptions::default()));
        check::close(&case.values(), &[3.0, 3.0], 1e-6);
        case.check_gradients();
    }

    #[test]
    fn gradients_match_finite_differences() {
        let q = numbers("q", 48);
        for causal in [false, true] {
            let options = AttentionOptions { causal, ..AttentionOptions::default() };
            case(&q, &[1.0; 15], options).check_gradients();
            case(&q, &NOTHING_FOR_THE_SECOND, options).check_gradients();
        }
    }

    #[test]
    fn where_all_keys_are_masked_values_and_gradients_are_zero() {
        let case = case(&numbers("q", 48), &NOTHING_FOR_THE_SECOND, AttentionOptions::default());
        let values = case.values();
        assert!(values[24..48].iter().all(|&x| x == 0.0) && values[..24].iter().all(|&x| x != 0.0));
        for gradient in case.gradients() {
            let n = gradient.len() / 3;
            assert!(gradient.iter().all(|x| x.is_finite()) && gradient[n..2 * n].iter().all(|&x| x == 0.0));
        }
    }

    #[test]
    fn what_is_not_a_number_is_passed_on() {
        let mut q = numbers("q", 48);
        q[0] = f32::NAN;
        let values = case(&q, &[1.0; 15], AttentionOptions::default()).values();
        assert!(values[..3].iter().all(|x| x.is_nan()) && values[3..].iter().all(|x| x.is_finite()));
    }

    #[test]
    fn dropout_acts_in_training_and_keeps_the_mean() {
        let (q, mask) = (numbers("q", 48), [1.0; 15]);
        let (plain, dropped) = (AttentionOptions::default(), AttentionOptions { dropout: 0.5, ..Default::default() });
        let (plain, dropped) = (case(&q, &mask, plain), case(&q, &mask, dropped));
        assert_eq!(dropped.values(), plain.values());
        assert_ne!(dropped.values_at_step(1), dropped.values_at_step(2));
        let mean = |i: usize| (1..=4000).map(|step| dropped.values_at_step(step)[i]).sum::<f32>() / 4000.0;
        assert!((mean(30) - plain.values()[30]).abs() < 0.05, "{} but {}", mean(30), plain.values()[30]);
    }

    #[test]
    fn gradients_drop_what_the_value_drops() {
        let (mut q, mask) = (numbers("q", 48), [1.0; 15]);
        let options = AttentionOptions { dropout: 0.4, ..AttentionOptions::default() };
        let slope = case(&q, &mask, options).gradients_at_step(3)[0][17];
        let mut sum_at = |x: f32| {
            q[17] = x;
            case(&q, &mask, options).values_at_step(3).iter().map(|&y| f64::from(y)).sum::<f64>()
        };
        let x = numbers("q", 48)[17];
        let difference = (sum_at(x + 0.01) - sum_at(x - 0.01)) / 0.02;
        assert!(slope.abs() > 0.01 && (difference - f64::from(slope)).abs() < 1e-3, "{slope} but {difference}");
    }

    #[test]
    fn shapes_that_do_not_fit_are_refused_by_name() {
        let mut graph = Graph::new();
        let mut input = |name: &str, dims: &[usize]| {
            let fixed = dims.iter().map(|&size| Dim::Fixed(size));
            graph.input(name, &[Dim::Batch].into_iter().chain(fixed).collect::<Vec<_>>()).unwrap()
        };
        let (x, other, wide) = (input("x", &[4, 6]), input("other", &[5, 6]), input("wide", &[4, 8]));
        let (flat, mask, long) = (input("flat", &[6]), input("mask", &[4]), input("long", &[5]));
        let huge = input("huge", &[1 << 28, 2]);
        let heads = |heads| AttentionOptions { heads, ..AttentionOptions::default() };
        let error = graph.attention([x, x, x], None, heads(4)).unwrap_err().to_string();
        assert!(error.contains("`attention`") && error.contains("[batch, 4, 6]"), "{error}");
        for inputs in [[x, other, x], [x, wide, x], [flat, flat, flat], [x, flat, x], [huge, huge, huge]] {
            assert!(graph.attention(inputs, None, heads(2)).is_err(), "{inputs:?}");
        }
        let param = graph.param("param", &[4, 6]).unwrap();
        assert!(graph.attention([param, x, x], None, heads(2)).is_err());
        assert!(graph.attention([x, x, x], Some(long), heads(2)).is_err());
        assert!([0, usize::MAX].iter().all(|&n| graph.attention([x, x, x], None, heads(n)).is_err()));
        let dropout = |dropout| AttentionOptions { dropout, ..heads(2) };
        assert!([1.0, -0.1, f32::NAN].iter().all(|&rate| graph.attention([x, x, x], None, dropout(rate)).is_err()));
        assert!(graph.attention([x, other, other], Some(long), heads(2)).is_ok());
        assert!(graph.attention([x, x, wide], Some(mask), heads(2)).is_ok());
    }

    #[test]
    fn a_damaged_file_is_refused() {
        let mut graph = Graph::new();
        let x = graph.input("x", &[Dim::Batch, Dim::Fixed(4), Dim::Fixed(6)]).unwrap();
        graph.attention([x, x, x], None, AttentionOptions { heads: 2, ..AttentionOptions::default() }).unwrap();
        let json = serde_json::to_string(&graph).unwrap();
        assert!(serde_json::from_str::<Graph>(&json).is_ok());
        for (from, to) in
            [("\"heads\":2", "\"heads\":3"), ("\"keys\":4", "\"keys\":5"), ("\"dropout\":0.0", "\"dropout\":2.0")]
        {
            assert!(json.contains(from), "{json} lacks {from}");
            assert!(serde_json::from_str::<Graph>(&json.replacen(from, to, 1)).is_err(), "{to}");
        }
    }
}
