//! The values a program is fed.

use crate::{Graph, NodeId, Ragged};

/// The values of one run, by slot: the place of an input in [`Graph::inputs`].
///
/// A trait and not a map, so that a step looks nothing up by name and allocates nothing.
pub trait Feeds: Sync {
    /// Rows of the batch.
    fn rows(&self) -> usize;

    /// The numbers of a data, parameter or table input, row by row; empty when there are none.
    fn floats(&self, slot: usize) -> &[f32];

    /// The ids of an ids input; no rows when there are none.
    fn bags(&self, slot: usize) -> Bags<'_>;
}

/// For each row of a batch, rows of a table.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bags<'a> {
    /// Where each bag starts, and where the last one ends: one entry more than there are rows.
    pub offsets: &'a [u32],
    /// Row numbers in the table that is fed, which need not be the ids in the data.
    pub indices: &'a [u32],
    /// One weight per index, or `None` when all are 1.
    pub weights: Option<&'a [f32]>,
}

/// The rows that one example names.
#[derive(Debug, Clone, Copy)]
pub struct Bag<'a> {
    /// Row numbers in the table that is fed.
    pub indices: &'a [u32],
    /// One weight per index, or `None` when all are 1.
    pub weights: Option<&'a [f32]>,
}

impl<'a> Bags<'a> {
    /// The bags of the rows `first..first + rows`.
    pub(crate) fn of_rows(self, first: usize, rows: usize) -> Self {
        let offsets = self.offsets.get(first..).unwrap_or_default();
        Self { offsets: &offsets[..offsets.len().min(rows + 1)], ..self }
    }

    /// The one index of each bag, if each has one alone and without a weight, as most features give. To be called within
    /// [`simd::vectorize`](crate::simd::vectorize).
    #[inline(always)]
    pub(crate) fn singles(self) -> Option<&'a [u32]> {
        let (&first, &end) = (self.offsets.first()?, self.offsets.last()?);
        let ends = self.offsets.iter().zip(&self.offsets[1..]);
        let is_single = ends.fold(true, |is_so, (start, end)| is_so & (end.wrapping_sub(*start) == 1));
        (is_single && self.weights.is_none()).then(|| &self.indices[first as usize..end as usize])
    }

    /// The bags, row by row.
    pub(crate) fn iter(self) -> impl Iterator<Item = Bag<'a>> {
        self.offsets.windows(2).map(move |ends| {
            let range = ends[0] as usize..ends[1] as usize;
            Bag { indices: &self.indices[range.clone()], weights: self.weights.map(|weights| &weights[range]) }
        })
    }
}

impl<'a> Bag<'a> {
    /// The weight of index `i`.
    #[inline(always)]
    pub(crate) fn weight(&self, i: usize) -> f32 {
        self.weights.map_or(1.0, |weights| weights[i])
    }

    /// The weight of each index.
    pub fn weights(self) -> impl Iterator<Item = f32> + 'a {
        let ones = self.indices.len();
        let given = self.weights.unwrap_or_default();
        given.iter().copied().chain(std::iter::repeat_n(1.0, ones - given.len().min(ones)))
    }
}

/// Feeds given one by one, for tests and small programs.
///
/// ```
/// use trainyard_graph::{Cpu, Device, Dim, FeedMap, Graph, Mode};
///
/// let mut graph = Graph::new();
/// let x = graph.input("x", &[Dim::Batch])?;
/// let y = graph.affine(x, 2.0, 1.0)?;
/// let mut program = Cpu::default().compile(&graph, &[y])?;
/// program.run(&FeedMap::new(&graph, 3).floats(x, &[1.0, 2.0, 3.0]), Mode::Inference)?;
/// assert_eq!(program.output(0), [3.0, 5.0, 7.0]);
/// # Ok::<(), trainyard_graph::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct FeedMap {
    rows: usize,
    slots: Vec<NodeId>,
    floats: Vec<Vec<f32>>,
    ids: Vec<(Ragged, Vec<u32>)>,
}

impl FeedMap {
    /// No values yet, for a batch of `rows` rows.
    pub fn new(graph: &Graph, rows: usize) -> Self {
        let slots = graph.inputs().to_vec();
        Self { rows, floats: vec![Vec::new(); slots.len()], ids: vec![(Ragged::new(), Vec::new()); slots.len()], slots }
    }

    /// The same values for a graph to which inputs were added.
    pub(crate) fn with_graph(mut self, graph: &Graph) -> Self {
        self.slots = graph.inputs().to_vec();
        self.floats.resize_with(self.slots.len(), Vec::new);
        self.ids.resize_with(self.slots.len(), Default::default);
        self
    }

    /// Gives the numbers of an input; one that is not of the graph is ignored.
    #[must_use]
    pub fn floats(mut self, input: NodeId, values: &[f32]) -> Self {
        if let Some(slot) = self.slots.iter().position(|&node| node == input) {
            self.floats[slot] = values.to_vec();
        }
        self
    }

    /// Gives the row numbers of an ids input; one that is not of the graph is ignored.
    #[must_use]
    pub fn ids(mut self, input: NodeId, ids: Ragged) -> Self {
        if let Some(slot) = self.slots.iter().position(|&node| node == input) {
            let indices = ids.ids.iter().map(|&id| u32::try_from(id).unwrap_or(u32::MAX)).collect();
            self.ids[slot] = (ids, indices);
        }
        self
    }
}

impl Feeds for FeedMap {
    fn rows(&self) -> usize {
        self.rows
    }

    fn floats(&self, slot: usize) -> &[f32] {
        &self.floats[slot]
    }

    fn bags(&self, slot: usize) -> Bags<'_> {
        let (ragged, indices) = &self.ids[slot];
        Bags { offsets: &ragged.offsets, indices, weights: ragged.weights.as_deref() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(offsets: &[u32], (first, rows): (usize, usize), expected: &[&[u32]], singles: Option<&[u32]>) {
        let bags = Bags { offsets, indices: &[10, 11, 12, 13], weights: None }.of_rows(first, rows);
        assert_eq!(bags.iter().map(|bag| bag.indices).collect::<Vec<_>>(), expected);
        assert_eq!(bags.singles(), singles);
        assert_eq!(Bags { weights: Some(&[1.0; 4]), ..bags }.singles(), None);
    }

    #[test]
    fn a_part_of_the_rows_has_their_bags() {
        let offsets = [0, 1, 2, 4, 4];
        check(&offsets, (0, 2), &[&[10], &[11]], Some(&[10, 11]));
        check(&offsets, (1, 1), &[&[11]], Some(&[11]));
        check(&offsets, (1, 2), &[&[11], &[12, 13]], None);
        check(&offsets, (2, 9), &[&[12, 13], &[]], None);
    }

    #[test]
    fn rows_that_are_not_there_have_no_bags() {
        check(&[0, 1], (1, 5), &[], Some(&[]));
        check(&[0, 1], (7, 1), &[], None);
        check(&[], (0, 1), &[], None);
    }

    #[test]
    fn as_many_ids_as_rows_need_not_be_one_each() {
        check(&[0, 2, 2], (0, 2), &[&[10, 11], &[]], None);
    }
}
