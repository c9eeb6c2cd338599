//! FarmHash Fingerprint64.

const K0: u64 = 0xc3a5_c85c_97cb_3127;
const K1: u64 = 0xb492_b66f_be98_f273;
const K2: u64 = 0x9ae1_6a3b_2f90_404f;

/// The 64-bit FarmHash fingerprint of some bytes, stable forever: TensorFlow's `to_hash_bucket_fast`, BigQuery's
/// `FARM_FINGERPRINT`.
///
/// Written from the description of `farmhashna::Hash64` (Geoff Pike, Google, 2014) and checked against it for the lengths
/// at which it branches. The crate `farmhash` 1.1.5 is wrong for lengths above 64 that are multiples of 64.
///
/// ```
/// assert_eq!(trainyard_features::hash::farm_fingerprint64(b"hello"), 13009744463427800296);
/// ```
pub fn farm_fingerprint64(s: &[u8]) -> u64 {
    match s.len() {
        0 => K2,
        1..=3 => up_to_3(s),
        4..=7 => {
            let n = s.len() as u64;
            finish(n.wrapping_add(word32(s, 0) << 3), word32(s, s.len() - 4), multiplier(s))
        }
        8..=16 => up_to_16(s),
        17..=32 => up_to_32(s),
        33..=64 => up_to_64(s),
        _ => long(s),
    }
}

/// The fingerprint of the decimal text of a number, which is how TensorFlow hashes ints.
pub(crate) fn farm_number(number: i64) -> u64 {
    let mut text = [0; 20];
    let mut start = text.len();
    let mut rest = number.unsigned_abs();
    loop {
        start -= 1;
        text[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        start -= 1;
        text[start] = b'-';
    }
    farm_fingerprint64(&text[start..])
}

fn word64(s: &[u8], at: usize) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&s[at..at + 8]);
    u64::from_le_bytes(bytes)
}

fn word32(s: &[u8], at: usize) -> u64 {
    let mut bytes = [0; 4];
    bytes.copy_from_slice(&s[at..at + 4]);
    u64::from(u32::from_le_bytes(bytes))
}

fn shift_mix(x: u64) -> u64 {
    x ^ (x >> 47)
}

fn multiplier(s: &[u8]) -> u64 {
    K2.wrapping_add(s.len() as u64 * 2)
}

fn finish(u: u64, v: u64, multiplier: u64) -> u64 {
    let a = shift_mix((u ^ v).wrapping_mul(multiplier));
    shift_mix((v ^ a).wrapping_mul(multiplier)).wrapping_mul(multiplier)
}

fn up_to_3(s: &[u8]) -> u64 {
    let n = s.len();
    let y = u64::from(s[0]) + (u64::from(s[n >> 1]) << 8);
    let z = n as u64 + (u64::from(s[n - 1]) << 2);
    shift_mix(y.wrapping_mul(K2) ^ z.wrapping_mul(K0)).wrapping_mul(K2)
}

fn up_to_16(s: &[u8]) -> u64 {
    let multiplier = multiplier(s);
    let a = word64(s, 0).wrapping_add(K2);
    let b = word64(s, s.len() - 8);
    let c = b.rotate_right(37).wrapping_mul(multiplier).wrapping_add(a);
    let d = a.rotate_right(25).wrapping_add(b).wrapping_mul(multiplier);
    finish(c, d, multiplier)
}

/// The two words that lengths 17 to 64 share: over the first 16 and the last 16 bytes.
fn ends(s: &[u8], first: u64) -> (u64, u64) {
    let multiplier = multiplier(s);
    let a = word64(s, 0).wrapping_mul(first);
    let b = word64(s, 8);
    let c = word64(s, s.len() - 8).wrapping_mul(multiplier);
    let d = word64(s, s.len() - 16).wrapping_mul(K2);
    let y = a.wrapping_add(b).rotate_right(43).wrapping_add(c.rotate_right(30)).wrapping_add(d);
    let z = a.wrapping_add(b.wrapping_add(K2).rotate_right(18)).wrapping_add(c);
    (y, z)
}

fn up_to_32(s: &[u8]) -> u64 {
    let (y, z) = ends(s, K1);
    finish(y, z, multiplier(s))
}

