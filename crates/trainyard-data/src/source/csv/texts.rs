//! A column of texts under construction.

use arrow::array::{NullBufferBuilder, StringArray};
use arrow::buffer::{Buffer, OffsetBuffer};
use arrow::error::ArrowError;

use crate::Result;

/// Bytes that are copied at once: most texts of a table are not longer, and one copy of known length takes less than the call of a
/// function that looks at the length first.
const WORD: usize = 16;

/// Texts as bytes, which are checked to be UTF-8 when they come in, since an error names the row.
#[derive(Debug)]
pub(in crate::source) struct Texts {
    bytes: Vec<u8>,
    /// Where each text begins, and where the last one ends.
    offsets: Vec<i32>,
    valid: NullBufferBuilder,
}

impl Texts {
    /// None yet, and room for so many and so many bytes.
    pub(super) fn with_capacity(texts: usize, bytes: usize) -> Self {
        let mut offsets = Vec::with_capacity(texts + 1);
        offsets.push(0);
        Self { bytes: Vec::with_capacity(bytes), offsets, valid: NullBufferBuilder::new(texts) }
    }

    /// Adds a text, or one that is missing. `around` is what the text is part of, if anything: bytes behind its end may be read.
    #[inline]
    pub(super) fn push(&mut self, text: Option<&[u8]>, around: &[u8]) {
        self.valid.append(text.is_some());
        if let Some(text) = text {
            let end = self.bytes.len() + text.len();
            match word(text, around) {
                Some(word) => self.bytes.extend_from_slice(word),
                None => self.bytes.extend_from_slice(text),
            }
            self.bytes.truncate(end);
        }
        self.offsets.push(i32::try_from(self.bytes.len()).unwrap_or(i32::MAX));
    }

    /// The texts; there are none afterwards.
    pub(super) fn finish(&mut self) -> Result<StringArray> {
        let Self { bytes, offsets, mut valid } = std::mem::replace(self, Self::with_capacity(0, 0));
        if i32::try_from(bytes.len()).is_err() {
            return Err(ArrowError::OffsetOverflowError(bytes.len()).into());
        }
        Ok(StringArray::try_new(OffsetBuffer::new(offsets.into()), Buffer::from_vec(bytes), valid.finish())?)
    }
}

/// A short text with what comes behind it.
#[inline]
fn word<'a>(text: &[u8], around: &'a [u8]) -> Option<&'a [u8; WORD]> {
    // A text that lies elsewhere, as it was copied to take quotes out, gives a place outside.
    let start = text.as_ptr().addr().checked_sub(around.as_ptr().addr())?;
    around.get(start..)?.first_chunk().filter(|_| text.len() <= WORD)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_what_they_were_wherever_they_lie() {
        let around = "a, few texts of 16 bytes and of more, é,";
        let copied = "é,".to_owned();
        let parts = [&around[0..1], &around[3..6], &around[7..23], &around[7..24], &around[38..], &copied, ""];
        let mut texts = Texts::with_capacity(3, 2);
        for _ in 0..2 {
            parts.iter().for_each(|text| texts.push(Some(text.as_bytes()), around.as_bytes()));
            texts.push(None, around.as_bytes());
            let found = texts.finish().unwrap();
            assert!(found.iter().eq(parts.iter().map(|text| Some(*text)).chain([None])));
        }
        assert_eq!(texts.finish().unwrap().iter().count(), 0);
    }
}
