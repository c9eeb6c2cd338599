//! Numbers where vectors are read fastest.

use std::ops::{Deref, DerefMut};

/// Numbers of a line of cache: 64 bytes.
const LINE: usize = 16;

/// Numbers of which the first begins a line of the processor's cache. A vector that two lines share takes two accesses: weights
/// that begin there are multiplied up to twice as fast.
///
/// ```
/// let weights = trainyard_graph::Aligned::from(&[1.0, 2.0, 3.0][..]);
/// assert_eq!(weights[..], [1.0, 2.0, 3.0]);
/// ```
#[derive(Debug)]
pub struct Aligned {
    numbers: Vec<f32>,
    start: usize,
    len: usize,
}

impl Aligned {
    /// `len` zeros.
    pub fn zeros(len: usize) -> Self {
        let numbers = vec![0.0; len + LINE - 1];
        let start = numbers.as_ptr().align_offset(size_of::<[f32; LINE]>()).min(LINE - 1);
        Self { numbers, start, len }
    }
}

impl From<&[f32]> for Aligned {
    fn from(numbers: &[f32]) -> Self {
        let mut aligned = Self::zeros(numbers.len());
        aligned.copy_from_slice(numbers);
        aligned
    }
}

impl Deref for Aligned {
    type Target = [f32];

    #[inline(always)]
    fn deref(&self) -> &[f32] {
        &self.numbers[self.start..][..self.len]
    }
}

impl DerefMut for Aligned {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.numbers[self.start..][..self.len]
    }
}

impl AsRef<[f32]> for Aligned {
    fn as_ref(&self) -> &[f32] {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_number_begins_a_line() {
        for len in [1, 3, 16, 1000, 100_000] {
            let mut numbers = Aligned::zeros(len);
            numbers.fill(len as f32);
            assert_eq!((numbers.len(), numbers.as_ptr() as usize % 64), (len, 0));
            assert_eq!(Aligned::from(&numbers[..])[..], numbers[..]);
        }
        assert!(Aligned::from(&[][..]).is_empty());
    }
}
