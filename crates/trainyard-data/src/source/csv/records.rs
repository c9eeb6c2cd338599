//! Texts to records.

use std::ops::Range;

use super::dialect::{Dialect, Marks, Quotes};

/// The records of a text and their fields, some at a time, without copying.
#[derive(Debug)]
pub(super) struct Records<'a> {
    text: &'a [u8],
    dialect: Dialect,
    /// Fields of a record.
    width: usize,
    /// Where the next record starts.
    next: usize,
    /// For each record found, where its fields start, and the place behind the end of the last; a field ends before the byte
    /// in front of the next start. Behind them stands the start of a record that is not whole yet.
    starts: Vec<u32>,
    /// How many of `starts` belong to whole records.
    whole: usize,
    misfits: Vec<Misfit>,
}

/// A record with more or fewer fields than there are columns.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Misfit {
    /// Its bytes in the text.
    pub place: Range<usize>,
    /// Its fields.
    pub fields: usize,
}

impl<'a> Records<'a> {
    /// The records of `text` that have `width` fields, at least 1.
    pub(super) fn new(text: &'a [u8], dialect: Dialect, width: usize) -> Self {
        Self { text, dialect, width, next: 0, starts: Vec::new(), whole: 0, misfits: Vec::new() }
    }

    /// Turns to the next records, at most so many, and says whether there is anything in the rest of the text.
    pub(super) fn advance(&mut self, most: usize) -> bool {
        self.starts.clear();
        self.misfits.clear();
        self.whole = 0;
        // Room for all of them, unless the rest of the text is too short for so many.
        let longest = self.text.len().saturating_sub(self.next) + 2;
        self.starts.reserve(most.saturating_mul(self.width + 1).saturating_add(1).min(longest));
        self.starts.push(self.next as u32);
        let more = self.next < self.text.len();
        self.find(most);
        more
    }

    /// What they are records of.
    pub(super) fn text(&self) -> &'a [u8] {
        self.text
    }

    /// How many were found.
    pub(super) fn rows(&self) -> usize {
        self.whole / (self.width + 1)
    }

    /// Records among them that have another number of fields. Lines of nothing but white space are none.
    pub(super) fn misfits(&self) -> &[Misfit] {
        &self.misfits
    }

    /// The byte at which a record starts.
    pub(super) fn place(&self, row: usize) -> usize {
        self.starts[row * (self.width + 1)] as usize
    }

    /// Calls `f` with the number of each record found and its field `i`.
    #[inline]
    pub(super) fn each(&self, i: usize, mut f: impl FnMut(usize, &[u8])) {
        let mut scratch = Vec::new();
        for (row, starts) in self.starts[..self.whole].chunks_exact(self.width + 1).enumerate() {
            let field = &self.text[starts[i] as usize..starts[i + 1] as usize - 1];
            f(row, self.dialect.unquoted(field, &mut scratch));
        }
    }

    fn find(&mut self, most: usize) {
        let (text, marks) = (self.text, self.dialect.field_marks());
        let (mut at, mut quotes) = (self.next, Quotes::default());
        while at < text.len() {
            let mut bits = marks.bits(text, at);
            while bits != 0 {
                let place = at + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                match text[place] {
                    b'"' => quotes.pass(self.dialect, text, self.next, place),
                    _ if quotes.are_open => {}
                    byte if byte == self.dialect.delimiter => self.starts.push(place as u32 + 1),
                    _ => {
                        self.end(place);
                        if self.rows() == most {
                            return;
                        }
                    }
                }
            }
            at += Marks::BLOCK;
        }
        // Who cut the text has seen that quotes are closed.
        if self.next < text.len() {
            self.end(text.len());
        }
    }

    /// Ends a record at `place`, unless it has no byte, and begins the next one behind it.
    fn end(&mut self, place: usize) {
        let record = self.next..place;
        self.next = place + 1;
        let fields = self.starts.len() - self.whole;
        if fields == self.width && !record.is_empty() {
            self.starts.push(self.next as u32);
            self.whole = self.starts.len();
        } else if !(fields == 1 && self.text[record.clone()].trim_ascii().is_empty()) {
            self.misfits.push(Misfit { place: record, fields });
        }
        self.starts.truncate(self.whole);
        self.starts.push(self.next as u32);
    }
}

