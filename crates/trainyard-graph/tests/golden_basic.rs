//! Basic operations against PyTorch's numbers; `golden/make_basic_golden.py` makes them and names the version.

use serde::Deserialize;
use trainyard_graph::{
    Combiner, Cpu, Device, Dim, FeedMap, Graph, Mode, NodeId, Ragged, Result, Shape, check, gradients,
};

/// Of single precision against PyTorch's double, relative where a number is above 1.
const TOLERANCE: f32 = 2e-6;

#[derive(Deserialize)]
struct Golden {
    /// Of the batch.
    rows: usize,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    op: Operation,
    inputs: Vec<Input>,
    /// Ids of each row of the batch, and their weights.
    bags: Option<Vec<Vec<u64>>>,
    bag_weights: Option<Vec<Vec<f32>>>,
    /// What the value is multiplied with, number by number, before it is summed up and differentiated.
    weight: Vec<f32>,
    values: Vec<f32>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Operation {
    Add,
    Sub,
    Mul,
    Div,
    Exp,
    Log,
    Sqrt,
    Square,
    Abs,
    Affine { scale: f32, shift: f32 },
    SumTo { to: Shape },
    BroadcastTo { to: Shape },
    Reshape { dims: Vec<Dim> },
    Transpose { axes: Vec<usize> },
    Slice { start: usize, len: usize },
    SliceAxis { axis: usize, start: usize, len: usize },
    Concat,
    ConcatAxis { axis: usize },
    Stack { axis: usize },
    Pad { before: usize, after: usize },
    PadAxis { axis: usize, before: usize, after: usize },
    Matmul,
    BatchMatmul { transpose_a: bool, transpose_b: bool },
    Softmax,
    TimesSequenceMask,
    EmbeddingBag { combiner: Combiner },
}

#[derive(Deserialize)]
struct Input {
    dims: Vec<Dim>,
    values: Vec<f32>,
    gradient: Vec<f32>,
}

impl Operation {
    fn build(&self, graph: &mut Graph, x: &[NodeId], ids: NodeId) -> Result<NodeId> {
        let a = x[0];
        match self {
            Self::Add => graph.add(a, x[1]),
            Self::Sub => graph.sub(a, x[1]),
            Self::Mul => graph.mul(a, x[1]),
            Self::Div => graph.div(a, x[1]),
            Self::Exp => graph.exp(a),
            Self::Log => graph.log(a),
            Self::Sqrt => graph.sqrt(a),
            Self::Square => graph.square(a),
            Self::Abs => graph.abs(a),
            Self::Affine { scale, shift } => graph.affine(a, *scale, *shift),
            Self::SumTo { to } => graph.sum_to(a, to.clone()),
            Self::BroadcastTo { to } => graph.broadcast_to(a, to.clone()),
            Self::Reshape { dims } => graph.reshape(a, dims),
            Self::Transpose { axes } => graph.transpose(a, axes),
            Self::Slice { start, len } => graph.slice(a, *start, *len),
            Self::SliceAxis { axis, start, len } => graph.slice_axis(a, *axis, *start, *len),
            Self::Concat => graph.concat(x),
            Self::ConcatAxis { axis } => graph.concat_axis(x, *axis),
            Self::Stack { axis } => graph.stack(x, *axis),
            Self::Pad { before, after } => graph.pad(a, *before, *after),
            Self::PadAxis { axis, before, after } => graph.pad_axis(a, *axis, *before, *after),
            Self::Matmul => graph.matmul(a, x[1]),
            Self::BatchMatmul { transpose_a, transpose_b } => graph.batch_matmul(a, x[1], *transpose_a, *transpose_b),
            Self::Softmax => graph.softmax(a),
            Self::TimesSequenceMask => {
                let length = graph.shape(a).last().unwrap_or(0);
                let mask = graph.sequence_mask(ids, length)?;
                graph.mul(a, mask)
            }
            Self::EmbeddingBag { combiner } => graph.embedding_bag(a, ids, *combiner),
        }
    }
}

impl Input {
    fn add(&self, graph: &mut Graph, name: &str) -> Result<NodeId> {
        match self.dims[..] {
            [Dim::Rows(_), Dim::Fixed(dim)] => graph.table(name, dim),
            [Dim::Batch, ..] => graph.input(name, &self.dims),
            _ => {
                let size = |dim: &Dim| if let Dim::Fixed(size) = dim { Some(*size) } else { None };
                graph.param(name, &self.dims.iter().filter_map(size).collect::<Vec<_>>())
            }
        }
    }
}

impl Case {
    fn check(&self, rows: usize) -> Result<()> {
        let outputs = self.run(rows)?;
        check::close_in(&format!("{:?}", self.op), &outputs[0], &self.values, TOLERANCE);
        for (i, (input, gradient)) in self.inputs.iter().zip(&outputs[1..]).enumerate() {
            check::close_in(&format!("{:?}, gradient for input {i}", self.op), gradient, &input.gradient, TOLERANCE);
        }
        Ok(())
    }

    /// The value and the gradients for all inputs.
    fn run(&self, rows: usize) -> Result<Vec<Vec<f32>>> {
        let mut graph = Graph::new();
        let ids = graph.ids("ids")?;
        let add = |(i, input): (usize, &Input)| input.add(&mut graph, &format!("input {i}"));
        let inputs = self.inputs.iter().enumerate().map(add).collect::<Result<Vec<_>>>()?;
        let value = self.op.build(&mut graph, &inputs, ids)?;
        let dims = graph.shape(value).dims().to_vec();
        let weight = graph.input("weight", &dims)?;
        let weighted = graph.mul(value, weight)?;
        let loss = graph.sum_all(weighted)?;
        let outputs = [vec![value], gradients(&mut graph, loss, &inputs)?].concat();

        let feeds = FeedMap::new(&graph, rows).floats(weight, &self.weight).ids(ids, self.ids(rows));
        let given = inputs.iter().zip(&self.inputs);
        let feeds = given.fold(feeds, |feeds, (&node, input)| feeds.floats(node, &input.values));
        let mut program = Cpu::new(2).with_micro_batch(2).compile(&graph, &outputs)?;
        program.run(&feeds, Mode::Inference)?;
        Ok((0..outputs.len()).map(|i| program.output(i).to_vec()).collect())
    }

    /// The bags; an operation that reads no ids is fed empty ones.
    fn ids(&self, rows: usize) -> Ragged {
        let (mut ids, empty) = (Ragged::new(), vec![Vec::new(); rows]);
        self.bags.as_ref().unwrap_or(&empty).iter().for_each(|bag| ids.push_row(bag));
        ids.weights = self.bag_weights.as_ref().map(|weights| weights.concat());
        ids
    }
}

#[test]
fn values_and_gradients_match_pytorch() {
    let golden: Golden = serde_json::from_str(include_str!("golden/basic.json")).expect("a golden file");
    for case in golden.cases {
        case.check(golden.rows).unwrap_or_else(|error| panic!("{:?}: {error}", case.op));
    }
}
