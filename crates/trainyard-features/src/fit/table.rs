//! A map that counts.

use std::fmt::Debug;
use trainyard_graph::simd::prefetch;

/// Keys that are looked for together: their hashes stay in the nearest cache.
const CHUNK: usize = 128;

/// What a [`Table`] counts.
pub(super) trait Key: Copy + Ord + Default + Debug {
    /// Bits, of which the highest choose the place. Samples of texts depend on them, and with these the bytes of fitted features.
    fn hash(self) -> u64;
}

impl Key for u64 {
    fn hash(self) -> u64 {
        fold(self, 0x9e37_79b9_7f4a_7c15)
    }
}

/// A text of up to 23 bytes as three numbers, which are equal when the texts are: its bytes, zeros behind them, and its length.
///
/// Why not the text itself? Numbers lie in the table, are hashed by two multiplications and compared without a loop.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ShortText([u64; 3]);

/// Where the length stands in the last number.
const LENGTH_SHIFT: u32 = 56;

/// By length, which bits of the three numbers are of the text.
const MASKS: [[u64; 3]; ShortText::MAX + 1] = {
    let (mut masks, mut len) = ([[0; 3]; ShortText::MAX + 1], 1);
    while len < masks.len() {
        masks[len] = masks[len - 1];
        masks[len][(len - 1) / 8] |= 0xff << ((len - 1) % 8 * 8);
        len += 1;
    }
    masks
};

impl ShortText {
    /// The longest text that fits.
    pub const MAX: usize = 23;

    /// The first `len` of some bytes, if they are few enough. Where there are 24, reading them depends on no length, which would be hard to
    /// foresee.
    #[inline]
    pub fn new(bytes: &[u8], len: usize) -> Option<Self> {
        let mask = MASKS.get(len)?;
        let bytes = bytes.first_chunk().copied().unwrap_or_else(|| padded(bytes));
        let (words, _) = bytes.as_chunks();
        let [a, b, c]: [u64; 3] = std::array::from_fn(|i| u64::from_le_bytes(words[i]) & mask[i]);
        Some(Self([a, b, c | (len as u64) << LENGTH_SHIFT]))
    }

    /// The text.
    pub fn text(self) -> String {
        let [a, b, c] = self.0.map(u64::to_le_bytes);
        let (bytes, len) = ([a, b, c].concat(), usize::from(c[7]));
        // They are the bytes of a text, so nothing is lost.
        String::from_utf8_lossy(&bytes[..len.min(Self::MAX)]).into_owned()
    }
}

/// Fewer bytes than 24, and zeros.
fn padded(bytes: &[u8]) -> [u8; 24] {
    let mut padded = [0; 24];
    padded[..bytes.len()].copy_from_slice(bytes);
    padded
}

impl Key for ShortText {
    fn hash(self) -> u64 {
        let [a, b, c] = self.0;
        fold(fold(a, b ^ 0x9e37_79b9_7f4a_7c15), c)
    }
}

/// Folds the 128-bit product of two numbers, each with an odd constant (of SplitMix64), so that all bits reach all others.
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a ^ 0xbf58_476d_1ce4_e5b9).wrapping_mul(u128::from(b ^ 0x94d0_49bb_1331_11eb));
    (product >> 64) as u64 ^ product as u64
}

/// Counts by key in one array; a key is looked for from the place that its hash gives, so that most are found by reading memory
/// once.
#[derive(Debug, Clone, Default)]
pub(super) struct Table<K> {
    /// Free ones count 0. Their number is 0 or a power of 2.
    slots: Vec<(K, u64)>,
    len: usize,
    /// From a hash to a place.
    shift: u32,
}

impl<K: Key> Table<K> {
    /// Number of keys.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Memory that it takes.
    pub fn bytes(&self) -> usize {
        self.slots.len() * size_of::<(K, u64)>()
    }

    /// Memory that it takes besides while it makes room for more keys; 0 when there is room.
    pub fn growth(&self, more: usize) -> usize {
        self.needed(more).map_or(0, |slots| slots * size_of::<(K, u64)>())
    }

    /// Makes room for more keys.
    pub fn reserve(&mut self, more: usize) {
        if let Some(slots) = self.needed(more) {
            let old = std::mem::replace(&mut self.slots, vec![(K::default(), 0); slots]);
            self.shift = 64 - slots.trailing_zeros();
            self.len = 0;
            old.into_iter().filter(|slot| slot.1 > 0).for_each(|(key, count)| self.add_hashed(key.hash(), key, count));
        }
    }

    /// Counts each key so many times, at least once.
    pub fn add_all(&mut self, entries: &[(K, u64)]) {
        self.reserve(entries.len());
        let mut hashes = [0; CHUNK];
        for entries in entries.chunks(CHUNK) {
            // Places first: the processor then waits for the memory of many keys at the same time.
            for (hash, entry) in hashes.iter_mut().zip(entries) {
                *hash = entry.0.hash();
                prefetch(&self.slots[self.place(*hash)]);
            }
            hashes.iter().zip(entries).for_each(|(&hash, &(key, count))| self.add_hashed(hash, key, count));
        }
    }

    /// Counts a key so many times, at least once.
    pub fn add(&mut self, key: K, count: u64) {
        self.reserve(1);
        self.add_hashed(key.hash(), key, count);
    }

