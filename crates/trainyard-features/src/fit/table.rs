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

/// A text of up to 23 bytes as three numbers, which are equal when the texts are.
///
/// Why not the text itself? Numbers lie in the table, are hashed by two multiplications and compared without a loop.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ShortText([u64; 3]);

/// Where the length stands in the last number.
const LENGTH_SHIFT: u32 = 56;

impl ShortText {
    /// The longest text that fits.
    pub const MAX: usize = 23;

    /// A text, if it is short enough.
    ///
    /// Up to 16 bytes are the first 4 or 8 and the last 4 or 8, which overlap: reading them needs no loop over the length.
    pub fn new(text: &[u8]) -> Option<Self> {
        let len = text.len();
        let word = |at: usize| text.get(at..)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
        let half = |at: usize| text.get(at..)?.first_chunk().map(|bytes| u64::from(u32::from_le_bytes(*bytes)));
        let byte = |at: usize| text.get(at).copied().map(u64::from);
        let [a, b, c] = match len {
            0 => [0; 3],
            1..=3 => [byte(0)? | byte(len / 2)? << 8 | byte(len - 1)? << 16, 0, 0],
            4..=7 => [half(0)? | half(len - 4)? << 32, 0, 0],
            8..=16 => [word(0)?, word(len - 8)?, 0],
            17..=Self::MAX => [word(0)?, word(8)?, word(len - 8)? >> (8 * (24 - len))],
            _ => return None,
        };
        Some(Self([a, b, c | (len as u64) << LENGTH_SHIFT]))
    }

    /// The text.
    pub fn text(self) -> String {
        let [a, b, c] = self.0.map(u64::to_le_bytes);
        let len = usize::from(c[7]).min(Self::MAX);
        let mut bytes = [0; 24];
        match len {
            0..=3 => bytes[..3].copy_from_slice(&a[..3]),
            4..=7 => {
                bytes[..4].copy_from_slice(&a[..4]);
                bytes[len - 4..len].copy_from_slice(&a[4..]);
            }
            8..=16 => {
                bytes[..8].copy_from_slice(&a);
                bytes[len - 8..len].copy_from_slice(&b);
            }
            _ => [a, b, c].iter().zip(bytes.chunks_exact_mut(8)).for_each(|(word, part)| part.copy_from_slice(word)),
        }
        // They are the bytes of a text, so nothing is lost.
        String::from_utf8_lossy(&bytes[..len]).into_owned()
    }
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
        // Slots stay, as those that go make room for others.
        self.slots.fill((K::default(), 0));
        self.len = 0;
        kept.into_iter().for_each(|(key, count)| self.add_hashed(key.hash(), key, count));
    }

    /// The number of slots when there are too few for more keys: at least a quarter stays free.
    fn needed(&self, more: usize) -> Option<usize> {
        let keys = self.len + more;
        (keys > self.slots.len() / 4 * 3).then(|| (keys + keys / 3).next_power_of_two().max(64))
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn texts_of_all_lengths_are_kept(text in "[a-bé]{0,14}") {
            let short = ShortText::new(text.as_bytes());
            prop_assert_eq!(short.is_some(), text.len() <= ShortText::MAX);
            prop_assert!(short.is_none_or(|short| short.text() == text));
        }

        #[test]
        fn different_texts_are_different_keys(a in "[ab]{0,24}", b in "[ab]{0,24}") {
            let (short, other) = (ShortText::new(a.as_bytes()), ShortText::new(b.as_bytes()));
            prop_assert!(a == b || short.is_none() || short != other);
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

    /// They decide which texts a sample keeps, and with it the bytes of fitted features.
    #[test]
    fn hashes_of_texts_stay_what_they_are() {
        let hash = |text: &str| ShortText::new(text.as_bytes()).unwrap().hash();
        assert_eq!(
            ["", "Bern", "a text of 23 bytes, yes"].map(hash),
            [7_356_232_078_871_506_830, 17_685_605_432_447_034_222, 14_116_961_715_654_349_068]
        );
    }

    #[test]
    fn a_text_with_its_count_is_half_a_cache_line() {
        assert_eq!(size_of::<(ShortText, u64)>(), 32);
    }
}
