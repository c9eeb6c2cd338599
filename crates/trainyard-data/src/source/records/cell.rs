//! The value of a field.

/// A value as its format has it.
#[derive(Debug, Clone, Copy)]
pub(in crate::source) enum Cell<'a> {
    /// No value.
    Missing,
    /// A text, in UTF-8 or not.
    Text(&'a [u8]),
    /// A number or a truth value as it is written; one that means "missing" is so, too.
    Word(&'a [u8]),
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f32),
    /// Several texts or whole numbers, or none.
    List(&'a Texts),
    /// What no column holds, in words.
    Other(&'static str),
}

/// Texts one behind the other.
#[derive(Debug, Default)]
pub(in crate::source) struct Texts {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Texts {
    /// Forgets the texts.
    pub(in crate::source) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    /// Adds a text.
    pub(in crate::source) fn push(&mut self, text: &[u8]) {
        self.bytes.extend_from_slice(text);
        self.ends.push(self.bytes.len());
    }

    /// Adds a whole number as it is written.
    pub(in crate::source) fn push_int(&mut self, value: i64) {
        use std::io::Write;
        // Writing to a vector cannot fail.
        let _ = write!(self.bytes, "{value}");
        self.ends.push(self.bytes.len());
    }

    /// The texts in their order.
    pub(in crate::source) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| &self.bytes[start..end])
    }
}
