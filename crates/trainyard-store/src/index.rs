//! Where the row of an id is.

use std::hint::select_unpredictable;
use trainyard_graph::simd;

/// Ids found at once. Their memory is fetched at the same time instead of one after another.
const CHUNK: usize = 64;

/// Where an id is that the index does not have.
pub(crate) const ABSENT: usize = usize::MAX;

/// A hash table from ids to places, made for many ids at once. It finds the rows of a table, and the ids of a batch that came
/// before.
///
/// An entry is a quarter of a cache line and lies where its hash says or shortly after (linear probing), so an id costs one
/// access to memory, and that can be started early. A general hash table has its tags apart from its entries: 512 look-ups in
/// each of 26 tables of a million ids took 1.11 ms in hashbrown and 0.64 ms here (see `benches/README.md`). Entries know in
/// which round they were made, so that forgetting all ids costs nothing.
#[derive(Debug)]
pub struct Index {
    /// A power of two of them, at least twice as many as are taken.
    entries: Vec<Entry>,
    len: usize,
    /// Counts how often all ids were forgotten; at least 1.
    round: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    id: u64,
    /// The round in which the entry was made, in the upper bits, and the place; 0 where there never was an entry.
    mark: u64,
}

/// Bits of a mark that are the place: more places than any memory has rows.
const PLACE_BITS: u32 = 40;

impl Entry {
    fn new(id: u64, round: u64, place: usize) -> Self {
        Self { id, mark: round << PLACE_BITS | place as u64 }
    }

    fn place(self) -> usize {
        (self.mark & ((1 << PLACE_BITS) - 1)) as usize
    }

    fn is_of(self, round: u64) -> bool {
        self.mark >> PLACE_BITS == round
    }
}

impl Default for Index {
    fn default() -> Self {
        Self::with_capacity(0)
    }
}

impl Index {
    /// An index with room for `len` ids.
    pub fn with_capacity(len: usize) -> Self {
        let entries = (2 * len).next_power_of_two().max(16);
        Self { entries: vec![Entry::default(); entries], len: 0, round: 1 }
    }

    /// The place of an id.
    pub fn find(&self, id: u64) -> Option<usize> {
        let (_, entry) = self.probe(id, hash(id));
        entry.is_of(self.round).then(|| entry.place())
    }

    /// The places of ids, [`ABSENT`] for those that have none.
    pub(crate) fn find_all(&self, ids: &[u64], places: &mut Vec<usize>) {
        places.clear();
        let mut chunks = ids.chunks(CHUNK);
        let (mut ids, mut hashes) = self.ahead(chunks.next());
        while !ids.is_empty() {
            let next = self.ahead(chunks.next());
            places.extend(ids.iter().zip(&hashes).map(|(&id, &hash)| {
                let (_, entry) = self.probe(id, hash);
                if entry.is_of(self.round) { entry.place() } else { ABSENT }
            }));
            (ids, hashes) = next;
        }
    }

    /// Adds an id that is not there.
    pub fn insert(&mut self, id: u64, place: usize) {
        self.reserve(1);
        let (at, _) = self.probe(id, hash(id));
        self.entries[at] = Entry::new(id, self.round, place);
        self.len += 1;
    }

    /// Numbers ids in the order in which they first appear: adds the number of each to `numbers`, and the ids that are new to
    /// `unique`, where their numbers are their places. The index was empty or did nothing else before.
    pub fn number(&mut self, ids: &[u64], unique: &mut Vec<u64>, numbers: &mut Vec<u32>) {
        let mut chunks = ids.chunks(CHUNK);
        let (mut ids, mut hashes) = self.ahead(chunks.next());
        while !ids.is_empty() {
            self.reserve(CHUNK);
            let next = self.ahead(chunks.next());
            self.number_chunk(ids, &hashes, unique, numbers);
            (ids, hashes) = next;
        }
    }

    /// As [`number`](Self::number), for at most [`CHUNK`] ids for which there is room. Whether an id is new is hard to foresee, so
    /// a branch would cost more than stores: what is stored for an id that is known is what was there.
    fn number_chunk(&mut self, ids: &[u64], hashes: &[u64; CHUNK], unique: &mut Vec<u64>, numbers: &mut Vec<u32>) {
        let Self { entries, len, round } = self;
        let (first, round, entries) = (*len, *round, entries.as_mut_slice());
        let (mut new, mut found, mut n_new) = ([0; CHUNK], [0; CHUNK], 0);
        for ((&id, &hash), found) in ids.iter().zip(hashes).zip(&mut found) {
            let (at, known) = probe(entries, round, id, hash);
            let is_new = !known.is_of(round);
            let entry = select_unpredictable(is_new, Entry::new(id, round, first + n_new), known);
            entries[at] = entry;
            *found = entry.place() as u32;
            new[n_new % CHUNK] = id;
            n_new += usize::from(is_new);
        }
        *len += n_new;
        numbers.extend_from_slice(&found[..ids.len()]);
        unique.extend_from_slice(&new[..n_new]);
    }

    /// Forgets all ids.
    pub fn clear(&mut self) {
        self.len = 0;
        self.round += 1;
        if self.round >> (u64::BITS - PLACE_BITS) > 0 {
            self.entries.fill(Entry::default());
            self.round = 1;
        }
    }

