//! One operation on given numbers, held against plain loops.

use trainyard_graph::{Cpu, Device, Dim, Error, FeedMap, Graph, Mode, NodeId, Ragged, Result, gradients, random};

/// Half a unit in the last place, relative to a number: what one rounding loses at most.
const ROUNDING: f64 = 1.0 / (1 << 24) as f64;

/// Step of differences. Of third derivatives, which count up to `1e4` here, it leaves `1e-8`, and of what `f64` rounds
/// `1e-10`: both far below what `f32` rounds.
const STEP: f64 = 1e-6;

/// What a gradient may be off by, relative to the sizes of all its parts: as the longest sums of the tests, of some 400 terms, lose
/// about √400 roundings, `1e-6`, and a gradient passes through a few of them. A column of 70 that is wrong counts `1e-2`.
const GRADIENT_TOLERANCE: f64 = 1e-5;

/// An exact number, and the size of what it is made of: the sum of the absolute values of its terms. Roundings are relative to
/// this, as terms may cancel.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Exact {
    pub(crate) value: f64,
    pub(crate) size: f64,
}

impl Exact {
    /// A number that is not rounded at all.
    pub(crate) fn copy(value: f64) -> Self {
        Self { value, size: 0.0 }
    }

    /// A number computed from others without cancellation.
    pub(crate) fn of(value: f64) -> Self {
        Self { value, size: value.abs() }
    }

    pub(crate) fn sum(terms: impl IntoIterator<Item = f64>) -> Self {
        let add = |sum: Self, x: f64| Self { value: sum.value + x, size: sum.size + x.abs() };
        terms.into_iter().fold(Self::copy(0.0), add)
    }
}

/// A graph of one operation and the numbers it is given, all of them functions of a seed.
pub(crate) struct Trial {
    pub(crate) graph: Graph,
    rows: usize,
    seed: u64,
    inputs: Vec<(NodeId, Vec<f32>)>,
    /// Of the inputs, those without a gradient.
    labels: Vec<NodeId>,
    ids: Option<(NodeId, Ragged)>,
}

/// How a sum changes before the given numbers and behind them, and the size of its terms' changes.
struct Slopes {
    sides: [f64; 2],
    size: f64,
}

impl Trial {
    pub(crate) fn new(rows: usize, seed: u64) -> Self {
        Self { graph: Graph::new(), rows, seed, inputs: Vec::new(), labels: Vec::new(), ids: None }
    }

    /// Normal numbers of shape `[batch, sizes..]`.
    pub(crate) fn data(&mut self, sizes: &[usize]) -> NodeId {
        self.data_by(sizes, |x| x)
    }

    /// A function of normal numbers, of shape `[batch, sizes..]`.
    pub(crate) fn data_by(&mut self, sizes: &[usize], f: impl Fn(f32) -> f32) -> NodeId {
        let dims: Vec<Dim> = [Dim::Batch].into_iter().chain(sizes.iter().map(|&size| Dim::Fixed(size))).collect();
        let node = self.graph.input(&self.name(), &dims);
        self.given(node, self.rows * sizes.iter().product::<usize>(), f)
    }

    /// Normal numbers of shape `[sizes..]`.
    pub(crate) fn param(&mut self, sizes: &[usize]) -> NodeId {
        self.param_by(sizes, |x| x)
    }

    /// A function of normal numbers, of shape `[sizes..]`.
    pub(crate) fn param_by(&mut self, sizes: &[usize], f: impl Fn(f32) -> f32) -> NodeId {
        let node = self.graph.param(&self.name(), sizes);
        self.given(node, sizes.iter().product(), f)
    }

    /// As [`data_by`](Self::data_by), without a gradient.
    pub(crate) fn labels(&mut self, sizes: &[usize], f: impl Fn(f32) -> f32) -> NodeId {
        let node = self.data_by(sizes, f);
        self.labels.push(node);
        node
    }

    /// A table of `len` rows of normal numbers.
    pub(crate) fn table(&mut self, len: usize, dim: usize) -> NodeId {
        let node = self.graph.table(&self.name(), dim);
        self.given(node, len * dim, |x| x)
    }

