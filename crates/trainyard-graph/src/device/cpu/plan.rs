//! What a program computes in which order, and where each value lives.

use super::arena::Arena;
use super::linear::{Kind, kinds};
use super::packed::Packed;
use crate::op::{Binary, BinaryKind, InputKind, Op, Weights};
use crate::{Dim, Error, Graph, Node, NodeId, Result};
use std::ops::Range;

/// Where a value lives and how large it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Value {
    pub(super) place: Place,
    /// Numbers in a row, or in the whole value when it has no rows.
    pub(super) row_len: usize,
    /// Whether it has a row for each row of the batch.
    pub(super) batched: bool,
}

impl Value {
    pub(crate) fn row_len(self) -> usize {
        self.row_len
    }

    /// Whether both lie at one place.
    pub(crate) fn is_at(self, other: Self) -> bool {
        self.place == other.place
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Fed by the caller, under this slot.
    Feed(usize),
    /// In the lane's arena from this number on.
    Arena(usize),
    /// In this one of the buffers that hold all rows of the batch.
    Batch(usize),
    /// Among the parts of sums over the batch, from this number on.
    Part(usize),
    /// Among the values that are the same for all rows, from this number on: computed once a run.
    Shared(usize),
}

/// One operation of a program.
#[derive(Debug)]
pub(crate) struct Step {
    pub(super) op: Op,
    pub(crate) inputs: Vec<Value>,
    /// The value, or the one of which it is columns.
    pub(crate) output: Value,
    /// The first of these columns.
    pub(crate) column: usize,
    /// Memory that the operation works with.
    pub(super) scratch: Value,
    /// Which packed weights are its.
    pub(super) packed: Option<usize>,
}

/// Where an output comes from.
#[derive(Debug)]
pub(super) enum Output {
    /// A buffer that holds all rows of the batch.
    Batch(usize),
    /// A sum over micro-batches: its numbers among the parts.
    Part { offset: usize, len: usize },
    /// The gradient of a table's rows, gathered from bags.
    Rows { table_slot: usize, dim: usize, bags: Vec<RowsPart> },
}

/// What one look-up contributes to the gradient of a table's rows.
#[derive(Debug)]
pub(super) struct RowsPart {
    pub(super) op: Op,
    pub(super) upstream: Value,
    /// Which numbers of a row of `upstream`.
    pub(super) columns: Range<usize>,
    pub(super) table_slot: usize,
    pub(super) ids_slot: usize,
}

/// Numbers of an output that one lane sums or gathers.
#[derive(Debug)]
pub(super) struct Reduced {
    pub(super) output: usize,
    /// The numbers of a sum; the gradient of a table is gathered whole.
    pub(super) range: Range<usize>,
}

impl Reduced {
    /// Numbers of a sum that one lane takes at most: large outputs are shared, so that lanes end together.
    const LEN: usize = 1 << 13;
}

/// What is fed under a slot.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) name: String,
    pub(super) kind: InputKind,
    pub(super) row_len: usize,
    pub(super) batched: bool,
    /// For ids, the slots of the tables that they index.
    pub(super) tables: Vec<usize>,
    /// Whether the program reads it.
    pub(super) needed: bool,
}

/// A compiled graph without memory.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) slots: Vec<Slot>,
    /// What is computed once a run, before the micro-batches: first what reads nothing but what is fed.
    pub(super) shared_steps: Vec<Step>,
    /// How many these are.
    pub(super) shared_of_feeds: usize,
    /// What is packed then, of what is fed or was computed.
    pub(super) packed: Vec<Packed>,
    /// What is computed for each micro-batch.
    pub(super) steps: Vec<Step>,
    pub(super) outputs: Vec<Output>,
    /// What is left to do after the micro-batches.
    pub(super) reduced: Vec<Reduced>,
    /// Row lengths of the buffers that hold all rows of the batch.
    pub(super) batch_rows: Vec<usize>,
    /// Numbers among the parts that are added up over micro-batches; those behind are the same in each.
    pub(super) summed_len: usize,
    pub(super) parts_len: usize,
    pub(super) shared_len: usize,
    pub(super) arena_len: usize,
    pub(super) micro_batch: usize,
}

