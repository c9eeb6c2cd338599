//! Concatenation of two fingerprints into one.

/// The key from which crosses start, as in TensorFlow's `crossed_column` and Keras' `HashedCrossing`.
pub const CROSS_KEY: u64 = 0x00DE_CAFC_AFFE;

/// Combines two fingerprints; the order matters.
///
/// With `k = 0xc6a4a7935bd1e995` and `mix(x) = x ^ (x >> 47)`: `r = a ^ k`; `r ^= mix(b·k)·k`; `r = r·k`; `r = mix(r)·k`;
/// `mix(r)`. The function `FingerprintCat64` of TensorFlow.
///
/// ```
/// use trainyard_features::hash::{CROSS_KEY, farm_fingerprint64, fingerprint_cat64};
///
/// let words = ["batch1-FC1-F1", "batch1-FC2-F1", "batch1-FC3-F1"];
/// let hash = words.iter().fold(CROSS_KEY, |hash, word| fingerprint_cat64(hash, farm_fingerprint64(word.as_bytes())));
/// assert_eq!(hash % 100, 83); // sparse_cross_op_test.py, test_hashed_zero_bucket and its neighbours
/// ```
pub fn fingerprint_cat64(a: u64, b: u64) -> u64 {
    const K: u64 = 0xc6a4_a793_5bd1_e995;
    let mix = |x: u64| x ^ (x >> 47);
    let mut r = a ^ K;
    r ^= mix(b.wrapping_mul(K)).wrapping_mul(K);
    r = r.wrapping_mul(K);
    r = mix(r).wrapping_mul(K);
    mix(r)
}
