//! A computation as data: nodes in order, each an operation on earlier nodes.

use crate::op::{Input, InputKind, Op};
use crate::shape::NUMBER;
use crate::{Dim, Error, Result, Shape};
use serde::{Deserialize, Serialize};

/// Numbers in a row of a value at most: 4 GiB.
const ROW_LEN_MAX: usize = 1 << 30;

/// Axes of a value at most, which is NumPy's bound: operations walk along axes one within the other.
const RANK_MAX: usize = 64;

/// A node of the [`Graph`] that made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeId(u32);

impl NodeId {
    /// Its place among the nodes of its graph.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// One operation, what it reads, and the shape of its value.
#[derive(Debug, Clone)]
pub struct Node {
    /// What is computed.
    pub op: Op,
    /// From which nodes, all of them earlier ones.
    pub inputs: Vec<NodeId>,
    /// Shape of the value.
    pub shape: Shape,
}

/// A computation as data.
///
/// A model builds its graph once; [`gradients`](crate::gradients) adds its gradient to it, and a
/// [`Device`](crate::Device) compiles it. Shapes are checked while it is built, so that an error names the layer that
/// asked for the operation. The methods that add an operation stand in the operation's own file.
///
/// ```
/// use trainyard_graph::{Dim, Graph};
///
/// let mut graph = Graph::new();
/// let x = graph.input("x", &[Dim::Batch, Dim::Fixed(3)])?;
/// let w = graph.param("w", &[3, 2])?;
/// let y = graph.matmul(x, w)?;
/// assert_eq!(graph.shape(y).to_string(), "[batch, 2]");
/// assert!(graph.matmul(w, x).unwrap_err().to_string().contains("`matmul`"));
/// # Ok::<(), trainyard_graph::Error>(())
/// ```
///
/// As a file it is a list of nodes. Reading one builds the graph again node by node, with all checks, so a graph from a
/// stranger is as safe as one's own.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(try_from = "Vec<Stored>", into = "Vec<Stored>")]
pub struct Graph {
    nodes: Vec<Node>,
    inputs: Vec<NodeId>,
    scopes: Vec<String>,
    n_tables: u32,
}

impl Graph {
    /// A graph without nodes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the value `name` that is fed at each run, such as the features of a batch.
    ///
    /// # Errors
    ///
    /// When the name is taken, a size is 0, or the batch is not the first axis.
    pub fn input(&mut self, name: &str, dims: &[Dim]) -> Result<NodeId> {
        self.add_input(name, InputKind::Data, Shape::new(dims))
    }

    /// Adds the trainable parameter `name`.
    ///
    /// # Errors
    ///
    /// When the name is taken or a size is 0.
    pub fn param(&mut self, name: &str, sizes: &[usize]) -> Result<NodeId> {
        self.add_input(name, InputKind::Param, Shape::fixed(sizes))
    }

    /// Adds the rows of the embedding table `name` that a batch names, `[rows, dim]`.
    ///
    /// # Errors
    ///
    /// When the name is taken or `dim` is 0.
    pub fn table(&mut self, name: &str, dim: usize) -> Result<NodeId> {
        let shape = Shape::new([Dim::Rows(self.n_tables), Dim::Fixed(dim)]);
        let node = self.add_input(name, InputKind::Table, shape)?;
        self.n_tables += 1;
        Ok(node)
    }

    /// Adds the ids `name`: for each row of the batch, which rows of a table it names.
    ///
    /// # Errors
    ///
    /// When the name is taken.
    pub fn ids(&mut self, name: &str) -> Result<NodeId> {
        self.add_input(name, InputKind::Ids, Shape::new([Dim::Batch]))
    }

    /// Builds a layer: errors inside `build` name `scope`.
    ///
    /// # Errors
    ///
    /// Those of `build`.
    pub fn scope<T, E>(&mut self, scope: &str, build: impl FnOnce(&mut Self) -> Result<T, E>) -> Result<T, E> {
        self.enter(scope);
        let built = build(self);
        self.leave();
        built
    }

    /// Opens a scope that [`leave`](Self::leave) closes, for builders that hold the graph themselves.
    pub fn enter(&mut self, scope: &str) {
        self.scopes.push(scope.to_owned());
    }

    /// Closes the innermost scope.
    pub fn leave(&mut self) {
        self.scopes.pop();
    }

    /// The open scopes, outermost first, joined by `/`.
    pub fn scope_name(&self) -> String {
        self.scopes.join("/")
    }

    /// The shape of a node's value; that of a number, `[]`, for a node of another graph that has more nodes, which operations
    /// refuse.
    pub fn shape(&self, node: NodeId) -> &Shape {
        self.nodes.get(node.index()).map_or(&NUMBER, |node| &node.shape)
    }

    /// A node of this graph.
    pub(crate) fn node(&self, node: NodeId) -> &Node {
        &self.nodes[node.index()]
    }

    /// All nodes, in an order in which each stands behind what it reads.
    pub fn nodes(&self) -> impl DoubleEndedIterator<Item = (NodeId, &Node)> + ExactSizeIterator {
        self.nodes.iter().enumerate().map(|(i, node)| (NodeId(i as u32), node))
    }