/// Fewest rows of a micro-batch that is chosen here: fewer waste the products' tiles.
const MICRO_BATCH_MIN: usize = 8;

/// Numbers that stay in a core's second cache: 1 MiB.
const CACHED: usize = 1 << 18;

impl Plan {
    /// A plan with micro-batches of at most `most` rows whose values stay in cache, or take no more room than the parameters,
    /// which a micro-batch reads too. It depends on the graph alone.
    pub(super) fn suited(graph: &Graph, outputs: &[NodeId], most: usize) -> Result<Self> {
        let largest = Self::new(graph, outputs, most)?;
        let params: usize =
            largest.slots.iter().filter(|slot| slot.kind == InputKind::Param).map(|slot| slot.row_len).sum();
        let rows = CACHED.max(params) / largest.arena_len.div_ceil(most).max(1);
        match 1 << rows.max(MICRO_BATCH_MIN).ilog2() {
            rows if rows >= most => Ok(largest),
            rows => Self::new(graph, outputs, rows),
        }
    }

    pub(super) fn new(graph: &Graph, outputs: &[NodeId], micro_batch: usize) -> Result<Self> {
        outputs.iter().try_for_each(|&output| graph.checked(output).map(drop))?;
        let needed = needed(graph, outputs);
        let kinds = kinds(graph, &needed)?;
        check_tables(graph, &needed)?;
        let nodes = needed.len();
        let mut planner = Planner {
            graph,
            micro_batch,
            places: vec![None; nodes],
            columns: columns_of_joined(graph, &needed),
            scratch: vec![0; nodes],
            packed: Vec::new(),
            batch_rows: Vec::new(),
        };
        planner.place_feeds();
        let (summed_len, parts_len) = planner.place_outputs(outputs, &kinds)?;
        let shared_len = planner.place_shared(&needed, &kinds);
        let shared_len = planner.place_packed(&needed, &kinds, shared_len)?;
        let arena_len = planner.place_in_arena(&needed);
        let (shared, steps): (Vec<_>, _) =
            planner.steps(&needed)?.into_iter().partition(|step| matches!(step.output.place, Place::Shared(_)));
        let reads_feeds = |step: &Step| step.inputs.iter().all(|input| matches!(input.place, Place::Feed(_)));
        let (mut shared_steps, others): (Vec<_>, Vec<_>) = shared.into_iter().partition(reads_feeds);
        let shared_of_feeds = shared_steps.len();
        shared_steps.extend(others);
        let outputs = outputs.iter().map(|&output| planner.output(output)).collect::<Result<Vec<_>>>()?;
        let slots = slots(graph, &needed);
        Ok(Self {
            slots,
            shared_steps,
            shared_of_feeds,
            packed: planner.packed,
            steps,
            reduced: reduced(&outputs),
            outputs,
            batch_rows: planner.batch_rows,
            summed_len,
            parts_len,
            shared_len,
            arena_len,
            micro_batch,
        })
    }
}

/// Places values one after the other.
struct Planner<'a> {
    graph: &'a Graph,
    micro_batch: usize,
    places: Vec<Option<Place>>,
    /// For values that are written where they are joined with others: the joined value, and the first of its columns.
    columns: Vec<Option<(NodeId, usize)>>,
    /// Where in the arena the operations' working memory is.
    scratch: Vec<usize>,
    packed: Vec<Packed>,
    batch_rows: Vec<usize>,
}

