//! Maps with a fast hash.

use super::farm_fingerprint64;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A map that hashes text with FarmHash and numbers with one multiplication.
///
/// Why not the standard hash? Counting values and looking them up is most of the work of a vocabulary. The order of
/// iteration is never used.
pub(crate) type Map<K, V> = HashMap<K, V, BuildHasherDefault<FastHasher>>;

/// See [`Map`].
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct FastHasher(u64);

impl Hasher for FastHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.write_u64(farm_fingerprint64(bytes));
    }

    /// The end mark of a text, which carries nothing when the key is a single text.
    fn write_u8(&mut self, byte: u8) {
        self.0 ^= u64::from(byte);
    }

    fn write_u32(&mut self, word: u32) {
        self.write_u64(u64::from(word));
    }

    /// Folds the 128-bit product with an odd constant (SplitMix64's), so that all bits of the word reach all others.
    fn write_u64(&mut self, word: u64) {
        let product = u128::from(self.0 ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        self.0 = (product >> 64) as u64 ^ product as u64;
    }

    /// The length that comes before a list of bytes.
    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }

    fn write_i64(&mut self, word: i64) {
        self.write_u64(word as u64);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
