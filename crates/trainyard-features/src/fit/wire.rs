//! What collectors are as bytes, checked as it is read.
//!
//! Whole numbers take 7 bits a byte, lowest first, the highest bit saying that more follow (LEB128); floats are their 8 bytes,
//! lowest first. Nothing is allocated before the bytes that fill it are there.

use crate::Result;
use crate::op::Checked;
use trainyard_graph::ExactSum;

/// Rows that may be counted: far beyond any data, and far from where sums of counts overflow.
const MAX_COUNT: u64 = 1 << 48;

/// The exponents of finite `f64`s as whole mantissas times a power of 2.
const EXPONENTS: std::ops::RangeInclusive<i16> = -1074..=971;

/// A state that can be written, and read into an empty one of the same shape.
pub(super) trait Wire {
    /// Appends the state.
    ///
    /// # Errors
    ///
    /// When a part of it is on disk and cannot be read.
    fn write(&self, out: &mut Writer) -> Result<()>;

    /// Adds what [`write`](Self::write) wrote to this state, which has seen nothing yet.
    fn read(&mut self, from: &mut Reader<'_>) -> Checked<()>;
}

/// Bytes being written.
#[derive(Debug, Default)]
pub(super) struct Writer {
    /// Those written so far.
    pub bytes: Vec<u8>,
}

impl Writer {
    /// A whole number.
    pub fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.bytes.push(number as u8);
    }

    /// 8 bytes.
    pub fn word(&mut self, word: u64) {
        self.bytes.extend(word.to_le_bytes());
    }

    /// A float.
    pub fn float(&mut self, value: f64) {
        self.word(value.to_bits());
    }

    /// A sum.
    pub fn sum(&mut self, sum: &ExactSum) {
        let bins = Vec::<(i16, i64, u64)>::from(sum.clone());
        self.number(bins.len() as u64);
        for (exponent, high, low) in bins {
            self.bytes.extend(exponent.to_le_bytes());
            self.word(high as u64);
            self.word(low);
        }
    }
}

/// Bytes being read.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads these.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// That all bytes have been read.
    pub fn finish(self) -> Checked<()> {
        if self.bytes.is_empty() { Ok(()) } else { Err(format!("{} bytes too many", self.bytes.len())) }
    }

    /// Bytes that are still to be read.
    pub fn left(&self) -> usize {
        self.bytes.len()
    }

    /// A whole number.
    pub fn number(&mut self) -> Checked<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array()?;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits {
                break;
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err("a number has more than 64 bits".to_string())
    }

    /// A number of rows.
    pub fn count(&mut self) -> Checked<u64> {
        match self.number()? {
            count @ 0..=MAX_COUNT => Ok(count),
            count => Err(format!("{count} rows are more than the {MAX_COUNT} that can be")),
        }
    }

    /// How many entries follow, each of at least this many bytes.
    pub fn len(&mut self, entry_bytes: usize) -> Checked<usize> {
        let len = self.number()?;
        match usize::try_from(len).ok().and_then(|len| len.checked_mul(entry_bytes)) {
            Some(bytes) if bytes <= self.bytes.len() => Ok(len as usize),
            _ => Err(format!("{len} entries do not fit into the {} bytes left", self.bytes.len())),
        }
    }

    /// 8 bytes.
    pub fn word(&mut self) -> Checked<u64> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// 2 bytes.
    pub fn half(&mut self) -> Checked<u16> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    /// A float that is a number.
    pub fn float(&mut self) -> Checked<f64> {
        let value = f64::from_bits(self.word()?);
        if value.is_nan() { Err("a float is not a number".to_string()) } else { Ok(value) }
    }

    /// A sum.
    pub fn sum(&mut self) -> Checked<ExactSum> {
        let bins = self.len(18)?;
        let mut stored = Vec::with_capacity(bins);
        for _ in 0..bins {
            let exponent = i16::from_le_bytes(self.array()?);
            if !EXPONENTS.contains(&exponent) {
                return Err(format!("{exponent} is not the exponent of a float"));
            }
            stored.push((exponent, self.word()? as i64, self.word()?));
        }
        Ok(ExactSum::from(stored))
    }

    /// This many bytes.
    pub fn take(&mut self, len: usize) -> Checked<&'a [u8]> {
        let short = || format!("{len} bytes are missing or more");
        let (taken, rest) = self.bytes.split_at_checked(len).ok_or_else(short)?;
        self.bytes = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Checked<[u8; N]> {
        let (array, rest) = self.bytes.split_first_chunk().ok_or_else(|| "the bytes end too early".to_string())?;
        self.bytes = rest;
        Ok(*array)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_are_read_as_written(numbers in prop::collection::vec(any::<u64>(), 0..9)) {
            let mut writer = Writer::default();
            numbers.iter().for_each(|&number| writer.number(number));
            let mut reader = Reader::new(&writer.bytes);
            for &number in &numbers {
                prop_assert_eq!(reader.number(), Ok(number));
            }
            prop_assert_eq!(reader.finish(), Ok(()));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = Reader::new(&bytes).number();
            let _ = Reader::new(&bytes).count();
            let _ = Reader::new(&bytes).sum();
            let _ = Reader::new(&bytes).len(3);
        }
    }

    #[test]
    fn a_sum_is_read_as_written() {
        let mut sum = ExactSum::default();
        sum.add_all(&[1e300, -0.1, 5e-324, 7.0]);
        let mut writer = Writer::default();
        writer.sum(&sum);
        assert_eq!(Reader::new(&writer.bytes).sum(), Ok(sum));
    }
}