impl Planner<'_> {
    fn place_feeds(&mut self) {
        for (slot, &node) in self.graph.inputs().iter().enumerate() {
            self.places[node.index()] = Some(Place::Feed(slot));
        }
    }

    /// Places outputs, and what the gradients of tables are gathered from; the lengths of the parts.
    fn place_outputs(&mut self, outputs: &[NodeId], kinds: &[Kind]) -> Result<(usize, usize)> {
        let mut parts_len = 0;
        let mut summed_len = 0;
        for kind in [Kind::PerRow, Kind::Summed, Kind::Invariant] {
            for &output in outputs.iter().filter(|output| kinds[output.index()] == kind) {
                if self.graph.shape(output).table().is_some() {
                    for look_up in self.look_ups(output)? {
                        self.place_output(look_up.upstream.0, Kind::PerRow, &mut parts_len);
                    }
                } else {
                    self.refuse_input(output)?;
                    self.place_output(output, kind, &mut parts_len);
                }
            }
            summed_len = if kind == Kind::Summed { parts_len } else { summed_len };
        }
        Ok((summed_len, parts_len))
    }

    fn place_output(&mut self, node: NodeId, kind: Kind, parts_len: &mut usize) {
        if self.places[node.index()].is_some() {
            return;
        }
        let row_len = self.graph.shape(node).row_len();
        self.columns[node.index()] = None;
        self.places[node.index()] = Some(if kind == Kind::PerRow {
            self.batch_rows.push(row_len);
            Place::Batch(self.batch_rows.len() - 1)
        } else {
            *parts_len += row_len;
            Place::Part(*parts_len - row_len)
        });
    }

    fn refuse_input(&self, output: NodeId) -> Result<()> {
        match self.graph.input_of(output) {
            None => Ok(()),
            Some(input) => Err(Error::Usage {
                what: format!("input `{}` was asked for as an output", input.name),
                expected: "ask for computed values; what is fed is known to the caller".to_owned(),
            }),
        }
    }

    /// Places what does not depend on the batch, such as a transposed weight, to be computed once for all micro-batches;
    /// the length of its memory.
    fn place_shared(&mut self, needed: &[bool], kinds: &[Kind]) -> usize {
        let mut len = 0;
        for (id, node) in
            self.graph.nodes().filter(|(id, _)| needed[id.index()] && kinds[id.index()] == Kind::Invariant)
        {
            let is_known =
                |input: &NodeId| matches!(self.places[input.index()], Some(Place::Feed(_) | Place::Shared(_)));
            let needs_scratch = self.scratch_value(id).row_len > 0;
            if self.places[id.index()].is_none() && node.inputs.iter().all(is_known) && !needs_scratch {
                self.places[id.index()] = Some(Place::Shared(len));
                len += self.len(id).next_multiple_of(Arena::LINE);
            }
        }
        len
    }

    /// Places weights that products with rows of the batch read, packed, behind the first `len` numbers of the shared values; the
    /// length of these then.
    fn place_packed(&mut self, needed: &[bool], kinds: &[Kind], mut len: usize) -> Result<usize> {
        let per_row = |id: &NodeId| needed[id.index()] && kinds[id.index()] != Kind::Invariant;
        for (id, _) in self.graph.nodes().filter(|(id, _)| per_row(id)) {
            let Some((from, weights)) = self.weights(id)? else { continue };
            let columns = weights.columns(from.row_len());
            let rows = self.graph.shape(id).row_len() / columns.max(1);
            match self.packed_of(from, weights) {
                Some(i) => self.packed[i].rows = self.packed[i].rows.max(rows),
                None if columns > 1 => {
                    let packed = Packed { from, weights, rows, start: len };
                    len = packed.range().end;
                    self.packed.push(packed);
                }
                None => {}
            }
        }
        Ok(len)
    }

    /// The weights of a product, if they are the same for all rows.
    fn weights(&self, node: NodeId) -> Result<Option<(Value, Weights)>> {
        let Node { op, inputs, .. } = self.graph.node(node);
        let Some(weights) = op.operation().weights() else { return Ok(None) };
        let input = inputs[weights.input];
        if !matches!(self.places[input.index()], Some(Place::Feed(_) | Place::Shared(_))) {
            return Ok(None);
        }
        Ok(Some((self.value(input)?, weights)).filter(|(from, _)| !from.batched))
    }

    fn packed_of(&self, from: Value, weights: Weights) -> Option<usize> {
        self.packed.iter().position(|packed| packed.from == from && packed.weights.lies_as(weights))
    }

    /// Gives the other values room in the arena, which a value leaves after its last use.
    fn place_in_arena(&mut self, needed: &[bool]) -> usize {
        let last_use = last_uses(self.graph, needed);
        let mut arena = Arena::default();
        for (id, node) in self.graph.nodes().filter(|(id, _)| needed[id.index()]) {
            if self.places[id.index()].is_none() && node.shape.table().is_none() {
                let place = match self.columns[id.index()] {
                    Some((joined, _)) => self.place_joined(joined, &mut arena),
                    None => self.inherited(id, &last_use).unwrap_or_else(|| Place::Arena(arena.take(self.len(id)))),
                };
                self.places[id.index()] = Some(place);
            }
            let scratch = self.scratch_value(id);
            let scratch_len = scratch.row_len.saturating_mul(if scratch.batched { self.micro_batch } else { 1 });
            self.scratch[id.index()] = arena.take(scratch_len);
            arena.give(self.scratch[id.index()], scratch_len);
            let mut read: Vec<NodeId> = node.inputs.clone();
            read.sort_unstable();
            read.dedup();
            for input in read.into_iter().filter(|input| last_use[input.index()] == id.index()) {
                match self.places[input.index()] {
                    Some(place @ Place::Arena(_)) if self.places[id.index()] == Some(place) => {}
                    Some(Place::Arena(offset)) => arena.give(offset, self.len(input)),
                    _ => {}
                }
            }
        }
        arena.len
    }

    /// The place of a value into which its parts are written, the first of them before all others.
    fn place_joined(&mut self, joined: NodeId, arena: &mut Arena) -> Place {
        let place = self.places[joined.index()].unwrap_or_else(|| Place::Arena(arena.take(self.len(joined))));
        self.places[joined.index()] = Some(place);
        place
    }

    /// The place of input 0, if the operation may work there.
    fn inherited(&self, id: NodeId, last_use: &[usize]) -> Option<Place> {
        let node = self.graph.node(id);
        let (&first, others) = node.inputs.split_first()?;
        let free = last_use[first.index()] == id.index() && !others.contains(&first);
        match self.places[first.index()] {
            Some(place @ Place::Arena(_))
                if node.op.operation().in_place() && free && self.len(first) == self.len(id) =>
            {
                Some(place)
            }
            _ => None,
        }
    }

    fn steps(&self, needed: &[bool]) -> Result<Vec<Step>> {
        let is_step = |op: &Op, id: NodeId| !matches!(op, Op::Input(_)) && self.graph.shape(id).table().is_none();
        let nodes = self.graph.nodes().filter(|(id, node)| needed[id.index()] && is_step(&node.op, *id));
        nodes
            .map(|(id, node)| {
                let inputs = node.inputs.iter().map(|&input| self.value(input)).collect::<Result<_>>()?;
                let (output, column) = self.columns[id.index()].unwrap_or((id, 0));
                let (output, scratch) = (self.value(output)?, self.scratch_value(id));
                let packed = self.weights(id)?.and_then(|(from, weights)| self.packed_of(from, weights));
                Ok(Step { op: node.op.clone(), inputs, output, column, scratch, packed })
            })
            .collect()
    }

    fn output(&self, node: NodeId) -> Result<Output> {
        let shape = self.graph.shape(node);
        if shape.table().is_some() {
            return self.rows_output(node);
        }
        match self.value(node)? {
            Value { place: Place::Batch(buffer), .. } => Ok(Output::Batch(buffer)),
            Value { place: Place::Part(offset), row_len, .. } => Ok(Output::Part { offset, len: row_len }),
            other => Err(Error::Internal(format!("an output was placed at {:?}", other.place))),
        }
    }

    fn rows_output(&self, node: NodeId) -> Result<Output> {
        let table = self.graph.shape(node).table();
        let is_table = |input: &NodeId| self.graph.shape(*input).table() == table;
        let table_slot = self.graph.inputs().iter().position(is_table);
        let table_slot =
            table_slot.filter(|&slot| self.graph.shape(self.graph.inputs()[slot]) == self.graph.shape(node));
        let table_slot = table_slot.ok_or_else(|| Error::Usage {
            what: format!("node {} is the gradient of a table that the graph does not have", node.index()),
            expected: "let `gradients` add it".to_owned(),
        })?;
        let bags = self.look_ups(node)?.into_iter().map(|LookUp { upstream: (upstream, columns), op, ids_slot }| {
            Ok(RowsPart { op, upstream: self.value(upstream)?, columns, table_slot, ids_slot })
        });
        Ok(Output::Rows { table_slot, dim: self.graph.shape(node).row_len(), bags: bags.collect::<Result<_>>()? })
    }

    /// The look-ups whose gradients are added up in `node`.
    fn look_ups(&self, node: NodeId) -> Result<Vec<LookUp>> {
        let (mut look_ups, mut left) = (Vec::new(), vec![node]);
        while let Some(node) = left.pop() {
            let Node { op, inputs, .. } = self.graph.node(node);
            match op {
                op if op.operation().rows_gradient().is_some() => {
                    let slot = self.graph.inputs().iter().position(|input| *input == inputs[1]);
                    let ids_slot = slot.ok_or_else(|| Error::Internal("a bag without ids".to_owned()))?;
                    look_ups.push(LookUp { upstream: columns_of(self.graph, inputs[0]), op: op.clone(), ids_slot });
                }
                op if adds(op) => left.extend(inputs.iter().rev()),
                op => return Err(not_a_gradient(op, node)),
            }
            // A sum of sums can name a look-up more often than there is memory to say so.
            if look_ups.len() + left.len() > LOOK_UPS_MAX {
                return Err(Error::Usage {
                    what: format!("node {} adds up the gradients of more than {LOOK_UPS_MAX} look-ups", node.index()),
                    expected: "look a table up less often".to_owned(),
                });
            }
        }
        Ok(look_ups)
    }

    fn value(&self, node: NodeId) -> Result<Value> {
        let shape = self.graph.shape(node);
        let place = self.places[node.index()];
        let place = place.ok_or_else(|| Error::Internal(format!("node {} has no place", node.index())))?;
        Ok(Value { place, row_len: shape.row_len(), batched: shape.has_batch() })
    }

    /// The memory that the operation of `node` works with.
    fn scratch_value(&self, node: NodeId) -> Value {
        let operation = self.graph.node(node).op.operation();
        let batched = operation.scratch_is_per_row() && self.graph.shape(node).has_batch();
        Value { place: Place::Arena(self.scratch[node.index()]), row_len: operation.scratch_len(), batched }
    }

    /// Numbers that a value takes in the arena at most.
    fn len(&self, node: NodeId) -> usize {
        self.graph.shape(node).row_len().saturating_mul(self.rows(node))
    }

    /// Rows that a value has in a micro-batch at most.
    fn rows(&self, node: NodeId) -> usize {
        if self.graph.shape(node).has_batch() { self.micro_batch } else { 1 }
    }
}