    /// For each row of the batch up to 5 of `n` ids, with weights above 0 if `weighted`.
    pub(crate) fn ids(&mut self, n: u64, weighted: bool) -> NodeId {
        let (counts, names) = (random::stream(self.seed, "counts"), random::stream(self.seed, "ids"));
        let mut ids = Ragged::new();
        for row in 0..self.rows as u64 {
            let bag: Vec<u64> =
                (0..random::below(counts, row, 6)).map(|i| random::below(names, 6 * row + i, n)).collect();
            ids.push_row(&bag);
        }
        let weights =
            (0..ids.ids.len() as u64).map(|i| 0.25 + random::uniform(random::stream(self.seed, "weights"), i));
        ids.weights = weighted.then(|| weights.collect());
        let node = self.graph.ids("ids").expect("ids");
        self.ids = Some((node, ids));
        node
    }

    /// The ids that are given.
    pub(crate) fn bags(&self) -> Ragged {
        self.ids.as_ref().map(|(_, ids)| ids.clone()).unwrap_or_default()
    }

    fn name(&self) -> String {
        format!("input {}", self.inputs.len())
    }

    fn given(&mut self, node: Result<NodeId>, len: usize, f: impl Fn(f32) -> f32) -> NodeId {
        let node = node.expect("an input");
        let stream = random::stream(self.seed, &self.name());
        self.inputs.push((node, (0..len as u64).map(|i| f(random::normal(stream, i))).collect()));
        node
    }

    /// Holds `value`, whose numbers are sums of up to `terms` terms, and its gradients against `exact`, a function of the numbers
    /// of all inputs in the order in which they were added.
    ///
    /// `n` roundings go either way and add up to about `√n` of them, almost never to four times as many (Higham and Mary,
    /// *A New Approach to Probabilistic Rounding Error Analysis*, 2019). Eight more are for the functions, each within 2 units, thus 4
    /// roundings, and the few operations behind a sum.
    pub(crate) fn check(
        mut self,
        name: &str,
        value: Result<NodeId>,
        terms: usize,
        exact: impl Fn(&[Vec<f64>]) -> Vec<Exact>,
    ) {
        let failed = |error: Error| -> ! { panic!("{name}: {error}") };
        let value = value.unwrap_or_else(|error| failed(error));
        let inputs: Vec<Vec<f64>> =
            self.inputs.iter().map(|(_, numbers)| numbers.iter().map(|&x| f64::from(x)).collect()).collect();
        let expected = exact(&inputs);
        let outputs = self.values_and_gradients(value).unwrap_or_else(|error| failed(error));
        let roundings = 8.0 + 4.0 * (terms as f64).sqrt();
        assert_eq!(outputs[0].len(), expected.len(), "numbers of {name}");
        for (i, (&y, e)) in outputs[0].iter().zip(&expected).enumerate() {
            let error = (f64::from(y) - e.value).abs();
            assert!(error <= roundings * ROUNDING * e.size, "number {i} of {name}: {y} but {e:?}");
        }
        self.check_gradients(name, &inputs, &outputs[1..], &expected, exact);
    }