    /// What is fed at each run (data, parameters, tables and ids), in the order in which it was added. The place in this
    /// list is the slot by which [`Feeds`](crate::Feeds) gives the value.
    pub fn inputs(&self) -> &[NodeId] {
        &self.inputs
    }

    /// The name and kind of an input; `None` for any other node.
    pub fn input_of(&self, node: NodeId) -> Option<&Input> {
        match &self.nodes.get(node.index())?.op {
            Op::Input(input) => Some(input),
            _ => None,
        }
    }

    /// Adds an operation, or says why the shapes do not fit it.
    pub(crate) fn apply(&mut self, op: Op, inputs: &[NodeId]) -> Result<NodeId> {
        let shapes = inputs.iter().map(|&input| self.checked(input)).collect::<Result<Vec<_>>>()?;
        let operation = op.operation();
        self.check_kinds(operation.name(), operation.ids_input(), inputs)?;
        let shape = operation.shape(&shapes).map_err(|expected| self.misfit(operation.name(), inputs, expected))?;
        self.check_size(&op, &shape)?;
        Ok(self.push(Node { op, inputs: inputs.to_vec(), shape }))
    }

    pub(crate) fn add_input(&mut self, name: &str, kind: InputKind, shape: Shape) -> Result<NodeId> {
        if self.inputs.iter().any(|&node| self.input_of(node).is_some_and(|input| input.name == name)) {
            return Err(Error::Usage {
                what: format!("the graph has an input `{name}` already"),
                expected: "give each input and parameter a name of its own".to_owned(),
            });
        }
        let op = Op::Input(Input { name: name.to_owned(), kind, shape });
        let node = self.apply(op, &[])?;
        self.inputs.push(node);
        Ok(node)
    }

    fn push(&mut self, node: Node) -> NodeId {
        self.nodes.push(node);
        NodeId(self.nodes.len() as u32 - 1)
    }

    /// The shape of a node, which must be of this graph.
    pub(crate) fn checked(&self, node: NodeId) -> Result<&Shape> {
        self.nodes.get(node.index()).map(|node| &node.shape).ok_or_else(|| Error::Usage {
            what: format!("node {} is not of this graph, which has {} nodes", node.0, self.nodes.len()),
            expected: "use a node that a method of this graph returned".to_owned(),
        })
    }

    /// The error of inputs, nodes of this graph, whose shapes do not fit the method `op`.
    pub(crate) fn misfit(&self, op: &'static str, inputs: &[NodeId], expected: impl Into<String>) -> Error {
        let shapes: Vec<String> = inputs.iter().map(|&input| self.shape_text(input)).collect();
        let shapes = if shapes.is_empty() { "what it was given".to_owned() } else { shapes.join(" and ") };
        Error::Shape { op, scope: self.scope_name(), shapes, expected: expected.into() }
    }

    fn shape_text(&self, node: NodeId) -> String {
        format!("{}{}", if self.has_ids(node) { "ids " } else { "" }, self.shape(node))
    }

    fn has_ids(&self, node: NodeId) -> bool {
        self.input_of(node).is_some_and(|input| input.kind == InputKind::Ids)
    }

    /// A value has at most `RANK_MAX` axes, none of them empty, and the batch only first; a row of it, and what an operation works
    /// with for it, have at most `ROW_LEN_MAX` numbers, so that sizes computed from it do not overflow.
    fn check_size(&self, op: &Op, shape: &Shape) -> Result<()> {
        let len = shape.row_len();
        let rows_are_first = shape.dims().iter().skip(1).all(|dim| matches!(dim, Dim::Fixed(_)));
        let fits = shape.rank() <= RANK_MAX && len > 0 && rows_are_first;
        if fits && len.max(op.operation().scratch_len()) <= ROW_LEN_MAX {
            return Ok(());
        }
        Err(Error::Shape {
            op: op.operation().name(),
            scope: self.scope_name(),
            shapes: format!("a value of shape {shape}"),
            expected: format!(
                "at most {RANK_MAX} axes of sizes from 1, behind the batch if there is one, and at most {ROW_LEN_MAX} numbers in a \
                 row and of memory to compute it"
            ),
        })
    }

    /// Ids are read by operations that expect them, as the input `ids_input`, and by no others.
    pub(crate) fn check_kinds(&self, op: &'static str, ids_input: Option<usize>, inputs: &[NodeId]) -> Result<()> {
        for (i, &input) in inputs.iter().enumerate() {
            let (has_ids, wants_ids) = (self.has_ids(input), ids_input == Some(i));
            if has_ids != wants_ids {
                let expected = format!("{} as input {i}, not {}", kind_name(wants_ids), kind_name(has_ids));
                return Err(self.misfit(op, inputs, expected));
            }
        }
        Ok(())
    }
}

/// A node in a file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    op: Op,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    inputs: Vec<NodeId>,
}

impl From<Graph> for Vec<Stored> {
    fn from(graph: Graph) -> Self {
        graph.nodes.into_iter().map(|node| Stored { op: node.op, inputs: node.inputs }).collect()
    }
}

impl TryFrom<Vec<Stored>> for Graph {
    type Error = Error;