/// The fields of the first record of a text, whatever their number.
pub(super) fn first_fields(text: &[u8], dialect: Dialect) -> Vec<Vec<u8>> {
    let mut records = Records::new(text, dialect, 1);
    records.advance(1);
    if let [Misfit { fields, .. }, ..] = *records.misfits() {
        records = Records::new(text, dialect, fields);
        records.advance(1);
    }
    let mut fields = Vec::new();
    (0..records.width).for_each(|i| records.each(i, |_, field| fields.push(field.to_vec())));
    fields
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use proptest::prelude::*;

    use super::*;
    use crate::source::csv::cutter::{Cutter, line_ends};
    use crate::{Error, Result};

    const COMMAS: Dialect = Dialect { delimiter: b',', quotes: true, trim: false };

    /// A reader that gives a few bytes at a time, so that every state meets the end of a piece.
    struct Trickle<'a>(&'a [u8], usize);

    impl Read for Trickle<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let n = self.1.min(self.0.len()).min(buffer.len());
            buffer[..n].copy_from_slice(&self.0[..n]);
            self.0 = &self.0[n..];
            Ok(n)
        }
    }

    /// The records of a text, each with its line, read in texts of `most` records and found `most` at a time.
    fn read(text: &[u8], most: usize, dialect: Dialect) -> Result<Vec<(u64, Vec<String>)>> {
        let mut cutter = Cutter::new(Trickle(text, most), &"t.csv".into(), dialect);
        let (mut all, mut records) = (Vec::new(), 0);
        while let Some(cut) = cutter.next(most)? {
            assert!(cut.records <= most);
            records += cut.records;
            all.extend(
                fields(&cut.bytes, most, dialect)
                    .into_iter()
                    .map(|(place, fields)| (cut.line + line_ends(&cut.bytes[..place]), fields)),
            );
        }
        assert_eq!(records, all.len());
        Ok(all)
    }

    /// The records of any number of fields, each with its place.
    fn fields(text: &[u8], most: usize, dialect: Dialect) -> Vec<(usize, Vec<String>)> {
        let mut widths = Vec::from([1]);
        let mut all = Vec::new();
        while let Some(width) = widths.pop() {
            let mut records = Records::new(text, dialect, width);
            while records.advance(most) {
                let mut rows: Vec<_> = (0..records.rows()).map(|row| (records.place(row), Vec::new())).collect();
                let mut add = |row: usize, field: &[u8]| rows[row].1.push(String::from_utf8_lossy(field).into_owned());
                (0..width).for_each(|i| records.each(i, &mut add));
                all.extend(rows);
                if width == 1 {
                    widths.extend(records.misfits().iter().map(|misfit| misfit.fields));
                }
            }
            widths.sort_unstable();
            widths.dedup();
        }
        all.sort_unstable();
        all
    }

    #[track_caller]
    fn check(text: &str, dialect: Dialect, expected: &[(u64, &[&str])]) {
        for most in [1, 2, 7, 1000] {
            let found = read(text.as_bytes(), most, dialect).unwrap();
            let found: Vec<_> =
                found.iter().map(|(n, fields)| (*n, fields.iter().map(String::as_str).collect())).collect();
            let expected: Vec<(u64, Vec<&str>)> = expected.iter().map(|(n, fields)| (*n, fields.to_vec())).collect();
            assert_eq!(found, expected, "{most} at a time");
        }
    }

    #[test]
    fn records_know_their_lines() {
        check("a,b\n1,2\n3,4", COMMAS, &[(1, &["a", "b"]), (2, &["1", "2"]), (3, &["3", "4"])]);
    }

    #[test]
    fn windows_line_ends_count_once() {
        check("a\r\nb\r\n\r\nc\r\n", COMMAS, &[(1, &["a"]), (2, &["b"]), (4, &["c"])]);
    }

    #[test]
    fn line_ends_in_quotes_count() {
        check("\"a\n\nb\",1\nc,2\n", COMMAS, &[(1, &["a\n\nb", "1"]), (4, &["c", "2"])]);
        check("\"a\r\nb\",1\r\nc,2", COMMAS, &[(1, &["a\r\nb", "1"]), (3, &["c", "2"])]);
    }

    #[test]
    fn empty_lines_are_passed_over_and_counted() {
        check("\n\na\n\n\nb\n\n", COMMAS, &[(3, &["a"]), (6, &["b"])]);
        check("", COMMAS, &[]);
        check("\r\n\n", COMMAS, &[]);
    }

    #[test]
    fn quotes_are_doubled_inside_quotes() {
        check("\"a \"\"b\"\", c\",\"\"", COMMAS, &[(1, &["a \"b\", c", ""])]);
        check("\"closed at the end\"", COMMAS, &[(1, &["closed at the end"])]);
    }

    #[test]
    fn quotes_can_be_text() {
        check("\"a\tb\"\n", Dialect { delimiter: b'\t', quotes: false, trim: false }, &[(1, &["\"a", "b\""])]);
        check("5\" pipe,\"a\"\nb,6\"\n", COMMAS, &[(1, &["5\" pipe", "a"]), (2, &["b", "6\""])]);
    }

    #[test]
    fn trimming_sees_quotes_after_blanks() {
        check("a, \"b, c\"\n \t\"d\ne\"", Dialect { trim: true, ..COMMAS }, &[(1, &["a", "b, c"]), (2, &["d\ne"])]);
        check("a, \"b\n c\"", COMMAS, &[(1, &["a", " \"b"]), (2, &[" c\""])]);
    }

    #[test]
    fn records_of_another_width_are_told() {
        let mut records = Records::new(b"a,b\n1\n   \n2,3,4\nc,d", COMMAS, 2);
        assert!(records.advance(10));
        let misfit = |place, fields| Misfit { place, fields };
        assert_eq!(records.misfits(), [misfit(4..5, 1), misfit(10..15, 3)]);
        assert_eq!((records.rows(), records.place(1)), (2, 16));
        assert!(!records.advance(10) && records.misfits().is_empty());
    }

    #[test]
    fn an_open_quote_is_an_error_at_its_row() {
        for most in [1, 1000] {
            let error = read(b"a,b\n\n1,\"2\n3,4\n", most, COMMAS).unwrap_err();
            assert!(matches!(error, Error::OpenQuote { line: 3, .. }), "{error}");
        }
    }

    #[test]
    fn an_endless_row_is_an_error() {
        let error = read(&vec![b'x'; 40 << 20], usize::MAX, COMMAS).unwrap_err();
        assert!(error.to_string().starts_with("line 1 of `t.csv` has a row of more than 16 MiB"), "{error}");
    }

    /// Writes each field in quotes, or plain where that is the same.
    fn written(rows: &[Vec<String>], end: &str, always_quote: bool) -> String {
        let field = |field: &String| {
            let plain = !always_quote && !field.is_empty() && !field.contains([',', '"', '\r', '\n']);
            if plain { field.clone() } else { format!("\"{}\"", field.replace('"', "\"\"")) }
        };
        rows.iter().map(|row| row.iter().map(field).collect::<Vec<_>>().join(",") + end).collect()
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            rows in prop::collection::vec(prop::collection::vec("[a ,\"\r\n\té]{0,6}|[a-z]{60,70}", 1..5), 0..8),
            crlf: bool,
            always_quote: bool,
            most in 1usize..40,
        ) {
            let text = written(&rows, if crlf { "\r\n" } else { "\n" }, always_quote);
            let found = read(text.as_bytes(), most, COMMAS).unwrap();
            prop_assert_eq!(found.iter().map(|(_, fields)| fields.clone()).collect::<Vec<_>>(), rows.clone());
            let mut line = 1;
            for ((found, _), row) in found.iter().zip(&rows) {
                prop_assert_eq!(*found, line);
                line += 1 + row.iter().map(|field| field.matches('\n').count() as u64).sum::<u64>();
            }
        }

        #[test]
        fn anything_is_read_as_csv_core_reads_it(
            text in prop::collection::vec(prop::sample::select(b"ab ,\"\"\n\r".to_vec()), 0..200),
            most in 1usize..40,
        ) {
            let Ok(found) = read(&text, most, COMMAS) else { return Ok(()) };
            let found: Vec<_> = found.into_iter().map(|(_, fields)| fields).collect();
            // It ends a record at a line end only.
            prop_assert_eq!(found, by_csv_core(&[&text[..], b"\n"].concat()));
        }
    }

    /// The records that another reader finds.
    fn by_csv_core(mut text: &[u8]) -> Vec<Vec<String>> {
        let mut reader = csv_core::Reader::new();
        let (mut bytes, mut ends, mut all) = ([0; 1000], [0; 1000], Vec::new());
        loop {
            let (result, read, _, n) = reader.read_record(text, &mut bytes, &mut ends);
            if result != csv_core::ReadRecordResult::Record {
                return all;
            }
            text = &text[read..];
            let start = |i: usize| if i == 0 { 0 } else { ends[i - 1] };
            all.push((0..n).map(|i| String::from_utf8_lossy(&bytes[start(i)..ends[i]]).into_owned()).collect());
        }
    }
}
