//! Decisions drawn from a list of numbers.

use trainyard_graph::{Dim, NodeId, random};

/// Numbers to decide by, each used once.
pub(crate) struct Choices<'a> {
    left: std::slice::Iter<'a, u16>,
}

/// Small sizes, and those at which arithmetic ends.
const SIZES: [usize; 20] = [
    1,
    2,
    3,
    4,
    2,
    3,
    4,
    1,
    5,
    8,
    2,
    17,
    0,
    100,
    1 << 13,
    1 << 17,
    1 << 31,
    usize::MAX / 2,
    usize::MAX - 1,
    usize::MAX,
];

const NUMBERS: [f32; 14] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    1e-45,
    -1e-40,
    f32::MIN_POSITIVE,
    f32::MAX,
    f32::MIN,
    f32::INFINITY,
    f32::NEG_INFINITY,
    f32::NAN,
    1e30,
];

impl<'a> Choices<'a> {
    pub(crate) fn new(numbers: &'a [u16]) -> Self {
        Self { left: numbers.iter() }
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        usize::from(self.left.next().copied().unwrap_or(0)) % n
    }

    pub(crate) fn flag(&mut self) -> bool {
        self.below(2) == 1
    }

    /// Yes one time in sixteen.
    pub(crate) fn seldom(&mut self) -> bool {
        self.below(16) == 15
    }

    /// One of the sizes, mostly a small one.
    pub(crate) fn size(&mut self) -> usize {
        let n = if self.below(4) == 3 { SIZES.len() } else { 8 };
        SIZES[self.below(n)]
    }

    pub(crate) fn sizes(&mut self, most: usize) -> Vec<usize> {
        (0..self.below(most + 1)).map(|_| self.size()).collect()
    }

    /// An axis, mostly one that may be there.
    pub(crate) fn axis(&mut self) -> usize {
        if self.seldom() { self.size() } else { self.below(3) }
    }

    /// Axes, mostly with the batch first.
    pub(crate) fn dims(&mut self) -> Vec<Dim> {
        let mut dims: Vec<Dim> = self.sizes(4).into_iter().map(Dim::Fixed).collect();
        if self.flag() {
            dims.insert(0, Dim::Batch);
        }
        if self.seldom() {
            let (place, dim) =
                (self.below(dims.len() + 1), if self.flag() { Dim::Rows(self.below(3) as u32) } else { Dim::Batch });
            dims.insert(place, dim);
        }
        dims
    }

    /// One of `nodes`, often a late one, or seldom one of a graph that is much larger.
    pub(crate) fn node(&mut self, nodes: &[NodeId]) -> NodeId {
        let late = &nodes[nodes.len() - nodes.len().min(6)..];
        match self.below(64) {
            63 => serde_json::from_str("4000000000").expect("a node"),
            32.. => late[self.below(late.len())],
            _ => nodes[self.below(nodes.len())],
        }
    }

    /// Number `i` of some: any number if `odd`, and otherwise an ordinary one.
    pub(crate) fn number(&mut self, i: usize, odd: bool) -> f32 {
        match self.left.as_slice().first() {
            Some(&choice) if odd && i.is_multiple_of(7) => NUMBERS[(usize::from(choice) + i) % NUMBERS.len()],
            _ => random::normal(random::stream(1, "numbers"), i as u64),
        }
    }

    /// A setting, such as a rate.
    pub(crate) fn setting(&mut self) -> f32 {
        match self.below(4) {
            3 => NUMBERS[self.below(NUMBERS.len())],
            _ => 0.25,
        }
    }
}
