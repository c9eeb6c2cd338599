//! A plan with memory: runs a batch on all lanes.
#![expect(unsafe_code, reason = "lanes write disjoint parts of shared buffers")]

use super::buffer::Buffer;
use super::frame::Frame;
use super::plan::{Output, Place, Plan, RowsPart, Slot, Value};
use crate::device::{Bags, Feeds, Mode, Program};
use crate::op::{InputKind, LookUps};
use crate::{Error, Lanes, Result, simd};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A compiled graph on the processor.
pub(super) struct CpuProgram {
    plan: Arc<Plan>,
    lanes: Arc<Lanes>,
    /// One for each lane.
    arenas: Vec<Buffer>,
    /// One for each lane: the parts of a micro-batch that is not the first of its group.
    scratch: Vec<Buffer>,
    /// Values that are the same for all rows.
    shared: Buffer,
    batch: Vec<Buffer>,
    /// The parts of each group, one behind the other.
    parts: Buffer,
    /// One for each output that is not kept in a batch buffer.
    results: Vec<Buffer>,
    /// Length of each output after the last run.
    lens: Vec<usize>,
}

/// Micro-batches that follow each other and whose sums are added up by one lane. How a batch is cut into groups depends
/// on its size alone, so it bounds the memory for sums without making results depend on the number of lanes.
struct Groups {
    rows: usize,
    micro_batch: usize,
    micro_batches: usize,
    per_group: usize,
}

impl Groups {
    /// More groups would take more memory for sums, fewer would leave lanes without work.
    const MAX: usize = 16;

    fn new(rows: usize, micro_batch: usize) -> Self {
        let micro_batches = rows.div_ceil(micro_batch).max(1);
        Self { rows, micro_batch, micro_batches, per_group: micro_batches.div_ceil(Self::MAX) }
    }

    fn len(&self) -> usize {
        self.micro_batches.div_ceil(self.per_group)
    }

    /// First row and number of rows of each micro-batch of a group.
    fn micro_batches(&self, group: usize) -> impl Iterator<Item = (usize, usize)> + '_ {
        let range = group * self.per_group..((group + 1) * self.per_group).min(self.micro_batches);
        range.map(|i| (i * self.micro_batch, self.micro_batch.min(self.rows - i * self.micro_batch)))
    }
}

impl CpuProgram {
    pub(super) fn new(plan: Arc<Plan>, lanes: Arc<Lanes>) -> Self {
        let buffers = |n, len| (0..n).map(|_| Buffer::new(len)).collect::<Vec<_>>();
        Self {
            arenas: buffers(lanes.len(), plan.arena_len),
            scratch: buffers(lanes.len(), 0),
            shared: Buffer::new(plan.shared_len),
            batch: buffers(plan.batch_rows.len(), 0),
            parts: Buffer::default(),
            results: buffers(plan.outputs.len(), 0),
            lens: vec![0; plan.outputs.len()],
            plan,
            lanes,
        }
    }

    fn grow(&mut self, feeds: &dyn Feeds, groups: &Groups) {
        let plan = &self.plan;
        self.batch.iter_mut().zip(&plan.batch_rows).for_each(|(buffer, row_len)| buffer.grow(groups.rows * row_len));
        self.parts.grow(groups.len() * plan.parts_len);
        if groups.per_group > 1 {
            self.scratch.iter_mut().for_each(|buffer| buffer.grow(plan.parts_len));
        }
        for (i, output) in plan.outputs.iter().enumerate() {
            self.lens[i] = match output {
                Output::Batch(buffer) => groups.rows * plan.batch_rows[*buffer],
                Output::Part { len, .. } => *len,
                Output::Rows { table_slot, .. } => feeds.floats(*table_slot).len(),
            };
            if !matches!(output, Output::Batch(_)) {
                self.results[i].grow(self.lens[i]);
            }
        }
    }