    /// All ids with their places, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, usize)> {
        self.entries.iter().filter(|entry| entry.is_of(self.round)).map(|entry| (entry.id, entry.place()))
    }

    /// A chunk that comes next, with its hashes. Asks for its entries to be brought near: what the next branch depends on would
    /// else be waited for.
    fn ahead<'a>(&self, ids: Option<&'a [u64]>) -> (&'a [u64], [u64; CHUNK]) {
        let (ids, mut hashes) = (ids.unwrap_or_default(), [0; CHUNK]);
        for (&id, place) in ids.iter().zip(&mut hashes) {
            *place = hash(id);
            simd::prefetch(&self.entries[home(&self.entries, *place)]);
        }
        (ids, hashes)
    }

    /// Makes room for `more` ids.
    fn reserve(&mut self, more: usize) {
        while (self.len + more) * 2 > self.entries.len() {
            let doubled = vec![Entry::default(); self.entries.len() * 2];
            let round = self.round;
            for entry in std::mem::replace(&mut self.entries, doubled).into_iter().filter(|entry| entry.is_of(round)) {
                let (at, _) = self.probe(entry.id, hash(entry.id));
                self.entries[at] = entry;
            }
        }
    }

    fn probe(&self, id: u64, hash: u64) -> (usize, Entry) {
        probe(&self.entries, self.round, id, hash)
    }
}

/// The entry of an id, or the free one where it belongs, and where that is.
#[inline(always)]
fn probe(entries: &[Entry], round: u64, id: u64, hash: u64) -> (usize, Entry) {
    let mut at = home(entries, hash);
    loop {
        let entry = entries[at];
        // One condition and not two, each of which would be hard to foresee: it is false unless another id lies there. A compiler makes
        // it one branch, and not one for each half, as its value is also added.
        let is_taken = entry.is_of(round) & (entry.id != id);
        at = (at + usize::from(is_taken)) & (entries.len() - 1);
        if !is_taken {
            return (at, entry);
        }
    }
}

#[inline(always)]
fn home(entries: &[Entry], hash: u64) -> usize {
    hash as usize & (entries.len() - 1)
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
        for (place, &id) in ids.iter().enumerate() {
            assert_eq!(index.find(id), expected.get(&id).copied());
            expected.entry(id).or_insert_with(|| {
                index.insert(id, place);
                place
            });
        }
        assert_eq!(index.iter().collect::<BTreeMap<_, _>>(), expected);
        let (others, mut places) = (ids.iter().map(|id| id ^ 1), Vec::new());
        let asked: Vec<u64> = ids.iter().copied().chain(others).collect();
        index.find_all(&asked, &mut places);
        let places_of = asked.iter().map(|id| expected.get(id).copied().unwrap_or(ABSENT));
        assert!(places.iter().copied().eq(places_of));
    }

    /// Numbers ids, round by round.
    fn check_numbers(rounds: &[Vec<u64>]) {
        let mut index = Index::default();
        for ids in rounds {
            let (mut unique, mut numbers) = (Vec::new(), Vec::new());
            index.clear();
            ids.chunks(7).for_each(|ids| index.number(ids, &mut unique, &mut numbers));
            let mut expected: Vec<u64> = Vec::new();
            ids.iter().for_each(|id| {
                if !expected.contains(id) {
                    expected.push(*id)
                }
            });
            assert_eq!(unique, expected);
            assert!(ids.iter().copied().eq(numbers.iter().map(|&number| unique[number as usize])));
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
        check(&[0, u64::MAX, 0x9e37_79b9_7f4a_7c15], Index::default());
        check_numbers(&[vec![0, u64::MAX, 0]]);
    }

    #[test]
    fn many_ids_are_found_while_it_grows() {
        check(&(0..10_000).map(|i| i * 4096).collect::<Vec<_>>(), Index::default());
    }

    #[test]
    fn each_id_has_the_number_of_its_first_appearance_in_the_round() {
        check_numbers(&[
            vec![7, 3, 7, u64::MAX, 0, 3],
            vec![3, 7],
            (0..2000).map(|i| (i % 700) << 40).collect(),
            vec![9],
        ]);
    }

    #[test]
    fn ids_of_earlier_rounds_stay_forgotten_when_rounds_are_counted_anew() {
        let mut index = Index::default();
        index.insert(5, 1);
        index.round = (1 << (u64::BITS - PLACE_BITS)) - 2;
        index.clear();
        index.insert(6, 2);
        for _ in 0..3 {
            assert_eq!(index.find(5), None);
            index.clear();
            assert_eq!(index.find(6), None);
        }
    }

    #[test]
    fn with_room_from_the_start_it_does_not_grow() {
        for len in [0, 1, 10, 11, 1000] {
            let mut index = Index::with_capacity(len);
            let before = index.entries.len();
            (0..len).for_each(|i| index.insert(i as u64, i));
            assert_eq!(index.entries.len(), before);
        }
    }

    proptest! {
        #[test]
        fn it_is_a_map(ids in proptest::collection::vec(prop_oneof![0..20u64, any::<u64>()], 0..300)) {
            check(&ids, Index::default());
            check(&ids, Index::with_capacity(ids.len()));
            check_numbers(&[ids.clone(), ids]);
        }
    }
}
