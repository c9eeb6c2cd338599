//! Random numbers without state: a value is a function of a stream and an index.
//!
//! A stream is a seed and a name. The same value comes out on any thread, in any order and after any restart, which is what
//! makes a run reproducible and a resumed run equal to an uninterrupted one.
//!
//! ```
//! use trainyard_graph::random;
//!
//! let stream = random::stream(7, "weights");
//! assert_eq!(random::uniform(stream, 3), random::uniform(stream, 3));
//! assert!(random::below(stream, 0, 10) < 10);
//! ```

/// Mixes a 64-bit word so that each bit of the input changes half of those of the output.
///
/// The finalizer of SplitMix64: Steele, Lea and Flood, *Fast Splittable Pseudorandom Number Generators* (2014), variant 13.
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The golden ratio in 64 bits, SplitMix64's increment.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The stream of `name` under `seed`.
pub fn stream(seed: u64, name: &str) -> u64 {
    name.bytes().fold(mix(seed.wrapping_add(GOLDEN)), |hash, byte| mix(hash ^ u64::from(byte)).wrapping_add(GOLDEN))
}

/// 64 random bits.
pub fn bits(stream: u64, index: u64) -> u64 {
    mix(stream.wrapping_add(index.wrapping_mul(GOLDEN)) ^ mix(index ^ stream.rotate_left(32)))
}

/// Uniform in `[0, 1)`, a multiple of 2⁻²⁴.
pub fn uniform(stream: u64, index: u64) -> f32 {
    (bits(stream, index) >> 40) as f32 * (1.0 / (1u64 << 24) as f32)
}

/// Normal with mean 0 and deviation 1 (Box and Muller, 1958).
pub fn normal(stream: u64, index: u64) -> f32 {
    let word = bits(stream, index);
    let unit = 1.0 / (1u64 << 32) as f64;
    let radius = (-2.0 * (((word >> 32) as f64 + 1.0) * unit).ln()).sqrt();
    let angle = std::f64::consts::TAU * (word as u32 as f64 * unit);
    (radius * angle.cos()) as f32
}

/// Uniform in `[0, bound)`, by multiplication (Lemire, 2019), without its rejection step: the bias is below `bound / 2⁶⁴`.
/// For `bound` 0 it is 0.
pub fn below(stream: u64, index: u64, bound: u64) -> u64 {
    ((u128::from(bits(stream, index)) * u128::from(bound)) >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(values: impl Iterator<Item = f32>) -> (f64, f64) {
        let (mut n, mut sum, mut squares) = (0.0, 0.0, 0.0);
        for value in values {
            n += 1.0;
            sum += f64::from(value);
            squares += f64::from(value) * f64::from(value);
        }
        (sum / n, squares / n - (sum / n) * (sum / n))
    }

    #[test]
    fn uniform_has_the_moments_of_the_distribution() {
        let stream = stream(1, "uniform");
        let (mean, variance) = moments((0..100_000).map(|i| uniform(stream, i)));
        assert!((mean - 0.5).abs() < 5e-3 && (variance - 1.0 / 12.0).abs() < 1e-3, "{mean} {variance}");
    }

    #[test]
    fn normal_has_the_moments_of_the_distribution() {
        let stream = stream(1, "normal");
        let (mean, variance) = moments((0..100_000).map(|i| normal(stream, i)));
        assert!(mean.abs() < 1e-2 && (variance - 1.0).abs() < 2e-2, "{mean} {variance}");
    }

    #[test]
    fn streams_of_other_seeds_and_names_differ() {
        assert_ne!(stream(1, "a"), stream(2, "a"));
        assert_ne!(stream(1, "a"), stream(1, "b"));
        assert_ne!(bits(stream(1, "a"), 0), bits(stream(1, "a"), 1));
    }

    #[test]
    fn below_reaches_every_value_and_none_other() {
        let seen: std::collections::BTreeSet<_> = (0..1000).map(|i| below(stream(3, "below"), i, 7)).collect();
        assert_eq!(seen, (0..7).collect());
    }
}