    /// Computes what is the same for all rows.
    fn run_shared(&self, feeds: &dyn Feeds, mode: Mode) {
        let (arena, shared, batch, parts) = (&self.arenas[0], &self.shared, self.batch.as_slice(), &self.parts);
        let frame = Frame { feeds, mode, first_row: 0, rows: 0, arena, shared, batch, parts, first_part: 0 };
        let (of_feeds, others) = self.plan.shared_steps.split_at(self.plan.shared_of_feeds);
        // SAFETY: `run` holds the program exclusively, no lane works on micro-batches yet, and these steps read what is fed alone
        // and write a place each.
        self.lanes.share(of_feeds.iter(), |step| unsafe { frame.run(std::slice::from_ref(step)) });
        // SAFETY: as above, on one lane.
        unsafe { frame.run(others) };
    }

    /// Runs the groups, each on the lane that is free first.
    fn run_groups(&self, feeds: &dyn Feeds, mode: Mode, groups: &Groups) {
        let next = AtomicUsize::new(0);
        let work = |lane: usize| {
            loop {
                let group = next.fetch_add(1, Ordering::Relaxed);
                if group >= groups.len() {
                    return;
                }
                self.run_group(feeds, mode, groups, group, lane);
            }
        };
        if groups.len() == 1 { work(0) } else { self.lanes.run(&work) }
    }

    fn run_group(&self, feeds: &dyn Feeds, mode: Mode, groups: &Groups, group: usize, lane: usize) {
        let first_part = group * self.plan.parts_len;
        for (i, (first_row, rows)) in groups.micro_batches(group).enumerate() {
            let (parts, first_part) = if i == 0 { (&self.parts, first_part) } else { (&self.scratch[lane], 0) };
            let (arena, shared, batch) = (&self.arenas[lane], &self.shared, self.batch.as_slice());
            let frame = Frame { feeds, mode, first_row, rows, arena, shared, batch, parts, first_part };
            // SAFETY: `run` holds the program exclusively; a lane has an arena and scratch of its own, and a group, which
            // one lane takes, has rows and parts of its own.
            unsafe { frame.run(&self.plan.steps) };
            if i > 0 {
                self.add_scratch(group, lane);
            }
        }
    }

    /// Adds the parts of a lane's last micro-batch to those of its group.
    fn add_scratch(&self, group: usize, lane: usize) {
        let (start, len) = (group * self.plan.parts_len, self.plan.summed_len);
        // SAFETY: as in `run_group`: the group's parts and the lane's scratch are this lane's alone.
        let (sums, parts) = unsafe { (self.parts.part_mut(start..start + len), self.scratch[lane].part(0..len)) };
        simd::zip(
            sums,
            parts,
            #[inline(always)]
            |sum, part| sum + part,
        );
    }

    /// Adds up the groups' parts and gathers the gradients of tables, each output on one lane.
    fn reduce(&self, feeds: &dyn Feeds, groups: &Groups) {
        let next = AtomicUsize::new(0);
        let work = |_lane: usize| {
            loop {
                let i = next.fetch_add(1, Ordering::Relaxed);
                let Some(&i) = self.plan.reduced_first.get(i) else { return };
                let output = &self.plan.outputs[i];
                // SAFETY: one lane takes each output, and its result is in a buffer of its own.
                let result = unsafe { self.results[i].part_mut(0..if self.is_reduced(i) { self.lens[i] } else { 0 }) };
                match output {
                    Output::Batch(_) => {}
                    Output::Part { offset, .. } => self.sum_parts(result, *offset, groups),
                    Output::Rows { dim, bags, .. } => self.gather_rows(result, *dim, bags, feeds, groups.rows),
                }
            }
        };
        if groups.len() == 1 { work(0) } else { self.lanes.run(&work) }
    }

    fn is_reduced(&self, output: usize) -> bool {
        !matches!(self.plan.outputs[output], Output::Batch(_))
    }