fn up_to_64(s: &[u8]) -> u64 {
    let multiplier = multiplier(s);
    let (y, z) = ends(s, K2);
    let z = finish(y, z, multiplier);
    let a = word64(s, 0).wrapping_mul(K2);
    let e = word64(s, 16).wrapping_mul(multiplier);
    let f = word64(s, 24);
    let g = y.wrapping_add(word64(s, s.len() - 32)).wrapping_mul(multiplier);
    let h = z.wrapping_add(word64(s, s.len() - 24)).wrapping_mul(multiplier);
    let left = e.wrapping_add(f).rotate_right(43).wrapping_add(g.rotate_right(30)).wrapping_add(h);
    let right = e.wrapping_add(f.wrapping_add(a).rotate_right(18)).wrapping_add(g);
    finish(left, right, multiplier)
}

/// The state over 64-byte blocks.
struct State {
    x: u64,
    y: u64,
    z: u64,
    v: (u64, u64),
    w: (u64, u64),
}

impl State {
    /// `feedback` is 1 in the loop; the last block multiplies three terms by 9.
    fn block(&mut self, s: &[u8], multiplier: u64, feedback: u64) {
        let Self { x, y, z, v, w } = self;
        *x = x.wrapping_add(*y).wrapping_add(v.0).wrapping_add(word64(s, 8)).rotate_right(37).wrapping_mul(multiplier);
        *y = y.wrapping_add(v.1).wrapping_add(word64(s, 48)).rotate_right(42).wrapping_mul(multiplier);
        *x ^= w.1.wrapping_mul(feedback);
        *y = y.wrapping_add(v.0.wrapping_mul(feedback)).wrapping_add(word64(s, 40));
        *z = z.wrapping_add(w.0).rotate_right(33).wrapping_mul(multiplier);
        *v = weak_hash(&s[..32], v.1.wrapping_mul(multiplier), x.wrapping_add(w.0));
        *w = weak_hash(&s[32..], z.wrapping_add(w.1), y.wrapping_add(word64(s, 16)));
        std::mem::swap(x, z);
    }
}

fn weak_hash(s: &[u8], a: u64, b: u64) -> (u64, u64) {
    let (w, x, y, z) = (word64(s, 0), word64(s, 8), word64(s, 16), word64(s, 24));
    let a = a.wrapping_add(w);
    let b = b.wrapping_add(a).wrapping_add(z).rotate_right(21);
    let sum = a.wrapping_add(x).wrapping_add(y);
    (sum.wrapping_add(z), b.wrapping_add(sum.rotate_right(44)).wrapping_add(a))
}

fn long(s: &[u8]) -> u64 {
    let y = 81u64.wrapping_mul(K1).wrapping_add(113);
    let z = shift_mix(y.wrapping_mul(K2).wrapping_add(113)).wrapping_mul(K2);
    let x = 81u64.wrapping_mul(K2).wrapping_add(word64(s, 0));
    let mut state = State { x, y, z, v: (0, 0), w: (0, 0) };
    let whole = (s.len() - 1) / 64 * 64;
    s[..whole].chunks_exact(64).for_each(|block| state.block(block, K1, 1));

    let multiplier = K1.wrapping_add((state.z & 0xff) << 1);
    state.w.0 = state.w.0.wrapping_add((s.len() as u64 - 1) & 63);
    state.v.0 = state.v.0.wrapping_add(state.w.0);
    state.w.0 = state.w.0.wrapping_add(state.v.0);
    state.block(&s[s.len() - 64..], multiplier, 9);
    let State { x, y, z, v, w } = state;
    let left = finish(v.0, w.0, multiplier).wrapping_add(shift_mix(y).wrapping_mul(K0)).wrapping_add(z);
    finish(left, finish(v.1, w.1, multiplier).wrapping_add(x), multiplier)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, buckets: u64, expected: u64) {
        assert_eq!(farm_fingerprint64(text.as_bytes()) % buckets, expected);
    }

    /// `tft.hash_strings`, mappers_test.py: 11 buckets.
    #[test]
    fn matches_tensorflow_transform() {
        check("Car", 11, 8);
        check("Bus", 11, 4);
        check("Tree", 11, 5);
        check("Dog", 17, 12);
        check("Cat", 17, 4);
        check("", 17, 11);
    }

    #[test]
    fn numbers_hash_as_their_decimal_text() {
        for number in [0, 7, -1, 101, i64::MIN, i64::MAX] {
            assert_eq!(farm_number(number), farm_fingerprint64(number.to_string().as_bytes()));
        }
    }

    #[test]
    fn a_length_that_is_a_multiple_of_64_takes_no_extra_round() {
        assert_eq!(farm_fingerprint64(&[b'x'; 128]), 0x5170_af09_fd87_0c17);
    }
}
