//! A plan with memory: runs a batch on all lanes.
#![expect(unsafe_code, reason = "lanes write disjoint parts of shared buffers")]

use super::buffer::Buffer;
use super::feed_check;
use super::frame::Frame;
use super::plan::{Output, Place, Plan, Reduced, RowsPart, Value};
use crate::device::{Feeds, Mode, Program};
use crate::op::LookUps;
use crate::{Error, Lanes, Result, simd};
use std::ops::Range;
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
    /// Memory that it may take.
    memory_bytes: usize,
}

/// Most rows of a batch: up to here a sum of ones is exact.
pub(super) const ROWS_MAX: usize = 1 << f32::MANTISSA_DIGITS;

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

    /// Whether groups have several micro-batches, of which all but the first compute into scratch.
    fn use_scratch(&self) -> bool {
        self.per_group > 1
    }

    /// First row and number of rows of each micro-batch of a group.
    fn micro_batches(&self, group: usize) -> impl Iterator<Item = (usize, usize)> + '_ {
        let range = group * self.per_group..((group + 1) * self.per_group).min(self.micro_batches);
        range.map(|i| (i * self.micro_batch, self.micro_batch.min(self.rows - i * self.micro_batch)))
    }
}

impl Plan {
    /// Numbers of memory for a batch, beside the gradients of tables, whose size is that of the rows fed.
    fn len(&self, lanes: usize, groups: &Groups) -> usize {
        let scratch = if groups.use_scratch() { self.parts_len } else { 0 };
        let per_lane = self.arena_len.saturating_add(scratch).saturating_mul(lanes);
        let batch =
            self.batch_rows.iter().fold(0_usize, |sum, len| sum.saturating_add(groups.rows.saturating_mul(*len)));
        // Each group has its parts, and their sums are a further one.
        let parts = self.parts_len.saturating_mul(groups.len() + 1);
        [per_lane, batch, parts, self.shared_len].into_iter().fold(0, usize::saturating_add)
    }
}

impl CpuProgram {
    /// A program that takes at most `memory_bytes`. It takes its memory when it first runs.
    pub(super) fn new(plan: Arc<Plan>, lanes: Arc<Lanes>, memory_bytes: usize) -> Result<Self> {
        let program = Self::empty(plan, lanes, memory_bytes);
        program.check_memory(&Groups::new(1, 1))?;
        Ok(program)
    }

    fn empty(plan: Arc<Plan>, lanes: Arc<Lanes>, memory_bytes: usize) -> Self {
        let buffers = |n| (0..n).map(|_| Buffer::default()).collect::<Vec<_>>();
        Self {
            arenas: buffers(lanes.len()),
            scratch: buffers(lanes.len()),
            shared: Buffer::default(),
            batch: buffers(plan.batch_rows.len()),
            parts: Buffer::default(),
            results: buffers(plan.outputs.len()),
            lens: vec![0; plan.outputs.len()],
            plan,
            lanes,
            memory_bytes,
        }
    }

    /// Refuses a batch that needs more memory than the program may take.
    fn check_memory(&self, groups: &Groups) -> Result<()> {
        let bytes = self.plan.len(self.lanes.len(), groups).saturating_mul(size_of::<f32>());
        if bytes <= self.memory_bytes {
            return Ok(());
        }
        let (rows, most) = (groups.rows, self.memory_bytes);
        Err(Error::Memory {
            bytes,
            expected: format!(
                "for {rows} rows it may take {most}: take smaller batches or a smaller model, or allow more"
            ),
        })
    }

    /// Takes what memory a batch needs beyond that of earlier ones.
    fn grow(&mut self, feeds: &dyn Feeds, groups: &Groups) -> Result<()> {
        let plan = &self.plan;
        self.arenas.iter_mut().try_for_each(|buffer| buffer.grow(plan.arena_len))?;
        self.shared.grow(plan.shared_len)?;
        let mut batch = self.batch.iter_mut().zip(&plan.batch_rows);
        batch.try_for_each(|(buffer, row_len)| buffer.grow(groups.rows * row_len))?;
        self.parts.grow(groups.len() * plan.parts_len)?;
        if groups.use_scratch() {
            self.scratch.iter_mut().try_for_each(|buffer| buffer.grow(plan.parts_len))?;
        }
        for (i, output) in plan.outputs.iter().enumerate() {
            self.lens[i] = match output {
                Output::Batch(buffer) => groups.rows * plan.batch_rows[*buffer],
                Output::Part { len, .. } => *len,
                Output::Rows { table_slot, .. } => feeds.floats(*table_slot).len(),
            };
            if !matches!(output, Output::Batch(_)) {
                self.results[i].grow_to_swap(self.lens[i])?;
            }
        }
        Ok(())
    }