    fn sum_parts(&self, result: &mut [f32], offset: usize, groups: &Groups) {
        let part = |group: usize, len: usize| {
            let start = group * self.plan.parts_len + offset;
            // SAFETY: all groups have been computed; nobody writes parts while they are added up.
            unsafe { self.parts.part(start..start + len) }
        };
        // Cut so that the sum stays in cache while the groups are added.
        const CUT: usize = 2048;
        let len = result.len();
        let others = if offset < self.plan.summed_len { 1..groups.len() } else { 0..0 };
        for (i, sum) in result.chunks_mut(CUT).enumerate() {
            let range = i * CUT..((i + 1) * CUT).min(len);
            sum.copy_from_slice(&part(0, len)[range.clone()]);
            for group in others.clone() {
                simd::zip(
                    sum,
                    &part(group, len)[range.clone()],
                    #[inline(always)]
                    |sum, x| sum + x,
                );
            }
        }
    }

    fn gather_rows(&self, result: &mut [f32], dim: usize, bags: &[RowsPart], feeds: &dyn Feeds, rows: usize) {
        result.fill(0.0);
        for bag in bags {
            let (table, bags) = (feeds.floats(bag.table_slot), feeds.bags(bag.ids_slot));
            let from = LookUps { table, dim, upstream: self.all_rows(bag.upstream, feeds, rows), bags };
            if let Some(gradient) = bag.op.operation().rows_gradient() {
                gradient.accumulate(result, &from);
            }
        }
    }

    /// The numbers of a value for all rows of the batch.
    fn all_rows<'a>(&'a self, value: Value, feeds: &'a dyn Feeds, rows: usize) -> &'a [f32] {
        match value.place {
            Place::Feed(slot) => feeds.floats(slot),
            // SAFETY: all groups have been computed; nobody writes batch buffers any more.
            Place::Batch(buffer) => unsafe { self.batch[buffer].part(0..rows * value.row_len) },
            Place::Arena(_) | Place::Part(_) | Place::Shared(_) => &[],
        }
    }
}

impl Program for CpuProgram {
    fn run(&mut self, feeds: &dyn Feeds, mode: Mode) -> Result<()> {
        check_feeds(&self.plan.slots, feeds)?;
        let groups = Groups::new(feeds.rows(), self.plan.micro_batch);
        self.grow(feeds, &groups);
        self.run_shared(feeds, mode);
        self.run_groups(feeds, mode, &groups);
        self.reduce(feeds, &groups);
        Ok(())
    }

    fn output(&self, i: usize) -> &[f32] {
        let buffer = match self.plan.outputs[i] {
            Output::Batch(buffer) => &self.batch[buffer],
            Output::Part { .. } | Output::Rows { .. } => &self.results[i],
        };
        &buffer.as_slice()[..self.lens[i]]
    }

    fn swap_output(&mut self, i: usize, values: &mut Vec<f32>) {
        if self.is_reduced(i) {
            self.results[i].swap(values, self.lens[i]);
        } else {
            values.clear();
            values.extend_from_slice(self.output(i));
        }
    }

    fn fork(&self) -> Box<dyn Program> {
        Box::new(Self::new(self.plan.clone(), self.lanes.clone()))
    }
}

/// Checks that everything the program reads is fed in the right size, and that row numbers are in range.
fn check_feeds(slots: &[Slot], feeds: &dyn Feeds) -> Result<()> {
    let rows = feeds.rows();
    for (i, slot) in slots.iter().enumerate().filter(|(_, slot)| slot.needed) {
        let problem = match slot.kind {
            InputKind::Ids => {
                check_bags(slot, feeds.bags(i), rows, |table| feeds.floats(table).len() / slots[table].row_len)
            }
            InputKind::Table => check_table(slot, feeds.floats(i).len()),
            InputKind::Data | InputKind::Param => {
                check_len(feeds.floats(i).len(), slot.row_len * if slot.batched { rows } else { 1 }, "numbers")
            }
        };
        if let Err((problem, expected)) = problem {
            return Err(Error::Feed { input: slot.name.clone(), problem, expected });
        }
    }
    Ok(())
}