    /// Holds gradients against the difference of the weighted sum of exact values along an arbitrary direction.
    fn check_gradients(
        &self,
        name: &str,
        inputs: &[Vec<f64>],
        gradients: &[Vec<f32>],
        expected: &[Exact],
        exact: impl Fn(&[Vec<f64>]) -> Vec<Exact>,
    ) {
        for (which, (node, _)) in self.inputs.iter().enumerate().filter(|(_, (node, _))| !self.labels.contains(node)) {
            let stream = random::stream(self.seed, &format!("direction {node:?}"));
            let direction: Vec<f64> =
                (0..inputs[which].len()).map(|i| f64::from(random::normal(stream, i as u64))).collect();
            let Slopes { sides: slopes, size } = self.slopes(inputs, which, &direction, &exact);
            let parts = Exact::sum(gradients[which].iter().zip(&direction).map(|(&g, d)| f64::from(g) * d));
            assert!(parts.value.is_finite(), "gradient of {name} for input {which} is not finite");
            let sizes = expected.iter().enumerate().map(|(i, y)| (self.weight(i) * y.size).abs());
            // Terms of a number that is repeated to many places may cancel, and round even where values are copies.
            let tolerance = GRADIENT_TOLERANCE * (parts.size + sizes.sum::<f64>()) + ROUNDING * size;
            // Slopes differ on both sides of a kink, such as that of a maximum, if one is as near: then there is no gradient.
            if (slopes[0] - slopes[1]).abs() <= tolerance {
                let slope = 0.5 * (slopes[0] + slopes[1]);
                let fits = (parts.value - slope).abs() <= tolerance;
                assert!(fits, "gradient of {name} for input {which}: {} but {slope} within {tolerance}", parts.value);
            }
        }
    }

    /// How the weighted sum changes along a direction of one input.
    fn slopes(
        &self,
        inputs: &[Vec<f64>],
        which: usize,
        direction: &[f64],
        exact: impl Fn(&[Vec<f64>]) -> Vec<Exact>,
    ) -> Slopes {
        let terms_at = |step: f64| -> Vec<f64> {
            let mut shifted = inputs.to_vec();
            shifted[which].iter_mut().zip(direction).for_each(|(x, d)| *x += step * d);
            exact(&shifted).iter().enumerate().map(|(i, y)| self.weight(i) * y.value).collect()
        };
        let [below, middle, above] = [-STEP, 0.0, STEP].map(terms_at);
        let slope = |from: &[f64], to: &[f64]| Exact::sum(from.iter().zip(to).map(|(from, to)| (to - from) / STEP));
        let sides = [slope(&below, &middle), slope(&middle, &above)];
        Slopes { sides: sides.map(|side| side.value), size: sides[0].size.max(sides[1].size) }
    }

    /// The factor of number `i` of a value in the loss.
    fn weight(&self, i: usize) -> f64 {
        f64::from(random::normal(random::stream(self.seed, "loss"), i as u64))
    }

    /// The value, and the gradient of its weighted sum for each input that has one; nothing for the others.
    fn values_and_gradients(&mut self, value: NodeId) -> Result<Vec<Vec<f32>>> {
        let dims = self.graph.shape(value).dims().to_vec();
        let len = self.graph.shape(value).row_len() * if dims.first() == Some(&Dim::Batch) { self.rows } else { 1 };
        let weights: Vec<f32> = (0..len).map(|i| self.weight(i) as f32).collect();
        let factor = self.graph.input("weights of the loss", &dims)?;
        let weighted = self.graph.mul(value, factor)?;
        let loss = self.graph.sum_all(weighted)?;
        let wrt: Vec<NodeId> =
            self.inputs.iter().map(|(node, _)| *node).filter(|node| !self.labels.contains(node)).collect();
        let slopes = gradients(&mut self.graph, loss, &wrt)?;
        let feeds = FeedMap::new(&self.graph, self.rows).floats(factor, &weights);
        let feeds = self.inputs.iter().fold(feeds, |feeds, (node, numbers)| feeds.floats(*node, numbers));
        let feeds = self.ids.iter().fold(feeds, |feeds, (node, ids)| feeds.ids(*node, ids.clone()));
        // Micro-batches of 16 rows, so that larger batches are computed in parts, the last of them smaller.
        let mut program = Cpu::default().with_micro_batch(16).compile(&self.graph, &[vec![value], slopes].concat())?;
        program.run(&feeds, Mode::Inference)?;
        let mut outputs = (0..=wrt.len()).map(|i| program.output(i).to_vec());
        let first = outputs.next();
        let of_input = self.inputs.iter().map(|(node, _)| match wrt.contains(node) {
            true => outputs.next().unwrap_or_default(),
            false => Vec::new(),
        });
        Ok(first.into_iter().chain(of_input).collect())
    }
}