    /// Computes what is the same for all rows.
    fn run_shared(&self, feeds: &dyn Feeds, mode: Mode) {
        let (arena, shared, batch, parts) = (&self.arenas[0], &self.shared, self.batch.as_slice(), &self.parts);
        let frame =
            Frame { feeds, mode, first_row: 0, rows: 0, packed: &[], arena, shared, batch, parts, first_part: 0 };
        let (of_feeds, others) = self.plan.shared_steps.split_at(self.plan.shared_of_feeds);
        // SAFETY: `run` holds the program exclusively, no lane works on micro-batches yet, and these steps read what is fed alone
        // and write a place each.
        self.lanes.share(of_feeds.iter(), |step| unsafe { frame.run(std::slice::from_ref(step)) });
        // SAFETY: as above, on one lane.
        unsafe { frame.run(others) };
        let packed = || self.plan.packed.iter().filter(|packed| packed.serves(feeds.rows()));
        // Lanes are not woken for nothing.
        if packed().next().is_some() {
            let panels = packed().flat_map(|packed| (0..packed.panels()).map(move |i| (packed, i)));
            // SAFETY: as above: what is packed has been computed or fed, and each panel has a place of its own.
            self.lanes.share(panels, |(packed, i)| unsafe { frame.pack(packed, i) });
        }
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
            let packed = self.plan.packed.as_slice();
            let frame = Frame { feeds, mode, first_row, rows, packed, arena, shared, batch, parts, first_part };
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

    /// Adds up the groups' parts and gathers the gradients of tables.
    fn reduce(&self, feeds: &dyn Feeds, groups: &Groups) {
        let work = |Reduced { output, range }: &Reduced| match &self.plan.outputs[*output] {
            Output::Batch(_) => {}
            Output::Part { offset, .. } => self.sum_parts(*output, *offset, range, groups),
            Output::Rows { dim, bags, .. } => self.gather_rows(*output, *dim, bags, feeds, groups.rows),
        };
        let reduced = self.plan.reduced.iter();
        if groups.len() == 1 { reduced.for_each(work) } else { self.lanes.share(reduced, work) }
    }

    fn is_reduced(&self, output: usize) -> bool {
        !matches!(self.plan.outputs[output], Output::Batch(_))
    }

    /// Adds up the numbers `range` of an output whose parts begin at `offset`.
    fn sum_parts(&self, output: usize, offset: usize, range: &Range<usize>, groups: &Groups) {
        // SAFETY: one lane takes each range of each output, and its result is in a buffer of its own.
        let sum = unsafe { self.results[output].part_mut(range.clone()) };
        let part = |group: usize| {
            let start = group * self.plan.parts_len + offset;
            // SAFETY: all groups have been computed; nobody writes parts while they are added up.
            unsafe { self.parts.part(start + range.start..start + range.end) }
        };
        sum.copy_from_slice(part(0));
        let others = if offset < self.plan.summed_len { 1..groups.len() } else { 0..0 };
        for group in others {
            simd::zip(
                sum,
                part(group),
                #[inline(always)]
                |sum, x| sum + x,
            );
        }
    }

    fn gather_rows(&self, output: usize, dim: usize, bags: &[RowsPart], feeds: &dyn Feeds, rows: usize) {
        // SAFETY: one lane gathers each table, and its result is in a buffer of its own.
        let result = unsafe { self.results[output].part_mut(0..self.lens[output]) };
        result.fill(0.0);
        for bag in bags {
            let (table, bags) = (feeds.floats(bag.table_slot), feeds.bags(bag.ids_slot));
            let (upstream, width) = (self.all_rows(bag.upstream, feeds, rows), bag.upstream.row_len);
            let from = LookUps { table, dim, upstream, width, columns: bag.columns.clone(), bags };
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
        feed_check::check(&self.plan.slots, feeds)?;
        let groups = Groups::new(feeds.rows(), self.plan.micro_batch);
        self.check_memory(&groups)?;
        self.grow(feeds, &groups)?;
        self.run_shared(feeds, mode);
        self.run_groups(feeds, mode, &groups);
        self.reduce(feeds, &groups);
        Ok(())
    }

    fn output(&self, i: usize) -> &[f32] {
        let buffer = match self.plan.outputs.get(i) {
            Some(Output::Batch(buffer)) => &self.batch[*buffer],
            Some(Output::Part { .. } | Output::Rows { .. }) => &self.results[i],
            None => return &[],
        };
        // It is shorter after a run that got no memory, and after a swap.
        buffer.as_slice().get(..self.lens[i]).unwrap_or_default()
    }

    fn swap_output(&mut self, i: usize, values: &mut Vec<f32>) {
        if i < self.results.len() && self.is_reduced(i) {
            self.results[i].swap(values, self.lens[i]);
        } else {
            values.clear();
            values.extend_from_slice(self.output(i));
        }
    }

    fn fork(&self) -> Box<dyn Program> {
        Box::new(Self::empty(self.plan.clone(), self.lanes.clone(), self.memory_bytes))
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
    fn an_output_that_is_not_there_has_no_numbers() {
        let mut graph = Graph::new();
        let x = graph.input("x", &[Dim::Batch]).unwrap();
        let outputs = [graph.sum_all(x).unwrap(), graph.affine(x, 2.0, 0.0).unwrap()];
        let mut program = Cpu::new(1).compile(&graph, &outputs).unwrap();
        assert!((0..3).all(|i| program.output(i).is_empty()), "before the first run");
        program.run(&FeedMap::new(&graph, 2).floats(x, &[1.0, 2.0]), Mode::Inference).unwrap();
        let (mut sum, mut doubles, mut none) = (vec![], vec![0.0; 9], vec![7.0; 3]);
        for (i, values) in [&mut sum, &mut doubles, &mut none].into_iter().enumerate() {
            program.swap_output(i, values);
        }
        assert_eq!((&sum[..], &doubles[..], &none[..]), (&[3.0][..], &[2.0, 4.0][..], &[][..]));
        assert!(program.output(0).is_empty(), "what was taken");
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

    /// The gradient of a sum of look-ups, which does not read the table itself, and the graph.
    fn gradient_of_look_ups() -> (Graph, NodeId) {
        let mut g = Graph::new();
        let (table, ids) = (g.table("table", 2).unwrap(), g.ids("ids").unwrap());
        let bag = g.embedding_bag(table, ids, Combiner::Sum).unwrap();
        let loss = g.sum_all(bag).unwrap();
        let gradient = gradients(&mut g, loss, &[table]).unwrap()[0];
        (g, gradient)
    }

    #[test]
    fn a_gradient_that_does_not_read_its_table_still_expects_it() {
        let (graph, gradient) = gradient_of_look_ups();
        let mut program = Cpu::default().compile(&graph, &[gradient]).unwrap();
        let feeds = FeedMap::new(&graph, 1).floats(graph.inputs()[0], &[1.0; 4]);
        let mut run =
            |id| program.run(&feeds.clone().ids(graph.inputs()[1], Ragged::from_single(vec![id])), Mode::Inference);
        assert!(run(2).unwrap_err().to_string().contains("`ids` names row 2"));
        run(1).unwrap();
        assert_eq!(program.output(0), [0.0, 0.0, 1.0, 1.0]);
    }

    #[test]
    fn gradients_of_other_tables_are_refused_and_so_are_sums_without_end() {
        let (graph, gradient) = gradient_of_look_ups();
        let json = serde_json::to_string(&graph).unwrap();
        for (from, to) in [("\"table\":0", "\"table\":7"), ("{\"rows\":0},{\"fixed\":2}", "{\"rows\":0},{\"fixed\":3}")]
        {
            assert!(json.contains(from), "{json} lacks {from}");
            let graph = serde_json::from_str::<Graph>(&json.replacen(from, to, 1));
            assert!(
                graph.and_then(|g| Cpu::default().compile(&g, &[gradient]).map_err(serde::de::Error::custom)).is_err()
            );
        }
        let (mut graph, mut sum) = (graph, gradient);
        for _ in 0..40 {
            sum = graph.add(sum, sum).unwrap();
        }
        assert!(Cpu::default().compile(&graph, &[sum]).is_err_and(|error| error.to_string().contains("look-ups")));
        let table = graph.inputs()[0];
        assert!(Cpu::default().compile(&graph, &[table]).is_err(), "a table is not a gradient");
    }

    #[test]
    fn memory_is_bounded_when_compiled_and_when_run() {
        let mut graph = Graph::new();
        let x = graph.input("x", &[Dim::Batch, Dim::Fixed(1 << 20)]).unwrap();
        let y = graph.affine(x, 2.0, 0.0).unwrap();
        let z = graph.exp(y).unwrap();
        let sum = graph.sum_all(z).unwrap();
        let cpu = |bytes| Cpu::default().with_micro_batch(64).with_memory(bytes);
        let refused =
            |bytes| cpu(bytes).compile(&graph, &[sum]).is_err_and(|error| matches!(error, Error::Memory { .. }));
        assert!(refused(255 << 20) && !refused(257 << 20));
        assert!(Cpu::default().with_micro_batch(usize::MAX).compile(&graph, &[sum]).is_err());

        let small = Cpu::default().with_micro_batch(1).with_memory(16 << 20);
        let mut program = small.compile(&graph, &[y]).unwrap();
        let run = |program: &mut dyn crate::Program, rows: usize| {
            program.run(&FeedMap::new(&graph, rows).floats(x, &vec![1.0; rows << 20]), Mode::Inference)
        };
        run(&mut *program, 2).unwrap();
        let error = run(&mut *program, 8).unwrap_err().to_string();
        assert!(error.contains("bytes of memory; for 8 rows it may take 16777216"), "{error}");
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
