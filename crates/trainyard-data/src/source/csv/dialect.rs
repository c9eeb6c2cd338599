//! Which bytes give a text its structure, and where they are.

use trainyard_graph::simd::find_bytes;

use crate::source::config::SourceConfig;
use crate::source::location::Location;

/// How fields are separated.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dialect {
    pub delimiter: u8,
    pub quotes: bool,
    pub trim: bool,
}

impl Dialect {
    /// How the fields of `path` are separated.
    pub(super) fn of(path: &Location, config: &SourceConfig) -> Self {
        let by_tabs = path.extension().is_some_and(|extension| extension == "tsv" || extension == "tab");
        let delimiter = config.delimiter.unwrap_or(if by_tabs { '\t' } else { ',' });
        Self { delimiter: delimiter as u8, quotes: config.quotes, trim: config.trim }
    }

    /// The bytes at which a record may end or a quote open.
    pub(super) fn record_marks(self) -> Marks {
        Marks([b'\n', b'\r', b'\n', if self.quotes { b'"' } else { b'\n' }])
    }

    /// The bytes at which a field or a record may end or a quote open.
    pub(super) fn field_marks(self) -> Marks {
        Marks([b'\n', b'\r', self.delimiter, if self.quotes { b'"' } else { b'\n' }])
    }

    /// Whether the quote at `place`, outside of quotes in a record that starts at `record`, encloses a field: as the first byte
    /// of a field it does, leading blanks aside if these are trimmed; elsewhere it is text.
    fn opens(self, text: &[u8], record: usize, place: usize) -> bool {
        let mut before = &text[record..place];
        while let [rest @ .., last] = before
            && self.trims(*last)
        {
            before = rest;
        }
        before.last().is_none_or(|&last| last == self.delimiter)
    }

    /// A field without the quotes that enclose it, of which those doubled inside are single. It is copied to `scratch` where it must.
    #[inline]
    pub(super) fn unquoted<'a>(self, field: &'a [u8], scratch: &'a mut Vec<u8>) -> &'a [u8] {
        match field.first() {
            Some(b'"' | b' ' | b'\t') if self.quotes => self.without_quotes(field, scratch),
            _ => field,
        }
    }

    fn without_quotes<'a>(self, field: &'a [u8], scratch: &'a mut Vec<u8>) -> &'a [u8] {
        let mut inner = field;
        while let [first, rest @ ..] = inner
            && self.trims(*first)
        {
            inner = rest;
        }
        match inner {
            [b'"', quoted @ ..] => unescaped(quoted, scratch),
            _ => field,
        }
    }

    /// Whether a byte before a field is left out. Blanks after it are left to the conversion.
    fn trims(self, byte: u8) -> bool {
        self.trim && matches!(byte, b' ' | b'\t') && byte != self.delimiter
    }
}

/// Whether quotes are open, from quote to quote.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Quotes {
    /// Whether what follows is enclosed: delimiters and line ends are text.
    pub are_open: bool,
    /// The place behind the quote that closed the last ones. A quote there is the second of a pair, and opens them again.
    behind: usize,
}

impl Quotes {
    /// Passes the quote at `place`, in a record that starts at `record`.
    #[inline]
    pub(super) fn pass(&mut self, dialect: Dialect, text: &[u8], record: usize, place: usize) {
        if self.are_open {
            *self = Self { are_open: false, behind: place + 1 };
        } else {
            let is_second = place == self.behind && place > record;
            self.are_open = is_second || dialect.opens(text, record, place);
        }
    }
}

/// What stands behind an opening quote: up to the closing one with its pairs as single quotes, and all that follows.
fn unescaped<'a>(quoted: &'a [u8], scratch: &'a mut Vec<u8>) -> &'a [u8] {
    let first = quoted.iter().position(|&byte| byte == b'"').unwrap_or(quoted.len());
    if first + 1 >= quoted.len() {
        return &quoted[..first];
    }
    scratch.clear();
    let mut rest = quoted;
    while let Some(quote) = rest.iter().position(|&byte| byte == b'"') {
        let is_pair = rest.get(quote + 1) == Some(&b'"');
        scratch.extend_from_slice(&rest[..quote + usize::from(is_pair)]);
        rest = &rest[quote + 1 + usize::from(is_pair)..];
        if !is_pair {
            break;
        }
    }
    scratch.extend_from_slice(rest);
    scratch
}

/// Up to four bytes to look for.
///
/// Why not `memchr`? It finds one place a call, which takes longer than the few bytes of a field. Here all places in a block of 64
/// bytes are found together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Marks([u8; 4]);

impl Marks {
    /// Bytes that are looked at at a time.
    pub(super) const BLOCK: usize = u64::BITS as usize;

    /// Which of the bytes from `at` on, at most a block of them, are marks: a bit each, the lowest for the first.
    #[inline]
    pub(super) fn bits(self, text: &[u8], at: usize) -> u64 {
        let rest = &text[at..];
        if let Some(block) = rest.first_chunk() {
            return find_bytes(block, self.0);
        }
        let mut block = [0; Self::BLOCK];
        block[..rest.len()].copy_from_slice(rest);
        find_bytes(&block, self.0) & ((1 << rest.len()) - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const COMMAS: Dialect = Dialect { delimiter: b',', quotes: true, trim: false };

    #[track_caller]
    fn check_unquoted(field: &str, expected: &str) {
        let mut scratch = Vec::new();
        let found = COMMAS.unquoted(field.as_bytes(), &mut scratch);
        assert_eq!(std::str::from_utf8(found).unwrap(), expected);
    }

    #[test]
    fn quotes_around_a_field_go_and_pairs_become_one() {
        check_unquoted("a", "a");
        check_unquoted("\"a\"", "a");
        check_unquoted("\"\"", "");
        check_unquoted("\"a \"\"b\"\", c\"", "a \"b\", c");
        check_unquoted("\"\"\"\"", "\"");
    }

    #[test]
    fn what_follows_a_closing_quote_is_text() {
        check_unquoted("\"a\"b", "ab");
        check_unquoted("\"a\"b\"c\"", "ab\"c\"");
        check_unquoted("5\" pipe", "5\" pipe");
    }

    #[test]
    fn a_quote_opens_a_field_at_its_start_alone() {
        let text = b"a,\"b\", \"c\"";
        assert!(COMMAS.opens(text, 0, 2) && COMMAS.opens(text, 2, 2));
        assert!(!COMMAS.opens(text, 0, 7));
        assert!(Dialect { trim: true, ..COMMAS }.opens(text, 0, 7));
    }

    proptest! {
        #[test]
        fn each_mark_has_its_bit(text in prop::collection::vec(prop::sample::select(b",\n\r\"a\0".to_vec()), 0..200), at: prop::sample::Index) {
            let at = at.index(text.len() + 1);
            let is_mark = |byte: u8| b",\n\r\"".contains(&byte);
            let rest = text[at..].iter().take(Marks::BLOCK).enumerate();
            let expected = rest.fold(0, |bits, (i, &byte)| bits | u64::from(is_mark(byte)) << i);
            prop_assert_eq!(COMMAS.field_marks().bits(&text, at), expected);
        }
    }
}