    fn try_from(nodes: Vec<Stored>) -> Result<Self> {
        let mut graph = Self::new();
        for Stored { op, inputs } in nodes {
            match op {
                Op::Input(input) => {
                    let is_next = input.shape.table().is_none_or(|table| table == graph.n_tables);
                    graph.n_tables += u32::from(input.shape.table().is_some() && is_next);
                    graph.add_input(&input.name, input.kind, input.shape)?
                }
                op => graph.apply(op, &inputs)?,
            };
        }
        Ok(graph)
    }
}

fn kind_name(ids: bool) -> &'static str {
    if ids { "ids" } else { "numbers" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_layer_the_operation_and_both_shapes() {
        let mut graph = Graph::new();
        let x = graph.input("x", &[Dim::Batch, Dim::Fixed(3)]).unwrap();
        let w = graph.param("w", &[4, 2]).unwrap();
        let error = graph.scope("tower", |g| g.scope("dense_1", |g| g.matmul(x, w))).unwrap_err().to_string();
        for part in ["`matmul`", "`tower/dense_1`", "[batch, 3]", "[4, 2]"] {
            assert!(error.contains(part), "{error} lacks {part}");
        }
    }

    #[test]
    fn a_name_is_given_once() {
        let mut graph = Graph::new();
        graph.param("w", &[1]).unwrap();
        assert!(graph.input("w", &[]).unwrap_err().to_string().contains("`w`"));
    }

    #[test]
    fn sizes_of_zero_and_a_batch_inside_are_refused() {
        let mut graph = Graph::new();
        assert!(graph.param("w", &[3, 0]).is_err());
        assert!(graph.input("x", &[Dim::Fixed(2), Dim::Batch]).is_err());
        assert!(graph.input("t", &[Dim::Rows(0), Dim::Fixed(2)]).is_err());
    }

    #[test]
    fn ids_are_not_numbers() {
        let mut graph = Graph::new();
        let ids = graph.ids("ids").unwrap();
        assert!(graph.relu(ids).unwrap_err().to_string().contains("ids"));
    }

    #[test]
    fn a_graph_survives_json_and_a_damaged_one_is_refused() {
        let mut graph = Graph::new();
        let x = graph.input("x", &[Dim::Batch, Dim::Fixed(3)]).unwrap();
        let (w, b) = (graph.param("w", &[3, 2]).unwrap(), graph.param("b", &[2]).unwrap());
        let y = graph.dense(x, w, Some(b), crate::Activation::Relu).unwrap();
        graph.sum_last(y).unwrap();
        let json = serde_json::to_string(&graph).unwrap();
        let again: Graph = serde_json::from_str(&json).unwrap();
        assert_eq!(serde_json::to_string(&again).unwrap(), json);
        assert_eq!(again.inputs(), graph.inputs());
        for (from, to) in [("\"fixed\":3", "\"fixed\":4"), ("[0,1,2]", "[0,1,9]"), ("\"units\":2", "\"units\":3")] {
            assert!(json.contains(from), "{json} lacks {from}");
            assert!(serde_json::from_str::<Graph>(&json.replacen(from, to, 1)).is_err(), "{to}");
        }
    }

    #[test]
    fn sizes_that_overflow_are_refused() {
        let mut graph = Graph::new();
        assert!(graph.param("w", &[usize::MAX, 2]).is_err() && graph.param("v", &[1 << 31]).is_err());
    }

    #[test]
    fn a_node_of_another_graph_is_refused() {
        let mut large = Graph::new();
        large.param("a", &[1]).unwrap();
        let node = large.param("b", &[1]).unwrap();
        let mut graph = Graph::new();
        let own = graph.param("c", &[2]).unwrap();
        assert!(
            graph.relu(node).is_err() && graph.matmul(own, node).is_err() && graph.sum_axes(node, &[0], true).is_err()
        );
        assert!(graph.input_of(node).is_none() && graph.shape(node).rank() == 0);
        assert!(crate::gradients(&mut graph, node, &[own]).is_err());
        let loss = graph.sum_all(own).unwrap();
        assert!(crate::gradients(&mut graph, loss, &[NodeId(99)]).is_err());
        assert!(crate::Device::compile(&crate::Cpu::default(), &graph, &[NodeId(99)]).is_err());
    }

    #[test]
    fn the_batch_is_not_moved_inside_by_repetition() {
        let mut graph = Graph::new();
        let x = graph.input("x", &[Dim::Batch]).unwrap();
        let inside = Shape::new([Dim::Fixed(2), Dim::Batch]);
        assert!(graph.broadcast_to(x, inside).unwrap_err().to_string().contains("[2, batch]"));
        let (mut scalars, empty) = (Graph::new(), Shape::fixed(&[0, 3]));
        let one = scalars.constant(1.0).unwrap();
        assert!(scalars.broadcast_to(one, empty).is_err());
    }

    #[test]
    fn more_axes_than_any_operation_walks_along_are_refused() {
        let mut graph = Graph::new();
        assert!(graph.param("w", &[1; 64]).is_ok() && graph.param("v", &[1; 65]).is_err());
    }
}
