//! Where the row of an id is.

use trainyard_graph::simd;

/// Ids found at once. Their memory is fetched at the same time instead of one after another; their positions fit the stack.
pub(crate) const CHUNK: usize = 64;

/// A hash table from ids to positions that only grows, made for finding many ids at once.
///
/// An entry is a quarter of a cache line and lies where its hash says or shortly after (linear probing), so an id costs one
/// access to memory, and that can be started early. A general hash table has its tags apart from its entries: 512 look-ups in
/// each of 26 tables of a million ids took 1.11 ms in hashbrown and 0.64 ms here (see `benches/README.md`).
pub(crate) struct Index {
    /// A power of two of them, more than are taken.
    entries: Vec<Entry>,
    len: usize,
}

#[derive(Clone, Copy, Default)]
struct Entry {
    id: u64,
    /// One more than the position; 0 where there is no entry.
    place: usize,
}

impl Index {
    pub(crate) fn new() -> Self {
        Self { entries: vec![Entry::default(); 16], len: 0 }
    }

    /// An index with room for `len` ids.
    pub(crate) fn with_capacity(len: usize) -> Self {
        let places = (len + len / 2 + 2).next_power_of_two().max(16);
        Self { entries: vec![Entry::default(); places], len: 0 }
    }

    /// Finds up to [`CHUNK`] ids.
    pub(crate) fn find_all(&self, ids: &[u64]) -> [Option<usize>; CHUNK] {
        let mut positions = [None; CHUNK];
        for (position, &id) in positions.iter_mut().zip(ids) {
            *position = self.find(id);
        }
        positions
    }

    /// Asks for the entries of ids to be brought near.
    pub(crate) fn prefetch(&self, ids: &[u64]) {
        ids.iter().for_each(|&id| simd::prefetch(&self.entries[self.home(id)]));
    }

    /// Finds one id.
    pub(crate) fn find(&self, id: u64) -> Option<usize> {
        self.entries[self.probe(id)].place.checked_sub(1)
    }

    /// Adds an id that is not there.
    pub(crate) fn insert(&mut self, id: u64, position: usize) {
        if (self.len + 1) * 3 > self.entries.len() * 2 {
            self.grow();
        }
        let at = self.probe(id);
        self.entries[at] = Entry { id, place: position + 1 };
        self.len += 1;
    }

    /// All ids with their positions, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, usize)> {
        self.entries.iter().filter_map(|entry| Some((entry.id, entry.place.checked_sub(1)?)))
    }

    fn grow(&mut self) {
        let doubled = vec![Entry::default(); self.entries.len() * 2];
        for entry in std::mem::replace(&mut self.entries, doubled).into_iter().filter(|entry| entry.place != 0) {
            let at = self.probe(entry.id);
            self.entries[at] = entry;
        }
    }

    /// The entry of an id, or the free one where it belongs.
    fn probe(&self, id: u64) -> usize {
        let mask = self.entries.len() - 1;
        let mut at = self.home(id);
        while self.entries[at].place != 0 && self.entries[at].id != id {
            at = (at + 1) & mask;
        }
        at
    }

    fn home(&self, id: u64) -> usize {
        hash(id) as usize & (self.entries.len() - 1)
    }
}

/// Multiplies and folds the halves of the product, so that every bit of the result depends on all bits of the id: ids may be
/// consecutive, multiples of a power of two, or hashes already. The constants are those of SplitMix64.
fn hash(id: u64) -> u64 {
    let product = u128::from(id ^ 0x9e37_79b9_7f4a_7c15) * 0xbf58_476d_1ce4_e5b9_u128;
    (product as u64) ^ ((product >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::{BTreeMap, HashSet};

    /// Inserts ids and finds them, and none other.
    fn check(ids: &[u64], mut index: Index) {
        let mut expected = BTreeMap::new();
        for (position, &id) in ids.iter().enumerate() {
            assert_eq!(index.find(id), expected.get(&id).copied());
            expected.entry(id).or_insert_with(|| {
                index.insert(id, position);
                position
            });
        }
        assert_eq!(index.iter().collect::<BTreeMap<_, _>>(), expected);
        for ids in ids.chunks(CHUNK) {
            assert!(ids.iter().zip(index.find_all(ids)).all(|(id, position)| position == expected.get(id).copied()));
        }
    }

    /// Hashes 4096 ids into as many buckets; random ids would fill 63 % of them.
    #[track_caller]
    fn check_spread(id: impl Fn(u64) -> u64) {
        let filled: HashSet<u64> = (0..4096).map(|i| hash(id(i)) & 4095).collect();
        assert!(filled.len() > 2000, "{}", filled.len());
    }

    #[test]
    fn consecutive_ids_spread() {
        check_spread(|i| i);
    }

    #[test]
    fn ids_that_differ_in_high_bits_alone_spread() {
        check_spread(|i| i << 40);
        check_spread(|i| i << 52);
    }

    #[test]
    fn an_id_of_zero_is_an_id() {
        check(&[0, u64::MAX, 0x9e37_79b9_7f4a_7c15], Index::new());
    }

    #[test]
    fn many_ids_are_found_while_it_grows() {
        check(&(0..10_000).map(|i| i * 4096).collect::<Vec<_>>(), Index::new());
    }

    #[test]
    fn with_room_from_the_start_it_does_not_grow() {
        for len in [0, 1, 10, 11, 1000] {
            let index = Index::with_capacity(len);
            let before = index.entries.len();
            let mut index = index;
            (0..len).for_each(|i| index.insert(i as u64, i));
            assert_eq!(index.entries.len(), before);
        }
    }

    proptest! {
        #[test]
        fn it_is_a_map(ids in proptest::collection::vec(prop_oneof![0..20u64, any::<u64>()], 0..300)) {
            check(&ids, Index::new());
            check(&ids, Index::with_capacity(ids.len()));
        }
    }
}