/// See [`Plan::reduced`]: tables, which are not cut, come first.
fn reduced(outputs: &[Output]) -> Vec<Reduced> {
    let tables = outputs.iter().enumerate().filter(|(_, output)| matches!(output, Output::Rows { .. }));
    let gathered = tables.map(|(output, _)| Reduced { output, range: 0..0 });
    let pieces = |output: usize, len: usize| {
        let starts = (0..len).step_by(Reduced::LEN);
        starts.map(move |start| Reduced { output, range: start..len.min(start + Reduced::LEN) })
    };
    let sums = outputs.iter().enumerate().filter_map(|(output, kind)| match kind {
        Output::Part { len, .. } => Some(pieces(output, *len)),
        Output::Batch(_) | Output::Rows { .. } => None,
    });
    gathered.chain(sums.flatten()).collect()
}

/// A look-up whose gradient is part of that of a table.
struct LookUp {
    /// The gradient for what was looked up: some columns of a value.
    upstream: (NodeId, Range<usize>),
    op: Op,
    ids_slot: usize,
}

/// The value whose columns `node` is: of a part of each row, as embeddings that were joined have it, no copy is needed.
fn columns_of(graph: &Graph, node: NodeId) -> (NodeId, Range<usize>) {
    match &graph.node(node).op {
        Op::Slice(slice) if graph.shape(node).rank() == 2 => {
            (graph.node(node).inputs[0], slice.start..slice.start + slice.len)
        }
        _ => (node, 0..graph.shape(node).row_len()),
    }
}

