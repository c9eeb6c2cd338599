//! A random order that takes no memory.

use trainyard_graph::random;

/// Rounds of the network. Four make it strong for large halves (Luby and Rackoff, 1988); small halves take some more.
const ROUNDS: u64 = 8;

/// A permutation of `0..n` that is a function of a key: entry by entry, in any order.
///
/// A Feistel network permutes the numbers of an even number of bits, at most four times as many as `n`; a number beyond `n`
/// is sent through again until it is below (cycle walking: Black and Rogaway, *Ciphers with Arbitrary Finite Domains*, 2002).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Permutation {
    n: u64,
    half_bits: u32,
    key: u64,
}

impl Permutation {
    /// The permutation of `0..n`, `n` up to 2⁶², under a key.
    pub(crate) fn new(n: u64, key: u64) -> Self {
        let bits = u64::BITS - n.saturating_sub(1).leading_zeros();
        Self { n, half_bits: bits.div_ceil(2).max(1), key }
    }

    /// The number at place `i`, which must be below `n`.
    pub(crate) fn get(&self, i: u64) -> u64 {
        debug_assert!(i < self.n, "place {i} of a permutation of {}", self.n);
        let mut number = self.step(i);
        while number >= self.n {
            number = self.step(number);
        }
        number
    }

    /// The place of a number, which must be below `n`.
    pub(crate) fn place(&self, number: u64) -> u64 {
        debug_assert!(number < self.n, "number {number} of a permutation of {}", self.n);
        let mut place = self.step_back(number);
        while place >= self.n {
            place = self.step_back(place);
        }
        place
    }

    fn step(&self, number: u64) -> u64 {
        let (mut left, mut right) = self.halves(number);
        for round in 0..ROUNDS {
            (left, right) = (right, left ^ self.mixed(right, round));
        }
        left << self.half_bits | right
    }

    fn step_back(&self, number: u64) -> u64 {
        let (mut left, mut right) = self.halves(number);
        for round in (0..ROUNDS).rev() {
            (left, right) = (right ^ self.mixed(left, round), left);
        }
        left << self.half_bits | right
    }

    fn halves(&self, number: u64) -> (u64, u64) {
        (number >> self.half_bits, number & self.mask())
    }

    fn mixed(&self, half: u64, round: u64) -> u64 {
        random::bits(self.key, half * ROUNDS + round) & self.mask()
    }

    fn mask(&self) -> u64 {
        (1 << self.half_bits) - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(n: u64, key: u64) -> Vec<u64> {
        let permutation = Permutation::new(n, key);
        (0..n).map(|i| permutation.get(i)).collect()
    }

    proptest! {
        #[test]
        fn every_number_comes_once(n in 0u64..3000, key: u64) {
            let mut numbers = all(n, key);
            numbers.sort_unstable();
            prop_assert_eq!(numbers, (0..n).collect::<Vec<_>>());
        }

        #[test]
        fn large_numbers_stay_in_range_and_know_their_place(n in 1u64..1 << 62, i: u64, key: u64) {
            let permutation = Permutation::new(n, key);
            let number = permutation.get(i % n);
            prop_assert!(number < n);
            prop_assert_eq!(permutation.place(number), i % n);
        }
    }

    #[test]
    fn keys_give_different_orders() {
        assert_ne!(all(1000, 1), all(1000, 2));
        assert_eq!(all(1000, 1), all(1000, 1));
    }

    #[test]
    fn each_number_is_as_likely_at_each_place() {
        let n = 6;
        let mut counts = vec![0u32; (n * n) as usize];
        (0..60_000).for_each(|key| {
            all(n, random::bits(7, key))
                .iter()
                .enumerate()
                .for_each(|(i, &number)| counts[i * n as usize + number as usize] += 1);
        });
        // 10,000 expected, deviation 91: five of them.
        assert!(counts.iter().all(|&count| count.abs_diff(10_000) < 460), "{counts:?}");
    }
}