type Checked = Result<(), (String, String)>;

fn check_len(len: usize, expected: usize, of: &str) -> Checked {
    if len == expected {
        return Ok(());
    }
    Err((format!("has {len} {of}"), format!("the program expects {expected}")))
}

fn check_table(slot: &Slot, len: usize) -> Checked {
    if len.is_multiple_of(slot.row_len) {
        return Ok(());
    }
    Err((format!("has {len} numbers"), format!("the program expects rows of {}", slot.row_len)))
}

fn check_bags(slot: &Slot, bags: Bags<'_>, rows: usize, rows_of: impl Fn(usize) -> usize) -> Checked {
    check_len(bags.offsets.len(), rows + 1, "offsets")?;
    let n = bags.indices.len();
    let ascending = bags.offsets.windows(2).all(|ends| ends[0] <= ends[1]);
    if bags.offsets.first() != Some(&0) || bags.offsets.last().map(|&end| end as usize) != Some(n) || !ascending {
        return Err(("has offsets out of order".to_owned(), format!("they rise from 0 to the number of ids, {n}")));
    }
    if let Some(weights) = bags.weights {
        check_len(weights.len(), n, "weights")?;
    }
    let table_rows = slot.tables.iter().map(|&table| rows_of(table)).min().unwrap_or(usize::MAX);
    match bags.indices.iter().position(|&index| index as usize >= table_rows) {
        None => Ok(()),
        Some(at) => {
            let row = bags.offsets.partition_point(|&end| end as usize <= at) - 1;
            Err((
                format!("names row {} in example {row}", bags.indices[at]),
                format!("the table has {table_rows} rows"),
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::check::Case;
    use crate::op::{Activation, Combiner};
    use crate::{Cpu, Device, Dim, Error, FeedMap, Graph, Mode, NodeId, Ragged, Result, gradients, random};

    /// A network with every way in which a value is kept: per row, summed, and gathered into a table.
    struct Network {
        graph: Graph,
        outputs: Vec<NodeId>,
    }

    fn network() -> Result<Network> {
        let mut g = Graph::new();
        let x = g.input("x", &[Dim::Batch, Dim::Fixed(5)])?;
        let (table, ids) = (g.table("table", 3)?, g.ids("ids")?);
        let bag = g.embedding_bag(table, ids, Combiner::Mean)?;
        let joined = g.concat(&[x, bag])?;
        let (w, b) = (g.param("w", &[8, 7])?, g.param("b", &[7])?);
        let hidden = g.dense(joined, w, Some(b), Activation::Tanh)?;
        let dropped = g.dropout(hidden, 0.3)?;
        let v = g.param("v", &[7, 1])?;
        let product = g.matmul(dropped, v)?;
        let logits = g.reshape(product, &[Dim::Batch])?;
        let squares = g.square(logits)?;
        let loss = g.sum_all(squares)?;
        let gradients = gradients(&mut g, loss, &[w, b, v, table])?;
        Ok(Network { graph: g, outputs: [vec![logits, loss], gradients].concat() })
    }

    fn feeds(network: &Network, rows: usize) -> FeedMap {
        let stream = random::stream(1, "feeds");
        let numbers = |n: usize| (0..n as u64).map(|i| random::normal(stream, i)).collect::<Vec<_>>();
        let mut ids = Ragged::new();
        (0..rows as u64).for_each(|i| ids.push_row(&[random::below(stream, i, 11), i % 11][..(i % 3) as usize]));
        let inputs = network.graph.inputs();
        let sizes = [(0, rows * 5), (1, 11 * 3), (3, 56), (4, 7), (5, 7)];
        let map = FeedMap::new(&network.graph, rows).ids(inputs[2], ids);
        sizes.iter().fold(map, |map, &(slot, len)| map.floats(inputs[slot], &numbers(len)))
    }

    fn run(lanes: usize, rows: usize) -> Vec<Vec<f32>> {
        let network = network().unwrap();
        let mut program = Cpu::new(lanes).with_micro_batch(16).compile(&network.graph, &network.outputs).unwrap();
        program.run(&feeds(&network, rows), Mode::Training { seed: 1, step: 5 }).unwrap();
        (0..network.outputs.len()).map(|i| program.output(i).to_vec()).collect()
    }

    #[test]
    fn results_have_the_same_bits_for_any_number_of_lanes() {
        for rows in [0, 1, 15, 16, 17, 100, 700] {
            let one = run(1, rows);
            assert!(one.iter().flatten().all(|x| x.is_finite()));
            for lanes in [2, 3, 8] {
                assert_eq!(run(lanes, rows), one, "{lanes} lanes, {rows} rows");
            }
        }
    }

    #[test]
    fn a_program_gives_the_same_again_after_other_batches() {
        let network = network().unwrap();
        let mut program = Cpu::new(2).with_micro_batch(16).compile(&network.graph, &network.outputs).unwrap();
        for rows in [40, 3, 500, 0, 40] {
            program.run(&feeds(&network, rows), Mode::Training { seed: 1, step: 5 }).unwrap();
            let outputs: Vec<_> = (0..network.outputs.len()).map(|i| program.output(i).to_vec()).collect();
            assert_eq!(outputs, run(1, rows), "{rows} rows");
        }
    }

    #[test]
    fn what_does_not_depend_on_the_batch_is_counted_once() {
        let mut graph = Graph::new();
        let x = graph.input("x", &[Dim::Batch]).unwrap();
        let w = graph.param("w", &[2]).unwrap();
        let (sum, double) = (graph.sum_all(x).unwrap(), graph.affine(w, 2.0, 0.0).unwrap());
        let mut program = Cpu::default().with_micro_batch(1).compile(&graph, &[double, sum]).unwrap();
        let feeds = FeedMap::new(&graph, 40).floats(x, &[1.0; 40]).floats(w, &[1.0, 2.0]);
        program.run(&feeds, Mode::Inference).unwrap();
        assert_eq!((program.output(0), program.output(1)), (&[2.0, 4.0][..], &[40.0][..]));
    }

    #[test]
    fn wrong_feeds_are_named() {
        let network = network().unwrap();
        let mut program = Cpu::default().compile(&network.graph, &network.outputs).unwrap();
        let mut check = |feeds: FeedMap, name: &str| {
            let error = program.run(&feeds, Mode::Inference).unwrap_err();
            assert!(matches!(&error, Error::Feed { input, .. } if input == name), "{error}");
        };
        let inputs = network.graph.inputs();
        let good = feeds(&network, 4);
        check(good.clone().floats(inputs[0], &[0.0; 3]), "x");
        check(good.clone().floats(inputs[1], &[0.0; 4]), "table");
        check(good.clone().floats(inputs[3], &[]), "w");
        check(good.clone().ids(inputs[2], Ragged::from_single(vec![0, 1, 2])), "ids");
        check(good.clone().ids(inputs[2], Ragged::from_single(vec![0, 1, 2, 11])), "ids");
        let bad = Ragged { offsets: vec![0, 2, 1, 3, 4], ids: vec![0; 4], weights: None };
        check(good.ids(inputs[2], bad), "ids");
    }

    #[test]
    fn a_table_used_twice_gets_both_gradients() {
        let ids = Ragged::from_single(vec![0, 1]);
        Case::table(&[1.0, 2.0, 3.0, 4.0], 2, ids, |g, table, ids| {
            let once = g.embedding_bag(table, ids, Combiner::Sum)?;
            let again = g.embedding_bag(table, ids, Combiner::Mean)?;
            g.mul(once, again)
        })
        .check_gradients();
    }
}