/// Most look-ups of one table whose gradients are added up.
const LOOK_UPS_MAX: usize = 1 << 12;

/// Whether it is a sum of two values.
fn adds(op: &Op) -> bool {
    matches!(op, Op::Binary(Binary { kind: BinaryKind::Add, .. }))
}

fn not_a_gradient(op: &Op, node: NodeId) -> Error {
    Error::Usage {
        what: format!("`{}` (node {}) was asked for as rows of a table", op.operation().name(), node.index()),
        expected: "ask for gradients of a table, or for what was looked up in it".to_owned(),
    }
}

/// Which nodes the outputs need: what they read, and the tables whose gradients they are.
fn needed(graph: &Graph, outputs: &[NodeId]) -> Vec<bool> {
    let mut needed = vec![false; graph.nodes().len()];
    for &output in outputs {
        needed[output.index()] = true;
        table_of(graph, output).into_iter().for_each(|table| needed[table.index()] = true);
    }
    for (id, node) in graph.nodes().rev() {
        if needed[id.index()] {
            let gathers = node.op.operation().rows_gradient().is_some();
            let read = |&input: &NodeId| if gathers { columns_of(graph, input).0 } else { input };
            node.inputs.iter().map(read).for_each(|input| needed[input.index()] = true);
        }
    }
    needed
}

