//! Blanks between a delimiter and a field.

/// Removes blanks that stand before a field, so that `a, "b, c"` opens a quote as `a,"b, c"` does.
///
/// Works on a stream of pieces; blanks inside quotes stay.
#[derive(Debug, Clone)]
pub(super) struct LeadingSpaces {
    delimiter: u8,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    FieldStart,
    Plain,
    Quoted,
    /// After a quote inside quotes: the second of a pair, or the end.
    Closing,
}

impl LeadingSpaces {
    /// At the start of a file with this delimiter.
    pub(super) fn new(delimiter: u8) -> Self {
        Self { delimiter, state: State::FieldStart }
    }

    /// Moves the bytes that stay to the front of `piece`, and says how many they are.
    pub(super) fn remove(&mut self, piece: &mut [u8]) -> usize {
        let mut kept = 0;
        for i in 0..piece.len() {
            let byte = piece[i];
            if self.state == State::FieldStart && self.is_blank(byte) {
                continue;
            }
            self.state = self.next(byte);
            piece[kept] = byte;
            kept += 1;
        }
        kept
    }

    fn is_blank(&self, byte: u8) -> bool {
        matches!(byte, b' ' | b'\t') && byte != self.delimiter
    }

    fn next(&self, byte: u8) -> State {
        let ends_field = byte == self.delimiter || matches!(byte, b'\n' | b'\r');
        match (self.state, byte) {
            (State::Quoted, b'"') => State::Closing,
            (State::Quoted, _) => State::Quoted,
            (_, _) if ends_field => State::FieldStart,
            (State::FieldStart | State::Closing, b'"') => State::Quoted,
            _ => State::Plain,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        for piece in [1, 2, 3, 100] {
            let mut spaces = LeadingSpaces::new(b',');
            let mut kept = Vec::new();
            for bytes in text.as_bytes().chunks(piece) {
                let mut bytes = bytes.to_vec();
                let n = spaces.remove(&mut bytes);
                kept.extend_from_slice(&bytes[..n]);
            }
            assert_eq!(String::from_utf8(kept).unwrap(), expected);
        }
    }

    #[test]
    fn blanks_before_a_field_go() {
        check(" a,  b ,\tc\n d, e", "a,b ,c\nd,e");
    }

    #[test]
    fn blanks_in_quotes_stay() {
        check(r#"a, " b, c", d"#, r#"a," b, c",d"#);
        check(r#"" a ""b"", c", d"#, r#"" a ""b"", c",d"#);
    }

    #[test]
    fn a_quote_inside_a_field_opens_nothing() {
        check("5\" pipe, a\n b", "5\" pipe,a\nb");
    }
}