    /// The keys and their counts, in no order that means something.
    pub fn iter(&self) -> impl Iterator<Item = (K, u64)> {
        self.slots.iter().copied().filter(|slot| slot.1 > 0)
    }

    /// The keys and their counts by key, in the memory of the table.
    pub fn into_sorted(self) -> Vec<(K, u64)> {
        let mut slots = self.slots;
        slots.retain(|slot| slot.1 > 0);
        slots.sort_unstable_by_key(|slot| slot.0);
        slots
    }

    /// Keeps the keys that pass.
    pub fn retain(&mut self, passes: impl Fn(K) -> bool) {
        let kept: Vec<(K, u64)> = self.iter().filter(|(key, _)| passes(*key)).collect();
        if 4 * slots_for(kept.len()) <= self.slots.len() {
            *self = Self::default();
            self.reserve(kept.len());
        } else {
            // Slots stay, as those that go make room for others.
            self.slots.fill((K::default(), 0));
            self.len = 0;
        }
        kept.into_iter().for_each(|(key, count)| self.add_hashed(key.hash(), key, count));
    }

    /// The number of slots when there are too few for more keys: at least a quarter stays free.
    fn needed(&self, more: usize) -> Option<usize> {
        let keys = self.len + more;
        (keys > self.slots.len() / 4 * 3).then(|| slots_for(keys))
    }

    /// Where a key of this hash is looked for first.
    fn place(&self, hash: u64) -> usize {
        (hash >> self.shift) as usize
    }

    fn add_hashed(&mut self, hash: u64, key: K, count: u64) {
        let mask = self.slots.len() - 1;
        let mut place = self.place(hash);
        loop {
            let slot = &mut self.slots[place & mask];
            if slot.1 == 0 {
                *slot = (key, count);
                self.len += 1;
                return;
            }
            if slot.0 == key {
                slot.1 = slot.1.saturating_add(count);
                return;
            }
            place += 1;
        }
    }
}

/// The number of slots of which so many keys leave a quarter free.
fn slots_for(keys: usize) -> usize {
    (keys + keys / 3).next_power_of_two().max(64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn short(text: &str) -> Option<ShortText> {
        ShortText::new(text.as_bytes(), text.len())
    }

    proptest! {
        #[test]
        fn texts_of_all_lengths_are_kept(text in "[a-bé]{0,14}") {
            let short = short(&text);
            prop_assert_eq!(short.is_some(), text.len() <= ShortText::MAX);
            prop_assert!(short.is_none_or(|short| short.text() == text));
            // What follows makes no difference, be it much or little.
            for more in ["b", "a text of 23 bytes, yes", &"é".repeat(20)] {
                prop_assert_eq!(ShortText::new((text.clone() + more).as_bytes(), text.len()), short);
            }
        }

        #[test]
        fn different_texts_are_different_keys(a in "[ab]{0,24}", b in "[ab]{0,24}") {
            prop_assert!(a == b || short(&a).is_none() || short(&a) != short(&b));
        }

        #[test]
        fn counts_are_those_of_a_map(keys in prop::collection::vec(0u64..200, 0..2000), batch in 1usize..300) {
            let (mut table, mut map) = (Table::default(), BTreeMap::<u64, u64>::new());
            let entries: Vec<(u64, u64)> = keys.iter().map(|&key| (key, 1 + key % 3)).collect();
            entries.chunks(batch).for_each(|entries| table.add_all(entries));
            entries.iter().for_each(|(key, count)| *map.entry(*key).or_default() += count);
            keys.iter().take(9).for_each(|&key| table.add(key, 5));
            keys.iter().take(9).for_each(|&key| *map.entry(key).or_default() += 5);
            prop_assert_eq!(table.len(), map.len());
            let mut even = table.clone();
            even.retain(|key| key % 2 == 0);
            prop_assert_eq!(table.into_sorted(), map.clone().into_iter().collect::<Vec<_>>());
            map.retain(|key, _| key % 2 == 0);
            prop_assert_eq!(even.into_sorted(), map.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_table_that_is_left_by_most_keys_takes_less_memory() {
        let mut table = Table::default();
        table.add_all(&(0..1000_u64).map(|key| (key, key + 1)).collect::<Vec<_>>());
        let before = table.bytes();
        table.retain(|key| key % 2 == 0);
        assert_eq!(table.bytes(), before);
        table.retain(|key| key % 100 == 0);
        assert!(table.bytes() < before / 4);
        assert_eq!(table.into_sorted(), (0..10).map(|i| (100 * i, 100 * i + 1)).collect::<Vec<_>>());
    }

    /// They decide which texts a sample keeps, and with it the bytes of fitted features.
    #[test]
    fn hashes_of_texts_stay_what_they_are() {
        let hash = |text: &str| short(text).unwrap().hash();
        assert_eq!(
            ["", "Bern", "a text of 23 bytes, yes"].map(hash),
            [7_356_232_078_871_506_830, 14_789_191_337_775_866_011, 14_116_961_715_654_349_068]
        );
    }

    #[test]
    fn a_text_with_its_count_is_half_a_cache_line() {
        assert_eq!(size_of::<(ShortText, u64)>(), 32);
    }
}