/// For each node that only a concatenation reads, and whose operation can write columns of a value: the concatenation, and where
/// in its rows the node's begin.
fn columns_of_joined(graph: &Graph, needed: &[bool]) -> Vec<Option<(NodeId, usize)>> {
    let mut readers = vec![0; needed.len()];
    let nodes = || graph.nodes().filter(|(id, _)| needed[id.index()]);
    nodes().flat_map(|(_, node)| &node.inputs).for_each(|input| readers[input.index()] += 1);
    let mut columns = vec![None; needed.len()];
    for (id, node) in nodes() {
        let Op::Concat(concat) = &node.op else { continue };
        let mut start = 0;
        for (&input, width) in node.inputs.iter().zip(&concat.widths) {
            if graph.node(input).op.operation().writes_columns() && readers[input.index()] == 1 {
                columns[input.index()] = Some((id, start));
            }
            start += width;
        }
    }
    columns
}

/// For each node the last one that reads it.
fn last_uses(graph: &Graph, needed: &[bool]) -> Vec<usize> {
    let mut last = vec![0; needed.len()];
    for (id, node) in graph.nodes().filter(|(id, _)| needed[id.index()]) {
        node.inputs.iter().for_each(|input| last[input.index()] = id.index());
    }
    last
}

/// Rows of tables are looked up only, and sums of look-ups' gradients are all that is made of them.
fn check_tables(graph: &Graph, needed: &[bool]) -> Result<()> {
    for (id, node) in graph.nodes().filter(|(id, _)| needed[id.index()]) {
        let reads_rows = node.inputs.iter().any(|&input| graph.shape(input).table().is_some());
        let adds_rows = adds(&node.op) && node.shape.table().is_some();
        if reads_rows && !adds_rows && !node.op.looks_up() {
            return Err(Error::Usage {
                what: format!("`{}` (node {}) reads the rows of a table", node.op.operation().name(), id.index()),
                expected: "look rows up by `embedding_bag` or `embedding_sequence` first".to_owned(),
            });
        }
    }
    Ok(())
}

/// The table that the rows of a value are of.
fn table_of(graph: &Graph, node: NodeId) -> Option<NodeId> {
    let table = graph.shape(node).table()?;
    graph.inputs().iter().copied().find(|&input| graph.shape(input).table() == Some(table))
}

/// The table to whose rows input 1 of an operation points.
fn indexed_table(graph: &Graph, id: NodeId) -> Option<NodeId> {
    let node = graph.node(id);
    match node.op.operation().rows_gradient() {
        Some(_) => table_of(graph, id),
        None if node.op.looks_up() => Some(node.inputs[0]),
        None => None,
    }
}

fn slots(graph: &Graph, needed: &[bool]) -> Vec<Slot> {
    let slot_of = |node: NodeId| graph.inputs().iter().position(|&input| input == node);
    let indexed = |(id, node): (NodeId, &Node)| {
        let table = indexed_table(graph, id).filter(|_| needed[id.index()])?;
        Some((node.inputs[1], slot_of(table)?))
    };
    let indexed: Vec<(NodeId, usize)> = graph.nodes().filter_map(indexed).collect();
    let describe = |&node: &NodeId| {
        let input = graph.input_of(node);
        Slot {
            name: input.map_or_else(String::new, |input| input.name.clone()),
            kind: input.map_or(InputKind::Data, |input| input.kind),
            row_len: graph.shape(node).row_len(),
            batched: graph.shape(node).dims().first() == Some(&Dim::Batch),
            tables: indexed.iter().filter(|(ids, _)| *ids == node).map(|(_, table)| *table).collect(),
            needed: needed[node.index()],
        }
    };
    graph.inputs().iter().map(describe).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Activation;

    #[test]
    fn values_that_are_no_longer_read_leave_their_room() {
        let mut graph = Graph::new();
        let mut x = graph.input("x", &[Dim::Batch, Dim::Fixed(32)]).unwrap();
        for layer in 0..10 {
            let w = graph.param(&format!("w{layer}"), &[32, 32]).unwrap();
            let b = graph.param(&format!("b{layer}"), &[32]).unwrap();
            x = graph.dense(x, w, Some(b), Activation::Relu).unwrap();
        }
        let plan = Plan::new(&graph, &[x], 8).unwrap();
        assert_eq!(plan.arena_len, 2 * 8 * 32);
    }

    #[test]
    fn element_wise_work_is_done_in_place() {
        let mut graph = Graph::new();
        let x = graph.input("x", &[Dim::Batch, Dim::Fixed(16)]).unwrap();
        let mut y = graph.affine(x, 2.0, 0.0).unwrap();
        for _ in 0..5 {
            y = graph.relu(y).unwrap();
        }
        let last = graph.affine(y, 1.0, 1.0).unwrap();
        assert_eq!(Plan::new(&graph, &[last], 4).unwrap().arena_len, 4 * 16);
    }

    #[test]
    fn micro_batches_suit_the_size_of_a_row_and_of_the_parameters() {
        let rows = |width: usize, units: usize| {
            let mut graph = Graph::new();
            let x = graph.input("x", &[Dim::Batch, Dim::Fixed(width)]).unwrap();
            let y = graph.relu(x).unwrap();
            let w = graph.param("w", &[width, units]).unwrap();
            let z = graph.matmul(y, w).unwrap();
            Plan::suited(&graph, &[z], 128).unwrap().micro_batch
        };
        assert_eq!((rows(100, 1), rows(10_000, 1), rows(100_000, 1), rows(100_000, 40)), (128, 16, 8, 32));
    }

    #[test]
    fn weights_are_packed_for_products_of_many_rows_however_few_are_in_the_batch() {
        let mut graph = Graph::new();
        let x = graph.input("x", &[Dim::Batch, Dim::Fixed(50), Dim::Fixed(8)]).unwrap();
        let w = graph.param("w", &[8, 5]).unwrap();
        let products = graph.matmul(x, w).unwrap();
        let plan = Plan::new(&graph, &[products], 8).unwrap();
        assert_eq!([1, 2, 3, 1000].map(|batch| plan.packed[0].serves(batch)), [false, false, true, true]);
    }

    #[test]
    fn weights_are_packed_both_ways() {
        let mut graph = Graph::new();
        let x = graph.input("x", &[Dim::Batch, Dim::Fixed(50)]).unwrap();
        let (v, w) = (graph.param("v", &[50, 8]).unwrap(), graph.param("w", &[8, 5]).unwrap());
        let hidden = graph.matmul(x, v).unwrap();
        let y = graph.matmul(hidden, w).unwrap();
        let loss = graph.sum_all(y).unwrap();
        let slope = crate::gradients(&mut graph, loss, &[v]).unwrap()[0];
        let plan = Plan::new(&graph, &[loss, slope], 8).unwrap();
        assert_eq!(plan.packed.iter().map(|packed| packed.columns()).collect::<Vec<_>>(), [8, 5, 8]);
    }

    #[test]
    fn what_is_fed_cannot_be_asked_for() {
        let mut graph = Graph::new();
        let x = graph.input("x", &[Dim::Batch]).unwrap();
        assert!(Plan::new(&graph, &[x], 4).unwrap_err().to_string().contains("`x`"));
    }

    #[test]
    fn rows_of_a_table_are_read_by_bags_only() {
        let mut graph = Graph::new();
        let table = graph.table("t", 4).unwrap();
        let y = graph.relu(table).unwrap();
        assert!(Plan::new(&graph, &[y], 4).unwrap_err().to_string().contains("embedding_bag"));
    }
}
